//! What an expression may cost at most, reckoned from its form and from the size of what it is evaluated on.
//!
//! The interpreter has no bound of its own. Each part of an expression gets a bound on the size of its value and on the work for it, in copied bytes more or
//! less, as the API server's static estimate does (<https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints>).

use std::collections::BTreeMap;

use kube_cel::cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue};
use serde_json::Value;

use super::functions::{Growth, growth, is_library};

/// The most work that one evaluation may be: some tens of milliseconds.
pub(super) const MOST: u64 = 50_000_000;
/// How deeply a parsed expression may be nested: the interpreter recurses.
const DEEPEST: usize = 96;
/// Work for a part of an expression, however small its values.
const STEP: u64 = 20;
/// Work to make a regular expression ready.
const REGEX: u64 = 50_000;

/// Bounds on the size of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// All of it, about as JSON.
    bytes: u64,
    /// The items of the longest list or map in it.
    items: u64,
    /// The largest item of a list, or key of a map, in it.
    item: u64,
}

impl Size {
    const SCALAR: Self = Self { bytes: 16, items: 0, item: 0 };

    /// Of a JSON value.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::SCALAR,
            Value::String(text) => Self { bytes: length(text.len()), ..Self::default() },
            Value::Array(items) => {
                let mut all = Self { bytes: 16, items: length(items.len()), item: 0 };
                for item in items {
                    let size = Self::of(item);
                    all = all.with(size);
                    all.item = all.item.max(size.bytes);
                }
                all
            }
            Value::Object(map) => {
                let mut all = Self { bytes: 16, items: length(map.len()), item: 0 };
                for (key, value) in map {
                    let key = length(key.len());
                    all = all.with(Self::of(value)).with(Self { bytes: key, items: 0, item: key });
                }
                all
            }
        }
    }

    pub(super) fn largest(self, other: Self) -> Self {
        Self { bytes: self.bytes.max(other.bytes), items: self.items.max(other.items), item: self.item.max(other.item) }
    }

    /// Together with a part of it.
    fn with(self, part: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(part.bytes), ..self.largest(part) }
    }

    /// Of two lists or strings, one after the other.
    fn joined(self, other: Self) -> Self {
        Self { items: self.items.saturating_add(other.items), ..self.with(other) }
    }

    /// An item of it: of a list, or a key of a map.
    fn any_item(self) -> Self {
        Self { bytes: self.item.min(self.bytes).saturating_add(16), ..self }
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(8)
}

/// Why an expression is refused before it is evaluated at all.
pub(super) enum Fault {
    Deep,
    Struct,
    Function(String),
    Variable(String),
}

/// Checks that an expression is one whose cost can be reckoned, and names only what there is. Returns how deeply it is nested.
pub(super) fn check(expression: &IdedExpr, variables: Option<&[&str]>) -> Result<usize, Fault> {
    let root = Size { bytes: 16_384, items: 32, item: 1_024 };
    let mut reckoning = Reckoning { root, known: variables, locals: BTreeMap::new(), depth: 0, deepest: 0 };
    reckoning.value(expression)?;
    Ok(reckoning.deepest)
}

/// The most that an expression may cost when no variable is larger than `size`.
pub(super) fn of(expression: &IdedExpr, size: Size) -> u64 {
    let mut reckoning = Reckoning { root: size, known: None, locals: BTreeMap::new(), depth: 0, deepest: 0 };
    reckoning.value(expression).map_or(u64::MAX, |reckoned| reckoned.cost)
}

#[derive(Clone, Copy)]
struct Bound {
    size: Size,
    cost: u64,
}

struct Reckoning<'a> {
    root: Size,
    known: Option<&'a [&'a str]>,
    /// The variables of the macros around, each with all that it shadows.
    locals: BTreeMap<&'a str, Vec<Size>>,
    depth: usize,
    deepest: usize,
}

impl<'a> Reckoning<'a> {
    fn value(&mut self, expression: &'a IdedExpr) -> Result<Bound, Fault> {
        if self.depth >= DEEPEST {
            return Err(Fault::Deep);
        }
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        let bound = self.kind(expression)?;
        self.depth -= 1;
        // Values are copied on their way.
        Ok(Bound { cost: bound.cost.saturating_add(bound.size.bytes).saturating_add(STEP), ..bound })
    }

