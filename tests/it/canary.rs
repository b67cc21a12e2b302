//! The canary search: marked numbers and marked secrets go in, everything that can go wrong goes wrong, and then every
//! place where they must not be is searched for every form in which they may be written.

use crate::books::answers;
use crate::machine::{BINARY, Ended, Process, command, until_held};
use crate::world::{CSV, REPORT, SIGNATORIES, World, companies, people};
use regex_lite::Regex;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

const USERNAME: &str = "canary-user-key-7f3a";
const PASSWORD: &str = "canary-password-91c4";

/// What the upstream does to a call. `{number}` is the number that was asked for, thrown back at us.
const DEEDS: [&str; 25] = [
    "",
    "do = 'error'\ncode = '15'\nstatus = 404\ntext = 'No hit for {number}'\ndetail = 'searchnumber={number}'",
    "do = 'error'\ncode = 'S17'\nstatus = 200\ntext = '{number} is deregistered'\nreport = true",
    "do = 'error'\ncode = 'S999'\nstatus = 403\ntext = '{number}'\ndetail = 'Bearer {number}'",
    "do = 'error'\ncode = 'EX2'\nstatus = 500\ntext = 'at lookup({number})'",
    "do = 'error'\ncode = '22'\nstatus = 400\ntext = 'searchnumber {number} has too many digits'",
    "do = 'error'\ncode = 'R1'\nstatus = 403\ntext = 'no access to {number}'\ndetail = '{number}'",
    "do = 'error'\ncode = '7'\nstatus = 403\ntext = 'no access to {number}'",
    "do = 'error'\ncode = '11'\nstatus = 400\ntext = 'blockname for {number} is wrong'\ndetail = '{number}'",
    "do = 'body'\nstatus = 200\nbody = 'no JSON about {number}'",
    "do = 'body'\nstatus = 400\nbody = '{\"error\": \"{number}\"'",
    "do = 'body'\nstatus = 502\nbody = '<html>{number}</html>'\ncontent_type = 'text/html'",
    "do = 'body'\nstatus = 404\nbody = '<html>/getdata?searchnumber={number}</html>'\ncontent_type = 'text/html'",
    "do = 'body'\nstatus = 302\nbody = '{number}'",
    "do = 'redirect'\nlocation = '/getdata?searchnumber=elsewhere'",
    "do = 'body'\nstatus = 400\nbody = '{\"error\":{\"code\":\"X {number} canary-password-91c4\",\"text\":\"t\"}}'",
    "do = 'body'\nstatus = 403\nbody = '{\"error\":{\"code\":\"7\",\"text\":\"Anna Andersson canary-password-91c4 {number}\"}}'",
    "do = 'body'\nstatus = 400\nbody = '{\"error\":{\"code\":\"11\",\"text\":\"Anna Andersson\",\"detail\":\"canary-user-key-7f3a\"}}'",
    "do = 'close'",
    "do = 'reset'",
    "do = 'cut'",
    "do = 'stall'",
    "do = 'status'\nstatus = 503\ntimes = 2",
    "do = 'status'\nstatus = 429\nretry_after = '0s'\ntimes = 1",
    "do = 'gone'",
];

/// Two people, a sole trader's ten digits among them, and two companies.
fn marked() -> Vec<String> {
    let people = people(8);
    [&people[6..], &companies(60)[58..]].concat()
}

/// A world with marked numbers and secrets. The second column of the input is marked too: it is nobody's business.
fn marked_world(deed: &str) -> World {
    let fault = if deed.is_empty() { String::new() } else { format!("[[fault]]\n{deed}\n") };
    let world = World::new(&fault).account("timeout = '300ms'");
    world.write("username", USERNAME);
    world.write("password", PASSWORD);
    let mut rows: Vec<String> = marked();
    // One that is mistyped, as a person would write it: a bad row, which is told by its line alone.
    rows.push(mistyped(&rows[0]));
    let rows: Vec<String> = rows.iter().map(|number| format!("{number},secret note\n")).collect();
    world.write("numbers.csv", &format!("number,note\n{}", rows.concat()));
    let input = "[input]\npath = 'numbers.csv'\ncolumn = 'number'\nkind = 'any'\ncarry = ['note']\n\
                 [run]\nattempts = 2\noutage_wait = '0s'\n";
    world.job("job", &[input, REPORT, SIGNATORIES, CSV]);
    world
}

/// The same number with another check digit, and with its dash.
fn mistyped(number: &str) -> String {
    let (front, last) = number.split_at(number.len() - 1);
    let last = (last.parse::<u8>().unwrap() + 1) % 10;
    let (front, serial) = front.split_at(front.len() - 3);
    format!("{front}-{serial}{last}")
}

/// Finds a number in every form in which one is written: ten or twelve digits, with whatever stands before the last four.
fn finder(number: &str) -> Regex {
    let ten = &number[number.len() - 10..];
    Regex::new(&format!(r"{}(\D{{0,6}}|%2[0-9A-Fa-f]|\\u00[0-9a-f]{{2}}){}", &ten[..6], &ten[6..])).unwrap()
}

