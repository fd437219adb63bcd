//! The renderer against the real kustomize: the same bytes, or refused by both.

mod case;
mod compare;
mod generate;
mod oracle;
mod random;
mod repositories;
mod scenarios;
mod shrink;
mod value;
