//! CEL expressions, with the functions that Kubernetes adds to the language.
//!
//! An expression comes from a custom resource and is evaluated on any object, so both are bounded: its text, its nesting, and what it may cost on an object of
//! a given size, which is reckoned before it is evaluated.

mod cost;
mod functions;
mod values;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kube_cel::{
    KubeCelExt as _,
    cel::{Context, ExecutionError, ParseErrors, Program, Value as CelValue},
};
use serde_json::Value;

use cost::Size;

/// The longest expression in bytes.
const LONGEST: usize = 2_048;
/// How often brackets may be nested in one another.
const DEEPEST: usize = 24;
/// How many steps into fields, lists and functions an expression may take in all.
const MOST_STEPS: usize = 256;

/// The stack in bytes for what recurses: several times what the deepest expression needs without optimization. Pages that are not touched cost nothing.
const STACK: usize = 32 << 20;
/// How deeply an expression may be nested that is evaluated without a stack of its own.
const SHALLOW: usize = 12;

/// An expression that was checked.
#[derive(Clone)]
pub struct Expression {
    source: String,
    program: Arc<Program>,
    /// How deeply it is nested.
    depth: usize,
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Its text.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What was expected.
        message: String,
    },
    /// Its size.
    #[error("{0}; make it simpler")]
    TooLarge(String),
}

/// Why an expression has no value for some object. It never says a value of the object, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// A field that the object does not have, or not yet.
    #[error("there is no field {0}")]
    Missing(String),
    /// It gives something else than true or false.
    #[error("it gives {0}, expected true or false")]
    NoBool(&'static str),
    /// It would take too long.
    #[error("the object is too large for it: it would cost {0} steps, and {max} are allowed", max = cost::MOST)]
    TooCostly(u64),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl Expression {
    /// Reads an expression; `variables` are the names that it may use, `None` is any.
    ///
    /// # Errors
    /// Where it is wrong, and how.
    pub fn parse(source: &str, variables: Option<&[&str]>) -> Result<Self, ExpressionError> {
        bounded(source)?;
        let compiled = deeply(|| Program::compile(source));
        let program = match compiled {
            Some(Ok(program)) => program,
            Some(Err(errors)) => return Err(syntax(source, &errors)),
            None => return Err(at(source, 0, "can't be read as CEL".into())),
        };
        let depth = cost::check(program.expression(), variables).map_err(|fault| match fault {
            cost::Fault::Deep => ExpressionError::TooLarge("it is nested too deeply".into()),
            cost::Fault::Struct => at(source, 0, "messages can't be made here".into()),
            cost::Fault::Function(name) => {
                at(source, place(source, &name), format!("there is no function {name}, or it is not allowed here"))
            }
            cost::Fault::Variable(name) => {
                let known = variables.unwrap_or_default().join(" and ");
                at(source, place(source, &name), format!("there is no variable {name}; there are {known}"))
            }
        })?;
        Ok(Self { source: source.to_owned(), program: Arc::new(program), depth })
    }

    /// Its text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether its text has this word.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        let at = place(&self.source, name);
        self.source.get(at..).is_some_and(|rest| rest.starts_with(name))
    }

    /// Whether it is true, with these variables.
    ///
    /// # Errors
    /// When it has no value, or one that is no bool.
    pub fn is_true<'v>(
        &self,
        variables: impl IntoIterator<Item = (&'v str, &'v Value)>,
    ) -> Result<bool, EvaluationError> {
        let variables: Vec<_> = variables.into_iter().collect();
        let size = variables.iter().map(|(_, value)| Size::of(value)).fold(Size::default(), Size::largest);
        let cost = cost::of(self.program.expression(), size);
        if cost > cost::MOST {
            return Err(EvaluationError::TooCostly(cost));
        }
        let evaluate = || {
            let mut context = Context::default().with_all();
            for (name, value) in variables {
                context.add_variable_from_value(name, values::from_json(value));
            }
            self.program.execute(&context)
        };
        let evaluated = if self.depth > SHALLOW { deeply(evaluate) } else { quietly(evaluate) };
        match evaluated {
            Some(Ok(CelValue::Bool(value))) => Ok(value),
            Some(Ok(other)) => Err(EvaluationError::NoBool(values::type_name(&other))),
            Some(Err(error)) => Err(explain(&error)),
            None => Err(EvaluationError::Failed("it can't be evaluated on this object".into())),
        }
    }
}

