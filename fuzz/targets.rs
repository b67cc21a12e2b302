//! What is held of everything that comes from outside, over any bytes: `cargo fuzz run NAME` draws them, and `cargo test` goes
//! through those that are kept in `corpus/NAME`. Each target reads its bytes as the program would, and says what must be so
//! of what comes out. The first bytes of some choose how they are read.

use jiff::civil::{Date, date};
use orgpull::config::catalogue::{Auth, Catalogue, Dialect};
use orgpull::config::{self, Settings, provider};
use orgpull::domain::invoice::ColumnNames;
use orgpull::domain::json::Json;
use orgpull::domain::number::{Accept, AcceptKind, Kind, Subject};
use orgpull::domain::redact::{Known, scrub};
use orgpull::export::naming::Naming;
use orgpull::job::input::{Columns, InputError, Reader};
use orgpull::job::{self, Carry, Input, MaxBad, Origin};
use orgpull::ledger::{Access, Cell, KeyError, Keyring, MasterKey, Unopened};
use orgpull::problem::Problems;
use orgpull::statement::{Statement, StatementError};
use orgpull::upstream::{Question, Reading, Response, read, read_login};
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

const TODAY: Date = date(2026, 11, 20);

/// Ten digits in a row are what no line of a file is shown with.
fn shows_a_number(text: &str) -> bool {
    text.as_bytes().windows(10).any(|ten| ten.iter().all(u8::is_ascii_digit))
}

/// The first byte, and the others.
fn choice(data: &[u8]) -> (usize, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (usize::from(*first), rest))
}

fn is_set(choice: usize, bit: u32) -> bool {
    choice >> bit & 1 == 1
}

fn accept(choice: usize) -> Accept {
    let kinds = [AcceptKind::Organisation, AcceptKind::Person, AcceptKind::Any];
    Accept { kind: kinds[choice % 3], sole_traders: !is_set(choice, 2), assume_under_100: is_set(choice, 3) }
}

/// A number: each of its forms is read as the same number again, and none is shown unasked.
pub fn number(data: &[u8]) {
    let (choice, text) = choice(data);
    let (accept, text) = (accept(choice), String::from_utf8_lossy(text));
    let subject = match Subject::parse(&text, accept, TODAY) {
        Err(error) => {
            let told = error.to_string();
            let words = told.replace("under-100", "");
            assert!(!words.is_empty() && !words.contains(|c: char| c.is_ascii_digit()), "{told}");
            return;
        }
        Ok(subject) => subject,
    };
    let kind = subject.kind();
    // Ten digits of a sole trader say no century.
    let open = kind == Kind::SoleTrader && subject.sent12().is_none();
    let ten = open.then(|| subject.sent10());
    let forms = [Some(subject.full()), subject.sent12(), Some(subject.canonical(TODAY)), ten];
    for form in forms.into_iter().flatten() {
        match Subject::parse(&form, accept, TODAY) {
            Ok(again) => {
                assert_eq!((again.kind(), again.sent10()), (kind, subject.sent10()), "{form}");
                assert!(again == subject || open, "{form}");
                assert_eq!(
                    again.canonical(TODAY),
                    subject.canonical(TODAY),
                    "one number has one canonical form"
                );
            }
            // Of who turns a hundred later this year: with a dash it would be somebody who is not born yet.
            Err(error) => {
                let future = error.to_string().contains("future");
                assert!(open && form == subject.full() && future, "{form}: {error}");
            }
        }
        assert!(subject.is_written(&form) && subject.is_written(&subject.sent10()), "{form}");
        let line = scrub(&format!("before {form} behind"));
        assert!(!line.contains(&form), "a log shows {line}");
    }
    assert_eq!(
        Subject::from_stored(&subject.stored(), kind).as_ref(),
        Some(&subject),
        "as the ledger keeps it"
    );
    let shown = format!("{subject} {subject:?} {}", subject.masked());
    assert!(!shown.contains(|c: char| c.is_ascii_digit()), "{shown}");
    assert!(accept.kind != AcceptKind::Person || kind == Kind::Person);
    assert!(accept.kind != AcceptKind::Organisation || kind != Kind::Person);
}

