#![doc = include_str!("../README.md")]

mod accumulate;
mod budget;
mod build_metadata;
mod builder;
mod encoding;
mod error;
mod fetch;
mod fieldspec;
mod filters;
mod fs;
mod generate;
mod helm;
mod id;
mod internal_annotations;
mod kustomization;
mod load;
mod metadata_order;
mod object;
mod options;
mod order;
mod overrides;
mod parse;
mod pattern;
mod plugin;
mod read_set;
mod remote;
mod resources;
mod scalar_type;
mod schema;
mod shared;
mod transformer;
mod tree;
mod unprintable;

pub use builder::Builder;
pub use error::{Error, ErrorKind, Errors};
pub use fetch::{
    Chart, ChartRequest, Fetch, FetchError, FetchErrorKind, FunctionCall, HelmRequest, Repository, RepositoryRequest,
};
pub use fs::{Entry, Fs, FsError, Identity, MemoryFs};
pub use object::{Object, Origin};
pub use options::{Options, Order};
pub use overrides::{ImageOverride, Overrides};
pub use read_set::{Fetched, ReadSet};
pub use remote::is_repository_url;

use accumulate::{Accumulated, Accumulator, Top};
use load::Loader;
use object::Resource;

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

    /// The text of [`to_yaml`](Rendered::to_yaml) in parts, one for each object, which is dropped when its part has been made: a render of
    /// megabytes need not be there as values and as text at once.
    pub fn into_yaml(self) -> impl Iterator<Item = String> {
        self.objects.into_iter().enumerate().map(|(index, object)| {
            let text = object.to_yaml();
            if index == 0 { text } else { format!("---\n{text}") }
        })
    }
}

/// Renders the kustomization in the directory `path` of `fs`, as `kustomize build` does.
///
/// `path` is relative to the root of `fs`; `""` or `"."` is the root itself. The result depends on nothing but the files that
/// [`Rendered::read`] lists. Nothing is fetched from anywhere else: see [`Builder`] for what is.
///
/// # Errors
/// Everything that is wrong, as far as it can be found in one go: see [`Errors`].
pub fn build(fs: &dyn Fs, path: &str, options: &Options) -> Result<Rendered, Errors> {
    Builder::new(fs).options(options).build(path)
}

fn render(
    loader: Loader<'_>,
    directory: &str,
    url: Option<&str>,
    overrides: Option<&Overrides>,
) -> Result<Rendered, Errors> {
    let mut accumulator = Accumulator::new(&loader);
    let top = accumulator.top(directory, url).and_then(|top| {
        let Some(overrides) = overrides.filter(|overrides| !overrides.is_empty()) else { return Some(top) };
        let accumulated = accumulator.override_with(directory, overrides, top.accumulated)?;
        Some(Top { accumulated, ..top })
    });
    let mut errors = accumulator.errors;
    errors.extend(loader.schemas.fault());
    let (Some(Top { mut kustomization, accumulated }), true) = (top, errors.is_empty()) else {
        return Err(Errors(errors));
    };
    let Accumulated { mut resources, config, vars } = accumulated;
    filters::hash::apply(&mut resources).map_err(|fault| at(directory, fault))?;
    if let Some((resource, fault)) =
        resources.iter().find_map(|resource| Some((resource, resource.check_history().err()?)))
    {
        return Err(resource.error(fault).into());
    }
    filters::name_reference::apply(&mut resources, &config.name_references)?;
    filters::ref_var::apply(&mut resources, &vars, &config.var_references)?;
    filters::local_config::apply(&mut resources)?;
    order::sort(&mut resources, kustomization.sort.as_ref().map(|sort| &sort.value), loader.choices.order);
    if loader.choices.managed_by_label {
        kustomization.build_metadata.ask_for_label();
    }
    kustomization.build_metadata.label(&mut resources).map_err(|fault| at(directory, fault))?;
    filters::clean_up::apply(&mut resources, &kustomization.build_metadata)?;
    if let Some(error) = loader.schemas.fault() {
        return Err(Errors::from(error));
    }
    let objects = resources.into_list().into_iter().map(Resource::into_object).collect();
    Ok(Rendered { objects, read: loader.into_read_set() })
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
