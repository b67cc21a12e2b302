//! Answers that could not be read, read again: a newer version may know what they mean. Nothing is sent.

use super::context::Context;
use super::decide::prepared::{Ask, On, Prepared, Resolved};
use super::dispatch::AccountRuntime;
use super::error::RunError;
use super::event::{Level, notice};
use crate::domain::counted::counted;
use crate::domain::money::Ore;
use crate::job::Step;
use crate::ledger::{AccountChange, AccountUpdate, ReadAgain, RunRow, UnreadLookup};
use crate::time::now_ms;
use crate::upstream::{Answer, Question, Reading, Response, read};

/// Answers that are found at once; their bytes, which may be many, are read one by one.
const PAGE: u32 = 1_024;

/// Settles those answers to a run's questions that can be read by now, as what they are.
pub(super) async fn reread(
    context: &Context,
    (prepared, accounts): (&Prepared, &[AccountRuntime]),
    run: &RunRow,
) -> Result<(), RunError> {
    let ledger = &context.ledger;
    let (mut after, mut settled) = (i64::MIN, 0_u64);
    loop {
        let page = ledger.unread(run.id, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.attempt;
        for at in page {
            // One whose bytes are damaged can be read by nobody.
            let Some(unread) = ledger.unread_lookup(run.id, at).await? else { continue };
            // Without the question nobody can say whether it is the answer to it.
            let Some(ask) = asked(prepared, &unread) else { continue };
            let step = usize::from(at.at.step);
            let account =
                accounts.iter().find(|account| account.config.name == prepared.job.steps[step].account);
            let known = account.map(|account| account.credentials.known()).unwrap_or_default();
            let reading =
                reading(&prepared.job.steps[step], &unread, &ask).without(&known.and_sent(&ask.number));
            let Reading::Answer(answer) = reading else { continue };
            let block = ask.block(&prepared.job.steps[step]);
            learn_letter(context, prepared, (step, block), &answer).await?;
            ledger
                .read_again(run.id, &read_again(prepared, step, (at.attempt, unread.price), answer))
                .await?;
            settled += 1;
        }
    }
    if settled > 0 {
        let message = format!(
            "{} that could not be read before: read again from the ledger, and nothing is sent for them",
            counted(settled, "answer", "answers")
        );
        notice(&context.observer, Level::Info, "read-again", message);
    }
    Ok(())
}

/// What was asked.
fn asked(prepared: &Prepared, unread: &UnreadLookup) -> Option<Ask> {
    let (at, (subject, columns)) = (unread.lookup.at, unread.lookup.row()?);
    // Whose answer it is does not hang on a day.
    let on = On { day: prepared.today, last: Some(prepared.today) };
    match prepared.resolve(usize::from(at.step), subject, columns, on) {
        Resolved::Ask(ask) => Some(ask),
        Resolved::Invalid(_) | Resolved::Damaged | Resolved::Skipped { .. } => None,
    }
}

fn reading(step: &Step, unread: &UnreadLookup, ask: &Ask) -> Reading {
    let question = Question::new(&step.service, &ask.number, &unread.transactionid, &ask.params);
    let response = Response {
        status: unread.came.status,
        retry_after: None,
        content_type: unread.came.content_type.clone(),
        body: unread.body.clone(),
    };
    read(&step.service.dialect, &response, &question)
}

/// A letter that nobody had announced is told before its answer counts, as where it is read at once: no later call posts another.
async fn learn_letter(
    context: &Context,
    prepared: &Prepared,
    (step, block): (usize, Option<&str>),
    answer: &Answer,
) -> Result<(), RunError> {
    let (account, service) = (prepared.account(step), &prepared.job.steps[step].service);
    if answer.letter != Some(true) || account.may_send_letter(service, block) {
        return Ok(());
    }
    let call = block.map_or_else(|| service.name.clone(), |block| format!("{}:{block}", service.name));
    let what = AccountChange::Letter { call, at: now_ms() };
    let (account, environment) = (account.name.clone(), account.environment.clone());
    Ok(context.ledger.update_account(&AccountUpdate { account, environment, what }).await?)
}

fn read_again(
    prepared: &Prepared,
    step: usize,
    (attempt, price): (i64, Option<Ore>),
    answer: Answer,
) -> ReadAgain {
    let (account, service) = (prepared.account(step), &prepared.job.steps[step].service);
    let free = !answer.billed || account.is_free(&service.name, answer.outcome);
    ReadAgain {
        attempt,
        cost: if free { Some(Ore::ZERO) } else { price },
        outcome: answer.outcome,
        code: answer.code,
        text: answer.text,
        log_id: answer.log_id,
        letter: answer.letter,
        body: answer.body,
    }
}
