//! What the web server shows and triggers.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use plumb_api::{Environment, condition_type};
use plumb_web::{
    App, ConditionView, EnvironmentView, EventView, HookToken, Mode, NoHookToken, ObjectCounts, PromotionView,
    RepositoryView, Status, Verdict, VerdictView,
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use super::{Context, board::Key, repository::FETCH_ANNOTATION};

/// How many events the page gets of one environment.
const EVENTS: usize = 20;

/// Serves until it is cancelled.
///
/// # Errors
/// When the listener fails.
pub(crate) async fn serve(
    context: Context,
    namespace: String,
    leads: watch::Receiver<bool>,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let registry = context.metrics.registry.clone();
    let agent = Agent { context, namespace, leads };
    plumb_web::serve(listener, App::new(Arc::new(agent), registry)?, stop).await?;
    Ok(())
}

struct Agent {
    context: Context,
    namespace: String,
    leads: watch::Receiver<bool>,
}

impl Agent {
    fn key(&self, namespace: Option<&str>, repository: &str) -> Key {
        Key { namespace: namespace.unwrap_or(&self.namespace).to_owned(), name: repository.to_owned() }
    }
}

impl plumb_web::Agent for Agent {
    fn alive(&self) -> Result<(), Vec<String>> {
        // When a vital task ends, the process ends with it, so one that answers is alive.
        Ok(())
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        let synced = self.context.synced.borrow();
        let missing: Vec<_> = ["repositories", "environments", "promotions", super::hooks::SYNCED]
            .into_iter()
            .filter(|plural| !synced.contains(*plural))
            .map(|plural| format!("the {plural} have not been listed yet"))
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    fn environments(&self) -> Vec<EnvironmentView> {
        let all = self.context.environments.all();
        // Whoever leads knows more than what was written to the cluster so far.
        all.into_iter()
            .map(|(key, listed)| environment(&key, &self.context.board.environment(&key).unwrap_or(listed)))
            .collect()
    }

    fn repositories(&self) -> Vec<RepositoryView> {
        let all = self.context.repositories.all();
        all.into_iter()
            .map(|(key, repository)| {
                let status = repository.status.clone().unwrap_or_default();
                RepositoryView {
                    namespace: key.namespace,
                    name: key.name,
                    url: repository.spec.url.clone(),
                    branch: repository.spec.branch.clone(),
                    head: status.revision,
                    fetched_at: status.fetched_at.map(|time| time.0),
                    ready: condition(&status.conditions, condition_type::READY),
                    webhook: repository.spec.webhook.is_some(),
                }
            })
            .collect()
    }

    fn hook_token(&self, namespace: Option<&str>, repository: &str) -> Result<HookToken, NoHookToken> {
        let key = self.key(namespace, repository);
        if self.context.repositories.get(&key).is_none() {
            return Err(NoHookToken::UnknownRepository);
        }
        self.context.hook_tokens.get(&key).ok_or(NoHookToken::NotConfigured)
    }

    fn fetch(&self, namespace: Option<&str>, repository: &str) {
        let key = self.key(namespace, repository);
        if *self.leads.borrow() {
            self.context.board.fetch_wish(&key).notify_one();
            self.context.board.exchange(&key).happened.notify_one();
            return;
        }
        // The agent that leads sees the annotation in its watch.
        let cluster = self.context.cluster.clone();
        tokio::spawn(async move {
            if let Err(error) = cluster.annotate_repository(&key.namespace, &key.name, FETCH_ANNOTATION).await {
                tracing::warn!(repository = %key, %error, "the webhook could not be passed on to the agent that leads");
            }
        });
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.context.board.shown()
    }
}

fn environment(key: &Key, environment: &Environment) -> EnvironmentView {
    let spec = &environment.spec;
    let status = environment.status.clone().unwrap_or_default();
    let drifted = condition(&status.conditions, condition_type::DRIFTED);
    let objects = status.objects.unwrap_or_default();
    let verdicts = status.promotions.iter().map(|record| VerdictView {
        revision: record.revision.clone(),
        request: record.request.clone(),
        verdict: if record.state == "Refused" { Verdict::Refused } else { Verdict::Waiting },
        message: record.message.clone(),
        at: None,
    });
    let drifts = status.drifts.iter().map(|drift| {
        let reason = if drift.repaired { "DriftRepaired" } else { "DriftDetected" };
        EventView { at: drift.time.0, warning: !drift.repaired, reason: reason.into(), message: drift.to_string() }
    });
    let applied = status.history.iter().map(|record| {
        let message = format!("revision {} was applied", record.revision);
        EventView { at: record.applied_at.0, warning: false, reason: "Applied".into(), message }
    });
    let mut events: Vec<_> = drifts.chain(applied).collect();
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    events.truncate(EVENTS);
    EnvironmentView {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        repository: spec.repository.name.clone(),
        path: spec.path.clone(),
        mode: if spec.promotion.as_ref().is_some_and(plumb_api::Promotion::is_pinned) {
            Mode::Pinned
        } else {
            Mode::Following
        },
        revision: status.revision.clone(),
        attempted_revision: status.attempted_revision.clone(),
        suspended: spec.suspend,
        ready: condition(&status.conditions, condition_type::READY),
        healthy: condition(&status.conditions, condition_type::HEALTHY),
        objects: ObjectCounts {
            total: objects.total,
            healthy: objects.healthy,
            progressing: objects.progressing,
            degraded: objects.degraded,
            drifted: u32::from(drifted.status == Status::True),
        },
        drifted,
        applied_at: status.applied_at.as_ref().map(|time| time.0),
        promotion: spec.promotion.as_ref().map(|promotion| PromotionView {
            from: promotion.from.clone(),
            hold: status.hold.clone(),
            verdicts: verdicts.collect(),
        }),
        events,
    }
}

fn condition(conditions: &[Condition], type_: &str) -> ConditionView {
    let Some(found) = conditions.iter().find(|condition| condition.type_ == type_) else {
        return ConditionView::default();
    };
    let status = match found.status.as_str() {
        "True" => Status::True,
        "False" => Status::False,
        _ => Status::Unknown,
    };
    ConditionView { status, reason: found.reason.clone(), message: found.message.clone() }
}
