//! Jinja's tests: what may stand after `is`.

use super::arguments::{required, Args};
use super::error::{fail, Result};
use super::filters;
use super::meter::Meter;
use super::operators::{contains, equals, ordered, remainder};
use super::pystr;
use super::repr::str_of;
use super::value::Value;

const PLAIN: &[&str] = &[
    "odd",
    "even",
    "defined",
    "undefined",
    "filter",
    "test",
    "none",
    "boolean",
    "false",
    "true",
    "integer",
    "float",
    "lower",
    "upper",
    "string",
    "mapping",
    "number",
    "sequence",
    "iterable",
    "callable",
    "escaped",
];
const WITH_OTHER: &[&str] = &[
    "divisibleby",
    "sameas",
    "in",
    "==",
    "eq",
    "equalto",
    "!=",
    "ne",
    ">",
    "gt",
    "greaterthan",
    "ge",
    ">=",
    "<",
    "lt",
    "lessthan",
    "<=",
    "le",
];

pub fn call_test(name: &str, value: &Value, args: Args, meter: &Meter) -> Result<bool> {
    meter.burn(1)?;
    if PLAIN.contains(&name) {
        let [] = args.bind(name, [])?;
        return plain(name, value, meter);
    }
    if !WITH_OTHER.contains(&name) {
        return fail(format!("No test named '{name}'."));
    }
    let [other] = args.bind(name, ["other"])?;
    let other = required(other, name, "other")?;
    match name {
        "divisibleby" => is_zero(&remainder(value, &other, meter)?, meter),
        "sameas" => Ok(value.is_same(&other)),
        "in" => contains(&other, value, meter),
        "==" | "eq" | "equalto" => equals(value, &other, meter),
        "!=" | "ne" => equals(value, &other, meter).map(|same| !same),
        ">" | "gt" | "greaterthan" => ordered(value, &other, ">", meter),
        ">=" | "ge" => ordered(value, &other, ">=", meter),
        "<" | "lt" | "lessthan" => ordered(value, &other, "<", meter),
        _ => ordered(value, &other, "<=", meter),
    }
}

fn is_zero(value: &Value, meter: &Meter) -> Result<bool> {
    equals(value, &Value::Int(0), meter)
}

fn plain(name: &str, value: &Value, meter: &Meter) -> Result<bool> {
    let known = |names: &[&str]| value.as_str().is_some_and(|name| names.contains(&name));
    Ok(match name {
        "odd" | "even" => {
            if let Value::Str(_) = value {
                return fail("not all arguments converted during string formatting");
            }
            let rest = remainder(value, &Value::Int(2), meter)?;
            equals(&rest, &Value::Int(i128::from(name == "odd")), meter)?
        }
        "defined" => !value.is_undefined(),
        "undefined" => value.is_undefined(),
        "filter" => known(filters::NAMES),
        "test" => known(PLAIN) || known(WITH_OTHER),
        "none" => matches!(value, Value::None),
        "boolean" => matches!(value, Value::Bool(_)),
        "false" => matches!(value, Value::Bool(false)),
        "true" => matches!(value, Value::Bool(true)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "lower" | "upper" => {
            let text = str_of(value, meter)?;
            meter.burn(text.len())?;
            pystr::all_of_case(&text, name == "upper")
        }
        "string" => matches!(value, Value::Str(_)),
        "mapping" => matches!(value, Value::Dict(_)),
        "number" => value.number().is_some(),
        "sequence" => matches!(
            value,
            Value::Str(_)
                | Value::List(_)
                | Value::Tuple(_)
                | Value::Dict(_)
                | Value::Range(_)
                | Value::Undefined(_)
        ),
        "iterable" => value.is_iterable(),
        "callable" => matches!(
            value,
            Value::Function(_)
                | Value::Method(_)
                | Value::Macro(_)
                | Value::Joiner(_)
                | Value::Loop(_)
                | Value::Undefined(_)
        ),
        _ => false,
    })
}
