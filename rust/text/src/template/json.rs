//! JSON in, and `tojson` out, byte for byte as Python's json module.

use std::fmt;

use indexmap::IndexMap;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::arguments::Args;
use super::error::{fail, Error, Result};
use super::meter::Meter;
use super::operators::compare;
use super::repr::float_repr;
use super::value::{Key, Value};

/// The top-level table of a JSON text, keys in order.
pub fn parse_table(text: &str, meter: &Meter) -> Result<Vec<(String, Value)>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Seed { meter }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(Value::Dict(dict)) => {
            let pair = |(key, value): (&Key, &Value)| {
                (key.value().as_str().unwrap_or_default().to_owned(), value.clone())
            };
            Ok(dict.map.iter().map(pair).collect())
        }
        Ok(_) => fail("the template's variables are not a table"),
        Err(error) => fail(format!("the template's variables: {error}")),
    }
}

#[derive(Clone, Copy)]
struct Seed<'m> {
    meter: &'m Meter,
}

fn outside<E: serde::de::Error>(error: Error) -> E {
    E::custom(error)
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_bool<E>(self, flag: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, n: i64) -> std::result::Result<Value, E> {
        Ok(Value::Int(i128::from(n)))
    }

    fn visit_u64<E>(self, n: u64) -> std::result::Result<Value, E> {
        Ok(Value::Int(i128::from(n)))
    }

    fn visit_f64<E>(self, x: f64) -> std::result::Result<Value, E> {
        Ok(Value::Float(x))
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> std::result::Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        Value::list(items, self.meter).map_err(outside)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> std::result::Result<Value, A::Error> {
        let mut map = IndexMap::new();
        while let Some(key) = access.next_key::<String>()? {
            map.insert(Key::text(&key), access.next_value_seed(self)?);
        }
        Value::dict(map, self.meter).map_err(outside)
    }
}

struct Writer<'m> {
    out: String,
    ensure_ascii: bool,
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
    sort_keys: bool,
    meter: &'m Meter,
}

/// The filter as Transformers defines it (not Jinja's own, which escapes for HTML).
pub fn to_json(value: &Value, args: Args, meter: &Meter) -> Result<Value> {
    let [ensure_ascii, indent, separators, sort_keys] =
        args.bind("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])?;
    let indent = match indent.unwrap_or(Value::None) {
        Value::None => None,
        Value::Str(text) => Some(text.to_string()),
        other => match other.integer() {
            Some(width) => {
                let width = usize::try_from(width).unwrap_or(0);
                meter.text(width)?;
                Some(" ".repeat(width))
            }
            None => return fail(format!("tojson: indent cannot be '{}'", other.type_name())),
        },
    };
    let (item_separator, key_separator) = match separators.unwrap_or(Value::None) {
        Value::None => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
        given => match given.items(meter)?.as_slice() {
            [Value::Str(item), Value::Str(key)] => (item.to_string(), key.to_string()),
            _ => return fail("tojson: separators must be two texts"),
        },
    };
    let mut writer = Writer {
        out: String::new(),
        ensure_ascii: ensure_ascii.is_some_and(|flag| flag.is_truthy()),
        indent,
        item_separator,
        key_separator,
        sort_keys: sort_keys.is_some_and(|flag| flag.is_truthy()),
        meter,
    };
    writer.value(value, 0)?;
    Ok(Value::from(writer.out))
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, level: usize) -> Result<()> {
        self.meter.grow(self.out.len(), 1)?;
        match value {
            Value::None => self.out.push_str("null"),
            Value::Bool(flag) => self.out.push_str(if *flag { "true" } else { "false" }),
            Value::Int(n) => self.out.push_str(&n.to_string()),
            Value::Float(x) => self.out.push_str(&json_float(*x)),
            Value::Str(text) => self.text(text)?,
            Value::List(seq) | Value::Tuple(seq) => self.list(&seq.items, level)?,
            Value::Dict(dict) => self.table(&dict.map, level)?,
            other => return fail(format!("Object of type {} is not JSON serializable", other.type_name())),
        }
        Ok(())
    }

    fn line(&mut self, level: usize) -> Result<()> {
        if let Some(indent) = &self.indent {
            self.meter.grow(self.out.len(), indent.len() * level)?;
            self.out.push('\n');
            self.out.push_str(&indent.repeat(level));
        }
        Ok(())
    }

    fn list(&mut self, items: &[Value], level: usize) -> Result<()> {
        if items.is_empty() {
            self.out.push_str("[]");
            return Ok(());
        }
        let _level = self.meter.enter()?;
        self.out.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push_str(&self.item_separator);
            }
            self.line(level + 1)?;
            self.value(item, level + 1)?;
        }
        self.line(level)?;
        self.out.push(']');
        Ok(())
    }

    fn table(&mut self, map: &IndexMap<Key, Value>, level: usize) -> Result<()> {
        if map.is_empty() {
            self.out.push_str("{}");
            return Ok(());
        }
        let _level = self.meter.enter()?;
        let mut entries: Vec<(&Value, &Value)> = map.iter().map(|(key, item)| (key.value(), item)).collect();
        if self.sort_keys {
            sort_entries(&mut entries, self.meter)?;
        }
        self.out.push('{');
        for (index, (key, item)) in entries.into_iter().enumerate() {
            if index > 0 {
                self.out.push_str(&self.item_separator);
            }
            self.line(level + 1)?;
            let key = key_text(key)?;
            self.text(&key)?;
            self.out.push_str(&self.key_separator);
            self.value(item, level + 1)?;
        }
        self.line(level)?;
        self.out.push('}');
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<()> {
        self.meter.grow(self.out.len(), text.len())?;
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if c < ' ' => self.out.push_str(&format!("\\u{:04x}", c as u32)),
                c if self.ensure_ascii && !(' '..='~').contains(&c) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
        Ok(())
    }
}

fn json_float(x: f64) -> String {
    if x.is_nan() {
        return "NaN".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    float_repr(x)
}

fn key_text(key: &Value) -> Result<String> {
    Ok(match key {
        Value::Str(text) => text.to_string(),
        Value::None => "null".into(),
        Value::Bool(flag) => if *flag { "true" } else { "false" }.into(),
        Value::Int(n) => n.to_string(),
        Value::Float(x) => json_float(*x),
        other => {
            return fail(format!("keys must be str, int, float, bool or None, not {}", other.type_name()))
        }
    })
}

fn sort_entries(entries: &mut [(&Value, &Value)], meter: &Meter) -> Result<()> {
    let mut failure = None;
    entries.sort_by(|a, b| {
        compare(a.0, b.0, "<", meter).unwrap_or_else(|error| {
            failure.get_or_insert(error);
            std::cmp::Ordering::Equal
        })
    });
    failure.map_or(Ok(()), Err)
}
