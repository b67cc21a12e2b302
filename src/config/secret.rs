//! Secrets as the configuration names them, and the moment they are read.
//!
//! A secret is read once, when a run or `orgpull login` begins, before anything is sent, and by `plan`, which refuses what a
//! run would; never while files are checked: `check` and `--simulate` ask for none. No error holds what was read, nor what a program wrote, since that may be the secret itself.

use crate::disk::{self, Exposed, Standing, chmod};
use crate::domain::identity::hex;
use crate::program::{self, ProgramError};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};
use zeroize::Zeroizing;

/// The longest that a secret's program may take: long enough for a person to touch a key, short enough for cron.
const COMMAND_TIME: Duration = Duration::from_secs(30);
/// More bytes than any password or token has; a larger file was named by mistake.
const LARGEST: u64 = 64 * 1024;

/// Where a secret is; never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// An environment variable.
    Env(String),
    /// A file; a trailing line break is not part of the secret.
    File(PathBuf),
    /// A program and its arguments; its standard output without the trailing line break.
    Command(Vec<String>),
    /// The simulator's: not a secret at all.
    Simulated,
}

/// Why a secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// No such variable.
    #[error("the environment variable {0} is not set: set it, or name another place in the configuration")]
    NoVariable(String),
    /// The file is not there, or not ours to read.
    #[error("the secret file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others can write it, and so choose what we log in with.
    #[error("the secret file {} can be written by others ({exposed}): {}", path.display(), chmod(path, *exposed))]
    Exposed {
        /// The file.
        path: PathBuf,
        /// What they may.
        exposed: Exposed,
    },
    /// A pipe that nobody writes to.
    #[error("the secret file {} is a pipe, and nothing came through it within 30 seconds", .0.display())]
    FileSlow(PathBuf),
    /// The program did not start.
    #[error("the secret's program {program} cannot be started: {source}")]
    NotStarted {
        /// The program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// The program said that it failed.
    #[error("the secret's program {program} ended with {status}: run it by hand to see why")]
    ProgramFailed {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
    },
    /// The program did not end.
    #[error("the secret's program {0} took longer than 30 seconds; it must not wait for a person")]
    ProgramSlow(String),
    /// There is nothing in it.
    #[error("{0} holds nothing")]
    Empty(Secret),
    /// It cannot stand in a header.
    #[error("{0} does not hold a token: visible ASCII characters and nothing else")]
    NotAToken(Secret),
    /// It is no single line of text.
    #[error("{0} does not hold a secret on a single line of UTF-8 text")]
    NotALine(Secret),
}

impl Secret {
    /// Reads the secret, from a program within 30 seconds.
    pub async fn read(&self) -> Result<SecretString, SecretError> {
        let bytes = match self {
            Self::Simulated => b"simulator".to_vec(),
            Self::Env(name) => variable(name)?,
            Self::File(path) => {
                let handed = handed_over(path);
                let path = handed.as_ref().unwrap_or(path);
                content(path).await?
            }
            Self::Command(words) => output(words).await?,
        };
        self.line(bytes)
    }

    /// The same, where it goes into a header as it stands.
    pub async fn read_token(&self) -> Result<SecretString, SecretError> {
        let token = self.read().await?;
        let visible = token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic());
        if visible { Ok(token) } else { Err(SecretError::NotAToken(self.clone())) }
    }

    /// The name under which systemd hands over what is in a secret's file (`LoadCredential=`).
    pub fn credential_name(path: &Path) -> String {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let plain: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
        let digest = hex(&Sha256::digest(path.as_os_str().as_encoded_bytes()));
        format!("{plain}.{digest:.12}")
    }

    /// What an operator should know about the place of a secret: a file that others may read.
    pub fn warning(&self) -> Option<String> {
        let Self::File(path) = self else { return None };
        let Ok(Standing::Readable(exposed)) = disk::standing(path) else { return None };
        let (path, remedy) = (path.display(), chmod(path, exposed));
        Some(format!("the secret file {path} can be read by others ({exposed}): {remedy}"))
    }

    /// Its file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        if let Self::File(path) = self { Some(path) } else { None }
    }

    /// That others can write its file, where they can: then it is not read.
    pub fn fault(&self) -> Option<SecretError> {
        let Self::File(path) = self else { return None };
        writable(disk::standing(path).ok()?, path)
    }

    fn line(&self, bytes: Vec<u8>) -> Result<SecretString, SecretError> {
        // What was read is wiped; the line is kept where it is wiped too.
        let bytes = Zeroizing::new(bytes);
        let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotALine(self.clone()))?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim().is_empty() {
            return Err(SecretError::Empty(self.clone()));
        }
        if line.contains(['\n', '\r', '\0']) || line.len() as u64 > LARGEST {
            return Err(SecretError::NotALine(self.clone()));
        }
        Ok(SecretString::from(line))
    }
}

/// Where systemd has put a secret's file, under a unit that `schedule install` wrote: the file itself may be one that the
/// service cannot read.
fn handed_over(path: &Path) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY")?);
    Some(folder.join(Secret::credential_name(path))).filter(|file| file.exists())
}

