use std::convert::Infallible;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;
use crate::pin::Hold;

mod back;
mod expressions;
mod gates;
mod requests;
mod turns;

/// Ids that people can read: `c1` is forty digits that start with `c1`.
pub(super) fn id(name: &str) -> String {
    format!("{name:0<40}")
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// One branch without forks.
pub(super) struct Line(pub(super) Vec<String>, pub(super) BTreeMap<String, Signed>);

impl History for Line {
    type Error = Infallible;

    fn resolve(&self, revision: &str) -> Result<Resolved, Infallible> {
        let mut found = self.0.iter().filter(|id| id.starts_with(revision));
        Ok(match (found.next(), found.next()) {
            (Some(id), None) => Resolved::Commit(id.clone()),
            (Some(_), Some(_)) => Resolved::Ambiguous,
            (None, _) => Resolved::Unknown,
        })
    }

    fn is_ancestor(&self, ancestor: &str, descendant: &str) -> Result<bool, Infallible> {
        let place = |wanted: &str| self.0.iter().position(|id| id == wanted);
        Ok(place(ancestor).zip(place(descendant)).is_some_and(|(older, newer)| older <= newer))
    }

    fn signed(&self, commit: &str) -> Result<Signed, Infallible> {
        Ok(self.1.get(commit).cloned().unwrap_or(Signed::Not))
    }

    fn described(&self, commit: &str) -> Result<Option<Described>, Infallible> {
        let (author, email) = ("Ada".to_owned(), "ada@example.com".to_owned());
        let said = Described { author, email, message: commit.to_owned(), time: Some(at(0)) };
        Ok(self.0.iter().any(|id| id == commit).then_some(said))
    }

    fn changed(&self, _: &str, _: &str) -> Result<Vec<String>, Infallible> {
        Ok(vec!["base/a.yaml".to_owned(), "base/b.yaml".to_owned()])
    }
}

/// A repository with `dev` → `staging` → `prod`, and its state.
struct Scene {
    commits: Vec<Commit>,
    environments: Vec<Environment>,
    now: Timestamp,
    off_branch: Vec<String>,
    signers: BTreeMap<String, Signed>,
    checks: Checks,
}

impl Scene {
    fn new() -> Self {
        let environment = |name: &str, from: &[&str]| Environment {
            name: name.to_owned(),
            promotion: (!from.is_empty())
                .then(|| Promotion { from: from.iter().map(ToString::to_string).collect(), ..Promotion::default() }),
            elsewhere: false,
            suspended: false,
            pin: None,
            state: State::default(),
        };
        Self {
            commits: Vec::new(),
            environments: vec![
                environment("dev", &[]),
                environment("staging", &["dev"]),
                environment("prod", &["staging"]),
            ],
            now: at(1000),
            off_branch: Vec::new(),
            signers: BTreeMap::new(),
            checks: Checks::new(),
        }
    }

    fn commit(mut self, name: &str, trailers: &str) -> Self {
        let message = format!("{name}\n\n{trailers}\n");
        self.commits.push(Commit { id: id(name), message, ..Commit::default() });
        self
    }

    /// The merge of a pull request that moved the pin of staging, in a forge that lost the trailers.
    fn merge(mut self, name: &str, request: &str) -> Self {
        let staging = || "staging".to_owned();
        self.commits.push(Commit {
            id: id(name),
            message: format!("Merge pull request #1 from acme/{name}\n"),
            pins: BTreeSet::from([staging()]),
            answers: BTreeMap::from([(staging(), id(request))]),
            ..Commit::default()
        });
        self
    }

    /// The merge of a pull request that was labelled `promote/staging`.
    fn labelled(mut self, name: &str, trailers: &str) -> Self {
        self = self.commit(name, trailers);
        self.commits.last_mut().unwrap().labels.insert("staging".to_owned());
        self
    }

    fn environment(&mut self, name: &str) -> &mut Environment {
        self.environments.iter_mut().find(|environment| environment.name == name).unwrap()
    }

    /// Runs a revision that is healthy since then.
    fn healthy(mut self, name: &str, revision: &str, since: i64) -> Self {
        let state = &mut self.environment(name).state;
        for healthy in &mut state.healthy {
            healthy.until = healthy.until.or(Some(at(since)));
        }
        state.revision = Some(id(revision));
        state.healthy.push(Healthy { revision: id(revision), since: at(since), until: None });
        self
    }

    fn runs(mut self, name: &str, revision: &str) -> Self {
        self.environment(name).state.revision = Some(id(revision));
        self
    }

    fn change(mut self, name: &str, change: impl FnOnce(&mut Environment)) -> Self {
        change(self.environment(name));
        self
    }

    fn pin(self, name: &str, revision: &str) -> Self {
        self.change(name, |it| {
            it.pin = Some(Pin::new(id(revision)));
        })
    }

    /// A commit that moves a pin without saying so.
    fn by_hand(mut self, name: &str, environment: &str, revision: &str) -> Self {
        self = self.commit(name, "by hand");
        self.commits.last_mut().unwrap().pins.insert(environment.to_owned());
        self.pin(environment, revision)
    }

    fn decide(&self) -> Decisions {
        let branch = self.commits.iter().map(|commit| commit.id.clone());
        let history = Line(self.off_branch.iter().cloned().chain(branch).collect(), self.signers.clone());
        let input = Input {
            commits: &self.commits,
            environments: &self.environments,
            default_from: &["dev".to_owned()],
            refused: None,
            checks: &self.checks,
            now: self.now,
        };
        match decide(&input, &history) {
            Ok(decisions) => decisions,
            Err(never) => match never {},
        }
    }

    /// Makes the promotions that were decided.
    fn apply(mut self, name: &str) -> Self {
        let decisions = self.decide();
        for (number, decision) in decisions.promotions().enumerate() {
            let environment = self.environment(&decision.environment);
            environment.pin = decision.pin();
            environment.state.revision.clone_from(&decision.revision);
            self.commits.push(Commit {
                id: id(&format!("{name}{number}")),
                message: trailers::message(&decision.result().unwrap()),
                pins: BTreeSet::from([decision.environment.clone()]),
                answers: decision.request.iter().map(|it| (decision.environment.clone(), it.clone())).collect(),
                ..Commit::default()
            });
        }
        self
    }

    #[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value at each call")]
    fn check(self, expected: Expect) -> Self {
        let decisions = self.decide();
        let mut text = String::new();
        for decision in &decisions.requests {
            let revision = decision.revision.as_deref().map_or("?", |revision| revision.trim_end_matches('0'));
            let request = decision.request.as_deref().map_or("itself", |request| request.trim_end_matches('0'));
            let what = match &decision.action {
                Action::Promote => String::new(),
                Action::Rollback { from, hold } => format!(" back from {} ({hold})", from.trim_end_matches('0')),
                Action::Release { .. } => " released".to_owned(),
            };
            let _ = write!(text, "{}{what} to {revision}, asked by {request}: ", decision.environment);
            let _ = match &decision.verdict {
                Verdict::Promote => writeln!(text, "promote"),
                Verdict::Wait { gate, why, until: None } => writeln!(text, "wait at {gate}: {why}"),
                Verdict::Wait { gate, why, until: Some(until) } => writeln!(text, "wait at {gate} to {until}: {why}"),
                Verdict::Refused { why } => writeln!(text, "refused: {why}"),
                Verdict::Superseded { by } => writeln!(text, "superseded by {}", by.trim_end_matches('0')),
                Verdict::AlreadyThere => writeln!(text, "already there"),
                Verdict::Done { result } => writeln!(text, "done by {}", result.trim_end_matches('0')),
            };
        }
        for unreadable in &decisions.unreadable {
            let _ = writeln!(text, "{}: {}", unreadable.commit.trim_end_matches('0'), unreadable.why);
        }
        expected.assert_eq(&text);
        self
    }
}

/// `staging` ran c1, and runs c2, for which c3 asked.
fn promoted_twice() -> Scene {
    let scene = Scene::new().commit("c1", "Promote-To: staging").healthy("dev", "c1", 0).apply("a");
    let scene = scene
        .healthy("staging", "c1", 10)
        .commit("c2", "x")
        .commit("c3", "Promote-To: staging\nPromote-Revision: c200000");
    scene.healthy("dev", "c2", 20).apply("b").healthy("staging", "c2", 30)
}

/// `staging` takes what `dev` proves.
fn automatic(order: Order) -> Scene {
    let digest = |name: &str| Digest::of(name.as_bytes());
    Scene::new().change("staging", |it| {
        let promotion = it.promotion.as_mut().unwrap();
        (promotion.automatic, promotion.order) = (true, order);
        it.state.digests = ["c1", "c2", "c3", "c4"].iter().map(|name| (id(name), digest(name))).collect();
        it.state.digests.insert(id("c5"), digest("c4"));
    })
}
