//! The ways to ask for a render.

use crate::error::{Errors, Fault};
use crate::fetch::{Fetch, Nothing};
use crate::fs::{Fs, MemoryFs};
use crate::load::{Found, Loader};
use crate::options::{Choices, Options, Order};
use crate::overrides::Overrides;
use crate::remote::RepoSpec;
use crate::{Rendered, at, render};

/// A render with more than [`build`](crate::build) has: what it may fetch.
///
/// See [`Fetch`] for an example.
#[derive(Clone, Copy)]
pub struct Builder<'a> {
    fs: &'a dyn Fs,
    fetch: &'a dyn Fetch,
    options: Options,
    overrides: Option<&'a Overrides>,
    choices: Choices,
}

impl std::fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'a> Builder<'a> {
    /// A render of what is in `fs`, with the default [`Options`], which fetches nothing.
    #[must_use]
    pub fn new(fs: &'a dyn Fs) -> Self {
        Self { fs, fetch: &Nothing, options: Options::default(), overrides: None, choices: Choices::default() }
    }

    /// With these bounds.
    #[must_use]
    pub fn options(self, options: &Options) -> Self {
        Self { options: *options, ..self }
    }

    /// Lets files lie anywhere in the tree, and not only in or below the directory of the kustomization that names them: kustomize's
    /// `LoadRestrictionsNone`.
    #[must_use]
    pub fn files_anywhere(mut self, anywhere: bool) -> Self {
        self.choices.files_anywhere = anywhere;
        self
    }

    /// With the objects in this order, unless the kustomization says something else.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.choices.order = order;
        self
    }

    /// With a label on each object that says that kustomize manages it, as with the entry `managedByLabel` of `buildMetadata`.
    #[must_use]
    pub fn managed_by_label(mut self, labelled: bool) -> Self {
        self.choices.managed_by_label = labelled;
        self
    }

    /// With this to bring what lies outside of the tree.
    #[must_use]
    pub fn fetch(self, fetch: &'a dyn Fetch) -> Self {
        Self { fetch, ..self }
    }

    /// With these changes to all objects.
    #[must_use]
    pub fn overrides(self, overrides: &'a Overrides) -> Self {
        Self { overrides: Some(overrides), ..self }
    }

    /// Renders the kustomization in the directory `path`, as [`build`](crate::build) does.
    ///
    /// # Errors
    /// Everything that is wrong, as far as it can be found in one go: see [`Errors`].
    pub fn build(&self, path: &str) -> Result<Rendered, Errors> {
        let loader = Loader::new(self.fs, self.fetch, &self.options, self.choices);
        let directory = find_directory(&loader, path)?;
        render(loader, &directory, None, self.overrides)
    }

    /// Renders a kustomization of a git repository that is fetched first, as `kustomize build URL` does. The tree that the
    /// builder was made with is not read. See [`is_repository_url`](crate::is_repository_url) for what a URL is.
    ///
    /// # Errors
    /// Everything that is wrong, as far as it can be found in one go: see [`Errors`].
    pub fn build_url(&self, url: &str) -> Result<Rendered, Errors> {
        let shown = crate::remote::shown(url);
        let spec = RepoSpec::parse(url).ok_or_else(|| at(&shown, Fault::path("this is no URL of a git repository")))?;
        let fs = MemoryFs::new();
        let loader = Loader::new(&fs, self.fetch, &self.options, self.choices);
        let directory = loader.repository(&spec).map_err(|fault| at(&shown, fault))?;
        render(loader, &directory, Some(url), self.overrides)
    }
}

fn find_directory(loader: &Loader<'_>, path: &str) -> Result<String, Errors> {
    let path = if path.is_empty() { "." } else { path };
    match loader.find("", path).map_err(|fault| at(path, fault))? {
        Found::Directory { path } => Ok(path),
        // The root of an empty tree exists too; what it lacks is a kustomization file.
        Found::Missing { path } if path.is_empty() => Ok(path),
        Found::Missing { .. } => Err(at(path, Fault::path("the directory does not exist"))),
        Found::File { .. } => {
            Err(at(path, Fault::path("this is a file, expected a directory with a kustomization file")))
        }
    }
}
