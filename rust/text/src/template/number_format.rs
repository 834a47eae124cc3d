//! Numbers as C's printf and Python's format write them.

/// `%e` of a non-negative number: "1.50e+20".
fn scientific(x: f64, precision: usize) -> String {
    let text = format!("{x:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `%g` of a non-negative number. `alternate` keeps the zeros at the end.
fn general(x: f64, precision: usize, alternate: bool) -> String {
    let precision = precision.max(1);
    let probe = scientific(x, precision - 1);
    let exponent: i32 = probe.rsplit_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    if exponent < -4 || exponent >= precision as i32 {
        let (mantissa, tail) = probe.split_once('e').unwrap_or((&probe, ""));
        return format!("{}e{tail}", trimmed(mantissa, alternate));
    }
    let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
    trimmed(&format!("{x:.decimals$}"), alternate)
}

fn trimmed(digits: &str, alternate: bool) -> String {
    if alternate || !digits.contains('.') {
        return digits.to_owned();
    }
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One of the conversions e, E, f, F, g, G, without a sign.
pub fn float_digits(x: f64, kind: char, precision: usize, alternate: bool) -> String {
    let x = x.abs();
    let text = if !x.is_finite() {
        if x.is_nan() { "nan" } else { "inf" }.to_owned()
    } else {
        match kind.to_ascii_lowercase() {
            'e' => scientific(x, precision),
            'g' => general(x, precision, alternate),
            _ => format!("{x:.precision$}"),
        }
    };
    if kind.is_ascii_uppercase() {
        text.to_uppercase()
    } else {
        text
    }
}

/// The digits of an integer in base 2, 8, 10 or 16, without a sign.
pub fn integer_digits(n: i128, kind: char) -> String {
    let n = n.unsigned_abs();
    match kind {
        'b' => format!("{n:b}"),
        'o' => format!("{n:o}"),
        'x' => format!("{n:x}"),
        'X' => format!("{n:X}"),
        _ => n.to_string(),
    }
}

/// "1234567.5" with a mark between groups of digits before the point.
pub fn grouped(digits: &str, mark: char, size: usize) -> String {
    let split = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
    let (whole, rest) = digits.split_at(split);
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % size == 0 {
            out.push(mark);
        }
        out.push(digit);
    }
    out + rest
}
