//! GitHub, in the cloud and on a server of one's own: <https://docs.github.com/en/rest>.

mod app;
#[cfg(test)]
mod testing;

use std::{fmt, sync::Arc};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Address, Capabilities, Change, Comment, Credentials, Error, Forge, Kind, Label, Limits, Merge, MergeMethod,
    NewPullRequest, PullRequest, Review, ReviewState, State, Status, StatusState,
    forge::{Word, cut, latest_reviews},
    http::{Api, Authorize, Fixed},
};

/// The longest description of a status, in characters.
const DESCRIPTION: usize = 140;

/// A repository on GitHub.
pub(crate) struct GitHub {
    api: Api,
    owner: String,
    name: String,
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub").field("api", &self.api).field("owner", &self.owner).field("name", &self.name).finish()
    }
}

impl GitHub {
    pub(crate) fn new(address: &Address, credentials: Credentials, limits: Limits) -> Result<Self, Error> {
        let api =
            |authorize| Api::new(&address.api, Kind::GitHub.name(), "application/vnd.github+json", authorize, limits);
        let authorize: Arc<dyn Authorize> = match credentials {
            Credentials::Token(token) | Credentials::Basic { password: token, .. } => {
                Arc::new(Fixed(format!("Bearer {token}")))
            }
            Credentials::App(app) => {
                let unsigned = api(Arc::new(Fixed(String::new())));
                Arc::new(app::Tokens::new(app, unsigned, &address.owner, &address.name)?)
            }
        };
        Ok(Self { api: api(authorize), owner: address.owner.clone(), name: address.name.clone() })
    }

    /// A path below the repository.
    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        ["repos", &self.owner, &self.name].into_iter().chain(rest.iter().copied()).collect()
    }

    fn pulls(&self, query: &[(&str, &str)]) -> Result<Vec<PullRequest>, Error> {
        let query: Vec<_> = query.iter().copied().chain([("per_page", "100")]).collect();
        let pulls: Vec<Pull> = self.api.list(&self.path(&["pulls"]), &query, |page| (page, false))?;
        Ok(pulls.into_iter().map(Pull::into).collect())
    }
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    title: String,
    body: Option<String>,
    html_url: String,
    head: Branch,
    base: Branch,
    state: String,
    merged_at: Option<String>,
    merge_commit_sha: Option<String>,
    #[serde(default)]
    labels: Vec<Named>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
    /// Missing once a fork was deleted.
    repo: Option<Repo>,
}

