//! Bad input gets a message that names the file, the place and the remedy, the right exit code, and nothing is sent.
//!
//! Each case takes a job that would run and spoils one thing. What is said is what a user reads, line ends and
//! indentation aside.

use crate::machine::{Process, busy, until_held};
use crate::world::{CSV, REPORT, Ran, SIGNATORIES, World, companies};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const INPUT: &str = "[input]\npath = 'numbers.csv'\ncolumn = 'orgnr'\n";

/// A job that would run, of four rows.
fn good() -> World {
    let world = World::new("");
    world.job("job", &[INPUT, REPORT, SIGNATORIES, CSV]);
    world.write("numbers.csv", &format!("customer,orgnr\nA,{}\n", companies(4).join("\nB,")));
    world
}

/// Runs the job, which must be refused before anything is sent.
#[track_caller]
fn refused(world: &World, exit: i32, says: &[&str]) -> Ran {
    let mut ran = world.orgpull(&["run", "job.toml"]).exits(exit);
    for words in says {
        ran = ran.says(words);
    }
    nothing_sent(world);
    assert!(!world.path("out.csv").exists());
    ran
}

#[track_caller]
fn nothing_sent(world: &World) {
    let stats = world.stats();
    assert_eq!((stats.arrivals, stats.logins), (0, 0), "nothing is sent");
}

/// One thing changed in one file of the good job.
struct Slip {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// What the message holds: the place first.
    says: &'static [&'static str],
}

