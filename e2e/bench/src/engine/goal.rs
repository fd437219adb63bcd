//! Figures with the most that they may be.

use std::time::Instant;

use serde::Serialize;

/// One figure: less is better.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    /// What it is of.
    what: String,
    seen: f64,
    unit: &'static str,
    /// What it may be at most; without it the figure is for information.
    goal: Option<f64>,
    /// How it was measured, for people.
    detail: String,
}

impl Figure {
    /// A figure with a goal.
    pub(super) fn new(what: &str, unit: &'static str, goal: f64, seen: f64, detail: impl Into<String>) -> Self {
        Self { what: what.into(), seen, unit, goal: Some(goal), detail: detail.into() }
    }

    /// A figure for information.
    pub(super) fn info(what: &str, unit: &'static str, seen: f64, detail: impl Into<String>) -> Self {
        Self { what: what.into(), seen, unit, goal: None, detail: detail.into() }
    }

    fn holds(&self) -> bool {
        self.goal.is_none_or(|goal| self.seen <= goal)
    }
}

/// Prints all figures; says whether each goal is met.
pub(super) fn print(figures: &[Figure], json: bool) -> bool {
    if json {
        println!("{}", serde_json::to_string_pretty(figures).unwrap_or_default());
    } else {
        println!("{:<56} {:>8} {:>9}", "", "goal", "seen");
        for figure in figures {
            let goal = figure.goal.map_or_else(String::new, |goal| format!("{goal}"));
            let verdict = match figure.goal {
                None => "",
                Some(_) if figure.holds() => "ok",
                Some(_) => "MISSED",
            };
            let Figure { what, seen, unit, detail, .. } = figure;
            println!("{what:<56} {goal:>8} {seen:>9.1} {unit:<8} {verdict:<6} {detail}");
        }
    }
    figures.iter().all(Figure::holds)
}

/// The value below which this share of the values lies (nearest rank); 0 of nothing.
pub(super) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank is small"
    )]
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// The median and some of the rest, for people.
pub(super) fn spread(values: &[f64]) -> String {
    let at = |share| percentile(values, share);
    format!("{} runs: p50 {:.1}, p90 {:.1}, p99 {:.1}, most {:.1}", values.len(), at(0.5), at(0.9), at(0.99), at(1.0))
}

/// Milliseconds from one to the other.
pub(super) fn between(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1_000.0
}
