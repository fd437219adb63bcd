//! All that went wrong in one reconcile, as one report.

use plumb_api::Reason;

use super::reconcile::Outcome;

/// All that went wrong in one reconcile.
#[derive(Default)]
pub(super) struct Problems {
    pub(super) messages: Vec<String>,
    transient: bool,
}

impl Problems {
    pub(super) fn add(&mut self, message: String, transient: bool) {
        self.messages.push(message);
        self.transient |= transient;
    }

    pub(super) fn into_result(mut self) -> Result<(), Outcome> {
        if self.messages.is_empty() {
            return Ok(());
        }
        self.messages.sort();
        let count = self.messages.len();
        let message = if count == 1 {
            self.messages.remove(0)
        } else {
            format!("{count} problems:\n- {}", self.messages.join("\n- "))
        };
        Err(Outcome::Failed { reason: Reason::ApplyFailed, message, transient: self.transient })
    }
}
