//! Figures with their goals, as a table or as JSON.

use serde::Serialize;

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    /// What it is of.
    pub(crate) what: String,
    /// How many times better than the other.
    pub(crate) ratio: f64,
    /// What the ratio should be at least; without it the figure is for information.
    pub(crate) goal: Option<f64>,
    /// What was measured, for people.
    pub(crate) detail: String,
}

impl Figure {
    fn holds(&self) -> bool {
        self.goal.is_none_or(|goal| self.ratio >= goal)
    }
}

/// Prints all figures; says whether each goal is met.
pub(crate) fn print(figures: &[Figure], json: bool) -> bool {
    if json {
        println!("{}", serde_json::to_string_pretty(figures).unwrap_or_default());
    } else {
        println!("{:<46} {:>8} {:>8}        measured", "", "ratio", "goal");
        for figure in figures {
            let goal = figure.goal.map_or_else(String::new, |goal| format!("{goal:.2}"));
            let verdict = if figure.goal.is_none() {
                ""
            } else if figure.holds() {
                "ok"
            } else {
                "MISSED"
            };
            println!("{:<46} {:>8.2} {goal:>8} {verdict:<6} {}", figure.what, figure.ratio, figure.detail);
        }
    }
    figures.iter().all(Figure::holds)
}
