//! The books: what was spent, and the provider's own statement held against the ledger.

use crate::books::query;
use crate::world::{CREDIT, CSV, REPORT, SIGNATORIES, World, companies, numbers, partnerships};
use serde_json::Value;
use sqlx::Row;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn what_was_spent_is_the_bill_however_it_is_added_up() {
    let world = World::new("");
    world.job("job", &["cost_centre = '4711'\n", &numbers(&companies(3)), REPORT, CSV]);
    world.job("other", &[&numbers(&companies(2)), SIGNATORIES, &CSV.replace("out.csv", "other.csv")]);
    world.orgpull(&["spend"]).exits(6).says("there is no ledger");
    world.run(&[]).exits(0);
    world.pull(&["run", "other.toml"]).exits(0);
    for (by, keys) in [
        ("job", vec![("job", "9.60"), ("other", "12.00")]),
        ("service", vec![("creditsafe.getdata", "9.60"), ("creditsafe.getsignatory", "12.00")]),
        ("cost-centre", vec![("", "12.00"), ("4711", "9.60")]),
    ] {
        let spent = json(&world.orgpull(&["spend", "--by", by, "--json"]).exits(0).stdout);
        let key = by.replace('-', "_");
        let rows: Vec<_> = spent["rows"].as_array().unwrap().iter().collect();
        let said: Vec<_> = (rows.iter())
            .map(|row| (row[&key].as_str().unwrap_or_default(), row["cost"].as_str().unwrap()))
            .collect();
        assert_eq!(said, keys);
        assert_eq!((&spent["total"]["cost"], &spent["total"]["calls"]), (&"21.60".into(), &5.into()), "{by}");
        assert_eq!(spent["total"]["spent_unknown"], "0.00");
    }
    let csv = world.orgpull(&["spend", "--by", "month", "--csv"]).exits(0).stdout;
    assert!(csv.starts_with("month,calls,answered,unknown,cost,spent_unknown,letters\n"), "{csv}");
    assert_eq!(csv.lines().count(), 2, "{csv}");
    world.orgpull(&["spend"]).exits(0).says("total 5 5 0 21.60 SEK");
    let before = world.orgpull(&["spend", "--until", "2020-01-01", "--json"]).exits(0).stdout;
    assert_eq!(json(&before)["total"]["calls"], 0);
    world.orgpull(&["spend", "--since", "yesterday"]).exits(2).says("or a month such as");
    // A month is all of its days, on either side.
    let spend = |since: &str, until: &str| {
        json(&world.orgpull(&["spend", "--since", since, "--until", until, "--json"]).exits(0).stdout)
    };
    let of_month = spend("2020-02", "2020-02");
    assert_eq!((&of_month["since"], &of_month["until"]), (&"2020-02-01".into(), &"2020-02-29".into()));
    assert_eq!(
        (&of_month["total"]["calls"], &spend("2020-02", "2199-12")["total"]["calls"]),
        (&0.into(), &5.into())
    );
    assert_eq!(world.orgpull(&["spend", "-q"]).exits(0).stdout, "");
}

#[test]
fn a_lost_answer_counts_as_spent_and_is_told_apart() {
    let world = World::new("[[fault]]\ndo = 'cut'\nafter = 1\ntimes = 1");
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    let ran = world.run(&[]);
    assert_eq!(ran.outcome("unknown"), 1, "{}", ran.said());
    let spent = json(&world.orgpull(&["spend", "--json"]).exits(0).stdout);
    let total = &spent["total"];
    assert_eq!([&total["cost"], &total["spent_unknown"]], ["9.60", "3.20"]);
    assert_eq!([&total["calls"], &total["answered"], &total["unknown"]], [3, 2, 1]);
}

/// A statement of everything on the upstream's bill, as a Swedish provider would write it.
fn statement(world: &World, day: &str, change: impl Fn(usize, &mut Vec<String>)) -> String {
    let mut text = "Datum;TransactionId;ApiLogId;Tjänst;Belopp\n".to_owned();
    for (at, entry) in world.bill().iter().enumerate() {
        let price = if entry.service == "getdata" { "3,20" } else { "6,00" };
        let reference = entry.transactionid.clone().unwrap_or_default();
        let mut cells = vec![
            day.to_owned(),
            reference,
            entry.log_id.to_string(),
            entry.service.to_owned(),
            price.to_owned(),
        ];
        change(at, &mut cells);
        if !cells.is_empty() {
            text.push_str(&cells.join(";"));
            text.push('\n');
        }
    }
    text
}

