//! What reading a file has cost so far.

use crate::limits::Limits;

/// What is left of the limits of a file.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) limits: Limits,
    nodes: usize,
    alias_nodes: usize,
    alias_bytes: usize,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), nodes: 0, alias_nodes: 0, alias_bytes: 0 }
    }

    pub(crate) fn node(&mut self) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(format!("the file has more than {} values; split it", self.limits.nodes));
        }
        Ok(())
    }

    pub(crate) fn copy(&mut self, size: Size) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(size.nodes);
        self.alias_nodes = self.alias_nodes.saturating_add(size.nodes);
        self.alias_bytes = self.alias_bytes.saturating_add(size.bytes);
        if self.nodes > self.limits.nodes
            || self.alias_nodes > self.limits.alias_nodes
            || self.alias_bytes > self.limits.alias_bytes
        {
            return Err(format!(
                "aliases of this file expand to more than {} values or {} bytes; write the values out",
                self.limits.alias_nodes, self.limits.alias_bytes
            ));
        }
        Ok(())
    }
}

/// What a node costs to copy.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size {
    pub(crate) nodes: usize,
    pub(crate) bytes: usize,
    /// Levels of collections, itself included.
    pub(crate) depth: usize,
}

impl Size {
    pub(crate) fn add(&mut self, child: Size) {
        self.nodes += child.nodes;
        self.bytes += child.bytes;
        self.depth = self.depth.max(child.depth + 1);
    }
}
