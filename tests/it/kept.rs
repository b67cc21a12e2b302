//! Answers that are kept and cannot be read, and are read later: whatever has become of their lookups since, they are read and
//! not bought again, and what they tell holds at once.

use crate::answers::{FIRST, JSON, LATIN, bytes};
use crate::books::query;
use crate::world::{CREDIT, CSV, REPORT, World, companies, numbers, partnerships};
use serde_json::{Value, json};
use sqlx::Row;

/// What makes of them such as a version reads that knows what the bytes mean.
const READABLE: &str =
    "UPDATE answers SET content_type = 'application/json; charset=latin1' WHERE status IS NOT NULL";
/// The same with a letter that went out.
const LETTER: &[u8] = b"{\"metaData\":{\"lodCreated\":true},\"report\":{\"companyName\":\"\xc5 AB\"}}";

/// A world whose first company's answer cannot be read, with a job over `rows` of them, the first once more at the end.
fn unread(rows: usize) -> World {
    let world = World::new(&(bytes(LATIN, JSON) + &format!("number = '{FIRST}'\ntimes = 1\n")));
    world.job("job", &[&numbers(&[companies(rows), companies(1)].concat()), REPORT, CSV]);
    world.run(&[]).exits(4);
    world
}

/// A job of its own over the first company, which takes the answer over.
fn takes_over(world: &World) {
    world.job("other", &[&numbers(&companies(1)), REPORT, &CSV.replace("out.csv", "other.csv")]);
    world.pull(&["run", "other.toml"]).exits(4);
    assert_eq!(world.out_of("other.csv"), ["unknown/unreadable reused 0 0.00"]);
}

/// What the ledger tells of a run, where what was made of it is no longer what the upstream has on its bill.
fn summary(world: &World, run: &str) -> Value {
    serde_json::from_str(&world.orgpull(&["status", run, "--json"]).exits(0).stdout).unwrap()
}

fn lost(world: &World) -> Vec<i64> {
    query(world, "SELECT lost FROM lookups ORDER BY run, row").iter().map(|row| row.get(0)).collect()
}

/// A plan counts what is taken over as the run does, which cannot read it either.
#[test]
fn a_plan_counts_what_cannot_be_read_as_the_run_does() {
    let world = unread(2);
    let planned = |job: &str| -> Value {
        serde_json::from_str(&world.orgpull(&["plan", job, "--json"]).exits(0).stdout).unwrap()
    };
    // The first company, twice, and the second.
    let plan = planned("job.toml");
    let counts =
        ["fresh", "unknown", "duplicates", "to_buy", "lookups"].map(|key| plan[key].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 1, 0, 3]);
    assert_eq!(plan["steps"][0]["unknown"], 1);
    world.orgpull(&["plan", "job.toml"]).exits(0).says("unknown");
    let ran = world.run(&[]).exits(4);
    assert_eq!((ran.outcome("hit"), ran.outcome("unknown"), ran.number("reused")), (1, 2, 3));
    takes_over(&world);
    let plan = planned("other.toml");
    assert_eq!((&plan["fresh"], &plan["unknown"]), (&json!(0), &json!(1)));
}

/// So it is with a lost letter, which no later run sends again.
#[test]
fn a_plan_counts_a_lost_letter_as_the_run_does() {
    let world = World::new("[[fault]]\ndo = 'cut'\ntimes = 1\n");
    world.job("job", &[&numbers(&partnerships(2)), CREDIT, CSV]);
    world.run(&[]).exits(4);
    let plan: Value =
        serde_json::from_str(&world.orgpull(&["plan", "job.toml", "--json"]).exits(0).stdout).unwrap();
    let ran = world.run(&["--new"]).exits(4);
    let counts = ["fresh", "unknown", "skipped", "to_buy"].map(|key| plan[key].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 0, 0]);
    assert_eq!((ran.outcome("hit"), ran.outcome("unknown"), ran.outcome("skipped")), (1, 1, 0));
}

