//! Runs a parsed template. minijinja's own machine is not used: its values are Rust's, and differ from Python's
//! in what they print, compare, add and slice.

use std::cell::RefCell;
use std::rc::Rc;

use minijinja::machinery::ast::{self, BinOpKind, CallArg, CompareOpKind, Expr, UnaryOpKind};

use super::arguments::Args;
use super::error::{fail, Result};
use super::filters;
use super::is_tests;
use super::meter::Meter;
use super::operators as op;
use super::scope::Scope;
use super::strftime::Moment;
use super::value::{Function, Key, Namespace, Value};

pub struct Interpreter<'a> {
    pub meter: Meter,
    pub moment: &'a Moment,
    /// The text that was parsed: it tells a tuple from a list, which the syntax tree does not.
    source: &'a str,
    pub(super) macros: RefCell<Vec<&'a ast::Macro<'a>>>,
    pub(super) loops: RefCell<Vec<&'a ast::ForLoop<'a>>>,
    retained: RefCell<Vec<Rc<Scope>>>,
    namespaces: RefCell<Vec<Rc<Namespace>>>,
}

impl<'a> Interpreter<'a> {
    pub fn new(source: &'a str, moment: &'a Moment) -> Self {
        Interpreter {
            meter: Meter::default(),
            moment,
            source,
            macros: RefCell::default(),
            loops: RefCell::default(),
            retained: RefCell::default(),
            namespaces: RefCell::default(),
        }
    }

    /// Renders the whole template.
    pub fn run(&self, template: &'a ast::Stmt<'a>, variables: Vec<(String, Value)>) -> Result<String> {
        let scope = Scope::root();
        for (name, value) in variables {
            scope.set(&name, value);
        }
        let mut out = String::new();
        let result = match template {
            ast::Stmt::Template(template) => self.body(&template.children, &scope, &mut out),
            other => self.statement(other, &scope, &mut out),
        };
        scope.clear();
        self.let_go();
        result.map(|_| out)
    }

    /// Breaks the rings of values that hold each other: a macro's scope, a namespace within itself.
    fn let_go(&self) {
        for scope in self.retained.borrow().iter() {
            scope.clear();
        }
        for namespace in self.namespaces.borrow().iter() {
            let attributes = std::mem::take(&mut *namespace.attributes.borrow_mut());
            drop(attributes);
        }
    }

    /// Keeps a scope to the end, where it is emptied.
    pub(super) fn retain(&self, scope: &Rc<Scope>) -> Result<()> {
        self.meter.burn(50)?;
        let mut retained = self.retained.borrow_mut();
        if !retained.last().is_some_and(|last| Rc::ptr_eq(last, scope)) {
            retained.push(scope.clone());
        }
        Ok(())
    }

    pub(super) fn retain_namespace(&self, namespace: &Rc<Namespace>) -> Result<()> {
        self.meter.burn(50)?;
        self.namespaces.borrow_mut().push(namespace.clone());
        Ok(())
    }

    pub fn evaluate(&self, expr: &'a Expr<'a>, scope: &Rc<Scope>) -> Result<Value> {
        let _level = self.meter.enter()?;
        self.meter.burn(1)?;
        match expr {
            Expr::Var(var) => Ok(self.lookup(var.id, scope)),
            Expr::Const(constant) => constant_value(&constant.value),
            Expr::GetAttr(get) => {
                let value = self.evaluate(&get.expr, scope)?;
                self.get_attribute(&value, get.name)
            }
            Expr::GetItem(get) => {
                let value = self.evaluate(&get.expr, scope)?;
                let index = self.evaluate(&get.subscript_expr, scope)?;
                self.get_item(&value, &index)
            }
            Expr::BinOp(binary) => self.binary(binary, scope),
            Expr::UnaryOp(unary) => {
                let value = self.evaluate(&unary.expr, scope)?;
                match unary.op {
                    UnaryOpKind::Not => Ok(Value::Bool(!value.is_truthy())),
                    UnaryOpKind::Neg => op::negate(&value),
                }
            }
            Expr::Compare(compare) => self.compare_chain(compare, scope),
            Expr::IfExpr(choice) => self.choice(choice, scope),
            Expr::Slice(slice) => self.slice(slice, scope),
            Expr::Call(call) => {
                let callee = self.evaluate(&call.expr, scope)?;
                let args = self.arguments(&call.args, scope)?;
                self.call(&callee, args)
            }
            Expr::Test(test) => {
                let value = self.evaluate(&test.expr, scope)?;
                let args = self.arguments(&test.args, scope)?;
                self.call_test(test.name, &value, args).map(Value::Bool)
            }
            Expr::Filter(_) => self.filter(expr, None, scope),
            Expr::List(list) => self.list(list, expr.span().start_offset as usize, scope),
            Expr::Map(map) => self.map(map, scope),
        }
    }

