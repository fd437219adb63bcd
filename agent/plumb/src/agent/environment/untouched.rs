//! A commit that touches nothing here costs next to nothing, however many environments there are.

use super::{Worker, reconcile::Outcome};
use crate::agent::board::Tracked;

impl Worker {
    /// Whether a new head leaves everything as it is: all was applied, and the commit touches nothing that the render read. Then there is nothing to
    /// reconcile, and only [`Worker::note_passed`] is left to do.
    pub(super) fn is_passed_by(&mut self, tracked: &Tracked) -> bool {
        let spec = &self.environment.spec;
        let simple = self.outcome == Outcome::Applied
            && self.environment.metadata.deletion_timestamp.is_none()
            && !spec.suspend
            && spec.promotion.is_none()
            && spec.depends_on.is_empty();
        let (Tracked::At(head), Some(target), true) = (tracked, &mut self.target, simple) else { return false };
        let Some(paths) = head.changed_since(&target.revision) else { return false };
        if target.path != spec.path.trim_matches('/') || target.read.is_touched_by(paths.iter().map(String::as_str)) {
            return false;
        }
        target.revision = head.revision.clone();
        self.pinned = Some((head.revision.clone(), head.revision.clone(), None));
        self.passing.push(head.revision.clone());
        true
    }

    /// Notes that the revisions run here that passed by.
    pub(super) fn note_passed(&mut self) {
        for revision in std::mem::take(&mut self.passing) {
            self.cx.metrics.renders.with_label_values(&[&*self.key.namespace, &self.key.name, "skipped"]).inc();
            self.record(&revision);
        }
    }
}
