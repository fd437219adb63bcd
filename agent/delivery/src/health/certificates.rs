//! cert-manager: certificates, who issues them, and what is asked of an ACME server on the way.

use serde_json::Value;

use super::Health;
use super::condition::{Condition, condition, text};

/// Issued and valid. One that is being renewed stays so.
pub(super) fn certificate(object: &Value) -> Health {
    let ready = condition(object, "Ready");
    if ready.as_ref().is_some_and(Condition::is_true) {
        return Health::healthy();
    }
    match condition(object, "Issuing") {
        Some(issuing) if issuing.is_true() => Health::progressing(issuing.why("is being issued")),
        // The next attempt comes an hour later at the earliest.
        Some(issuing) if issuing.is_false() && issuing.reason == "Failed" => {
            Health::degraded(issuing.why("could not be issued"))
        }
        _ => Health::progressing(ready.map_or_else(|| "is not issued yet".into(), |ready| ready.why("is not ready"))),
    }
}

/// Ready to issue. What it needs may come with the same revision, so it has until the deadline.
pub(super) fn issuer(object: &Value) -> Health {
    match condition(object, "Ready") {
        Some(ready) if ready.is_true() => Health::healthy(),
        Some(ready) => Health::progressing(ready.why("is not ready")),
        None => Health::progressing("is not ready yet"),
    }
}

/// Signed. A request is never tried again.
pub(super) fn request(object: &Value) -> Health {
    for kind in ["Denied", "InvalidRequest"] {
        if let Some(refused) = condition(object, kind).filter(Condition::is_true) {
            return Health::degraded(refused.why("was refused"));
        }
    }
    match condition(object, "Ready") {
        Some(ready) if ready.is_true() => Health::healthy(),
        Some(ready) if ready.is_false() && matches!(ready.reason, "Failed" | "Denied") => {
            Health::degraded(ready.why("has failed"))
        }
        Some(ready) => Health::progressing(ready.why("is not signed yet")),
        None => Health::progressing("is not signed yet"),
    }
}

/// An order or a challenge of ACME: its state (RFC 8555, section 7.1.6).
pub(super) fn acme(object: &Value) -> Health {
    let reason = text(object, "/status/reason").filter(|reason| !reason.is_empty());
    match text(object, "/status/state") {
        Some("valid") => Health::healthy(),
        Some(state @ ("invalid" | "expired" | "errored")) => Health::degraded(reason.unwrap_or(state)),
        Some(state) if !state.is_empty() => Health::progressing(reason.unwrap_or(state)),
        _ => Health::progressing(reason.unwrap_or("has not started yet")),
    }
}
