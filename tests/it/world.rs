//! One test's world: a folder, a simulator in this process, and the real binary started in that folder.

mod audit;
mod opened;

pub(crate) use opened::Opened;

use orgpull::simulator::{Entry, LoginEntry, Options, Scenario, Simulator, Stats};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError, mpsc};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::Instant;

/// With this seed the simulator knows the first 60 [`companies`], 6 [`partnerships`] and 8 [`people`].
const SEED: u64 = 47;
/// No invocation of these tests takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(100);

/// Cases of a table that are held at once.
const AT_ONCE: usize = 6;

/// What a call costs by the configuration below, in öre: each service its own price.
const PRICES: [(&str, i64); 14] = [
    ("getdata", 320),
    ("getdata:Credit", 1450),
    ("getdataunits", 400),
    ("datecheck-company", 80),
    ("datecheck-consumer", 70),
    ("spar", 150),
    ("getsignatory", 600),
    ("dnb.company-search", 50),
    ("dnb.company", 900),
    ("dnb.person", 1100),
    ("dnb.signing", 700),
    ("bisnode.person-search", 210),
    ("example.company", 130),
    ("partner.customer", 40),
];

/// A good day's lookup of GetData.
pub(crate) const REPORT: &str =
    "[[lookup]]\nid = 'report'\nservice = 'creditsafe.getdata'\nparams = { blockname = 'Basic' }\n";
/// A lookup that may send letters, and says so.
pub(crate) const CREDIT: &str = "[[lookup]]\nid = 'credit'\nservice = 'creditsafe.getdata'\n\
                                 params = { blockname = 'Credit' }\nletters = true\n";
/// A lookup of another service.
pub(crate) const SIGNATORIES: &str = "[[lookup]]\nid = 'signatories'\nservice = 'creditsafe.getsignatory'\n";
/// One output with nothing but the fixed columns and the company's name.
pub(crate) const CSV: &str = "[[output]]\npath = 'out.csv'\n\
                              columns = [{ name = 'company', pointer = '/report/companyName' }]\n";

/// Tests that measure time run alone; all others share the machine.
static MACHINE: RwLock<()> = RwLock::new(());

#[expect(dead_code, reason = "held for as long as the world is there")]
enum Share {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// A folder with a configuration, and a simulator that it points at. A test has one world at a time.
pub(crate) struct World {
    simulator: Simulator,
    runtime: Runtime,
    folder: TempDir,
    account: toml::Table,
    /// Accounts at other providers, by their names.
    others: toml::Table,
    /// The address of a server that stands before the simulator, where there is one.
    front: Option<String>,
    _share: Share,
}

/// An invocation that has ended.
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `--summary-json`; null where none was written.
    pub(crate) summary: Value,
}

/// An invocation that goes on.
pub(crate) struct Going {
    child: Child,
    /// Its lines on standard error.
    said: mpsc::Receiver<String>,
}