impl Eq for Expression {}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.source)
    }
}

/// Runs what recurses on a stack of its own, for nobody knows how much is left of the caller's.
fn deeply<T: Send>(run: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let runner = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || quietly(run)).ok()?;
        runner.join().ok().flatten()
    })
}

/// Runs what may panic: the library does on a few inputs. `None` when it did.
fn quietly<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// Keeps out what would go deeper into the parser than there is stack.
fn bounded(source: &str) -> Result<(), ExpressionError> {
    if source.trim().is_empty() {
        return Err(at(source, 0, "it is empty, expected an expression".into()));
    }
    if source.len() > LONGEST {
        return Err(ExpressionError::TooLarge(format!("it has {} bytes, and {LONGEST} are allowed", source.len())));
    }
    // A conditional nests without brackets.
    let conditionals = source.matches('?').count();
    let (mut depth, mut deepest, mut steps) = (0_usize, conditionals, 0_usize);
    for character in source.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        steps += usize::from(matches!(
            character,
            '(' | '[' | '{' | '.' | '?' | '!' | '-' | '+' | '*' | '/' | '%' | '&' | '|' | '=' | '<' | '>'
        ));
    }
    if deepest > DEEPEST {
        return Err(ExpressionError::TooLarge(format!(
            "its brackets and conditionals are nested {deepest} deep, and {DEEPEST} are allowed"
        )));
    }
    if steps > MOST_STEPS {
        return Err(ExpressionError::TooLarge(format!("it has {steps} operators, and {MOST_STEPS} are allowed")));
    }
    Ok(())
}

fn syntax(source: &str, errors: &ParseErrors) -> ExpressionError {
    let Some(first) = errors.errors.first() else { return at(source, 0, "can't be read as CEL".into()) };
    let number = |number: isize| usize::try_from(number).unwrap_or(1).max(1);
    let message = first.msg.lines().next().unwrap_or_default().trim_start_matches("Syntax error: ").to_owned();
    ExpressionError::Syntax { line: number(first.pos.0), column: number(first.pos.1), message }
}

/// Where a name stands as a word of its own.
fn place(source: &str, name: &str) -> usize {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let alone = |at: &usize| {
        let before = source.get(..*at).and_then(|text| text.chars().next_back());
        let after = source.get(at + name.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    };
    source.match_indices(name).map(|(at, _)| at).find(alone).unwrap_or_default()
}

fn at(source: &str, offset: usize, message: String) -> ExpressionError {
    let before = source.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    ExpressionError::Syntax { line, column, message }
}

/// The library's errors quote values, which are left out here.
fn explain(error: &ExecutionError) -> EvaluationError {
    match error {
        ExecutionError::NoSuchKey(key) => EvaluationError::Missing(key.to_string()),
        ExecutionError::UndeclaredReference(name) => EvaluationError::Missing(name.to_string()),
        ExecutionError::UnexpectedType { got, want } => {
            EvaluationError::Failed(format!("a value of type {got} is there, where it needs {want}"))
        }
        ExecutionError::FunctionError { function, .. } => {
            EvaluationError::Failed(format!("the function {function} can't be called on what it gets"))
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            EvaluationError::Failed("it divides by zero".into())
        }
        ExecutionError::Overflow(..) => EvaluationError::Failed("a number is too large".into()),
        ExecutionError::IndexOutOfBounds(_) => EvaluationError::Failed("a list is shorter than its index".into()),
        _ => EvaluationError::Failed("the types of its values do not fit together".into()),
    }
}

#[cfg(test)]
mod tests;
