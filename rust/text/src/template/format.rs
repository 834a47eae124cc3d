//! `'%s' % x`, and the format specifications of `str.format`.

use super::error::{fail, Result};
use super::meter::{Meter, MAX_TEXT};

use super::number_format::{float_digits, grouped, integer_digits};
use super::repr::{float_repr, is_printable, repr_of, str_of};
use super::value::{Key, Number, Value};

/// The decimals that Rust's own formatting can be asked for; no float has as many.
const MAX_PRECISION: usize = 60_000;

#[derive(Default)]
struct Conversion {
    key: Option<String>,
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

/// Where the values of one `%` come from.
struct Arguments<'a> {
    value: &'a Value,
    next: usize,
}

impl Arguments<'_> {
    fn take(&mut self) -> Result<Value> {
        let found = match self.value {
            Value::Tuple(seq) => seq.items.get(self.next).cloned(),
            other if self.next == 0 => Some(other.clone()),
            _ => None,
        };
        self.next += 1;
        found.map_or_else(|| fail("not enough arguments for format string"), Ok)
    }

    fn named(&mut self, key: &str) -> Result<Value> {
        match self.value {
            Value::Dict(dict) => match dict.map.get(&Key::text(key)) {
                Some(value) => Ok(value.clone()),
                None => fail(format!("KeyError: '{key}'")),
            },
            _ => fail("format requires a mapping"),
        }
    }

    fn finish(&self) -> Result<()> {
        let complete = match self.value {
            Value::Tuple(seq) => self.next >= seq.items.len(),
            Value::Dict(_) | Value::List(_) => true,
            _ => self.next > 0,
        };
        if complete {
            return Ok(());
        }
        fail("not all arguments converted during string formatting")
    }
}

pub fn percent_format(template: &str, value: &Value, meter: &Meter) -> Result<String> {
    if let Value::Undefined(message) = value {
        if !template.contains('%') {
            return fail(&**message);
        }
    }
    let mut out = String::new();
    let mut arguments = Arguments { value, next: 0 };
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let conversion = read_conversion(&mut chars, &mut arguments)?;
        if conversion.kind == '%' {
            out.push('%');
            continue;
        }
        let argument = match &conversion.key {
            Some(key) => arguments.named(key)?,
            None => arguments.take()?,
        };
        let piece = convert(&conversion, &argument, meter)?;
        meter.grow(out.len(), piece.len())?;
        out.push_str(&piece);
    }
    arguments.finish()?;
    Ok(out)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn read_conversion(chars: &mut Chars, arguments: &mut Arguments) -> Result<Conversion> {
    let mut conversion = Conversion::default();
    if chars.next_if_eq(&'(').is_some() {
        conversion.key = Some(read_key(chars)?);
    }
    while let Some(flag) = chars.next_if(|c| "-+ #0".contains(*c)) {
        match flag {
            '-' => conversion.left = true,
            '+' => conversion.plus = true,
            ' ' => conversion.blank = true,
            '#' => conversion.alternate = true,
            _ => conversion.zero = true,
        }
    }
    if let Some(width) = read_size(chars, arguments)? {
        conversion.left |= width < 0;
        conversion.width = width.unsigned_abs() as usize;
    }
    if chars.next_if_eq(&'.').is_some() {
        conversion.precision = Some(read_size(chars, arguments)?.unwrap_or(0).max(0) as usize);
    }
    while chars.next_if(|c| "hlL".contains(*c)).is_some() {}
    match chars.next() {
        Some(kind) => conversion.kind = kind,
        None => return fail("incomplete format"),
    }
    if conversion.width > MAX_TEXT || conversion.precision.unwrap_or(0) > MAX_PRECISION {
        return fail("width or precision too large");
    }
    Ok(conversion)
}

fn read_key(chars: &mut Chars) -> Result<String> {
    let mut key = String::new();
    let mut open = 1;
    for c in chars {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Ok(key);
        }
        key.push(c);
    }
    fail("incomplete format key")
}

fn read_size(chars: &mut Chars, arguments: &mut Arguments) -> Result<Option<i64>> {
    if chars.next_if_eq(&'*').is_some() {
        let Some(size) = arguments.take()?.integer().and_then(|n| i64::try_from(n).ok()) else {
            return fail("* wants int");
        };
        return Ok(Some(size));
    }
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    if digits.is_empty() {
        return Ok(None);
    }
    digits.parse().map_or_else(|_| fail("width too big"), |size| Ok(Some(size)))
}

