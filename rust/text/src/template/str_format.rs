//! `str.format` and `str.format_map`.

use std::rc::Rc;

use super::arguments::Args;
use super::error::{fail, Result};
use super::format::{ascii_of, format_value};
use super::interpreter::Interpreter;
use super::repr::{repr_of, str_of};
use super::value::{Key, Value};

struct Fields<'i, 'a> {
    interpreter: &'i Interpreter<'a>,
    args: Args,
    /// `format_map`'s table.
    table: Option<Value>,
    automatic: usize,
    numbered: bool,
}

pub fn str_format(interpreter: &Interpreter, template: &str, name: &str, args: Args) -> Result<Value> {
    let mut fields = Fields { interpreter, args, table: None, automatic: 0, numbered: false };
    if name == "format_map" {
        let [table] = std::mem::take(&mut fields.args).bind(name, ["mapping"])?;
        fields.table = table;
    }
    fields.expand(template, 0).map(Value::from)
}

impl Fields<'_, '_> {
    fn expand(&mut self, template: &str, level: usize) -> Result<String> {
        if level > 1 {
            return fail("Max string recursion exceeded");
        }
        let mut out = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                out.push_str(brace);
                rest = after;
                continue;
            }
            if brace == "}" {
                return fail("Single '}' encountered in format string");
            }
            let end = closing(rest)?;
            let piece = self.field(&rest[..end], level)?;
            self.interpreter.meter.grow(out.len(), piece.len())?;
            out.push_str(&piece);
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn field(&mut self, field: &str, level: usize) -> Result<String> {
        let (head, spec) = match field.find(':') {
            Some(at) if !field[..at].contains('[') || field[..at].contains(']') => {
                (&field[..at], &field[at + 1..])
            }
            _ => (field, ""),
        };
        let (path, conversion) = match head.split_once('!') {
            Some((path, conversion)) => (path, Some(conversion)),
            None => (head, None),
        };
        let value = self.lookup(path)?;
        let spec = if spec.contains('{') { self.expand(spec, level + 1)? } else { spec.to_owned() };
        let meter = &self.interpreter.meter;
        let converted = match conversion {
            None => return format_value(&value, &spec, meter),
            Some("s") => str_of(&value, meter)?,
            Some("r") => repr_of(&value, meter)?,
            Some("a") => ascii_of(&value, meter)?,
            Some(other) => return fail(format!("Unknown conversion specifier {other}")),
        };
        format_value(&Value::from(converted), &spec, meter)
    }

    /// "0.name[key]".
    fn lookup(&mut self, path: &str) -> Result<Value> {
        let end = path.find(['.', '[']).unwrap_or(path.len());
        let mut value = self.first(&path[..end])?;
        let mut rest = &path[end..];
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                value = self.interpreter.get_attribute(&value, &after[..end])?;
                rest = &after[end..];
            } else {
                let Some(close) = rest.find(']') else { return fail("Missing ']' in format string") };
                let key = &rest[1..close];
                let index = key.parse::<i128>().map_or_else(|_| Value::from(key), Value::Int);
                value = self.interpreter.get_item(&value, &index)?;
                rest = &rest[close + 1..];
            }
        }
        Ok(value)
    }

    fn first(&mut self, name: &str) -> Result<Value> {
        let index = match name.parse::<usize>() {
            Ok(index) => {
                self.numbered = true;
                index
            }
            Err(_) if name.is_empty() => {
                if self.numbered {
                    return fail(
                        "cannot switch from manual field specification to automatic field numbering",
                    );
                }
                self.automatic += 1;
                self.automatic - 1
            }
            Err(_) => return self.named(name),
        };
        match self.args.positional.get(index) {
            Some(value) => Ok(value.clone()),
            None => fail(format!("Replacement index {index} out of range for positional args tuple")),
        }
    }

    fn named(&self, name: &str) -> Result<Value> {
        let found = match &self.table {
            Some(Value::Dict(dict)) => dict.map.get(&Key::text(name)).cloned(),
            Some(_) => return fail("format_map() argument must be a mapping"),
            None => {
                let is_it = |(candidate, _): &&(Rc<str>, Value)| **candidate == *name;
                self.args.named.iter().find(is_it).map(|(_, value)| value.clone())
            }
        };
        found.map_or_else(|| fail(format!("KeyError: '{name}'")), Ok)
    }
}

/// Where the brace that ends the field is.
fn closing(text: &str) -> Result<usize> {
    let mut open = 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Ok(at);
        }
    }
    fail("expected '}' before end of string")
}
