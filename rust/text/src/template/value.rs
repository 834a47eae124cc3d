//! Python's values as far as a template meets them. Lists and tables never change (the sandbox that
//! Transformers renders in forbids it), so they are shared.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use indexmap::IndexMap;

use super::error::{fail, Result};
use super::meter::Meter;
use super::scope::Scope;

#[derive(Clone)]
pub enum Value {
    /// Jinja's Undefined, with the words of the error that most uses of it raise.
    Undefined(Rc<str>),
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Rc<str>),
    List(Rc<Seq>),
    Tuple(Rc<Seq>),
    Dict(Rc<Dict>),
    View(ViewKind, Rc<Dict>),
    Range(Rc<Range>),
    /// A generator: it is used up by iterating.
    Iterator(Rc<Iter>),
    Namespace(Rc<Namespace>),
    Loop(Rc<LoopState>),
    Macro(Rc<MacroRef>),
    Function(Function),
    Method(Rc<Method>),
    Cycler(Rc<Cycler>),
    Joiner(Rc<Joiner>),
}

pub struct Seq {
    pub items: Vec<Value>,
    pub depth: u32,
    /// A named tuple's field names (groupby's), else empty.
    pub fields: &'static [&'static str],
}

pub struct Dict {
    pub map: IndexMap<Key, Value>,
    pub depth: u32,
}

#[derive(Clone, Copy, PartialEq)]
pub enum ViewKind {
    Items,
    Keys,
    Values,
}

pub struct Range {
    pub start: i128,
    pub step: i128,
    pub len: usize,
}

impl Range {
    pub fn at(&self, index: usize) -> Value {
        Value::Int(self.start + self.step * index as i128)
    }
}

pub struct Iter {
    pub items: RefCell<VecDeque<Value>>,
    pub depth: u32,
}

pub struct Namespace {
    pub attributes: RefCell<IndexMap<Rc<str>, Value>>,
}

/// What `loop` is. Items pass the loop's filter only when they are wanted, as the body may change what the
/// filter sees.
pub struct LoopState {
    pub waiting: RefCell<VecDeque<Value>>,
    pub ready: RefCell<VecDeque<Value>>,
    pub filter: Option<Rc<Scope>>,
    /// Which for statement; the scope around it where it is recursive.
    pub statement: usize,
    pub recursive: Option<Rc<Scope>>,
    pub depth0: usize,
    pub started: Cell<usize>,
    pub current: RefCell<Option<Value>>,
    pub previous: RefCell<Option<Value>>,
    pub last_changed: RefCell<Option<Value>>,
    pub depth: u32,
}

pub struct MacroRef {
    pub name: Rc<str>,
    pub declaration: usize,
    pub scope: Rc<Scope>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Function {
    Range,
    Dict,
    Namespace,
    Cycler,
    Joiner,
    RaiseException,
    StrftimeNow,
}

pub struct Method {
    pub receiver: Value,
    pub name: Rc<str>,
}

pub struct Cycler {
    pub items: Vec<Value>,
    pub position: Cell<usize>,
    pub depth: u32,
}

pub struct Joiner {
    pub separator: Value,
    pub used: Cell<bool>,
}

/// A table's key, equal and hashed as in Python: 1, 1.0 and True are one key.
#[derive(Clone)]
pub struct Key(Value);

impl Key {
    pub fn new(value: &Value, meter: &Meter) -> Result<Key> {
        check_hashable(value, meter)?;
        Ok(Key(value.clone()))
    }

    pub fn text(text: &str) -> Key {
        Key(Value::from(text))
    }

    pub fn value(&self) -> &Value {
        &self.0
    }
}

/// Visits every part, so that hashing and comparing the key later is paid for.
fn check_hashable(value: &Value, meter: &Meter) -> Result<()> {
    meter.burn(1)?;
    match value {
        Value::List(_) | Value::Dict(_) | Value::View(..) => {
            fail(format!("unhashable type: '{}'", value.type_name()))
        }
        Value::Tuple(seq) => seq.items.iter().try_for_each(|item| check_hashable(item, meter)),
        Value::Str(text) => meter.text(text.len()),
        _ => Ok(()),
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        key_eq(&self.0, &other.0)
    }
}

impl Eq for Key {}

fn key_eq(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Tuple(a), Value::Tuple(b)) => {
            a.items.len() == b.items.len() && a.items.iter().zip(&b.items).all(|(a, b)| key_eq(a, b))
        }
        _ => match (a.number(), b.number()) {
            (Some(a), Some(b)) => a.equals(b),
            _ => a.is_same(b),
        },
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_value(&self.0, state);
    }
}

