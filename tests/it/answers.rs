//! Answers that are whole and no use: what cannot be read, what answers another question, what a disk has damaged. They are
//! kept, priced as what they are, told, and never bought twice by accident.

use crate::world::{CREDIT, CSV, REPORT, SIGNATORIES, World, companies, numbers, partnerships};
use serde_json::{Value, json};

/// The first of the companies, whose answers a fault meets.
pub(crate) const FIRST: &str = "5999000002";

fn job(world: &World, rows: usize) {
    world.job("job", &[&numbers(&companies(rows)), REPORT, CSV]);
}

/// The fault that answers with these very bytes.
pub(crate) fn bytes(bytes: &[u8], content_type: &str) -> String {
    let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("[[fault]]\ndo = 'body'\nhex = '{hex}'\ncontent_type = '{content_type}'\n")
}

pub(crate) const JSON: &str = "application/json";

/// A report that nobody can read without guessing: Latin-1 without a word of it.
pub(crate) const LATIN: &[u8] = b"{\"report\":{\"companyName\":\"\xc5 AB\"}}";

/// With a wrong byte of the second company's, what is bought, what it costs and what the next run does.
#[test]
fn what_cannot_be_read_is_kept_and_paid_for_once() {
    let deep = |shut: usize| "[".repeat(130) + &"]".repeat(shut);
    let bodies: [(&[u8], &str); 13] = [
        (b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x02", JSON),
        (b"{\"report\":{\"turnover\":NaN}}", JSON),
        (b"{\"report\":{\"name\":\"a\tb\"}}", JSON),
        (b"{\"report\":{\"name\":\"a\0b\"}}", JSON),
        (LATIN, JSON),
        (b"{\"report\":{\"a\":\xff}}", "application/json; charset=utf-8"),
        (b"", JSON),
        (b"7", JSON),
        (b"null", "text/plain"),
        (b"{\"message\":\"hello from a proxy\"}", JSON),
        (b"{\"report\":{}}{\"report\":{}}", JSON),
        (b"{\"report\":{\"a\":1", ""),
        (&deep(129).into_bytes(), JSON),
    ];
    for (body, content_type) in bodies {
        let world = World::new(&(bytes(body, content_type) + &format!("number = '{FIRST}'\n")));
        job(&world, 3);
        let shown = String::from_utf8_lossy(body);
        let ran = world.run(&[]).exits(4);
        assert_eq!(
            world.out(),
            ["unknown/unreadable bought 1 3.20", "hit bought 1 3.20", "hit bought 1 3.20"],
            "{shown}"
        );
        assert_eq!(
            (ran.text("cost"), ran.text("spent_unknown"), ran.number("bought")),
            ("9.60", "0.00", 2),
            "{shown}"
        );
        assert_eq!(world.stats().health, 0, "{shown}");
        let kept = world.attempts().into_iter().find(|attempt| attempt.state == "unread").unwrap();
        assert_eq!(kept.body.as_deref(), Some(body), "its bytes are kept");

        // Pressing arrow-up costs nothing, and neither does a retry that does not say `--unknown`.
        let again = world.run(&[]).exits(4);
        assert_eq!(
            world.out(),
            ["unknown/unreadable reused 0 0.00", "hit reused 0 0.00", "hit reused 0 0.00"],
            "{shown}"
        );
        assert_eq!(
            (again.number("calls"), again.text("cost"), again.text("spent_unknown")),
            (0, "0.00", "0.00")
        );
        world.pull(&["retry", "job"]).exits(4);
        assert_eq!(world.bill().len(), 3, "{shown}");
    }
}

#[test]
fn what_can_be_read_without_guessing_is_read() {
    let report = |inner: &str| format!("{{\"metaData\":{{}},\"report\":{inner}}}");
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let name = |name: &str| report(&format!("{{\"companyName\":\"{name}\"}}"));
    let nested = |depth: usize| report(&("[".repeat(depth) + &"]".repeat(depth)));
    let objects = |depth: usize| report(&("{\"a\":".repeat(depth) + "1" + &"}".repeat(depth)));
    let latin = b"{\"report\":{\"companyName\":\"\xc5 AB\"}}".to_vec();
    for (body, content_type, company) in [
        (name("a\\ud800b").into_bytes(), JSON, "a\u{fffd}b"),
        (format!("\u{feff}{}", name("Å")).into_bytes(), JSON, "Å"),
        (format!("{}\0\0", name("Å")).into_bytes(), JSON, "Å"),
        (format!("{} \r\n\0 \n", name("Å")).into_bytes(), JSON, "Å"),
        (latin.clone(), "application/json; charset=ISO-8859-1", "Å AB"),
        (latin, "application/json;charset=\"windows-1252\"", "Å AB"),
        (utf_16(&name("Å")), "application/json; charset=utf-16", "Å"),
        (utf_16(&format!("\u{feff}{}", name("Å"))), JSON, "Å"),
        (nested(130).into_bytes(), JSON, ""),
        (nested(200_000).into_bytes(), JSON, ""),
        (objects(100_000).into_bytes(), JSON, ""),
    ] {
        let world = World::new(&bytes(&body, content_type));
        let all = "[[output]]\npath = 'all.csv'\n[[output]]\npath = 'all.json'\n[[output]]\npath = 'masked.json'\nsubject = 'masked'\n\
                   [[output]]\npath = 'changes.csv'\nchanges = true\n";
        let gated = "[[lookup]]\nid = 'second'\nservice = 'creditsafe.getsignatory'\n\
                     when = { lookup = 'report', pointer = '/report/nothing', is = 'present' }\n";
        world.job("job", &[&numbers(&companies(1)), REPORT, gated, CSV, all]);
        world.run(&[]).exits(0);
        assert_eq!(world.out(), ["hit bought 1 3.20", "skipped/gate 0 0.00"], "{}", body.len());
        assert_eq!(world.rows("out.csv")[0]["company"], company);
        world.run(&["--buy-again"]).exits(0);
        assert!(world.rows("changes.csv").is_empty());
    }
}

#[test]
fn five_in_a_row_stop_the_service_and_no_other() {
    let world = World::new(&(bytes(LATIN, JSON) + "service = 'getdata'\n")).account("concurrency = 1");
    world.job("job", &[&numbers(&companies(8)), REPORT, SIGNATORIES, CSV]);
    let ran = world.run(&[]).exits(3).says("creditsafe.getdata is stopped").says("cannot be read");
    assert_eq!((ran.outcome("unknown"), ran.number("pending"), ran.outcome("hit")), (5, 3, 8));
    assert_eq!((ran.text("spent_unknown"), world.stats().health), ("0.00", 0), "it is no outage");
    world.scenario("");
    let ran = world.run(&[]).exits(4);
    assert_eq!((ran.outcome("unknown"), ran.outcome("hit"), ran.number("calls")), (5, 11, 16));

    // With answers between them they are single mishaps.
    let world = World::new(&(bytes(LATIN, JSON) + "every = 2\n"));
    job(&world, 16);
    let ran = world.run(&[]).exits(4);
    assert_eq!((ran.outcome("unknown"), ran.outcome("hit")), (8, 8));
}

#[test]
fn what_is_too_large_is_lost_and_no_outage() {
    let world = World::new("[[fault]]\ndo = 'huge'\nsize = 17000000\ntimes = 5\n").account("concurrency = 1");
    job(&world, 7);
    let ran = world.run(&[]).exits(3).says("creditsafe.getdata is stopped (too-large)");
    assert_eq!((ran.outcome("unknown"), ran.number("pending")), (5, 2));
    assert_eq!((ran.text("spent_unknown"), world.stats().health), ("16.00", 0));
    world.run(&[]).exits(4);
    assert_eq!(world.out()[0], "unknown/too-large bought 1 3.20");

    // In whichever mixture, nothing is called kept that is not.
    let huge = format!("[[fault]]\ndo = 'huge'\nsize = 17000000\nnumber = '{FIRST}'\n");
    let world = World::new(&(huge + &bytes(LATIN, JSON) + "times = 4\n")).account("concurrency = 1");
    job(&world, 6);
    world
        .run(&[])
        .exits(3)
        .says("cannot be read or are larger than 16 MiB: those that arrived whole are kept");
    assert_eq!(world.attempts().iter().filter(|attempt| attempt.body.is_some()).count(), 4);
}

#[test]
fn it_is_asked_again_when_it_is_no_longer_fresh_or_on_the_users_word() {
    let fault = bytes(LATIN, JSON) + &format!("number = '{FIRST}'\ntimes = 1\n");
    let world = World::new(&fault);
    job(&world, 2);
    world.run(&[]).exits(4);
    // Another job takes it over too, unless it may reuse nothing.
    let never = REPORT.replace("id =", "reuse = '0'\nid =");
    let other = CSV.replace("out.csv", "other.csv");
    world.job("other", &[&numbers(&companies(1)), REPORT, &other]);
    let ran = world.pull(&["run", "other.toml"]).exits(4);
    assert_eq!((ran.number("calls"), &*world.rows("other.csv")[0]["code"]), (0, "unreadable"));
    assert_eq!(world.rows("other.csv")[0]["company"], "");
    world.job("other", &[&numbers(&companies(1)), &never, &other]);
    let ran = world.pull(&["run", "other.toml"]).exits(0);
    assert_eq!(ran.number("calls"), 1);
    // What could be read since is what the next run uses.
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("calls"), ran.outcome("hit")), (0, 2));

    let world = World::new(&fault);
    job(&world, 2);
    world.run(&[]).exits(4);
    world.run(&[]).exits(4);
    let ran = world.pull(&["retry", "job", "--unknown", "--yes"]).exits(0);
    assert_eq!((ran.number("calls"), ran.outcome("hit"), ran.text("cost")), (1, 2, "3.20"));
    let world = World::new(&fault);
    job(&world, 2);
    world.run(&[]).exits(4);
    let ran = world.pull(&["retry", "job", "--unknown", "--yes"]).exits(0);
    assert_eq!((ran.number("calls"), ran.text("cost"), ran.text("spent_unknown")), (3, "9.60", "0.00"));
    assert_eq!(world.out()[0], "hit bought 2 6.40");
}

