//! The Kubernetes API as Plumb uses it: discovery, apply, watch, lease.
