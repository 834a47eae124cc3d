//! Jinja's filters by name, and those about single values.

use super::arguments::{flag_or, integer_or, required, text, Args};
use super::error::{fail, Result};
use super::format::percent_format;
use super::interpreter::Interpreter;
use super::json::to_json;
use super::markup_filters as markup;
use super::meter::Meter;
use super::methods::{attribute_of, center, replace, strip_text, Attribute};
use super::number_format::float_digits;
use super::pystr;
use super::repr::str_of;
use super::sequence_filters as sequence;
use super::value::{Number, Value};

pub const NAMES: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
    "xmlattr",
];
/// Jinja has them; what they give is random, made for web pages, or laid out for a terminal.
const REFUSED: &[&str] = &["pprint", "random", "urlize", "wordwrap"];

pub fn call_filter(interpreter: &Interpreter, name: &str, value: Value, args: Args) -> Result<Value> {
    let meter = &interpreter.meter;
    meter.burn(1)?;
    match name {
        "map" | "select" | "reject" | "selectattr" | "rejectattr" | "sort" | "unique" | "min" | "max"
        | "sum" | "groupby" | "join" => sequence::with_attribute(interpreter, name, &value, args),
        "batch" | "slice" | "first" | "last" | "reverse" | "list" | "items" | "dictsort" => {
            sequence::plain(name, &value, args, meter)
        }
        "e" | "escape" | "forceescape" | "striptags" | "urlencode" | "xmlattr" => {
            markup::call(name, &value, args, meter)
        }
        "count" | "length" => length(interpreter, &value, args),
        "default" | "d" => {
            let [default, boolean] = args.bind(name, ["default_value", "boolean"])?;
            let missing = value.is_undefined() || (flag_or(boolean, false) && !value.is_truthy());
            Ok(if missing { default.unwrap_or_else(|| Value::from("")) } else { value })
        }
        "tojson" => to_json(&value, args, meter),
        "abs" | "int" | "float" | "round" | "filesizeformat" => number_filter(name, &value, args),
        "attr" => attr(interpreter, &value, args),
        "capitalize" | "lower" | "upper" | "title" | "string" | "safe" | "wordcount" => {
            plain_text(name, &value, args, meter)
        }
        "center" | "format" | "indent" | "replace" | "trim" | "truncate" => {
            text_filter(name, &value, args, meter)
        }
        _ if REFUSED.contains(&name) => {
            fail(format!("the filter '{name}' is not supported in chat templates"))
        }
        _ => fail(format!("No filter named '{name}'.")),
    }
}

fn length(interpreter: &Interpreter, value: &Value, args: Args) -> Result<Value> {
    let [] = args.bind("length", [])?;
    if let Value::Loop(_) = value {
        return interpreter.get_attribute(value, "length");
    }
    if let Value::Str(text) = value {
        interpreter.meter.text(text.len())?;
    }
    match value.len() {
        Some(len) => Ok(Value::Int(len as i128)),
        None => fail(format!("object of type '{}' has no len()", value.type_name())),
    }
}

/// An attribute alone, never an item.
fn attr(interpreter: &Interpreter, value: &Value, args: Args) -> Result<Value> {
    let [name] = args.bind("attr", ["name"])?;
    let name = text(&required(name, "attr", "name")?, "attr")?;
    match (value, attribute_of(value, &name)) {
        (Value::Dict(_), Attribute::Absent) => {
            Ok(Value::undefined(format!("'dict object' has no attribute '{name}'")))
        }
        _ => interpreter.get_attribute(value, &name),
    }
}

fn plain_text(name: &str, value: &Value, args: Args, meter: &Meter) -> Result<Value> {
    let [] = args.bind(name, [])?;
    let value = str_of(value, meter)?;
    Ok(match name {
        "capitalize" => Value::from(pystr::capitalize(&value)),
        "lower" => Value::from(value.to_lowercase()),
        "upper" => Value::from(value.to_uppercase()),
        "title" => Value::from(title(&value)),
        "wordcount" => Value::Int(word_count(&value)),
        _ => Value::from(value),
    })
}

fn title(value: &str) -> String {
    let between = |c: char| c == '-' || pystr::is_space(c) || "({[<".contains(c);
    let mut out = String::new();
    let mut rest = value;
    while !rest.is_empty() {
        let gap = rest.find(|c| !between(c)).unwrap_or(rest.len());
        out.push_str(&rest[..gap]);
        rest = &rest[gap..];
        let end = rest.find(between).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let first = word.chars().next().map_or(0, char::len_utf8);
        out.push_str(&word[..first].to_uppercase());
        out.push_str(&word[first..].to_lowercase());
        rest = after;
    }
    out
}

fn word_count(value: &str) -> i128 {
    let inside = |c: char| c == '_' || pystr::is_alpha(c) || pystr::is_numeric(c);
    value.split(|c| !inside(c)).filter(|word| !word.is_empty()).count() as i128
}

