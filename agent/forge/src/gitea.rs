//! Gitea and Forgejo, which speak the same API: <https://docs.gitea.com/api/>.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Address, Capabilities, Change, Comment, Credentials, Error, Forge, Kind, Label, Limits, Merge, MergeMethod,
    NewPullRequest, PullRequest, Review, ReviewState, State, Status, StatusState,
    forge::{Word, cut, latest_reviews},
    http::{Api, Fixed},
};

/// The longest description of a status, in characters. Gitea keeps any; nobody reads more.
const DESCRIPTION: usize = 255;
/// The largest page that Gitea gives with its default configuration.
const PAGE: &str = "50";

/// A repository on Gitea.
#[derive(Debug)]
pub(crate) struct Gitea {
    api: Api,
    owner: String,
    name: String,
}

impl Gitea {
    pub(crate) fn new(address: &Address, credentials: Credentials, limits: Limits) -> Result<Self, Error> {
        let forge = Kind::Gitea.name();
        let token = match credentials {
            Credentials::Token(token) | Credentials::Basic { password: token, .. } => token,
            Credentials::App(_) => {
                return Err(Error::Form {
                    forge,
                    message: "it takes a token and knows no GitHub App; write the key token".into(),
                });
            }
        };
        let authorize = Arc::new(Fixed(format!("token {token}")));
        let api = Api::new(&address.api, forge, "application/json", authorize, limits);
        Ok(Self { api, owner: address.owner.clone(), name: address.name.clone() })
    }

    /// A path below the repository.
    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        ["repos", &self.owner, &self.name].into_iter().chain(rest.iter().copied()).collect()
    }

    /// Makes labels that are missing, and gives the numbers by which Gitea knows them.
    fn label_ids(&self, labels: &[Label]) -> Result<Vec<u64>, Error> {
        let known: Vec<KnownLabel> =
            self.api.list(&self.path(&["labels"]), &[("limit", PAGE)], |page| (page, false))?;
        let mut ids = Vec::new();
        for label in labels {
            if let Some(known) = known.iter().find(|known| known.name == label.name) {
                ids.push(known.id);
                continue;
            }
            let colour = format!("#{}", label.colour);
            let body = json!({"name": label.name, "color": colour, "description": label.description});
            let made: KnownLabel = self.api.post(&self.path(&["labels"]), &body)?;
            ids.push(made.id);
        }
        Ok(ids)
    }
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    title: String,
    #[serde(default)]
    body: String,
    html_url: String,
    head: Branch,
    base: Branch,
    state: String,
    #[serde(default)]
    merged: bool,
    merge_commit_sha: Option<String>,
    #[serde(default)]
    labels: Option<Vec<KnownLabel>>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(rename = "ref")]
    name: String,
    /// The branch, also when it was deleted and `ref` is another name.
    #[serde(default)]
    label: String,
    sha: String,
    repo_id: Option<u64>,
}

