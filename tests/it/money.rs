//! What stands between a job and the money: questions, free answers, letters nobody announced, lost answers settled by hand,
//! purposes kept row by row, and a plan that says it all before.

use crate::machine::skipped;
use crate::world::{CREDIT, CSV, REPORT, World, companies, numbers, partnerships, people};
use serde_json::Value;
use std::process::Command;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A block that is said to post no letter, and does.
const UNANNOUNCED: &str = "letters = []\nno_letters = ['getdata']\nconcurrency = 6";

#[test]
fn a_letter_that_nobody_announced_stops_the_service_before_a_second_one() {
    let world = World::new("delay = '5ms'").account(UNANNOUNCED);
    let credit = CREDIT.replace("letters = true\n", "");
    let subjects = [companies(4), partnerships(4), people(4)].concat();
    let signatories = "[[lookup]]\nid = 'signatories'\nservice = 'creditsafe.getsignatory'\n";
    world.job("job", &[&numbers(&subjects), &credit, signatories, CSV]);
    let ran = world.run(&[]).exits(3);
    assert_eq!((world.stats().letters, ran.number("letters")), (1, 1), "{}", ran.said());
    assert!(ran.number("pending") > 0);
    let ran = ran.says("getdata:Credit has posted a letter of disclosure");
    ran.says("[providers.creditsafe] lists it in no_letters: move it to letters");
    assert!(world.bill().iter().any(|entry| entry.service == "getsignatory"), "other services go on");
    // As the message says.
    let world = world.account("letters = ['getdata:Credit']\nno_letters = []");
    world.job("job", &[&numbers(&subjects), CREDIT, signatories, CSV]);
    world.run(&[]).exits(0);
}

/// The trial of a block costs one call's wait and no more: companies, who get no letters, go on meanwhile.
#[test]
fn a_block_that_posts_no_letter_is_tried_once_and_then_goes_wide() {
    let world = World::new("delay = '20ms'").account("concurrency = 6");
    world.job("job", &[&numbers(&people(8)), REPORT, CSV]);
    world.run(&[]).exits(0);
    assert!(world.stats().most_in_flight > 1, "after the first they go together");
}

#[test]
fn answers_that_are_free_by_agreement_cost_nothing() {
    let world = World::new("[[fault]]\nnumber = '5999000002'\ndo = 'error'\nstatus = 404\ncode = '15'");
    let world = world.account("free = ['no_hit', 'getsignatory:rejected']");
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV, "[budget]\nmax_cost = '6.40'\n"]);
    let ran = world.orgpull(&["run", "job.toml", "--summary-json", "s.json"]).exits(0);
    let summary = json(&world.read("s.json"));
    assert_eq!((&summary["cost"], &summary["calls"]), (&"6.40".into(), &3.into()), "{}", ran.said());
    assert_eq!(world.out()[0], "no_hit/15 bought 1 0.00");
    for (free, says) in
        [("failed", "is none of no_hit, rejected, invalid"), ("getdat:no_hit", "did you mean `getdata`?")]
    {
        let world = World::new("").account(&format!("free = ['{free}']"));
        world.job("job", &[&numbers(&companies(1)), REPORT, CSV]);
        world.orgpull(&["run", "job.toml"]).exits(3).says(says);
    }
}

#[test]
fn a_run_that_costs_more_than_one_said_asks_at_a_terminal() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(5)), REPORT, CSV]);
    let config = world.read("orgpull.toml");
    world.write("orgpull.toml", &format!("confirm_above = '10'\n{config}"));
    let at_a_terminal = |answer: &str, flags: &str| {
        let program = env!("CARGO_BIN_EXE_orgpull");
        let line = format!(
            "printf '{answer}' | script -qec \"{program} run job.toml --progress none {flags}\" /dev/null"
        );
        let output = Command::new("sh")
            .args(["-c", &line])
            .current_dir(world.path(""))
            .env("HOME", world.path(""))
            .output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    if Command::new("script").arg("--version").output().is_err() {
        skipped("there is no `script` to make a terminal with");
        return;
    }
    let (_, said) = at_a_terminal("n\\n", "");
    assert!(said.contains("This may cost 16.00 SEK. Run it?") && said.contains("nothing is sent"), "{said}");
    assert!(world.bill().is_empty());
    let (_, said) = at_a_terminal("", "--max-cost 9.60");
    assert!(!said.contains("Run it?"), "it cannot cost more: {said}");
    assert_eq!(world.bill().len(), 3);
    let (_, said) = at_a_terminal("", "--yes");
    assert!(!said.contains("Run it?") && said.contains("finished"), "{said}");
    world.job("other", &[&numbers(&companies(9)), REPORT, &CSV.replace("out.csv", "other.csv")]);
    world.orgpull(&["run", "other.toml"]).exits(0);
}