#[derive(Deserialize)]
struct Repo {
    full_name: String,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

impl From<Pull> for PullRequest {
    fn from(pull: Pull) -> Self {
        let merged = pull.merged_at.is_some();
        let full = |branch: &Branch| branch.repo.as_ref().map(|repo| repo.full_name.to_ascii_lowercase());
        Self {
            number: pull.number,
            title: pull.title,
            body: pull.body.unwrap_or_default(),
            url: pull.html_url,
            from_fork: full(&pull.head).is_none() || full(&pull.head) != full(&pull.base),
            head: pull.head.name,
            head_commit: pull.head.sha,
            base: pull.base.name,
            state: match (merged, pull.state.as_str()) {
                (true, _) => State::Merged,
                (false, "open") => State::Open,
                _ => State::Closed,
            },
            // Before the merge it is a commit that GitHub makes to try the merge out.
            merge_commit: pull.merge_commit_sha.filter(|_| merged),
            labels: pull.labels.into_iter().map(|label| label.name).collect(),
            author: pull.user.map(|user| user.login).unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct IssueComment {
    id: u64,
    body: Option<String>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct CombinedStatus {
    statuses: Vec<CommitStatus>,
}

#[derive(Deserialize)]
struct CommitStatus {
    context: String,
    state: String,
    description: Option<String>,
    target_url: Option<String>,
}

#[derive(Deserialize)]
struct CheckRuns {
    check_runs: Vec<CheckRun>,
}

#[derive(Deserialize)]
struct CheckRun {
    name: String,
    conclusion: Option<String>,
    html_url: Option<String>,
}

#[derive(Deserialize)]
struct PullReview {
    user: Option<User>,
    state: String,
    commit_id: Option<String>,
}

impl Forge for GitHub {
    fn kind(&self) -> Kind {
        Kind::GitHub
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            labels: true,
            html: true,
            guards_head: true,
            reviews_name_commit: true,
            rebases: true,
            body_limit: 65_536,
        }
    }

    fn find(&self, head: &str, base: &str) -> Result<Option<PullRequest>, Error> {
        let branch = format!("{}:{head}", self.owner);
        let found = self.pulls(&[("state", "open"), ("head", &branch), ("base", base)])?;
        Ok(found.into_iter().find(|pull| pull.head == head && pull.base == base && !pull.from_fork))
    }

    fn latest(&self, head: &str, base: &str) -> Result<Option<PullRequest>, Error> {
        let branch = format!("{}:{head}", self.owner);
        let query = [("state", "all"), ("head", branch.as_str()), ("base", base), ("per_page", "10")];
        let pulls: Vec<Pull> = self.api.get(&self.path(&["pulls"]), &query)?;
        let ours = |pull: &PullRequest| pull.head == head && pull.base == base && !pull.from_fork;
        Ok(pulls.into_iter().map(PullRequest::from).filter(ours).max_by_key(|pull| pull.number))
    }

    fn get(&self, number: u64) -> Result<PullRequest, Error> {
        let pull: Pull = self.api.get(&self.path(&["pulls", &number.to_string()]), &[])?;
        Ok(pull.into())
    }

    fn open(&self, base: &str) -> Result<Vec<PullRequest>, Error> {
        self.pulls(&[("state", "open"), ("base", base)])
    }

    fn merged(&self, base: &str) -> Result<Vec<PullRequest>, Error> {
        let query =
            [("state", "closed"), ("base", base), ("sort", "updated"), ("direction", "desc"), ("per_page", "50")];
        let pulls: Vec<Pull> = self.api.get(&self.path(&["pulls"]), &query)?;
        Ok(pulls.into_iter().map(PullRequest::from).filter(|pull| pull.state == State::Merged).collect())
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
        let mut body = json!({"sha": merge.head, "merge_method": method});
        if merge.method != MergeMethod::Rebase {
            body["commit_title"] = json!(merge.title);
            body["commit_message"] = json!(merge.message);
        }
        match self.api.put::<Value>(&self.path(&["pulls", &number.to_string(), "merge"]), &body) {
            Ok(_) => Ok(()),
            Err(Error::Refused { status: 409, .. }) => Err(Error::HeadMoved { number, head: merge.head.clone() }),
            Err(Error::Refused { status: 405, message, forge, .. }) => {
                Err(Error::NotMergeable { forge, number, message })
            }
            Err(error) => Err(error),
        }
    }

    fn comments(&self, number: u64) -> Result<Vec<Comment>, Error> {
        let path = ["issues", &number.to_string(), "comments"].map(str::to_owned);
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let all: Vec<IssueComment> = self.api.list(&self.path(&path), &[("per_page", "100")], |page| (page, false))?;
        let comment = |it: IssueComment| Comment {
            id: it.id,
            body: it.body.unwrap_or_default(),
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
        for label in labels {
            if self.api.get_if_there::<Value>(&self.path(&["labels", &label.name]))?.is_some() {
                continue;
            }
            let body = json!({"name": label.name, "color": label.colour, "description": cut(&label.description, 100)});
            match self.api.post::<Value>(&self.path(&["labels"]), &body) {
                // Somebody made it meanwhile.
                Ok(_) | Err(Error::Refused { status: 422, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let names: Vec<_> = labels.iter().map(|label| label.name.as_str()).collect();
        let number = number.to_string();
        self.api.post::<Value>(&self.path(&["issues", &number, "labels"]), &json!({"labels": names})).map(drop)
    }

    fn statuses(&self, commit: &str) -> Result<Vec<Status>, Error> {
        let combined: CombinedStatus =
            self.api.get(&self.path(&["commits", commit, "status"]), &[("per_page", "100")])?;
        let status = |it: CommitStatus| Status {
            state: match it.state.as_str() {
                "success" => StatusState::Success,
                "pending" => StatusState::Pending,
                _ => StatusState::Failure,
            },
            name: it.context,
            description: it.description.unwrap_or_default(),
            url: it.target_url,
        };
        let mut all: Vec<_> = combined.statuses.into_iter().map(status).collect();
        // GitHub's own Actions and most apps report check runs, which are something else. Not every token may read them.
        let runs: CheckRuns = match self.api.get(&self.path(&["commits", commit, "check-runs"]), &[("per_page", "100")])
        {
            Err(Error::Credentials { .. } | Error::NotFound { .. }) => return Ok(all),
            answer => answer?,
        };
        all.extend(runs.check_runs.into_iter().map(|run| Status {
            state: match run.conclusion.as_deref() {
                None => StatusState::Pending,
                Some("success" | "neutral" | "skipped") => StatusState::Success,
                Some(_) => StatusState::Failure,
            },
            name: run.name,
            description: run.conclusion.unwrap_or_default(),
            url: run.html_url,
        }));
        Ok(all)
    }

    fn set_status(&self, commit: &str, status: &Status) -> Result<(), Error> {
        let state = match status.state {
            StatusState::Pending => "pending",
            StatusState::Success => "success",
            StatusState::Failure => "failure",
        };
        let mut body =
            json!({"context": status.name, "state": state, "description": cut(&status.description, DESCRIPTION)});
        if let Some(url) = &status.url {
            body["target_url"] = json!(url);
        }
        self.api.post::<Value>(&self.path(&["statuses", commit]), &body).map(drop)
    }

    fn reviews(&self, number: u64) -> Result<Vec<Review>, Error> {
        let number = number.to_string();
        let path = self.path(&["pulls", &number, "reviews"]);
        let all: Vec<PullReview> = self.api.list(&path, &[("per_page", "100")], |page| (page, false))?;
        let word = |it: PullReview| {
            let state = match it.state.as_str() {
                "APPROVED" => Some(ReviewState::Approved),
                "CHANGES_REQUESTED" => Some(ReviewState::ChangesRequested),
                "DISMISSED" => None,
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
