//! `plumb diff`: what an Environment would change in the cluster.

mod survey;
mod text;

use std::{path::PathBuf, process::ExitCode};

use plumb_api::Environment;
use plumb_cluster::References;
use plumb_kustomize::{Overrides, Rendered};

use crate::agent::Inputs;

use super::{
    cluster::{self, Namespace},
    output::{self, Colour, Failures},
    source,
};
use survey::{Change, Survey};

/// What to compare.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The Environment
    environment: String,
    #[command(flatten)]
    namespace: Namespace,
    /// Checkout of the Environment's repository: its work tree is compared, committed or not
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    directory: PathBuf,
    /// Compare this directory instead of the one that the Environment names
    #[arg(long, value_name = "DIR", conflicts_with_all = ["directory", "revision"], value_hint = clap::ValueHint::DirPath)]
    path: Option<PathBuf>,
    /// Compare what the checkout's repository holds at this commit, branch or tag instead of its work tree
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
}

const HELP: &str = "\
Examples:
  plumb diff dev                            # what dev would change if it ran this work tree
  plumb diff prod --revision main           # what a promotion of the head of main would change in prod
  plumb diff dev -C ~/platform              # another checkout
  plumb diff dev --path /tmp/try/overlay    # any directory

Every object goes through a server-side dry run, so defaults, admission and conflicts are taken into account. Nothing is changed.
The values of Secrets are never shown: a marker tells whether they differ.

Exit codes: 0 no difference, 1 differences, 2 wrong usage, 3 failure: all that is wrong is told on standard error.";

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let cluster = cluster::connect().await?;
    let environment = cluster::environment(&cluster, &options.namespace.namespace, &options.environment).await?;
    let remote = cluster::of(&cluster, &environment).await?;
    let target = remote.as_ref().unwrap_or(&cluster);
    target.refresh_kinds().await?;
    if environment.spec.suspend {
        output::note(&format!(
            "Environment {} is suspended: nothing of this happens before spec.suspend is taken away",
            options.environment
        ));
    }
    let path = environment.spec.path.clone();
    let inputs = Inputs::of(&environment, &References::new(&cluster)).await?;
    let overrides = inputs.overrides.clone();
    let rendered = tokio::task::spawn_blocking(move || render(&options, &path, &overrides)).await??;
    let survey = survey::survey(&cluster, target, &environment, rendered, &inputs).await?;
    output::print(&show(&survey, Colour::of_stdout()))?;
    output::note(&summary(&environment, &survey));
    if !survey.errors.is_empty() {
        return Err(Failures(survey.errors).into());
    }
    Ok(if survey.changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(super::DIFFERENT) })
}

fn render(options: &Options, path: &str, overrides: &Overrides) -> anyhow::Result<Rendered> {
    let how = source::How { overrides: Some(overrides), ..source::How::default() };
    if let Some(directory) = &options.path {
        return source::from_disk(directory, how);
    }
    let directory = source::checkout(&options.directory)?.join(path.trim_matches('/'));
    match &options.revision {
        Some(revision) => source::from_revision(&directory, revision, how),
        None => source::from_disk(&directory, how),
    }
}

fn show(survey: &Survey, colour: Colour) -> String {
    let mut out = String::new();
    for (id, change) in &survey.changes {
        let name = id.to_string();
        match change {
            Change::Added { body, note } => {
                if let Some(note) = note {
                    out += &colour.paint("1", &format!("# {name}: {note}"));
                    out.push('\n');
                }
                out += &text::difference(&name, None, body, colour);
            }
            Change::Changed { live, merged } => out += &text::difference(&name, Some(live), merged, colour),
            Change::Runs { phase } => {
                out += &colour.paint("36", &format!("! {name} is a hook and would run ({})", phase.as_str()));
                out.push('\n');
            }
            Change::Pruned => {
                out += &colour.paint("31", &format!("- {name} would be pruned: it left the overlay"));
                out.push('\n');
            }
            Change::Kept { why } => {
                out += &colour
                    .paint("2", &format!("  {name} would be kept, and no longer be part of the environment: {why}"));
                out.push('\n');
            }
        }
    }
    out
}

fn summary(environment: &Environment, survey: &Survey) -> String {
    let name = environment.metadata.name.as_deref().unwrap_or_default();
    let count = |wanted: fn(&Change) -> bool| survey.changes.values().filter(|change| wanted(change)).count();
    let parts = [
        (count(|change| matches!(change, Change::Added { .. })), "would be added"),
        (count(|change| matches!(change, Change::Changed { .. })), "would change"),
        (count(|change| matches!(change, Change::Runs { .. })), "would run as hooks"),
        (count(|change| matches!(change, Change::Pruned)), "would be pruned"),
        (count(|change| matches!(change, Change::Kept { .. })), "would be kept outside of it"),
        (survey.unchanged, "would stay as they are"),
        (survey.errors.len(), "could not be compared"),
    ];
    let parts: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if parts.is_empty() {
        format!("{name}: there are no objects")
    } else {
        format!("{name}: of its objects {}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use plumb_delivery::ObjectId;
    use serde_json::json;

    use super::*;

    fn id(kind: &str, name: &str) -> ObjectId {
        ObjectId { group: "".into(), kind: kind.into(), namespace: Some("shop".into()), name: name.into() }
    }

    fn config(level: &str) -> serde_json::Value {
        json!({"apiVersion": "v1", "data": {"level": level}, "kind": "ConfigMap"})
    }

    fn example() -> Survey {
        let changes = [
            (id("ConfigMap", "new"), Change::Added { body: config("info"), note: None }),
            (
                id("Widget", "new"),
                Change::Added { body: json!({"kind": "Widget"}), note: Some("its kind comes with it") },
            ),
            (id("ConfigMap", "changed"), Change::Changed { live: config("info"), merged: config("debug") }),
            (id("ConfigMap", "old"), Change::Pruned),
            (id("PersistentVolumeClaim", "data"), Change::Kept { why: "objects of this kind are kept" }),
        ];
        Survey { changes: changes.into(), unchanged: 7, errors: vec!["ConfigMap shop/bad: refused".into()] }
    }

    #[test]
    fn each_change_is_shown() {
        expect![[r#"
            --- cluster: ConfigMap shop/changed
            +++ overlay: ConfigMap shop/changed
            @@ -1,4 +1,4 @@
             apiVersion: v1
             data:
            -  level: info
            +  level: debug
             kind: ConfigMap
            --- /dev/null
            +++ overlay: ConfigMap shop/new
            @@ -0,0 +1,4 @@
            +apiVersion: v1
            +data:
            +  level: info
            +kind: ConfigMap
            - ConfigMap shop/old would be pruned: it left the overlay
              PersistentVolumeClaim shop/data would be kept, and no longer be part of the environment: objects of this kind are kept
            # Widget shop/new: its kind comes with it
            --- /dev/null
            +++ overlay: Widget shop/new
            @@ -0,0 +1 @@
            +kind: Widget
        "#]]
        .assert_eq(&show(&example(), Colour::Off));
    }

    #[test]
    fn the_summary_counts() {
        let mut environment = Environment::new(
            "dev",
            serde_json::from_value(json!({"repository": {"name": "platform"}, "path": "overlays/dev"})).unwrap(),
        );
        environment.metadata.namespace = Some("plumb-system".into());
        expect!["dev: of its objects 2 would be added, 1 would change, 1 would be pruned, 1 would be kept outside of it, 7 would stay as they are, 1 could not be compared"]
            .assert_eq(&summary(&environment, &example()));
    }
}
