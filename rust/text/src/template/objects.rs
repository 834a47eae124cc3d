//! Attributes, items and calls: what `.`, `[]` and `()` do to each kind of value.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use indexmap::IndexMap;

use super::arguments::{integer_or, required, text, Args};
use super::error::{fail, Error, Result};
use super::interpreter::Interpreter;
use super::methods::{attribute_of, call_method, Attribute};
use super::operators::equals;
use super::repr::str_of;
use super::statements::check_attribute_name;
use super::strftime::strftime;
use super::value::{Cycler, Function, Joiner, Key, LoopState, Namespace, Range, Value};

/// The sandbox's limit on `range`.
const MAX_RANGE: i128 = 100_000;

fn no_attribute(value: &Value, name: &str) -> Value {
    let kind = match value {
        Value::None => "None".to_owned(),
        other => format!("{} object", other.type_name()),
    };
    Value::undefined(format!("'{kind}' has no attribute '{name}'"))
}

fn no_item(value: &Value, index: &Value) -> Value {
    let index = match index {
        Value::Int(n) => n.to_string(),
        other => format!("of type {}", other.type_name()),
    };
    Value::undefined(format!("{} object has no element {index}", value.type_name()))
}

impl<'a> Interpreter<'a> {
    /// `value.name`: an attribute, else an item.
    pub fn get_attribute(&self, value: &Value, name: &str) -> Result<Value> {
        match attribute_of(value, name) {
            Attribute::Method => return Value::method(value, name, &self.meter),
            Attribute::Forbidden => return Ok(forbidden(value, name)),
            Attribute::Absent => {}
        }
        let found = match value {
            Value::Undefined(message) => return fail(&**message),
            Value::Dict(dict) => dict.map.get(&Key::text(name)).cloned(),
            Value::Namespace(namespace) => namespace.attributes.borrow().get(name).cloned(),
            Value::Loop(state) => self.loop_attribute(value, state, name)?,
            Value::Tuple(seq) => {
                seq.fields.iter().position(|field| *field == name).map(|index| seq.items[index].clone())
            }
            Value::Range(range) => match name {
                "start" => Some(Value::Int(range.start)),
                "step" => Some(Value::Int(range.step)),
                _ => None,
            },
            Value::Cycler(cycler) => match name {
                "current" => Some(cycler.items[cycler.position.get()].clone()),
                "next" | "reset" => Some(Value::method(value, name, &self.meter)?),
                _ => None,
            },
            Value::Function(Function::Dict) if name == "fromkeys" => {
                let empty = Value::dict(IndexMap::new(), &self.meter)?;
                Some(Value::method(&empty, name, &self.meter)?)
            }
            Value::Macro(declared) if name == "name" => Some(Value::Str(declared.name.clone())),
            _ => None,
        };
        Ok(found.unwrap_or_else(|| no_attribute(value, name)))
    }

    /// `value[index]`: an item, else an attribute.
    pub fn get_item(&self, value: &Value, index: &Value) -> Result<Value> {
        let found = match (value, index.integer()) {
            (Value::Undefined(message), _) => return fail(&**message),
            (Value::Dict(dict), _) => match Key::new(index, &self.meter) {
                Ok(key) => dict.map.get(&key).cloned(),
                Err(Error::Failed { .. }) => None,
                Err(limit) => return Err(limit),
            },
            (Value::Str(text), Some(n)) => {
                self.meter.text(text.len())?;
                let at = place(n, text.chars().count());
                let mut buffer = [0; 4];
                at.and_then(|at| text.chars().nth(at)).map(|c| Value::from(&*c.encode_utf8(&mut buffer)))
            }
            (Value::List(seq) | Value::Tuple(seq), Some(n)) => {
                place(n, seq.items.len()).map(|at| seq.items[at].clone())
            }
            (Value::Range(range), Some(n)) => place(n, range.len).map(|at| range.at(at)),
            _ => None,
        };
        match (found, index) {
            (Some(item), _) => Ok(item),
            (None, Value::Str(name)) => match (value, attribute_of(value, name)) {
                (Value::Dict(_), Attribute::Absent) => Ok(no_attribute(value, name)),
                _ => self.get_attribute(value, name),
            },
            (None, index) => Ok(no_item(value, index)),
        }
    }

