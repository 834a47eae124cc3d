//! The methods of Python's own types.

use indexmap::IndexMap;

use super::arguments::{flag_or, integer_or, required, text, Args};
use super::error::{fail, Result};
use super::format::all_printable;
use super::interpreter::Interpreter;
use super::meter::Meter;
use super::operators::equals;
use super::pystr;
use super::str_format::str_format;
use super::value::{Key, Value, ViewKind};

const STR: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];
const DICT: &[&str] = &["copy", "fromkeys", "get", "items", "keys", "values"];
const SEQUENCE: &[&str] = &["count", "index"];
const LIST_CHANGES: &[&str] = &["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"];
const DICT_CHANGES: &[&str] = &["clear", "pop", "popitem", "setdefault", "update"];

pub enum Attribute {
    Method,
    /// It would change its object, which the sandbox forbids.
    Forbidden,
    Absent,
}

/// What `value.name` is as far as the value's type decides.
pub fn attribute_of(value: &Value, name: &str) -> Attribute {
    let (methods, changes): (&[&str], &[&str]) = match value {
        Value::Str(_) => (STR, &[]),
        Value::Dict(_) => (DICT, DICT_CHANGES),
        Value::List(_) => (&["count", "index", "copy"], LIST_CHANGES),
        Value::Tuple(_) | Value::Range(_) => (SEQUENCE, &[]),
        Value::Int(_) | Value::Bool(_) => (&["bit_length", "is_integer"], &[]),
        Value::Float(_) => (&["is_integer"], &[]),
        _ => (&[], &[]),
    };
    if methods.contains(&name) {
        Attribute::Method
    } else if changes.contains(&name) {
        Attribute::Forbidden
    } else {
        Attribute::Absent
    }
}

pub fn call_method(interpreter: &Interpreter, receiver: &Value, name: &str, args: Args) -> Result<Value> {
    let meter = &interpreter.meter;
    match receiver {
        Value::Str(text) => match name {
            "format" | "format_map" => str_format(interpreter, text, name, args),
            _ => str_method(text, name, args, meter),
        },
        Value::Dict(_) => dict_method(receiver, name, args, meter),
        Value::List(_) | Value::Tuple(_) | Value::Range(_) => sequence_method(receiver, name, args, meter),
        Value::Float(x) => Ok(Value::Bool(x.is_finite() && x.fract() == 0.0)),
        other if name == "bit_length" => {
            let bits = 128 - other.integer().unwrap_or(0).unsigned_abs().leading_zeros();
            Ok(Value::Int(i128::from(bits)))
        }
        _ => Ok(Value::Bool(true)),
    }
}

fn dict_method(receiver: &Value, name: &str, args: Args, meter: &Meter) -> Result<Value> {
    let Value::Dict(dict) = receiver else { return fail("not a dict") };
    match name {
        "get" => {
            let [key, default] = args.bind("get", ["key", "default"])?;
            let key = Key::new(&required(key, "get", "key")?, meter)?;
            Ok(dict.map.get(&key).cloned().unwrap_or(default.unwrap_or(Value::None)))
        }
        "fromkeys" => {
            let [keys, value] = args.bind("fromkeys", ["iterable", "value"])?;
            let value = value.unwrap_or(Value::None);
            let mut map = IndexMap::new();
            for key in required(keys, "fromkeys", "iterable")?.items(meter)? {
                map.insert(Key::new(&key, meter)?, value.clone());
            }
            Value::dict(map, meter)
        }
        _ => {
            let [] = args.bind(name, [])?;
            Ok(match name {
                "items" => Value::View(ViewKind::Items, dict.clone()),
                "keys" => Value::View(ViewKind::Keys, dict.clone()),
                "values" => Value::View(ViewKind::Values, dict.clone()),
                _ => receiver.clone(),
            })
        }
    }
}

fn sequence_method(receiver: &Value, name: &str, args: Args, meter: &Meter) -> Result<Value> {
    if name == "copy" {
        let [] = args.bind(name, [])?;
        return Ok(receiver.clone());
    }
    let [wanted, start, stop] = args.bind(name, ["value", "start", "stop"])?;
    let wanted = required(wanted, name, "value")?;
    let items = receiver.items(meter)?;
    let bounds = bounds_of(start, stop, items.len(), name)?;
    let mut count = 0;
    for (index, item) in items.iter().enumerate() {
        if (name == "index" && !bounds.contains(&index)) || !equals(item, &wanted, meter)? {
            continue;
        }
        if name == "index" {
            return Ok(Value::Int(index as i128));
        }
        count += 1;
    }
    if name == "index" {
        return fail("the value is not in the list");
    }
    Ok(Value::Int(count))
}

