//! Chat templates, rendered as Transformers renders them with Jinja2.

mod arguments;
mod error;
mod filters;
mod format;
mod interpreter;
mod is_tests;
mod json;
mod markup_filters;
mod meter;
mod methods;
mod number_format;
mod objects;
mod operators;
mod prepare;
mod pystr;
mod repr;
mod scope;
mod sequence_filters;
mod statements;
mod str_format;
mod strftime;
mod value;

use std::any::Any;

use minijinja::machinery::{self, ast, WhitespaceConfig};
use minijinja::syntax::SyntaxConfig;

pub use error::Error;
use error::Result;
pub use strftime::Moment;

/// Whether the template can be parsed.
pub fn check(source: &str) -> Result<()> {
    on_own_stack(|| parse(&prepare::prepare(source)?).map(|_| ()))
}

/// Renders the template with the variables of a JSON table.
pub fn render(source: &str, variables: &str, moment: &Moment) -> Result<String> {
    on_own_stack(|| {
        let prepared = prepare::prepare(source)?;
        let template = parse(&prepared)?;
        let interpreter = interpreter::Interpreter::new(&prepared, moment);
        let variables = json::parse_table(variables, &interpreter.meter)?;
        interpreter.run(&template, variables)
    })
}

fn parse(prepared: &str) -> Result<ast::Stmt<'_>> {
    let whitespace = WhitespaceConfig { keep_trailing_newline: true, lstrip_blocks: true, trim_blocks: true };
    machinery::parse(prepared, "template", SyntaxConfig, whitespace).map_err(|error| {
        Error::Failed {
            line: error.line().unwrap_or(0),
            message: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
        }
    })
}

/// Foreign templates may nest deeply; the caller's stack may be small.
fn on_own_stack<T: Send>(body: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("template".into()).stack_size(meter::STACK);
        match thread.spawn_scoped(scope, body) {
            Ok(running) => running.join().unwrap_or_else(|panic| Err(Error::Bug(panic_message(panic)))),
            Err(error) => Err(Error::Limit(format!("cannot start a thread for the template: {error}"))),
        }
    })
}

pub fn panic_message(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().unwrap_or(&"a panic without words").to_string(),
    }
}
