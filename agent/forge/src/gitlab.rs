//! GitLab, at gitlab.com and anywhere else: <https://docs.gitlab.com/api/rest/>.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Address, Capabilities, Change, Comment, Credentials, Error, Forge, Kind, Label, Limits, Merge, MergeMethod,
    NewPullRequest, PullRequest, Review, ReviewState, State, Status, StatusState,
    forge::cut,
    http::{Api, Fixed},
};

/// The longest description of a status, in characters.
const DESCRIPTION: usize = 255;
/// The longest URL of a status, in bytes.
const LONGEST_URL: usize = 255;

/// A project on GitLab.
#[derive(Debug)]
pub(crate) struct GitLab {
    api: Api,
    /// Its full path, which stands for its id in a URL.
    project: String,
}

impl GitLab {
    pub(crate) fn new(address: &Address, credentials: Credentials, limits: Limits) -> Result<Self, Error> {
        let forge = Kind::GitLab.name();
        let token = match credentials {
            Credentials::Token(token) | Credentials::Basic { password: token, .. } => token,
            Credentials::App(_) => {
                return Err(Error::Form {
                    forge,
                    message: "it takes a token and knows no GitHub App; write the key token".into(),
                });
            }
        };
        let authorize = Arc::new(Fixed(format!("Bearer {token}")));
        let api = Api::new(&address.api, forge, "application/json", authorize, limits);
        Ok(Self { api, project: format!("{}/{}", address.owner, address.name) })
    }

    /// A path below the project.
    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        ["projects", &self.project].into_iter().chain(rest.iter().copied()).collect()
    }

    fn requests(&self, query: &[(&str, &str)]) -> Result<Vec<PullRequest>, Error> {
        let query: Vec<_> = query.iter().copied().chain([("per_page", "100")]).collect();
        let all: Vec<MergeRequest> = self.api.list(&self.path(&["merge_requests"]), &query, |page| (page, false))?;
        Ok(all.into_iter().map(MergeRequest::into).collect())
    }
}

