//! Manifests as they are kept: a value in memory takes several times the room of its JSON.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};
use serde_json::{Value, value::RawValue};

/// A manifest as JSON text. Copies share it.
#[derive(Clone)]
pub struct Body(Arc<RawValue>);

impl Body {
    /// The text of a value.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        // No value fails to be written; a null would be refused by the API server.
        let text = serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self(text.into())
    }

    /// The same text with something else in place of a part of it, which stands in it once.
    pub(crate) fn with(&self, part: &str, other: &str) -> Self {
        let text = self.0.get().replacen(part, other, 1);
        RawValue::from_string(text).map_or_else(|_| self.clone(), |text| Self(text.into()))
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// Says nothing of the content, which may be a Secret's.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.get().len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_comes_back_and_is_sent_as_it_is() {
        let value = json!({"kind": "Secret", "data": {"a": "b2xk", "n": 1.5, "é": null}});
        let body = Body::of(&value);
        assert_eq!((body.value(), serde_json::to_string(&body).unwrap()), (value.clone(), value.to_string()));
        assert!(!format!("{body:?}").contains("b2xk"));
    }
}