/// A file of its own for bytes that are read from one. It is removed with the process.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    thread_local! {
        static FOLDER: TempDir = tempfile::Builder::new().prefix("orgpull-fuzz-").tempdir().unwrap();
    }
    let path = FOLDER.with(|folder| folder.path().join(name));
    fs::write(&path, bytes).unwrap();
    path
}

/// An input: rows come in the order of their lines and are no more than there are, what they hold was in the file, and the
/// whole file has been read where nothing was wrong.
pub fn input(data: &[u8]) {
    let (first, data) = choice(data);
    let (second, bytes) = choice(data);
    let name = ["x.csv", "x.tsv", "x.txt", "x.jsonl", "x", "x.dat"][first % 6];
    let (column, named) = (is_set(first, 3), ["namn".to_owned()]);
    let keep = match (is_set(first, 4), is_set(first, 5)) {
        (false, false) => Columns::All(&[]),
        (true, false) => Columns::All(&named),
        _ => Columns::Named(if is_set(first, 6) { &named } else { &[] }),
    };
    let input = Input {
        origin: Origin::Path(file(name, bytes)),
        column: column.then(|| "orgnr".to_owned()),
        accept: accept(second),
        carry: Carry::All,
        min_rows: 1,
        max_bad: MaxBad::Percent(50.0),
    };
    let mut reader = match Reader::open(&input, keep, TODAY) {
        Ok(reader) => reader,
        Err(error) => return refused(&error),
    };
    let ends = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
    let (mut line, mut held, mut broken) = (0, 0, false);
    while let Some(row) = reader.next() {
        match row {
            Ok(row) => {
                assert!(row.line > line && row.line <= ends + 1, "line {} behind {line} of {ends}", row.line);
                line = row.line;
                assert!(row.columns.len() <= reader.columns().len());
                held += row.input.len() + row.columns.iter().map(String::len).sum::<usize>();
                assert!(row.subject.is_ok() || row.subject.is_err_and(|why| !why.is_empty()));
            }
            Err(error) => {
                refused(&error);
                broken = true;
            }
        }
    }
    // A byte of Windows-1252 is at most three of UTF-8, and what is not UTF-8 in JSON lines is U+FFFD.
    assert!(held <= 3 * bytes.len(), "{held} bytes out of {}", bytes.len());
    assert!(reader.next().is_none(), "it stays at its end");
    let size = reader.fingerprint().map(|print| print.bytes);
    assert_eq!(size, (!broken).then_some(bytes.len() as u64));
}

fn refused(error: &InputError) {
    let told = error.to_string();
    assert!(!told.is_empty() && scrub(&told) == told, "{told}");
}

fn settings() -> &'static Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get_or_init(|| {
        let text = "[providers.creditsafe]\nenvironment = \"sandbox\"\nusername = { env = \"U\" }\n\
                    password = { env = \"P\" }\n[providers.dnb]\nenvironment = \"sandbox\"\n\
                    client_id = { env = \"U\" }\nclient_secret = { env = \"P\" }\n";
        config::parse(Path::new("/etc/orgpull.toml"), text, Catalogue::built_in())
            .unwrap_or_else(|problems| panic!("{problems}"))
    })
}

/// Problems are told, each at its place, and no number with them.
fn told(problems: &Problems) {
    let told = problems.render();
    assert!(!problems.list.is_empty() && told.contains("--> "), "{told}");
    assert!(!shows_a_number(&told), "{told}");
}

/// A job file: it is a job or has problems; a job is the same when its text is read again, and its outputs stay below the
/// folders that it names, for nobody else to write.
pub fn job(data: &[u8]) {
    let (simulate, text) = choice(data);
    let text = String::from_utf8_lossy(text);
    let parse =
        |text: &str| job::file::parse(Path::new("/srv/jobs/a.toml"), text, settings(), simulate & 1 == 1);
    let job = match parse(&text) {
        Ok(job) => job,
        Err(problems) => return told(&problems),
    };
    let again = parse(&job.text).unwrap_or_else(|problems| panic!("what is kept of it: {problems}"));
    assert_eq!(
        (again.outputs.as_slice(), again.input.identity()),
        (job.outputs.as_slice(), job.input.identity())
    );
    assert!(!job.steps.is_empty() && !job.outputs.is_empty());
    let names: BTreeSet<_> = job.steps.iter().map(|step| &step.id).collect();
    assert_eq!(names.len(), job.steps.len(), "each lookup has an id of its own");
    for output in &job.outputs {
        assert_eq!((output.mode & 0o7002, output.mode & 0o600), (0, 0o600));
        for name in [job.name.as_str(), "../../x", "/", "..", "\0"] {
            let naming =
                Naming { job: name, run: "0123456789", started_ms: 1_772_328_605_000, limit: Some(3) };
            let path = naming.output(&output.path);
            assert!(path.starts_with(output.chosen_folder()), "{}", path.display());
            assert_eq!(path.components().count(), output.path.components().count(), "{}", path.display());
        }
    }
}

