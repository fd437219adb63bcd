//! Requests to the API of a forge, with deadlines, limits and retries.

use std::{fmt, io::Read as _, sync::Arc, thread, time::Duration};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::{
    Agent,
    http::{HeaderMap, Method, Request, header},
    tls::{RootCerts, TlsConfig},
};
use url::Url;

use crate::{
    Error,
    forge::cut,
    retry::{self, ATTEMPTS, Verdict},
};

/// What requests may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A request that takes longer is given up.
    pub request: Duration,
    /// A call that would wait longer for a forge that has had too many requests ends instead with [`Error::RateLimited`].
    pub wait: Duration,
    /// The largest answer, in bytes.
    pub answer: u64,
    /// How many pages of a list are read at most.
    pub pages: u32,
}

impl Default for Limits {
    /// 30 s, 5 s, 8 MiB and 10 pages.
    fn default() -> Self {
        Self { request: Duration::from_secs(30), wait: Duration::from_secs(5), answer: 8 << 20, pages: 10 }
    }
}

/// What gives the value of the header `Authorization`.
pub(crate) trait Authorize: Send + Sync {
    /// # Errors
    /// When there is none to be had.
    fn authorization(&self) -> Result<String, Error>;

    /// Forgets what the forge refused; whether there may be another one.
    fn refused(&self) -> bool {
        false
    }
}

/// A value that stays the same.
pub(crate) struct Fixed(pub(crate) String);

impl Authorize for Fixed {
    fn authorization(&self) -> Result<String, Error> {
        Ok(self.0.clone())
    }
}

/// The API of a forge.
#[derive(Clone)]
pub(crate) struct Api {
    agent: Agent,
    base: Url,
    forge: &'static str,
    accept: &'static str,
    authorize: Arc<dyn Authorize>,
    limits: Limits,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// Names and values of a query.
pub(crate) type Query<'a> = &'a [(&'a str, &'a str)];

/// One page of a list.
pub(crate) struct Page {
    pub(crate) body: Value,
    /// Whether the header `Link` names a next one.
    pub(crate) more: bool,
}

impl Api {
    pub(crate) fn new(
        base: &Url,
        forge: &'static str,
        accept: &'static str,
        authorize: Arc<dyn Authorize>,
        limits: Limits,
    ) -> Self {
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(limits.request))
            // A renamed repository answers for its old name for a while. What is written must not depend on that.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("plumb/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self { agent, base: base.clone(), forge, accept, authorize, limits }
    }

    /// The same API with other credentials.
    pub(crate) fn with(&self, authorize: Arc<dyn Authorize>) -> Self {
        Self { authorize, ..self.clone() }
    }