/// The day in Stockholm on which the ledger's calls were sent, unless midnight came between.
fn today(world: &World) -> String {
    let days = json(&world.orgpull(&["spend", "--by", "day", "--json"]).exits(0).stdout);
    days["rows"][0]["day"].as_str().unwrap().to_owned()
}

#[test]
fn a_statement_is_held_against_the_ledger_line_by_line() {
    // The third answer is lost after it was billed, the fifth call never arrives.
    let world = World::new("[[fault]]\ndo = 'cut'\nafter = 2\ntimes = 1\n");
    world.job("job", &[&numbers(&companies(8)), REPORT, CSV]);
    world.run(&[]).exits(4);
    let day = today(&world);
    world.write("all.csv", &statement(&world, &day, |_, _| ()));
    world.orgpull(&["reconcile", "all.csv"]).exits(0).says("agreed 8 25.60 SEK 25.60 SEK").says("1 billed");
    let before = books(&world);
    let lost = world.attempts()[2].transactionid.clone();
    world.write(
        "odd.csv",
        &(statement(&world, &day, |at, cells| match at {
            // Known by the provider's own reference alone.
            0 => cells[1].clear(),
            1 => cells[4] = "4,00".to_owned(),
            2 | 3 => cells.clear(),
            _ => {}
        }) + &format!("{day};19800101-0001;77;GetData 19800101-0001;3,20\n")
            + &format!("{day};{};;getdata;3,20\n", world.attempts()[7].transactionid)),
    );
    let ran = world.orgpull(&["reconcile", "odd.csv", "--output", "lines.csv", "--json"]).exits(4);
    let said = json(&ran.stdout);
    let totals = &said["totals"];
    let sums = |verdict: &str| {
        let sums = &totals[verdict];
        [
            sums["lines"].to_string(),
            sums["billed"].as_str().unwrap().into(),
            sums["ledger"].as_str().unwrap().into(),
        ]
    };
    assert_eq!(sums("agreed"), ["5", "16.00", "16.00"]);
    assert_eq!(sums("other_amount"), ["1", "4.00", "3.20"]);
    assert_eq!(sums("not_billed"), ["2", "0.00", "6.40"]);
    assert_eq!(sums("not_in_ledger"), ["2", "6.40", "0.00"]);
    assert_eq!(sums("total"), ["10", "26.40", "25.60"]);
    assert_eq!(totals["settles"], serde_json::json!({"billed": 0, "not-carried-out": 1}));
    let rows = world.rows("lines.csv");
    assert_eq!(rows.len(), said["lines"].as_array().unwrap().len());
    let not_billed: Vec<_> = rows.iter().filter(|row| row["verdict"] == "not_billed").collect();
    assert_eq!((&not_billed[0]["reference"], &*not_billed[0]["settles"]), (&lost, "not-carried-out"));
    assert_eq!((&*not_billed[1]["settles"], &*not_billed[1]["date"]), ("", &*day));
    assert!(!(world.read("lines.csv") + &ran.stdout).contains("198001"), "a number is shown");
    let told = world.orgpull(&["reconcile", "odd.csv", "-q"]).exits(4);
    let told =
        told.says("line 3,").says("billed 4.00 SEK, in the ledger 3.20 SEK").says("again, after line 7");
    assert!(!told.stdout.contains("198001"));
    assert_eq!(books(&world), before, "the books were changed, and not only the log of who did what");
}

/// Every call and lookup as the ledger has it.
fn books(world: &World) -> Vec<String> {
    let calls = "SELECT json_array(id, run, row, step, service, reserved, state, settled_at, cost, outcome, code, letter, resolved) \
                 FROM attempts ORDER BY id";
    let lookups = "SELECT json_array(run, row, step, state, outcome, source, attempts, cost, cost_unknown, lost, attempt, code) \
                   FROM lookups ORDER BY run, row, step";
    [calls, lookups].into_iter().flat_map(|sql| query(world, sql)).map(|row| row.get(0)).collect()
}

