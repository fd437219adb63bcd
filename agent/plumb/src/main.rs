//! The agent and the command line of Plumb.

fn main() {}