/// A configuration: what it leads to over the wire is https or this machine, and what is wrong is told without a secret.
pub fn configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let settings = match config::parse(Path::new("/nowhere/orgpull.toml"), &text, Catalogue::built_in()) {
        Ok(settings) => settings,
        Err(problems) => return told(&problems),
    };
    for account in settings.accounts.values() {
        for address in account.token_url.iter().chain([&account.base_url]) {
            orgpull::shape::check_address(address).unwrap_or_else(|why| panic!("{address}: {why}"));
        }
        assert!(account.concurrency > 0 && account.burst > 0 && !account.timeout.is_zero());
    }
    assert!(settings.database.is_absolute());
}

/// A provider's file: what `check` takes, the catalogue takes, and every service of it is found by its name.
pub fn provider(data: &[u8]) {
    let (path, text) = (Path::new("/nowhere/x.toml"), String::from_utf8_lossy(data));
    let mut catalogue = Catalogue::built_in();
    let known = catalogue.providers.len();
    let extended = catalogue.extend(path, &text);
    match provider::check(path, &text) {
        Err(problems) => {
            told(&problems);
            assert!(extended.is_err(), "the catalogue takes what `check` refuses:\n{problems}");
        }
        Ok(()) => match extended {
            // It may have the name of one that is built in.
            Err(problems) => told(&problems),
            Ok(()) => assert_eq!(catalogue.providers.len(), known + 1),
        },
    }
    for reference in catalogue.references() {
        assert!(catalogue.service(&reference).is_some(), "{reference}");
    }
}

/// What is sent with each call here, and must not come back in anything that is shown or, beside a report, kept.
const SECRET: &str = "hunter2-of-ours";
/// The member that repeats the query, in small letters.
const ECHO: &str = "requesturl";
/// Whom each call is about.
const NUMBER: &str = "5599990009";

/// What is built in, and the example of the manual, which is read by rules.
fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let mut catalogue = Catalogue::built_in();
        let example = include_str!("../config/providers/example.toml");
        catalogue.extend(Path::new("example.toml"), example).unwrap_or_else(|problems| panic!("{problems}"));
        catalogue
    })
}