#[test]
fn lost_answers_are_listed_and_settled_by_the_users_word() {
    let world = World::new("[[fault]]\ndo = 'cut'\nafter = 1\ntimes = 2");
    let twice = [companies(4), companies(2)].concat();
    world.job("job", &[&numbers(&twice), REPORT, CSV]);
    let ran = world.run(&[]).exits(4);
    assert_eq!(ran.outcome("unknown"), 3, "the second company stands twice: {}", ran.said());
    let unknowns = json(&world.orgpull(&["status", "job", "--json", "--unknowns"]).stdout);
    let unknowns = unknowns.as_array().unwrap();
    assert_eq!(unknowns.len(), 3);
    let first = &unknowns[0];
    assert_eq!(
        (&first["line"], &first["lookup"], &first["cost"]),
        (&2.into(), &"report".into(), &"3.20".into())
    );
    assert_eq!((&first["letter"], &first["billed"]), (&false.into(), &false.into()));
    assert!(
        first["sent_at"].as_str().unwrap().ends_with('Z')
            && first["transactionid"].as_str().unwrap().len() == 14
    );
    for (bad, code) in [
        (&["resolve", "job"][..], 2),
        (&["resolve", "--as", "billed"], 2),
        (&["resolve", "job", "--as", "perhaps"], 2),
        (&["resolve", "job", "--as", "billed", "--invoice", "x.csv"], 2),
        (&["resolve", "job", "--as", "billed", "--lookup", "credit"], 2),
        (&["resolve", "nothing", "--as", "billed"], 2),
    ] {
        world.orgpull(bad).exits(code);
    }
    let one =
        world.orgpull(&["resolve", "job", "--as", "billed", "--line", "3", "--lookup", "report"]).exits(0);
    one.says("1 lost answer is settled 1 billed: 3.20 SEK");
    let all = world.orgpull(&["resolve", "job", "--as", "not-carried-out"]).exits(0);
    all.says("0 billed").says("1 not carried out: 3.20 SEK less than was counted").says("retry");
    world.orgpull(&["resolve", "job", "--as", "billed"]).exits(0).says("no lost answer is to be settled");
    let status = json(&world.orgpull(&["status", "job", "--json"]).stdout);
    assert_eq!(status["reason"], "2 failed and 1 unknown", "as it stands now");
    assert_eq!((&status["cost"], &status["spent_unknown"]), (&"9.60".into(), &"0.00".into()));
    let spent = json(&world.orgpull(&["spend", "--json"]).exits(0).stdout);
    assert_eq!(spent["total"]["cost"], "9.60");
    let done = world.orgpull(&["retry", "job"]).exits(4);
    assert!(done.said().contains("1 unknown"), "{}", done.said());
    assert_eq!(world.bill().len(), 5, "only what was not carried out is asked again");
}

#[test]
fn a_settled_letter_may_be_asked_again_and_a_lost_one_may_not() {
    let world = World::new("[[fault]]\ndo = 'cut'\ntimes = 1");
    world.job("job", &[&numbers(&partnerships(1)), CREDIT, CSV]);
    world.run(&[]).exits(4);
    let other = CSV.replace("out.csv", "other.csv");
    world.job("other", &[&numbers(&partnerships(1)), CREDIT, &other]);
    let ran = world.pull(&["run", "other.toml"]).exits(4);
    assert_eq!((ran.number("calls"), &*world.rows("other.csv")[0]["code"]), (0, "letter-unknown"));
    world.orgpull(&["resolve", "job", "--as", "not-carried-out"]).exits(0);
    let ran = world.orgpull(&["run", "other.toml", "--new", "--yes"]).exits(0);
    assert!(ran.said().contains("hit"), "{}", ran.said());
}

#[test]
fn what_was_lost_in_an_earlier_run_is_asked_again_and_told() {
    let world = World::new("[[fault]]\ndo = 'cut'\ntimes = 2");
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    world.run(&[]).exits(4);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("calls"), ran.number("reused")), (2, 1));
    ran.says("asked again after an earlier run's answer was lost, and perhaps paid twice: 2 calls, 6.40 SEK");
}

