//! What an object asks for itself, in annotations of its manifest.

use serde_json::Value;

use crate::{Hook, HookPhase};

/// `disabled`: the object is left alone altogether, neither applied, repaired nor pruned.
pub const RECONCILE_ANNOTATION: &str = "plumb.dev/reconcile";
/// `IfNotPresent`: the object is created where it is missing, and belongs to others from then on.
pub const APPLY_ANNOTATION: &str = "plumb.dev/apply";
/// `disabled`: the object stays when it leaves the overlay; `enabled`: it goes, also when its kind is one that is kept.
pub const PRUNE_ANNOTATION: &str = "plumb.dev/prune";
/// `enabled`: the object is deleted and created anew when a field that can't be changed must change.
pub const FORCE_ANNOTATION: &str = "plumb.dev/force";
/// A whole number, 0 without it: an object waits until all objects with lower numbers are healthy.
pub const WAVE_ANNOTATION: &str = "plumb.dev/wave";

/// `before-apply`, `after-apply` or `on-failure`: the object is a hook, see [`Hook`].
pub const HOOK_ANNOTATION: &str = "plumb.dev/hook";
/// When a hook is deleted besides before the next run, with commas in between: `succeeded`, `failed`.
pub const HOOK_DELETE_ANNOTATION: &str = "plumb.dev/hook-delete-policy";

/// What an object asks for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Leave it alone: see [`RECONCILE_ANNOTATION`].
    pub ignore: bool,
    /// Create it and no more: see [`APPLY_ANNOTATION`].
    pub create_only: bool,
    /// Delete and create it anew where it can't be changed: see [`FORCE_ANNOTATION`].
    pub force: bool,
    /// When it is applied: see [`WAVE_ANNOTATION`].
    pub wave: i32,
    /// Whether it is a hook: see [`HOOK_ANNOTATION`].
    pub hook: Option<Hook>,
}

/// An annotation with a value that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the annotation {annotation} is {found:?}; expected {expected}")]
pub struct RulesError {
    /// Its name.
    pub annotation: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub expected: &'static str,
}

/// Reads the annotations of a manifest.
///
/// # Errors
/// The first annotation whose value says nothing. An object with a rule that is not understood had better not be touched.
pub fn rules(manifest: &Value) -> Result<Rules, RulesError> {
    let text = |annotation: &str| {
        let value = manifest.get("metadata")?.get("annotations")?.get(annotation)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let is = |annotation, expected: &'static str| match text(annotation) {
        None => Ok(false),
        Some(found) if found == expected => Ok(true),
        Some(found) => Err(RulesError { annotation, found, expected }),
    };
    if let Some(found) = text(PRUNE_ANNOTATION)
        && prune(&found).is_none()
    {
        return Err(RulesError { annotation: PRUNE_ANNOTATION, found, expected: "enabled or disabled" });
    }
    let wave = match text(WAVE_ANNOTATION) {
        None => 0,
        Some(found) => found.parse().map_err(|_| RulesError {
            annotation: WAVE_ANNOTATION,
            found,
            expected: "a whole number in quotes",
        })?,
    };
    Ok(Rules {
        ignore: is(RECONCILE_ANNOTATION, "disabled")?,
        create_only: is(APPLY_ANNOTATION, "IfNotPresent")?,
        force: is(FORCE_ANNOTATION, "enabled")?,
        wave,
        hook: hook(text)?,
    })
}

fn hook(text: impl Fn(&str) -> Option<String>) -> Result<Option<Hook>, RulesError> {
    let Some(found) = text(HOOK_ANNOTATION) else { return Ok(None) };
    let Some(phase) = HookPhase::ALL.into_iter().find(|phase| phase.as_str() == found) else {
        let expected = "before-apply, after-apply or on-failure";
        return Err(RulesError { annotation: HOOK_ANNOTATION, found, expected });
    };
    let mut hook = Hook { phase, delete_succeeded: false, delete_failed: false };
    let Some(found) = text(HOOK_DELETE_ANNOTATION) else { return Ok(Some(hook)) };
    for policy in found.split(',') {
        match policy.trim() {
            "before-creation" => {}
            "succeeded" => hook.delete_succeeded = true,
            "failed" => hook.delete_failed = true,
            _ => {
                let expected = "before-creation, succeeded and failed with commas in between";
                return Err(RulesError { annotation: HOOK_DELETE_ANNOTATION, found, expected });
            }
        }
    }
    Ok(Some(hook))
}

/// What the annotation [`PRUNE_ANNOTATION`] of a live object says of its end; `None` when it says nothing.
#[must_use]
pub fn prune(value: &str) -> Option<bool> {
    match value {
        "enabled" => Some(true),
        "disabled" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn check(annotations: &Value, expected: &Expect) {
        let text = match rules(&json!({"metadata": {"annotations": annotations}})) {
            Ok(rules) => format!("{rules:?}"),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn annotations_say_what_to_do() {
        check(
            &json!({"other": "x"}),
            &expect!["Rules { ignore: false, create_only: false, force: false, wave: 0, hook: None }"],
        );
        check(
            &json!({"plumb.dev/reconcile": "disabled", "plumb.dev/apply": "IfNotPresent", "plumb.dev/force": "enabled", "plumb.dev/wave": "-3", "plumb.dev/prune": "disabled"}),
            &expect!["Rules { ignore: true, create_only: true, force: true, wave: -3, hook: None }"],
        );
    }

    #[test]
    fn a_hook_says_when_it_runs_and_when_it_goes() {
        let hook =
            |annotations: Value| rules(&json!({"metadata": {"annotations": annotations}})).map(|rules| rules.hook);
        let before = Hook { phase: HookPhase::BeforeApply, delete_succeeded: false, delete_failed: false };
        assert_eq!(hook(json!({"plumb.dev/hook": "before-apply"})), Ok(Some(before)));
        let after = Hook { phase: HookPhase::AfterApply, delete_succeeded: true, delete_failed: true };
        let policy = "before-creation, succeeded,failed";
        let annotations = json!({"plumb.dev/hook": "after-apply", "plumb.dev/hook-delete-policy": policy});
        assert_eq!(hook(annotations), Ok(Some(after)));
        let failure = Hook { phase: HookPhase::OnFailure, ..before };
        assert_eq!(hook(json!({"plumb.dev/hook": "on-failure"})), Ok(Some(failure)));
        assert!(hook(json!({"plumb.dev/hook": "PreSync"})).is_err());
        assert!(hook(json!({"plumb.dev/hook": "after-apply", "plumb.dev/hook-delete-policy": "never"})).is_err());
    }

    #[test]
    fn a_value_that_says_nothing_is_an_error() {
        check(
            &json!({"plumb.dev/reconcile": "off"}),
            &expect![[r#"the annotation plumb.dev/reconcile is "off"; expected disabled"#]],
        );
        check(
            &json!({"plumb.dev/wave": "first"}),
            &expect![[r#"the annotation plumb.dev/wave is "first"; expected a whole number in quotes"#]],
        );
        check(
            &json!({"plumb.dev/prune": true}),
            &expect![[r#"the annotation plumb.dev/prune is "true"; expected enabled or disabled"#]],
        );
    }
}