/// The answer to a call, and that to a login: whatever comes has a reading, no promise of the protocol is undone by what the
/// body says, and what is kept can be read again and holds no echo.
fn answer(dialect: &Dialect, auth: Auth, service: &str, data: &[u8]) {
    const STATUSES: [u16; 16] =
        [200, 200, 200, 200, 204, 302, 400, 401, 403, 404, 422, 429, 500, 503, 99, 999];
    const TYPES: [Option<&str>; 8] = [
        Some("application/json"),
        None,
        Some("application/json; charset=utf-8"),
        Some("application/json; charset=iso-8859-1"),
        Some("application/json; charset=utf-16le"),
        Some("text/html"),
        Some("text/xml"),
        Some("\u{e5}/;charset="),
    ];
    let (first, body) = choice(data);
    let response = Response {
        status: STATUSES[first % 16],
        retry_after: None,
        content_type: TYPES[first / 16 % 8].map(str::to_owned),
        body: body.to_vec(),
    };
    let (status, length) = (response.status, body.len());
    let (_, service) = catalogue().service(service).expect("it is there");
    let question = Question::new(service, NUMBER, "op0123456789ab", &[]);
    let known = Known::default().and_secret(SECRET).and_sent(NUMBER);
    let came = read(dialect, &response, &question);
    if let Reading::Unreadable(unread) = &came {
        // What is no JSON, as its charset is declared, is kept as it came and loses its echo once it can be read.
        let declared = unread.content_type.as_ref().is_some_and(|declared| declared.contains("charset"));
        let is_json = !declared && Json::of_bytes(&unread.body).is_some();
        assert!(!is_json || !has_member(&unread.body, ECHO), "it keeps its echo");
    }
    let reading = came.without(&known);
    let shown = format!("{reading:?} {:?}", read_login(auth, &response));
    assert!(!shown.contains(SECRET) && !shown.contains(NUMBER) && scrub(&shown) == shown, "{shown}");
    match (status, &reading) {
        (429, Reading::Throttled) | (503, Reading::Unavailable) => {}
        (429 | 503, other) => panic!("{other:?}"),
        (300..=399, other) => assert!(matches!(other, Reading::Foreign(_)), "{other:?}"),
        (99 | 999, other) => assert!(matches!(other, Reading::Lost { .. }), "{other:?}"),
        (200..=299, Reading::Foreign(_)) => {
            panic!("what was carried out is not sent again as if it were not")
        }
        _ => {}
    }
    let kept = match &reading {
        Reading::Answer(answer) => {
            let code = answer.code.as_deref().unwrap_or_default();
            assert!(!code.contains(char::is_control) && code.chars().count() <= 64, "{code:?}");
            assert!(answer.body.len() <= 6 * length + 16, "{} bytes of {length}", answer.body.len());
            assert!(Json::of_bytes(&answer.body).is_some() || answer.body.is_empty());
            &answer.body
        }
        Reading::Mismatched { body: Some(body) } => &body.0,
        _ => return,
    };
    assert!(!has_member(kept, ECHO), "it keeps its echo");
}

/// Whether a compact JSON text has a member of this name at any depth, in any case.
fn has_member(json: &[u8], name: &str) -> bool {
    let text = String::from_utf8_lossy(json).to_ascii_lowercase();
    let member = format!("\"{name}\":");
    // A quote within a text has a backslash in front.
    text.match_indices(&member).any(|(at, _)| !text[..at].ends_with('\\'))
}

/// An answer of Creditsafe's.
pub fn creditsafe(data: &[u8]) {
    answer(&Dialect::Creditsafe, Auth::Connect, "creditsafe.getdata", data);
}

/// An answer of D&B's.
pub fn dnb(data: &[u8]) {
    answer(&Dialect::Dnb, Auth::ClientCredentialsBasic, "dnb.company", data);
}

/// An answer that is read by declared rules.
pub fn generic(data: &[u8]) {
    static DIALECT: OnceLock<Dialect> = OnceLock::new();
    let dialect = DIALECT.get_or_init(|| {
        let (_, service) = catalogue().service("example.company").expect("it is there");
        service.dialect.clone()
    });
    answer(dialect, Auth::Bearer, "example.company", data);
}

/// A provider's statement: lines come in their order, whatever is not clear is told with its line and without what stands
/// there, and pages of any length hold the same.
pub fn statement(data: &[u8]) {
    let (first, bytes) = choice(data);
    let path = file(["m.csv", "m.tsv", "m.jsonl", "m.txt", "m"][first % 5], bytes);
    let named = |bit: u32, name: &str| is_set(first, bit).then(|| name.to_owned());
    let names = ColumnNames {
        date: named(3, "when"),
        reference: named(4, "ref"),
        log_id: named(5, "log"),
        service: None,
        amount: named(6, "sum"),
        currency: named(7, "cur"),
    };
    let all = |most: usize| -> Result<Vec<_>, StatementError> {
        let mut statement = Statement::open(&path, &names)?;
        let mut lines = Vec::new();
        loop {
            let page = statement.page(most)?;
            if page.is_empty() {
                return Ok(lines);
            }
            assert!(page.len() <= most);
            lines.extend(page);
        }
    };
    match (all(1), all(1_000)) {
        (Ok(one), Ok(many)) => {
            assert!(one.windows(2).all(|pair| pair[0].line < pair[1].line));
            let told = |lines: &[orgpull::domain::invoice::BilledLine]| {
                lines.iter().map(|line| (line.line, line.day, line.amount)).collect::<Vec<_>>()
            };
            assert_eq!(told(&one), told(&many));
            assert!(one.len() <= bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1);
        }
        (Err(one), Err(many)) => {
            let told = one.to_string();
            assert_eq!(told, many.to_string());
            assert!(!told.is_empty() && scrub(&told) == told, "{told}");
        }
        (one, many) => panic!("{} and {}", one.is_ok(), many.is_ok()),
    }
}

