//! The filters over lists and tables.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::arguments::{flag_or, integer_or, required, Args};
use super::error::{fail, Result};
use super::interpreter::Interpreter;
use super::meter::Meter;
use super::operators::{add, compare, equals};
use super::repr::{str_of, write_str};
use super::value::{Key, Value, ViewKind};

/// The filters without an `attribute` parameter.
pub fn plain(name: &str, value: &Value, args: Args, meter: &Meter) -> Result<Value> {
    match name {
        "first" => {
            let [] = args.bind(name, [])?;
            // A generator gives up one item alone.
            let first = match value {
                Value::Iterator(iter) => iter.items.borrow_mut().pop_front(),
                other => other.items(meter)?.into_iter().next(),
            };
            Ok(first.unwrap_or_else(|| Value::undefined("No first item, sequence was empty.")))
        }
        "last" => {
            let [] = args.bind(name, [])?;
            if matches!(value, Value::Iterator(_)) {
                return fail("'generator' object is not reversible");
            }
            let last = value.items(meter)?.pop();
            Ok(last.unwrap_or_else(|| Value::undefined("No last item, sequence was empty.")))
        }
        "reverse" => {
            let [] = args.bind(name, [])?;
            if let Value::Str(text) = value {
                return Ok(Value::from(text.chars().rev().collect::<String>()));
            }
            let mut items = value.items(meter)?;
            items.reverse();
            match value {
                Value::Iterator(_) => Value::list(items, meter),
                _ => Value::iterator(items, meter),
            }
        }
        "list" => {
            let [] = args.bind(name, [])?;
            Value::list(value.items(meter)?, meter)
        }
        "items" => {
            let [] = args.bind(name, [])?;
            match value {
                Value::Undefined(_) => Value::iterator(Vec::new(), meter),
                Value::Dict(dict) => {
                    Value::iterator(Value::View(ViewKind::Items, dict.clone()).items(meter)?, meter)
                }
                _ => fail("Can only get item pairs from a mapping."),
            }
        }
        "batch" => batch(value, args, meter),
        "slice" => slices(value, args, meter),
        _ => dictsort(value, args, meter),
    }
}

fn batch(value: &Value, args: Args, meter: &Meter) -> Result<Value> {
    let [count, fill] = args.bind("batch", ["linecount", "fill_with"])?;
    let count =
        usize::try_from(integer_or(Some(required(count, "batch", "linecount")?), 0, "batch")?).unwrap_or(0);
    let mut rows = Vec::new();
    // As in Jinja, a count of 0 puts everything but the first row's nothing into rows of one.
    let items = value.items(meter)?;
    let mut row: Vec<Value> = Vec::new();
    for item in items {
        if row.len() == count {
            rows.push(Value::list(std::mem::take(&mut row), meter)?);
        }
        row.push(item);
    }
    if !row.is_empty() {
        if let Some(fill) = fill.filter(|fill| !matches!(fill, Value::None)) {
            meter.items(count)?;
            row.resize(count.max(row.len()), fill);
        }
        rows.push(Value::list(row, meter)?);
    }
    Value::iterator(rows, meter)
}

fn slices(value: &Value, args: Args, meter: &Meter) -> Result<Value> {
    let [count, fill] = args.bind("slice", ["slices", "fill_with"])?;
    let count =
        usize::try_from(integer_or(Some(required(count, "slice", "slices")?), 0, "slice")?).unwrap_or(0);
    if count == 0 {
        return fail("integer division or modulo by zero");
    }
    meter.items(count)?;
    let items = value.items(meter)?;
    let (each, extra) = (items.len() / count, items.len() % count);
    let fill = fill.filter(|fill| !matches!(fill, Value::None));
    let mut rows = Vec::new();
    let mut start = 0;
    for index in 0..count {
        let end = start + each + usize::from(index < extra);
        let mut row = items[start..end].to_vec();
        if let (Some(fill), true) = (&fill, index >= extra) {
            row.push(fill.clone());
        }
        rows.push(Value::list(row, meter)?);
        start = end;
    }
    Value::iterator(rows, meter)
}

fn dictsort(value: &Value, args: Args, meter: &Meter) -> Result<Value> {
    let [case_sensitive, by, reverse] = args.bind("dictsort", ["case_sensitive", "by", "reverse"])?;
    let Value::Dict(dict) = value else {
        return fail(format!("'{}' object has no attribute 'items'", value.type_name()));
    };
    let by_value = match by.as_ref().map(|by| by.as_str()) {
        None | Some(Some("key")) => false,
        Some(Some("value")) => true,
        _ => return fail("You can only sort by either \"key\" or \"value\""),
    };
    let case_sensitive = flag_or(case_sensitive, false);
    let pairs = Value::View(ViewKind::Items, dict.clone()).items(meter)?;
    let keyed = pairs.into_iter().zip(&dict.map).map(|(pair, (key, item))| {
        let sorted_by = if by_value { item } else { key.value() };
        (fold_case(sorted_by.clone(), case_sensitive), pair)
    });
    Value::list(sorted(keyed.collect(), flag_or(reverse, false), meter)?, meter)
}