    pub(crate) fn forge(&self) -> &'static str {
        self.forge
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &[&str], query: Query<'_>) -> Result<T, Error> {
        self.read("GET", path, self.send(&Method::GET, path, query, None)?.body)
    }

    /// Like [`Api::get`], and `None` for what is not there.
    pub(crate) fn get_if_there<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Option<T>, Error> {
        match self.get(path, &[]) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_status(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn post<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T, Error> {
        self.read("POST", path, self.send(&Method::POST, path, &[], Some(body))?.body)
    }

    pub(crate) fn put<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T, Error> {
        self.read("PUT", path, self.send(&Method::PUT, path, &[], Some(body))?.body)
    }

    pub(crate) fn patch<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T, Error> {
        self.read("PATCH", path, self.send(&Method::PATCH, path, &[], Some(body))?.body)
    }

    /// All items of a list whose pages are numbered by `page`, up to the last page that the limits allow.
    ///
    /// `items` takes the items out of a page and says whether its body tells of more; the header `Link` may do so as well.
    pub(crate) fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: Query<'_>,
        items: impl Fn(Value) -> (Value, bool),
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        for number in 1..=self.limits.pages.max(1) {
            let number = number.to_string();
            let query: Vec<_> = query.iter().copied().chain([("page", number.as_str())]).collect();
            let page = self.send(&Method::GET, path, &query, None)?;
            let (items, more) = items(page.body);
            all.append(&mut self.read::<Vec<T>>("GET", path, items)?);
            if !(more || page.more) {
                break;
            }
        }
        Ok(all)
    }

    /// One page of a list.
    pub(crate) fn read_values<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: Query<'_>,
        items: impl Fn(Value) -> (Value, bool),
    ) -> Result<Vec<T>, Error> {
        let page = self.send(&Method::GET, path, query, None)?;
        self.read("GET", path, items(page.body).0)
    }

    fn read<T: DeserializeOwned>(&self, method: &str, path: &[&str], body: Value) -> Result<T, Error> {
        serde_json::from_value(body).map_err(|error| Error::Answer {
            forge: self.forge,
            request: format!("{method} {}", self.url(path, &[]).path()),
            message: error.to_string(),
        })
    }

    fn url(&self, path: &[&str], query: Query<'_>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Sends a request, again where that helps, and gives a successful answer.
    fn send(&self, method: &Method, path: &[&str], query: Query<'_>, body: Option<&Value>) -> Result<Page, Error> {
        let url = self.url(path, query);
        let request = format!("{method} {}", url.path());
        let repeatable = *method != Method::POST;
        let mut waited = Duration::ZERO;
        let mut renewed = false;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let answer = match self.once(method, &url, &request, body) {
                Ok(answer) => answer,
                Err(error @ Error::Unreachable { .. }) if repeatable && attempt < ATTEMPTS => {
                    tracing::debug!(%error, "the forge is asked again");
                    thread::sleep(retry::pause(attempt));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let message = answer.message();
            let head = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
            let judged = retry::Answer {
                status: answer.status,
                retry_after: head("retry-after"),
                remaining: head("x-ratelimit-remaining").or_else(|| head("ratelimit-remaining")),
                reset: head("x-ratelimit-reset").or_else(|| head("ratelimit-reset")),
                speaks_of_limit: message.to_ascii_lowercase().contains("rate limit"),
            };
            match retry::judge(&judged, repeatable, attempt, Timestamp::now().as_second()) {
                Verdict::Again(pause) => thread::sleep(pause),
                Verdict::Limited(wait) if attempt < ATTEMPTS && waited + wait <= self.limits.wait => {
                    waited += wait;
                    thread::sleep(wait);
                }
                Verdict::Limited(wait) => return Err(Error::RateLimited { forge: self.forge, wait }),
                // A token that ends with the hour may have ended early.
                Verdict::Final if answer.status == 401 && !renewed && self.authorize.refused() => renewed = true,
                Verdict::Final => return self.conclude(request, answer, message),
            }
        }
    }

    fn conclude(&self, request: String, answer: Answer, message: String) -> Result<Page, Error> {
        let (forge, status) = (self.forge, answer.status);
        match status {
            200..=299 => Ok(Page {
                more: answer
                    .headers
                    .get_all(header::LINK)
                    .iter()
                    .any(|link| link.to_str().is_ok_and(|link| link.contains("rel=\"next\""))),
                body: answer.body?,
            }),
            301 | 302 | 307 | 308 => {
                let to = answer
                    .headers
                    .get(header::LOCATION)
                    .and_then(|to| to.to_str().ok())
                    .and_then(|to| self.base.join(to).ok());
                let to = to.map_or_else(
                    || "another place".to_owned(),
                    |to| format!("{}{}", to.origin().ascii_serialization(), to.path()),
                );
                Err(Error::Moved { forge, request, to })
            }
            401 | 403 => Err(Error::Credentials { forge, request, message }),
            404 | 410 => Err(Error::NotFound { forge, request, message }),
            500.. => Err(Error::Server { forge, request, status, message }),
            _ => Err(Error::Refused { forge, request, status, message }),
        }
    }

    fn once(&self, method: &Method, url: &Url, request: &str, body: Option<&Value>) -> Result<Answer, Error> {
        let builder = Request::builder()
            .method(method.clone())
            .uri(url.as_str())
            .header(header::AUTHORIZATION, self.authorize.authorization()?)
            .header(header::ACCEPT, self.accept);
        let sent = match body {
            Some(body) => builder
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.to_string())
                .map_err(|error| error.to_string())
                .map(|request| self.agent.run(request)),
            None => builder.body(()).map_err(|error| error.to_string()).map(|request| self.agent.run(request)),
        };
        // What the builder says may quote a header; the address is the only part that a user writes and may read.
        let sent = sent.map_err(|_| Error::Form {
            forge: self.forge,
            message: "the token or user name holds characters that no header may hold; remove line breaks".into(),
        })?;
        let unreachable =
            |message: String| Error::Unreachable { forge: self.forge, request: request.to_owned(), message };
        let mut response = sent.map_err(|error| unreachable(error.to_string()))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut bytes = Vec::new();
        let read = response.body_mut().as_reader().take(self.limits.answer.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| unreachable(format!("the connection broke: {error}")))?;
        let wrong = |message: String| Error::Answer { forge: self.forge, request: request.to_owned(), message };
        let body = if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > self.limits.answer {
            Err(wrong(format!("it has more than {} bytes", self.limits.answer)))
        } else if bytes.iter().all(u8::is_ascii_whitespace) {
            Ok(Value::Null)
        } else {
            serde_json::from_slice(&bytes).map_err(|error| wrong(format!("no JSON: {error}")))
        };
        Ok(Answer { status, headers, body })
    }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Result<Value, Error>,
}

impl Answer {
    /// What a forge says about a request that it refuses, in one line.
    fn message(&self) -> String {
        const LONGEST: usize = 300;
        let Ok(body) = &self.body else { return "no reason was given".to_owned() };
        let mut words = Vec::new();
        for pointer in ["/message", "/error", "/error_description", "/error/message", "/error/detail", "/errors"] {
            match body.pointer(pointer) {
                Some(Value::String(text)) if !text.is_empty() => words.push(text.clone()),
                Some(Value::Array(items)) if !items.is_empty() => {
                    words.extend(items.iter().take(5).map(|item| match item.get("message").unwrap_or(item) {
                        Value::String(text) => text.clone(),
                        other => other.to_string(),
                    }));
                }
                // GitLab says `{"message": {"title": ["is too long"]}}`.
                Some(Value::Object(fields)) if pointer == "/message" => {
                    words.push(Value::Object(fields.clone()).to_string());
                }
                _ => {}
            }
        }
        if words.is_empty() {
            return "no reason was given".to_owned();
        }
        let line: String = words.join(": ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        cut(&line, LONGEST)
    }
}

#[cfg(test)]
mod tests;
