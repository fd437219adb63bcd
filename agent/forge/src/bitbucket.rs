//! Bitbucket Cloud: <https://developer.atlassian.com/cloud/bitbucket/rest/>.
//!
//! It has no labels, shows HTML as text, and does not compare the head of a pull request when it merges.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Address, Capabilities, Change, Comment, Credentials, Error, Forge, Kind, Label, Limits, Merge, MergeMethod,
    NewPullRequest, PullRequest, Review, ReviewState, State, Status, StatusState,
    forge::{cut, same_commit},
    http::{Api, Fixed},
};

/// The longest description of a status, in characters.
const DESCRIPTION: usize = 255;
/// The longest key of a status, in characters.
const KEY: usize = 40;

/// A repository on Bitbucket Cloud.
#[derive(Debug)]
pub(crate) struct Bitbucket {
    api: Api,
    workspace: String,
    name: String,
    web: String,
}

impl Bitbucket {
    pub(crate) fn new(address: &Address, credentials: Credentials, limits: Limits) -> Result<Self, Error> {
        let forge = Kind::Bitbucket.name();
        let authorization = match credentials {
            Credentials::Token(token) => format!("Bearer {token}"),
            Credentials::Basic { username, password } => {
                format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
            }
            Credentials::App(_) => {
                return Err(Error::Form {
                    forge,
                    message: "it takes an access token (token), or an e-mail address and an API token (username and password)".into(),
                });
            }
        };
        let api = Api::new(&address.api, forge, "application/json", Arc::new(Fixed(authorization)), limits);
        Ok(Self { api, workspace: address.owner.clone(), name: address.name.clone(), web: address.web.to_string() })
    }

    /// A path below the repository.
    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        ["repositories", &self.workspace, &self.name].into_iter().chain(rest.iter().copied()).collect()
    }

    fn pulls(&self, query: &str) -> Result<Vec<PullRequest>, Error> {
        let all: Vec<Pull> =
            self.api.list(&self.path(&["pullrequests"]), &[("q", query), ("pagelen", "50")], values)?;
        Ok(all.into_iter().map(Pull::into).collect())
    }
}

/// The items of a page, and whether there is a next one.
fn values(mut page: Value) -> (Value, bool) {
    let more = page.get("next").is_some();
    (page.get_mut("values").map_or_else(|| json!([]), Value::take), more)
}

/// A text in a query of Bitbucket's filter language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[derive(Deserialize)]
struct Pull {
    id: u64,
    title: String,
    #[serde(default)]
    description: Option<String>,
    links: Links,
    source: End,
    destination: End,
    state: String,
    merge_commit: Option<Hash>,
    author: Option<Account>,
    #[serde(default)]
    participants: Vec<Participant>,
}

#[derive(Deserialize)]
struct Links {
    html: Link,
}

#[derive(Deserialize)]
struct Link {
    href: String,
}

#[derive(Deserialize)]
struct End {
    branch: Branch,
    commit: Option<Hash>,
    repository: Option<FullName>,
}

#[derive(Deserialize)]
struct Branch {
    name: String,
}

#[derive(Deserialize)]
struct Hash {
    hash: String,
}

#[derive(Deserialize)]
struct FullName {
    full_name: String,
}

#[derive(Deserialize)]
struct Account {
    nickname: Option<String>,
    display_name: Option<String>,
}

