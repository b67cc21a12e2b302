//! The simulator: an imitation of the six Creditsafe services, their login and their health addresses, and of the upstreams
//! that log in with OAuth2 (each in a folder of its name), over real HTTP on a loopback port.
//!
//! It is written from `reference/apis.md` and shares no type with the rooms that call upstreams, so that a mistake made
//! on one side does not pass on the other. Its answers are a pure function of the seed, the service, the number and the
//! parameters that matter; what it does beyond answering (faults, delays, withheld replies, a rate window, a port that
//! refuses connections) is said by a [`Scenario`]. Every data call that arrives is on its [bill](Simulator::bill), which
//! tests compare with the ledger. The control addresses under `/_simulator/` are listed in the `control` module.
//!
//! All people and companies are made up and say so. It speaks plain HTTP and is not meant to be reached from another
//! machine, so it listens on loopback addresses only.

mod alter;
mod answers;
mod bill;
mod call;
mod codes;
mod companies;
mod control;
mod draw;
mod login;
mod nordic;
mod number;
mod oauth;
mod people;
mod providers;
mod query;
mod registers;
mod reply;
mod scenario;
mod server;
mod service;
mod tokens;
mod window;
mod wire;
mod world;

#[cfg(test)]
mod tests;
mod wrong_logins;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use bill::{Entry, LoginEntry, Stats};
pub use scenario::{Scenario, ScenarioError};
pub use service::Service;

use crate::domain::pace::Rate;
use server::Port;
use world::World;

/// How a simulator is to be started.
#[derive(Clone)]
pub struct Options {
    /// A loopback address; port 0 takes any.
    pub listen: SocketAddr,
    /// Decides every answer.
    pub seed: u64,
    /// How it behaves.
    pub scenario: Scenario,
}

/// Why a simulator could not be started, or stopped serving.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The address can be reached from elsewhere.
    #[error(
        "the simulator listens on loopback addresses only, such as 127.0.0.1:8080 or [::1]:8080, not on {0}"
    )]
    NotLoopback(SocketAddr),
    /// The system does not give the address.
    #[error(
        "the simulator cannot listen on {address}: {source}; another process may have that port (port 0 takes any)"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Serving ended by itself.
    #[error("the simulator stopped serving: {source}")]
    Stopped {
        /// The system's reason.
        source: std::io::Error,
    },
}

/// A running simulator. It stops when it is dropped.
pub struct Simulator {
    world: Arc<World>,
    address: SocketAddr,
    closing: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Simulator {
    /// Starts it; when this returns, it answers.
    #[expect(clippy::unused_async, reason = "it must be called inside a runtime, and this says so")]
    pub async fn start(options: Options) -> Result<Self, SimulatorError> {
        let Options { listen, seed, scenario } = options;
        if !listen.ip().is_loopback() {
            return Err(SimulatorError::NotLoopback(listen));
        }
        let failed = |source| SimulatorError::Listen { address: listen, source };
        let port = Port::take(listen).map_err(failed)?;
        let listener = port.listen().map_err(failed)?;
        let address = port.address();
        let (closing, closed) = watch::channel(false);
        let (gone, wishes) = mpsc::unbounded_channel();
        let world = World::new(seed, format!("http://{address}"), scenario, closed.clone(), gone);
        let world = Arc::new(world);
        let server = tokio::spawn(server::serve(Arc::clone(&world), port, listener, wishes, closed));
        Ok(Self { world, address, closing, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS`: base address of all services and of the login.
    pub fn base_url(&self) -> String {
        self.world.base_url.clone()
    }

    /// Every data call that arrived, in that order; empty where the scenario switched the bill off.
    pub fn bill(&self) -> Vec<Entry> {
        self.world.bill.entries()
    }

    /// Every login that arrived.
    pub fn logins(&self) -> Vec<LoginEntry> {
        self.world.bill.logins()
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        self.world.bill.stats()
    }

    /// Waits until the counters are as wanted, for as long as that takes.
    pub async fn until(&self, wanted: impl Fn(&Stats) -> bool) -> Stats {
        self.world.bill.until(wanted).await
    }

    /// Lets go the calls that are withheld now.
    pub fn release(&self) {
        self.world.release();
    }

    /// The pace that the scenario has for the account.
    pub fn pace(&self) -> Rate {
        self.world.live().scenario.pace()
    }

    /// Puts another scenario in force.
    pub fn set_scenario(&self, scenario: Scenario) {
        self.world.set_scenario(scenario);
    }

    /// Serves until something goes wrong.
    pub async fn wait(mut self) -> Result<(), SimulatorError> {
        ended((&mut self.server).await)
    }

    /// Ends it: connections are closed, withheld calls among them.
    pub async fn shutdown(mut self) -> Result<(), SimulatorError> {
        self.closing.send_replace(true);
        ended((&mut self.server).await)
    }
}

fn ended(end: Result<std::io::Result<()>, tokio::task::JoinError>) -> Result<(), SimulatorError> {
    let end = end.map_err(std::io::Error::other).and_then(|end| end);
    end.map_err(|source| SimulatorError::Stopped { source })
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.closing.send_replace(true);
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("address", &self.address).finish_non_exhaustive()
    }
}