#[test]
fn a_retry_reads_what_is_kept_before_it_asks() {
    let world = World::new(&(bytes(LATIN, JSON) + &format!("service = 'getdata'\nnumber = '{FIRST}'\n")));
    let gated = "[[lookup]]\nid = 'signatories'\nservice = 'creditsafe.getsignatory'\nwhen = { lookup = 'report', outcome = ['hit'] }\n";
    world.job("job", &[&numbers(&[companies(1), companies(2)].concat()), REPORT, gated, CSV]);
    let ran = world.run(&[]).exits(4);
    assert_eq!(
        (ran.outcome("unknown"), ran.number("calls"), ran.outcome("skipped")),
        (2, 3, 2),
        "the row twice, and its gate"
    );
    world.job("other", &[&numbers(&companies(1)), REPORT, &CSV.replace("out.csv", "other.csv")]);
    world.pull(&["run", "other.toml"]).exits(4);
    // As a version would that knows what the bytes mean.
    world.change(
        "UPDATE answers SET content_type = 'application/json; charset=latin1' WHERE status IS NOT NULL",
    );
    let ran = world.pull(&["retry", "job"]).exits(0).says("read again");
    assert_eq!(
        (ran.number("calls"), ran.text("cost"), ran.text("spent_unknown")),
        (4, "18.40", "0.00"),
        "only its gate was asked"
    );
    assert_eq!((ran.outcome("hit"), ran.number("bought")), (6, 4));
    assert_eq!(world.rows("out.csv")[0]["company"], "Å AB");
    assert_eq!(world.out()[0], "hit bought 1 3.20");
    // Who had taken it over has it too.
    let other = world.orgpull(&["export", "other", "--format", "csv", "--output", "-"]).exits(0);
    assert!(other.stdout.contains("Å AB") && other.stdout.contains("hit"), "{}", other.stdout);
    let ran = world.pull(&["run", "other.toml"]).exits(0);
    assert_eq!(ran.number("calls"), 0);
}

