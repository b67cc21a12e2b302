//! What is said where a lookup would have letters of disclosure posted that its job has not asked for. The ways out come in
//! the order in which they are right: a person who takes the first one that they read must not post letters by it.

use super::input::Reader;
use super::{Job, Origin, Step};
use crate::config::catalogue::check_value;
use crate::config::{Account, Settings};
use crate::domain::counted::counted;
use crate::domain::letters::{LettersByBlock, Recipients};
use crate::domain::number::{AcceptKind, Kind};
use crate::domain::redact::scrub;
use crate::time::{now_ms, stockholm_date};
use jiff::civil::Date;
use std::fmt;

/// Letters that a job has not asked for, by what would post them. `Display` says what is wrong, in one line;
/// [`Unasked::ways_out`] what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unasked {
    calls: Vec<UnaskedCall>,
    /// Whether `sole_traders = "reject"` would leave some out.
    rejects: bool,
}

/// A call that may post a letter, of a lookup that does not say that it may.
#[derive(Debug, Clone, PartialEq, Eq)]
struct UnaskedCall {
    lookup: String,
    account: String,
    service: String,
    block: Block,
    /// Whether the account's `letters` has it, rather than neither of its lists.
    listed: bool,
    /// What its lists lack of it, as they would name it; empty if that is not known.
    unlisted: Vec<String>,
    /// Calls of the same service that the account says post none.
    harmless: Vec<String>,
    /// `no_letters` of the account as it stands.
    no_letters: Vec<String>,
    to: To,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    /// The service has none.
    None,
    /// This one.
    Named(String),
    /// What each row names.
    OfRow,
}

/// Who would get one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum To {
    /// Each subject counted once, of those that would be asked about.
    Subjects(Recipients),
    /// Rows of the input.
    Rows(Recipients),
    /// Whoever may stand there: the input was not read.
    Kinds(&'static str),
}

impl Unasked {
    /// Of what was counted for each lookup of the job; `None` if no letter goes out that it has not asked for.
    pub fn counted<'a>(
        job: &Job,
        account: impl Fn(&Step) -> Option<&'a Account>,
        counted: &[LettersByBlock],
    ) -> Option<Self> {
        let steps = job.steps.iter().zip(counted).filter(|(step, _)| !step.letters);
        let calls =
            steps.filter_map(|(step, letters)| Some(calls(step, account(step)?, letters, To::Subjects)));
        Self::of(job, calls.flatten().collect())
    }

    /// Of the job as it stands, counted by the rows of its input and by the blocks that these name, where it can be read.
    /// `None` if no row gets letters.
    pub fn of_job(job: &Job, settings: &Settings) -> Option<Self> {
        let silent = job.steps.iter().filter(|step| !step.letters && step.service.letters);
        let silent: Vec<(&Step, &Account)> = silent
            .filter_map(|step| Some((step, settings.accounts.get(&step.account)?)))
            .filter(|(step, account)| match block_of(step) {
                Block::None => account.may_send_letter(&step.service, None),
                Block::Named(block) => account.may_send_letter(&step.service, Some(&block)),
                Block::OfRow => true,
            })
            .collect();
        if silent.is_empty() {
            return None;
        }
        let calls = match by_rows(job, &silent) {
            Some(counted) => silent
                .iter()
                .zip(&counted)
                .flat_map(|((step, account), letters)| calls(step, account, letters, To::Rows))
                .collect(),
            None => silent
                .iter()
                .filter_map(|(step, account)| {
                    let block = block_of(step);
                    let known = if let Block::Named(block) = &block { Some(block.as_str()) } else { None };
                    let to = To::Kinds(kinds(job, step)?);
                    let may = account.may_send_letter(&step.service, known);
                    may.then(|| UnaskedCall::of(step, account, block, to))
                })
                .collect(),
        };
        Self::of(job, calls)
    }

    fn of(job: &Job, calls: Vec<UnaskedCall>) -> Option<Self> {
        let traders = |call: &UnaskedCall| match &call.to {
            To::Subjects(to) | To::Rows(to) => to.sole_traders > 0,
            To::Kinds(_) => true,
        };
        let accept = job.input.accept;
        let rejects = accept.kind == AcceptKind::Organisation && accept.sole_traders;
        let rejects = rejects && calls.iter().any(traders);
        (!calls.is_empty()).then_some(Self { calls, rejects })
    }

    /// What to do, a line each, the last one last on purpose.
    pub fn ways_out(&self) -> Vec<String> {
        let mut lines = vec!["what can be done, the first that fits:".to_owned()];
        for (at, call) in self.calls.iter().enumerate() {
            if !self.calls[..at].iter().any(|earlier| earlier.account == call.account) {
                lines.extend(self.of_account(&call.account));
            }
        }
        if self.rejects {
            lines.push(
                "- sole traders are not to be asked about: sole_traders = \"reject\" in [input] makes them bad rows"
                    .to_owned(),
            );
        }
        let mut lookups: Vec<String> = self.calls.iter().map(|call| format!("`{}`", call.lookup)).collect();
        lookups.dedup();
        let of = if lookups.len() == 1 { "lookup" } else { "lookups" };
        lines.push(format!(
            "- last, and only where each of these letters is really to be posted to somebody's home or office: `letters = true` \
             in {of} {}",
            lookups.join(" and ")
        ));
        lines
    }

    /// What the lists of an account have to do with it.
    fn of_account(&self, account: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let of_account = || self.calls.iter().filter(|call| call.account == account);
        let unlisted = || of_account().filter(|call| !call.listed);
        if let Some(call) = unlisted().find(|call| call.block == Block::OfRow) {
            lines.push(format!(
                "- the provider's terms say that a block of {}.{} never posts a letter: put each into `no_letters` of \
                 [providers.{account}], as \"{}:\" and its name",
                call.account, call.service, call.service
            ));
        }
        let unlisted: Vec<String> = unlisted().flat_map(|call| call.unlisted.iter().cloned()).collect();
        if let (Some(call), false) = (of_account().next(), unlisted.is_empty()) {
            let which = if unlisted.len() == 1 { "it" } else { "such a block" };
            lines.push(format!(
                "- the provider's terms say that {which} never posts a letter (nothing else makes this right; in doubt ask \
                 them): put it into [providers.{account}] as"
            ));
            let mut all = call.no_letters.clone();
            all.extend(unlisted.into_iter().filter(|new| !call.no_letters.contains(new)));
            all.dedup();
            lines.push(format!("    no_letters = {}", toml::Value::from(all)));
        }
        if let Some(call) = of_account().find(|call| call.listed) {
            let such = match call.harmless.as_slice() {
                [] => String::new(),
                some => format!(", such as {} of its no_letters", some.join(" or ")),
            };
            lines.push(format!("- a block that posts none does as well: ask for that one{such}"));
        }
        lines
    }
}

