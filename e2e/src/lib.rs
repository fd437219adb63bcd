//! A real cluster, a real git server and the tests that run on them.

pub mod agent;
pub mod clock;
pub mod cluster;
pub mod forge_stage;
pub mod git_server;
pub mod observer;
pub mod proxy;
pub mod stage;
mod tls;
pub mod webhook;