#[test]
fn a_statement_that_is_not_clear_changes_nothing() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(1)), REPORT, CSV]);
    world.run(&[]).exits(0);
    let day = today(&world);
    let good = statement(&world, &day, |_, _| ());
    for (text, words) in [
        (good.replace("Belopp", "Kolumn 5"), "--amount"),
        (good.replace("3,20", "3,20 EUR"), "line 2: the amount is not in SEK"),
        (good.replace("3,20", "tre"), "line 2: the amount is not money"),
        (
            good.replace("Tjänst;Belopp", "Tjänst;Pris;Belopp").replace("getdata;3,20", "2,56;3,20"),
            "any of Pris, Belopp may be the amount",
        ),
        ("Datum;TransactionId;Tjänst;Belopp\n".to_owned(), "no line follows the header"),
        (format!("{good}{day},op1,1,getdata,3.20\n"), "line 3: 1 cell, where the header has 5"),
        (String::new(), "empty"),
    ] {
        world.write("bad.csv", &text);
        world.orgpull(&["reconcile", "bad.csv"]).exits(3).says(words);
    }
    world.orgpull(&["reconcile", "nowhere.csv"]).exits(3).says("no such file");
    world.write("good.csv", &good);
    world
        .orgpull(&["reconcile", "good.csv", "--amount", "Pris"])
        .exits(3)
        .says("no columns are called `Pris`");
    world.orgpull(&["reconcile", "good.csv", "--provider", "dnb"]).exits(2).says("[providers.dnb]");
    world.orgpull(&["reconcile", "good.csv", "--output", "good.csv"]).exits(7).says("it is the statement");
    world.write("other.csv", &good.replace("Belopp", "Kolumn 5"));
    world.orgpull(&["reconcile", "other.csv", "--amount", "Kolumn 5"]).exits(0);
    let named = World::account(world, "invoice = { amount = 'Kolumn 5' }\n");
    assert_eq!(named.orgpull(&["reconcile", "other.csv", "-q"]).exits(0).stdout, "");
    named
        .orgpull(&["reconcile", "other.csv", "--complete-from", "2020-01-01"])
        .exits(0)
        .says("2020-01-01 to");
    named.orgpull(&["reconcile", "other.csv", "--complete-until", "2020-01-01"]).exits(2);
}

#[test]
fn a_statement_settles_what_was_lost_once_and_for_all() {
    let world = World::new("[[fault]]\ndo = 'cut'\nafter = 1\ntimes = 2\n");
    let four = companies(4);
    // The last row follows the third.
    let rows: Vec<&str> = [0, 1, 2, 3, 2].iter().map(|at: &usize| four[*at].as_str()).collect();
    world.job("job", &[&numbers(&rows), REPORT, CSV]);
    assert_eq!(world.run(&[]).exits(4).outcome("unknown"), 3);
    let day = today(&world);
    let text = statement(&world, &day, |at, cells| match at {
        1 => cells[4] = "3,00".to_owned(),
        2 => cells.clear(),
        _ => {}
    });
    world.write("march.csv", &text);
    let early = world.orgpull(&["resolve", "--invoice", "march.csv", "--complete-from", "2020-01-01"]);
    drop(early.exits(0).says("2 lost answers are settled").says("1 billed: 3.00 SEK").says("3.20 SEK less"));
    let status = json(&world.orgpull(&["status", "--json"]).exits(0).stdout);
    let outcomes = &status["outcomes"];
    assert_eq!([&outcomes["hit"], &outcomes["unknown"], &outcomes["failed"]], [2, 1, 2]);
    assert_eq!([&status["cost"], &status["spent_unknown"]], ["9.40", "0.00"]);
    let said = ["hit bought 1 3.20", "unknown/billed bought 1 3.00", "failed/not-carried-out bought 1 0.00"];
    let exported = world.exported("job");
    assert_eq!(exported[..3], said);
    assert_eq!(exported[4], "failed/not-carried-out reused 0 0.00");
    world.orgpull(&["status"]).exits(0).says("(cut, billed at 3.00 SEK)");
    // Not the file's bytes: whichever process closes last moves pages from the log into it.
    let told = || (world.orgpull(&["status", "--json"]).exits(0).stdout, world.exported("job"));
    let before = told();
    world.orgpull(&["resolve", "--invoice", "march.csv"]).exits(0).says("nothing was changed");
    assert_eq!(told(), before);
    let spent = json(&world.orgpull(&["spend", "--json"]).exits(0).stdout);
    assert_eq!([&spent["total"]["cost"], &spent["total"]["spent_unknown"]], ["9.40", "0.00"]);
    world.orgpull(&["reconcile", "march.csv"]).exits(0).says("agreed 3 9.40 SEK 9.40 SEK");
    world.orgpull(&["retry", "job"]).exits(4);
    let exported = world.exported("job");
    assert_eq!((&*exported[1], &*exported[2]), ("unknown/billed bought 1 3.00", "hit bought 2 3.20"));
    assert_eq!(exported[4], "hit reused 0 0.00");
}

