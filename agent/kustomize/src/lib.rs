#![doc = include_str!("../README.md")]

mod accumulate;
mod budget;
mod error;
mod fieldspec;
mod filters;
mod fs;
mod generate;
mod id;
mod internal_annotations;
mod kustomization;
mod load;
mod object;
mod options;
mod order;
mod parse;
mod pattern;
mod plugin;
mod read_set;
mod resources;
mod schema;
mod transformer;
mod tree;
mod unprintable;

pub use error::{Error, ErrorKind, Errors};
pub use fs::{Entry, Fs, FsError, Identity, MemoryFs};
pub use object::{Object, Origin};
pub use options::Options;
pub use read_set::ReadSet;

use accumulate::{Accumulated, Accumulator, Top};
use load::{Found, Loader};

/// What an overlay renders to, and what was read for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The objects in the order in which `kustomize build` prints them.
    pub objects: Vec<Object>,
    /// What the render depends on.
    pub read: ReadSet,
}

impl Rendered {
    /// The objects as `kustomize build` prints them, byte for byte.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        plumb_yaml::print_documents(self.objects.iter().map(|object| &object.value))
    }
}

/// Renders the kustomization in the directory `path` of `fs`, as `kustomize build` does.
///
/// `path` is relative to the root of `fs`; `""` or `"."` is the root itself. The result depends on nothing but the files that
/// [`Rendered::read`] lists.
///
/// # Errors
/// Everything that is wrong, as far as it can be found in one go: see [`Errors`].
pub fn build(fs: &dyn Fs, path: &str, options: &Options) -> Result<Rendered, Errors> {
    let loader = Loader::new(fs, options);
    let directory = find_directory(&loader, path)?;
    let mut accumulator = Accumulator::new(&loader);
    let top = accumulator.top(&directory);
    let (Some(Top { kustomization, accumulated }), true) = (top, accumulator.errors.is_empty()) else {
        return Err(Errors(accumulator.errors));
    };
    let Accumulated { mut resources, config, vars } = accumulated;
    filters::hash::apply(&mut resources);
    filters::name_reference::apply(&mut resources, &config.name_references).map_err(|fault| at(path, fault))?;
    filters::ref_var::apply(&mut resources, &vars, &config.var_references)?;
    filters::local_config::apply(&mut resources).map_err(|fault| at(path, fault))?;
    order::sort(&mut resources, kustomization.sort.as_ref().map(|sort| &sort.value));
    filters::clean_up::apply(&mut resources)?;
    let objects = resources
        .into_list()
        .into_iter()
        .map(|resource| Object { value: resource.tree.into_value(), origin: resource.origin })
        .collect();
    Ok(Rendered { objects, read: loader.into_read_set() })
}

fn find_directory(loader: &Loader<'_>, path: &str) -> Result<String, Errors> {
    let path = if path.is_empty() { "." } else { path };
    match loader.find("", path).map_err(|fault| at(path, fault))? {
        Found::Directory { path } => Ok(path),
        // The root of an empty tree exists too; what it lacks is a kustomization file.
        Found::Missing { path } if path.is_empty() => Ok(path),
        Found::Missing { .. } => Err(at(path, error::Fault::path("the directory does not exist"))),
        Found::File { .. } => {
            Err(at(path, error::Fault::path("this is a file, expected a directory with a kustomization file")))
        }
    }
}

fn at(path: &str, fault: error::Fault) -> Errors {
    Errors::from(Error {
        kind: fault.kind,
        file: path.to_owned(),
        line: None,
        field: None,
        bases: Vec::new(),
        message: fault.message,
    })
}