fn convert(conversion: &Conversion, value: &Value, meter: &Meter) -> Result<String> {
    let kind = conversion.kind;
    match kind {
        's' | 'r' | 'a' => {
            let text = match kind {
                's' => str_of(value, meter)?,
                'r' => repr_of(value, meter)?,
                _ => ascii_of(value, meter)?,
            };
            let cut = match conversion.precision {
                Some(precision) => text.chars().take(precision).collect(),
                None => text,
            };
            padded(conversion, "", &cut, false, meter)
        }
        'c' => {
            let letter = match value {
                Value::Str(text) if text.chars().count() == 1 => text.to_string(),
                other => match other.integer().and_then(|n| u32::try_from(n).ok()).and_then(char::from_u32) {
                    Some(c) => c.to_string(),
                    None => return fail("%c requires int or char"),
                },
            };
            padded(conversion, "", &letter, false, meter)
        }
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' => percent_integer(conversion, value, meter),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let Some(number) = value.number() else {
                return fail(format!("must be real number, not {}", value.type_name()));
            };
            let x = number.float();
            let precision = conversion.precision.unwrap_or(6);
            meter.text(precision)?;
            let digits = float_digits(x, kind, precision, conversion.alternate);
            let negative = x.is_sign_negative() && !x.is_nan();
            padded(conversion, sign_of(conversion, negative), &digits, x.is_finite(), meter)
        }
        other => fail(format!("unsupported format character '{other}' ({:#x})", other as u32)),
    }
}

fn percent_integer(conversion: &Conversion, value: &Value, meter: &Meter) -> Result<String> {
    let kind = conversion.kind;
    let n = match value.number() {
        Some(Number::Int(n)) => n,
        Some(Number::Float(x)) if !"xXo".contains(kind) && x.is_finite() => x.trunc() as i128,
        _ => return fail(format!("%{kind} format: a real number is required, not {}", value.type_name())),
    };
    let mut digits = integer_digits(n, kind);
    if let Some(precision) = conversion.precision {
        meter.text(precision)?;
        digits = "0".repeat(precision.saturating_sub(digits.len())) + &digits;
    }
    let prefix = match kind {
        'x' if conversion.alternate => "0x",
        'X' if conversion.alternate => "0X",
        'o' if conversion.alternate => "0o",
        _ => "",
    };
    let sign = format!("{}{prefix}", sign_of(conversion, n < 0));
    padded(conversion, &sign, &digits, true, meter)
}

fn sign_of(conversion: &Conversion, negative: bool) -> &'static str {
    match (negative, conversion.plus, conversion.blank) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    }
}

fn padded(conversion: &Conversion, sign: &str, body: &str, number: bool, meter: &Meter) -> Result<String> {
    let length = sign.chars().count() + body.chars().count();
    let missing = conversion.width.saturating_sub(length);
    meter.text(body.len() + missing)?;
    Ok(if conversion.left {
        format!("{sign}{body}{}", " ".repeat(missing))
    } else if conversion.zero && number {
        format!("{sign}{}{body}", "0".repeat(missing))
    } else {
        format!("{}{sign}{body}", " ".repeat(missing))
    })
}