/// `lookup `x` may send a letter of disclosure to 3 of the subjects (3 persons): block …`.
impl fmt::Display for Unasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, call) in self.calls.iter().enumerate() {
            write!(f, "{}{call}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl UnaskedCall {
    fn of(step: &Step, account: &Account, block: Block, to: To) -> Self {
        let service = &step.service.name;
        let of_service = |call: &&String| call.split(':').next() == Some(service);
        let named = |block: &str| format!("{service}:{block}");
        let blocks: Vec<String> = match &block {
            Block::None => vec![service.clone()],
            Block::Named(block) => step.service.blocks(block).into_iter().map(named).collect(),
            Block::OfRow => Vec::new(),
        };
        let has_letters = |call: &String| account.letters.contains(call);
        let whole = if let Block::Named(block) = &block { named(block) } else { service.clone() };
        Self {
            lookup: step.id.clone(),
            account: account.name.clone(),
            service: service.clone(),
            block,
            listed: has_letters(service) || has_letters(&whole) || blocks.iter().any(has_letters),
            unlisted: blocks.into_iter().filter(|call| !account.no_letters.contains(call)).collect(),
            harmless: account.no_letters.iter().filter(of_service).cloned().collect(),
            no_letters: account.no_letters.clone(),
            to,
        }
    }
}

impl fmt::Display for UnaskedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lookup, account, service, .. } = self;
        write!(f, "lookup `{lookup}` may send a letter of disclosure to {}: ", self.to)?;
        match &self.block {
            Block::None => write!(f, "{account}.{service}")?,
            Block::Named(block) => write!(f, "block `{block}` of {account}.{service}")?,
            Block::OfRow => write!(f, "each row names a block of {account}.{service}, and one that")?,
        }
        match (&self.block, self.listed) {
            (_, true) => {
                write!(f, " is listed in `letters` of [providers.{account}], so each such call posts one")
            }
            (Block::OfRow, false) => {
                write!(
                    f,
                    " stands in neither `letters` nor `no_letters` of [providers.{account}] is taken to post one"
                )
            }
            (_, false) => write!(
                f,
                " stands in neither `letters` nor `no_letters` of [providers.{account}], and is taken to post one"
            ),
        }
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subjects(to) => write!(f, "{} of the subjects ({to})", to.total()),
            Self::Rows(to) => write!(f, "{} of the input ({to})", counted(to.total(), "row", "rows")),
            Self::Kinds(kinds) => write!(f, "each of the {kinds} in the input, which was not read"),
        }
    }
}