    fn loop_attribute(&self, value: &Value, state: &Rc<LoopState>, name: &str) -> Result<Option<Value>> {
        let started = state.started.get() as i128;
        Ok(Some(match name {
            "index" => Value::Int(started),
            "index0" => Value::Int(started - 1),
            "first" => Value::Bool(started == 1),
            "depth" => Value::Int(state.depth0 as i128 + 1),
            "depth0" => Value::Int(state.depth0 as i128),
            "length" => Value::Int(self.loop_length(state)?),
            "revindex" => Value::Int(self.loop_length(state)? - started + 1),
            "revindex0" => Value::Int(self.loop_length(state)? - started),
            "last" => Value::Bool(self.peek(state)?.is_none()),
            "nextitem" => self.peek(state)?.unwrap_or_else(|| Value::undefined("there is no next item")),
            "previtem" => {
                let previous = state.previous.borrow().clone();
                previous.unwrap_or_else(|| Value::undefined("there is no previous item"))
            }
            "cycle" | "changed" => Value::method(value, name, &self.meter)?,
            _ => return Ok(None),
        }))
    }

    fn loop_length(&self, state: &LoopState) -> Result<i128> {
        if state.filter.is_some() {
            let mut passed = Vec::new();
            while let Some(item) = self.next_item(state)? {
                passed.push(item);
            }
            state.ready.borrow_mut().extend(passed);
        }
        let left = state.ready.borrow().len() + state.waiting.borrow().len();
        Ok((state.started.get() + left) as i128)
    }

    fn peek(&self, state: &LoopState) -> Result<Option<Value>> {
        let next = self.next_item(state)?;
        if let Some(item) = &next {
            state.ready.borrow_mut().push_front(item.clone());
        }
        Ok(next)
    }

    pub fn call(&self, callee: &Value, args: Args) -> Result<Value> {
        let _level = self.meter.enter()?;
        self.meter.burn(1)?;
        match callee {
            Value::Method(method) => match &method.receiver {
                Value::Loop(state) => self.loop_method(state, &method.name, args),
                Value::Cycler(cycler) => Ok(cycle(cycler, &method.name)),
                receiver => call_method(self, receiver, &method.name, args),
            },
            Value::Function(function) => self.call_function(*function, args),
            Value::Macro(declared) => self.call_macro(declared, args),
            Value::Loop(state) => self.recurse(state, args),
            Value::Joiner(joiner) => {
                let [] = args.bind("joiner", [])?;
                Ok(if joiner.used.replace(true) { joiner.separator.clone() } else { Value::from("") })
            }
            Value::Undefined(message) => fail(&**message),
            other => fail(format!("'{}' object is not callable", other.type_name())),
        }
    }

    fn loop_method(&self, state: &LoopState, name: &str, args: Args) -> Result<Value> {
        if name == "cycle" {
            let index = state.started.get().saturating_sub(1);
            let Some(at) = index.checked_rem(args.positional.len()) else {
                return fail("no items for cycling given");
            };
            return Ok(args.positional[at].clone());
        }
        let given = Value::tuple(args.positional, &self.meter)?;
        let last = state.last_changed.borrow().clone();
        let same = match &last {
            Some(last) => equals(last, &given, &self.meter)?,
            None => false,
        };
        state.last_changed.replace(Some(given));
        Ok(Value::Bool(!same))
    }

    fn recurse(&self, state: &LoopState, args: Args) -> Result<Value> {
        let Some(scope) = &state.recursive else {
            return fail("The loop must have the 'recursive' marker to be called recursively.");
        };
        let [items] = args.bind("loop", ["iterable"])?;
        let mut out = String::new();
        let items = required(items, "loop", "iterable")?;
        self.run_loop(state.statement, &items, scope, state.depth0 + 1, &mut out)?;
        Ok(Value::from(out))
    }