#[test]
fn a_letter_that_cannot_be_read_blocks_its_identity() {
    let world = World::new(&(bytes(LATIN, JSON) + "times = 1\n"));
    let rows = numbers(&partnerships(1));
    let retry = CREDIT.replace("letters = true", "letters = true\non_unknown = 'retry'");
    world.job("job", &[&rows, &retry, CSV]);
    world.run(&[]).exits(4);
    assert_eq!(world.out(), ["unknown/unreadable bought 1 14.50"]);
    world.job("other", &[&rows, CREDIT, CSV]);
    world.pull(&["run", "other.toml"]).exits(4);
    assert_eq!(world.out(), ["unknown/unreadable reused 0 0.00"]);
    world.job("never", &[&rows, &CREDIT.replace("id =", "reuse = '0'\nid ="), CSV]);
    for job in ["never", "job"] {
        let ran = world.pull(&["run", &format!("{job}.toml"), "--buy-again"]).exits(4);
        assert_eq!((world.out(), ran.number("calls")), (vec!["unknown/letter-unknown 0 0.00".to_owned()], 0));
    }
    assert_eq!((world.bill().len(), world.stats().letters), (1, 0));
    let first = world.attempts()[0].run.clone();
    world.orgpull(&["resolve", &first, "--as", "billed"]).exits(0).says("1 lost answer is settled");
    let status: Value = serde_json::from_str(&world.orgpull(&["status", &first, "--json"]).stdout).unwrap();
    assert_eq!((&status["cost"], &status["spent_unknown"]), (&json!("14.50"), &json!("0.00")));
    let ran = world.pull(&["run", "never.toml", "--new"]).exits(0);
    assert_eq!(ran.number("letters"), 1);
}

