//! `plumb render`: what an overlay renders to.

use std::{path::PathBuf, process::ExitCode};

use serde_json::{Value, json};

use super::{output, source};

/// What to render.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// Directory of the overlay's kustomization.yaml
    #[arg(default_value = ".", value_hint = clap::ValueHint::DirPath)]
    path: PathBuf,
    /// Render the directory as it is at this commit, branch or tag of the git repository around it, without a checkout
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Format,
}

const HELP: &str = "\
Examples:
  plumb render overlays/dev                       # as `kustomize build overlays/dev`, to the byte
  plumb render overlays/dev --revision main~3     # as it was three commits ago
  diff <(plumb render overlays/dev) <(plumb render overlays/staging)

Nothing is read from outside of the git repository that holds the directory, and nothing from a network.

Exit codes: 0 rendered, 2 wrong usage, 3 the overlay can't be rendered: all that is wrong with it is told on standard error.";

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// YAML documents, as kustomize prints them
    Yaml,
    /// One JSON object of the kind List, as kubectl prints it
    Json,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let rendered = match &options.revision {
        Some(revision) => source::from_revision(&options.path, revision)?,
        None => source::from_disk(&options.path)?,
    };
    let text = match options.output {
        Format::Yaml => rendered.to_yaml(),
        Format::Json => list(&rendered.objects.into_iter().map(|object| object.value).collect::<Vec<_>>())?,
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn list(items: &[Value]) -> anyhow::Result<String> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    Ok(serde_json::to_string_pretty(&list)? + "\n")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn json_is_a_list() {
        expect![[r#"
            {
              "apiVersion": "v1",
              "items": [
                {
                  "kind": "Namespace"
                }
              ],
              "kind": "List"
            }
        "#]]
        .assert_eq(&list(&[json!({"kind": "Namespace"})]).unwrap());
    }
}