/// All exit 3.
const SLIPS: &[Slip] = &[
    // Keys and values of the job.
    Slip {
        file: "job.toml",
        from: "column =",
        to: "colum =",
        says: &["job.toml:5:1", "`colum`", "did you mean `column`?"],
    },
    Slip {
        file: "job.toml",
        from: "creditsafe.getsignatory",
        to: "creditsafe.getsignatry",
        says: &["job.toml:12:11", "getsignatry", "did you mean `creditsafe.getsignatory`?"],
    },
    Slip {
        file: "job.toml",
        from: "creditsafe.getsignatory",
        to: "upplysningen.report",
        says: &["job.toml:12:11", "upplysningen"],
    },
    Slip {
        file: "job.toml",
        from: "params = { blockname = 'Basic' }\n",
        to: "",
        says: &["job.toml:8:11", "needs the parameter `blockname`", "params = { blockname"],
    },
    Slip {
        file: "job.toml",
        from: "blockname = 'Basic'",
        to: "blokname = 'Basic'",
        says: &["job.toml:9:12", "did you mean `blockname`?"],
    },
    Slip { file: "job.toml", from: "'orgnr'", to: "5", says: &["job.toml:5:10", "text"] },
    Slip { file: "job.toml", from: "[[output]]", to: "[[output]", says: &["job.toml:13:"] },
    Slip {
        file: "job.toml",
        from: "path = 'out.csv'",
        to: "path = 'out.pdf'",
        says: &["job.toml:14:8", "csv", "jsonl"],
    },
    // Keys that the design names and that are not built.
    Slip {
        file: "job.toml",
        from: "[input]",
        to: "notify = '90d'\n[input]",
        says: &["job.toml:3:1", "`notify` is not yet built"],
    },
    Slip {
        file: "job.toml",
        from: "[input]",
        to: "[budget]\nmax_cost = '12,50'\n[input]",
        says: &["job.toml:4:12", "two decimals"],
    },
    Slip {
        file: "job.toml",
        from: "[input]",
        to: "[schedule]\ncron = '0 3 30 2 *'\n[input]",
        says: &["job.toml:4:8", "this never comes"],
    },
    Slip {
        file: "job.toml",
        from: "[input]",
        to: "[schedule]\ncron = '@daily'\ntimezone = 'Mars/Olympus'\n[input]",
        says: &["job.toml:5:12", "there is no such time zone"],
    },
    Slip {
        file: "job.toml",
        from: "service = 'creditsafe.getsignatory'",
        to: "service = 'creditsafe.getsignatory'\nwhen = { lookup = 'reprt', outcome = ['hit'] }",
        says: &["job.toml:13:19", "did you mean `report`?"],
    },
    Slip {
        file: "job.toml",
        from: "path = 'out.csv'",
        to: "path = 'out.csv'\nformat = 'parquet'",
        says: &["job.toml:15:10", "parquet", "not yet built"],
    },
    Slip {
        file: "job.toml",
        from: "path = 'out.csv'",
        to: "path = 'out.parquet'",
        says: &["job.toml:14:8", "parquet", "not yet built"],
    },
    // The input.
    Slip {
        file: "job.toml",
        from: "'orgnr'",
        to: "'orgno'",
        says: &["numbers.csv: no column `orgno`", "did you mean `orgnr`?", "`customer`, `orgnr`"],
    },
    Slip { file: "job.toml", from: "numbers.csv", to: "numbres.csv", says: &["numbres.csv: no such file"] },
    Slip {
        file: "job.toml",
        from: "numbers.csv",
        to: ".",
        says: &["a directory, where a file of numbers is expected"],
    },
    Slip { file: "numbers.csv", from: "", to: "", says: &["numbers.csv: empty"] },
    Slip {
        file: "numbers.csv",
        from: "",
        to: "orgnr\n",
        says: &["numbers.csv: no row holds a valid number"],
    },
    Slip {
        file: "numbers.csv",
        from: "",
        to: "orgnr\n556012-5791\nno number\n1,98001E+11\n",
        says: &[
            "numbers.csv: no row holds a valid number",
            "line 2:",
            "check digit",
            "line 4:",
            "scientific notation",
        ],
    },
    Slip {
        file: "numbers.csv",
        from: "",
        to: "orgnr,name\n556012-5790,\"Ericsson",
        says: &["numbers.csv: ends within the record that begins on line 2", "a quote"],
    },
    Slip {
        file: "numbers.csv",
        from: "",
        to: "556012-5790\n556514-4408\n",
        says: &["numbers.csv: the first line holds numbers", "add a header"],
    },
    Slip {
        file: "job.toml",
        from: "column = 'orgnr'",
        to: "column = 'orgnr'\nmin_rows = 5",
        says: &["numbers.csv: 4 good rows", "`min_rows` asks for 5: complete it, or lower `min_rows`"],
    },
    Slip {
        file: "numbers.csv",
        from: "customer,orgnr\n",
        to: "customer,orgnr\nC,1\nC,2\nC,3\nC,4\nC,5\n",
        says: &["numbers.csv: 5 of 9 rows are bad", "`max_bad` bears 50 %", "mend them", "line 2:"],
    },
    // The configuration.
    Slip {
        file: "orgpull.toml",
        from: "concurrency",
        to: "concurency",
        says: &["orgpull.toml:", "did you mean `concurrency`?"],
    },
    Slip {
        file: "orgpull.toml",
        from: "http://127.0.0.1",
        to: "http://10.0.0.1",
        says: &[
            "orgpull.toml:",
            "http:// is only for loopback addresses: a password would travel in the clear",
        ],
    },
    Slip {
        file: "orgpull.toml",
        from: "file = \"password\"",
        to: "env = \"ORGPULL_TEST_UNSET\"",
        says: &["the password of account `creditsafe`", "ORGPULL_TEST_UNSET is not set", "set it"],
    },
    Slip {
        file: "orgpull.toml",
        from: "file = \"password\"",
        to: "file = \"nowhere\"",
        says: &["the password of account `creditsafe`", "nowhere cannot be read"],
    },
    Slip {
        file: "orgpull.toml",
        from: "[providers.creditsafe]",
        to: "[providers.creditsave]",
        says: &["orgpull.toml:", "did you mean `creditsafe`?"],
    },
    Slip {
        file: "orgpull.toml",
        from: "",
        to: "database = 'orgpull.db'\n",
        says: &["creditsafe", "[providers.creditsafe]"],
    },
    Slip {
        file: "orgpull.toml",
        from: "[providers.creditsafe]",
        to: "[providers.creditsafe]\nclient_id = { env = 'X' }",
        says: &["orgpull.toml:", "does not log in with `client_id`"],
    },
];