#[test]
fn only_days_for_which_the_statement_is_complete_say_what_was_not_carried_out() {
    let world = World::new("[[fault]]\ndo = 'cut'\nafter = 1\ntimes = 1\n");
    let retried = REPORT.to_owned() + "on_unknown = 'retry'\n";
    world.job("job", &[&numbers(&companies(2)), &retried, CSV]);
    world.run(&[]).exits(0);
    let day = today(&world);
    let text = statement(&world, &day, |at, cells| {
        // Not the first: after midnight it may have counted in the day before, for all that the others say.
        if at == 1 {
            cells.clear();
        }
    });
    world.write("march.csv", &text);
    let resolve = |flags: &[&str]| world.orgpull(&[&["resolve", "--invoice", "march.csv"], flags].concat());
    resolve(&["--complete-from", "2020-01-01", "--complete-until", "2020-01-31"])
        .exits(0)
        .says("nothing was changed");
    resolve(&["--date", "Dag"]).exits(3).says("no columns are called `Dag`");
    resolve(&[]).exits(0).says("1 not carried out: 3.20 SEK less than was counted");
    let status = json(&world.orgpull(&["status", "--json"]).exits(0).stdout);
    assert_eq!(
        [&status["cost"], &status["spent_unknown"], &status["calls"].to_string().into()],
        ["6.40", "0.00", "3"]
    );
    let mut exported = world.exported("job");
    exported.sort_unstable();
    assert_eq!(exported, ["hit bought 1 3.20", "hit bought 2 3.20"]);
}

#[test]
fn a_statement_that_would_not_name_a_call_says_nothing_of_it() {
    let world = World::new("[[fault]]\ndo = 'cut'\nafter = 1\ntimes = 1\n");
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    world.run(&[]).exits(4);
    let day = today(&world);
    let lost = |change: &dyn Fn(usize, &mut Vec<String>)| {
        statement(&world, &day, |at, cells| if at == 1 { cells.clear() } else { change(at, cells) })
    };
    let good = lost(&|_, _| ());
    let no_references = lost(&|_, cells| cells[1].clear());
    for (text, flags, why) in [
        // The provider's own references, of which a lost answer brought none.
        (no_references.replace("TransactionId;", ";"), &[][..], "by the provider's references alone"),
        (no_references.clone(), &["--complete-until", &day], "the same, whoever answers for it"),
        (format!("{good}{day};-;4711;getdata;3,20\n"), &[], "a dash is no reference"),
        (lost(&|_, cells| cells[1] = format!("op{}", cells[2])), &[], "nothing in it is ours"),
        (format!("{good}{day};;4711;getdata;3,20\n"), &[], "one line may be the call"),
        (format!("{good}{day};something;;getdata;3,20\n"), &[], "and so may this"),
        (
            good.lines().take(2).collect::<Vec<_>>().join("\n") + "\n",
            &[],
            "drawn before it was sent, for all we know",
        ),
    ] {
        world.write("march.csv", &text);
        let reconciled = world.orgpull(&[&["reconcile", "march.csv", "--json"], flags].concat()).exits(4);
        let settles = &json(&reconciled.stdout)["totals"]["settles"];
        assert_eq!(settles["not-carried-out"], 0, "{why}: {text}");
        let resolved = world.orgpull(&[&["resolve", "--invoice", "march.csv"], flags].concat());
        resolved.exits(0).says("1 lost answer is not named and left alone");
    }
    world.write("march.csv", &good);
    let later = world.orgpull(&["resolve", "--invoice", "march.csv", "--complete-until", "2999-01-01"]);
    later.exits(2).says("still to come");
    world.orgpull(&["resolve", "--invoice", "march.csv"]).exits(0).says("1 not carried out");
}

