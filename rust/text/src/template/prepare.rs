//! Makes of a Jinja2 template the text that minijinja's parser reads the same way: line ends, string literals,
//! the `generation` tag. Refuses here what that parser lets pass, and what would exhaust its stack.

use super::error::{Error, Result};

const MAX_SOURCE: usize = 1 << 20;
/// Tokens in one tag: the parser recurses for some of them, the evaluation for most.
const MAX_TOKENS: usize = 8_000;
const MAX_ELIFS: usize = 2_000;

fn fail_at<T>(line: usize, message: impl Into<String>) -> Result<T> {
    Err(Error::Failed { line, message: message.into() })
}

pub fn prepare(source: &str) -> Result<String> {
    if source.len() > MAX_SOURCE {
        return fail_at(0, format!("the template has {} bytes; the limit is {MAX_SOURCE}", source.len()));
    }
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let source = source.strip_suffix('\n').unwrap_or(&source);
    let mut scanner = Scanner {
        rest: source,
        out: String::with_capacity(source.len()),
        line: 1,
        open: Vec::new(),
        elifs: 0,
    };
    scanner.run()?;
    Ok(scanner.out)
}

struct Scanner<'a> {
    rest: &'a str,
    out: String,
    line: usize,
    /// The tags that wait for their end, with their lines.
    open: Vec<(&'static str, usize)>,
    elifs: usize,
}

/// Tags with an end of their own.
const BLOCKS: &[&str] =
    &["for", "if", "with", "macro", "call", "filter", "block", "autoescape", "generation"];

impl<'a> Scanner<'a> {
    fn run(&mut self) -> Result<()> {
        while let Some(at) = self.next_tag() {
            self.copy(at);
            match self.rest.as_bytes()[1] {
                b'#' => self.comment()?,
                b'{' => self.tag("}}", 2)?,
                _ => match raw_length(self.rest) {
                    Some(length) => self.raw(length)?,
                    None => self.statement()?,
                },
            }
        }
        self.copy(self.rest.len());
        match self.open.pop() {
            Some((name, line)) => fail_at(line, format!("the tag '{name}' has no 'end{name}'")),
            None => Ok(()),
        }
    }

    fn next_tag(&self) -> Option<usize> {
        let bytes = self.rest.as_bytes();
        (0..bytes.len().saturating_sub(1)).find(|at| bytes[*at] == b'{' && b"{%#".contains(&bytes[at + 1]))
    }

    fn skip(&mut self, length: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at(length);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
        skipped
    }

    fn copy(&mut self, length: usize) {
        let copied = self.skip(length);
        self.out.push_str(copied);
    }

    fn comment(&mut self) -> Result<()> {
        match self.rest[2..].find("#}") {
            Some(length) => self.copy(length + 4),
            None => return fail_at(self.line, "Missing end of comment tag"),
        }
        Ok(())
    }

    fn raw(&mut self, opening: usize) -> Result<()> {
        let mut at = opening;
        while let Some(next) = self.rest[at..].find("{%") {
            at += next;
            if let Some(length) = marker_length(&self.rest[at..], "endraw") {
                // Jinja2 keeps the line end after this tag, the parser only where a + asks for it.
                let head = self.skip(opening);
                let open = head.strip_suffix("%}").unwrap_or(head);
                self.out.push_str(open);
                self.out.push_str(if open.ends_with('-') { "%}" } else { "+%}" });
                self.copy(at + length - opening);
                return Ok(());
            }
            at += 2;
        }
        fail_at(self.line, "Missing end of raw directive")
    }

    fn statement(&mut self) -> Result<()> {
        let sign = usize::from(matches!(self.rest.as_bytes().get(2), Some(b'-' | b'+')));
        let line = self.line;
        self.copy(2 + sign);
        let blanks = self.rest.len() - self.rest.trim_start().len();
        self.copy(blanks);
        let end = self.rest.find(|c: char| !(c == '_' || c.is_alphanumeric())).unwrap_or(self.rest.len());
        let name = self.skip(end);
        self.out.push_str(match name {
            "generation" => "with",
            "endgeneration" => "endwith",
            name => name,
        });
        let body = self.out.len();
        self.tag("%}", 0)?;
        let is_block = match name {
            "set" => opens_set_block(&self.out[body..]),
            name => BLOCKS.contains(&name),
        };
        self.track(name, is_block, line)
    }

    fn track(&mut self, name: &str, is_block: bool, line: usize) -> Result<()> {
        if is_block {
            let name = BLOCKS.iter().find(|block| **block == name).unwrap_or(&"set");
            self.open.push((name, line));
            return Ok(());
        }
        if name == "do" {
            return fail_at(line, "Encountered unknown tag 'do'.");
        }
        if name == "elif" {
            self.elifs += 1;
            if self.elifs > MAX_ELIFS {
                return fail_at(line, format!("more than {MAX_ELIFS} elif tags"));
            }
        }
        let Some(ended) = name.strip_prefix("end") else { return Ok(()) };
        match self.open.pop() {
            Some((open, _)) if open == ended => Ok(()),
            Some((open, at)) => fail_at(line, format!("'{name}' where 'end{open}' of line {at} is expected")),
            None => fail_at(line, format!("Encountered unknown tag '{name}'.")),
        }
    }