impl World {
    /// A world whose upstream behaves as the scenario says; an empty one is a good day. One call at a time, so that tests
    /// know the order of things.
    pub(crate) fn new(scenario: &str) -> Self {
        Self::with(scenario, Share::Shared(MACHINE.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// The same with the machine to itself.
    pub(crate) fn alone(scenario: &str) -> Self {
        // Asked for now and then rather than waited for: whoever waits for the lock holds back all that would share it, for
        // as long as the longest of those that do.
        let share = loop {
            match MACHINE.try_write() {
                Ok(alone) => break alone,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        Self::with(scenario, Share::Alone(share))
    }

    fn with(scenario: &str, share: Share) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let simulator = start(&runtime, scenario);
        let folder = tempfile::tempdir().unwrap();
        let account = "rate = 'unlimited'\nconcurrency = 1\nletters = ['getdata:Credit']\n\
                       no_letters = ['getdata:Basic']\nusername = { file = 'username' }\n\
                       password = { file = 'password' }\n";
        let account = account.parse().unwrap();
        let others = toml::Table::new();
        let world = Self { simulator, runtime, folder, account, others, front: None, _share: share };
        world.write("username", "a user key");
        world.write("password", "a password");
        world.configure()
    }

    /// Changes keys of the account.
    pub(crate) fn account(mut self, keys: &str) -> Self {
        self.account.extend(keys.parse::<toml::Table>().unwrap());
        self.configure()
    }

    /// Where the simulator listens.
    pub(crate) fn upstream(&self) -> SocketAddr {
        self.simulator.address()
    }

    /// Reaches the simulator, calls and logins alike, through the server at this address.
    pub(crate) fn behind(mut self, address: &str) -> Self {
        self.front = Some(address.to_owned());
        self.account(&format!("base_url = '{address}'\ntoken_url = '{address}/v1/authenticate'"))
    }

    /// Adds an account at a provider that logs in with OAuth2, with further keys.
    pub(crate) fn provider(mut self, name: &str, keys: &str) -> Self {
        let base = format!("{}/{name}", self.simulator.base_url());
        let account = format!(
            "base_url = '{base}'\ntoken_url = '{base}/token'\nrate = 'unlimited'\nconcurrency = 1\n\
             client_id = {{ file = 'username' }}\nclient_secret = {{ file = 'password' }}\n"
        );
        let mut account: toml::Table = account.parse().unwrap();
        account.extend(keys.parse::<toml::Table>().unwrap());
        self.others.insert(name.to_owned(), toml::Value::Table(account));
        self.configure()
    }

    fn configure(self) -> Self {
        let mut account = self.account.clone();
        let base = self.simulator.base_url();
        for (key, value) in [("base_url", base.clone()), ("token_url", format!("{base}/v1/authenticate"))] {
            account.entry(key).or_insert(value.into());
        }
        account.entry("prices").or_insert_with(|| toml::Value::Table(prices("")));
        let mut providers = toml::Table::from_iter([("creditsafe".to_owned(), toml::Value::Table(account))]);
        for (name, account) in &self.others {
            let mut account = account.as_table().unwrap().clone();
            account.insert("prices".to_owned(), toml::Value::Table(prices(&format!("{name}."))));
            providers.insert(name.clone(), toml::Value::Table(account));
        }
        let mut whole = toml::Table::from_iter([
            ("database".to_owned(), "orgpull.db".into()),
            ("providers".to_owned(), toml::Value::Table(providers)),
        ]);
        if self.path("catalogue").exists() {
            let files = fs::read_dir(self.path("catalogue")).unwrap();
            let files = files.map(|file| file.unwrap().path().display().to_string().into());
            whole.insert("catalogue".to_owned(), toml::Value::Array(files.collect()));
        }
        self.write("orgpull.toml", &toml::to_string(&whole).unwrap());
        // Nobody else may read it, so that no warning stands among what a test looks for.
        fs::set_permissions(self.path("orgpull.toml"), fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    /// Another upstream at another address takes the place of the first.
    pub(crate) fn moved(mut self) -> Self {
        self.simulator = start(&self.runtime, "");
        self.configure()
    }

    /// The upstream behaves differently from now on.
    pub(crate) fn scenario(&self, scenario: &str) {
        self.simulator.set_scenario(Scenario::parse("scenario", scenario).unwrap());
    }

    /// Writes the job file `NAME.toml`: its name, a purpose, and what is given.
    pub(crate) fn job(&self, name: &str, parts: &[&str]) {
        let parts = parts.concat();
        let about_persons =
            ["'any'", "'person'"].iter().any(|kind| parts.contains(&format!("kind = {kind}")));
        let retention = if about_persons { "retention = '10d'\n" } else { "" };
        self.write(
            &format!("{name}.toml"),
            &format!("name = '{name}'\npurpose = 'a test'\n{retention}{parts}"),
        );
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// Runs the program to its end.
    pub(crate) fn orgpull(&self, arguments: &[&str]) -> Ran {
        let mut command = assert_cmd::Command::from_std(self.command(arguments));
        let output = command.timeout(PATIENCE).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran {
            exit: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            summary: Value::Null,
        }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orgpull"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().env("HOME", self.folder.path());
        command
    }

    /// `orgpull run job.toml`, and afterwards the audit.
    pub(crate) fn run(&self, flags: &[&str]) -> Ran {
        self.pull(&[&["run", "job.toml"], flags].concat())
    }

    /// A command that may send (`run` or `retry`), and afterwards the audit.
    pub(crate) fn pull(&self, arguments: &[&str]) -> Ran {
        let _ = fs::remove_file(self.path("summary.json"));
        let mut ran = self.orgpull(&[arguments, &["--summary-json", "summary.json"]].concat());
        if let Ok(text) = fs::read_to_string(self.path("summary.json")) {
            ran.summary = serde_json::from_str(&text).unwrap();
        }
        self.audit(&ran);
        ran
    }

    /// Starts `orgpull run` and returns at once.
    pub(crate) fn start(&self, arguments: &[&str]) -> Going {
        let mut command = self.command(arguments);
        command.args(["--progress", "json"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, said) = mpsc::channel();
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Going { child, said }
    }

    /// Waits until so many requests have reached the upstream.
    pub(crate) fn until_arrived(&self, arrivals: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.stats().arrivals < arrivals {
            assert!(Instant::now() < deadline, "nothing arrives");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the upstream takes connections again.
    pub(crate) fn until_back(&self) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.simulator.address()).is_err() {
            assert!(Instant::now() < deadline, "the simulator stays away");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn base_url(&self) -> String {
        self.simulator.base_url()
    }

    pub(crate) fn bill(&self) -> Vec<Entry> {
        self.simulator.bill()
    }

    pub(crate) fn logins(&self) -> Vec<LoginEntry> {
        self.simulator.logins()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.simulator.stats()
    }

    /// The rows of a CSV file by header.
    pub(crate) fn rows(&self, file: &str) -> Vec<BTreeMap<String, String>> {
        table(&self.read(file))
    }

    /// The rows of `out.csv` in short: `outcome/code source attempts cost`, without what is empty.
    pub(crate) fn out(&self) -> Vec<String> {
        self.out_of("out.csv")
    }

    /// The same of another file.
    pub(crate) fn out_of(&self, file: &str) -> Vec<String> {
        short(&self.rows(file))
    }

    /// The same from the ledger, whether the run is finished or not.
    pub(crate) fn exported(&self, run: &str) -> Vec<String> {
        let export = ["export", run, "--format", "csv", "--output", "-"];
        short(&table(&self.orgpull(&export).exits(0).stdout))
    }
}

/// The prices of a provider's services: of those whose names begin so, or of those without a provider's name.
fn prices(prefix: &str) -> toml::Table {
    let own = PRICES.iter().filter_map(|(name, ore)| {
        let name = name.strip_prefix(prefix).filter(|name| !name.contains('.'))?;
        Some((name.to_owned(), sek(*ore).into()))
    });
    own.collect()
}

fn start(runtime: &Runtime, scenario: &str) -> Simulator {
    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        seed: SEED,
        scenario: Scenario::parse("scenario", scenario).unwrap(),
    };
    runtime.block_on(Simulator::start(options)).unwrap()
}

impl Going {
    /// Waits until it tells something with these words.
    pub(crate) fn until_says(&self, words: &str) {
        while !self.said.recv_timeout(PATIENCE).unwrap().contains(words) {}
    }

    /// Asks it to stop, as Ctrl-C does, and waits for its end.
    pub(crate) fn interrupted(&mut self) -> Option<i32> {
        let kill = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        self.ended()
    }

    /// Waits until it tells something with these words, or ends well. Whether it told them.
    pub(crate) fn ended_or_says(&mut self, words: &str) -> bool {
        let told = self.said.iter().any(|line| line.contains(words));
        assert!(told || self.ended() == Some(0));
        told
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        while self.said.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().unwrap().code()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ran {
    /// Checks the exit code, and shows what was said where it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, code, "\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Everything it told, on one line.
    pub(crate) fn said(&self) -> String {
        format!("{} {}", self.stderr, self.stdout).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Checks that it told something.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.said().contains(words), "{words:?} is not in\n{}\n{}", self.stderr, self.stdout);
        self
    }

    /// A count of the summary.
    pub(crate) fn number(&self, key: &str) -> u64 {
        self.summary[key].as_u64().unwrap_or_else(|| panic!("no {key}\n{}\n{}", self.stdout, self.stderr))
    }

    /// A text of the summary.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.summary[key].as_str().unwrap_or_else(|| panic!("no {key}\n{}\n{}", self.stdout, self.stderr))
    }

    /// How many lookups ended so.
    pub(crate) fn outcome(&self, outcome: &str) -> u64 {
        self.summary["outcomes"][outcome].as_u64().unwrap()
    }
}

/// `[input]` with these numbers, under any kind.
pub(crate) fn numbers(numbers: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = numbers.iter().map(|number| format!("'{}'", number.as_ref())).collect();
    format!("[input]\nkind = 'any'\ncentury = 'assume-under-100'\nnumbers = [{}]\n", quoted.join(", "))
}

/// Synthetic companies: generated, right by their check digit, meant to be nobody's.
pub(crate) fn companies(count: usize) -> Vec<String> {
    (0..count).map(|at| with_check_digit(&format!("5999{at:05}"))).collect()
}

/// Synthetic trading partnerships (HB), which get letters of disclosure.
pub(crate) fn partnerships(count: usize) -> Vec<String> {
    (0..count).map(|at| with_check_digit(&format!("9899{at:05}"))).collect()
}

/// People of twelve digits with serials that Skatteverket keeps for test numbers.
pub(crate) fn people(count: usize) -> Vec<String> {
    let ten = |at: usize| with_check_digit(&format!("8001{:02}98{at}", at + 1));
    (0..count).map(|at| format!("19{}", ten(at))).collect()
}

fn with_check_digit(nine: &str) -> String {
    let weighed = nine.bytes().enumerate().map(|(at, byte)| {
        let digit = u32::from(byte - b'0') * if at % 2 == 0 { 2 } else { 1 };
        digit / 10 + digit % 10
    });
    format!("{nine}{}", (10 - weighed.sum::<u32>() % 10) % 10)
}

fn sek(ore: i64) -> String {
    format!("{}.{:02}", ore / 100, ore % 100)
}

fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

fn short(rows: &[BTreeMap<String, String>]) -> Vec<String> {
    let line = |row: &BTreeMap<String, String>| {
        let outcome = [row["outcome"].as_str(), row["code"].as_str()];
        let outcome = outcome.map(str::to_owned).into_iter().filter(|part| !part.is_empty());
        let rest = ["source", "attempts", "cost"].map(|column| row[column].clone());
        let parts = [outcome.collect::<Vec<_>>().join("/")].into_iter().chain(rest);
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(line).collect()
}

/// Holds every case of a table, several at once, since they wait more than they compute. What fails has told why.
pub(crate) fn side_by_side<T: Sync>(cases: &[T], hold: impl Fn(&T) + Sync) {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Relaxed)) {
            let held = catch_unwind(AssertUnwindSafe(|| hold(case)));
            failed.fetch_add(usize::from(held.is_err()), Relaxed);
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    let failed = failed.into_inner();
    assert!(failed == 0, "{failed} of {} cases do not hold", cases.len());
}

/// Whether every one of these stands once.
pub(crate) fn distinct<T: Ord>(values: impl IntoIterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    values.into_iter().all(|value| seen.insert(value))
}
