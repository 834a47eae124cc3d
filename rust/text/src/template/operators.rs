//! Python's operators.

use std::cmp::Ordering;

use super::error::{fail, Result};
use super::format::percent_format;
use super::meter::Meter;
use super::repr::{str_of, write_str};
use super::value::{Key, Number, Value, ViewKind};

fn unsupported<T>(symbol: &str, a: &Value, b: &Value) -> Result<T> {
    for operand in [a, b] {
        if let Value::Undefined(message) = operand {
            return fail(&**message);
        }
    }
    fail(format!("unsupported operand type(s) for {symbol}: '{}' and '{}'", a.type_name(), b.type_name()))
}

fn too_large<T>() -> Result<T> {
    fail("an integer of more than 127 bits")
}

fn checked(n: Option<i128>) -> Result<Value> {
    n.map_or_else(too_large, |n| Ok(Value::Int(n)))
}

pub fn add(a: &Value, b: &Value, meter: &Meter) -> Result<Value> {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => {
            meter.text(a.len() + b.len())?;
            Ok(Value::from([&**a, &**b].concat()))
        }
        (Value::List(a), Value::List(b)) => {
            joined(&a.items, &b.items, meter).and_then(|items| Value::list(items, meter))
        }
        (Value::Tuple(a), Value::Tuple(b)) => {
            joined(&a.items, &b.items, meter).and_then(|items| Value::tuple(items, meter))
        }
        (Value::Str(_), other) if !other.is_undefined() => {
            fail(format!("can only concatenate str (not \"{}\") to str", other.type_name()))
        }
        _ => match numbers(a, b) {
            Some((Number::Int(a), Number::Int(b))) => checked(a.checked_add(b)),
            Some((a, b)) => Ok(Value::Float(a.float() + b.float())),
            None => unsupported("+", a, b),
        },
    }
}

fn joined(a: &[Value], b: &[Value], meter: &Meter) -> Result<Vec<Value>> {
    meter.items(a.len() + b.len())?;
    Ok([a, b].concat())
}

fn numbers(a: &Value, b: &Value) -> Option<(Number, Number)> {
    Some((a.number()?, b.number()?))
}

pub fn subtract(a: &Value, b: &Value) -> Result<Value> {
    match numbers(a, b) {
        Some((Number::Int(a), Number::Int(b))) => checked(a.checked_sub(b)),
        Some((a, b)) => Ok(Value::Float(a.float() - b.float())),
        None => unsupported("-", a, b),
    }
}

pub fn multiply(a: &Value, b: &Value, meter: &Meter) -> Result<Value> {
    if let Some((Number::Int(x), Number::Int(y))) = numbers(a, b) {
        return checked(x.checked_mul(y));
    }
    if let Some((x, y)) = numbers(a, b) {
        return Ok(Value::Float(x.float() * y.float()));
    }
    let (sequence, count) = match (a.integer(), b.integer()) {
        (None, Some(count)) => (a, count),
        (Some(count), None) => (b, count),
        _ => return unsupported("*", a, b),
    };
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    match sequence {
        Value::Str(text) => {
            meter.text(text.len().saturating_mul(count))?;
            Ok(Value::from(text.repeat(count)))
        }
        Value::List(seq) => {
            meter.items(seq.items.len().saturating_mul(count))?;
            Value::list(seq.items.repeat_items(count), meter)
        }
        Value::Tuple(seq) => {
            meter.items(seq.items.len().saturating_mul(count))?;
            Value::tuple(seq.items.repeat_items(count), meter)
        }
        _ => unsupported("*", a, b),
    }
}

trait RepeatItems {
    fn repeat_items(&self, count: usize) -> Vec<Value>;
}

impl RepeatItems for Vec<Value> {
    fn repeat_items(&self, count: usize) -> Vec<Value> {
        std::iter::repeat_n(self, count).flatten().cloned().collect()
    }
}

pub fn divide(a: &Value, b: &Value) -> Result<Value> {
    match numbers(a, b) {
        Some((_, b)) if b.float() == 0.0 => fail("division by zero"),
        Some((a, b)) => Ok(Value::Float(a.float() / b.float())),
        None => unsupported("/", a, b),
    }
}

pub fn floor_divide(a: &Value, b: &Value) -> Result<Value> {
    match numbers(a, b) {
        Some((_, b)) if b.float() == 0.0 => fail("integer division or modulo by zero"),
        Some((Number::Int(a), Number::Int(b))) => {
            let Some(quotient) = a.checked_div(b) else { return too_large() };
            Ok(Value::Int(if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient }))
        }
        Some((a, b)) => {
            let (a, b) = (a.float(), b.float());
            Ok(Value::Float(((a - float_remainder(a, b)) / b).round()))
        }
        None => unsupported("//", a, b),
    }
}

