//! What Prometheus scrapes.

use plumb_api::condition_type;
use plumb_delivery::ledger::FourKeys;
use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Registry, histogram_opts, opts};

use super::board::Key;

/// From a minute to a month, in seconds.
const DELIVERY_BUCKETS: [f64; 11] =
    [60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 21_600.0, 86_400.0, 259_200.0, 604_800.0, 2_592_000.0];

/// The metrics of the agent. Label values are names from custom resources and fixed words, never what a stranger sent.
#[derive(Clone)]
pub(crate) struct Metrics {
    pub(crate) registry: Registry,
    /// Fetches by result.
    pub(crate) fetches: IntCounterVec,
    /// Reconciles by result.
    pub(crate) reconciles: IntCounterVec,
    /// From the wake-up to the last answer of the API server, in seconds.
    pub(crate) reconcile_seconds: HistogramVec,
    /// Renders: those done, and those that were proven needless.
    pub(crate) renders: IntCounterVec,
    /// Objects applied and pruned, by result.
    pub(crate) writes: IntCounterVec,
    /// Drifts seen, by what was done.
    pub(crate) drifts: IntCounterVec,
    /// Objects by health.
    pub(crate) objects: IntGaugeVec,
    /// Conditions: 1 is true, 0 false, -1 unknown.
    pub(crate) conditions: IntGaugeVec,
    /// Lines of the ledger, by event.
    pub(crate) transitions: IntCounterVec,
    /// Promotion commits, by target.
    pub(crate) promotions: IntCounterVec,
    /// Deployments, and those that failed.
    deployments: IntCounterVec,
    failures: IntCounterVec,
    /// From the commit until it was healthy, and from the failure until it was healthy again, in seconds.
    lead_times: HistogramVec,
    restore_times: HistogramVec,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// Never, unless two have the same name.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(opts!(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let gauge = IntGaugeVec::new(opts!(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let histogram = |name: &str, help: &str, buckets: Vec<f64>| {
            let histogram = HistogramVec::new(histogram_opts!(name, help, buckets), &["namespace", "environment"])?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let buckets = vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
        let seconds = histogram("plumb_reconcile_duration_seconds", "How long reconciles took.", buckets)?;
        let environment = ["namespace", "environment"];
        let and = |label: &'static str| [environment[0], environment[1], label];
        Ok(Self {
            fetches: counter("plumb_fetch_total", "Fetches of repositories.", &["namespace", "repository", "result"])?,
            reconciles: counter("plumb_reconcile_total", "Reconciles of environments.", &and("result"))?,
            reconcile_seconds: seconds,
            renders: counter(
                "plumb_render_total",
                "Renders of overlays: done, skipped because nothing that was read changed, or failed.",
                &and("result"),
            )?,
            writes: counter(
                "plumb_objects_written_total",
                "Objects applied and pruned.",
                &["namespace", "environment", "operation", "result"],
            )?,
            drifts: counter("plumb_drift_total", "Drifts seen, by what was done about them.", &and("policy"))?,
            objects: gauge("plumb_objects", "Objects of environments, by health.", &and("health"))?,
            conditions: gauge(
                "plumb_environment_condition",
                "Conditions of environments: 1 true, 0 false, -1 unknown.",
                &and("type"),
            )?,
            transitions: counter(
                "plumb_transition_total",
                "What happened to environments, as their ledgers have it: applied, healthy, degraded, drifted and so on.",
                &and("event"),
            )?,
            promotions: counter("plumb_promotion_total", "Promotion commits that were pushed.", &environment)?,
            deployments: counter(
                "plumb_deployment_total",
                "Deployments: other manifests that were applied, without those that a rollback brought back.",
                &environment,
            )?,
            failures: counter(
                "plumb_deployment_failure_total",
                "Deployments that degraded or were rolled back.",
                &environment,
            )?,
            lead_times: histogram(
                "plumb_lead_time_seconds",
                "From the commit of a deployment until it was healthy.",
                DELIVERY_BUCKETS.to_vec(),
            )?,
            restore_times: histogram(
                "plumb_time_to_restore_seconds",
                "From the moment when a deployment degraded until the environment was healthy again.",
                DELIVERY_BUCKETS.to_vec(),
            )?,
            registry,
        })
    }

    /// Counts what came to the four measures of delivery.
    pub(crate) fn delivered(&self, environment: &Key, keys: &FourKeys) {
        let labels = [environment.namespace.as_str(), environment.name.as_str()];
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        self.deployments.with_label_values(&labels).inc_by(count(keys.deployments));
        self.failures.with_label_values(&labels).inc_by(count(keys.failures));
        for (times, histogram) in [(&keys.lead_times, &self.lead_times), (&keys.restore_times, &self.restore_times)] {
            for time in times {
                histogram.with_label_values(&labels).observe(time.as_secs_f64());
            }
        }
    }

    /// Forgets the series of an environment that is gone.
    pub(crate) fn forget(&self, environment: &Key) {
        let (namespace, name) = (environment.namespace.as_str(), environment.name.as_str());
        for health in ["healthy", "progressing", "degraded"] {
            let _ = self.objects.remove_label_values(&[namespace, name, health]);
        }
        for condition in condition_type::ALL {
            let _ = self.conditions.remove_label_values(&[namespace, name, condition]);
        }
    }
}