#[test]
fn retry_uses_what_another_run_has_bought_since() {
    let world = World::new("[[fault]]\ndo = 'status'\nstatus = 503\ntimes = 1");
    world.job("job", &[&numbers(&companies(2)), REPORT, CSV, "[run]\nattempts = 1\n"]);
    world.run(&[]).exits(4);
    let other = CSV.replace("out.csv", "other.csv");
    world.job("other", &[&numbers(&companies(2)), REPORT, &other]);
    world.pull(&["run", "other.toml"]).exits(0);
    let before = world.bill().len();
    let ran = world.pull(&["retry", "job"]).exits(0);
    assert_eq!((world.bill().len(), ran.outcome("hit")), (before, 2));
    let (own, others) = (world.rows("out.csv"), world.rows("other.csv"));
    assert_eq!(own[0]["source"], "reused");
    assert_eq!((&own[0]["log_id"], &own[0]["fetched_at"]), (&others[0]["log_id"], &others[0]["fetched_at"]));
}

#[test]
fn the_job_says_which_answers_are_used_again() {
    let world = World::new("[[fault]]\nnumber = '5999000002'\ndo = 'error'\nstatus = 404\ncode = '15'");
    world.job(
        "job",
        &[&numbers(&companies(3)), &REPORT.replace("id =", "reuse_outcomes = ['hit']\nid ="), CSV],
    );
    world.run(&[]).exits(0);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("calls"), ran.number("reused")), (1, 2), "the miss is asked again");
    world.job(
        "job",
        &[&numbers(&companies(3)), &REPORT.replace("id =", "reuse_outcomes = ['unknown']\nid ="), CSV],
    );
    world.orgpull(&["run", "job.toml"]).exits(3).says("this must be \"hit\"");
}

#[test]
fn a_purpose_is_kept_row_by_row() {
    let world = World::new("");
    let [one, two, three] = companies(3).try_into().unwrap();
    world.write("in.csv", &format!("orgnr,application\n{one},A-17\n{two},A-18\n{three},A-17\n"));
    let job = |purpose: &str| {
        let input = "[input]\npath = 'in.csv'\ncolumn = 'orgnr'\n";
        world.write("job.toml", &format!("name = 'job'\npurpose = '{purpose}'\n{input}{REPORT}{CSV}"));
    };
    job("application {application}");
    world.run(&[]).exits(0);
    assert_eq!(world.purposes(), ["application A-17", "application A-17", "application A-18"]);
    job("application {aplication}");
    world.orgpull(&["run", "job.toml", "--new"]).exits(3).says("aplication");
    job("{last:report:date}");
    world.orgpull(&["run", "job.toml", "--new"]).exits(3).says("a purpose names no answer");
    let head = "name = 'job'\npurpose = 'for {column}'\n";
    world.write("job.toml", &format!("{head}{}{REPORT}{CSV}", numbers(&companies(1))));
    world.orgpull(&["run", "job.toml", "--new"]).exits(3).says("`numbers` have none");
}

#[test]
fn a_plan_tells_its_price_its_growth_and_what_differs_from_the_last_run() {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(6)), REPORT, CSV]);
    let plan = json(&world.orgpull(&["plan", "job.toml", "--json", "--diff"]).exits(0).stdout);
    assert_eq!(
        (&plan["price_low"], &plan["price_high"], &plan["diff"]),
        (&"19.20".into(), &"19.20".into(), &Value::Null)
    );
    let foreseen = plan["ledger_bytes"].as_u64().unwrap();
    assert!((4_000..12_000).contains(&foreseen), "{foreseen}");
    world.run(&[]).exits(0);
    world.job(
        "job",
        &[&numbers(&companies(8)), &REPORT.replace("'Basic'", "'Other'"), CSV, "[budget]\nmax_calls = 9\n"],
    );
    let plan = json(&world.orgpull(&["plan", "job.toml", "--json", "--diff"]).exits(0).stdout);
    let diff = &plan["diff"];
    assert_eq!((&diff["rows"], &diff["calls"], &diff["cost"]), (&6.into(), &6.into(), &"19.20".into()));
    let changes = diff["changes"].as_array().unwrap();
    let expected = ["lookup `report`: parameter `blockname` differs", "[input] differs", "[budget] differs"];
    assert_eq!(changes, &expected.map(Value::from));
    world
        .orgpull(&["plan", "job.toml", "--diff"])
        .exits(0)
        .says("Against the last run")
        .says("Ledger grows by about");
}