fn block_of(step: &Step) -> Block {
    match (&step.service.block_param, step.block()) {
        (None, _) => Block::None,
        (Some(_), Some(block)) => Block::Named(block.to_owned()),
        (Some(_), None) => Block::OfRow,
    }
}

/// The calls of a lookup that were counted, block by block.
fn calls(
    step: &Step,
    account: &Account,
    letters: &LettersByBlock,
    to: fn(Recipients) -> To,
) -> Vec<UnaskedCall> {
    // What a row names may be a number by mistake.
    let named = |block: Option<&str>| block.map_or(Block::None, |block| Block::Named(scrub(block)));
    let named = letters.iter().map(|(block, recipients)| (named(block), recipients));
    let others = Some((Block::OfRow, letters.others())).filter(|(_, others)| others.total() > 0);
    named.chain(others).map(|(block, of)| UnaskedCall::of(step, account, block, to(of))).collect()
}

/// Rows whose number gets letters from what each lookup would ask of them; `None` if the input cannot be read, or not
/// twice.
fn by_rows(job: &Job, silent: &[(&Step, &Account)]) -> Option<Vec<LettersByBlock>> {
    if job.input.origin == Origin::Stdin {
        return None;
    }
    let today = stockholm_date(now_ms());
    let mut reader = Reader::of_job(job, today).ok()?;
    let mut counted = vec![LettersByBlock::default(); silent.len()];
    while let Some(row) = reader.next() {
        let row = row.ok()?;
        let Ok(subject) = &row.subject else { continue };
        let kind = subject.kind();
        if !kind.gets_letter() {
            continue;
        }
        let names = reader.columns();
        let column = |name: &str| {
            let at = names.iter().position(|column| column == name)?;
            Some(row.columns.get(at).map_or("", String::as_str))
        };
        for ((step, account), letters) in silent.iter().zip(&mut counted) {
            if let (Some(_), Some(AskedOf { block })) =
                (step.service.digits(kind), asked_of(step, today, column))
                && account.may_send_letter(&step.service, block.as_deref())
            {
                letters.add(block.as_deref(), kind);
            }
        }
    }
    Some(counted)
}

/// What a lookup asks of a row.
struct AskedOf {
    /// The block, where its service has blocks.
    block: Option<String>,
}

/// What a lookup asks of a row; `None` if a parameter that the row decides keeps
/// it from being asked.
fn asked_of<'r>(step: &Step, today: Date, column: impl Fn(&str) -> Option<&'r str>) -> Option<AskedOf> {
    let mut block = step.block().map(str::to_owned);
    for (name, template) in step.params.iter().filter(|(_, template)| template.literal().is_none()) {
        let param = step.service.param(name)?;
        // Whichever day the newest answer has, it is one.
        let value = template.fill(today, Some(today), &column).ok()?;
        let value = check_value(param, &value, today).ok()?;
        if step.service.block_param.as_ref() == Some(name) {
            block = Some(value)
                .filter(|value| !value.is_empty())
                .or_else(|| step.service.usual_block().map(str::to_owned));
        }
    }
    Some(AskedOf { block })
}

/// Who may stand in an input of this kind and gets letters.
fn kinds(job: &Job, step: &Step) -> Option<&'static str> {
    let accept = job.input.accept;
    let takes = |kind| step.service.digits(kind).is_some();
    let organisations = accept.kind != AcceptKind::Person && takes(Kind::Partnership);
    let traders = accept.kind == AcceptKind::Organisation && accept.sole_traders && takes(Kind::SoleTrader);
    let persons = accept.kind != AcceptKind::Organisation && takes(Kind::Person);
    match (organisations, traders, persons) {
        (true, true, _) => Some("partnerships (HB, KB) and sole traders"),
        (true, false, true) => Some("partnerships (HB, KB) and persons"),
        (true, false, false) => Some("partnerships (HB, KB)"),
        (false, true, _) => Some("sole traders"),
        (false, false, true) => Some("persons"),
        (false, false, false) => None,
    }
}

#[cfg(test)]
mod tests;