    fn call_function(&self, function: Function, args: Args) -> Result<Value> {
        let meter = &self.meter;
        match function {
            Function::Range => range(args),
            Function::Dict => Value::dict(self.table(args)?, meter),
            Function::Namespace => {
                let mut attributes = IndexMap::new();
                for (key, value) in self.table(args)? {
                    let Value::Str(name) = key.value() else { continue };
                    check_attribute_name(name)?;
                    attributes.insert(name.clone(), value);
                }
                let namespace = Rc::new(Namespace { attributes: RefCell::new(attributes) });
                self.retain_namespace(&namespace)?;
                Ok(Value::Namespace(namespace))
            }
            Function::Cycler => {
                if args.positional.is_empty() {
                    return fail("at least one item has to be provided");
                }
                let items = args.positional;
                let depth = items.iter().map(Value::depth).max().unwrap_or(0) + 1;
                meter.nesting(depth)?;
                Ok(Value::Cycler(Rc::new(Cycler { items, position: Cell::new(0), depth })))
            }
            Function::Joiner => {
                let [separator] = args.bind("joiner", ["sep"])?;
                let separator = separator.unwrap_or_else(|| Value::from(", "));
                meter.nesting(separator.depth() + 1)?;
                Ok(Value::Joiner(Rc::new(Joiner { separator, used: Cell::new(false) })))
            }
            Function::RaiseException => {
                let [message] = args.bind("raise_exception", ["message"])?;
                let message = str_of(&required(message, "raise_exception", "message")?, meter)?;
                Err(Error::Raised(message))
            }
            Function::StrftimeNow => {
                let [format] = args.bind("strftime_now", ["format"])?;
                let format = text(&required(format, "strftime_now", "format")?, "strftime_now")?;
                meter.text(format.len())?;
                strftime(self.moment, &format).map(Value::from)
            }
        }
    }

    /// The arguments of Python's `dict`: a table or pairs, and names.
    fn table(&self, args: Args) -> Result<IndexMap<Key, Value>> {
        let mut table = IndexMap::new();
        let mut positional = args.positional.into_iter();
        match positional.next() {
            None => {}
            Some(Value::Dict(dict)) => {
                table.extend(dict.map.iter().map(|(key, value)| (key.clone(), value.clone())))
            }
            Some(pairs) => {
                for pair in pairs.items(&self.meter)? {
                    let pair = pair.items(&self.meter)?;
                    let [key, value] = pair.as_slice() else {
                        return fail(format!(
                            "dictionary update sequence element has length {}; 2 is required",
                            pair.len()
                        ));
                    };
                    table.insert(Key::new(key, &self.meter)?, value.clone());
                }
            }
        }
        if positional.next().is_some() {
            return fail("dict expected at most 1 argument");
        }
        table.extend(args.named.into_iter().map(|(name, value)| (Key::text(&name), value)));
        Ok(table)
    }
}

fn forbidden(value: &Value, name: &str) -> Value {
    Value::undefined(format!("access to attribute '{name}' of '{}' object is unsafe.", value.type_name()))
}

/// A position from the start, where a negative one counts from the end.
fn place(index: i128, len: usize) -> Option<usize> {
    let at = if index < 0 { index.checked_add(len as i128)? } else { index };
    usize::try_from(at).ok().filter(|at| *at < len)
}

fn cycle(cycler: &Cycler, name: &str) -> Value {
    if name == "reset" {
        cycler.position.set(0);
        return Value::None;
    }
    let at = cycler.position.get();
    cycler.position.set((at + 1) % cycler.items.len());
    cycler.items[at].clone()
}

fn range(args: Args) -> Result<Value> {
    let [first, second, step] = args.bind("range", ["start", "stop", "step"])?;
    let first = integer_or(Some(required(first, "range", "stop")?), 0, "range")?;
    let (start, stop) = match second {
        None => (0, first),
        Some(second) => (first, integer_or(Some(second), 0, "range")?),
    };
    let step = integer_or(step, 1, "range")?;
    if step == 0 {
        return fail("range() arg 3 must not be zero");
    }
    let span = if step > 0 { stop.saturating_sub(start) } else { start.saturating_sub(stop) };
    let stride = step.saturating_abs();
    let len = if span <= 0 { 0 } else { (span - 1) / stride + 1 };
    if len > MAX_RANGE {
        return fail("Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
    }
    Ok(Value::Range(Rc::new(Range { start, step, len: len as usize })))
}