fn hash_value<H: Hasher>(value: &Value, state: &mut H) {
    match value {
        Value::Str(text) => text.hash(state),
        Value::Tuple(seq) => seq.items.iter().for_each(|item| hash_value(item, state)),
        _ => match value.number() {
            Some(Number::Int(n)) => n.hash(state),
            Some(Number::Float(x)) if x.fract() == 0.0 && x.abs() < 1e30 => (x as i128).hash(state),
            Some(Number::Float(x)) => x.to_bits().hash(state),
            None => value.type_name().hash(state),
        },
    }
}

/// A number as Python's operators see it; True and False are numbers.
#[derive(Clone, Copy)]
pub enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    pub fn equals(self, other: Number) -> bool {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a == b,
            _ => self.float() == other.float(),
        }
    }

    pub fn float(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Float(x) => x,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(Rc::from(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Str(Rc::from(text))
    }
}

fn deepest<'v>(values: impl Iterator<Item = &'v Value>) -> u32 {
    values.map(Value::depth).max().unwrap_or(0) + 1
}

impl Value {
    pub fn undefined(message: impl AsRef<str>) -> Value {
        Value::Undefined(Rc::from(message.as_ref()))
    }

    pub fn list(items: Vec<Value>, meter: &Meter) -> Result<Value> {
        Ok(Value::List(Self::seq(items, &[], meter)?))
    }

    pub fn tuple(items: Vec<Value>, meter: &Meter) -> Result<Value> {
        Ok(Value::Tuple(Self::seq(items, &[], meter)?))
    }