fn text_filter(name: &str, value: &Value, args: Args, meter: &Meter) -> Result<Value> {
    match name {
        "center" => {
            let [width] = args.bind(name, ["width"])?;
            let width = usize::try_from(integer_or(width, 80, name)?).unwrap_or(0);
            let value = str_of(value, meter)?;
            let missing = width.saturating_sub(value.chars().count());
            meter.text(value.len().saturating_add(missing))?;
            Ok(Value::from(center(&value, missing, missing + value.chars().count(), " ")))
        }
        "format" => {
            if !args.positional.is_empty() && !args.named.is_empty() {
                return fail("can't handle positional and keyword arguments at the same time");
            }
            let values = if args.named.is_empty() {
                Value::tuple(args.positional, meter)?
            } else {
                let pair = |(name, value): (std::rc::Rc<str>, Value)| (super::value::Key::text(&name), value);
                Value::dict(args.named.into_iter().map(pair).collect(), meter)?
            };
            percent_format(&str_of(value, meter)?, &values, meter).map(Value::from)
        }
        "indent" => indent(value, args, meter),
        "replace" => {
            let [old, new, count] = args.bind(name, ["old", "new", "count"])?;
            let old = str_of(&required(old, name, "old")?, meter)?;
            let new = str_of(&required(new, name, "new")?, meter)?;
            let count = integer_or(count.filter(|count| !matches!(count, Value::None)), -1, name)?;
            replace(&str_of(value, meter)?, &old, &new, count, meter).map(Value::from)
        }
        "trim" => {
            let [chars] = args.bind(name, ["chars"])?;
            let set = match chars.unwrap_or(Value::None) {
                Value::None => None,
                given => Some(text(&given, name)?),
            };
            Ok(Value::from(strip_text(&str_of(value, meter)?, set.as_deref(), true, true)))
        }
        _ => truncate(value, args, meter),
    }
}

fn indent(value: &Value, args: Args, meter: &Meter) -> Result<Value> {
    let [width, first, blank] = args.bind("indent", ["width", "first", "blank"])?;
    let indention = match width {
        Some(Value::Str(text)) => text.to_string(),
        other => {
            let width = usize::try_from(integer_or(other, 4, "indent")?).unwrap_or(0);
            meter.text(width)?;
            " ".repeat(width)
        }
    };
    let (first, blank) = (flag_or(first, false), flag_or(blank, false));
    // With a line end added, a text that ends in one keeps an empty last line.
    let value = format!("{}\n", text(value, "indent")?);
    let lines = pystr::split_lines(&value, false);
    meter.text(value.len().saturating_add(lines.len().saturating_mul(indention.len())))?;
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        let indented = if index == 0 { first } else { blank || !line.is_empty() };
        out.push_str(if index == 0 { "" } else { "\n" });
        out.push_str(if indented { &indention } else { "" });
        out.push_str(line);
    }
    Ok(Value::from(out))
}

fn truncate(value: &Value, args: Args, meter: &Meter) -> Result<Value> {
    let [length, kill_words, end, leeway] =
        args.bind("truncate", ["length", "killwords", "end", "leeway"])?;
    let length = integer_or(length, 255, "truncate")?;
    let end = end.map_or_else(|| Ok("...".into()), |end| text(&end, "truncate"))?;
    let leeway = integer_or(leeway.filter(|leeway| !matches!(leeway, Value::None)), 5, "truncate")?;
    let room = length - end.chars().count() as i128;
    if room < 0 || leeway < 0 {
        return fail(format!("truncate: expected length >= {}, got {length}", end.chars().count()));
    }
    if value.len().is_some_and(|len| len as i128 <= length.saturating_add(leeway)) {
        return Ok(value.clone());
    }
    let whole = text(value, "truncate")?;
    meter.text(whole.len() + end.len())?;
    let cut: String = whole.chars().take(usize::try_from(room).unwrap_or(0)).collect();
    let kept = match cut.rsplit_once(' ') {
        Some((kept, _)) if !flag_or(kill_words, false) => kept,
        _ => &cut,
    };
    Ok(Value::from(format!("{kept}{end}")))
}