#[test]
fn lost_ones_and_unread_ones_are_told_apart_in_the_books() {
    let world = World::new(&format!(
        "{}number = '{FIRST}'\n[[fault]]\ndo = 'cut'\nafter = 1\ntimes = 1\n",
        bytes(LATIN, JSON)
    ));
    job(&world, 3);
    let ran = world.run(&[]).exits(4);
    assert_eq!((ran.text("cost"), ran.text("spent_unknown")), ("9.60", "3.20"));
    let spend: Value = serde_json::from_str(&world.orgpull(&["spend", "--json"]).exits(0).stdout).unwrap();
    assert_eq!(
        (&spend["total"]["cost"], &spend["total"]["spent_unknown"]),
        (&json!("9.60"), &json!("3.20")),
        "{spend}"
    );
    let unknowns = world.orgpull(&["status", "job", "--json", "--unknowns"]).exits(0).stdout;
    let unknowns: Value = serde_json::from_str(&unknowns).unwrap();
    let costs: Vec<_> = unknowns.as_array().unwrap().iter().map(|unknown| &unknown["cost"]).collect();
    assert_eq!(costs, ["3.20", "3.20"]);
}

/// Answers of a server that has written one twice: the third company's call reads the second's.
#[test]
fn an_answer_to_another_question_is_nobodys() {
    let good = World::new("");
    job(&good, 6);
    good.run(&[]).exits(0);
    let names: Vec<String> = good.rows("out.csv").iter().map(|row| row["company"].clone()).collect();
    drop(good);

    let world = World::new("[[fault]]\ndo = 'twice'\nafter = 1\ntimes = 1\n");
    job(&world, 6);
    let ran = world.run(&[]).exits(4);
    let hit = "hit bought 1 3.20";
    assert_eq!(
        world.out(),
        [hit, hit, "unknown/mismatched bought 1 3.20", hit, hit, hit],
        "the connection is left"
    );
    assert_eq!((ran.text("cost"), ran.text("spent_unknown"), ran.number("calls")), ("19.20", "3.20", 6));
    assert_eq!(world.stats().health, 0, "it is no outage");
    let rows = world.rows("out.csv");
    for (at, (row, name)) in rows.iter().zip(&names).enumerate() {
        assert_eq!(row["company"], if at == 2 { "" } else { name });
    }
    let all = world.orgpull(&["export", "job", "--format", "json", "--output", "-"]).exits(0);
    let all: Value = serde_json::from_str(&all.stdout).unwrap();
    assert_eq!((&all[2]["report"], &all[2]["outcome"]), (&Value::Null, &json!("unknown")));
    let kept =
        world.attempts().into_iter().find(|attempt| attempt.code.as_deref() == Some("mismatched")).unwrap();
    assert!(String::from_utf8_lossy(&kept.body.unwrap()).contains(&names[1]));

    // It was lost, and is not used again; nor does a retry read it.
    assert_eq!(world.pull(&["retry", "job"]).exits(4).number("calls"), 6);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("calls"), ran.number("reused")), (1, 5));
    assert_eq!(world.rows("out.csv")[2]["company"], names[2]);
}

