//! Renders kustomize overlays without touching a file system.
