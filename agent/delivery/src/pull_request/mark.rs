//! What Plumb writes into a pull request for itself.

/// What the pull request was opened for, in its first line, where nobody sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The environment.
    pub environment: String,
    /// The full id of the revision.
    pub revision: String,
    /// The full id of the commit that asked for it; empty when the environment takes revisions by itself.
    pub request: String,
    /// The digest of the manifests that the revision renders to, when they could be rendered: what is approved.
    pub digest: Option<String>,
}

const NAME: &str = "plumb:promotion";

impl Mark {
    /// The line that holds it.
    #[must_use]
    pub fn line(&self, html: bool) -> String {
        let digest = self.digest.as_deref().unwrap_or("none");
        let Self { environment, revision, .. } = self;
        let request = if self.request.is_empty() { "none" } else { &self.request };
        let text = format!("{NAME} environment={environment} revision={revision} request={request} digest={digest}");
        if html { format!("<!-- {text} -->") } else { format!("[//]: # ({text})") }
    }

    /// Reads it back from the body of a pull request; `None` when there is none, or one that somebody changed beyond reading.
    #[must_use]
    pub fn read(body: &str) -> Option<Self> {
        let first = body.trim_start().lines().next()?.trim();
        let text = first.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        let text = text.or_else(|| first.strip_prefix("[//]: # (").and_then(|rest| rest.strip_suffix(')')))?;
        let mut words = text.split(' ');
        let mut value = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
        // The name comes first and has no value.
        if text.split(' ').next() != Some(NAME) {
            return None;
        }
        value(NAME);
        let (environment, revision) = (value("environment")?, value("revision")?);
        let (request, digest) = (value("request")?, value("digest")?);
        let hex = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !hex(&revision, 40) || !(request == "none" || hex(&request, 40)) || !(digest == "none" || hex(&digest, 64)) {
            return None;
        }
        let request = if request == "none" { String::new() } else { request };
        Some(Self { environment, revision, request, digest: Some(digest).filter(|digest| digest != "none") })
    }

    /// Whether two marks stand for the same manifests, so that who approved the one approved the other.
    #[must_use]
    pub fn shows_the_same(&self, other: &Self) -> bool {
        (&self.environment, &self.revision, &self.digest) == (&other.environment, &other.revision, &other.digest)
    }
}
