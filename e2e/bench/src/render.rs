//! Rendering, beside `kustomize build`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use plumb_kustomize::{MemoryFs, build};

use crate::{
    crds,
    overlays::{Overlay, find, write_small},
    process::{median, median_of},
    report::{Figure, print},
};

/// What to measure, and with which programs.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The agent's binary, a release build
    #[arg(long)]
    plumb: PathBuf,
    /// The real kustomize
    #[arg(long)]
    kustomize: PathBuf,
    /// Directories with kustomizations below them
    #[arg(long, value_name = "DIR", required = true)]
    trees: Vec<PathBuf>,
    /// How often each process is run
    #[arg(long, default_value_t = 7)]
    times: usize,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// For how long the library renders one overlay again and again.
const WARM: Duration = Duration::from_millis(100);
/// For how long two threads render side by side.
const TOGETHER: Duration = Duration::from_secs(2);

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut overlays = Vec::new();
    for tree in &options.trees {
        overlays.extend(find(&tree.canonicalize()?)?);
    }
    let scratch = tempfile::tempdir()?;
    let small = write_small(&scratch.path().join("small"))?;
    let large = scratch.path().join("large");
    let bytes = crds::write(&large)?;
    let large = Overlay { root: large.canonicalize()?, path: "overlay".into() };

    let mut ratios = Vec::new();
    let mut skipped = 0;
    for overlay in &overlays {
        let Some(ratio) = library(overlay, options)? else {
            skipped += 1;
            continue;
        };
        ratios.push(ratio);
    }
    ensure!(!ratios.is_empty(), "no kustomization that both render");
    let middle = median(ratios.iter().map(Pair::ratio));
    let mut figures = vec![Figure {
        what: "warm library, median of all overlays".into(),
        ratio: middle,
        goal: Some(30.0),
        detail: format!("{} overlays, {skipped} passed over (components, or refused by both)", ratios.len()),
    }];
    let on_small = library(&small, options)?.context("the small overlay is refused")?;
    figures.push(Figure {
        what: "warm library, small overlay".into(),
        ratio: on_small.ratio(),
        goal: None,
        detail: on_small.detail(),
    });
    let on_large = library(&large, options)?.context("the overlay of definitions is refused")?;
    figures.push(Figure {
        what: format!("warm library, {:.1} MB of definitions", bytes as f64 / 1e6),
        ratio: on_large.ratio(),
        goal: Some(10.0),
        detail: on_large.detail(),
    });
    figures.extend(processes("small overlay", &small, options, Some(4.0))?);
    figures.extend(processes("definitions", &large, options, None)?);
    figures.push(together(&small, "small overlay")?);
    figures.push(together(&large, "definitions")?);
    Ok(if print(&figures, options.json) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same work, done by both.
struct Pair {
    plumb: f64,
    kustomize: f64,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.kustomize / self.plumb
    }

    fn detail(&self) -> String {
        format!("{:.2} ms against {:.1} ms", self.plumb * 1e3, self.kustomize * 1e3)
    }
}

fn kustomize(directory: &Path, options: &Options) -> Vec<String> {
    [options.kustomize.as_path(), Path::new("build"), directory].map(|part| part.display().to_string()).into()
}

fn plumb(directory: &Path, options: &Options) -> Vec<String> {
    [options.plumb.as_path(), Path::new("render"), directory].map(|part| part.display().to_string()).into()
}

/// One overlay with the library, which has its files in memory; `None` when both refuse it.
fn library(overlay: &Overlay, options: &Options) -> Result<Option<Pair>> {
    let tree = overlay.load()?;
    let command = kustomize(&overlay.directory(), options);
    let Ok(rendered) = build(&tree, &overlay.path, &plumb_kustomize::Options::default()) else {
        let refused = median_of(&command, 1).is_err();
        ensure!(refused, "{} is refused, and kustomize renders it", overlay.directory().display());
        return Ok(None);
    };
    drop(rendered);
    let theirs = median_of(&command, options.times)
        .with_context(|| format!("{} is rendered, and kustomize refuses it", overlay.directory().display()))?;
    let mut runs = Vec::new();
    let began = Instant::now();
    while runs.len() < options.times || began.elapsed() < WARM {
        let began = Instant::now();
        render(&tree, &overlay.path)?;
        runs.push(began.elapsed().as_secs_f64());
    }
    Ok(Some(Pair { plumb: median(runs.into_iter()), kustomize: theirs.seconds }))
}

fn render(tree: &MemoryFs, path: &str) -> Result<usize> {
    Ok(build(tree, path, &plumb_kustomize::Options::default())?.to_yaml().len())
}

/// Whole processes: their time and their memory.
fn processes(what: &str, overlay: &Overlay, options: &Options, goal: Option<f64>) -> Result<[Figure; 2]> {
    let directory = overlay.directory();
    let ours = median_of(&plumb(&directory, options), options.times)?;
    let theirs = median_of(&kustomize(&directory, options), options.times)?;
    let pair = Pair { plumb: ours.seconds, kustomize: theirs.seconds };
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    Ok([
        Figure { what: format!("whole process, {what}"), ratio: pair.ratio(), goal, detail: pair.detail() },
        Figure {
            what: format!("peak memory, {what}"),
            ratio: theirs.peak_bytes as f64 / ours.peak_bytes as f64,
            goal: Some(3.0),
            detail: format!("{:.1} MiB against {:.1} MiB", mebibytes(ours.peak_bytes), mebibytes(theirs.peak_bytes)),
        },
    ])
}

/// How many times more two threads render than one in the same time.
fn together(overlay: &Overlay, what: &str) -> Result<Figure> {
    let trees = [overlay.load()?, overlay.load()?];
    let renders = |threads: usize| -> Result<f64> {
        let began = Instant::now();
        let done: Vec<Result<usize>> = std::thread::scope(|scope| {
            let running: Vec<_> = trees
                .iter()
                .take(threads)
                .map(|tree| {
                    scope.spawn(move || {
                        let mut done = 0;
                        while began.elapsed() < TOGETHER {
                            render(tree, &overlay.path)?;
                            done += 1;
                        }
                        Ok(done)
                    })
                })
                .collect();
            running.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        let done: usize = done.into_iter().sum::<Result<usize>>()?;
        Ok(done as f64 / began.elapsed().as_secs_f64())
    };
    let (one, two) = (renders(1)?, renders(2)?);
    Ok(Figure {
        what: format!("two threads against one, {what}"),
        ratio: two / one,
        goal: Some(1.6),
        detail: format!("{two:.0} renders a second against {one:.0}"),
    })
}