#[derive(Deserialize)]
struct KnownLabel {
    id: u64,
    name: String,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

impl From<Pull> for PullRequest {
    fn from(pull: Pull) -> Self {
        Self {
            number: pull.number,
            title: pull.title,
            body: pull.body,
            url: pull.html_url,
            from_fork: pull.head.repo_id != pull.base.repo_id,
            head: if pull.head.name.starts_with("refs/") { pull.head.label } else { pull.head.name },
            head_commit: pull.head.sha,
            base: pull.base.name,
            state: match (pull.merged, pull.state.as_str()) {
                (true, _) => State::Merged,
                (false, "open") => State::Open,
                _ => State::Closed,
            },
            merge_commit: pull.merge_commit_sha.filter(|_| pull.merged),
            labels: pull.labels.unwrap_or_default().into_iter().map(|label| label.name).collect(),
            author: pull.user.map(|user| user.login).unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct IssueComment {
    id: u64,
    #[serde(default)]
    body: String,
    user: Option<User>,
}

#[derive(Deserialize)]
struct CommitStatus {
    context: String,
    status: String,
    #[serde(default)]
    description: String,
    target_url: Option<String>,
}

#[derive(Deserialize)]
struct PullReview {
    user: Option<User>,
    state: String,
    commit_id: Option<String>,
    #[serde(default)]
    dismissed: bool,
}

impl Forge for Gitea {
    fn kind(&self) -> Kind {
        Kind::Gitea
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            labels: true,
            html: true,
            guards_head: true,
            reviews_name_commit: true,
            rebases: true,
            body_limit: 1_000_000,
        }
    }

    fn find(&self, head: &str, base: &str) -> Result<Option<PullRequest>, Error> {
        Ok(self.open(base)?.into_iter().find(|pull| pull.head == head && !pull.from_fork))
    }

    fn latest(&self, head: &str, base: &str) -> Result<Option<PullRequest>, Error> {
        let query = [("state", "all"), ("limit", PAGE)];
        let pulls: Vec<Pull> = self.api.list(&self.path(&["pulls"]), &query, |page| (page, false))?;
        let ours = |pull: &PullRequest| pull.head == head && pull.base == base && !pull.from_fork;
        Ok(pulls.into_iter().map(PullRequest::from).filter(ours).max_by_key(|pull| pull.number))
    }

    fn get(&self, number: u64) -> Result<PullRequest, Error> {
        let pull: Pull = self.api.get(&self.path(&["pulls", &number.to_string()]), &[])?;
        Ok(pull.into())
    }

    fn open(&self, base: &str) -> Result<Vec<PullRequest>, Error> {
        // It could be asked for the base as well, and answers that there is no such repository while it has not taken note of the branch.
        let query = [("state", "open"), ("limit", PAGE)];
        let pulls: Vec<Pull> = self.api.list(&self.path(&["pulls"]), &query, |page| (page, false))?;
        Ok(pulls.into_iter().map(PullRequest::from).filter(|pull| pull.base == base).collect())
    }

    fn merged(&self, base: &str) -> Result<Vec<PullRequest>, Error> {
        let query = [("state", "closed"), ("sort", "recentupdate"), ("limit", PAGE)];
        let pulls: Vec<Pull> = self.api.get(&self.path(&["pulls"]), &query)?;
        let merged = |pull: &PullRequest| pull.state == State::Merged && pull.base == base;
        Ok(pulls.into_iter().map(PullRequest::from).filter(merged).collect())
    }

    fn create(&self, new: &NewPullRequest) -> Result<PullRequest, Error> {
        let body = json!({"head": new.head, "base": new.base, "title": new.title, "body": new.body});
        let pull: Pull = self.api.post(&self.path(&["pulls"]), &body)?;
        Ok(pull.into())
    }

    fn update(&self, number: u64, change: &Change) -> Result<(), Error> {
        let body = json!({"title": change.title, "body": change.body});
        self.api.patch::<Value>(&self.path(&["pulls", &number.to_string()]), &body).map(drop)
    }

    fn close(&self, number: u64) -> Result<(), Error> {
        self.api.patch::<Value>(&self.path(&["pulls", &number.to_string()]), &json!({"state": "closed"})).map(drop)
    }

    fn merge(&self, number: u64, merge: &Merge) -> Result<(), Error> {
        let method = match merge.method {
            MergeMethod::Merge => "merge",
            MergeMethod::Squash => "squash",
            MergeMethod::Rebase => "rebase",
        };
        let body = json!({
            "Do": method, "head_commit_id": merge.head, "MergeTitleField": merge.title, "MergeMessageField": merge.message,
            "delete_branch_after_merge": true,
        });
        match self.api.post::<Value>(&self.path(&["pulls", &number.to_string(), "merge"]), &body) {
            Ok(_) => Ok(()),
            // 409 is said of a head that moved, of a conflict and of a merge that goes on already.
            Err(Error::Refused { status: 409, message, .. }) if message.contains("head out of date") => {
                Err(Error::HeadMoved { number, head: merge.head.clone() })
            }
            Err(Error::Refused { status: 405 | 409 | 423, message, forge, .. }) => {
                Err(Error::NotMergeable { forge, number, message })
            }
            Err(error) => Err(error),
        }
    }

    fn comments(&self, number: u64) -> Result<Vec<Comment>, Error> {
        // All of them, for this list has no pages.
        let all: Vec<IssueComment> = self.api.get(&self.path(&["issues", &number.to_string(), "comments"]), &[])?;
        let comment = |it: IssueComment| Comment {
            id: it.id,
            body: it.body,
            author: it.user.map(|user| user.login).unwrap_or_default(),
        };
        Ok(all.into_iter().map(comment).collect())
    }

    fn comment(&self, number: u64, body: &str) -> Result<(), Error> {
        let number = number.to_string();
        self.api.post::<Value>(&self.path(&["issues", &number, "comments"]), &json!({"body": body})).map(drop)
    }

    fn edit_comment(&self, _: u64, comment: u64, body: &str) -> Result<(), Error> {
        let id = comment.to_string();
        self.api.patch::<Value>(&self.path(&["issues", "comments", &id]), &json!({"body": body})).map(drop)
    }

    fn add_labels(&self, number: u64, labels: &[Label]) -> Result<(), Error> {
        let ids = self.label_ids(labels)?;
        let number = number.to_string();
        self.api.post::<Value>(&self.path(&["issues", &number, "labels"]), &json!({"labels": ids})).map(drop)
    }

    fn statuses(&self, commit: &str) -> Result<Vec<Status>, Error> {
        let path = self.path(&["commits", commit, "status"]);
        let items = |page: Value| {
            (page.get("statuses").filter(|it| !it.is_null()).cloned().unwrap_or_else(|| json!([])), false)
        };
        let all: Vec<CommitStatus> = self.api.list(&path, &[("limit", PAGE)], items)?;
        let status = |it: CommitStatus| Status {
            state: match it.status.as_str() {
                "success" | "warning" | "skipped" => StatusState::Success,
                "pending" => StatusState::Pending,
                _ => StatusState::Failure,
            },
            name: it.context,
            description: it.description,
            url: it.target_url.filter(|url| !url.is_empty()),
        };
        Ok(all.into_iter().map(status).collect())
    }

    fn set_status(&self, commit: &str, status: &Status) -> Result<(), Error> {
        let state = match status.state {
            StatusState::Pending => "pending",
            StatusState::Success => "success",
            StatusState::Failure => "failure",
        };
        let body = json!({
            "context": status.name, "state": state, "description": cut(&status.description, DESCRIPTION),
            "target_url": status.url.as_deref().unwrap_or_default(),
        });
        self.api.post::<Value>(&self.path(&["statuses", commit]), &body).map(drop)
    }

    fn reviews(&self, number: u64) -> Result<Vec<Review>, Error> {
        let number = number.to_string();
        let path = self.path(&["pulls", &number, "reviews"]);
        let all: Vec<PullReview> = self.api.list(&path, &[("limit", PAGE)], |page| (page, false))?;
        let word = |it: PullReview| {
            let state = match it.state.as_str() {
                _ if it.dismissed => None,
                "APPROVED" => Some(ReviewState::Approved),
                "REQUEST_CHANGES" => Some(ReviewState::ChangesRequested),
                // A comment leaves the verdict before it as it is.
                _ => return None,
            };
            Some(Word { author: it.user?.login, state, commit: it.commit_id })
        };
        Ok(latest_reviews(all.into_iter().filter_map(word)))
    }

    fn request_reviews(&self, number: u64, reviewers: &[String]) -> Result<(), Error> {
        // A team is written `organization/team`.
        let (teams, people): (Vec<_>, Vec<_>) = reviewers.iter().partition(|name| name.contains('/'));
        let teams: Vec<_> = teams.iter().filter_map(|team| team.rsplit('/').next()).collect();
        let number = number.to_string();
        let body = json!({"reviewers": people, "team_reviewers": teams});
        self.api.post::<Value>(&self.path(&["pulls", &number, "requested_reviewers"]), &body).map(drop)
    }
}