/// The remainder has the divisor's sign.
fn float_remainder(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
        rest + b
    } else if rest == 0.0 {
        0.0f64.copysign(b)
    } else {
        rest
    }
}

pub fn remainder(a: &Value, b: &Value, meter: &Meter) -> Result<Value> {
    if let Value::Str(template) = a {
        return percent_format(template, b, meter).map(Value::from);
    }
    match numbers(a, b) {
        Some((_, b)) if b.float() == 0.0 => fail("integer modulo by zero"),
        Some((Number::Int(a), Number::Int(b))) => {
            let Some(rest) = a.checked_rem(b) else { return Ok(Value::Int(0)) };
            Ok(Value::Int(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }))
        }
        Some((a, b)) => Ok(Value::Float(float_remainder(a.float(), b.float()))),
        None => unsupported("%", a, b),
    }
}

pub fn power(a: &Value, b: &Value) -> Result<Value> {
    match numbers(a, b) {
        Some((Number::Int(base), Number::Int(exponent))) if exponent >= 0 => {
            let small = u32::try_from(exponent).ok();
            match (base, small) {
                (0 | 1, _) => Ok(Value::Int(if exponent == 0 { 1 } else { base })),
                (-1, _) => Ok(Value::Int(if exponent % 2 == 0 { 1 } else { -1 })),
                (_, Some(small)) => checked(base.checked_pow(small)),
                (_, None) => too_large(),
            }
        }
        Some((base, exponent)) => {
            let (base, exponent) = (base.float(), exponent.float());
            if base == 0.0 && exponent < 0.0 {
                return fail("0.0 cannot be raised to a negative power");
            }
            let result = base.powf(exponent);
            if result.is_nan() && !base.is_nan() && !exponent.is_nan() {
                return fail("a complex number");
            }
            if result.is_infinite() && base.is_finite() && exponent.is_finite() {
                return fail("(34, 'Numerical result out of range')");
            }
            Ok(Value::Float(result))
        }
        None => unsupported("** or pow()", a, b),
    }
}

pub fn negate(value: &Value) -> Result<Value> {
    match (value, value.number()) {
        (_, Some(Number::Int(n))) => checked(n.checked_neg()),
        (_, Some(Number::Float(x))) => Ok(Value::Float(-x)),
        (Value::Undefined(message), None) => fail(&**message),
        _ => fail(format!("bad operand type for unary -: '{}'", value.type_name())),
    }
}

/// `~`: both sides as texts.
pub fn concatenate(a: &Value, b: &Value, meter: &Meter) -> Result<Value> {
    let mut out = str_of(a, meter)?;
    write_str(b, &mut out, meter)?;
    Ok(Value::from(out))
}