#[test]
fn a_mismatch_is_repeated_where_the_job_says_so_and_five_stop_the_service() {
    let world = World::new("[[fault]]\ndo = 'twice'\nafter = 1\ntimes = 1\n");
    let retry = REPORT.replace("id =", "on_unknown = 'retry'\nid =");
    world.job("job", &[&numbers(&companies(4)), &retry, CSV]);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.number("calls"), ran.text("cost"), ran.text("spent_unknown")), (5, "16.00", "3.20"));
    assert_eq!(world.out()[2], "hit bought 2 6.40");

    let another = "{\"report\":{\"organizationNumber\":\"556514-4408\",\"companyName\":\"Another\"}}";
    let world = World::new(&format!("[[fault]]\ndo = 'body'\nservice = 'getdata'\nbody = '{another}'\n"));
    world.job("job", &[&numbers(&companies(8)), REPORT, SIGNATORIES, CSV]);
    let ran = world.run(&[]).exits(3).says("creditsafe.getdata is stopped").says("other questions");
    assert_eq!((ran.outcome("unknown"), ran.number("pending"), ran.outcome("hit")), (5, 3, 8));
    assert_eq!((ran.text("spent_unknown"), world.stats().health), ("16.00", 0));
    let all = world.orgpull(&["export", "job", "--format", "jsonl", "--output", "-"]).exits(0);
    assert!(!all.stdout.contains("Another"), "{}", all.stdout);

    let world = World::new(
        "[[fault]]\ndo = 'body'\nbody = '{\"report\":{\"organizationNumber\":\"556514-4408\"}}'\ntimes = 1\n",
    );
    world.job("job", &[&numbers(&partnerships(1)), CREDIT, CSV]);
    world.run(&[]).exits(4);
    assert_eq!(world.out(), ["unknown/mismatched bought 1 14.50"]);
    let ran = world.run(&[]).exits(4);
    assert_eq!((world.out(), ran.number("calls")), (vec!["unknown/letter-unknown 0 0.00".to_owned()], 0));
}

/// With several calls on the way the wrong connection is left as soon as it shows.
#[test]
fn a_wrong_connection_among_many_gives_no_wrong_row() {
    let world = World::new("delay = '5ms'\n[[fault]]\ndo = 'twice'\nevery = 10\n").account("concurrency = 4");
    job(&world, 40);
    let ran = world.run(&[]).exits(4);
    assert!(
        ran.outcome("unknown") <= 12 && ran.outcome("hit") + ran.outcome("unknown") == 40,
        "{}",
        ran.said()
    );
    let good = World::new("");
    job(&good, 40);
    good.run(&[]).exits(0);
    for (row, right) in world.rows("out.csv").iter().zip(good.rows("out.csv")) {
        assert!(row["company"] == right["company"] || row["code"] == "mismatched", "{row:?}");
    }
}