    fn kind(&mut self, expression: &'a IdedExpr) -> Result<Bound, Fault> {
        Ok(match &expression.expr {
            Expr::Literal(LiteralValue::String(text)) => {
                free(Size { bytes: length(text.inner().len()), ..Size::default() })
            }
            Expr::Literal(LiteralValue::Bytes(bytes)) => {
                free(Size { bytes: length(bytes.inner().len()), ..Size::default() })
            }
            Expr::Literal(_) => free(Size::SCALAR),
            Expr::Ident(name) => free(self.variable(name)?),
            Expr::Select(select) => {
                // `math.greatest` looks like a field of a variable.
                let operand = self.value(&select.operand)?;
                Bound { size: if select.test { Size::SCALAR } else { operand.size }, ..operand }
            }
            Expr::List(list) => self.all(list.elements.iter(), length(list.elements.len()))?,
            Expr::Map(map) => {
                let mut parts = Vec::new();
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { return Err(Fault::Struct) };
                    parts.extend([&entry.key, &entry.value]);
                }
                self.all(parts.into_iter(), length(map.entries.len()))?
            }
            Expr::Call(call) => self.call(call)?,
            Expr::Comprehension(comprehension) => self.comprehension(comprehension)?,
            Expr::Struct(_) | Expr::Unspecified => return Err(Fault::Struct),
        })
    }

    fn variable(&self, name: &str) -> Result<Size, Fault> {
        if let Some(size) = self.locals.get(name).and_then(|sizes| sizes.last()) {
            return Ok(*size);
        }
        if self.known.is_some_and(|known| !known.contains(&name)) {
            return Err(Fault::Variable(name.to_owned()));
        }
        Ok(self.root)
    }

    /// A list or map of parts.
    fn all(&mut self, parts: impl Iterator<Item = &'a IdedExpr>, items: u64) -> Result<Bound, Fault> {
        let mut bound = free(Size { bytes: 16, items, item: 0 });
        for part in parts {
            let part = self.value(part)?;
            bound.size = bound.size.with(part.size);
            bound.size.item = bound.size.item.max(part.size.bytes);
            bound.cost = bound.cost.saturating_add(part.cost);
        }
        Ok(bound)
    }

    fn call(&mut self, call: &'a CallExpr) -> Result<Bound, Fault> {
        let mut name = call.func_name.clone();
        let mut parts: Vec<&IdedExpr> = call.args.iter().collect();
        if let Some(target) = &call.target {
            // `math.least(…)` and its like have no target, although it looks so.
            match &target.expr {
                Expr::Ident(library) if is_library(library) && !self.locals.contains_key(library.as_str()) => {
                    name = format!("{library}.{name}");
                }
                _ => parts.insert(0, target),
            }
        }
        let Some(growth) = growth(&name) else { return Err(Fault::Function(name)) };
        let mut sizes = Vec::with_capacity(parts.len());
        let mut cost = 0_u64;
        for part in parts {
            let part = self.value(part)?;
            cost = cost.saturating_add(part.cost).saturating_add(part.size.bytes);
            sizes.push(part.size);
        }
        let largest = sizes.iter().copied().fold(Size::SCALAR, Size::largest);
        let joined = sizes.iter().copied().fold(Size::SCALAR, Size::joined);
        let product = sizes.iter().fold(1_u64, |product, size| product.saturating_mul(size.bytes.saturating_add(8)));
        let (size, work) = match growth {
            Growth::Scalar => (Size::SCALAR, 0),
            Growth::Pairs => (largest, largest.items.saturating_mul(joined.bytes)),
            Growth::Regex => (split(largest), REGEX.saturating_add(product)),
            Growth::Largest => (largest, 0),
            Growth::Joined => (joined, 0),
            Growth::Product => (Size { bytes: product, ..largest }, product),
            Growth::Split => (split(largest), largest.bytes),
            Growth::Longer => (Size { bytes: largest.bytes.saturating_mul(8), ..largest }, largest.bytes),
        };
        Ok(Bound { size, cost: cost.saturating_add(work) })
    }

    fn comprehension(&mut self, comprehension: &'a ComprehensionExpr) -> Result<Bound, Fault> {
        let range = self.value(&comprehension.iter_range)?;
        let init = self.value(&comprehension.accu_init)?;
        let rounds = range.size.items.saturating_add(1);
        let names = std::iter::once(&comprehension.iter_var).chain(comprehension.iter_var2.as_ref());
        let names: Vec<&str> = names.map(String::as_str).collect();
        for name in &names {
            self.locals.entry(name).or_default().push(range.size.any_item());
        }
        self.locals.entry(&comprehension.accu_var).or_default().push(init.size);
        let condition = self.value(&comprehension.loop_cond);
        let step = self.value(&comprehension.loop_step);
        let (condition, step) = (condition?, step?);
        // What one round adds to the result, all rounds add.
        let grown = Size {
            bytes: init.size.bytes.saturating_add(rounds.saturating_mul(step.size.bytes)),
            items: init.size.items.saturating_add(rounds.saturating_mul(step.size.items)).max(step.size.items),
            item: step.size.item.max(init.size.item),
        };
        let is_list = matches!(comprehension.accu_init.expr, Expr::List(_));
        let accumulated = if is_list { grown } else { step.size };
        if let Some(sizes) = self.locals.get_mut(comprehension.accu_var.as_str()) {
            sizes.pop();
            sizes.push(accumulated);
        }
        let result = self.value(&comprehension.result)?;
        for name in names.iter().copied().chain([comprehension.accu_var.as_str()]) {
            if let Some(sizes) = self.locals.get_mut(name) {
                sizes.pop();
                if sizes.is_empty() {
                    self.locals.remove(name);
                }
            }
        }
        // The result so far is copied in each round.
        let round = condition.cost.saturating_add(step.cost).saturating_add(accumulated.bytes);
        let cost = range.cost.saturating_add(init.cost).saturating_add(result.cost);
        Ok(Bound { size: result.size, cost: cost.saturating_add(rounds.saturating_mul(round)) })
    }
}

fn free(size: Size) -> Bound {
    Bound { size, cost: 0 }
}

/// Parts of a string.
fn split(size: Size) -> Size {
    Size { bytes: size.bytes.saturating_mul(16), items: size.bytes.saturating_add(1), item: size.bytes }
}
