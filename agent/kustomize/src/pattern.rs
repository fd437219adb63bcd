//! Regular expressions of users, whose cost is known.

use regex::{Error, Regex, RegexBuilder};

use crate::budget::Budget;
use crate::error::Fault;

/// Steps to compile a byte of a program.
const STEPS_OF_A_STATE: usize = 2;

/// A compiled regular expression. What each match may cost goes to the budget.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    matcher: Matcher,
    budget: Budget,
}

#[derive(Debug, Clone)]
enum Matcher {
    /// The whole text, as most patterns are meant.
    Literal(String),
    Regex {
        regex: Regex,
        /// Bytes that the compiled program may have.
        size: usize,
    },
}

/// Why a text makes no [`Pattern`].
#[derive(Debug, Clone)]
pub(crate) enum PatternFault {
    TooLarge,
    /// The render has done too much already.
    Spent(Fault),
    /// With what the library says of it.
    Syntax(String),
}

impl Pattern {
    /// A pattern that only this text fits.
    pub(crate) fn literal(text: &str, budget: &Budget) -> Self {
        Self { matcher: Matcher::Literal(text.to_owned()), budget: budget.clone() }
    }

    pub(crate) fn new(text: &str, budget: &Budget) -> Result<Self, PatternFault> {
        const SMALL: usize = 4 << 10;
        let most = budget.options.max_regex_bytes;
        let mut size = SMALL.min(most);
        // A program does not tell how large it is, only whether it fits.
        loop {
            budget.work(text.len().saturating_add(size).saturating_mul(STEPS_OF_A_STATE));
            budget.check().map_err(PatternFault::Spent)?;
            match RegexBuilder::new(text).size_limit(size).build() {
                Ok(regex) => return Ok(Self { matcher: Matcher::Regex { regex, size }, budget: budget.clone() }),
                Err(Error::CompiledTooBig(_)) if size < most => size = size.saturating_mul(16).min(most),
                Err(Error::CompiledTooBig(_)) => return Err(PatternFault::TooLarge),
                Err(error) => {
                    let error = error.to_string();
                    let reason = error.lines().find_map(|line| line.strip_prefix("error: "));
                    return Err(PatternFault::Syntax(reason.unwrap_or("it can not be read").to_owned()));
                }
            }
        }
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Literal(literal) => literal == text,
            Matcher::Regex { regex, size } => {
                // At worst each byte visits each state. Names are short; over long texts an automaton that grows loses its cache too.
                let states = size / 1024;
                self.budget.work(text.len().saturating_mul(states).saturating_mul(1 + text.len() / 256));
                regex.is_match(text)
            }
        }
    }
}
