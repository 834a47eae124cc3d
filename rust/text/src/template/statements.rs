//! The statements: output, conditions, loops, assignments, macros, blocks.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use minijinja::machinery::ast::{self, Expr, Stmt};

use super::arguments::Args;
use super::error::{fail, Result};
use super::interpreter::Interpreter;
use super::repr::write_str;
use super::scope::Scope;
use super::value::{Key, LoopState, MacroRef, Value};

/// How a statement ended.
#[derive(Clone, Copy, PartialEq)]
pub enum Flow {
    Next,
    Break,
    Continue,
}

impl<'a> Interpreter<'a> {
    pub(super) fn body(&self, body: &'a [Stmt<'a>], scope: &Rc<Scope>, out: &mut String) -> Result<Flow> {
        for statement in body {
            let flow =
                self.statement(statement, scope, out).map_err(|error| error.at_line(line_of(statement)))?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    pub(super) fn statement(
        &self,
        statement: &'a Stmt<'a>,
        scope: &Rc<Scope>,
        out: &mut String,
    ) -> Result<Flow> {
        let _level = self.meter.enter()?;
        self.meter.burn(1)?;
        match statement {
            Stmt::EmitRaw(raw) => {
                self.meter.append(out, raw.raw)?;
            }
            Stmt::EmitExpr(emit) => {
                let value = self.evaluate(&emit.expr, scope)?;
                write_str(&value, out, &self.meter)?;
            }
            Stmt::IfCond(condition) => return self.condition(condition, scope, out),
            Stmt::ForLoop(for_loop) => return self.for_statement(for_loop, scope, out),
            Stmt::Set(set) => {
                let value = self.evaluate(&set.expr, scope)?;
                self.assign(&set.target, value, scope)?;
            }
            Stmt::SetBlock(set) => return self.set_block(set, scope),
            Stmt::WithBlock(with) => return self.with_block(with, scope, out),
            Stmt::Macro(declared) => {
                let value = self.declare(declared, scope)?;
                scope.set(declared.name, value);
            }
            Stmt::CallBlock(block) => self.call_block(block, scope, out)?,
            Stmt::FilterBlock(block) => return self.filter_block(block, scope, out),
            Stmt::Continue(_) => return Ok(Flow::Continue),
            Stmt::Break(_) => return Ok(Flow::Break),
            Stmt::AutoEscape(block) => return self.body(&block.body, &Scope::inside(scope), out),
            Stmt::Block(block) => {
                let inside = Scope::inside(&Scope::outermost(scope));
                return self.body(&block.body, &inside, out);
            }
            Stmt::Template(template) => return self.body(&template.children, scope, out),
            Stmt::Do(_) => return fail("Encountered unknown tag 'do'."),
            Stmt::Extends(_) | Stmt::Include(_) | Stmt::Import(_) | Stmt::FromImport(_) => {
                return fail("a chat template stands alone: there is nothing to include, import or extend");
            }
        }
        Ok(Flow::Next)
    }

    #[inline(never)]
    fn condition(&self, condition: &'a ast::IfCond<'a>, scope: &Rc<Scope>, out: &mut String) -> Result<Flow> {
        let chosen = match self.evaluate(&condition.expr, scope)?.is_truthy() {
            true => &condition.true_body,
            false => &condition.false_body,
        };
        self.body(chosen, scope, out)
    }

    #[inline(never)]
    fn set_block(&self, set: &'a ast::SetBlock<'a>, scope: &Rc<Scope>) -> Result<Flow> {
        let mut captured = String::new();
        let flow = self.body(&set.body, &Scope::inside(scope), &mut captured)?;
        if flow != Flow::Next {
            return Ok(flow);
        }
        let mut value = Value::from(captured);
        if let Some(filter) = &set.filter {
            value = self.filter(filter, Some(&value), scope)?;
        }
        self.assign(&set.target, value, scope)?;
        Ok(Flow::Next)
    }

    #[inline(never)]
    fn with_block(&self, with: &'a ast::WithBlock<'a>, scope: &Rc<Scope>, out: &mut String) -> Result<Flow> {
        let inside = Scope::inside(scope);
        for (target, expr) in &with.assignments {
            let value = self.evaluate(expr, scope)?;
            self.assign(target, value, &inside)?;
        }
        self.body(&with.body, &inside, out)
    }

    #[inline(never)]
    fn filter_block(
        &self,
        block: &'a ast::FilterBlock<'a>,
        scope: &Rc<Scope>,
        out: &mut String,
    ) -> Result<Flow> {
        let mut captured = String::new();
        let flow = self.body(&block.body, &Scope::inside(scope), &mut captured)?;
        if flow != Flow::Next {
            return Ok(flow);
        }
        let value = self.filter(&block.filter, Some(&Value::from(captured)), scope)?;
        write_str(&value, out, &self.meter)?;
        Ok(Flow::Next)
    }

    #[inline(never)]
    fn call_block(&self, block: &'a ast::CallBlock<'a>, scope: &Rc<Scope>, out: &mut String) -> Result<()> {
        let caller = self.declare(&block.macro_decl, scope)?;
        let callee = self.evaluate(&block.call.expr, scope)?;
        let mut args = self.arguments(&block.call.args, scope)?;
        args.named.push((Rc::from("caller"), caller));
        let value = self.call(&callee, args)?;
        write_str(&value, out, &self.meter)
    }

    /// Gives names to a value, or to its items.
    pub(super) fn assign(&self, target: &'a Expr<'a>, value: Value, scope: &Rc<Scope>) -> Result<()> {
        match target {
            Expr::Var(var) => scope.set(var.id, value),
            Expr::List(targets) => {
                let items = value.items(&self.meter)?;
                let (wanted, given) = (targets.items.len(), items.len());
                if given < wanted {
                    return fail(format!("not enough values to unpack (expected {wanted}, got {given})"));
                }
                if given > wanted {
                    return fail(format!("too many values to unpack (expected {wanted})"));
                }
                for (target, item) in targets.items.iter().zip(items) {
                    self.assign(target, item, scope)?;
                }
            }
            Expr::GetAttr(attribute) => {
                let Value::Namespace(namespace) = self.evaluate(&attribute.expr, scope)? else {
                    return fail("cannot assign attribute on non-namespace object");
                };
                check_attribute_name(attribute.name)?;
                let old = namespace.attributes.borrow_mut().insert(Rc::from(attribute.name), value);
                drop(old);
            }
            _ => return fail("cannot assign to this expression"),
        }
        Ok(())
    }

    fn declare(&self, declared: &'a ast::Macro<'a>, scope: &Rc<Scope>) -> Result<Value> {
        self.retain(scope)?;
        let declaration = index_of(&mut self.macros.borrow_mut(), declared);
        let name = Rc::from(declared.name);
        Ok(Value::Macro(Rc::new(MacroRef { name, declaration, scope: scope.clone() })))
    }

    pub(super) fn call_macro(&self, callee: &MacroRef, mut args: Args) -> Result<Value> {
        let _level = self.meter.enter()?;
        let declared = self.macros.borrow()[callee.declaration];
        let scope = Scope::inside(&callee.scope);
        let caller = args.take_named("caller").unwrap_or_else(|| Value::undefined("No caller defined"));
        scope.set("caller", caller);
        let first_default = declared.args.len() - declared.defaults.len();
        let mut positional = args.positional.into_iter();
        for (index, parameter) in declared.args.iter().enumerate() {
            let Expr::Var(parameter) = parameter else { return fail("a macro's parameter is a name") };
            let named = args.named.iter().position(|(name, _)| **name == *parameter.id);
            let value = match (positional.next(), named) {
                (Some(value), _) => value,
                (None, Some(at)) => args.named.remove(at).1,
                (None, None) if index >= first_default => {
                    self.evaluate(&declared.defaults[index - first_default], &scope)?
                }
                (None, None) => Value::undefined(format!("parameter '{}' was not provided", parameter.id)),
            };
            scope.set(parameter.id, value);
        }
        let table = args.named.into_iter().map(|(name, value)| (Key::text(&name), value)).collect();
        scope.set("varargs", Value::tuple(positional.collect(), &self.meter)?);
        scope.set("kwargs", Value::dict(table, &self.meter)?);
        let mut out = String::new();
        self.body(&declared.body, &scope, &mut out)?;
        Ok(Value::from(out))
    }

    #[inline(never)]
    fn for_statement(
        &self,
        for_loop: &'a ast::ForLoop<'a>,
        scope: &Rc<Scope>,
        out: &mut String,
    ) -> Result<Flow> {
        let items = self.evaluate(&for_loop.iter, scope)?;
        let statement = index_of(&mut self.loops.borrow_mut(), for_loop);
        self.run_loop(statement, &items, scope, 0, out)?;
        Ok(Flow::Next)
    }

    /// Runs a loop over `items`; `scope` is around it.
    pub(super) fn run_loop(
        &self,
        statement: usize,
        items: &Value,
        scope: &Rc<Scope>,
        depth0: usize,
        out: &mut String,
    ) -> Result<()> {
        let for_loop = self.loops.borrow()[statement];
        let items = items.items(&self.meter)?;
        let depth = items.iter().map(Value::depth).max().unwrap_or(0) + 1;
        self.meter.nesting(depth)?;
        let filtered = for_loop.filter_expr.is_some();
        if filtered || for_loop.recursive {
            self.retain(scope)?;
        }
        let state = Rc::new(LoopState {
            waiting: RefCell::new(items.into()),
            ready: RefCell::default(),
            filter: filtered.then(|| scope.clone()),
            statement,
            recursive: for_loop.recursive.then(|| scope.clone()),
            depth0,
            started: Cell::new(0),
            current: RefCell::default(),
            previous: RefCell::default(),
            last_changed: RefCell::default(),
            depth,
        });
        // As in Jinja2, `else` also follows a loop of which no round came to its end.
        let mut completed = false;
        while let Some(item) = self.next_item(&state)? {
            self.meter.burn(1)?;
            state.started.set(state.started.get() + 1);
            state.previous.replace(state.current.replace(Some(item.clone())));
            let inside = Scope::inside(scope);
            inside.set("loop", Value::Loop(state.clone()));
            self.assign(&for_loop.target, item, &inside)?;
            match self.body(&for_loop.body, &inside, out)? {
                Flow::Break => break,
                flow => completed |= flow == Flow::Next,
            }
        }
        if !completed {
            self.body(&for_loop.else_body, &Scope::inside(scope), out)?;
        }
        Ok(())
    }

    /// The next item that passes the loop's filter, taken off.
    pub(super) fn next_item(&self, state: &LoopState) -> Result<Option<Value>> {
        if let Some(item) = state.ready.borrow_mut().pop_front() {
            return Ok(Some(item));
        }
        loop {
            let Some(item) = state.waiting.borrow_mut().pop_front() else { return Ok(None) };
            let Some(scope) = &state.filter else { return Ok(Some(item)) };
            let for_loop = self.loops.borrow()[state.statement];
            let Some(filter) = &for_loop.filter_expr else { return Ok(Some(item)) };
            let inside = Scope::inside(scope);
            self.assign(&for_loop.target, item.clone(), &inside)?;
            if self.evaluate(filter, &inside)?.is_truthy() {
                return Ok(Some(item));
            }
        }
    }
}

/// Where a node stands in the table of its kind; entered when it is new.
fn index_of<'a, T>(table: &mut Vec<&'a T>, node: &'a T) -> usize {
    let found = table.iter().position(|known| std::ptr::eq(*known, node));
    found.unwrap_or_else(|| {
        table.push(node);
        table.len() - 1
    })
}

