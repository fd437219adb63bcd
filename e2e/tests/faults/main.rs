//! What may go wrong around the agent: it and the API server die, connections break, answers fail, people meddle. Nothing is lost by it, and nothing is
//! pruned that should live.

mod aggregated;
mod check;
mod clock;
mod day;
mod inventory;
mod kills;
mod leaders;
mod outage;
mod storms;