#[test]
fn other_providers_tell_whose_answer_it_is() {
    let world = World::new("[[fault]]\ndo = 'twice'\nservice = 'dnb.company'\nafter = 1\ntimes = 1\n");
    let world = world.provider("dnb", "no_letters = ['company:COMPANY_INFORMATION']");
    world.job("job", &[&numbers(&companies(4)), "[[lookup]]\nid = 'dnb'\nservice = 'dnb.company'\n", CSV]);
    world.run(&[]).exits(4);
    let hit = "hit bought 1 9.00";
    assert_eq!(world.out(), [hit, hit, "unknown/mismatched bought 1 9.00", hit]);

    let world = World::new("[[fault]]\ndo = 'twice'\nservice = 'elsewhere'\nafter = 1\ntimes = 1\n");
    std::fs::create_dir(world.path("catalogue")).unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/providers/example.toml");
    std::fs::copy(file, world.path("catalogue/example.toml")).unwrap();
    let world = world.provider("example", "");
    world.job(
        "job",
        &[&numbers(&companies(4)), "[[lookup]]\nid = 'mine'\nservice = 'example.company'\n", CSV],
    );
    world.run(&[]).exits(4);
    let hit = "hit bought 1 1.30";
    assert_eq!(world.out(), [hit, hit, "unknown/mismatched bought 1 1.30", hit]);
}

/// A few kilobytes on the wire that would be gigabytes in memory.
#[test]
fn an_answer_that_would_fill_the_memory_is_not_read() {
    let bomb = format!("{{\"report\":[{}{{\"\":0}}]}}", "{\"\":0},".repeat(800_000));
    let world = World::new(&format!("[[fault]]\ndo = 'body'\nnumber = '{FIRST}'\nbody = '{bomb}'\n"));
    job(&world, 2);
    world.run(&[]).exits(4);
    assert_eq!(world.out(), ["unknown/unreadable bought 1 3.20", "hit bought 1 3.20"]);
    world.pull(&["retry", "job"]).exits(4);
}

/// An upstream that takes no token, and one whose token is a word of its answers.
#[test]
fn a_short_token_is_looked_for_nowhere() {
    // The simulator takes this token, which is short, and a word of the answer; of an upstream of one's own it asks none.
    for auth in ["none", "bearer"] {
        let world = World::new("");
        std::fs::create_dir(world.path("catalogue")).unwrap();
        let file = include_str!("../../config/providers/example.toml");
        let file = file.replace("auth = \"client-credentials-basic\"", &format!("auth = \"{auth}\""));
        let lines =
            file.lines().filter(|line| !line.starts_with("scope =") && !line.starts_with("token_url"));
        world.write("catalogue/example.toml", &(lines.collect::<Vec<_>>().join("\n") + "\n"));
        let body = "{\"requestId\":\"a simulator\",\"data\":{\"name\":\"The simulator AB\"}}";
        world.scenario(&format!("[[fault]]\ndo = 'body'\nbody = '{body}'\n"));
        world.write("token", "simulator");
        let token = if auth == "bearer" { "token = { file = 'token' }\n" } else { "" };
        let account = format!(
            "[providers.example]\nbase_url = '{}/example'\n{token}[providers.example.prices]\ncompany = '1.30'\n",
            world.base_url()
        );
        let config = world.read("orgpull.toml");
        world.write("orgpull.toml", &format!("catalogue = ['catalogue/example.toml']\n{config}{account}"));
        let name = CSV.replace("/report/companyName", "/data/name");
        world.job(
            "job",
            &[&numbers(&companies(3)), "[[lookup]]\nid = 'mine'\nservice = 'example.company'\n", &name],
        );
        let ran = world.orgpull(&["run", "job.toml"]).exits(0);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        for row in world.rows("out.csv") {
            let shown = (&*row["company"], &*row["log_id"], &*row["outcome"]);
            assert_eq!(shown, ("The simulator AB", "a simulator", "hit"), "{auth}");
        }
    }
}

