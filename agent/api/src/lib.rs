//! The custom resources of plumb.dev.
