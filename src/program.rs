//! Programs that the configuration names: started without a shell, given a limited time, and ended at its end with all that
//! they have started.
//!
//! Each is the head of a process group of its own, by which its children are found. One that has ended in time may have left
//! another behind on purpose, such as an agent for keys: that one is let be.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// How long the output of a program that has ended is read where somebody else still holds its end.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// Why a program has not done what it is for. None holds what it wrote.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It did not start, or the system does not tell what became of it.
    #[error("cannot be started: {0}")]
    NotStarted(#[from] io::Error),
    /// It said that it failed.
    #[error("ended with {0}")]
    Failed(ExitStatus),
    /// It did not end in time.
    #[error("took longer than {} seconds", .0.as_secs())]
    Slow(Duration),
}

/// What a program writes to its standard output, of which no more than `most` bytes are read.
pub async fn output(words: &[String], limit: Duration, most: u64) -> Result<Vec<u8>, ProgramError> {
    let mut running = Running::start(words, Stdio::null(), Stdio::piped())?;
    let mut bytes = Vec::new();
    let stdout = running.0.stdout.take();
    let work = async {
        let reading = async {
            match stdout {
                Some(stdout) => stdout.take(most).read_to_end(&mut bytes).await.map(drop),
                None => Ok(()),
            }
        };
        let mut reading = pin!(reading);
        tokio::select! {
            read = &mut reading => {
                read?;
                running.0.wait().await
            }
            // An agent that it leaves behind holds the other end for ever. What the program wrote is in the pipe by now.
            ended = running.0.wait() => {
                tokio::time::timeout(AFTERWARDS, reading).await.unwrap_or(Ok(()))?;
                ended
            }
        }
    };
    ended(tokio::time::timeout(limit, work).await.map_err(|_| ProgramError::Slow(limit))??)?;
    Ok(bytes)
}

/// Has a program read this from its standard input, and waits until it says that all went well.
pub async fn feed(words: &[String], limit: Duration, input: &[u8]) -> Result<(), ProgramError> {
    let mut running = Running::start(words, Stdio::piped(), Stdio::null())?;
    let stdin = running.0.stdin.take();
    let work = async {
        if let Some(mut stdin) = stdin {
            // One that does not want to read it may still say that all is well: how it ends is what counts.
            let _ = stdin.write_all(input).await;
        }
        running.0.wait().await
    };
    ended(tokio::time::timeout(limit, work).await.map_err(|_| ProgramError::Slow(limit))??)
}

fn ended(status: ExitStatus) -> Result<(), ProgramError> {
    if status.success() { Ok(()) } else { Err(ProgramError::Failed(status)) }
}

/// A program at work. Dropped before it has ended, it is ended, and so is what it has started.
struct Running(Child);

impl Running {
    fn start(words: &[String], stdin: Stdio, stdout: Stdio) -> Result<Self, ProgramError> {
        let nothing = || io::Error::new(io::ErrorKind::InvalidInput, "no program is named");
        let (program, arguments) = words.split_first().ok_or_else(nothing)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(stdin).stdout(stdout).stderr(Stdio::null());
        Ok(Self(command.process_group(0).kill_on_drop(true).spawn()?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing once it was waited for: its number may be another's by then.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = id {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;
    use tokio::time::Instant;

    const LONG: Duration = Duration::from_mins(1);

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    /// Whether the process whose number a script wrote there goes on.
    fn goes_on(noted: &Path) -> bool {
        let pid = fs::read_to_string(noted).unwrap();
        let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        // One that nobody has waited for yet is there in name only.
        state.is_ok_and(|state| !state.contains(") Z "))
    }

    #[tokio::test]
    async fn what_takes_too_long_is_ended_with_what_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let noted = folder.path().join("pid");
        let script = format!("sleep 300 & echo $! > '{0}.part'; mv '{0}.part' '{0}'; wait", noted.display());
        let (began, limit) = (Instant::now(), Duration::from_secs(3));
        for fed in [true, false] {
            let slow = if fed {
                feed(&shell(&script), limit, b"x").await.unwrap_err()
            } else {
                output(&shell(&script), limit, 10).await.unwrap_err()
            };
            assert!(matches!(slow, ProgramError::Slow(_)), "{slow}");
            let deadline = Instant::now() + LONG;
            while goes_on(&noted) {
                assert!(Instant::now() < deadline, "its child goes on");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            fs::remove_file(&noted).unwrap();
        }
        assert!(began.elapsed() < LONG);
    }

    #[tokio::test]
    async fn what_is_handed_over_arrives_whole_and_how_it_ends_counts() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        // More than a pipe holds.
        let input = vec![b'x'; 1 << 20];
        feed(&shell(&format!("cat > '{}'", taken.display())), LONG, &input).await.unwrap();
        assert!(fs::read(&taken).unwrap() == input);
        feed(&shell("exit 0"), LONG, &input).await.unwrap();
        let failed = feed(&shell("cat > /dev/null; exit 3"), LONG, b"x").await.unwrap_err();
        assert_eq!(failed.to_string(), "ended with exit status: 3");
        for nothing in [Vec::new(), vec!["/nowhere/program".to_owned()]] {
            assert!(matches!(feed(&nothing, LONG, b"x").await, Err(ProgramError::NotStarted(_))));
        }
        assert_eq!(output(&shell("printf abc"), LONG, 2).await.unwrap(), b"ab");
    }
}