    /// Copies up to and with `end`, texts rewritten. The first `head` bytes open the tag.
    fn tag(&mut self, end: &str, head: usize) -> Result<()> {
        let line = self.line;
        self.copy(head);
        let (mut depth, mut tokens) = (0usize, 0);
        while let Some(c) = self.rest.chars().next() {
            if depth == 0 && self.rest.starts_with(end) {
                self.copy(end.len());
                return Ok(());
            }
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if c.is_whitespace() {
                self.copy(c.len_utf8());
                continue;
            }
            tokens += 1;
            if tokens > MAX_TOKENS {
                return fail_at(line, format!("a tag of more than {MAX_TOKENS} words and signs"));
            }
            let word =
                self.rest.find(|c: char| !(c == '_' || c.is_alphanumeric())).unwrap_or(self.rest.len());
            match c {
                '\'' | '"' => self.literal(c)?,
                _ if word > 0 => self.copy(word),
                _ => self.copy(c.len_utf8()),
            }
        }
        fail_at(line, "unexpected end of template inside a tag")
    }

    /// A text in quotes, its escapes read as Python reads them.
    fn literal(&mut self, quote: char) -> Result<()> {
        let line = self.line;
        let mut escaped = false;
        let inside = &self.rest[1..];
        let end = inside.find(|c: char| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else { return fail_at(line, "a text without its closing quote") };
        let text = unescape(&inside[..end]).map_err(|message| Error::Failed { line, message })?;
        self.skip(end + 2);
        self.out.push('"');
        for c in text.chars() {
            match c {
                '\\' => self.out.push_str("\\\\"),
                '"' => self.out.push_str("\\\""),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
        Ok(())
    }
}

/// "{% raw %}" and its variants; its length.
fn raw_length(text: &str) -> Option<usize> {
    marker_length(text, "raw")
}

fn marker_length(text: &str, name: &str) -> Option<usize> {
    let rest = text.strip_prefix("{%")?;
    let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest).trim_start();
    let rest = rest.strip_prefix(name)?.trim_start();
    let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest).strip_prefix("%}")?;
    Some(text.len() - rest.len())
}

/// "{% set x %}" and "{% set x | filter %}" open a block; "{% set x = 1 %}" does not.
fn opens_set_block(body: &str) -> bool {
    let is_target = |c: char| c == '_' || c.is_alphanumeric() || c.is_whitespace() || "(),.".contains(c);
    let after = body.trim_start_matches(is_target);
    after.starts_with(['|', '%', '-', '+'])
}

/// What Python's "unicode-escape" makes of a literal.
fn unescape(text: &str) -> std::result::Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            None => out.push('\\'),
            Some('\n') => {}
            Some(c @ ('\\' | '\'' | '"')) => out.push(c),
            Some('a') => out.push('\u{7}'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('v') => out.push('\u{b}'),
            Some('x') => out.push(hexadecimal(&mut chars, 2)?),
            Some('u') => out.push(hexadecimal(&mut chars, 4)?),
            Some('U') => out.push(hexadecimal(&mut chars, 8)?),
            Some('N') => return Err("a character by its name (\\N{…}) is not supported".into()),
            Some(first @ '0'..='7') => out.push(octal(first, &mut chars)),
            Some(other) if !other.is_ascii() => out.push_str(&backslashed(other)),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    Ok(out)
}

fn hexadecimal(chars: &mut std::str::Chars, digits: usize) -> std::result::Result<char, String> {
    let text: String = chars.by_ref().take(digits).collect();
    let code = u32::from_str_radix(&text, 16).ok().filter(|_| text.chars().count() == digits);
    match code.map(|code| (code, char::from_u32(code))) {
        Some((_, Some(c))) => Ok(c),
        Some((code, None)) => Err(format!("the escape of {code:#x} is not a character")),
        None => Err(format!("an escape needs {digits} hexadecimal digits, not '{text}'")),
    }
}

fn octal(first: char, chars: &mut std::str::Chars) -> char {
    let mut code = first as u32 - '0' as u32;
    for _ in 0..2 {
        let mut ahead = chars.clone();
        let Some(digit) = ahead.next().and_then(|c| c.to_digit(8)) else { break };
        code = code * 8 + digit;
        *chars = ahead;
    }
    char::from_u32(code).unwrap_or('\u{fffd}')
}

/// Jinja writes other letters as escapes first, so a backslash before one meets another backslash.
fn backslashed(c: char) -> String {
    match c as u32 {
        code @ 0..=0xff => format!("\\x{code:02x}"),
        code @ 0x100..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}
