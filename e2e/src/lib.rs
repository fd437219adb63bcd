//! A real cluster, a real git server and the tests that run on them.

pub mod cluster;
pub mod git_server;
