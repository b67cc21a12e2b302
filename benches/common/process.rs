//! A process whose time, processor time and memory are measured from outside.

use super::Result;
use orgpull::time::now_ms;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// How often its memory is looked at. The mark only rises, so that only its last steps can be missed.
const LOOK: Duration = Duration::from_millis(5);

/// A tick of `/proc/self/stat`: `USER_HZ`, which is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// A process under way.
pub(crate) struct Process {
    child: Child,
    began: Instant,
    began_ms: i64,
    reaped: (Duration, Duration),
}

/// What a process took.
pub(crate) struct Measured {
    /// From start to end.
    pub(crate) wall: Duration,
    /// The wall clock at the start, in milliseconds since 1970.
    pub(crate) began_ms: i64,
    /// The wall clock at the end.
    pub(crate) ended_ms: i64,
    /// Processor time in the process itself. Ten milliseconds is as fine as the system tells it.
    pub(crate) user: Duration,
    /// Processor time in the system's calls.
    pub(crate) system: Duration,
    /// The peak of its resident memory, in MiB.
    pub(crate) peak: f64,
    /// What it wrote, and how it ended.
    pub(crate) output: Output,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let (began, began_ms, reaped) = (Instant::now(), now_ms(), reaped()?);
        Ok(Self { child: command.spawn()?, began, began_ms, reaped })
    }

    /// Since its start.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Sends it a signal by name, such as `TERM`.
    pub(crate) async fn signal(&self, name: &str) -> Result<()> {
        let id = self.child.id().ok_or("the process has ended already")?;
        let status = Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status().await?;
        if status.success() { Ok(()) } else { Err("the signal was not sent".into()) }
    }

    /// The peak of its resident memory so far, in MiB.
    pub(crate) fn peak(&self) -> f64 {
        self.child.id().map_or(0.0, high_water)
    }

    /// Processor time so far, in itself and in the system's calls. Ten milliseconds is as fine as the system tells it.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let id = self.child.id().ok_or("the process has ended already")?;
        // `utime` and `stime` are the 14th and the 15th field.
        let (user, system) = ticks(&format!("/proc/{id}/stat"), 11)?;
        Ok(user + system)
    }

    /// Waits for its end, whatever that is.
    pub(crate) async fn end(self) -> Result<Measured> {
        let Self { child, began, began_ms, reaped: (user_before, system_before) } = self;
        let id = child.id().ok_or("the process was waited for already")?;
        let output = child.wait_with_output();
        tokio::pin!(output);
        let mut peak = 0.0_f64;
        let output = loop {
            tokio::select! {
                output = &mut output => break output?,
                () = tokio::time::sleep(LOOK) => peak = peak.max(high_water(id)),
            }
        };
        let (wall, ended_ms, (user, system)) = (began.elapsed(), now_ms(), reaped()?);
        let (user, system) = (user.saturating_sub(user_before), system.saturating_sub(system_before));
        Ok(Measured { wall, began_ms, ended_ms, user, system, peak, output })
    }

    /// Waits for its end, which must be exit 0.
    pub(crate) async fn succeed(self) -> Result<Measured> {
        let measured = self.end().await?;
        if measured.output.status.success() {
            return Ok(measured);
        }
        let said = String::from_utf8_lossy(&measured.output.stderr);
        Err(format!("{}: {said}", measured.output.status).into())
    }
}

/// Processor time of all children waited for so far: in themselves, and in the system's calls.
fn reaped() -> Result<(Duration, Duration)> {
    // `cutime` and `cstime` are the 16th and the 17th field.
    ticks("/proc/self/stat", 13)
}

/// Two times from a `stat` file, the first of them so many fields after the process's name and its closing parenthesis.
fn ticks(path: &str, at: usize) -> Result<(Duration, Duration)> {
    let stat = std::fs::read_to_string(path)?;
    // The second field is a name in parentheses and may hold anything.
    let fields = stat.rsplit_once(')').ok_or("/proc/…/stat does not read")?.1;
    let mut ticks = fields.split_whitespace().skip(at).map(str::parse::<u32>);
    let mut next = || ticks.next().and_then(std::result::Result::ok).map(|ticks| TICK * ticks);
    next().zip(next()).ok_or_else(|| "/proc/…/stat does not read".into())
}

/// `VmHWM` in MiB; nothing once the process has ended.
fn high_water(id: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or(0.0) / 1_024.0
}
