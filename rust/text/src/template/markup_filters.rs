//! The filters about HTML and addresses.

use super::arguments::{flag_or, Args};
use super::error::{fail, Result};
use super::meter::Meter;
use super::pystr;
use super::repr::str_of;
use super::value::Value;

pub fn call(name: &str, value: &Value, args: Args, meter: &Meter) -> Result<Value> {
    match name {
        "urlencode" => {
            let [] = args.bind(name, [])?;
            url_encode(value, meter)
        }
        "xmlattr" => xml_attributes(value, args, meter),
        "striptags" => {
            let [] = args.bind(name, [])?;
            Ok(Value::from(strip_tags(&str_of(value, meter)?)))
        }
        _ => {
            let [] = args.bind(name, [])?;
            escape(&str_of(value, meter)?, meter).map(Value::from)
        }
    }
}

fn escape(text: &str, meter: &Meter) -> Result<String> {
    meter.text(text.len() * 2)?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    Ok(out)
}

fn quote(text: &str, query: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            b'/' if !query => out.push('/'),
            b' ' if query => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn url_encode(value: &Value, meter: &Meter) -> Result<Value> {
    let pairs = match value {
        Value::Str(_) | Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            let text = str_of(value, meter)?;
            meter.text(text.len() * 3)?;
            return Ok(Value::from(quote(&text, false)));
        }
        Value::Dict(dict) => {
            dict.map.iter().map(|(key, item)| vec![key.value().clone(), item.clone()]).collect()
        }
        other => other.items(meter)?.iter().map(|pair| pair.items(meter)).collect::<Result<Vec<_>>>()?,
    };
    let mut parts = Vec::new();
    for pair in pairs {
        let [key, item] = pair.as_slice() else { return fail("urlencode: expected pairs") };
        let (key, item) = (str_of(key, meter)?, str_of(item, meter)?);
        meter.text((key.len() + item.len()) * 3)?;
        parts.push(format!("{}={}", quote(&key, true), quote(&item, true)));
    }
    Ok(Value::from(parts.join("&")))
}

fn xml_attributes(value: &Value, args: Args, meter: &Meter) -> Result<Value> {
    let [space] = args.bind("xmlattr", ["autospace"])?;
    let Value::Dict(dict) = value else {
        return fail(format!("'{}' object has no attribute 'items'", value.type_name()));
    };
    let mut parts = Vec::new();
    for (key, item) in &dict.map {
        if matches!(item, Value::None | Value::Undefined(_)) {
            continue;
        }
        let key = str_of(key.value(), meter)?;
        if key.contains(|c: char| c.is_ascii_whitespace() || "\u{b}/>=".contains(c)) {
            return fail(format!("Invalid character in attribute name: '{key}'"));
        }
        parts.push(format!("{}=\"{}\"", escape(&key, meter)?, escape(&str_of(item, meter)?, meter)?));
    }
    let joined = parts.join(" ");
    let lead = if flag_or(space, true) && !joined.is_empty() { " " } else { "" };
    Ok(Value::from(format!("{lead}{joined}")))
}

/// Comments and tags out, white space to single blanks, the common entities to their characters.
fn strip_tags(text: &str) -> String {
    let without_comments = cut(text, "<!--", "-->");
    let plain = cut(&without_comments, "<", ">");
    let words: Vec<&str> = plain.split(pystr::is_space).filter(|word| !word.is_empty()).collect();
    let mut out = words.join(" ");
    for (entity, character) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", "\u{a0}"),
        ("&amp;", "&"),
    ] {
        out = out.replace(entity, character);
    }
    out
}

fn cut(text: &str, open: &str, close: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(open) {
        let Some(length) = rest[start..].find(close) else { break };
        out.push_str(&rest[..start]);
        rest = &rest[start + length + close.len()..];
    }
    out + rest
}
