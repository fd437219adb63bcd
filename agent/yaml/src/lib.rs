#![doc = include_str!("../README.md")]

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
pub use resolve::{Schema, is_float, plain};
pub use scan::Style;
pub use serde_json::{Map, Number, Value};