/// Python's `ascii()`.
pub fn ascii_of(value: &Value, meter: &Meter) -> Result<String> {
    let mut out = String::new();
    for c in repr_of(value, meter)?.chars() {
        match c as u32 {
            0..=0x7f => out.push(c),
            code @ 0x80..=0xff => out.push_str(&format!("\\x{code:02x}")),
            code @ 0x100..=0xffff => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    Ok(out)
}

/// `[[fill]align][sign][#][0][width][,][.precision][type]`.
#[derive(Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    mark: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

fn read_spec(text: &str) -> Result<Spec> {
    let mut spec = Spec::default();
    let mut chars: Vec<char> = text.chars().collect();
    let is_align = |c: Option<&char>| c.is_some_and(|c| "<>=^".contains(*c));
    if is_align(chars.get(1)) {
        spec.fill = Some(chars[0]);
        spec.align = Some(chars[1]);
        chars.drain(..2);
    } else if is_align(chars.first()) {
        spec.align = Some(chars.remove(0));
    }
    let mut rest = chars.into_iter().peekable();
    spec.sign = rest.next_if(|c| "+- ".contains(*c));
    spec.alternate = rest.next_if_eq(&'#').is_some();
    spec.zero = rest.next_if_eq(&'0').is_some();
    let number = |rest: &mut std::iter::Peekable<std::vec::IntoIter<char>>| -> Result<Option<usize>> {
        let mut digits = String::new();
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        match digits.parse::<usize>() {
            _ if digits.is_empty() => Ok(None),
            Ok(size) if size <= MAX_TEXT => Ok(Some(size)),
            _ => fail("Too many decimal digits in format string"),
        }
    };
    spec.width = number(&mut rest)?.unwrap_or(0);
    spec.mark = rest.next_if(|c| ",_".contains(*c));
    if rest.next_if_eq(&'.').is_some() {
        spec.precision = number(&mut rest)?;
        match spec.precision {
            None => return fail("Format specifier missing precision"),
            Some(precision) if precision > MAX_PRECISION => {
                return fail("Too many decimal digits in format string")
            }
            Some(_) => {}
        }
    }
    spec.kind = rest.next();
    if rest.next().is_some() {
        return fail(format!("Invalid format specifier '{text}'"));
    }
    Ok(spec)
}

/// `format(value, spec)`.
pub fn format_value(value: &Value, spec: &str, meter: &Meter) -> Result<String> {
    if spec.is_empty() {
        return str_of(value, meter);
    }
    let parsed = read_spec(spec)?;
    match (value, value.number()) {
        (Value::Str(text), _) => {
            if parsed.kind.is_some_and(|kind| kind != 's') {
                return unknown_code(parsed.kind, value);
            }
            let cut: String = text.chars().take(parsed.precision.unwrap_or(usize::MAX)).collect();
            aligned(&parsed, "", &cut, '<', meter)
        }
        (_, Some(Number::Int(n))) => format_integer(&parsed, n, value, meter),
        (_, Some(Number::Float(x))) => format_float(&parsed, x, value, meter),
        _ => fail(format!("unsupported format string passed to {}.__format__", value.type_name())),
    }
}

fn unknown_code<T>(kind: Option<char>, value: &Value) -> Result<T> {
    fail(format!("Unknown format code '{}' for object of type '{}'", kind.unwrap_or(' '), value.type_name()))
}

fn spec_sign(spec: &Spec, negative: bool) -> &'static str {
    match (negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    }
}

fn format_integer(spec: &Spec, n: i128, value: &Value, meter: &Meter) -> Result<String> {
    let kind = spec.kind.unwrap_or('d');
    if "eEfFgG%".contains(kind) {
        return format_float(spec, n as f64, value, meter);
    }
    if kind == 'c' {
        let letter = u32::try_from(n).ok().and_then(char::from_u32);
        let Some(letter) = letter else { return fail("%c arg not in range(0x110000)") };
        return aligned(spec, "", &letter.to_string(), '<', meter);
    }
    if !"bcdoxXn".contains(kind) {
        return unknown_code(spec.kind, value);
    }
    if spec.precision.is_some() {
        return fail("Precision not allowed in integer format specifier");
    }
    let mut digits = integer_digits(n, kind);
    if let Some(mark) = spec.mark {
        digits = grouped(&digits, mark, if "boxX".contains(kind) { 4 } else { 3 });
    }
    let prefix = match kind {
        'b' | 'o' | 'x' | 'X' if spec.alternate => format!("0{kind}"),
        _ => String::new(),
    };
    aligned(spec, &format!("{}{prefix}", spec_sign(spec, n < 0)), &digits, '>', meter)
}

fn format_float(spec: &Spec, x: f64, value: &Value, meter: &Meter) -> Result<String> {
    meter.text(spec.precision.unwrap_or(0))?;
    let negative = x.is_sign_negative() && !x.is_nan();
    let mut digits = match (spec.kind, spec.precision) {
        (None, None) => float_repr(x.abs()),
        (None, Some(precision)) => {
            let text = float_digits(x, 'g', precision, spec.alternate);
            let plain = text.chars().all(|c| c.is_ascii_digit());
            let short = plain && text.len() < precision.max(1);
            match (plain, short) {
                (true, true) => text + ".0",
                (true, false) => float_digits(x, 'e', precision.max(1) - 1, false)
                    .split_once('e')
                    .map(|(m, e)| format!("{}e{e}", m.trim_end_matches('0').trim_end_matches('.')))
                    .unwrap_or(text),
                _ => text,
            }
        }
        (Some('%'), precision) => float_digits(x * 100.0, 'f', precision.unwrap_or(6), spec.alternate) + "%",
        (Some('n'), precision) => float_digits(x, 'g', precision.unwrap_or(6), spec.alternate),
        (Some(kind @ ('e' | 'E' | 'f' | 'F' | 'g' | 'G')), precision) => {
            float_digits(x, kind, precision.unwrap_or(6), spec.alternate)
        }
        (kind, _) => return unknown_code(kind, value),
    };
    if let Some(mark) = spec.mark {
        digits = grouped(&digits, mark, 3);
    }
    aligned(spec, spec_sign(spec, negative), &digits, '>', meter)
}

fn aligned(spec: &Spec, sign: &str, body: &str, default: char, meter: &Meter) -> Result<String> {
    let length = sign.chars().count() + body.chars().count();
    let missing = spec.width.saturating_sub(length);
    let fill = spec.fill.unwrap_or(if spec.zero { '0' } else { ' ' });
    let align = spec.align.unwrap_or(if spec.zero && default == '>' { '=' } else { default });
    meter.text(body.len() + missing * fill.len_utf8())?;
    let pad = |count: usize| fill.to_string().repeat(count);
    Ok(match align {
        '<' => format!("{sign}{body}{}", pad(missing)),
        '^' => format!("{}{sign}{body}{}", pad(missing / 2), pad(missing - missing / 2)),
        '=' => format!("{sign}{}{body}", pad(missing)),
        _ => format!("{}{sign}{body}", pad(missing)),
    })
}

/// Whether Python would show every character of the text as it is (`str.isprintable`).
pub fn all_printable(text: &str) -> bool {
    text.chars().all(is_printable)
}
