//! Answers that could not be read, read again: a newer version may know what they mean. Nothing is sent.

use super::event::Level;
use super::lane::Lane;
use super::prepared::{Ask, On, Prepared, Resolved};
use super::{Context, RunError, notice};
use crate::domain::money::Ore;
use crate::job::Step;
use crate::ledger::{AttemptEnd, AttemptState, Learned, Lesson, Pending, Place, RunRow, UnreadLookup, pack};
use crate::time::now_ms;
use crate::upstream::{Answer, Question, Reading, Response, read};
use std::collections::HashSet;

/// Answers that are read at once: each may be large.
const AT_ONCE: u32 = 16;

/// Settles those lookups of a run whose answers can be read by now, as what they are.
pub(super) async fn reread(
    context: &Context,
    (prepared, lanes): (&Prepared, &[Lane]),
    run: &RunRow,
) -> Result<(), RunError> {
    let (mut after, mut settled) = (Place::default(), HashSet::new());
    loop {
        let some = context.ledger.unread(run.id, after, AT_ONCE).await?;
        let Some(last) = some.last() else { break };
        after = last.lookup.at;
        for unread in &some {
            // Rows that stand on one answer are settled with it.
            if settled.contains(&unread.attempt) {
                continue;
            }
            let (step, ask) = (usize::from(unread.lookup.at.step), asked(prepared, unread));
            let lane = lanes.iter().find(|lane| lane.config.name == prepared.job.steps[step].account);
            let known = lane.map(|lane| lane.credentials.known()).unwrap_or_default();
            let known = ask.iter().fold(known, |known, ask| known.and_sent(&ask.number));
            let reading = reading(&prepared.job.steps[step], unread, ask.as_ref()).without(&known);
            let Reading::Answer(answer) = reading else {
                continue;
            };
            let block = ask.as_ref().and_then(|ask| ask.block(&prepared.job.steps[step]));
            settle(context, prepared, (step, block), unread, answer).await?;
            settled.insert(unread.attempt);
        }
    }
    if !settled.is_empty() {
        let which =
            if settled.len() == 1 { "1 answer".to_owned() } else { format!("{} answers", settled.len()) };
        let message = format!(
            "{which} that could not be read before: read again from the ledger, and nothing is sent for them"
        );
        notice(&context.observer, Level::Info, "read-again", message);
    }
    Ok(())
}

/// What was asked.
fn asked(prepared: &Prepared, unread: &UnreadLookup) -> Option<Ask> {
    let Pending { at, subject, columns, .. } = &unread.lookup;
    // Whose answer it is does not hang on a day.
    let on = On { day: prepared.today, last: Some(prepared.today) };
    match prepared.resolve(usize::from(at.step), subject, columns, on) {
        Resolved::Ask(ask) => Some(ask),
        Resolved::Invalid(_) | Resolved::Skipped { .. } => None,
    }
}

fn reading(step: &Step, unread: &UnreadLookup, ask: Option<&Ask>) -> Reading {
    let question =
        ask.map(|ask| Question::new(&step.service, &ask.number, &unread.transactionid, &ask.params));
    let response = Response {
        status: unread.came.status,
        retry_after: None,
        content_type: unread.came.content_type.clone(),
        body: unread.body.clone(),
    };
    read(&step.service.dialect, &response, &question.unwrap_or_default())
}

async fn settle(
    context: &Context,
    prepared: &Prepared,
    (step, block): (usize, Option<&str>),
    unread: &UnreadLookup,
    answer: Answer,
) -> Result<(), RunError> {
    let (account, service) = (prepared.account(step), &prepared.job.steps[step].service);
    if answer.letter == Some(true) && !account.may_send_letter(service, block) {
        // As where it is read at once: no later run posts another.
        let call = block.map_or_else(|| service.name.clone(), |block| format!("{}:{block}", service.name));
        let what = Lesson::Letter { call, at: now_ms() };
        let (account, environment) = (account.name.clone(), account.environment.clone());
        context.ledger.learn(&Learned { account, environment, what }).await?;
    }
    let free = !answer.billed || account.is_free(&service.name, answer.outcome);
    context
        .ledger
        .read_again(&AttemptEnd {
            id: unread.attempt,
            state: AttemptState::Answered,
            settled_at: now_ms(),
            cost: if free { Some(Ore::ZERO) } else { unread.price },
            outcome: Some(answer.outcome),
            code: answer.code,
            text: answer.text,
            log_id: answer.log_id,
            letter: answer.letter,
            body: Some(pack(&answer.body)),
            came: None,
        })
        .await?;
    Ok(())
}
