//! The scanner: tokens and comments, exactly where the libraries of Go find them.

mod block_scalar;
mod comment;
mod cursor;
mod flow_scalar;
mod name;
mod scanner;
mod structure;
mod token;

pub(crate) use scanner::{Fault, Scanned, Scanner};
pub use token::Style;
pub(crate) use token::{Kind, Mark, TagToken, Token};