pub fn equals(a: &Value, b: &Value, meter: &Meter) -> Result<bool> {
    meter.burn(1)?;
    Ok(match (a, b) {
        (Value::Str(a), Value::Str(b)) => {
            meter.text(a.len().min(b.len()))?;
            a == b
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            all_equal(&a.items, &b.items, meter)?
        }
        (Value::Dict(a), Value::Dict(b)) => {
            let _level = meter.enter()?;
            if a.map.len() != b.map.len() {
                return Ok(false);
            }
            for (key, value) in &a.map {
                match b.map.get(key) {
                    Some(other) if equals(value, other, meter)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Range(a), Value::Range(b)) => {
            a.len == b.len && (a.len == 0 || (a.start == b.start && (a.len == 1 || a.step == b.step)))
        }
        (Value::View(kind, a), Value::View(other, b)) if kind == other && *kind != ViewKind::Values => {
            let _level = meter.enter()?;
            let whole = *kind == ViewKind::Keys;
            if a.map.len() != b.map.len() {
                return Ok(false);
            }
            for (key, value) in &a.map {
                match b.map.get(key) {
                    Some(other) if whole || equals(value, other, meter)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        _ => match numbers(a, b) {
            Some((a, b)) => a.equals(b),
            None => a.is_same(b),
        },
    })
}

fn all_equal(a: &[Value], b: &[Value], meter: &Meter) -> Result<bool> {
    let _level = meter.enter()?;
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b) {
        if !equals(a, b, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The order of two values that Python can order; `symbol` is for the error's words. NaN is equal to all.
pub fn compare(a: &Value, b: &Value, symbol: &str, meter: &Meter) -> Result<Ordering> {
    meter.burn(1)?;
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => {
            meter.text(a.len().min(b.len()))?;
            Ok(a.cmp(b))
        }
        (Value::List(x), Value::List(y)) | (Value::Tuple(x), Value::Tuple(y)) => {
            let _level = meter.enter()?;
            for (a, b) in x.items.iter().zip(&y.items) {
                if !equals(a, b, meter)? {
                    return compare(a, b, symbol, meter);
                }
            }
            Ok(x.items.len().cmp(&y.items.len()))
        }
        _ => match numbers(a, b) {
            Some((Number::Int(a), Number::Int(b))) => Ok(a.cmp(&b)),
            Some((a, b)) => Ok(a.float().partial_cmp(&b.float()).unwrap_or(Ordering::Equal)),
            None => unordered(a, b, symbol),
        },
    }
}

fn unordered<T>(a: &Value, b: &Value, symbol: &str) -> Result<T> {
    for operand in [a, b] {
        if let Value::Undefined(message) = operand {
            return fail(&**message);
        }
    }
    fail(format!("'{symbol}' not supported between instances of '{}' and '{}'", a.type_name(), b.type_name()))
}

/// `a OP b` for the four orderings; a comparison with NaN is false.
pub fn ordered(a: &Value, b: &Value, symbol: &str, meter: &Meter) -> Result<bool> {
    let order = compare(a, b, symbol, meter)?;
    let is_nan = |value: &Value| matches!(value, Value::Float(x) if x.is_nan());
    if is_nan(a) || is_nan(b) {
        return Ok(false);
    }
    Ok(match symbol {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

/// `item in container`.
pub fn contains(container: &Value, item: &Value, meter: &Meter) -> Result<bool> {
    match container {
        Value::Str(text) => match item {
            Value::Str(part) => {
                meter.text(text.len())?;
                Ok(text.contains(&**part))
            }
            Value::Undefined(message) => fail(&**message),
            other => {
                fail(format!("'in <string>' requires string as left operand, not {}", other.type_name()))
            }
        },
        Value::Dict(dict) | Value::View(ViewKind::Keys, dict) => {
            Ok(dict.map.contains_key(&Key::new(item, meter)?))
        }
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            fail(format!("argument of type '{}' is not iterable", container.type_name()))
        }
        Value::Iterator(iter) => loop {
            // What was looked at is used up.
            let next = iter.items.borrow_mut().pop_front();
            match next {
                None => return Ok(false),
                Some(candidate) if equals(&candidate, item, meter)? => return Ok(true),
                Some(_) => {}
            }
        },
        _ => {
            for candidate in container.items(meter)? {
                if equals(&candidate, item, meter)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// `value[start:stop:step]`.
pub fn slice(value: &Value, bounds: [&Value; 3], meter: &Meter) -> Result<Value> {
    let [start, stop, step] = bounds;
    let step = slice_bound(step)?.unwrap_or(1);
    if step == 0 {
        return fail("slice step cannot be zero");
    }
    let len = match value {
        Value::Undefined(message) => return fail(&**message),
        Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Range(_) => value.len().unwrap_or(0),
        other => return fail(format!("'{}' object is not subscriptable", other.type_name())),
    };
    meter.burn(len)?;
    let len = len as i128;
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let place = |bound: Option<i128>, default: i128| match bound {
        None => default,
        Some(n) if n < 0 => (n.saturating_add(len)).clamp(low, high),
        Some(n) => n.clamp(low, high),
    };
    let start = place(slice_bound(start)?, if step > 0 { low } else { high });
    let stop = place(slice_bound(stop)?, if step > 0 { high } else { low });
    let mut indices = Vec::new();
    let mut at = start;
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        indices.push(at as usize);
        at = at.saturating_add(step);
    }
    pick(value, &indices, meter)
}

fn slice_bound(value: &Value) -> Result<Option<i128>> {
    match (value, value.integer()) {
        (Value::None, _) => Ok(None),
        (_, Some(n)) => Ok(Some(n)),
        (Value::Undefined(message), _) => fail(&**message),
        _ => fail("slice indices must be integers or None or have an __index__ method"),
    }
}

fn pick(value: &Value, indices: &[usize], meter: &Meter) -> Result<Value> {
    let from = |items: &[Value]| indices.iter().map(|index| items[*index].clone()).collect::<Vec<_>>();
    match value {
        Value::Str(text) => {
            let chars: Vec<char> = text.chars().collect();
            Ok(Value::from(indices.iter().map(|index| chars[*index]).collect::<String>()))
        }
        Value::List(seq) => Value::list(from(&seq.items), meter),
        Value::Tuple(seq) => Value::tuple(from(&seq.items), meter),
        Value::Range(range) => Value::list(indices.iter().map(|index| range.at(*index)).collect(), meter),
        other => fail(format!("'{}' object is not subscriptable", other.type_name())),
    }
}
