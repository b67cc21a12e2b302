//! The fires that are being carried out, a task each. Whatever becomes of a task, its fire comes to an end: one that nobody
//! knows to have ended would keep its job at work for ever.

use crate::daemon::fire_task::Ending;
use crate::domain::exit::Exit;
use crate::ledger::FireRow;
use std::collections::HashMap;
use tokio::task::{Id, JoinSet};

/// A fire that has come to its end.
pub(super) struct Done {
    pub(super) fire: FireRow,
    pub(super) ending: Ending,
}

#[derive(Default)]
pub(super) struct Tasks {
    tasks: JoinSet<Ending>,
    fires: HashMap<Id, FireRow>,
}

impl Tasks {
    /// Carries a fire out.
    pub(super) fn begin(&mut self, fire: FireRow, carried: impl Future<Output = Ending> + Send + 'static) {
        self.fires.insert(self.tasks.spawn(carried).id(), fire);
    }

    /// The next that comes to its end; `None` if none is being carried out.
    pub(super) async fn next(&mut self) -> Option<Done> {
        loop {
            let (task, ending) = match self.tasks.join_next_with_id().await? {
                Ok((task, ending)) => (task, ending),
                Err(error) => (error.id(), broken_off()),
            };
            if let Some(fire) = self.fires.remove(&task) {
                return Some(Done { fire, ending });
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }
}

/// The end of a fire whose task panicked.
pub(super) fn broken_off() -> Ending {
    let reason =
        "a bug in orgpull: the task broke off; what is committed is safe, and the next run goes on with it";
    Ending::Ended { exit: Exit::Bug, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Cause;

    fn fire(id: i64) -> FireRow {
        FireRow {
            id,
            job: format!("job-{id}"),
            due: 0,
            cause: Cause::Hand,
            state: "claimed".to_owned(),
            daemon: None,
            ended_at: None,
            exit: None,
            reason: None,
        }
    }

    #[tokio::test]
    async fn a_task_that_panics_ends_its_own_fire_and_no_other() {
        let mut tasks = Tasks::default();
        tasks.begin(fire(1), async { Ending::Ended { exit: Exit::Settled, reason: String::new() } });
        tasks.begin(fire(2), async { panic!("a panic of the test's") });
        tasks.begin(fire(3), async { Ending::Interrupted });
        assert_eq!(tasks.len(), 3);
        let mut ended = Vec::new();
        while let Some(Done { fire, ending }) = tasks.next().await {
            let exit = if let Ending::Ended { exit, .. } = ending { Some(exit) } else { None };
            ended.push((fire.id, exit));
        }
        ended.sort_unstable_by_key(|(id, _)| *id);
        assert_eq!(ended, [(1, Some(Exit::Settled)), (2, Some(Exit::Bug)), (3, None)]);
        assert_eq!(tasks.len(), 0);
    }
}
