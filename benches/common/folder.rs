//! Jobs in a folder of their own: configuration, inputs, job files, ledger and outputs.

use super::Result;
use super::process::Process;
use super::upstream::Upstream;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The folder; it is gone with its owner.
pub(crate) struct Folder(TempDir);

/// When a run's requests began and ended, by the ledger's own timestamps, in milliseconds since 1970.
pub(crate) struct Times {
    /// The first intent.
    pub(crate) first: i64,
    /// The last answer that was settled.
    pub(crate) last: i64,
    /// Lookups that have an outcome.
    pub(crate) settled: i64,
}

impl Folder {
    /// A job `bench` of `rows` lookups against `upstream`. `account` are further lines of the account's configuration.
    pub(crate) fn new(upstream: &Upstream, rows: u32, account: &str) -> Result<Self> {
        let folder = Self::without_jobs(upstream, account)?;
        folder.add("bench", numbers(rows), "")?;
        Ok(folder)
    }

    /// The configuration alone.
    pub(crate) fn without_jobs(upstream: &Upstream, account: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let base = upstream.base_url();
        let config = format!(
            "database = \"ledger.db\"\n[providers.creditsafe]\nbase_url = \"{base}\"\n\
             token_url = \"{base}/v1/authenticate\"\nusername = {{ env = \"BENCH_USERNAME\" }}\n\
             password = {{ env = \"BENCH_PASSWORD\" }}\nno_letters = [\"getdata:CompanyBasic\"]\nlogins = 1000\n{account}\n"
        );
        std::fs::write(folder.path().join("orgpull.toml"), config)?;
        std::fs::create_dir(folder.path().join("jobs"))?;
        Ok(Self(folder))
    }

    /// A job for these numbers, with an output of its own. `more` are further lines of its file.
    pub(crate) fn add(&self, name: &str, numbers: impl Iterator<Item = String>, more: &str) -> Result<()> {
        let job = format!(
            "name = \"{name}\"\n[input]\npath = \"{name}.csv\"\ncolumn = \"orgnr\"\nkind = \"organisation\"\n\
             [[lookup]]\nid = \"report\"\nservice = \"creditsafe.getdata\"\n\
             params = {{ blockname = \"CompanyBasic\" }}\n[[output]]\npath = \"../{name}-out.csv\"\n\
             columns = [{{ name = \"company\", pointer = \"/report/companyName\" }}]\n{more}\n"
        );
        self.input(name, numbers)?;
        std::fs::write(self.path().join(format!("jobs/{name}.toml")), job)?;
        Ok(())
    }

    /// Gives a job these numbers from its next run on.
    pub(crate) fn input(&self, name: &str, numbers: impl Iterator<Item = String>) -> Result<()> {
        let mut input = String::from("orgnr\n");
        for number in numbers {
            let _ = writeln!(input, "{number}");
        }
        std::fs::write(self.path().join(format!("jobs/{name}.csv")), input)?;
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.path().join("ledger.db")
    }

    /// Starts `orgpull run` on the job `bench`.
    pub(crate) fn run(&self) -> Result<Process> {
        self.run_job("bench")
    }

    /// Starts `orgpull run` on the job of this name.
    pub(crate) fn run_job(&self, name: &str) -> Result<Process> {
        self.orgpull(&["run", &format!("jobs/{name}.toml"), "--progress", "none"])
    }

    /// Starts a command of orgpull in the folder.
    pub(crate) fn orgpull(&self, arguments: &[&str]) -> Result<Process> {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_orgpull"));
        command.current_dir(self.path()).args(["--config", "orgpull.toml"]).args(arguments);
        command.env("BENCH_USERNAME", "bench").env("BENCH_PASSWORD", "bench");
        Process::start(command)
    }

    /// When the requests of the folder's only run began and ended.
    pub(crate) async fn times(&self) -> Result<Times> {
        let options = SqliteConnectOptions::new().filename(self.ledger()).read_only(true);
        let mut connection = options.connect().await?;
        let (first, last) = sqlx::query_as("SELECT min(started_at), max(settled_at) FROM attempts")
            .fetch_one(&mut connection)
            .await?;
        let settled = sqlx::query_scalar("SELECT count(*) FROM lookups WHERE state = 'settled'")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok(Times { first, last, settled })
    }
}

/// So many different synthetic organisation numbers with a right check digit; at most two million.
pub(crate) fn numbers(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|at| {
        let nine = format!("{:09}", 556_000_000 + at);
        format!("{nine}{}", check_digit(&nine))
    })
}

/// The Luhn digit of nine digits.
fn check_digit(nine: &str) -> u32 {
    let digits = nine.bytes().map(|byte| u32::from(byte - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(at, digit)| {
            let doubled = if at % 2 == 0 { digit * 2 } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    (10 - sum % 10) % 10
}
