//! What can go wrong between a template's text and its output.

use std::fmt;

#[derive(Debug)]
pub enum Error {
    /// `raise_exception` was called: the template's own words.
    Raised(String),
    /// The template does not parse, or fails on these variables. `line` is 0 until a statement adds it.
    Failed { line: usize, message: String },
    /// More steps, depth or text than a template may take.
    Limit(String),
    /// A panic of ours.
    Bug(String),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The line belongs to the innermost statement, so a second one is ignored.
    pub fn at_line(self, at: usize) -> Error {
        match self {
            Error::Failed { line: 0, message } => Error::Failed { line: at, message },
            other => other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Raised(message) | Error::Limit(message) | Error::Bug(message) => f.write_str(message),
            Error::Failed { line: 0, message } => f.write_str(message),
            Error::Failed { line, message } => write!(f, "line {line}: {message}"),
        }
    }
}

pub fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::Failed { line: 0, message: message.into() })
}
