//! A mark by which a text is known again, which readers do not see.

/// A mark in the text of a comment or pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(String);

impl Marker {
    /// A marker with this name: letters, digits and `-_./:=` are kept, everything else becomes a hyphen, since `--` or a parenthesis
    /// would end it.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let keep = |c: char| if c.is_ascii_alphanumeric() || "_./:=".contains(c) { c } else { '-' };
        let mut text: String = name.chars().map(keep).collect();
        while text.contains("--") {
            text = text.replace("--", "-");
        }
        Self(text.trim_matches('-').to_owned())
    }

    /// The text with the marker as its first line: an HTML comment, or where HTML is shown as text, a link that nothing refers to.
    #[must_use]
    pub fn apply(&self, body: &str, html: bool) -> String {
        if html { format!("<!-- {} -->\n{body}", self.0) } else { format!("[//]: # ({})\n\n{body}", self.0) }
    }

    /// Whether a text begins with the marker, however it is written. A text that quotes it further down is another one.
    #[must_use]
    pub fn is_in(&self, body: &str) -> bool {
        let first = body.trim_start().lines().next().unwrap_or_default().trim_end();
        first == format!("<!-- {} -->", self.0) || first == format!("[//]: # ({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_by_its_first_line() {
        let marker = Marker::new("plumb:preview");
        for html in [true, false] {
            let text = marker.apply("# Preview\n", html);
            assert!(marker.is_in(&text) && marker.is_in(&text.replace('\n', "\r\n")), "{text}");
            assert!(!marker.is_in(&format!("> {text}")) && !marker.is_in(&format!("I saw\n{text}")));
            assert!(!Marker::new("plumb:preview:dev").is_in(&text));
        }
    }

    #[test]
    fn no_name_ends_the_comment() {
        assert_eq!(Marker::new("a --> (b) \n c").apply("x", true), "<!-- a-b-c -->\nx");
    }
}