    pub fn named_tuple(items: Vec<Value>, fields: &'static [&'static str], meter: &Meter) -> Result<Value> {
        Ok(Value::Tuple(Self::seq(items, fields, meter)?))
    }

    fn seq(items: Vec<Value>, fields: &'static [&'static str], meter: &Meter) -> Result<Rc<Seq>> {
        meter.items(items.len())?;
        let depth = deepest(items.iter());
        meter.nesting(depth)?;
        Ok(Rc::new(Seq { items, depth, fields }))
    }

    pub fn dict(map: IndexMap<Key, Value>, meter: &Meter) -> Result<Value> {
        meter.items(map.len())?;
        let depth = deepest(map.values());
        meter.nesting(depth)?;
        Ok(Value::Dict(Rc::new(Dict { map, depth })))
    }

    pub fn iterator(items: Vec<Value>, meter: &Meter) -> Result<Value> {
        meter.items(items.len())?;
        let depth = deepest(items.iter());
        meter.nesting(depth)?;
        Ok(Value::Iterator(Rc::new(Iter { items: RefCell::new(items.into()), depth })))
    }

    pub fn method(receiver: &Value, name: &str, meter: &Meter) -> Result<Value> {
        meter.nesting(receiver.depth() + 1)?;
        Ok(Value::Method(Rc::new(Method { receiver: receiver.clone(), name: Rc::from(name) })))
    }

    /// How deep other values lie below this one. A namespace counts as flat: it is emptied at the end.
    pub fn depth(&self) -> u32 {
        match self {
            Value::List(seq) | Value::Tuple(seq) => seq.depth,
            Value::Dict(dict) | Value::View(_, dict) => dict.depth,
            Value::Iterator(iter) => iter.depth,
            Value::Loop(state) => state.depth,
            Value::Method(method) => method.receiver.depth() + 1,
            Value::Cycler(cycler) => cycler.depth,
            Value::Joiner(joiner) => joiner.separator.depth() + 1,
            _ => 0,
        }
    }

    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Undefined(_) => "Undefined",
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Dict(_) => "dict",
            Value::View(ViewKind::Items, _) => "dict_items",
            Value::View(ViewKind::Keys, _) => "dict_keys",
            Value::View(ViewKind::Values, _) => "dict_values",
            Value::Range(_) => "range",
            Value::Iterator(_) => "generator",
            Value::Namespace(_) => "Namespace",
            Value::Loop(_) => "LoopContext",
            Value::Macro(_) => "Macro",
            Value::Function(_) => "function",
            Value::Method(_) => "builtin_function_or_method",
            Value::Cycler(_) => "Cycler",
            Value::Joiner(_) => "Joiner",
        }
    }

    pub fn is_undefined(&self) -> bool {
        matches!(self, Value::Undefined(_))
    }

    pub fn is_truthy(&self) -> bool {
        match self {
            Value::Undefined(_) | Value::None => false,
            Value::Bool(flag) => *flag,
            Value::Int(n) => *n != 0,
            Value::Float(x) => *x != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::List(seq) | Value::Tuple(seq) => !seq.items.is_empty(),
            Value::Dict(dict) | Value::View(_, dict) => !dict.map.is_empty(),
            Value::Range(range) => range.len != 0,
            _ => true,
        }
    }

    pub fn number(&self) -> Option<Number> {
        match self {
            Value::Bool(flag) => Some(Number::Int(i128::from(*flag))),
            Value::Int(n) => Some(Number::Int(*n)),
            Value::Float(x) => Some(Number::Float(*x)),
            _ => None,
        }
    }

    /// An integer, or a bool read as one.
    pub fn integer(&self) -> Option<i128> {
        match self.number() {
            Some(Number::Int(n)) => Some(n),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Python's `is`, for the values that a template can tell apart with it.
    pub fn is_same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::None, Value::None) => true,
            (Value::Undefined(_), Value::Undefined(_)) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => Rc::ptr_eq(a, b),
            (Value::Dict(a), Value::Dict(b)) => Rc::ptr_eq(a, b),
            (Value::Namespace(a), Value::Namespace(b)) => Rc::ptr_eq(a, b),
            (Value::Loop(a), Value::Loop(b)) => Rc::ptr_eq(a, b),
            (Value::Macro(a), Value::Macro(b)) => Rc::ptr_eq(a, b),
            (Value::Iterator(a), Value::Iterator(b)) => Rc::ptr_eq(a, b),
            (Value::Function(a), Value::Function(b)) => a == b,
            _ => false,
        }
    }

    /// `len()`, where the value has one.
    pub fn len(&self) -> Option<usize> {
        match self {
            Value::Undefined(_) => Some(0),
            Value::Str(text) => Some(text.chars().count()),
            Value::List(seq) | Value::Tuple(seq) => Some(seq.items.len()),
            Value::Dict(dict) | Value::View(_, dict) => Some(dict.map.len()),
            Value::Range(range) => Some(range.len),
            _ => None,
        }
    }

    /// The items that a loop over this sees; an iterator is empty afterwards.
    pub fn items(&self, meter: &Meter) -> Result<Vec<Value>> {
        let items: Vec<Value> = match self {
            Value::Undefined(_) => Vec::new(),
            Value::Str(text) => {
                meter.items(text.len())?;
                let mut buffer = [0; 4];
                text.chars().map(|c| Value::from(&*c.encode_utf8(&mut buffer))).collect()
            }
            Value::List(seq) | Value::Tuple(seq) => seq.items.clone(),
            Value::Dict(dict) | Value::View(ViewKind::Keys, dict) => {
                dict.map.keys().map(|key| key.value().clone()).collect()
            }
            Value::View(ViewKind::Values, dict) => dict.map.values().cloned().collect(),
            Value::View(ViewKind::Items, dict) => {
                let pair = |(key, value): (&Key, &Value)| {
                    Value::tuple(vec![key.value().clone(), value.clone()], meter)
                };
                dict.map.iter().map(pair).collect::<Result<_>>()?
            }
            Value::Range(range) => (0..range.len).map(|index| range.at(index)).collect(),
            Value::Iterator(iter) => iter.items.borrow_mut().drain(..).collect(),
            _ => return fail(format!("'{}' object is not iterable", self.type_name())),
        };
        meter.burn(items.len() + 1)?;
        Ok(items)
    }

    pub fn is_iterable(&self) -> bool {
        matches!(
            self,
            Value::Undefined(_)
                | Value::Str(_)
                | Value::List(_)
                | Value::Tuple(_)
                | Value::Dict(_)
                | Value::View(..)
                | Value::Range(_)
                | Value::Iterator(_)
                | Value::Loop(_)
        )
    }
}
