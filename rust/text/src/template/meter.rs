//! The bounds on one rendering. A template is foreign code: it may loop for ever, call itself, or double a
//! text until the memory is full; each must end as an error, soon.

use std::cell::Cell;

use super::error::{fail, Error, Result};

/// Steps of one rendering; a step is a node visited, two items made or 16 bytes written. Published templates take
/// some hundred for each message. With them all texts made stay below 320 MB.
const MAX_STEPS: u64 = 20_000_000;
/// The longest text that a rendering may make, its output included.
pub const MAX_TEXT: usize = 32 << 20;
/// The longest list.
const MAX_ITEMS: usize = 1 << 20;
/// Nested calls, statements and expressions; with `STACK` it leaves some 16 KiB for each level.
const MAX_DEPTH: usize = 8_000;
/// How deep lists and tables may hold each other (Python's own limit on recursion).
pub const MAX_NESTING: u32 = 1_000;
/// The stack of the thread that parses and renders; only what is touched becomes memory.
pub const STACK: usize = 128 << 20;

#[derive(Default)]
pub struct Meter {
    steps: Cell<u64>,
    depth: Cell<usize>,
}

impl Meter {
    pub fn burn(&self, steps: usize) -> Result<()> {
        let used = self.steps.get() + steps as u64;
        self.steps.set(used);
        if used > MAX_STEPS {
            return Err(Error::Limit(format!(
                "the template took more than {MAX_STEPS} steps; it loops for ever or builds far too much"
            )));
        }
        Ok(())
    }

    /// Adds to a text; paid for is what is added.
    pub fn append(&self, out: &mut String, more: &str) -> Result<()> {
        self.grow(out.len(), more.len())?;
        out.push_str(more);
        Ok(())
    }

    /// To be asked before `added` bytes are put to a text of `length`.
    pub fn grow(&self, length: usize, added: usize) -> Result<()> {
        if length.saturating_add(added) > MAX_TEXT {
            return self.text(length.saturating_add(added));
        }
        self.burn(added / 16 + 1)
    }

    /// To be asked before a text of that many bytes is made.
    pub fn text(&self, bytes: usize) -> Result<()> {
        if bytes > MAX_TEXT {
            return Err(Error::Limit(format!(
                "the template makes a text of {bytes} bytes; the limit is {MAX_TEXT}"
            )));
        }
        self.burn(bytes / 16 + 1)
    }

    /// To be asked before a list of that many items is made.
    pub fn items(&self, count: usize) -> Result<()> {
        if count > MAX_ITEMS {
            return Err(Error::Limit(format!(
                "the template makes a list of {count} items; the limit is {MAX_ITEMS}"
            )));
        }
        self.burn(count / 2 + 1)
    }

    pub fn nesting(&self, depth: u32) -> Result<()> {
        if depth > MAX_NESTING {
            return fail(format!("lists and tables are nested deeper than {MAX_NESTING} levels"));
        }
        Ok(())
    }

    pub fn enter(&self) -> Result<Level<'_>> {
        let depth = self.depth.get() + 1;
        if depth > MAX_DEPTH {
            return Err(Error::Limit(format!("the template is nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth.set(depth);
        Ok(Level { meter: self })
    }
}

/// One level of depth, left when dropped.
pub struct Level<'m> {
    meter: &'m Meter,
}

impl Drop for Level<'_> {
    fn drop(&mut self) {
        self.meter.depth.set(self.meter.depth.get() - 1);
    }
}