#[test]
fn a_letter_that_was_billed_blocks_nobody_any_more() {
    let world = World::new("[[fault]]\ndo = 'cut'\ntimes = 1\n");
    let one = numbers(&partnerships(1));
    world.job("job", &[&one, CREDIT, CSV]);
    world.job("other", &[&one, CREDIT, &CSV.replace("out.csv", "other.csv")]);
    world.run(&[]).exits(4);
    world.pull(&["run", "other.toml"]).exits(4);
    assert_eq!(world.rows("other.csv")[0]["code"], "letter-unknown");
    let day = today(&world);
    let text = statement(&world, &day, |_, cells| cells[4] = "14,50".to_owned());
    world.write("march.csv", &text);
    world.orgpull(&["resolve", "--invoice", "march.csv"]).exits(0).says("1 billed: 14.50 SEK");
    world.pull(&["run", "other.toml"]).exits(0);
    assert_eq!(world.rows("other.csv")[0]["source"], "bought");
}

/// The simulator's address in other words.
fn written(world: &World, host: &str) -> String {
    let configuration: toml::Table = world.read("orgpull.toml").parse().unwrap();
    let base = configuration["providers"]["creditsafe"]["base_url"].as_str().unwrap().to_owned();
    let base = base.replace("127.0.0.1", host);
    format!("base_url = '{base}/'\ntoken_url = '{base}/v1/authenticate'\n")
}

#[test]
fn an_upstream_is_one_however_it_is_written() {
    let world = World::new("").account("[budget.day]\nmax_calls = 4");
    world.job("job", &[&numbers(&companies(6)[..3]), REPORT, CSV]);
    world.job("more", &[&numbers(&companies(6)), REPORT, &CSV.replace("out.csv", "more.csv")]);
    world.orgpull(&["run", "job.toml"]).exits(0);
    for host in ["localhost.", "LocalHost", "localhost"] {
        let here = written(&world, host);
        let world = &world;
        let account = here.parse::<toml::Table>().unwrap();
        let mut whole: toml::Table = world.read("orgpull.toml").parse().unwrap();
        whole["providers"]["creditsafe"].as_table_mut().unwrap().extend(account);
        world.write("other.toml", &toml::to_string(&whole).unwrap());
        world.orgpull(&["--config", "other.toml", "run", "job.toml"]).exits(0);
        assert_eq!(world.stats().arrivals, 3, "{host}: bought twice");
    }
    world.orgpull(&["--config", "other.toml", "run", "more.toml"]).exits(8);
    assert_eq!(world.stats().arrivals, 4, "the budget is one");
}

/// By where their users come from, which reads no secret; and by the users themselves, over configurations.
#[test]
fn two_accounts_that_are_one_are_told() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(1)), REPORT, CSV]);
    let told = "accounts `creditsafe` and `dnb` ask the same upstream";
    let second = |user: &str| {
        let base = written(&world, "localhost").replace("/v1/authenticate", "/token");
        let account =
            format!("{base}client_id = {{ file = '{user}' }}\nclient_secret = {{ file = 'password' }}\n");
        account.parse::<toml::Table>().unwrap()
    };
    let mut whole: toml::Table = world.read("orgpull.toml").parse().unwrap();
    let alone = whole.clone();
    whole["providers"].as_table_mut().unwrap().insert("dnb".to_owned(), second("username").into());
    world.write("orgpull.toml", &toml::to_string(&whole).unwrap());
    world.orgpull(&["check", "orgpull.toml"]).exits(0).says(told);
    world.orgpull(&["run", "job.toml"]).exits(0).says(told);
    // Another place of the same user, and then another configuration altogether.
    world.write("the-same", &world.read("username"));
    whole["providers"].as_table_mut().unwrap().insert("dnb".to_owned(), second("the-same").into());
    world.write("orgpull.toml", &toml::to_string(&whole).unwrap());
    let silent = world.orgpull(&["run", "job.toml"]).exits(0).said();
    assert!(!silent.contains(told), "{silent}");
    world.job(
        "other",
        &[
            &numbers(&companies(1)),
            "[[lookup]]\nid = 'a'\nservice = 'dnb.company'\nletters = true\n",
            CSV,
            "[run]\noutage_wait = '1s'\n",
        ],
    );
    world.orgpull(&["run", "other.toml"]).says(told);
    world.write("orgpull.toml", &toml::to_string(&alone).unwrap());
    world.orgpull(&["run", "job.toml"]).exits(0).says(told);
}
