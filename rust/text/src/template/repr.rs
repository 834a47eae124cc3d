//! Python's `str()` and `repr()`.

use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory};

use super::error::Result;
use super::meter::Meter;
use super::value::{Dict, Value};

pub fn str_of(value: &Value, meter: &Meter) -> Result<String> {
    let mut out = String::new();
    write_str(value, &mut out, meter)?;
    Ok(out)
}

/// Appends what `{{ value }}` shows.
pub fn write_str(value: &Value, out: &mut String, meter: &Meter) -> Result<()> {
    match value {
        Value::Undefined(_) => Ok(()),
        Value::Str(text) => {
            meter.grow(out.len(), text.len())?;
            out.push_str(text);
            Ok(())
        }
        _ => write_repr(value, out, meter),
    }
}

pub fn repr_of(value: &Value, meter: &Meter) -> Result<String> {
    let mut out = String::new();
    write_repr(value, &mut out, meter)?;
    Ok(out)
}

fn write_repr(value: &Value, out: &mut String, meter: &Meter) -> Result<()> {
    meter.grow(out.len(), 1)?;
    match value {
        Value::Undefined(_) => out.push_str("Undefined"),
        Value::None => out.push_str("None"),
        Value::Bool(flag) => out.push_str(if *flag { "True" } else { "False" }),
        Value::Int(n) => out.push_str(&n.to_string()),
        Value::Float(x) => out.push_str(&float_repr(*x)),
        Value::Str(text) => {
            meter.grow(out.len(), text.len())?;
            write_quoted(text, out);
        }
        Value::List(seq) => write_items("[", &seq.items, "]", out, meter)?,
        Value::Tuple(seq) if seq.items.len() == 1 => write_items("(", &seq.items, ",)", out, meter)?,
        Value::Tuple(seq) => write_items("(", &seq.items, ")", out, meter)?,
        Value::Dict(dict) => write_dict(dict, out, meter)?,
        Value::View(..) => {
            out.push_str(value.type_name());
            write_items("([", &value.items(meter)?, "])", out, meter)?;
        }
        Value::Range(range) => {
            let stop = range.start + range.step * range.len as i128;
            match range.step {
                1 => out.push_str(&format!("range({}, {stop})", range.start)),
                step => out.push_str(&format!("range({}, {stop}, {step})", range.start)),
            }
        }
        Value::Namespace(namespace) => {
            out.push_str("<Namespace {");
            let _level = meter.enter()?;
            for (index, (name, item)) in namespace.attributes.borrow().iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_quoted(name, out);
                out.push_str(": ");
                write_repr(item, out, meter)?;
            }
            out.push_str("}>");
        }
        Value::Macro(declared) => {
            out.push_str("<Macro ");
            write_quoted(&declared.name, out);
            out.push('>');
        }
        other => out.push_str(&format!("<{} object>", other.type_name())),
    }
    Ok(())
}

fn write_items(open: &str, items: &[Value], close: &str, out: &mut String, meter: &Meter) -> Result<()> {
    let _level = meter.enter()?;
    out.push_str(open);
    for (index, item) in items.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        write_repr(item, out, meter)?;
    }
    out.push_str(close);
    Ok(())
}

fn write_dict(dict: &Dict, out: &mut String, meter: &Meter) -> Result<()> {
    let _level = meter.enter()?;
    out.push('{');
    for (index, (key, item)) in dict.map.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        write_repr(key.value(), out, meter)?;
        out.push_str(": ");
        write_repr(item, out, meter)?;
    }
    out.push('}');
    Ok(())
}

/// A text in quotes as Python writes it: single ones unless only those occur inside.
fn write_quoted(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if is_printable(c) => out.push(c),
            c if (c as u32) < 0x100 => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out.push(quote);
}

pub fn is_printable(c: char) -> bool {
    c == ' '
        || !matches!(
            c.general_category(),
            Category::Control
                | Category::Format
                | Category::Surrogate
                | Category::PrivateUse
                | Category::Unassigned
                | Category::LineSeparator
                | Category::ParagraphSeparator
                | Category::SpaceSeparator
        )
}

/// The shortest digits that read back as the same float, in Python's choice between the two notations.
pub fn float_repr(x: f64) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let scientific = format!("{x:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{x}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