fn fold_case(value: Value, case_sensitive: bool) -> Value {
    match &value {
        Value::Str(text) if !case_sensitive => Value::from(text.to_lowercase()),
        _ => value,
    }
}

/// Stable, in both directions.
fn sorted(mut keyed: Vec<(Value, Value)>, reverse: bool, meter: &Meter) -> Result<Vec<Value>> {
    let mut failure = None;
    keyed.sort_by(|a, b| {
        if failure.is_some() {
            return Ordering::Equal;
        }
        let order = compare(&a.0, &b.0, "<", meter).unwrap_or_else(|error| {
            failure = Some(error);
            Ordering::Equal
        });
        if reverse {
            order.reverse()
        } else {
            order
        }
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(keyed.into_iter().map(|(_, item)| item).collect()),
    }
}

/// The filters that look at an attribute of each item, or call a filter or test on it.
pub fn with_attribute(interpreter: &Interpreter, name: &str, value: &Value, args: Args) -> Result<Value> {
    let meter = &interpreter.meter;
    match name {
        "map" => map(interpreter, value, args),
        "select" | "reject" | "selectattr" | "rejectattr" => select(interpreter, name, value, args),
        "join" => {
            let [separator, attribute] = args.bind(name, ["d", "attribute"])?;
            let getter = Getter::new(attribute, None)?;
            let separator = separator.map_or_else(|| Ok(String::new()), |given| str_of(&given, meter))?;
            let mut out = String::new();
            for (index, item) in value.items(meter)?.iter().enumerate() {
                if index > 0 {
                    meter.grow(out.len(), separator.len())?;
                    out.push_str(&separator);
                }
                write_str(&getter.get(interpreter, item)?, &mut out, meter)?;
            }
            Ok(Value::from(out))
        }
        "sum" => {
            let [attribute, start] = args.bind(name, ["attribute", "start"])?;
            let getter = Getter::new(attribute, None)?;
            let mut total = start.unwrap_or(Value::Int(0));
            if matches!(total, Value::Str(_)) {
                return fail("sum() can't sum strings [use ''.join(seq) instead]");
            }
            for item in value.items(meter)? {
                total = add(&total, &getter.get(interpreter, &item)?, meter)?;
            }
            Ok(total)
        }
        "sort" => sort(interpreter, value, args),
        "unique" => unique(interpreter, value, args),
        "groupby" => group_by(interpreter, value, args),
        _ => extreme(interpreter, name, value, args),
    }
}

/// The path of an attribute, "a.b.0", each part looked up as an item.
struct Getter {
    parts: Vec<Value>,
    default: Option<Value>,
}

impl Getter {
    fn new(attribute: Option<Value>, default: Option<Value>) -> Result<Getter> {
        let parts = match attribute.unwrap_or(Value::None) {
            Value::None => Vec::new(),
            Value::Str(path) => path.split('.').map(Self::part).collect(),
            index if index.integer().is_some() => vec![index],
            other => return fail(format!("an attribute is a text or an integer, not {}", other.type_name())),
        };
        Ok(Getter { parts, default: default.filter(|default| !matches!(default, Value::None)) })
    }

    fn part(part: &str) -> Value {
        match part.parse::<i128>() {
            Ok(index) if part.bytes().all(|byte| byte.is_ascii_digit()) => Value::Int(index),
            _ => Value::from(part),
        }
    }

    fn get(&self, interpreter: &Interpreter, item: &Value) -> Result<Value> {
        let mut value = item.clone();
        for part in &self.parts {
            value = interpreter.get_item(&value, part)?;
            if let (Value::Undefined(_), Some(default)) = (&value, &self.default) {
                value = default.clone();
            }
        }
        Ok(value)
    }
}

fn map(interpreter: &Interpreter, value: &Value, mut args: Args) -> Result<Value> {
    let meter = &interpreter.meter;
    let by_attribute =
        args.positional.is_empty() && args.named.iter().any(|(name, _)| **name == *"attribute");
    if !value.is_truthy() {
        return Value::iterator(Vec::new(), meter);
    }
    let items = value.items(meter)?;
    if by_attribute {
        let [attribute, default] = args.bind("map", ["attribute", "default"])?;
        let getter = Getter::new(attribute, default)?;
        let mapped = items.iter().map(|item| getter.get(interpreter, item)).collect::<Result<_>>()?;
        return Value::iterator(mapped, meter);
    }
    if args.positional.is_empty() {
        return fail("map requires a filter argument");
    }
    let Value::Str(filter) = args.positional.remove(0) else {
        return fail("map: a filter is named by a text");
    };
    let call = |item| interpreter.call_filter(&filter, item, args.clone());
    Value::iterator(items.into_iter().map(call).collect::<Result<_>>()?, meter)
}

fn select(interpreter: &Interpreter, name: &str, value: &Value, mut args: Args) -> Result<Value> {
    let meter = &interpreter.meter;
    if !value.is_truthy() {
        return Value::iterator(Vec::new(), meter);
    }
    let getter = if name.ends_with("attr") {
        if args.positional.is_empty() {
            return fail("Missing parameter for attribute name");
        }
        Getter::new(Some(args.positional.remove(0)), None)?
    } else {
        Getter::new(None, None)?
    };
    let test = if args.positional.is_empty() { None } else { Some(args.positional.remove(0)) };
    let wanted = name.starts_with("select");
    let mut kept = Vec::new();
    for item in value.items(meter)? {
        let looked_at = getter.get(interpreter, &item)?;
        let passed = match &test {
            None => looked_at.is_truthy(),
            Some(Value::Str(test)) => interpreter.call_test(test, &looked_at, args.clone())?,
            Some(_) => return fail("a test is named by a text"),
        };
        if passed == wanted {
            kept.push(item);
        }
    }
    Value::iterator(kept, meter)
}

fn sort(interpreter: &Interpreter, value: &Value, args: Args) -> Result<Value> {
    let meter = &interpreter.meter;
    let [reverse, case_sensitive, attribute] =
        args.bind("sort", ["reverse", "case_sensitive", "attribute"])?;
    let case_sensitive = flag_or(case_sensitive, false);
    let getters = match attribute {
        Some(Value::Str(paths)) => paths
            .split(',')
            .map(|path| Getter::new(Some(Value::from(path)), None))
            .collect::<Result<Vec<_>>>()?,
        other => vec![Getter::new(other, None)?],
    };
    let mut keyed = Vec::new();
    for item in value.items(meter)? {
        let mut key = Vec::new();
        for getter in &getters {
            key.push(fold_case(getter.get(interpreter, &item)?, case_sensitive));
        }
        keyed.push((Value::list(key, meter)?, item));
    }
    Value::list(sorted(keyed, flag_or(reverse, false), meter)?, meter)
}

fn unique(interpreter: &Interpreter, value: &Value, args: Args) -> Result<Value> {
    let meter = &interpreter.meter;
    let [case_sensitive, attribute] = args.bind("unique", ["case_sensitive", "attribute"])?;
    let case_sensitive = flag_or(case_sensitive, false);
    let getter = Getter::new(attribute, None)?;
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for item in value.items(meter)? {
        let key = fold_case(getter.get(interpreter, &item)?, case_sensitive);
        if seen.insert(Key::new(&key, meter)?) {
            kept.push(item);
        }
    }
    Value::iterator(kept, meter)
}

fn group_by(interpreter: &Interpreter, value: &Value, args: Args) -> Result<Value> {
    let meter = &interpreter.meter;
    let [attribute, default, case_sensitive] =
        args.bind("groupby", ["attribute", "default", "case_sensitive"])?;
    let case_sensitive = flag_or(case_sensitive, false);
    let getter = Getter::new(Some(required(attribute, "groupby", "attribute")?), default)?;
    let mut keyed = Vec::new();
    for item in value.items(meter)? {
        keyed.push((fold_case(getter.get(interpreter, &item)?, case_sensitive), item));
    }
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for item in sorted(keyed, false, meter)? {
        let real = getter.get(interpreter, &item)?;
        let folded = fold_case(real.clone(), case_sensitive);
        match groups.last_mut() {
            Some((key, items)) if equals(&fold_case(key.clone(), case_sensitive), &folded, meter)? => {
                items.push(item)
            }
            _ => groups.push((real, vec![item])),
        }
    }
    let tuple =
        |(key, items)| Value::named_tuple(vec![key, Value::list(items, meter)?], &["grouper", "list"], meter);
    Value::list(groups.into_iter().map(tuple).collect::<Result<_>>()?, meter)
}

/// min and max; of equal items the first.
fn extreme(interpreter: &Interpreter, name: &str, value: &Value, args: Args) -> Result<Value> {
    let meter = &interpreter.meter;
    let [case_sensitive, attribute] = args.bind(name, ["case_sensitive", "attribute"])?;
    let case_sensitive = flag_or(case_sensitive, false);
    let getter = Getter::new(attribute, None)?;
    let (symbol, wanted) = if name == "min" { ("<", Ordering::Less) } else { (">", Ordering::Greater) };
    let mut best: Option<(Value, Value)> = None;
    for item in value.items(meter)? {
        let key = fold_case(getter.get(interpreter, &item)?, case_sensitive);
        let better = match &best {
            None => true,
            Some((other, _)) => compare(&key, other, symbol, meter)? == wanted,
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(|| Value::undefined("No aggregated item, sequence was empty."), |(_, item)| item))
}