#[test]
fn a_slip_in_a_file_is_told_with_its_place_and_its_remedy() {
    for Slip { file, from, to, says } in SLIPS {
        println!("{file}: {from:?} -> {to:?}");
        let world = good();
        let text = world.read(file);
        let spoilt = if from.is_empty() { (*to).to_owned() } else { text.replacen(from, to, 1) };
        assert_ne!(spoilt, text, "the slip changes nothing");
        world.write(file, &spoilt);
        let ran = refused(&world, 3, says);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

#[test]
fn a_parameter_that_is_too_long() {
    let world = good();
    let free_text = format!("'Basic', lodfreetext = '{}' }}", "x".repeat(501));
    world.write("job.toml", &world.read("job.toml").replace("'Basic' }", &free_text));
    refused(&world, 3, &["job.toml:9:", "takes at most 500 characters, and this has 501"]);
}

#[test]
fn bad_rows_are_told_in_full_beside_the_output() {
    let world = good();
    world.write("numbers.csv", &format!("orgnr\n{}\n{}", companies(1)[0], "556012-5791\n".repeat(8)));
    refused(&world, 3, &["line 3: the check digit is wrong", "all bad rows:", "out.rejects.csv"]);
    assert_eq!(world.rows("out.rejects.csv").len(), 8);
}

#[test]
fn every_problem_of_a_file_at_once() {
    let world = good();
    let job = world.read("job.toml").replace("column =", "colum =").replace("getsignatory", "getsignatry");
    world.write("job.toml", &job.replace("'Basic'", "7.5"));
    let run = refused(&world, 3, &["job.toml:5:1", "job.toml:9:24", "job.toml:12:11"]);
    let check = world.orgpull(&["check", "job.toml"]).exits(3);
    assert!(run.stderr.starts_with(&check.stderr), "`check` says the same:\n{}", check.stderr);
}

#[test]
fn a_secret_written_into_the_file_is_refused_and_not_shown() {
    for written in ["password = 'hunter2-in-the-clear'", "password = hunter2-in-the-clear"] {
        let world = good();
        let configuration = world.read("orgpull.toml");
        let table = configuration.find("[providers.creditsafe.password]").unwrap();
        let after = configuration[table..].find("\n[").map_or(configuration.len(), |end| table + end + 1);
        let spoilt = format!("{}{}", &configuration[..table], &configuration[after..]);
        let spoilt =
            spoilt.replace("[providers.creditsafe]\n", &format!("[providers.creditsafe]\n{written}\n"));
        world.write("orgpull.toml", &spoilt);
        for command in
            [&["run", "job.toml"][..], &["check", "orgpull.toml"], &["plan", "job.toml"], &["-vvv", "runs"]]
        {
            let ran = world.orgpull(command).exits(3).says("orgpull.toml:");
            let said = ran.stdout + &ran.stderr;
            assert!(!said.contains("hunter2") && said.contains("*****"), "{said}");
            assert!(!written.contains('\'') || said.contains("env") && said.contains("command"), "{said}");
        }
        nothing_sent(&world);
    }
}

#[test]
fn what_is_no_text_is_told_apart() {
    // The beginning of a real workbook: a zip archive whose first member is [Content_Types].xml.
    let workbook =
        b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00A7\x82\xcf\x6e\x01\x00\x00\x04\x05\x00\x00\x13\x00\
                     \x08\x02[Content_Types].xml \xa2\x04\x02(\xa0\x00\x02\x00\x00";
    let utf16: Vec<u8> = "\u{feff}orgnr\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [(&str, &[u8], &[&str]); 6] = [
        ("numbers.xlsx", workbook, &["numbers.xlsx: a workbook", "Save As", "CSV UTF-8"]),
        ("numbers.csv", workbook, &["numbers.csv: a workbook", "CSV UTF-8"]),
        ("numbers.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", &["numbers.xls: a workbook"]),
        ("numbers.csv", &utf16, &["numbers.csv: written in UTF-16", "save it as UTF-8"]),
        (
            "numbers.csv.gz",
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
            &["numbers.csv.gz: compressed", "gunzip -c"],
        ),
        (
            "numbers.csv",
            b"orgnr\r556012-5790\r556514-4408\r",
            &["numbers.csv: its lines end in carriage returns alone"],
        ),
    ];
    for (name, bytes, says) in cases {
        let world = good();
        fs::write(world.path(name), bytes).unwrap();
        world.write("job.toml", &world.read("job.toml").replace("numbers.csv", name));
        refused(&world, 3, says);
    }
    // A job that is no text.
    let world = good();
    fs::write(world.path("job.toml"), b"name = '\xe5\xe4\xf6'\n").unwrap();
    refused(&world, 3, &["job.toml is not UTF-8 text (line 1)", "save it as UTF-8"]);
}

#[test]
fn a_directory_where_a_file_should_be() {
    let cases: [(&str, i32, &[&str]); 4] = [
        ("job.toml", 3, &["job.toml", "directory"]),
        ("orgpull.toml", 3, &["orgpull.toml", "directory"]),
        ("numbers.csv", 3, &["numbers.csv: a directory"]),
        ("orgpull.db", 6, &["orgpull.db", "directory"]),
    ];
    for (file, exit, says) in cases {
        let world = good();
        let _ = fs::remove_file(world.path(file));
        fs::create_dir(world.path(file)).unwrap();
        refused(&world, exit, says);
    }
    let world = good();
    fs::create_dir(world.path("out.csv")).unwrap();
    world
        .orgpull(&["run", "job.toml"])
        .exits(7)
        .says("out.csv is a folder: give the output's `path` a file name");
    nothing_sent(&world);
}

#[test]
fn what_this_user_may_not_read_or_write() {
    for (file, exit, says) in
        [("numbers.csv", 3, "numbers.csv: cannot be read"), ("orgpull.db", 6, "orgpull.db cannot be opened")]
    {
        let world = good();
        let path = world.path(file);
        fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::File::open(&path).is_ok() {
            println!("SKIPPED: this user may read and write everything ({file})");
        } else {
            refused(&world, exit, &[says]);
        }
    }
}

#[test]
fn a_file_that_is_no_ledger_is_left_alone() {
    let text = "date,amount\n2026-11-20,3.20\n".repeat(40);
    let world = good();
    world.write("orgpull.db", &text);
    refused(&world, 6, &["orgpull.db is not a ledger of orgpull", "--database", "nothing was changed"]);
    assert_eq!(world.read("orgpull.db"), text);
    assert!(!world.path("orgpull.db-wal").exists());
}

#[test]
fn another_programs_database_is_left_alone() {
    let world = good();
    let file = world.path("orgpull.db");
    on(&world, true, &["CREATE TABLE customers (name TEXT)", "INSERT INTO customers VALUES ('Anna')"]);
    let before = fs::read(&file).unwrap();
    for command in [&["run", "job.toml"][..], &["runs"], &["plan", "job.toml"], &["status"]] {
        world.orgpull(command).exits(6).says("orgpull.db is not a ledger of orgpull");
    }
    nothing_sent(&world);
    assert!(fs::read(&file).unwrap() == before, "another program's file is the same byte for byte");
    assert!(!world.path("orgpull.db-wal").exists());
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone() {
    let world = good();
    world.orgpull(&["run", "job.toml"]).exits(0);
    on(
        &world,
        false,
        &["INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
           VALUES (999, 'of tomorrow', 1, x'00', 1)"],
    );
    let (before, arrivals) = (fs::read(world.path("orgpull.db")).unwrap(), world.stats().arrivals);
    for command in [&["run", "job.toml", "--new"][..], &["runs"], &["export", "job"]] {
        world
            .orgpull(command)
            .exits(6)
            .says("orgpull.db was written by a newer version of orgpull: use that version; nothing was changed in it");
    }
    assert!(fs::read(world.path("orgpull.db")).unwrap() == before);
    assert_eq!(world.stats().arrivals, arrivals);
}

/// Runs statements on the ledger's file, as another program would.
fn on(world: &World, create: bool, statements: &[&'static str]) {
    let options = SqliteConnectOptions::new().filename(world.path("orgpull.db")).create_if_missing(create);
    let work = async {
        let mut database = options.connect().await?;
        for statement in statements {
            sqlx::query(*statement).execute(&mut database).await?;
        }
        sqlx::Connection::close(database).await
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
}

#[test]
fn a_ledger_that_is_not_there_is_told_to_those_who_only_read() {
    let world = good();
    for command in [&["runs"][..], &["status"], &["status", "job"], &["export", "job"], &["retry", "job"]] {
        world.orgpull(command).exits(6).says("there is no ledger at").says("nothing has been run yet");
        assert!(!world.path("orgpull.db").exists(), "{command:?} makes none");
    }
    nothing_sent(&world);
}

#[test]
fn a_job_that_is_running_already() {
    let world = busy("[[fault]]\ndo = 'hold'\ntimes = 1");
    world.job("job", &[INPUT, REPORT, CSV]);
    world.write("numbers.csv", &format!("orgnr\n{}\n", companies(1)[0]));
    let first = Process::start(&world, &["run", "job.toml"]);
    until_held(&world, 1);
    let second = world.orgpull(&["run", "job.toml"]).exits(9);
    let second = second.says(&format!("another process is running this job: process {}, since", first.pid()));
    assert!(second.stdout.is_empty(), "another's run is not ours to sum up: {}", second.stdout);
    assert_eq!(world.stats().arrivals, 1);
}

#[test]
fn commands_and_flags_to_come_are_refused_by_name() {
    let world = good();
    for (command, says) in [
        (&["freeze", "x"][..], "`orgpull freeze` is planned, but not yet built"),
        (
            &["export", "job", "--format", "parquet", "--output", "x"],
            "`--format parquet` is planned, but not yet built",
        ),
        (&["export", "job", "--output", "x.parquet"], "`.parquet` is planned, but not yet built"),
    ] {
        world.orgpull(command).exits(2).says(says);
    }
    for (command, says) in [
        (&["rnu", "job.toml"][..], "run"),
        (&["run"], "JOB.toml"),
        (&["run", "job.toml", "--limit", "0"], "--limit"),
        (&["run", "job.toml", "--new", "--continue"], "--continue"),
        (&["run", "job.toml", "--scenario", "x.toml"], "--simulate"),
        (&["-q", "-v", "runs"], "--quiet"),
        (&["--log-format", "xml", "runs"], "json"),
        (&["simulator", "--listen", "0.0.0.0:8484"], "loopback"),
    ] {
        world.orgpull(command).exits(2).says(says);
    }
    world.orgpull(&["run", "nowhere.toml"]).exits(3).says("nowhere.toml cannot be read");
    world.orgpull(&["--config", "nowhere.toml", "runs"]).exits(3).says("nowhere.toml cannot be read");
    nothing_sent(&world);
    assert!(!world.path("orgpull.db").exists());
}

#[test]
fn a_run_that_no_word_means() {
    let world = good();
    world.orgpull(&["run", "job.toml"]).exits(0);
    for command in ["status", "export", "retry"] {
        world
            .orgpull(&[command, "nightly"])
            .exits(2)
            .says("no run is called `nightly`: `orgpull runs` lists them");
    }
}