/// `[start, stop)` as Python's slices read it.
fn bounds_of(
    start: Option<Value>,
    stop: Option<Value>,
    len: usize,
    name: &str,
) -> Result<std::ops::Range<usize>> {
    let place = |bound: Option<Value>, default: usize| -> Result<usize> {
        let bound = bound.filter(|value| !matches!(value, Value::None));
        let n = integer_or(bound, default as i128, name)?;
        let n = if n < 0 { n.saturating_add(len as i128).max(0) } else { n };
        Ok(usize::try_from(n).unwrap_or(usize::MAX))
    };
    Ok(place(start, 0)?..place(stop, len)?.min(len))
}

fn truth(flag: bool) -> Result<Value> {
    Ok(Value::Bool(flag))
}

fn every(value: &str, check: impl Fn(char) -> bool) -> Result<Value> {
    truth(!value.is_empty() && value.chars().all(check))
}

fn str_method(value: &str, name: &str, args: Args, meter: &Meter) -> Result<Value> {
    meter.burn(value.len() / 4 + 1)?;
    match name {
        "strip" | "lstrip" | "rstrip" => strip(value, name, args),
        "split" | "rsplit" => split(value, name, args, meter),
        "startswith" | "endswith" => affix_test(value, name, args, meter),
        "find" | "rfind" | "index" | "rindex" | "count" => search(value, name, args),
        "replace" => {
            let [old, new, count] = args.bind(name, ["old", "new", "count"])?;
            let old = text(&required(old, name, "old")?, name)?;
            let new = text(&required(new, name, "new")?, name)?;
            replace(value, &old, &new, integer_or(count, -1, name)?, meter).map(Value::from)
        }
        "join" => {
            let [parts] = args.bind(name, ["iterable"])?;
            let mut out = String::new();
            for (index, part) in required(parts, name, "iterable")?.items(meter)?.iter().enumerate() {
                let Value::Str(part) = part else {
                    return fail(format!(
                        "sequence item {index}: expected str instance, {} found",
                        part.type_name()
                    ));
                };
                meter.grow(out.len(), value.len() + part.len())?;
                out.push_str(if index == 0 { "" } else { value });
                out.push_str(part);
            }
            Ok(Value::from(out))
        }
        "splitlines" => {
            let [keep] = args.bind(name, ["keepends"])?;
            let lines = pystr::split_lines(value, flag_or(keep, false));
            Value::list(lines.into_iter().map(Value::from).collect(), meter)
        }
        "partition" | "rpartition" => partition(value, name, args, meter),
        "removeprefix" | "removesuffix" => {
            let [affix] = args.bind(name, ["affix"])?;
            let affix = text(&required(affix, name, "affix")?, name)?;
            let cut = match name {
                "removeprefix" => value.strip_prefix(&*affix),
                _ => value.strip_suffix(&*affix),
            };
            Ok(Value::from(cut.unwrap_or(value)))
        }
        "center" | "ljust" | "rjust" | "zfill" => pad(value, name, args, meter),
        "expandtabs" => {
            let [size] = args.bind(name, ["tabsize"])?;
            expand_tabs(value, integer_or(size, 8, name)?, meter)
        }
        _ => {
            let [] = args.bind(name, [])?;
            plain_str_method(value, name)
        }
    }
}

