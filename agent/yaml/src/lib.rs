//! YAML as Kubernetes tools read it and print it.
//!
//! No YAML library for Rust reads `yes`, `0755`, `2020-01-01` or a duplicate key as kustomize does, nor prints as it does, so this crate
//! brings its own scanner, resolver, composer and printer, which follow the libraries of Go that kustomize uses. [`parse`] reads a file by one of two
//! [`Schema`]s, [`print()`] writes an object byte for byte as `kustomize build` 5.8 does.
//!
//! Everything here is pure, and no input makes it panic, overflow the stack or use memory without bound: see [`Limits`].

mod budget;
mod compose;
mod document;
pub mod edit;
mod error;
mod event;
mod events;
mod key;
mod limits;
mod merge;
mod node;
mod number;
mod parse;
mod print;
mod resolve;
mod rewrite;
mod scan;
mod timestamp;

pub use error::Error;
pub use limits::Limits;
pub use node::{Data, Node};
pub use parse::parse;
pub use print::{print, print_documents};
pub use resolve::{Schema, plain};
pub use scan::Style;
pub use serde_json::{Map, Number, Value};
