//! YAML as Kubernetes tools read it and print it.