/// The methods without arguments.
fn plain_str_method(value: &str, name: &str) -> Result<Value> {
    match name {
        "capitalize" => Ok(Value::from(pystr::capitalize(value))),
        "casefold" => Ok(Value::from(value.to_lowercase().replace('ß', "ss").replace('ς', "σ"))),
        "lower" => Ok(Value::from(value.to_lowercase())),
        "upper" => Ok(Value::from(value.to_uppercase())),
        "swapcase" => Ok(Value::from(pystr::swap_case(value))),
        "title" => Ok(Value::from(pystr::title(value))),
        "isalnum" => every(value, |c| pystr::is_alpha(c) || pystr::is_numeric(c)),
        "isalpha" => every(value, pystr::is_alpha),
        "isascii" => truth(value.is_ascii()),
        "isdecimal" => every(value, pystr::is_decimal),
        "isdigit" => every(value, pystr::is_digit),
        "isnumeric" => every(value, pystr::is_numeric),
        "isspace" => every(value, pystr::is_space),
        "isprintable" => truth(all_printable(value)),
        "islower" => truth(pystr::all_of_case(value, false)),
        "isupper" => truth(pystr::all_of_case(value, true)),
        "istitle" => truth(pystr::is_title(value)),
        "isidentifier" => {
            let mut chars = value.chars();
            let begins = chars.next().is_some_and(|c| c == '_' || pystr::is_alpha(c));
            truth(begins && chars.all(|c| c == '_' || pystr::is_alpha(c) || pystr::is_decimal(c)))
        }
        _ => fail(format!("'str' object has no attribute '{name}'")),
    }
}

/// Where to cut a text: at white space, or at any of some characters.
fn strip(value: &str, name: &str, args: Args) -> Result<Value> {
    let [chars] = args.bind(name, ["chars"])?;
    let set = match chars.unwrap_or(Value::None) {
        Value::None => None,
        given => Some(text(&given, name)?),
    };
    Ok(Value::from(strip_text(value, set.as_deref(), name != "rstrip", name != "lstrip")))
}

pub fn strip_text<'t>(value: &'t str, set: Option<&str>, left: bool, right: bool) -> &'t str {
    let cut = |c: char| set.map_or_else(|| pystr::is_space(c), |set| set.contains(c));
    let value = if left { value.trim_start_matches(cut) } else { value };
    if right {
        value.trim_end_matches(cut)
    } else {
        value
    }
}

fn split(value: &str, name: &str, args: Args, meter: &Meter) -> Result<Value> {
    let [separator, limit] = args.bind(name, ["sep", "maxsplit"])?;
    let limit = usize::try_from(integer_or(limit, -1, name)?).unwrap_or(usize::MAX - 1);
    let from_right = name == "rsplit";
    let parts: Vec<&str> = match separator.unwrap_or(Value::None) {
        Value::None if from_right => split_blanks_right(value, limit),
        Value::None => split_blanks(value, limit),
        given => {
            let separator = text(&given, name)?;
            if separator.is_empty() {
                return fail("empty separator");
            }
            if from_right {
                let mut parts: Vec<&str> = value.rsplitn(limit.saturating_add(1), &*separator).collect();
                parts.reverse();
                parts
            } else {
                value.splitn(limit.saturating_add(1), &*separator).collect()
            }
        }
    };
    meter.items(parts.len())?;
    Value::list(parts.into_iter().map(Value::from).collect(), meter)
}

fn split_blanks(value: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = value.trim_start_matches(pystr::is_space);
    while !rest.is_empty() {
        if parts.len() == limit {
            parts.push(rest);
            break;
        }
        let end = rest.find(pystr::is_space).unwrap_or(rest.len());
        parts.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(pystr::is_space);
    }
    parts
}

fn split_blanks_right(value: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = value.trim_end_matches(pystr::is_space);
    while !rest.is_empty() {
        if parts.len() == limit {
            parts.push(rest);
            break;
        }
        let start = rest
            .rfind(pystr::is_space)
            .map_or(0, |at| at + rest[at..].chars().next().map_or(1, char::len_utf8));
        parts.push(&rest[start..]);
        rest = rest[..start].trim_end_matches(pystr::is_space);
    }
    parts.reverse();
    parts
}

/// The part of a text between two positions counted in characters; nothing when they cross.
fn part_of(
    value: &str,
    start: Option<Value>,
    stop: Option<Value>,
    name: &str,
) -> Result<Option<(usize, String)>> {
    let chars: Vec<char> = value.chars().collect();
    let bounds = bounds_of(start, stop, chars.len(), name)?;
    if bounds.start > chars.len() || bounds.start > bounds.end {
        return Ok(None);
    }
    Ok(Some((bounds.start, chars[bounds].iter().collect())))
}