fn number_filter(name: &str, value: &Value, args: Args) -> Result<Value> {
    if let Value::Undefined(message) = value {
        return fail(&**message);
    }
    match name {
        "abs" => {
            let [] = args.bind(name, [])?;
            match value.number() {
                Some(Number::Int(n)) => Ok(Value::Int(n.saturating_abs())),
                Some(Number::Float(x)) => Ok(Value::Float(x.abs())),
                None => fail(format!("bad operand type for abs(): '{}'", value.type_name())),
            }
        }
        "int" => {
            let [default, base] = args.bind(name, ["default", "base"])?;
            let base = integer_or(base, 10, name)?;
            Ok(to_integer(value, base).map_or_else(|| default.unwrap_or(Value::Int(0)), Value::Int))
        }
        "float" => {
            let [default] = args.bind(name, ["default"])?;
            Ok(to_float(value).map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
        }
        "round" => round(value, args),
        _ => file_size(value, args),
    }
}

/// Python's `int(text, base)`, then `int(float(text))`.
fn to_integer(value: &Value, base: i128) -> Option<i128> {
    let truncated = |x: f64| (x.is_finite() && x.abs() < 1.7e38).then(|| x.trunc() as i128);
    match (value, value.number()) {
        (_, Some(Number::Int(n))) => Some(n),
        (_, Some(Number::Float(x))) => truncated(x),
        (Value::Str(text), None) => {
            parse_integer(text, u32::try_from(base).ok()?).or_else(|| truncated(parse_float(text)?))
        }
        _ => None,
    }
}

fn parse_integer(text: &str, base: u32) -> Option<i128> {
    let text = text.trim_matches(pystr::is_space);
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lowered = digits.to_ascii_lowercase();
    let (base, digits) = match (base, lowered.get(..2)) {
        (16 | 0, Some("0x")) => (16, lowered.get(2..)?),
        (8 | 0, Some("0o")) => (8, lowered.get(2..)?),
        (2 | 0, Some("0b")) => (2, lowered.get(2..)?),
        (0, _) => (10, lowered.as_str()),
        (2..=36, _) => (base, lowered.as_str()),
        _ => return None,
    };
    let whole = without_underscores(digits)?;
    if whole.starts_with(['+', '-']) {
        return None;
    }
    let n = i128::from_str_radix(&whole, base).ok()?;
    Some(if negative { -n } else { n })
}

/// Python allows single underscores between digits.
fn without_underscores(digits: &str) -> Option<String> {
    let misplaced = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    (!digits.is_empty() && !misplaced).then(|| digits.replace('_', ""))
}

fn to_float(value: &Value) -> Option<f64> {
    match (value, value.number()) {
        (_, Some(number)) => Some(number.float()),
        (Value::Str(text), None) => parse_float(text),
        _ => None,
    }
}

fn parse_float(text: &str) -> Option<f64> {
    without_underscores(text.trim_matches(pystr::is_space))?.parse().ok()
}

fn round(value: &Value, args: Args) -> Result<Value> {
    let [precision, method] = args.bind("round", ["precision", "method"])?;
    let precision = i32::try_from(integer_or(precision, 0, "round")?).unwrap_or(0).clamp(-300, 300);
    let method = method.map_or_else(|| Ok("common".into()), |method| text(&method, "round"))?;
    let Some(number) = value.number() else {
        return fail(format!("type {} doesn't define __round__ method", value.type_name()));
    };
    let scale = 10f64.powi(precision);
    match (&*method, number) {
        ("common", Number::Int(n)) if precision >= 0 => Ok(Value::Int(n)),
        ("common", Number::Int(n)) => Ok(Value::Int(round_integer(n, -precision))),
        ("common", Number::Float(x)) => Ok(Value::Float(round_float(x, precision))),
        ("ceil", _) => Ok(Value::Float((number.float() * scale).ceil() / scale)),
        ("floor", _) => Ok(Value::Float((number.float() * scale).floor() / scale)),
        _ => fail("method must be common, ceil or floor"),
    }
}

fn round_float(x: f64, precision: i32) -> f64 {
    if !x.is_finite() {
        return x;
    }
    match usize::try_from(precision) {
        Ok(decimals) => format!("{x:.decimals$}").parse().unwrap_or(x),
        Err(_) => {
            let scale = 10f64.powi(-precision);
            (x / scale).round_ties_even() * scale
        }
    }
}

fn round_integer(n: i128, zeros: i32) -> i128 {
    let Some(unit) = u32::try_from(zeros).ok().and_then(|zeros| 10i128.checked_pow(zeros)) else { return 0 };
    let (quotient, rest) = (n.div_euclid(unit), n.rem_euclid(unit));
    let half = unit / 2;
    let up = rest > half || (rest == half && unit > 1 && quotient % 2 != 0);
    (quotient + i128::from(up)).checked_mul(unit).unwrap_or(n)
}

fn file_size(value: &Value, args: Args) -> Result<Value> {
    let [binary] = args.bind("filesizeformat", ["binary"])?;
    let binary = flag_or(binary, false);
    let Some(bytes) = to_float(value) else {
        return fail("filesizeformat: could not convert to a number");
    };
    let base = if binary { 1024.0 } else { 1000.0 };
    if bytes == 1.0 {
        return Ok(Value::from("1 Byte"));
    }
    if bytes < base {
        return Ok(Value::from(format!("{} Bytes", bytes.trunc() as i128)));
    }
    let letters = if binary { "KMGTPEZY" } else { "kMGTPEZY" };
    let suffix = if binary { "iB" } else { "B" };
    let mut unit = base;
    let mut shown = String::new();
    for letter in letters.chars() {
        unit *= base;
        shown = format!("{} {letter}{suffix}", float_digits(base * bytes / unit, 'f', 1, false));
        if bytes < unit {
            break;
        }
    }
    Ok(Value::from(shown))
}