/// Every marked number, the mistyped one among them.
fn finders() -> Vec<Regex> {
    let mut numbers = marked();
    numbers.push(mistyped(&numbers[0]).replace('-', ""));
    numbers.iter().map(|number| finder(number)).collect()
}

#[track_caller]
fn no_number(place: &str, text: &str) {
    for finder in finders() {
        assert!(!finder.is_match(text), "a number is in {place}:\n{text}");
    }
}

/// No token, password or user key in these bytes.
#[track_caller]
fn no_secret(place: &str, bytes: &[u8], token: &str) {
    for secret in [USERNAME, PASSWORD, token] {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret:?} is in {place}");
    }
}

/// Every file of the world.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Asks the simulator without our client.
fn http(world: &World, head: &str, body: &str) -> String {
    let configuration: toml::Table = world.read("orgpull.toml").parse().unwrap();
    let base_url = configuration["providers"]["creditsafe"]["base_url"].as_str().unwrap();
    let mut stream = TcpStream::connect(base_url.trim_start_matches("http://")).unwrap();
    let request =
        format!("{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// What every token of the simulator begins with, and a whole one.
fn token(world: &World) -> (String, String) {
    let answer = http(world, "POST /v1/authenticate HTTP/1.1", r#"{"username":"u","password":"p"}"#);
    let token = answer.split("\"token\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let head = token.split('.').next().unwrap().to_owned();
    assert!(head.len() > 15 && token.split('.').count() == 3, "{token}");
    (head, token)
}

/// Runs a command as noisily as it can be.
fn noisily(world: &World, format: &str, arguments: &[&str]) -> Ended {
    let noise = ["-vvv", "--log-format", format];
    let mut command = command(world, BINARY, &[&noise, arguments].concat());
    Process::of(command.env("ORGPULL_LOG", "trace")).ends()
}

#[test]
fn nothing_that_is_said_as_text_holds_a_number_or_a_secret() {
    for deed in DEEDS {
        nothing_is_told("text", "plain", deed);
    }
}

#[test]
fn nothing_that_is_said_as_json_holds_a_number_or_a_secret() {
    for deed in DEEDS {
        nothing_is_told("json", "json", deed);
    }
}

fn nothing_is_told(format: &str, progress: &str, deed: &str) {
    println!("{format}: {deed}");
    let (head, _) = token(&World::new(""));
    let world = marked_world(deed);
    let mut said = String::new();
    for command in [
        &["plan", "job.toml"][..],
        &["run", "job.toml", "--progress", progress, "--summary-json", "summary.json"],
        &["retry", "job", "--unknown", "--yes", "--progress", progress],
        &["runs"],
        &["status"],
        &["status", "--json"],
        &["export", "job"],
    ] {
        let ended = noisily(&world, format, command);
        said += &ended.stdout;
        said += &ended.stderr;
    }
    assert!(world.stats().arrivals > 0 && said.contains("job"), "{said}");
    assert!(!said.contains("panicked") && !said.contains("a bug"), "{said}");
    assert!(!said.contains("secret note"), "carried columns are nobody's business:\n{said}");
    assert!(!said.contains("Anna Andersson"), "texts of upstreams are never quoted:\n{said}");
    no_number("what was said", &said);
    no_secret("what was said", said.as_bytes(), &head);
    no_number("the summary", &world.read("summary.json"));
    for path in files(&world.path("")) {
        no_number("a file's name", &path.display().to_string());
    }
}

#[test]
fn refusals_before_the_start_hold_no_number() {
    let spoil: [(&str, &str, &str); 6] = [
        ("job.toml", "column", "colum"),
        (
            "job.toml",
            "path = 'numbers.csv'\ncolumn = 'number'\n",
            "numbers = ['NUMBER', 'NUMBER-']\ncolum = 'NUMBER'\n",
        ),
        ("job.toml", "blockname = 'Basic'", "blockname = 'Basic', searchnumber = 'NUMBER'"),
        ("job.toml", "attempts = 2", "attempts = 2\nmin_rows = NUMBER"),
        ("job.toml", "kind = 'any'", "kind = 'any'\nmax_bad = 0"),
        ("numbers.csv", "number,note\n", ""),
    ];
    for (file, from, to) in spoil {
        let world = marked_world("");
        let spoilt = world.read(file).replacen(from, &to.replace("NUMBER", &marked()[0]), 1);
        world.write(file, &spoilt);
        for format in ["text", "json"] {
            let ended = noisily(&world, format, &["run", "job.toml"]).exits(3);
            no_number("a refusal", &format!("{}{}", ended.stdout, ended.stderr));
        }
        assert_eq!(world.stats().arrivals, 0);
    }
}

/// Also after kill -9, when the log beside the ledger holds what its process never tidied up.
#[test]
fn no_secret_reaches_the_disk() {
    let (head, whole) = token(&World::new(""));
    assert!(whole.starts_with(&head));
    for killed in [false, true] {
        let world = marked_world("do = 'hold'\nafter = 5\ntimes = 1");
        // One refused login leaves a digest of the credentials in the ledger, and nothing else of them.
        world.scenario("login = { refuse = true }");
        noisily(&world, "text", &["run", "job.toml"]).exits(5);
        world.write("password", &format!("{PASSWORD}2"));
        world.scenario("[[fault]]\ndo = 'hold'\nafter = 4\ntimes = 1");
        let mut process = Process::start(&world, &["run", "job.toml"]);
        until_held(&world, 1);
        if killed {
            assert!(process.kill() && world.path("orgpull.db-wal").exists());
        } else {
            drop(process);
            world.scenario("");
            Process::start(&world, &["run", "job.toml"]).ends().exits(4);
        }
        let mut searched = 0;
        for path in files(&world.path("")) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name != "username" && name != "password" {
                no_secret(&name, &fs::read(&path).unwrap(), &head);
                searched += 1;
            }
        }
        assert!(searched > 4);
        for answer in answers(&world) {
            no_secret("an answer", &answer, &head);
        }
    }
}

/// An upstream that echoes the login in its error: in the code, the words, the reference and the body.
#[test]
fn no_secret_that_an_upstream_echoes_reaches_the_disk() {
    let error = format!(
        "[[fault]]\ndo = 'body'\nstatus = 400\nbody = '{{\"metaData\":{{\"apiLogId\":\"{PASSWORD}\"}},\"error\":{{\"code\":\"E \
         {PASSWORD}\",\"text\":\"{USERNAME} is wrong\"}}}}'\n"
    );
    let world = marked_world("");
    world.scenario(&error);
    let ended = noisily(&world, "text", &["run", "job.toml"]).exits(0);
    let status = noisily(&world, "text", &["status"]).exits(0);
    let said = [ended.stdout, ended.stderr, status.stdout, status.stderr].concat();
    assert!(said.contains("E ****"), "the rest of the code is shown: {said}");
    let (head, _) = token(&World::new(""));
    no_secret("what was said", said.as_bytes(), &head);
    let mut searched = 0;
    for path in files(&world.path("")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name != "username" && name != "password" {
            no_secret(&name, &fs::read(&path).unwrap(), &head);
            searched += 1;
        }
    }
    assert!(searched > 4);
    for answer in answers(&world) {
        no_secret("an answer", &answer, &head);
    }
}

#[test]
fn the_address_that_was_asked_is_kept_nowhere() {
    let world = marked_world("");
    // It is there in what comes over the wire, so that this search can fail.
    let (_, token) = token(&world);
    let ask = format!(
        "GET /getdata?searchnumber={}&blockname=Basic HTTP/1.1\r\nauthorization: Bearer {token}",
        marked()[2]
    );
    assert!(http(&world, &ask, "").contains("requestUrl"));

    for ending in ["csv", "json", "jsonl"] {
        for shape in ["long", "wide"] {
            let job = world.read("job.toml");
            world.write(
                "job.toml",
                &format!("{job}[[output]]\npath = 'all/{shape}.{ending}'\nshape = '{shape}'\n"),
            );
        }
    }
    noisily(&world, "text", &["run", "job.toml"]).exits(0);
    let answers = answers(&world);
    assert!(answers.len() > 4);
    let outputs = files(&world.path("all"));
    assert_eq!(outputs.len(), 6);
    let outputs = outputs.iter().map(|path| fs::read(path).unwrap());
    for bytes in answers.into_iter().chain(outputs) {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.to_lowercase().contains("requesturl") && !text.contains("searchnumber="), "{text}");
    }
}

#[test]
fn masked_outputs_hold_no_number_and_full_ones_do() {
    let echo = "do = 'error'\ncode = 'S17'\nstatus = 200\ntext = 'about {number}'\ndetail = '{number}'\nreport = true";
    for deed in ["", echo] {
        let world = marked_world(deed);
        let head: String = world.read("job.toml").split("[[output]]").next().unwrap().to_owned();
        let mut outputs = Vec::new();
        for subject in ["full", "masked", "digest"] {
            for ending in ["csv", "json", "jsonl"] {
                for shape in ["long", "wide"] {
                    outputs.push(format!(
                        "[[output]]\npath = '{subject}/{shape}.{ending}'\nshape = '{shape}'\nsubject = '{subject}'\n"
                    ));
                }
            }
        }
        world.write("job.toml", &(head + &outputs.concat()));
        noisily(&world, "text", &["run", "job.toml"]).exits(0);
        for subject in ["full", "masked", "digest"] {
            let files = files(&world.path(subject));
            assert!(files.len() >= 6, "{files:?}");
            for path in files.iter().filter(|path| !path.display().to_string().contains(".rejects.")) {
                let text = fs::read_to_string(path).unwrap();
                if subject == "full" {
                    let shown = finders().iter().filter(|finder| finder.is_match(&text)).count();
                    assert!(shown >= 4, "{}: the search finds {shown}", path.display());
                } else {
                    no_number(&path.display().to_string(), &text);
                }
            }
        }
    }
}
