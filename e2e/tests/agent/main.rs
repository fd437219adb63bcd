//! The agent on a real cluster with a real git server: what the README promises, end to end.

mod bootstrap;
mod chart;
mod deploy;
mod drift;
mod expressions;
mod fields;
mod gates;
mod health;
mod hooks;
mod ledger;
mod owners;
mod promotion;
mod prune;
mod pull_requests;
mod refused;
mod remote;
mod requests;
mod restart;
mod rollback;
mod rules;
mod serve;
mod transformations;
mod unseen;
