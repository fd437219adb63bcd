//! The state of Environments as a table for people.

use super::report::{EnvironmentReport, Report};
use crate::cli::output::{Colour, printable};

/// How the table is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Whether namespaces are shown.
    pub(super) namespaces: bool,
    /// How many characters fit on a line, when there is a bound.
    pub(super) width: Option<usize>,
    pub(super) colour: Colour,
}

/// Characters between two columns.
const GAP: usize = 3;
/// The shortest message that is worth a column.
const SHORTEST: usize = 20;

/// One cell: the text, and the SGR code of its colour.
struct Cell(String, Option<&'static str>);

impl Cell {
    fn plain(text: &str) -> Self {
        Self(printable(text.lines().next().unwrap_or_default()), None)
    }
}

/// The environments, the promotions that wait or were refused, and the repositories that are not ready.
pub(super) fn table(report: &Report, layout: Layout) -> String {
    let mut sections = Vec::new();
    let namespace = |namespace: &str| layout.namespaces.then(|| Cell::plain(namespace));
    let heading: Vec<_> = layout.namespaces.then_some("NAMESPACE").into_iter().collect();

    let rows: Vec<Vec<Cell>> = report
        .environments
        .iter()
        .map(|environment| namespace(&environment.namespace).into_iter().chain(cells(environment)).collect())
        .collect();
    let columns = ["NAME", "PATH", "REVISION", "READY", "HEALTHY", "DRIFTED", "MESSAGE"];
    sections.push(columns_of(&[&heading[..], &columns].concat(), rows, layout));

    let rows: Vec<Vec<Cell>> = report
        .environments
        .iter()
        .flat_map(|environment| environment.promotions.iter().map(move |promotion| (environment, promotion)))
        .map(|(environment, promotion)| {
            let state =
                Cell(printable(&promotion.state), Some(if promotion.state == "Refused" { RED } else { YELLOW }));
            let cells = [
                Cell::plain(&environment.name),
                Cell::plain(short(&promotion.revision)),
                state,
                Cell::plain(short(&promotion.request)),
                Cell::plain(&promotion.message),
            ];
            namespace(&environment.namespace).into_iter().chain(cells).collect()
        })
        .collect();
    let columns = ["PROMOTION TO", "REVISION", "STATE", "REQUEST", "MESSAGE"];
    sections.push(columns_of(&[&heading[..], &columns].concat(), rows, layout));

    let rows: Vec<Vec<Cell>> = report
        .environments
        .iter()
        .flat_map(|environment| environment.drifts.iter().map(move |drift| (environment, drift)))
        .map(|(environment, drift)| {
            let state = if drift.repaired { ("Repaired", GREEN) } else { ("Drifted", RED) };
            let cells = [
                Cell::plain(&environment.name),
                Cell::plain(&drift.time.0.to_string()),
                Cell(state.0.into(), Some(state.1)),
                Cell::plain(&drift.to_string()),
            ];
            namespace(&environment.namespace).into_iter().chain(cells).collect()
        })
        .collect();
    let columns = ["DRIFT IN", "SEEN", "STATE", "WHAT"];
    sections.push(columns_of(&[&heading[..], &columns].concat(), rows, layout));

    let rows: Vec<Vec<Cell>> = report
        .repositories
        .iter()
        .filter(|repository| repository.ready != Some(true))
        .map(|repository| {
            let cells = [
                Cell::plain(&repository.name),
                Cell::plain(&repository.branch),
                Cell::plain(short(repository.revision.as_deref().unwrap_or_default())),
                truth(repository.ready, true),
                Cell::plain(&repository.message),
            ];
            namespace(&repository.namespace).into_iter().chain(cells).collect()
        })
        .collect();
    let columns = ["REPOSITORY", "BRANCH", "REVISION", "READY", "MESSAGE"];
    sections.push(columns_of(&[&heading[..], &columns].concat(), rows, layout));

    sections.retain(|section| !section.is_empty());
    sections.join("\n")
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

fn cells(environment: &EnvironmentReport) -> [Cell; 7] {
    [
        Cell::plain(&environment.name),
        Cell::plain(&environment.path),
        Cell::plain(short(environment.revision.as_deref().unwrap_or_default())),
        truth(environment.ready, true),
        truth(environment.healthy, true),
        truth(environment.drifted, false),
        Cell::plain(&match &environment.hold {
            Some(hold) => format!("held: {hold}; {}", environment.message),
            None => environment.message.clone(),
        }),
    ]
}

/// `True`, `False` or `Unknown`, as conditions are written everywhere; green when it is `good`.
fn truth(truth: Option<bool>, good: bool) -> Cell {
    let text = match truth {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    Cell(text.into(), Some(truth.map_or(YELLOW, |truth| if truth == good { GREEN } else { RED })))
}

/// The first 12 digits of a commit id.
fn short(revision: &str) -> &str {
    if revision.is_empty() { "-" } else { revision.get(..12).unwrap_or(revision) }
}

/// Aligns the rows below their headings. The last column takes what is left of the line. Without rows there is nothing.
fn columns_of(headings: &[&str], rows: Vec<Vec<Cell>>, layout: Layout) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let headings = headings.iter().map(|heading| Cell((*heading).to_owned(), None)).collect();
    let rows: Vec<Vec<Cell>> = std::iter::once(headings).chain(rows).collect();
    let last = rows[0].len() - 1;
    let length = |text: &str| text.chars().count();
    let widths: Vec<usize> =
        (0..last).map(|column| rows.iter().map(|row| length(&row[column].0)).max().unwrap_or_default()).collect();
    let taken: usize = widths.iter().map(|width| width + GAP).sum();
    let left = layout.width.map(|width| width.saturating_sub(taken).max(SHORTEST));
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (Cell(text, code), width) in row.iter().zip(&widths) {
            line += &code.map_or_else(|| text.clone(), |code| layout.colour.paint(code, text));
            line += &" ".repeat(width - length(text) + GAP);
        }
        line += &cut(&row[last].0, left);
        out += line.trim_end();
        out.push('\n');
    }
    out
}

fn cut(text: &str, most: Option<usize>) -> String {
    match most {
        Some(most) if text.chars().count() > most => text.chars().take(most - 1).chain(['…']).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::{super::report::examples, *};

    fn check(layout: Layout, expected: &Expect) {
        expected.assert_eq(&table(&examples::report(), layout));
    }

    const PLAIN: Layout = Layout { namespaces: false, width: None, colour: Colour::Off };

    #[test]
    fn environments_come_before_promotions() {
        check(
            PLAIN,
            &expect![[r#"
                NAME      PATH               REVISION       READY     HEALTHY   DRIFTED   MESSAGE
                dev       overlays/dev       0123456789ab   True      True      False     all 3 objects are healthy
                staging   overlays/staging   0123456789ab   False     Unknown   True      2 problems:
                prod      overlays/prod      -              Unknown   Unknown   Unknown   the agent has not reported yet; does it run?

                PROMOTION TO   REVISION       STATE     REQUEST        MESSAGE
                staging        0123456789ab   Waiting   fedcba987654   upstream: dev is

                DRIFT IN   SEEN                   STATE      WHAT
                staging    2026-11-21T08:00:00Z   Repaired   ConfigMap shop/a: .data.level "info" -> "debug" by kubectl-edit

                REPOSITORY   BRANCH   REVISION       READY     MESSAGE
                platform     main     0123456789ab   Unknown   the agent has not looked at the changed spec yet
            "#]],
        );
    }

    #[test]
    fn messages_are_cut_to_the_terminal() {
        check(
            Layout { namespaces: true, width: Some(60), ..PLAIN },
            &expect![[r#"
                NAMESPACE      NAME      PATH               REVISION       READY     HEALTHY   DRIFTED   MESSAGE
                plumb-system   dev       overlays/dev       0123456789ab   True      True      False     all 3 objects are h…
                plumb-system   staging   overlays/staging   0123456789ab   False     Unknown   True      2 problems:
                plumb-system   prod      overlays/prod      -              Unknown   Unknown   Unknown   the agent has not r…

                NAMESPACE      PROMOTION TO   REVISION       STATE     REQUEST        MESSAGE
                plumb-system   staging        0123456789ab   Waiting   fedcba987654   upstream: dev is

                NAMESPACE      DRIFT IN   SEEN                   STATE      WHAT
                plumb-system   staging    2026-11-21T08:00:00Z   Repaired   ConfigMap shop/a: .…

                NAMESPACE      REPOSITORY   BRANCH   REVISION       READY     MESSAGE
                plumb-system   platform     main     0123456789ab   Unknown   the agent has not l…
            "#]],
        );
    }

    #[test]
    fn colours_do_not_move_columns() {
        let text = table(&examples::report(), Layout { colour: Colour::On, ..PLAIN });
        let plain =
            ["31", "32", "33", "0"].iter().fold(text, |text, code| text.replace(&format!("\u{1b}[{code}m"), ""));
        assert_eq!(plain, table(&examples::report(), PLAIN));
    }
}
