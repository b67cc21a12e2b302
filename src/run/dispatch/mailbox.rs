//! What comes back to the loop: the tasks that it has begun, and their messages.

use super::message::Message;
use tokio::sync::mpsc;
use tokio::task::{self, JoinSet};

/// Messages that are taken at once: bounded, so that a fast upstream cannot keep the loop from writing.
const MOST: usize = 1_024;

/// The tasks of a loop, and the way back from them.
pub(super) struct Mailbox {
    sender: mpsc::UnboundedSender<Message>,
    receiver: mpsc::UnboundedReceiver<Message>,
    /// The message that ended the last wait.
    first: Option<Message>,
    tasks: JoinSet<()>,
}

impl Mailbox {
    pub(super) fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver, first: None, tasks: JoinSet::new() }
    }

    /// Starts a task whose message comes back.
    pub(super) fn spawn(&mut self, task: impl Future<Output = Message> + Send + 'static) -> task::Id {
        let sender = self.sender.clone();
        let spawned = self.tasks.spawn(async move {
            let _ = sender.send(task.await);
        });
        spawned.id()
    }

    /// Tasks that panicked since: their messages never come.
    pub(super) fn panicked(&mut self) -> Vec<task::Id> {
        let mut panicked = Vec::new();
        while let Some(joined) = self.tasks.try_join_next() {
            panicked.extend(joined.err().filter(task::JoinError::is_panic).map(|error| error.id()));
        }
        panicked
    }

    /// What has come back, in its order: some of it, where there is much.
    pub(super) fn take(&mut self) -> Vec<Message> {
        let mut taken: Vec<Message> = self.first.take().into_iter().collect();
        while taken.len() < MOST
            && let Ok(message) = self.receiver.try_recv()
        {
            taken.push(message);
        }
        taken
    }

    /// Whether something has come that was not taken.
    pub(super) fn has_some(&self) -> bool {
        self.first.is_some() || !self.receiver.is_empty()
    }

    /// Waits for a message, which the next [`Mailbox::take`] gives first. May be dropped while it waits.
    pub(super) async fn wait(&mut self) {
        self.first = self.receiver.recv().await;
    }

    /// Whether nothing has come, and nothing is under way that a message could come from.
    pub(super) fn is_idle(&self) -> bool {
        !self.has_some() && self.tasks.is_empty()
    }

    /// Ends every task where it stands.
    pub(super) fn abort(&mut self) {
        self.tasks.abort_all();
    }
}