#[test]
fn a_letter_that_is_read_only_now_keeps_the_same_retry_from_posting_another() {
    let scenario = bytes(LETTER, JSON) + "number = '9899000005'\n[[fault]]\ndo = 'status'\nstatus = 503\n";
    let world = World::new(&scenario);
    world.job("job", &[&numbers(&partnerships(3)), REPORT, CSV, "[run]\nattempts = 1\n"]);
    let ran = world.run(&[]).exits(4);
    assert_eq!((ran.outcome("unknown"), ran.outcome("failed")), (1, 2));
    world.scenario("");
    world.change(READABLE);
    let arrivals = world.stats().arrivals;
    for _ in 0..2 {
        let told = "getdata:Basic of account `creditsafe` has posted a letter of disclosure before";
        world.orgpull(&["retry", "job"]).exits(3).says(told);
        let status = summary(&world, "job");
        assert_eq!(
            (world.stats().arrivals, &status["letters"], &status["state"]),
            (arrivals, &json!(1), &json!("stopped"))
        );
    }
    // Once that is mended the run goes on: letters are refused where the job does not want them, and go out where it does.
    let world = world.account("no_letters = []\nletters = [\"getdata:Basic\"]");
    world.orgpull(&["retry", "job"]).exits(3).says("letter of disclosure to 2 of the subjects");
    let wanted = REPORT.replace("id =", "letters = true\nid =");
    world.job("job", &[&numbers(&partnerships(3)), &wanted, CSV, "[run]\nattempts = 1\n"]);
    world.orgpull(&["run", "job.toml"]).exits(0);
    assert_eq!(
        (world.stats().arrivals, &summary(&world, "job")["outcomes"]["hit"]),
        (arrivals + 2, &json!(3))
    );
}

#[test]
fn what_was_carried_out_is_not_said_to_be_not() {
    let world = World::new(&format!("{}times = 1\n[[fault]]\ndo = 'cut'\ntimes = 1\n", bytes(LATIN, JSON)))
        .account("concurrency = 1");
    world.job("job", &[&numbers(&partnerships(3)), CREDIT, CSV]);
    let ran = world.run(&[]).exits(4);
    assert_eq!((ran.text("cost"), ran.text("spent_unknown")), ("43.50", "14.50"));
    let said = world
        .orgpull(&["resolve", "job", "--as", "not-carried-out"])
        .exits(0)
        .says("1 lost answer is settled")
        .says("1 answer is kept and cannot be read");
    assert!(!said.said().contains("2 lost"), "{}", said.said());
    let said = world.orgpull(&["resolve", "job", "--as", "not-carried-out", "--line", "1"]).exits(0);
    said.says("nothing was changed").says("1 answer is kept");
    let retry = |code| {
        world.orgpull(&["retry", "job"]).exits(code);
        summary(&world, "job")
    };
    let ran = retry(4);
    assert_eq!(
        (&ran["cost"], &ran["spent_unknown"]),
        (&json!("43.50"), &json!("0.00")),
        "the lost one was asked again"
    );
    assert_eq!(world.out()[0], "unknown/unreadable bought 1 14.50");
    world.job("never", &[&numbers(&partnerships(1)), &CREDIT.replace("id =", "reuse = '0'\nid ="), CSV]);
    world.orgpull(&["run", "never.toml"]).exits(4);
    assert_eq!(world.out(), ["unknown/letter-unknown 0 0.00"]);
    world.change(READABLE);
    let ran = retry(0);
    assert_eq!((&ran["outcomes"]["hit"], &ran["cost"], world.bill().len()), (&json!(3), &json!("43.50"), 4));
}