/// What a disk has damaged: never an empty hit, told by run and line, and counted.
#[test]
fn a_damaged_answer_is_told_and_shown_as_no_hit() {
    // A frame of another length, none at all, a frame cut short, one that holds no JSON, and one with a turned bit.
    for damage in [
        "UPDATE answers SET body = x'28b52ffd00' WHERE attempt = (SELECT min(attempt) FROM answers)",
        "UPDATE answers SET body = x'' WHERE attempt = (SELECT min(attempt) FROM answers)",
        "UPDATE answers SET body = substr(body, 1, 40) WHERE attempt = (SELECT min(attempt) FROM answers)",
        "UPDATE answers SET body = x'28b52ffd2003190000616263' WHERE attempt = (SELECT min(attempt) FROM answers)",
        "UPDATE answers SET body = CAST(substr(body, 1, 60) || x'00' || substr(body, 62) AS BLOB) \
         WHERE attempt = (SELECT min(attempt) FROM answers)",
        // It is gone.
        "DELETE FROM answers WHERE attempt = (SELECT min(attempt) FROM answers)",
    ] {
        let world = World::new("");
        let more = "[[output]]\npath = 'all.json'\n[[output]]\npath = 'wide.csv'\nshape = 'wide'\n[[output]]\npath = 'hits.csv'\nonly = ['hit']\n";
        world.job("job", &[&numbers(&companies(3)), REPORT, CSV, more]);
        let run = world.run(&[]).exits(0).text("run").to_owned();
        world.orgpull(&["doctor"]).says("is whole");
        world.change(damage);
        let told = format!(
            "run {run}: 1 stored answer is damaged in the ledger and shown as `unknown`, code `damaged`: line 1 (`report`)"
        );
        world.orgpull(&["export", "job"]).exits(4).says(&told);
        let rows = ["unknown/damaged bought 1 3.20", "hit bought 1 3.20", "hit bought 1 3.20"];
        assert_eq!(world.out(), rows, "{damage}");
        assert_eq!(world.rows("out.csv")[0]["company"], "");
        assert_eq!(world.rows("hits.csv").len(), 2);
        assert_eq!(world.rows("wide.csv")[0]["report_code"], "damaged");
        assert_eq!(
            world
                .orgpull(&["export", "job", "--format", "csv", "--output", "-"])
                .exits(4)
                .stdout
                .lines()
                .count(),
            4
        );
        world.orgpull(&["doctor"]).says(&format!("1 stored answer is damaged: run {run}, line 1"));
        // Used again it is the same; its number is in no message.
        let again = world
            .orgpull(&["run", "job.toml", "--summary-json", "s.json"])
            .exits(4)
            .says("1 stored answer is damaged");
        assert!(!again.said().contains(&companies(1)[0][6..]), "{}", again.said());
        assert_eq!(world.out()[0], "unknown/damaged reused 0 0.00");
        let summary: Value = serde_json::from_str(&world.read("s.json")).unwrap();
        assert_eq!(
            (&summary["exit"], &summary["calls"], &summary["state"]),
            (&json!(4), &json!(0), &json!("finished"))
        );
        let status: Value =
            serde_json::from_str(&world.orgpull(&["status", "job", "--json"]).stdout).unwrap();
        assert_eq!(
            (&status["reason"], &status["exit"]),
            (&json!("1 stored answer is damaged in the ledger"), &json!(4))
        );
        world.orgpull(&["run", "job.toml", "--buy-again"]).exits(0);
        assert_eq!(world.out()[0], "hit bought 1 3.20");
    }
}

/// A condition cannot look into it, and what changed cannot be told.
#[test]
fn a_damaged_answer_decides_nothing() {
    let world = World::new("");
    let gated = "[[lookup]]\nid = 'second'\nservice = 'creditsafe.getsignatory'\n\
                 when = { lookup = 'report', pointer = '/report/companyName', is = 'present' }\n";
    let changes = "[[output]]\npath = 'changes.csv'\nchanges = true\n";
    world.job("job", &[&numbers(&companies(2)), REPORT, CSV, changes]);
    world.run(&[]).exits(0);
    world.change("UPDATE answers SET body = x'00' WHERE attempt = (SELECT min(attempt) FROM answers)");
    world
        .orgpull(&["run", "job.toml", "--buy-again"])
        .exits(4)
        .says("1 earlier answer is damaged in the ledger");
    world.change("UPDATE answers SET body = x'00'");
    let other = CSV.replace("out.csv", "other.csv");
    world.job("other", &[&numbers(&companies(1)), REPORT, gated, &other]);
    world.orgpull(&["run", "other.toml"]).exits(4);
    assert_eq!(world.rows("other.csv")[1]["code"], "undecided");
}