#[derive(Deserialize)]
struct MergeRequest {
    iid: u64,
    title: String,
    description: Option<String>,
    web_url: String,
    source_branch: String,
    target_branch: String,
    source_project_id: Option<u64>,
    target_project_id: u64,
    sha: Option<String>,
    state: String,
    merge_commit_sha: Option<String>,
    squash_commit_sha: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    author: Option<User>,
    #[serde(default)]
    reviewers: Vec<FoundUser>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

impl From<MergeRequest> for PullRequest {
    fn from(request: MergeRequest) -> Self {
        let state = match request.state.as_str() {
            "opened" | "locked" => State::Open,
            "merged" => State::Merged,
            _ => State::Closed,
        };
        let head_commit = request.sha.unwrap_or_default();
        // A merge without a commit of its own, fast-forward, leaves the head.
        let merge_commit = request.merge_commit_sha.or(request.squash_commit_sha).or_else(|| Some(head_commit.clone()));
        Self {
            number: request.iid,
            title: request.title,
            body: request.description.unwrap_or_default(),
            url: request.web_url,
            head: request.source_branch,
            head_commit,
            from_fork: request.source_project_id != Some(request.target_project_id),
            base: request.target_branch,
            state,
            merge_commit: merge_commit.filter(|_| state == State::Merged),
            labels: request.labels,
            author: request.author.map(|author| author.username).unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct Note {
    id: u64,
    #[serde(default)]
    body: String,
    author: Option<User>,
    /// Written by GitLab itself: "added a label".
    #[serde(default)]
    system: bool,
}

#[derive(Deserialize)]
struct CommitStatus {
    id: u64,
    name: String,
    status: String,
    description: Option<String>,
    target_url: Option<String>,
    #[serde(default)]
    allow_failure: bool,
}

#[derive(Deserialize)]
struct Approvals {
    #[serde(default)]
    approved_by: Vec<Approval>,
}

#[derive(Deserialize)]
struct Approval {
    user: User,
}

#[derive(Deserialize)]
struct FoundUser {
    id: u64,
}

impl Forge for GitLab {
    fn kind(&self) -> Kind {
        Kind::GitLab
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            labels: true,
            html: true,
            guards_head: true,
            reviews_name_commit: false,
            rebases: false,
            body_limit: 1_000_000,
        }
    }

    fn find(&self, head: &str, base: &str) -> Result<Option<PullRequest>, Error> {
        let found = self.requests(&[("state", "opened"), ("source_branch", head), ("target_branch", base)])?;
        Ok(found.into_iter().find(|request| request.head == head && request.base == base && !request.from_fork))
    }

    fn latest(&self, head: &str, base: &str) -> Result<Option<PullRequest>, Error> {
        let query = [("state", "all"), ("source_branch", head), ("target_branch", base), ("per_page", "10")];
        let all: Vec<MergeRequest> = self.api.get(&self.path(&["merge_requests"]), &query)?;
        let all = all.into_iter().map(PullRequest::from).filter(|request| !request.from_fork);
        Ok(all.max_by_key(|request| request.number))
    }

    fn get(&self, number: u64) -> Result<PullRequest, Error> {
        let request: MergeRequest = self.api.get(&self.path(&["merge_requests", &number.to_string()]), &[])?;
        Ok(request.into())
    }

    fn open(&self, base: &str) -> Result<Vec<PullRequest>, Error> {
        self.requests(&[("state", "opened"), ("target_branch", base)])
    }

    fn merged(&self, base: &str) -> Result<Vec<PullRequest>, Error> {
        let query = [
            ("state", "merged"),
            ("target_branch", base),
            ("order_by", "updated_at"),
            ("sort", "desc"),
            ("per_page", "50"),
        ];
        let all: Vec<MergeRequest> = self.api.get(&self.path(&["merge_requests"]), &query)?;
        Ok(all.into_iter().map(MergeRequest::into).collect())
    }

    fn create(&self, new: &NewPullRequest) -> Result<PullRequest, Error> {
        let body = json!({
            "source_branch": new.head, "target_branch": new.base, "title": new.title, "description": new.body,
            "remove_source_branch": true,
        });
        let request: MergeRequest = self.api.post(&self.path(&["merge_requests"]), &body)?;
        Ok(request.into())
    }

    fn update(&self, number: u64, change: &Change) -> Result<(), Error> {
        let body = json!({"title": change.title, "description": change.body});
        self.api.put::<Value>(&self.path(&["merge_requests", &number.to_string()]), &body).map(drop)
    }

    fn close(&self, number: u64) -> Result<(), Error> {
        let body = json!({"state_event": "close"});
        self.api.put::<Value>(&self.path(&["merge_requests", &number.to_string()]), &body).map(drop)
    }

    fn merge(&self, number: u64, merge: &Merge) -> Result<(), Error> {
        let message = format!("{}\n\n{}", merge.title, merge.message);
        let squash = merge.method == MergeMethod::Squash;
        // A project may squash whatever is asked for, and the trailers have to be in the commit that comes.
        let body = json!({
            "sha": merge.head, "squash": squash, "should_remove_source_branch": true,
            "merge_commit_message": message.trim_end(), "squash_commit_message": message.trim_end(),
        });
        let merged = self.api.put::<MergeRequest>(&self.path(&["merge_requests", &number.to_string(), "merge"]), &body);
        match merged.map(PullRequest::from) {
            Ok(pull) if pull.state == State::Merged => Ok(()),
            Ok(pull) => Err(Error::NotMergeable {
                forge: self.api.forge(),
                number,
                message: format!("it was accepted, and is {:?} still", pull.state),
            }),
            Err(Error::Refused { status: 409, .. }) => Err(Error::HeadMoved { number, head: merge.head.clone() }),
            Err(Error::Refused { status: 405 | 406 | 422, message, forge, .. }) => {
                // The answer to an earlier attempt may have been lost.
                let now = self.get(number)?;
                if now.state == State::Merged && now.head_commit == merge.head {
                    return Ok(());
                }
                Err(Error::NotMergeable { forge, number, message })
            }
            Err(error) => Err(error),
        }
    }

    fn comments(&self, number: u64) -> Result<Vec<Comment>, Error> {
        let number = number.to_string();
        let path = self.path(&["merge_requests", &number, "notes"]);
        let all: Vec<Note> = self.api.list(&path, &[("sort", "asc"), ("per_page", "100")], |page| (page, false))?;
        let comment = |note: Note| Comment {
            id: note.id,
            body: note.body,
            author: note.author.map(|author| author.username).unwrap_or_default(),
        };
        Ok(all.into_iter().filter(|note| !note.system).map(comment).collect())
    }

    fn comment(&self, number: u64, body: &str) -> Result<(), Error> {
        let number = number.to_string();
        self.api.post::<Value>(&self.path(&["merge_requests", &number, "notes"]), &json!({"body": body})).map(drop)
    }

    fn edit_comment(&self, number: u64, comment: u64, body: &str) -> Result<(), Error> {
        let (number, id) = (number.to_string(), comment.to_string());
        self.api.put::<Value>(&self.path(&["merge_requests", &number, "notes", &id]), &json!({"body": body})).map(drop)
    }

    fn add_labels(&self, number: u64, labels: &[Label]) -> Result<(), Error> {
        if labels.is_empty() {
            return Ok(());
        }
        for label in labels {
            if self.api.get_if_there::<Value>(&self.path(&["labels", &label.name]))?.is_some() {
                continue;
            }
            let body =
                json!({"name": label.name, "color": format!("#{}", label.colour), "description": label.description});
            match self.api.post::<Value>(&self.path(&["labels"]), &body) {
                // Somebody made it meanwhile, or the group has it.
                Ok(_) | Err(Error::Refused { status: 409, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let names = labels.iter().map(|label| label.name.as_str()).collect::<Vec<_>>().join(",");
        let number = number.to_string();
        self.api.put::<Value>(&self.path(&["merge_requests", &number]), &json!({"add_labels": names})).map(drop)
    }

    fn statuses(&self, commit: &str) -> Result<Vec<Status>, Error> {
        let path = self.path(&["repository", "commits", commit, "statuses"]);
        let all: Vec<CommitStatus> = self.api.list(&path, &[("per_page", "100")], |page| (page, false))?;
        // Several pipelines of a commit may have a job of one name, and the latest counts.
        let mut latest: BTreeMap<String, CommitStatus> = BTreeMap::new();
        for status in all {
            if latest.get(&status.name).is_none_or(|known| known.id < status.id) {
                latest.insert(status.name.clone(), status);
            }
        }
        let status = |it: CommitStatus| Status {
            state: match it.status.as_str() {
                "success" | "skipped" => StatusState::Success,
                // A pipeline passes with such a job, with a warning.
                "failed" if it.allow_failure => StatusState::Success,
                "failed" | "canceled" => StatusState::Failure,
                _ => StatusState::Pending,
            },
            name: it.name,
            description: it.description.unwrap_or_default(),
            url: it.target_url,
        };
        Ok(latest.into_values().map(status).collect())
    }

    fn set_status(&self, commit: &str, status: &Status) -> Result<(), Error> {
        let state = match status.state {
            StatusState::Pending => "pending",
            StatusState::Success => "success",
            StatusState::Failure => "failed",
        };
        let mut body =
            json!({"name": status.name, "state": state, "description": cut(&status.description, DESCRIPTION)});
        if let Some(url) = status.url.as_ref().filter(|url| url.len() <= LONGEST_URL) {
            body["target_url"] = json!(url);
        }
        match self.api.post::<Value>(&self.path(&["statuses", commit]), &body) {
            Ok(_) => Ok(()),
            // One of the same name is being written, and GitLab asks to try again.
            Err(Error::Refused { status: status @ 409, message, forge, request }) => {
                Err(Error::Server { forge, request, status, message })
            }
            // A status that has the state already can't be given it again, nor another description before it ends.
            Err(Error::Refused { status: 400, message, .. }) if message.contains("Cannot transition status") => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn reviews(&self, number: u64) -> Result<Vec<Review>, Error> {
        let approvals: Approvals =
            self.api.get(&self.path(&["merge_requests", &number.to_string(), "approvals"]), &[])?;
        let review = |it: Approval| Review { author: it.user.username, state: ReviewState::Approved, commit: None };
        Ok(approvals.approved_by.into_iter().map(review).collect())
    }

    fn request_reviews(&self, number: u64, reviewers: &[String]) -> Result<(), Error> {
        // What is written takes the place of those that were asked already.
        let number = number.to_string();
        let request: MergeRequest = self.api.get(&self.path(&["merge_requests", &number]), &[])?;
        let mut ids: Vec<u64> = request.reviewers.iter().map(|user| user.id).collect();
        for name in reviewers {
            let found: Vec<FoundUser> = self.api.get(&["users"], &[("username", name)])?;
            let user = found.first().ok_or_else(|| Error::NotFound {
                forge: self.api.forge(),
                request: "GET users".into(),
                message: format!("there is no user {name}; name another one as reviewer"),
            })?;
            if !ids.contains(&user.id) {
                ids.push(user.id);
            }
        }
        let body = json!({"reviewer_ids": ids});
        self.api.put::<Value>(&self.path(&["merge_requests", &number]), &body).map(drop)
    }
}
