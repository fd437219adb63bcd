//! `plumb render`: what an overlay renders to.

mod files;

use std::{iter, path::PathBuf, process::ExitCode};

use clap::builder::{OsStringValueParser, TypedValueParser};
use plumb_kustomize::{Order, Rendered};
use serde_json::{Value, json};

use super::{
    fetch::{Fetcher, Functions, Helm},
    output, source,
};

/// What to render.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// Directory of the overlay's kustomization.yaml, or the URL of a git repository with one
    #[arg(default_value = ".", value_hint = clap::ValueHint::DirPath)]
    path: PathBuf,
    /// Render the directory as it is at this commit, branch or tag of the git repository around it, without a checkout
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// Let helm inflate the charts of helmCharts
    #[arg(long)]
    enable_helm: bool,
    /// The helm to use
    #[arg(long, value_name = "PATH", default_value = "helm", value_hint = clap::ValueHint::CommandName)]
    helm_command: String,
    /// API version that charts find in the cluster, unless they name some themselves; may be given several times
    #[arg(long, value_name = "VERSION")]
    helm_api_versions: Vec<String>,
    /// Version of Kubernetes that charts find, unless they name one themselves
    #[arg(long, value_name = "VERSION", default_value = "", hide_default_value = true)]
    helm_kube_version: String,
    /// Run helm with --debug
    #[arg(long)]
    helm_debug: bool,
    #[command(flatten)]
    plugins: Plugins,
    /// Let files lie outside of the directory of their kustomization, and of the git repository around it, with LoadRestrictionsNone
    #[arg(long, value_enum, value_name = "RESTRICTIONS", default_value = "LoadRestrictionsRootOnly")]
    load_restrictor: LoadRestrictor,
    #[command(flatten)]
    containers: Containers,
    #[command(flatten)]
    old: Old,
    /// Write the output into this file, or if it is a directory, each object into a file of its own there
    #[arg(short, long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath, value_parser = any_path())]
    output: Option<PathBuf>,
    /// Form of the output
    #[arg(long, value_enum, default_value = "yaml")]
    format: Format,
}

/// Any path, and an empty one as well, which is as none to kustomize.
fn any_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Where files may lie; the names are those of kustomize.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LoadRestrictor {
    /// In or below the directory of the kustomization that names them
    #[value(name = "LoadRestrictionsRootOnly")]
    RootOnly,
    /// Anywhere
    #[value(name = "LoadRestrictionsNone")]
    Nowhere,
}

/// What kustomize gives to functions that are containers. An overlay with such a function is refused, and to all others these arguments mean nothing.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "For functions in containers, which are refused")]
struct Containers {
    /// Variable of the environment, as NAME or NAME=VALUE
    #[arg(short, long, value_name = "VARIABLE")]
    env: Vec<String>,
    /// Directory to mount
    #[arg(long, value_name = "OPTIONS")]
    mount: Vec<String>,
    /// Allow network access
    #[arg(long)]
    network: bool,
    /// Network of docker
    #[arg(long, value_name = "NAME", default_value = "bridge")]
    network_name: String,
    /// Run as the user who runs the command
    #[arg(long)]
    as_current_user: bool,
}

/// Arguments that kustomize still takes and does not show any more.
#[derive(Debug, clap::Args)]
struct Old {
    /// Order of the objects where the kustomization has no sortOptions
    #[arg(long, value_enum, hide = true)]
    reorder: Option<Reorder>,
    /// Label all objects as with the entry managedByLabel of buildMetadata
    #[arg(long, hide = true)]
    enable_managedby_label: bool,
    /// Nothing: errors tell where they come from anyway
    #[arg(long, hide = true)]
    stack_trace: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Reorder {
    Legacy,
    None,
}

/// Whether to run functions, by the two flags that kustomize wants for them.
#[derive(Debug, clap::Args)]
struct Plugins {
    /// Run plugins that are not built in: functions that are programs, if --enable-exec is given too
    #[arg(long)]
    enable_alpha_plugins: bool,
    /// Run the programs that functions name, with all your rights, if --enable-alpha-plugins is given too
    #[arg(long)]
    enable_exec: bool,
}

const HELP: &str = "\
Examples:
  plumb render overlays/dev                       # as `kustomize build overlays/dev`, to the byte
  plumb render overlays/dev --revision main~3     # as it was three commits ago
  diff <(plumb render overlays/dev) <(plumb render overlays/staging)
  plumb render 'https://github.com/owner/repo//overlays/dev?ref=v1.2'

Remote bases and files are fetched as kustomize fetches them; nothing else is read from outside of the git repository that holds the directory, unless --load-restrictor LoadRestrictionsNone allows it. The agent fetches nothing: an overlay that needs it can't be deployed. Helm runs only with --enable-helm, in a home directory of its own, without the variables of yours. Functions run only with --enable-alpha-plugins and --enable-exec, as kustomize runs them: programs of the work tree, which may do whatever you may.

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
    let helm = options.enable_helm.then(|| Helm {
        command: options.helm_command.clone(),
        api_versions: options.helm_api_versions.clone(),
        kube_version: options.helm_kube_version.clone(),
        debug: options.helm_debug,
    });
    let fetcher = Fetcher::new(helm, plumb_kustomize::Options::default().max_file_bytes);
    // Only on disk there is a program to run.
    let Plugins { enable_alpha_plugins, enable_exec } = options.plugins;
    let runs = enable_alpha_plugins && enable_exec && options.revision.is_none();
    let root = if runs { source::root(&options.path).ok() } else { None };
    let fetcher = fetcher.functions(root.map(|root| Functions { root }));
    let how = source::How {
        fetch: Some(&fetcher),
        files_anywhere: options.load_restrictor == LoadRestrictor::Nowhere,
        order: if options.old.reorder == Some(Reorder::None) { Order::Fifo } else { Order::Legacy },
        managed_by_label: options.old.enable_managedby_label,
        overrides: None,
    };
    let url = options.path.to_str().filter(|path| plumb_kustomize::is_repository_url(path));
    let rendered = match (url, &options.revision) {
        (Some(url), None) => source::from_url(url, how)?,
        (Some(_), Some(_)) => anyhow::bail!("a URL names its revision itself, as ?ref=…; leave --revision out"),
        (None, Some(revision)) => source::from_revision(&options.path, revision, how)?,
        (None, None) => source::from_disk(&options.path, how)?,
    };
    put(options, rendered)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints or writes what was rendered.
fn put(options: &Options, rendered: Rendered) -> anyhow::Result<()> {
    let output = options.output.as_ref().filter(|output| !output.as_os_str().is_empty());
    if let Some(directory) = output.filter(|output| output.is_dir()) {
        return match options.format {
            Format::Yaml => files::write_each(directory, &rendered, |object| Ok(object.to_yaml()), "yaml"),
            Format::Json => {
                let print = |object: &plumb_kustomize::Object| Ok(serde_json::to_string_pretty(&object.value)? + "\n");
                files::write_each(directory, &rendered, print, "json")
            }
        };
    }
    let parts: Box<dyn Iterator<Item = String>> = match options.format {
        Format::Yaml => Box::new(rendered.into_yaml()),
        Format::Json => {
            let items: Vec<Value> = rendered.objects.into_iter().map(|object| object.value).collect();
            Box::new(iter::once(list(&items)?))
        }
    };
    match output {
        Some(file) => files::write(file, parts),
        None => output::print_parts(parts),
    }
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
