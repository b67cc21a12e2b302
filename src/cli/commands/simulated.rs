//! `--simulate`: the simulator in this process, and the ledger that it keeps to.

use super::super::Failure;
use super::super::args::Simulation;
use crate::config::{SIMULATOR, Settings};
use crate::ledger::Ledger;
use crate::simulator::{self, Scenario, Simulator};

/// Starts the simulator in this process where the command line asks for it, and points every account at it.
pub(super) async fn simulator_for(
    settings: &mut Settings,
    asked: &Simulation,
) -> Result<Option<Simulator>, Failure> {
    if !asked.simulate {
        return Ok(None);
    }
    let scenario = match &asked.scenario {
        Some(path) => Scenario::load(path)?,
        None => Scenario::default(),
    };
    let options = simulator::Options {
        listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        seed: asked.seed.unwrap_or_default(),
        scenario: scenario.without_bill(),
    };
    let simulator = Simulator::start(options).await?;
    settings.set_simulator_address(&simulator.base_url());
    for account in settings.accounts.values_mut() {
        account.rate = simulator.pace();
    }
    Ok(Some(simulator))
}

/// Refuses the simulator a ledger in which real money is written down.
pub(super) async fn only_simulated(ledger: &Ledger) -> Result<(), Failure> {
    if !ledger.has_runs_outside(SIMULATOR).await? {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{} holds runs of a real account, and the simulator keeps to a ledger of its own: leave --database (or \
         ORGPULL_DATABASE) out, or name another file",
        ledger.path().display()
    )))
}
