//! The bounds of a render.

/// How much a render may read and hold. The default is ample for real repositories and safe against hostile ones.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The most objects that a render may hold at any time.
    pub max_objects: usize,
    /// The largest file in bytes that is read as YAML or into a generated object.
    pub max_file_bytes: usize,
    /// How many bytes of text a render may read and make in all; a file counts each time that it is used.
    pub max_bytes: usize,
    /// How many values (scalars, lists and maps) a render may read and make in all.
    pub max_values: usize,
    /// How much work a render may do, in steps of which each is as much as looking at a few bytes.
    pub max_steps: usize,
    /// How many kustomizations may be nested in one another, bases and components.
    pub max_depth: usize,
    /// How many kustomizations a render may read in all; a base counts each time that it is used.
    pub max_kustomizations: usize,
    /// How many symbolic links may be followed to reach one path.
    pub max_symlinks: usize,
    /// How many errors are told; no more are looked for then.
    pub max_errors: usize,
    /// The largest compiled regular expression in bytes (patch targets, image names).
    pub max_regex_bytes: usize,
}

/// What else the command line of kustomize lets one choose. The default is what it does without a word.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Choices {
    pub(crate) files_anywhere: bool,
    pub(crate) order: Order,
    pub(crate) managed_by_label: bool,
}

/// The order in which objects are printed when the kustomization says nothing of it in `sortOptions`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// What others depend on comes first, by fixed lists of kinds.
    #[default]
    Legacy,
    /// As the objects were gathered.
    Fifo,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_objects: 50_000,
            max_file_bytes: 16 << 20,
            max_bytes: 48 << 20,
            max_values: 600_000,
            max_steps: 60_000_000,
            max_depth: 64,
            max_kustomizations: 10_000,
            max_symlinks: 16,
            max_errors: 100,
            max_regex_bytes: 1 << 20,
        }
    }
}
