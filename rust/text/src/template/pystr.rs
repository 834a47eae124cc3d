//! What Python knows about characters and Rust's standard library does not, or says otherwise.

use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory};

pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

pub fn is_alpha(c: char) -> bool {
    matches!(
        c.general_category(),
        Category::UppercaseLetter
            | Category::LowercaseLetter
            | Category::TitlecaseLetter
            | Category::ModifierLetter
            | Category::OtherLetter
    )
}

pub fn is_decimal(c: char) -> bool {
    c.general_category() == Category::DecimalNumber
}

/// Decimal digits and those in circles, brackets and above or below the line.
pub fn is_digit(c: char) -> bool {
    is_decimal(c)
        || matches!(c,
            '\u{b2}' | '\u{b3}' | '\u{b9}' | '\u{2070}' | '\u{2074}'..='\u{2079}' | '\u{2080}'..='\u{2089}'
            | '\u{2460}'..='\u{2468}' | '\u{2474}'..='\u{247c}' | '\u{2488}'..='\u{2490}' | '\u{24ea}'
            | '\u{24f5}'..='\u{24fd}' | '\u{24ff}' | '\u{2776}'..='\u{277e}' | '\u{2780}'..='\u{2788}'
            | '\u{278a}'..='\u{2792}' | '\u{1369}'..='\u{1371}' | '\u{19da}')
}

pub fn is_numeric(c: char) -> bool {
    is_digit(c)
        || matches!(c.general_category(), Category::LetterNumber | Category::OtherNumber)
        || "〇一二三四五六七八九十百千万億兆零壱弐参肆伍陸柒捌玖拾".contains(c)
}

/// The first letter in title case (ß becomes Ss, ǆ becomes ǅ), the rest small.
pub fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return String::new() };
    // Small letters depend on what stands before them (the Greek final sigma), so the whole is lowered.
    let lowered = text.to_lowercase();
    let skip = first.to_lowercase().count();
    title_case(first) + &lowered.chars().skip(skip).collect::<String>()
}

fn title_case(c: char) -> String {
    match c {
        '\u{1c4}'..='\u{1c6}' => "\u{1c5}".into(),
        '\u{1c7}'..='\u{1c9}' => "\u{1c8}".into(),
        '\u{1ca}'..='\u{1cc}' => "\u{1cb}".into(),
        '\u{1f1}'..='\u{1f3}' => "\u{1f2}".into(),
        c => {
            let upper: Vec<char> = c.to_uppercase().collect();
            let rest: String = upper[1..].iter().collect();
            upper[0].to_string() + &rest.to_lowercase()
        }
    }
}

/// `str.title()`: a letter after anything that is not a letter is in title case.
pub fn title(text: &str) -> String {
    let lowered = text.to_lowercase();
    if lowered.chars().count() != text.chars().count() {
        return title_by_letter(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for (c, small) in text.chars().zip(lowered.chars()) {
        if inside {
            out.push(small);
        } else {
            out.push_str(&title_case(c));
        }
        inside = is_cased(c);
    }
    out
}

fn title_by_letter(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.push_str(&title_case(c));
        }
        inside = is_cased(c);
    }
    out
}

pub fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase() || c.general_category() == Category::TitlecaseLetter
}

/// `str.islower()` and `str.isupper()`: some cased letter, and none of the other case.
pub fn all_of_case(text: &str, upper: bool) -> bool {
    let mut found = false;
    for c in text.chars() {
        let title = c.general_category() == Category::TitlecaseLetter;
        let wrong = if upper { c.is_lowercase() } else { c.is_uppercase() };
        if wrong || title {
            return false;
        }
        found |= if upper { c.is_uppercase() } else { c.is_lowercase() };
    }
    found
}

pub fn is_title(text: &str) -> bool {
    let (mut found, mut inside) = (false, false);
    for c in text.chars() {
        let large = c.is_uppercase() || c.general_category() == Category::TitlecaseLetter;
        if large && inside || c.is_lowercase() && !inside {
            return false;
        }
        inside = is_cased(c);
        found |= inside;
    }
    found
}

pub fn swap_case(text: &str) -> String {
    let lowered = text.to_lowercase();
    if lowered.chars().count() == text.chars().count() {
        let swap = |(c, small): (char, char)| match c.is_uppercase() {
            true => small.to_string(),
            false => c.to_uppercase().collect(),
        };
        return text.chars().zip(lowered.chars()).map(swap).collect();
    }
    let swap = |c: char| match c.is_uppercase() {
        true => c.to_lowercase().collect::<String>(),
        false => c.to_uppercase().collect(),
    };
    text.chars().map(swap).collect()
}

pub fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// `str.splitlines()`.
pub fn split_lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !is_line_end(c) {
            continue;
        }
        let mut end = at + c.len_utf8();
        if c == '\r' && chars.peek().is_some_and(|(_, next)| *next == '\n') {
            chars.next();
            end += 1;
        }
        lines.push(if keep_ends { &text[start..end] } else { &text[start..at] });
        start = end;
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}