    fn lookup(&self, name: &str, scope: &Scope) -> Value {
        if let Some(value) = scope.get(name) {
            return value;
        }
        match name {
            "range" => Value::Function(Function::Range),
            "dict" => Value::Function(Function::Dict),
            "namespace" => Value::Function(Function::Namespace),
            "cycler" => Value::Function(Function::Cycler),
            "joiner" => Value::Function(Function::Joiner),
            "raise_exception" => Value::Function(Function::RaiseException),
            "strftime_now" => Value::Function(Function::StrftimeNow),
            _ => Value::undefined(format!("'{name}' is undefined")),
        }
    }

    #[inline(never)]
    fn binary(&self, binary: &'a ast::BinOp<'a>, scope: &Rc<Scope>) -> Result<Value> {
        let left = self.evaluate(&binary.left, scope)?;
        match binary.op {
            BinOpKind::ScAnd if !left.is_truthy() => return Ok(left),
            BinOpKind::ScOr if left.is_truthy() => return Ok(left),
            _ => {}
        }
        let right = self.evaluate(&binary.right, scope)?;
        let meter = &self.meter;
        match binary.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => Ok(right),
            BinOpKind::Add => op::add(&left, &right, meter),
            BinOpKind::Sub => op::subtract(&left, &right),
            BinOpKind::Mul => op::multiply(&left, &right, meter),
            BinOpKind::Div => op::divide(&left, &right),
            BinOpKind::FloorDiv => op::floor_divide(&left, &right),
            BinOpKind::Rem => op::remainder(&left, &right, meter),
            BinOpKind::Pow => op::power(&left, &right),
            BinOpKind::Concat => op::concatenate(&left, &right, meter),
            BinOpKind::Eq => op::equals(&left, &right, meter).map(Value::Bool),
            BinOpKind::Ne => op::equals(&left, &right, meter).map(|same| Value::Bool(!same)),
            BinOpKind::Lt => op::ordered(&left, &right, "<", meter).map(Value::Bool),
            BinOpKind::Lte => op::ordered(&left, &right, "<=", meter).map(Value::Bool),
            BinOpKind::Gt => op::ordered(&left, &right, ">", meter).map(Value::Bool),
            BinOpKind::Gte => op::ordered(&left, &right, ">=", meter).map(Value::Bool),
            BinOpKind::In => op::contains(&right, &left, meter).map(Value::Bool),
        }
    }

    #[inline(never)]
    fn compare_chain(&self, chain: &'a ast::Compare<'a>, scope: &Rc<Scope>) -> Result<Value> {
        let meter = &self.meter;
        let mut left = self.evaluate(&chain.expr, scope)?;
        for step in &chain.ops {
            let right = self.evaluate(&step.expr, scope)?;
            let holds = match step.op {
                CompareOpKind::Eq => op::equals(&left, &right, meter)?,
                CompareOpKind::Ne => !op::equals(&left, &right, meter)?,
                CompareOpKind::Lt => op::ordered(&left, &right, "<", meter)?,
                CompareOpKind::Lte => op::ordered(&left, &right, "<=", meter)?,
                CompareOpKind::Gt => op::ordered(&left, &right, ">", meter)?,
                CompareOpKind::Gte => op::ordered(&left, &right, ">=", meter)?,
                CompareOpKind::In => op::contains(&right, &left, meter)?,
                CompareOpKind::NotIn => !op::contains(&right, &left, meter)?,
            };
            if !holds {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    #[inline(never)]
    fn choice(&self, choice: &'a ast::IfExpr<'a>, scope: &Rc<Scope>) -> Result<Value> {
        if self.evaluate(&choice.test_expr, scope)?.is_truthy() {
            return self.evaluate(&choice.true_expr, scope);
        }
        match &choice.false_expr {
            Some(other) => self.evaluate(other, scope),
            None => Ok(Value::undefined(
                "the inline if-expression evaluated to false and no else section was defined.",
            )),
        }
    }

    #[inline(never)]
    fn slice(&self, slice: &'a ast::Slice<'a>, scope: &Rc<Scope>) -> Result<Value> {
        let value = self.evaluate(&slice.expr, scope)?;
        let bound = |bound: &'a Option<Expr<'a>>| match bound {
            Some(expr) => self.evaluate(expr, scope),
            None => Ok(Value::None),
        };
        let (start, stop, step) = (bound(&slice.start)?, bound(&slice.stop)?, bound(&slice.step)?);
        op::slice(&value, [&start, &stop, &step], &self.meter)
    }

    #[inline(never)]
    fn list(&self, list: &'a ast::List<'a>, offset: usize, scope: &Rc<Scope>) -> Result<Value> {
        let items = list.items.iter().map(|item| self.evaluate(item, scope)).collect::<Result<_>>()?;
        match self.source.as_bytes().get(offset) {
            Some(b'[') => Value::list(items, &self.meter),
            _ => Value::tuple(items, &self.meter),
        }
    }

    #[inline(never)]
    fn map(&self, map: &'a ast::Map<'a>, scope: &Rc<Scope>) -> Result<Value> {
        let mut table = indexmap::IndexMap::new();
        for (key, value) in map.keys.iter().zip(&map.values) {
            let key = Key::new(&self.evaluate(key, scope)?, &self.meter)?;
            table.insert(key, self.evaluate(value, scope)?);
        }
        Value::dict(table, &self.meter)
    }

    /// A filter, or a chain of them without its first input, which `input` then is.
    #[inline(never)]
    pub(super) fn filter(
        &self,
        expr: &'a Expr<'a>,
        input: Option<&Value>,
        scope: &Rc<Scope>,
    ) -> Result<Value> {
        let Expr::Filter(filter) = expr else { return self.evaluate(expr, scope) };
        let _level = self.meter.enter()?;
        let value = match (&filter.expr, input) {
            (Some(inner), _) => self.filter(inner, input, scope)?,
            (None, Some(input)) => input.clone(),
            (None, None) => return fail("a filter without a value"),
        };
        let args = self.arguments(&filter.args, scope)?;
        self.call_filter(filter.name, value, args)
    }

    #[inline(never)]
    pub(super) fn arguments(&self, given: &'a [CallArg<'a>], scope: &Rc<Scope>) -> Result<Args> {
        let mut args = Args::default();
        for arg in given {
            match arg {
                CallArg::Pos(expr) => args.positional.push(self.evaluate(expr, scope)?),
                CallArg::Kwarg(name, expr) => args.named.push((Rc::from(*name), self.evaluate(expr, scope)?)),
                CallArg::PosSplat(expr) => {
                    args.positional.extend(self.evaluate(expr, scope)?.items(&self.meter)?);
                }
                CallArg::KwargSplat(expr) => {
                    let Value::Dict(dict) = self.evaluate(expr, scope)? else {
                        return fail("argument after ** must be a mapping");
                    };
                    for (key, value) in &dict.map {
                        let Value::Str(name) = key.value() else { return fail("keywords must be strings") };
                        args.named.push((name.clone(), value.clone()));
                    }
                }
            }
        }
        Ok(args)
    }

    pub fn call_filter(&self, name: &str, value: Value, args: Args) -> Result<Value> {
        let _level = self.meter.enter()?;
        filters::call_filter(self, name, value, args)
    }

    pub fn call_test(&self, name: &str, value: &Value, args: Args) -> Result<bool> {
        is_tests::call_test(name, value, args, &self.meter)
    }
}

fn constant_value(value: &minijinja::Value) -> Result<Value> {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::None => Ok(Value::None),
        ValueKind::Bool => Ok(Value::Bool(value.is_true())),
        ValueKind::String => Ok(Value::from(value.as_str().unwrap_or_default())),
        ValueKind::Number if value.is_integer() => match i128::try_from(value.clone()) {
            Ok(n) => Ok(Value::Int(n)),
            Err(_) => fail("an integer of more than 127 bits"),
        },
        ValueKind::Number => match f64::try_from(value.clone()) {
            Ok(x) => Ok(Value::Float(x)),
            Err(_) => fail("a number that is none"),
        },
        other => fail(format!("a constant of kind {other}")),
    }
}