pub fn check_attribute_name(name: &str) -> Result<()> {
    if name.starts_with('_') {
        return fail(format!(
            "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '{name}'."
        ));
    }
    Ok(())
}

fn line_of(statement: &Stmt) -> usize {
    let span = match statement {
        Stmt::Template(s) => s.span(),
        Stmt::EmitExpr(s) => s.span(),
        Stmt::EmitRaw(s) => s.span(),
        Stmt::ForLoop(s) => s.span(),
        Stmt::IfCond(s) => s.span(),
        Stmt::WithBlock(s) => s.span(),
        Stmt::Set(s) => s.span(),
        Stmt::SetBlock(s) => s.span(),
        Stmt::AutoEscape(s) => s.span(),
        Stmt::FilterBlock(s) => s.span(),
        Stmt::Block(s) => s.span(),
        Stmt::Import(s) => s.span(),
        Stmt::FromImport(s) => s.span(),
        Stmt::Extends(s) => s.span(),
        Stmt::Include(s) => s.span(),
        Stmt::Macro(s) => s.span(),
        Stmt::CallBlock(s) => s.span(),
        Stmt::Continue(s) => s.span(),
        Stmt::Break(s) => s.span(),
        Stmt::Do(s) => s.span(),
    };
    usize::from(span.start_line)
}