impl Account {
    fn name(self) -> String {
        self.nickname.or(self.display_name).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Participant {
    user: Account,
    state: Option<String>,
}

impl From<Pull> for PullRequest {
    fn from(pull: Pull) -> Self {
        let full = |end: &End| end.repository.as_ref().map(|repository| repository.full_name.to_ascii_lowercase());
        Self {
            number: pull.id,
            title: pull.title,
            body: pull.description.unwrap_or_default(),
            url: pull.links.html.href,
            from_fork: full(&pull.source).is_none() || full(&pull.source) != full(&pull.destination),
            head: pull.source.branch.name,
            head_commit: pull.source.commit.map(|commit| commit.hash).unwrap_or_default(),
            base: pull.destination.branch.name,
            state: match pull.state.as_str() {
                "OPEN" => State::Open,
                "MERGED" => State::Merged,
                _ => State::Closed,
            },
            merge_commit: pull.merge_commit.map(|commit| commit.hash),
            labels: Vec::new(),
            author: pull.author.map(Account::name).unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct PullComment {
    id: u64,
    #[serde(default)]
    content: Content,
    user: Option<Account>,
    #[serde(default)]
    deleted: bool,
}

#[derive(Deserialize, Default)]
struct Content {
    raw: Option<String>,
}

#[derive(Deserialize)]
struct BuildStatus {
    name: Option<String>,
    key: String,
    state: String,
    description: Option<String>,
    url: Option<String>,
}

impl Forge for Bitbucket {
    fn kind(&self) -> Kind {
        Kind::Bitbucket
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            labels: false,
            html: false,
            guards_head: false,
            reviews_name_commit: false,
            rebases: false,
            body_limit: 32_768,
        }
    }

    fn find(&self, head: &str, base: &str) -> Result<Option<PullRequest>, Error> {
        let query = format!(
            "state=\"OPEN\" AND source.branch.name={} AND destination.branch.name={}",
            quoted(head),
            quoted(base)
        );
        Ok(self.pulls(&query)?.into_iter().find(|pull| pull.head == head && pull.base == base && !pull.from_fork))
    }

    fn latest(&self, head: &str, base: &str) -> Result<Option<PullRequest>, Error> {
        // Without a state, only open ones are listed.
        let states =
            ["OPEN", "MERGED", "DECLINED", "SUPERSEDED"].map(|state| format!("state=\"{state}\"")).join(" OR ");
        let filter =
            format!("({states}) AND source.branch.name={} AND destination.branch.name={}", quoted(head), quoted(base));
        let query = [("q", filter.as_str()), ("sort", "-created_on"), ("pagelen", "10")];
        let all: Vec<Pull> = self.api.read_values(&self.path(&["pullrequests"]), &query, values)?;
        Ok(all.into_iter().map(PullRequest::from).filter(|pull| !pull.from_fork).max_by_key(|pull| pull.number))
    }

    fn get(&self, number: u64) -> Result<PullRequest, Error> {
        let pull: Pull = self.api.get(&self.path(&["pullrequests", &number.to_string()]), &[])?;
        Ok(pull.into())
    }

    fn open(&self, base: &str) -> Result<Vec<PullRequest>, Error> {
        self.pulls(&format!("state=\"OPEN\" AND destination.branch.name={}", quoted(base)))
    }

    fn merged(&self, base: &str) -> Result<Vec<PullRequest>, Error> {
        let filter = format!("state=\"MERGED\" AND destination.branch.name={}", quoted(base));
        let query = [("q", filter.as_str()), ("sort", "-updated_on"), ("pagelen", "50")];
        let pulls: Vec<Pull> = self.api.read_values(&self.path(&["pullrequests"]), &query, values)?;
        Ok(pulls.into_iter().map(Pull::into).collect())
    }

    fn create(&self, new: &NewPullRequest) -> Result<PullRequest, Error> {
        let body = json!({
            "type": "pullrequest", "title": new.title, "description": new.body, "source": {"branch": {"name": new.head}},
            "destination": {"branch": {"name": new.base}}, "close_source_branch": true,
        });
        let pull: Pull = self.api.post(&self.path(&["pullrequests"]), &body)?;
        Ok(pull.into())
    }

    fn update(&self, number: u64, change: &Change) -> Result<(), Error> {
        let body = json!({"type": "pullrequest", "title": change.title, "description": change.body});
        self.api.put::<Value>(&self.path(&["pullrequests", &number.to_string()]), &body).map(drop)
    }

    fn close(&self, number: u64) -> Result<(), Error> {
        self.api.post::<Value>(&self.path(&["pullrequests", &number.to_string(), "decline"]), &json!({})).map(drop)
    }

    fn merge(&self, number: u64, merge: &Merge) -> Result<(), Error> {
        if !same_commit(&self.get(number)?.head_commit, &merge.head) {
            return Err(Error::HeadMoved { number, head: merge.head.clone() });
        }
        let strategy = match merge.method {
            MergeMethod::Merge => "merge_commit",
            MergeMethod::Squash => "squash",
            MergeMethod::Rebase => "fast_forward",
        };
        let message = format!("{}\n\n{}", merge.title, merge.message);
        let body = json!({
            "type": "pullrequest_merge_parameters", "merge_strategy": strategy, "message": message.trim_end(),
            "close_source_branch": true,
        });
        // A merge that takes too long is answered with 555, and is to be tried again.
        match self.api.post::<Value>(&self.path(&["pullrequests", &number.to_string(), "merge"]), &body) {
            Ok(_) => Ok(()),
            Err(Error::Refused { status: 400 | 409, message, forge, .. }) => {
                Err(Error::NotMergeable { forge, number, message })
            }
            Err(error) => Err(error),
        }
    }

    fn comments(&self, number: u64) -> Result<Vec<Comment>, Error> {
        let number = number.to_string();
        let path = self.path(&["pullrequests", &number, "comments"]);
        let all: Vec<PullComment> = self.api.list(&path, &[("pagelen", "100")], values)?;
        let comment = |it: PullComment| Comment {
            id: it.id,
            body: it.content.raw.unwrap_or_default(),
            author: it.user.map(Account::name).unwrap_or_default(),
        };
        Ok(all.into_iter().filter(|it| !it.deleted).map(comment).collect())
    }

    fn comment(&self, number: u64, body: &str) -> Result<(), Error> {
        let number = number.to_string();
        let content = json!({"type": "pullrequest_comment", "content": {"raw": body}});
        self.api.post::<Value>(&self.path(&["pullrequests", &number, "comments"]), &content).map(drop)
    }

    fn edit_comment(&self, number: u64, comment: u64, body: &str) -> Result<(), Error> {
        let (number, id) = (number.to_string(), comment.to_string());
        let content = json!({"type": "pullrequest_comment", "content": {"raw": body}});
        self.api.put::<Value>(&self.path(&["pullrequests", &number, "comments", &id]), &content).map(drop)
    }

    fn add_labels(&self, _: u64, _: &[Label]) -> Result<(), Error> {
        Ok(())
    }

    fn statuses(&self, commit: &str) -> Result<Vec<Status>, Error> {
        let all: Vec<BuildStatus> =
            self.api.list(&self.path(&["commit", commit, "statuses"]), &[("pagelen", "100")], values)?;
        let status = |it: BuildStatus| Status {
            state: match it.state.as_str() {
                "SUCCESSFUL" => StatusState::Success,
                "INPROGRESS" => StatusState::Pending,
                _ => StatusState::Failure,
            },
            name: it.name.unwrap_or(it.key),
            description: it.description.unwrap_or_default(),
            url: it.url,
        };
        Ok(all.into_iter().map(status).collect())
    }

    fn set_status(&self, commit: &str, status: &Status) -> Result<(), Error> {
        let state = match status.state {
            StatusState::Pending => "INPROGRESS",
            StatusState::Success => "SUCCESSFUL",
            StatusState::Failure => "FAILED",
        };
        let body = json!({
            "type": "build", "key": key(&status.name), "name": status.name, "state": state,
            "description": cut(&status.description, DESCRIPTION), "url": status.url.as_deref().unwrap_or(&self.web),
        });
        self.api.post::<Value>(&self.path(&["commit", commit, "statuses", "build"]), &body).map(drop)
    }

    fn reviews(&self, number: u64) -> Result<Vec<Review>, Error> {
        let pull: Pull = self.api.get(&self.path(&["pullrequests", &number.to_string()]), &[])?;
        let review = |it: Participant| {
            let state = match it.state.as_deref()? {
                "approved" => ReviewState::Approved,
                "changes_requested" => ReviewState::ChangesRequested,
                _ => return None,
            };
            Some(Review { author: it.user.name(), state, commit: None })
        };
        Ok(pull.participants.into_iter().filter_map(review).collect())
    }

    fn request_reviews(&self, number: u64, reviewers: &[String]) -> Result<(), Error> {
        let title = self.get(number)?.title;
        // People are known by ids: `{uuid}`, or else an account id.
        let reviewer = |id: &String| {
            if id.starts_with('{') {
                json!({"type": "user", "uuid": id})
            } else {
                json!({"type": "user", "account_id": id})
            }
        };
        let body = json!({"type": "pullrequest", "title": title, "reviewers": reviewers.iter().map(reviewer).collect::<Vec<_>>()});
        self.api.put::<Value>(&self.path(&["pullrequests", &number.to_string()]), &body).map(drop)
    }
}

/// The key of a status: its name, or when that is too long, its beginning and a number made from all of it.
fn key(name: &str) -> String {
    if name.chars().count() <= KEY {
        return name.to_owned();
    }
    // FNV-1a: the key must be the same each time, and nobody gains from two names with one key.
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let start: String = name.chars().take(KEY - 9).collect();
    format!("{start}-{hash:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_forty_characters_at_most() {
        assert_eq!(key("plumb/preview"), "plumb/preview");
        let (a, b) = (key(&format!("plumb/{}/a", "x".repeat(60))), key(&format!("plumb/{}/b", "x".repeat(60))));
        assert_eq!((a.len(), b.len()), (KEY, KEY));
        assert_ne!(a, b);
    }

    #[test]
    fn a_name_can_not_leave_its_quotes() {
        assert_eq!(quoted(r#"a" OR "b\"#), r#""a\" OR \"b\\""#);
    }
}