#[test]
fn it_is_read_after_another_call_for_it_was_lost() {
    let world = unread(2);
    world.scenario("[[fault]]\ndo = 'cut'\ntimes = 1\n");
    let ran = world.pull(&["retry", "job", "--unknown", "--yes"]).exits(4);
    assert_eq!((ran.number("calls"), world.out()[0].as_str()), (3, "unknown/cut bought 2 6.40"));
    world.change(READABLE);
    let ran = world.pull(&["retry", "job"]).exits(0).says("read again");
    assert_eq!((ran.number("calls"), ran.text("cost"), ran.text("spent_unknown")), (3, "9.60", "3.20"));
    assert_eq!(world.out(), ["hit bought 2 6.40", "hit bought 1 3.20", "hit reused 0 0.00"]);
    assert_eq!(lost(&world), [1, 0, 0], "the second call is lost all the same");
}

#[test]
fn it_is_read_where_a_retry_was_stopped_before_it_asked_again() {
    let world = unread(2).account("[budget.day]\nmax_calls = 2\n");
    world.pull(&["retry", "job", "--unknown", "--yes"]).exits(8);
    assert_eq!(world.exported("job")[0], "pending 1 3.20");
    world.change(READABLE);
    let ran = world.pull(&["retry", "job"]).exits(0);
    assert_eq!((ran.number("calls"), world.out()[0].as_str()), (2, "hit bought 1 3.20"));
    assert_eq!(world.out()[2], "hit reused 0 0.00");
}

/// What it is billed at stays, and nothing is taken back twice, whichever run's retry reads it.
#[test]
fn it_is_read_after_it_was_settled_as_billed() {
    for reader in ["job", "other"] {
        let world = unread(2);
        takes_over(&world);
        let run = world.attempts()[0].run.clone();
        world.orgpull(&["resolve", &run, "--as", "billed"]).exits(0).says("1 lost answer is settled");
        // Both stand on one call: neither waits for anything now.
        let states = query(&world, "SELECT state, code FROM lookups WHERE outcome = 'unknown'");
        assert_eq!(states.len(), 3);
        for row in &states {
            assert_eq!((row.get::<&str, _>(0), row.get::<&str, _>(1)), ("settled", "billed"));
        }
        // As the provider's own amount.
        world.change("UPDATE lookups SET cost = 290 WHERE source = 'bought' AND outcome = 'unknown'");
        world.change("UPDATE attempts SET cost = 290 WHERE state = 'unread'");
        world.change(READABLE);
        world.orgpull(&["retry", reader]).exits(0).says("1 answer that could not be read before");
        assert_eq!(world.exported("job"), ["hit bought 1 2.90", "hit bought 1 3.20", "hit reused 0 0.00"]);
        assert_eq!(world.exported("other"), ["hit reused 0 0.00"]);
        assert_eq!((lost(&world), world.bill().len()), (vec![0; 4], 2));
        let ran = world.orgpull(&["retry", "job", "--unknown", "--yes", "--summary-json", "s.json"]).exits(0);
        assert_eq!((world.bill().len(), ran.exit), (2, 0));
        let spend: Value =
            serde_json::from_str(&world.orgpull(&["spend", "--json"]).exits(0).stdout).unwrap();
        assert_eq!(spend["total"]["cost"], json!("6.10"), "{spend}");
    }
}

/// Another run has asked the same anew and lost that: it too has a use for the answer.
#[test]
fn it_is_read_for_a_run_that_asked_again_itself() {
    let world = unread(1);
    takes_over(&world);
    world.scenario("[[fault]]\ndo = 'cut'\ntimes = 1\n");
    world.pull(&["retry", "other", "--unknown", "--yes"]).exits(4);
    assert_eq!(world.bill().len(), 2);
    world.change(READABLE);
    world.pull(&["retry", "other", "--unknown", "--yes"]).exits(0).says("read again");
    assert_eq!(world.bill().len(), 2, "it is there");
    assert!(world.out_of("other.csv")[0].starts_with("hit "), "{:?}", world.out_of("other.csv"));
}

