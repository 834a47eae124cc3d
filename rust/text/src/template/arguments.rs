//! The arguments of a call, and Python's way of giving them to parameters.

use std::rc::Rc;

use super::error::{fail, Result};
use super::value::Value;

#[derive(Clone, Default)]
pub struct Args {
    pub positional: Vec<Value>,
    pub named: Vec<(Rc<str>, Value)>,
}

impl Args {
    /// One slot for each of `names`. Fails on an argument without a place.
    pub fn bind<const N: usize>(self, callee: &str, names: [&str; N]) -> Result<[Option<Value>; N]> {
        let given = self.positional.len();
        if given > N {
            return fail(format!("{callee}() takes at most {N} arguments ({given} given)"));
        }
        let mut slots: [Option<Value>; N] = std::array::from_fn(|_| None);
        for (slot, value) in slots.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            let Some(index) = names.iter().position(|candidate| **candidate == *name) else {
                return fail(format!("{callee}() got an unexpected keyword argument '{name}'"));
            };
            if slots[index].replace(value).is_some() {
                return fail(format!("{callee}() got multiple values for argument '{name}'"));
            }
        }
        Ok(slots)
    }

    /// Removes and returns the argument of that name.
    pub fn take_named(&mut self, name: &str) -> Option<Value> {
        let index = self.named.iter().position(|(candidate, _)| **candidate == *name)?;
        Some(self.named.remove(index).1)
    }
}

/// The value of a parameter without a default.
pub fn required(slot: Option<Value>, callee: &str, name: &str) -> Result<Value> {
    match slot {
        Some(value) => Ok(value),
        None => fail(format!("{callee}() missing required argument: '{name}'")),
    }
}

/// A parameter that must be an integer.
pub fn integer_or(slot: Option<Value>, default: i128, callee: &str) -> Result<i128> {
    match slot {
        None => Ok(default),
        Some(value) => match value.integer() {
            Some(n) => Ok(n),
            None => fail(format!(
                "{callee}(): '{}' object cannot be interpreted as an integer",
                value.type_name()
            )),
        },
    }
}

pub fn flag_or(slot: Option<Value>, default: bool) -> bool {
    slot.map_or(default, |value| value.is_truthy())
}

/// A parameter that must be a text.
pub fn text(value: &Value, callee: &str) -> Result<Rc<str>> {
    match value {
        Value::Str(text) => Ok(text.clone()),
        Value::Undefined(message) => fail(&**message),
        other => fail(format!("{callee}() argument must be str, not {}", other.type_name())),
    }
}