/// The key that the rings of these tests are wrapped by. Nothing else is.
const MASTER: &str = "ZnV6emluZyBpcyBub3QgYSBrZXkgZm9yIGFueW9uZSE=";

struct Sealed {
    folder: TempDir,
    ring: Keyring,
    access: Access,
}

fn sealed() -> &'static Sealed {
    static SEALED: OnceLock<Sealed> = OnceLock::new();
    SEALED.get_or_init(|| {
        let folder = tempfile::Builder::new().prefix("orgpull-fuzz-").tempdir().unwrap();
        let key = Arc::new(MasterKey::parse(MASTER).expect("thirty-two bytes in base64"));
        let access = Access { keys: vec![("the test's key".to_owned(), key)], ..Access::default() };
        let ring = Keyring::make(&folder.path().join("orgpull.db"), &access).unwrap();
        Sealed { folder, ring, access }
    })
}

/// A sealed value: it opens in the cell for which it was sealed and nowhere else, as it was and no longer when a bit of it is
/// another; what nobody has sealed does not open; and a ring is one whose keys open, or is told.
pub fn unsealing(data: &[u8]) {
    let (first, data) = choice(data);
    let (second, bytes) = choice(data);
    let at = i64::try_from(second).unwrap_or_default();
    let cells = [
        Cell::Row { run: at, row: 1 },
        Cell::Row { run: 1, row: at + 300 },
        Cell::Body(at),
        Cell::AttemptText(at),
        Cell::LookupText { run: at, row: 1, step: 1 },
        Cell::JobText("0123456789"),
        Cell::JobText("012345678"),
        Cell::DigestKey,
    ];
    let Sealed { ring, .. } = sealed();
    let (cell, own) = (cells[first / 4 % 8], ring.own());
    match first % 4 {
        0 => {
            let value = own.seal(cell, bytes);
            for other in cells {
                let opened = ring.unseal(other, &value);
                let expected = if other == cell { Ok(bytes.to_vec()) } else { Err(Unopened::Damaged) };
                assert_eq!(opened, expected, "{cell:?} {other:?}");
            }
        }
        1 => {
            let mut value = own.seal(cell, bytes);
            let place = second * 7 % value.len();
            value[place] ^= 1 << (first / 32 % 8);
            assert!(ring.unseal(cell, &value).is_err(), "a bit of byte {place} is another");
            value[place] ^= 1 << (first / 32 % 8);
            assert!(ring.unseal(cell, &value[..value.len() - 1]).is_err(), "cut");
            value.push(0);
            assert!(ring.unseal(cell, &value).is_err(), "longer");
        }
        2 => {
            assert!(ring.unseal(cell, bytes).is_err());
            let named = [&[1][..], &own.id().to_be_bytes(), bytes].concat();
            assert_eq!(ring.unseal(cell, &named), Err(Unopened::Damaged));
        }
        _ => ring_of(bytes),
    }
}

/// A ring of these bytes.
fn ring_of(bytes: &[u8]) {
    let Sealed { folder, access, .. } = sealed();
    let id = serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let id = id.and_then(|ring| ring.get("id")?.as_str().map(str::to_owned)).unwrap_or_default();
    let ledger = folder.path().join("other").join(format!("{:?}.db", std::thread::current().id()));
    fs::create_dir_all(ledger.parent().unwrap()).unwrap();
    let path = ledger.with_extension("db.keyring");
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    match Keyring::open(&ledger, access, &id) {
        Ok(ring) => {
            let value = ring.own().seal(Cell::DigestKey, b"clear");
            assert_eq!(ring.unseal(Cell::DigestKey, &value).as_deref(), Ok(&b"clear"[..]));
            assert_eq!(ring.id(), id);
        }
        Err(KeyError::Ring(_) | KeyError::OtherKey { .. } | KeyError::OtherRing(_)) => {}
        Err(other) => panic!("{other}"),
    }
    assert_eq!(fs::read(&path).unwrap(), bytes, "it is left as it is");
}