#[test]
fn a_page_of_damaged_ones_hides_no_other() {
    let world = World::new(&(bytes(LATIN, JSON) + "every = 2\n"));
    world.job("job", &[&numbers(&companies(40)), REPORT, CSV]);
    let ran = world.run(&[]).exits(4);
    assert_eq!(ran.outcome("unknown"), 20);
    world.change(READABLE);
    world.change(
        "UPDATE answers SET body = x'00' WHERE attempt IN \
         (SELECT a.id FROM attempts a WHERE a.state = 'unread' ORDER BY a.row LIMIT 19)",
    );
    world.orgpull(&["retry", "job"]).exits(4).says("1 answer that could not be read before");
    assert_eq!(query(&world, "SELECT 1 FROM lookups WHERE outcome = 'unknown'").len(), 19);
}

/// Where nobody can say any more what was asked, nobody can say whether it is the answer.
#[test]
fn an_answer_without_its_question_is_not_read() {
    let another = b"{\"report\":{\"organizationNumber\":\"556514-4408\",\"companyName\":\"\xc5 AB\"}}";
    let world = World::new(&bytes(another, JSON));
    world.write("in.csv", &format!("orgnr,words\n{FIRST},{}\n", "x".repeat(600)));
    let input = "[input]\npath = 'in.csv'\ncolumn = 'orgnr'\nkind = 'organisation'\ncarry = ['words']\n";
    world.job("job", &[input, REPORT, CSV]);
    world.run(&[]).exits(4);
    // Too long a text for its service: the question is none any more.
    let long = REPORT.replace("'Basic' }", "'Basic', lodfreetext = '{words}' }");
    world.job("job", &[input, &long, CSV]);
    world.change(READABLE);
    world.pull(&["retry", "job"]).exits(4);
    assert_eq!(world.out(), ["unknown/unreadable bought 1 3.20"]);
    world.job("job", &[input, REPORT, CSV]);
    world.pull(&["retry", "job"]).exits(4);
    assert_eq!(world.rows("out.csv")[0]["company"], "");
}

#[test]
fn status_tells_whose_answer_it_is_and_no_money_that_is_anothers() {
    let world = unread(2);
    takes_over(&world);
    let first = world.attempts()[0].transactionid.clone();
    let run = world.attempts()[0].run.clone();
    let own = world.orgpull(&["status", "job"]).exits(0).stdout;
    assert!(own.contains("counted at 3.20 SEK"), "{own}");
    assert!(
        own.contains(&format!("line 3, report: {first} (unreadable) of line 1: no call of its own")),
        "{own}"
    );
    let other = world.orgpull(&["status", "other"]).exits(0).stdout;
    let words: Vec<&str> = other.split_whitespace().collect();
    assert!(
        words.join(" ").contains(&format!("{first} (unreadable) of run {run}, line 1: no call")),
        "{other}"
    );
    assert!(!own.contains("at 0.00") && !other.contains("at 0.00"), "{own}{other}");
    let told = world.orgpull(&["status", "job", "--json", "--unknowns"]).exits(0).stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told[0]["follows"], &told[1]["follows"]), (&Value::Null, &json!({"run": run, "line": 1})));
    assert_eq!((&told[1]["cost"], &told[1]["price_unknown"]), (&json!("0.00"), &json!(false)));

    // A lost one, and one of a service that has no price.
    let world = World::new("[[fault]]\ndo = 'cut'\ntimes = 1\n");
    world.job("job", &[&numbers(&[companies(1), companies(1)].concat()), REPORT, CSV]);
    world.run(&[]).exits(4);
    let told = world.orgpull(&["status", "job"]).exits(0).stdout;
    assert!(
        told.contains("may have cost 3.20 SEK") && told.contains("of line 1: no call of its own"),
        "{told}"
    );
    assert!(!told.contains("may have cost 0.00"), "{told}");
}