fn affix_test(value: &str, name: &str, args: Args, meter: &Meter) -> Result<Value> {
    let [affix, start, stop] = args.bind(name, ["affix", "start", "stop"])?;
    let affixes = match required(affix, name, "affix")? {
        Value::Tuple(seq) => seq.items.clone(),
        one => vec![one],
    };
    let Some((_, part)) = part_of(value, start, stop, name)? else { return truth(false) };
    for affix in affixes {
        meter.burn(1)?;
        let affix = text(&affix, name)?;
        if if name == "startswith" { part.starts_with(&*affix) } else { part.ends_with(&*affix) } {
            return truth(true);
        }
    }
    truth(false)
}

fn search(value: &str, name: &str, args: Args) -> Result<Value> {
    let [wanted, start, stop] = args.bind(name, ["sub", "start", "stop"])?;
    let wanted = text(&required(wanted, name, "sub")?, name)?;
    let part = part_of(value, start, stop, name)?;
    if name == "count" {
        let count = part.map_or(0, |(_, part)| match wanted.is_empty() {
            true => part.chars().count() + 1,
            false => part.matches(&*wanted).count(),
        });
        return Ok(Value::Int(count as i128));
    }
    let found = part.and_then(|(offset, part)| {
        let at = if name.starts_with('r') { part.rfind(&*wanted) } else { part.find(&*wanted) };
        at.map(|at| offset + part[..at].chars().count())
    });
    match found {
        Some(at) => Ok(Value::Int(at as i128)),
        None if name.ends_with("index") => fail("substring not found"),
        None => Ok(Value::Int(-1)),
    }
}

pub fn replace(value: &str, old: &str, new: &str, count: i128, meter: &Meter) -> Result<String> {
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let places =
        if old.is_empty() { value.chars().count() + 1 } else { value.matches(old).count() }.min(limit);
    meter.text(value.len() + places.saturating_mul(new.len()))?;
    Ok(value.replacen(old, new, limit))
}

fn partition(value: &str, name: &str, args: Args, meter: &Meter) -> Result<Value> {
    let [separator] = args.bind(name, ["sep"])?;
    let separator = text(&required(separator, name, "sep")?, name)?;
    if separator.is_empty() {
        return fail("empty separator");
    }
    let right = name == "rpartition";
    let cut = if right { value.rsplit_once(&*separator) } else { value.split_once(&*separator) };
    let parts = match cut {
        Some((before, after)) => [before, &separator, after],
        None if right => ["", "", value],
        None => [value, "", ""],
    };
    Value::tuple(parts.into_iter().map(Value::from).collect(), meter)
}

fn pad(value: &str, name: &str, args: Args, meter: &Meter) -> Result<Value> {
    let [width, fill] = args.bind(name, ["width", "fillchar"])?;
    let width = integer_or(Some(required(width, name, "width")?), 0, name)?;
    let fill = match fill {
        None => if name == "zfill" { "0" } else { " " }.into(),
        Some(fill) => text(&fill, name)?,
    };
    if fill.chars().count() != 1 {
        return fail("The fill character must be exactly one character long");
    }
    let length = value.chars().count();
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(length);
    meter.text(value.len().saturating_add(missing.saturating_mul(fill.len())))?;
    let blanks = |count: usize| fill.repeat(count);
    Ok(Value::from(match name {
        "ljust" => format!("{value}{}", blanks(missing)),
        "rjust" => format!("{}{value}", blanks(missing)),
        "zfill" => {
            let (sign, digits) = value.split_at(usize::from(value.starts_with(['+', '-'])));
            format!("{sign}{}{digits}", blanks(missing))
        }
        _ => center(value, missing, length + missing, &fill),
    }))
}

/// CPython puts the odd blank to the left when the width is odd.
pub fn center(value: &str, missing: usize, width: usize, fill: &str) -> String {
    let left = missing / 2 + (missing & width & 1);
    format!("{}{value}{}", fill.repeat(left), fill.repeat(missing - left))
}

fn expand_tabs(value: &str, size: i128, meter: &Meter) -> Result<Value> {
    let size = usize::try_from(size).unwrap_or(0);
    meter.text(value.matches('\t').count().saturating_mul(size).saturating_add(value.len()))?;
    let mut out = String::new();
    let mut column = 0;
    for c in value.chars() {
        match c {
            '\t' => {
                let blanks = if size == 0 { 0 } else { size - column % size };
                out.push_str(&" ".repeat(blanks));
                column += blanks;
            }
            c => {
                out.push(c);
                column = if c == '\n' || c == '\r' { 0 } else { column + 1 };
            }
        }
    }
    Ok(Value::from(out))
}
