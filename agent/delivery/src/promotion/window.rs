//! How much of the history a decision needs.

use std::collections::BTreeMap;

use super::decide::answers;
use super::{Commit, Environment};
use crate::trailers;

/// Tells, while the tracked branch is read from its head backwards, when enough of it was read.
///
/// A result settles its own request and all before it, but not those between the two: a request may be pushed while the
/// promotion commit of an older one is being made. So the history is needed back to the request of the last result, or
/// to the last commit that moved the pin without a request.
#[derive(Debug, Clone)]
pub struct Window {
    /// The environments that are not settled yet, with the request whose result was seen.
    open: BTreeMap<String, Option<String>>,
}

impl Window {
    /// Nothing read yet.
    #[must_use]
    pub fn new(environments: &[Environment]) -> Self {
        let promoted = environments.iter().filter(|environment| environment.promotion.is_some());
        Self { open: promoted.map(|environment| (environment.name.clone(), None)).collect() }
    }

    /// Whether older commits are needed still.
    #[must_use]
    pub fn wants_more(&self) -> bool {
        !self.open.is_empty()
    }

    /// Takes in the next commit, from the head backwards. It belongs into the input even when nothing more is wanted
    /// after it.
    pub fn take(&mut self, commit: &Commit) {
        self.open.retain(|_, request| request.as_deref() != Some(commit.id.as_str()));
        let result = trailers::result(&commit.message).ok().flatten();
        for name in &commit.pins {
            let answered = result.as_ref().is_some_and(|result| answers(result, name));
            if !answered && !commit.answers.contains_key(name) {
                self.open.remove(name);
            }
        }
        // The end of a hold settles nothing else, though its pin names who asked for it.
        let released = result.as_ref().filter(|result| result.released).map(|result| result.to.clone());
        for (name, request) in commit.answers.iter().filter(|(name, _)| released.as_ref() != Some(*name)) {
            if let Some(seen @ None) = self.open.get_mut(name) {
                *seen = Some(request.clone());
            }
        }
        if let Some(result) = result.filter(|result| !result.released)
            && let Some(seen @ None) = self.open.get_mut(&result.to)
        {
            *seen = result.request;
        }
    }
}