/// Neither a second lookup of the same block nor a second run posts another letter before the configuration is mended.
#[test]
fn a_letter_that_nobody_announced_is_remembered() {
    let world = World::new("").account(UNANNOUNCED);
    let credit = CREDIT.replace("letters = true\n", "");
    let both = [
        credit.clone(),
        credit.replace("'credit'", "'same'").replace("'Credit' }", "'Credit', language = 'sv' }"),
    ];
    world.job("job", &[&numbers(&people(6)), &both.concat(), CSV]);
    world.run(&[]).exits(3);
    assert_eq!(world.stats().letters, 1);
    for (flags, sent) in [(&[][..], "nothing more was sent"), (&["--new"], "nothing was sent")] {
        world.run(flags).exits(3).says("has posted a letter of disclosure before").says(sent);
    }
    world.job("other", &[&numbers(&people(2)), &credit, &CSV.replace("out.csv", "other.csv")]);
    world.orgpull(&["run", "other.toml"]).exits(3);
    assert_eq!(world.stats().letters, 1);
}

/// Also where a parameter names the day of an answer, which is looked up before a question is known.
#[test]
fn letters_are_counted_whatever_a_lookup_names() {
    let world = World::new("");
    let credit = CREDIT.replace("letters = true\n", "").replace(
        "blockname = 'Credit' }",
        "blockname = 'Credit', lodfreetext = 'since {last:report:date}' }",
    );
    world.job("job", &[&numbers(&people(4)), REPORT, &credit, CSV]);
    world.run(&[]).exits(0);
    world.orgpull(&["plan", "job.toml"]).exits(3).says("`letters = true` in lookup `credit`");
    world.run(&[]).exits(3).says("`letters = true` in lookup `credit`");
    assert_eq!(world.stats().letters, 0);
}

#[test]
fn asking_again_names_its_own_price_and_its_letters() {
    let world = World::new("[[fault]]\ndo = 'cut'\ntimes = 1");
    world.job("job", &[&numbers(&partnerships(1)), CREDIT, CSV]);
    world.run(&[]).exits(4);
    world.job("other", &[&numbers(&partnerships(1)), CREDIT, &CSV.replace("out.csv", "other.csv")]);
    world.pull(&["run", "other.toml"]).exits(4);
    for job in ["job", "other"] {
        let refused = world.orgpull(&["retry", job, "--unknown"]).exits(2);
        let refused =
            refused.says("Asking again may cost 1 call, 14.50 SEK, and post 1 letter of disclosure");
        refused.says("--unknown --yes");
    }
    assert_eq!(world.bill().len(), 1);
    world.orgpull(&["resolve", "job", "--as", "not-carried-out"]).exits(0);
    let ran = world.orgpull(&["retry", "other"]).exits(0);
    assert!(ran.said().contains("hit"), "what blocked it is settled: {}", ran.said());
}

#[test]
fn what_is_saved_is_counted_once_and_an_empty_purpose_is_not_sent() {
    let world = World::new("");
    let thrice = [companies(5), companies(5), companies(5)].concat();
    let gate = "[[lookup]]\nid = 'gate'\nservice = 'creditsafe.getsignatory'\n";
    let report = format!("{REPORT}when = {{ lookup = 'gate', outcome = ['no_hit'] }}\n");
    world.job("job", &[&numbers(&thrice), gate, &report, CSV]);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("saved_calls"), ran.text("saved_cost")), (5, "16.00"));
    let input = "[input]\npath = 'in.csv'\ncolumn = 'nr'\nkind = 'person'\n";
    world.write("in.csv", &format!("nr,app\n{},A-1\n{},\n", people(2)[0], people(2)[1]));
    world.write(
        "person.toml",
        &format!("name = 'person'\nretention = '10d'\npurpose = '{{app}}'\n{input}{REPORT}{CSV}"),
    );
    let ran = world.pull(&["run", "person.toml"]).exits(0);
    assert_eq!((ran.number("calls"), ran.outcome("invalid")), (1, 1), "{}", ran.said());
}

#[test]
fn nobody_logs_in_where_the_budget_is_spent() {
    let world = World::new("").account("[budget.day]\nmax_calls = 2");
    world.job("job", &[&numbers(&companies(4)), REPORT, CSV]);
    world.run(&[]).exits(8);
    assert_eq!(world.logins().len(), 1);
    world.run(&[]).exits(8);
    assert_eq!(
        (world.logins().len(), world.bill().len()),
        (1, 2),
        "nothing is asked of the upstream for nothing"
    );
}
