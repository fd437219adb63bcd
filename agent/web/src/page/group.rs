//! A repository and its environments, in the order in which revisions pass through them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Commit, Moment, card::Card};
use crate::{ConditionView, EnvironmentView, RepositoryView, Status, view::without_credentials};

/// One repository and its environments.
pub(super) struct Group {
    pub(super) namespace: String,
    pub(super) name: String,
    /// `None` when an environment names a repository that isn't there.
    pub(super) source: Option<Source>,
    /// Environments by how many promotions they are away from the branch.
    pub(super) stages: Vec<Vec<Card>>,
}

/// Where a repository is, and how fetching goes.
pub(super) struct Source {
    pub(super) url: String,
    pub(super) branch: String,
    pub(super) head: Option<Commit>,
    pub(super) fetched: Option<Moment>,
    pub(super) webhook: bool,
    /// Why it can't be fetched.
    pub(super) problem: Option<String>,
}

impl Group {
    pub(super) fn cards(&self) -> impl Iterator<Item = &Card> {
        self.stages.iter().flatten()
    }
}

/// Groups environments by repository, and orders both by namespace and name.
pub(super) fn groups(
    repositories: Vec<RepositoryView>,
    environments: &[EnvironmentView],
    now: Timestamp,
) -> Vec<Group> {
    let mut members: BTreeMap<(&str, &str), Vec<&EnvironmentView>> = BTreeMap::new();
    for environment in environments {
        members.entry((&environment.namespace, &environment.repository)).or_default().push(environment);
    }
    let sources: BTreeMap<(String, String), RepositoryView> = repositories
        .into_iter()
        .map(|repository| ((repository.namespace.clone(), repository.name.clone()), repository))
        .collect();

    let mut groups = Vec::new();
    for ((namespace, name), repository) in &sources {
        let members = members.remove(&(namespace.as_str(), name.as_str())).unwrap_or_default();
        groups.push(Group {
            namespace: namespace.clone(),
            name: name.clone(),
            source: Some(source(repository, now)),
            stages: stages(members, Some(&repository.branch), now),
        });
    }
    for ((namespace, name), members) in members {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        groups.push(Group { namespace, name, source: None, stages: stages(members, None, now) });
    }
    groups.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    groups
}

fn source(repository: &RepositoryView, now: Timestamp) -> Source {
    let problem = |ready: &ConditionView| match (ready.status, ready.message.as_str()) {
        (Status::False, "") => Some(ready.reason.clone()),
        (Status::False, message) => Some(message.to_owned()),
        _ => None,
    };
    Source {
        url: without_credentials(&repository.url),
        branch: repository.branch.clone(),
        head: repository.head.as_deref().map(Commit::new),
        fetched: repository.fetched_at.map(|at| Moment::new(now, at)),
        webhook: repository.webhook,
        problem: problem(&repository.ready),
    }
}

fn stages(mut members: Vec<&EnvironmentView>, branch: Option<&str>, now: Timestamp) -> Vec<Vec<Card>> {
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let mut stages: BTreeMap<usize, Vec<Card>> = BTreeMap::new();
    for (environment, depth) in members.iter().zip(depths(&members)) {
        stages.entry(depth).or_default().push(Card::new(environment, branch, now));
    }
    stages.into_values().collect()
}

/// How many promotions each environment is away from the branch. Environments that promote from each other in a circle are a mistake
/// that the page must survive: depths stop growing at the number of environments.
fn depths(members: &[&EnvironmentView]) -> Vec<usize> {
    let index: BTreeMap<&str, usize> =
        members.iter().enumerate().map(|(i, member)| (member.name.as_str(), i)).collect();
    let upstream: Vec<Vec<usize>> = members
        .iter()
        .map(|member| member.promotion.iter().flat_map(|promotion| &promotion.from))
        .map(|from| from.filter_map(|name| index.get(name.as_str()).copied()).collect())
        .collect();
    let mut depths = vec![0; members.len()];
    for _ in 0..members.len() {
        let next: Vec<usize> = upstream
            .iter()
            .map(|from| from.iter().filter_map(|i| depths.get(*i)).max().map_or(0, |depth| depth + 1))
            .collect();
        if next == depths {
            break;
        }
        depths = next;
    }
    depths
}
