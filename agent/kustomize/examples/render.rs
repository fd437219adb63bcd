//! Renders a directory of the disk: `cargo run -p plumb-kustomize --example render -- DIRECTORY [PATH]`.
//!
//! PATH is the kustomization in DIRECTORY, and what it refers to must lie in DIRECTORY.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints what it makes")]

use std::error::Error;
use std::path::Path;

use plumb_kustomize::{MemoryFs, Options, build};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().ok_or("name a directory")?;
    let path = arguments.next().unwrap_or_default();
    let mut fs = MemoryFs::new();
    read(Path::new(&root), "", &mut fs)?;
    let rendered = build(&fs, &path, &Options::default())?;
    for (path, id) in rendered.read.iter() {
        eprintln!("read {path}: {}", id.unwrap_or("not there"));
    }
    for part in rendered.into_yaml() {
        print!("{part}");
    }
    Ok(())
}

/// Takes all files below a directory into memory. A caller with many files does better with an [`Fs`](plumb_kustomize::Fs) of its own.
fn read(directory: &Path, prefix: &str, fs: &mut MemoryFs) -> Result<(), Box<dyn Error>> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{path}/"), fs)?;
        } else {
            fs.insert(path, std::fs::read(entry.path())?);
        }
    }
    Ok(())
}
