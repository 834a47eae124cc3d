//! `strftime_now`: C's strftime as glibc has it in its own locale, and Python's `%f`.

use super::error::{fail, Result};

/// Local time, split (HeadroomTextTime of the C header).
#[repr(C)]
#[derive(Clone)]
pub struct Moment {
    pub epoch_seconds: i64,
    pub microsecond: i32,
    pub year: i32,
    pub month: i32,
    pub day: i32,
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
    /// 0 is Sunday.
    pub week_day: i32,
    /// 1 to 366.
    pub day_of_year: i32,
}

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const MAX_LENGTH: usize = 1 << 20;

/// glibc's marks between the % and the letter: `-` no padding, `_` blanks, `0` zeros, `^` and `#` change case.
#[derive(Clone, Copy, Default)]
struct Flags {
    padding: Option<char>,
    upper: bool,
    swap: bool,
    width: usize,
}

impl Flags {
    fn number(self, n: i64, digits: usize, usual: char) -> String {
        let digits = digits.max(self.width);
        let text = n.unsigned_abs().to_string();
        let missing = digits.saturating_sub(text.len() + usize::from(n < 0));
        let sign = if n < 0 { "-" } else { "" };
        match self.padding.unwrap_or(usual) {
            '-' => format!("{sign}{text}"),
            '_' => format!("{}{sign}{text}", " ".repeat(missing)),
            _ => format!("{sign}{}{text}", "0".repeat(missing)),
        }
    }

    fn text(self, text: &str) -> String {
        let text = if self.upper || self.swap { text.to_uppercase() } else { text.to_owned() };
        let fill = if self.padding == Some('0') { "0" } else { " " };
        fill.repeat(self.width.saturating_sub(text.len())) + &text
    }
}

pub fn strftime(moment: &Moment, format: &str) -> Result<String> {
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let sequence = &rest[at..];
        let (flags, letter, length) = read_sequence(sequence);
        match letter.and_then(|letter| expand(moment, letter, flags)) {
            Some(text) => out.push_str(&text),
            None => out.push_str(&sequence[..length]),
        }
        rest = &sequence[length..];
        if out.len() > MAX_LENGTH {
            return fail(format!("strftime_now: the format makes a text of more than {MAX_LENGTH} bytes"));
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The flags and the letter of "%-d…", and how long the sequence is.
fn read_sequence(sequence: &str) -> (Flags, Option<char>, usize) {
    let mut flags = Flags::default();
    let mut chars = sequence.char_indices().skip(1).peekable();
    while let Some((_, flag)) = chars.next_if(|(_, c)| "-_0^#".contains(*c)) {
        match flag {
            '^' => flags.upper = true,
            '#' => flags.swap = true,
            padding => flags.padding = Some(padding),
        }
    }
    while let Some((_, digit)) = chars.next_if(|(_, c)| c.is_ascii_digit()) {
        flags.width = (flags.width * 10 + digit as usize - '0' as usize).min(1024);
    }
    // E and O ask for another calendar or other digits, which this locale does not have.
    chars.next_if(|(_, c)| "EO".contains(*c));
    match chars.next() {
        Some((at, letter)) => (flags, Some(letter), at + letter.len_utf8()),
        None => (flags, None, sequence.len()),
    }
}

fn expand(m: &Moment, letter: char, flags: Flags) -> Option<String> {
    let week_day = m.week_day.rem_euclid(7) as usize;
    let month = (m.month - 1).rem_euclid(12) as usize;
    let hour12 = i64::from((m.hour + 11).rem_euclid(12) + 1);
    let number = |n: i32, digits: usize| flags.number(i64::from(n), digits, '0');
    let blank = |n: i64| flags.number(n, 2, '_');
    let nested = |format: &str| strftime(m, format).ok().map(|text| flags.text(&text));
    Some(match letter {
        'a' => flags.text(&DAYS[week_day][..3]),
        'A' => flags.text(DAYS[week_day]),
        'b' | 'h' => flags.text(&MONTHS[month][..3]),
        'B' => flags.text(MONTHS[month]),
        'c' => return nested("%a %b %e %H:%M:%S %Y"),
        'C' => number(m.year.div_euclid(100), 2),
        'd' => number(m.day, 2),
        'D' | 'x' => return nested("%m/%d/%y"),
        'e' => blank(i64::from(m.day)),
        'f' => format!("{:06}", m.microsecond),
        'F' => return nested("%Y-%m-%d"),
        'g' => number(iso_week(m).0.rem_euclid(100), 2),
        'G' => number(iso_week(m).0, 1),
        'H' => number(m.hour, 2),
        'I' => flags.number(hour12, 2, '0'),
        'j' => number(m.day_of_year, 3),
        'k' => blank(i64::from(m.hour)),
        'l' => blank(hour12),
        'm' => number(m.month, 2),
        'M' => number(m.minute, 2),
        'n' => "\n".into(),
        'p' => {
            let half = if m.hour < 12 { "AM" } else { "PM" };
            if flags.swap {
                half.to_lowercase()
            } else {
                flags.text(half)
            }
        }
        'P' => if m.hour < 12 { "am" } else { "pm" }.into(),
        'r' => return nested("%I:%M:%S %p"),
        'R' => return nested("%H:%M"),
        's' => flags.number(m.epoch_seconds, 1, '0'),
        'S' => number(m.second, 2),
        't' => "\t".into(),
        'T' | 'X' => return nested("%H:%M:%S"),
        'u' => number((m.week_day + 6).rem_euclid(7) + 1, 1),
        'U' => number((m.day_of_year + 6 - m.week_day) / 7, 2),
        'V' => number(iso_week(m).1, 2),
        'w' => number(m.week_day, 1),
        'W' => number((m.day_of_year + 6 - (m.week_day + 6).rem_euclid(7)) / 7, 2),
        'y' => number(m.year.rem_euclid(100), 2),
        'Y' => number(m.year, 1),
        // Python's clock has no zone here, so both are empty.
        'z' | 'Z' => String::new(),
        '%' => "%".into(),
        _ => return None,
    })
}

/// ISO 8601's year and week.
fn iso_week(m: &Moment) -> (i32, i32) {
    let from_monday = (m.week_day + 6).rem_euclid(7);
    let week = (m.day_of_year - 1 - from_monday + 10).div_euclid(7);
    if week < 1 {
        return (m.year - 1, weeks_in(m.year - 1));
    }
    if week > weeks_in(m.year) {
        return (m.year + 1, 1);
    }
    (m.year, week)
}

fn weeks_in(year: i32) -> i32 {
    let last_day =
        |year: i32| (year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400)).rem_euclid(7);
    if last_day(year) == 4 || last_day(year - 1) == 3 {
        53
    } else {
        52
    }
}