/// The place, for messages.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the secret file {}", path.display()),
            Self::Command(words) => {
                write!(f, "the output of {}", words.first().map_or("a program", String::as_str))
            }
            Self::Simulated => f.write_str("the simulator's secret"),
        }
    }
}

/// What is in a secret's file, unless others can write it. A pipe is waited for as long as a program.
async fn content(path: &Path) -> Result<Vec<u8>, SecretError> {
    let owned = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let file = disk::named(&owned)?;
        let standing = disk::open_standing(&file)?;
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        Ok((standing, bytes))
    });
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let read = tokio::time::timeout(COMMAND_TIME, read).await;
    let read = read.map_err(|_| SecretError::FileSlow(path.to_owned()))?;
    let (standing, bytes) = read.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(unreadable)?;
    match writable(standing, path) {
        Some(refused) => Err(refused),
        None => Ok(bytes),
    }
}

fn writable(standing: Standing, path: &Path) -> Option<SecretError> {
    match standing {
        Standing::Writable(exposed) | Standing::Foreign { exposed, .. } if exposed.writable() => {
            Some(SecretError::Exposed { path: path.to_owned(), exposed })
        }
        _ => None,
    }
}

fn variable(name: &str) -> Result<Vec<u8>, SecretError> {
    // `var_os` panics nowhere and fails on no encoding; whether it is text is judged with the others.
    let value = std::env::var_os(name).ok_or_else(|| SecretError::NoVariable(name.to_owned()))?;
    Ok(value.into_encoded_bytes())
}

async fn output(words: &[String]) -> Result<Vec<u8>, SecretError> {
    let Some(program) = words.first().cloned() else {
        return Err(SecretError::Empty(Secret::Command(Vec::new())));
    };
    program::output(words, COMMAND_TIME, LARGEST + 1).await.map_err(|error| match error {
        ProgramError::NotStarted(source) => SecretError::NotStarted { program, source },
        ProgramError::Failed(status) => SecretError::ProgramFailed { program, status: status.to_string() },
        ProgramError::Slow(_) => SecretError::ProgramSlow(program),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::fs;

    async fn read(secret: Secret) -> Result<String, String> {
        secret.read().await.map(|secret| secret.expose_secret().to_owned()).map_err(|error| error.to_string())
    }

    fn shell(script: &str) -> Secret {
        Secret::Command(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    #[tokio::test]
    async fn reads_each_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "hunter2\r\n").unwrap();
        assert_eq!(read(Secret::File(path)).await.as_deref(), Ok("hunter2"));
        assert_eq!(read(shell("printf 'hunter2\\n'")).await.as_deref(), Ok("hunter2"));
        assert!(read(Secret::Env("PATH".to_owned())).await.is_ok());
        assert!(read(Secret::Simulated).await.is_ok());
    }

    #[tokio::test]
    async fn a_program_may_leave_another_behind_that_holds_its_output() {
        let began = tokio::time::Instant::now();
        let secret = read(shell("sleep 20 & printf 'hunter2\\n'")).await;
        assert_eq!(secret.as_deref(), Ok("hunter2"));
        assert!(began.elapsed() < Duration::from_secs(10), "it waits for what was left behind");
        let failed = read(shell("sleep 20 & exit 3")).await.unwrap_err();
        assert!(failed.contains("exit status: 3"), "{failed}");
    }

    #[tokio::test]
    async fn tells_what_is_wrong_without_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let two_lines = folder.path().join("two");
        fs::write(&two_lines, "me\nhunter2\n").unwrap();
        let empty = folder.path().join("empty");
        fs::write(&empty, "\n").unwrap();
        for (secret, said) in [
            (Secret::Env("ORGPULL_TEST_NO_SUCH_VARIABLE".to_owned()), "is not set"),
            (Secret::File(folder.path().join("none")), "cannot be read"),
            (Secret::File(folder.path().to_owned()), "cannot be read"),
            (Secret::File(two_lines), "single line"),
            (Secret::File(empty), "holds nothing"),
            (shell("echo hunter2; exit 3"), "exit status: 3"),
            (shell("printf '\\377'"), "single line"),
            (Secret::Command(vec!["/nowhere/program".to_owned()]), "cannot be started"),
        ] {
            let error = read(secret).await.unwrap_err();
            assert!(error.contains(said) && !error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_file_that_others_read_is_a_warning_and_one_that_they_write_is_not_read() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "hunter2").unwrap();
        let secret = Secret::File(file.path().to_owned());
        assert!(secret.warning().is_none() && secret.fault().is_none());
        let mode = |mode| fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        let warning = secret.warning().unwrap();
        assert!(warning.contains("(mode 0644): chmod 600"), "{warning}");
        assert!(secret.fault().is_none() && read(secret.clone()).await.is_ok());
        for writable in [0o620, 0o602, 0o666] {
            mode(writable);
            let error = read(secret.clone()).await.unwrap_err();
            assert!(error.contains(&format!("(mode {writable:04o}): chmod 600")), "{error}");
            assert!(secret.warning().is_none() && secret.fault().is_some());
        }
    }
}
