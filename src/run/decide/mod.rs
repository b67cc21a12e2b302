//! What a run decides, by values alone: no channel and no clock. What the ledger knows is asked of it; nothing is written.

pub(super) mod accounts;
pub(super) mod attempt;
pub(super) mod budget;
pub(super) mod conditions;
pub(super) mod disposition;
pub(super) mod fetch;
pub(super) mod freshness;
pub(super) mod order;
pub(super) mod prepared;
pub(super) mod prices;
