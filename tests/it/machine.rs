//! Processes to be hurt: the real binary, started in a world's folder, listened to, signalled, killed.

use crate::world::{CSV, REPORT, SIGNATORIES, World};
use orgpull::simulator::Stats;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;
use tokio::time::Instant;

/// Nothing here takes longer, unless something hangs.
pub(crate) const LONG: Duration = Duration::from_secs(90);

/// What a process gets to end a pause for a signal. Pauses in these tests last minutes, so who takes longer than this
/// has sat the pause out.
pub(crate) const PROMPT: Duration = Duration::from_secs(10);

/// How often a process is looked at: the system tells nobody but its parent when one ends, and its parent only when asked.
const GLANCE: Duration = Duration::from_millis(1);

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_orgpull");

/// Says that a test is not tried here, in a file too where `ORGPULL_SKIPPED` names one: who asks for it counts them.
pub(crate) fn skipped(why: &str) {
    println!("skipped: {why}");
    if let Some(path) = std::env::var_os("ORGPULL_SKIPPED") {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{why}").unwrap();
    }
}

/// A world with eight calls at once, and as many logins as a test that kills its processes needs.
pub(crate) fn busy(scenario: &str) -> World {
    World::new(scenario).account("concurrency = 8\nlogins = 1000")
}

/// Writes `NAME.csv` with these numbers, and the job `NAME` that asks both services about each.
pub(crate) fn both(world: &World, name: &str, numbers: &[String]) {
    world.write(&format!("{name}.csv"), &format!("orgnr\n{}\n", numbers.join("\n")));
    let input = format!("[input]\npath = '{name}.csv'\ncolumn = 'orgnr'\n");
    let output = CSV.replace("out.csv", &output(name));
    world.job(name, &[&input, REPORT, SIGNATORIES, &output]);
}

/// The output of a job that [`both`] wrote.
pub(crate) fn output(name: &str) -> String {
    format!("{name}-out.csv")
}

/// `program` in the world's folder, with nothing of this process's surroundings but `PATH`.
pub(crate) fn command(world: &World, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(world.path(""))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", world.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A process under test. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    stdout: Pipe,
    stderr: Pipe,
}

/// How a process ended.
pub(crate) struct Ended {
    /// `None` if a signal killed it.
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Checks the exit code, and shows what was said where it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, Some(code), "\n{}\n{}", self.stdout, self.stderr);
        self
    }
}

impl Process {
    /// Starts the binary.
    pub(crate) fn start(world: &World, arguments: &[&str]) -> Self {
        Self::of(&mut command(world, BINARY, arguments))
    }

    /// Starts the binary with a standard input that stays open until it is told otherwise.
    pub(crate) fn fed(world: &World, arguments: &[&str]) -> Self {
        Self::of(command(world, BINARY, arguments).stdin(Stdio::piped()))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, stdout: Pipe::of(stdout), stderr: Pipe::of(stderr) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has written this to standard error, so many times.
    #[track_caller]
    pub(crate) fn says_times(&self, text: &str, times: usize) {
        assert!(
            self.stderr.until(|said| said.matches(text).count() >= times),
            "never said {text:?} {times} times:\n{}",
            self.stderr.text()
        );
    }

    /// Waits until it has written this to standard error.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        self.says_times(text, 1);
    }

    /// What it has written to standard error so far.
    pub(crate) fn said(&self) -> String {
        self.stderr.text()
    }

    /// Writes to its standard input, and gives it out: dropped, it is closed.
    pub(crate) fn feed(&mut self, text: &str) -> ChildStdin {
        let mut stdin = self.child.stdin.take().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
        stdin
    }

    /// Sends a signal by its name: with the shell's own `kill`, which every system has.
    pub(crate) fn signal(&self, name: &str) {
        let line = format!("kill -s {name} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success(), "{line}");
    }

    /// kill -9, and waits until the process is gone. False where it had ended by itself.
    pub(crate) fn kill(&mut self) -> bool {
        self.child.kill().unwrap();
        self.child.wait().unwrap().code().is_none()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until the condition holds or the process has ended; true where the condition holds.
    pub(crate) fn alive_until(&mut self, mut condition: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + LONG;
        loop {
            if condition() {
                return true;
            }
            if self.has_ended() {
                return condition();
            }
            assert!(Instant::now() < deadline, "neither that nor an end:\n{}", self.stderr.text());
            sleep(GLANCE);
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ends(self) -> Ended {
        self.ends_within(LONG)
    }

    /// Waits for its end, not longer than that.
    #[track_caller]
    pub(crate) fn ends_within(mut self, limit: Duration) -> Ended {
        let deadline = Instant::now() + limit;
        let status: ExitStatus = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "no end after {limit:?}:\n{}", self.stderr.text());
            sleep(GLANCE);
        };
        Ended { exit: status.code(), stdout: self.stdout.whole(), stderr: self.stderr.whole() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What comes out of a process, read as it comes, so that it never waits for us.
struct Pipe {
    heard: Arc<Heard>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Heard {
    /// What came, and whether the other side has closed.
    text: Mutex<(String, bool)>,
    news: Condvar,
}

impl Pipe {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let heard = Arc::new(Heard::default());
        let told = Arc::clone(&heard);
        let reader = std::thread::spawn(move || {
            let (mut piece, mut bytes) = (vec![0; 1 << 14], Vec::new());
            loop {
                let length = pipe.read(&mut piece).unwrap_or(0);
                bytes.extend_from_slice(&piece[..length]);
                let mut text = told.text.lock().unwrap();
                *text = (String::from_utf8_lossy(&bytes).into_owned(), length == 0);
                told.news.notify_all();
                if length == 0 {
                    return;
                }
            }
        });
        Self { heard, reader: Some(reader) }
    }

    fn text(&self) -> String {
        self.heard.text.lock().unwrap().0.clone()
    }

    /// Waits until what came is as wanted; false where it never will be.
    fn until(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let text = self.heard.text.lock().unwrap();
        let waits = |(text, closed): &mut (String, bool)| !wanted(text) && !*closed;
        let (text, _) = self.heard.news.wait_timeout_while(text, LONG, waits).unwrap();
        wanted(&text.0)
    }

    /// Everything, once the other side has closed.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.text()
    }
}

/// Waits until the simulator's counters are as wanted.
#[track_caller]
pub(crate) fn until(world: &World, wanted: impl Fn(&Stats) -> bool) {
    let deadline = Instant::now() + LONG;
    while !wanted(&world.stats()) {
        assert!(Instant::now() < deadline, "the simulator never came to that: {:?}", world.stats());
        sleep(GLANCE);
    }
}

/// Waits until so many calls are withheld, and none is on its way besides.
#[track_caller]
pub(crate) fn until_held(world: &World, count: u64) {
    until(world, |stats| stats.held == count && stats.in_flight == count);
}

/// Lets go what the simulator withholds.
pub(crate) fn release(world: &World) {
    let configuration: toml::Table = world.read("orgpull.toml").parse().unwrap();
    let base_url = configuration["providers"]["creditsafe"]["base_url"].as_str().unwrap();
    let mut stream = TcpStream::connect(base_url.trim_start_matches("http://")).unwrap();
    let request = "POST /_simulator/release HTTP/1.1\r\nhost: simulator\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}
