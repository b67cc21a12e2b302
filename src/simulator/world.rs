//! Everything that handlers share: the scenario in force, the tokens, the bill, and the ways to be told to stop.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::bill::Bill;
use super::providers::Providers;
use super::reply::{Reply, RetryAfter};
use super::scenario::{Deed, Delay, Fault, Faults, Scenario};
use super::tokens::Tokens;
use super::window::Window;
use super::wire::Fate;
use super::wrong_logins::WrongLogins;

/// The shared state of one simulator.
pub(super) struct World {
    /// Decides every answer.
    pub(super) seed: u64,
    /// `http://127.0.0.1:PORT`
    pub(super) base_url: String,
    /// The tokens that were given out.
    pub(super) tokens: Tokens,
    /// Those of providers that log in with OAuth2.
    pub(super) providers: Providers,
    /// What was called.
    pub(super) bill: Arc<Bill>,
    /// Which logins were wrong, and when.
    pub(super) wrong_logins: WrongLogins,
    live: RwLock<Arc<Live>>,
    releases: watch::Sender<u64>,
    closing: watch::Receiver<bool>,
    gone: mpsc::UnboundedSender<Gone>,
}

/// The scenario in force, with what it has counted.
pub(super) struct Live {
    /// Its rules.
    pub(super) scenario: Scenario,
    /// Its faults.
    pub(super) faults: Faults,
    /// Its window.
    pub(super) window: Option<Window>,
}

/// The wish to refuse connections.
pub(super) struct Gone {
    /// For so long, or for good.
    pub(super) lasts: Option<Duration>,
    /// Told when the port is closed.
    pub(super) done: oneshot::Sender<()>,
}

impl World {
    /// A world at its beginning.
    pub(super) fn new(
        seed: u64,
        base_url: String,
        scenario: Scenario,
        closing: watch::Receiver<bool>,
        gone: mpsc::UnboundedSender<Gone>,
    ) -> Self {
        let world = Self {
            seed,
            base_url,
            tokens: Tokens::new(seed),
            providers: Providers::new(seed),
            bill: Arc::new(Bill::new()),
            wrong_logins: WrongLogins::default(),
            live: RwLock::new(Arc::new(Live::new(Scenario::default()))),
            releases: watch::Sender::new(0),
            closing,
            gone,
        };
        world.set_scenario(scenario);
        world
    }

    /// The scenario in force.
    pub(super) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another scenario in force; its counters begin anew, while tokens and bill go on.
    pub(super) fn set_scenario(&self, scenario: Scenario) {
        self.bill.keeps_entries.store(scenario.bill, SeqCst);
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Live::new(scenario));
    }

    /// Lets go all calls that are withheld now.
    pub(super) fn release(&self) {
        self.releases.send_modify(|count| *count += 1);
    }

    /// Waits until the simulator is shut down.
    pub(super) async fn closed(&self) {
        let mut closing = self.closing.clone();
        let _ = closing.wait_for(|closing| *closing).await;
    }

    /// Does to a reply what is to be done before it is sent, and says how it is sent. `None` if the
    /// connection ends without an answer.
    pub(super) async fn deliver(
        &self,
        reply: Reply,
        delay: Duration,
        deed: Option<&Deed>,
        call: Line<'_>,
    ) -> Reply {
        let waits = async {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            match deed {
                Some(Deed::Hold) => {
                    // Subscribed before anybody can see that the call is held, so that no release is missed.
                    let mut releases = self.releases.subscribe();
                    let _held = self.bill.hold(call.sequence);
                    // The sender lives as long as this world does.
                    let _ = releases.changed().await;
                }
                Some(Deed::Stall) => std::future::pending().await,
                Some(Deed::Gone { lasts }) => self.vanish(*lasts).await,
                _ => {}
            }
        };
        let idle = delay.is_zero() && !matches!(deed, Some(Deed::Hold | Deed::Stall | Deed::Gone { .. }));
        if !idle {
            tokio::select! {
                () = waits => {}
                () = self.closed() => call.fate.close(),
            }
        }
        match deed {
            Some(Deed::Close) => call.fate.close(),
            Some(Deed::Reset) => call.fate.reset(),
            Some(Deed::Cut) => call.fate.cut_after(reply.body.len() / 2),
            Some(Deed::Gone { .. }) => return reply.last(),
            _ => {}
        }
        call.fate.read_next(reply, matches!(deed, Some(Deed::Twice)))
    }

    /// Has the port closed, and returns once it is.
    async fn vanish(&self, lasts: Option<Duration>) {
        let (done, closed) = oneshot::channel();
        if self.gone.send(Gone { lasts, done }).is_ok() {
            let _ = closed.await;
        }
    }

    /// The wait of a call: the scenario's and the fault's.
    pub(super) fn delay(&self, live: &Live, fault: Option<&Fault>, sequence: u64) -> Duration {
        let drawn =
            |delay: Option<Delay>| delay.map_or(Duration::ZERO, |delay| delay.of(self.seed, sequence));
        drawn(live.scenario.delay) + drawn(fault.and_then(|fault| fault.delay))
    }
}

/// The connection that a call came on, and the call's place in the bill.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// What is to become of it.
    pub(super) fate: &'a Fate,
    /// The call's sequence number; 0 for a login.
    pub(super) sequence: u64,
}

impl Live {
    fn new(scenario: Scenario) -> Self {
        Self { faults: Faults::new(&scenario.faults), window: scenario.window.map(Window::new), scenario }
    }

    /// Counts a call in the window; an error is what its 429 is to say.
    pub(super) fn admit(&self) -> Result<(), Option<RetryAfter>> {
        self.window.as_ref().map_or(Ok(()), |window| window.admit(Instant::now()))
    }
}

/// The reply that a fault gives in place of the true one, where it needs nothing but itself.
pub(super) fn canned(deed: &Deed, number: &str, base_url: &str) -> Option<Reply> {
    Some(match deed {
        Deed::Status { status, retry_after } => Reply::bare(*status).retry_after(*retry_after),
        Deed::Html { status, retry_after } => Reply::html(*status).retry_after(*retry_after),
        Deed::Body { status, content_type, body } => {
            Reply::raw(*status, content_type.as_deref(), body.replace("{number}", number))
        }
        Deed::Bytes { status, content_type, bytes } => {
            Reply::raw(*status, content_type.as_deref(), bytes.clone())
        }
        Deed::Redirect { status, location } => {
            let elsewhere = format!("{base_url}/_simulator/redirected");
            Reply::redirect(*status, location.as_deref().unwrap_or(&elsewhere))
        }
        _ => return None,
    })
}
