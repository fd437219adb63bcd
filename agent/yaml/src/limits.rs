//! How much a text may cost to read.

/// Bounds on a text from outside; passing one is an error, not a truncation.
///
/// The default lets through every file that a cluster would accept: the API server takes at most 3 MiB in a request, and JSON
/// readers such as `serde_json` stop at 128 levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes: usize,
    /// Levels of sequences and mappings in each other, after aliases are expanded.
    pub depth: usize,
    /// Nodes of all documents together, after aliases are expanded: each scalar, sequence and mapping counts one.
    pub nodes: usize,
    /// Nodes that aliases and merge keys copy, of all documents together.
    pub alias_nodes: usize,
    /// Bytes of text that aliases and merge keys copy, of all documents together.
    pub alias_bytes: usize,
    /// Documents, empty ones included.
    pub documents: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 16 << 20,
            depth: 128,
            nodes: 1_000_000,
            alias_nodes: 100_000,
            alias_bytes: 4 << 20,
            documents: 10_000,
        }
    }
}
