//! Configuration: which accounts there are, where the ledger is, what providers are.
//!
//! This room decides which file counts and what it says; it reads no secret and opens no connection. Flags beat the
//! environment (the command line merges the two), that beats the file, and that the defaults of the shape.

pub mod catalogue;
mod file;
pub mod provider;
pub mod secret;

use crate::disk::{self, Protected, Standing, chmod};
use crate::domain::address::normalized;
use crate::domain::budget::Limit;
use crate::domain::invoice::ColumnNames;
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use crate::domain::pace::Rate;
use crate::problem::{self, FileError};
use catalogue::{Auth, Catalogue, Service};
use jiff::tz::TimeZone;
use secret::{Secret, SecretError};
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use file::parse;

/// The environment's word for the simulator, in answers' identities and in the ledger.
pub const SIMULATOR: &str = "simulator";
/// The provider that the simulator serves at its root.
const CREDITSAFE: &str = "creditsafe";
/// Where the simulator is until it listens; nothing answers there.
const NOT_LISTENING: &str = "http://127.0.0.1:0";
/// Above which price `run` asks, where the configuration does not say: 500 SEK.
const CONFIRM_ABOVE: Ore = Ore::new(50_000);
/// The ledger of `--simulate`, beside the configured one.
const SIMULATOR_DATABASE: &str = "orgpull-simulator.db";

/// The configuration as the program uses it: flags over environment over file over default.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file it came from; nothing where none was found and none is needed.
    pub path: Option<PathBuf>,
    /// The ledger's file, absolute.
    pub database: PathBuf,
    /// Accounts by name.
    pub accounts: BTreeMap<String, Account>,
    /// What providers are.
    pub catalogue: Catalogue,
    /// `confirm_above`: the price above which `run` asks on a terminal.
    pub confirm_above: Ore,
    /// Whether the ledger's file was given on the command line: then it is the simulator's too.
    pub database_given: bool,
    /// What no output may take the place of: this file and those that it names, and every ledger it leads to.
    pub protected: Protected,
}

/// What the command line and the environment say about the configuration.
#[derive(Debug, Clone, Default)]
pub struct ConfigFlags {
    /// `--config`, else `ORGPULL_CONFIG`.
    pub config: Option<PathBuf>,
    /// `--database`; relative to the working folder.
    pub database: Option<PathBuf>,
    /// `--simulate`.
    pub simulate: bool,
}

/// Where the program was started.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The working folder, absolute.
    pub folder: PathBuf,
    /// The user's configuration folder, such as `~/.config/orgpull`.
    pub user_folder: Option<PathBuf>,
}

/// Why there is no configuration to go by.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The working folder is gone.
    #[error("the working folder cannot be told: {0}")]
    NoFolder(io::Error),
}

/// One account at a provider.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name in the configuration, which is also the provider's in the catalogue.
    pub name: String,
    /// `production`, `sandbox`, `simulator`, or the base address in its normal form where the user gave others.
    pub environment: String,
    /// Scheme, host and optional path, without a trailing slash.
    pub base_url: String,
    /// The full address of the login; nothing where there is no login.
    pub token_url: Option<String>,
    /// What it logs in with.
    pub credentials: Credentials,
    /// Who asks, where the provider wants to know.
    pub requestor_id: Option<Secret>,
    /// Over all services of the account.
    pub rate: Rate,
    /// Calls that may follow one another without the pace's distance.
    pub burst: u32,
    /// Calls in flight at once.
    pub concurrency: u32,
    /// From sending to the last byte of the answer.
    pub timeout: Duration,
    /// For how long an idle connection is used again.
    pub keep_alive: Duration,
    /// Certificates (PEM) that are trusted beside the machine's.
    pub roots: Option<Arc<[u8]>>,
    /// Age at which a token is renewed.
    pub refresh_after: Duration,
    /// Logins per five minutes.
    pub logins: u32,
    /// Wait after 429 without `Retry-After`.
    pub cool_down: Duration,
    /// What sends a letter of disclosure: `service` or `service:block`.
    pub letters: Vec<String>,
    /// What never does: `service` or `service:block`.
    pub no_letters: Vec<String>,
    /// Price of a call by `service` or `service:block`.
    pub prices: BTreeMap<String, Ore>,
    /// `free`: outcomes that cost nothing, `outcome` or `service:outcome`.
    pub free: Vec<String>,
    /// `budget`: caps over all runs and processes.
    pub budget: AccountBudget,
    /// `timezone`: whose days and months those are counted by.
    pub timezone: TimeZone,
    /// `invoice`: how the columns of the provider's statement are called.
    pub invoice: ColumnNames,
}

/// `[providers.NAME.budget]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountBudget {
    /// For each day.
    pub day: Limit,
    /// For each month.
    pub month: Limit,
    /// The share, in percent, at which to warn.
    pub warn_at: Option<u8>,
}

/// What an account logs in with: where its secrets are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A user key and a password.
    Password {
        /// The user key.
        username: Secret,
        /// The password.
        password: Secret,
    },
    /// An OAuth2 client.
    Client {
        /// Its id.
        client_id: Secret,
        /// Its secret.
        client_secret: Secret,
        /// The scopes of its token.
        scope: Scope,
    },
    /// A token that was given once and for all.
    Token(Secret),
    /// None: whoever reaches the upstream may ask.
    Nothing,
}

/// The scopes that a login asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// These.
    Words(Vec<String>),
    /// Those that stand there, with spaces between.
    At(Secret),
}

impl Credentials {
    /// The simulator's, for a way of logging in.
    pub const fn simulated(auth: Auth) -> Self {
        match auth {
            Auth::Connect => Self::Password { username: Secret::Simulated, password: Secret::Simulated },
            Auth::ClientCredentialsBasic | Auth::ClientCredentialsBody => Self::Client {
                client_id: Secret::Simulated,
                client_secret: Secret::Simulated,
                scope: Scope::At(Secret::Simulated),
            },
            Auth::Bearer => Self::Token(Secret::Simulated),
            Auth::None => Self::Nothing,
        }
    }

    /// The places of its secrets, each with its key.
    pub fn secrets(&self) -> Vec<(&'static str, &Secret)> {
        match self {
            Self::Password { username, password } => vec![("username", username), ("password", password)],
            Self::Client { client_id, client_secret, scope } => {
                let mut secrets = vec![("client_id", client_id), ("client_secret", client_secret)];
                if let Scope::At(place) = scope {
                    secrets.push(("scope", place));
                }
                secrets
            }
            Self::Token(token) => vec![("token", token)],
            Self::Nothing => Vec::new(),
        }
    }
}

impl Surroundings {
    /// Those of this process: `XDG_CONFIG_HOME`, else `.config` in `HOME`.
    pub fn of_process() -> Result<Self, ConfigError> {
        let folder = std::env::current_dir().map_err(ConfigError::NoFolder)?;
        let absolute =
            |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let configuration =
            absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
        Ok(Self { folder, user_folder: configuration.map(|folder| folder.join("orgpull")) })
    }

    /// The first file that is there, of those that are looked for without a flag.
    fn file(&self) -> Option<PathBuf> {
        let here = [self.folder.join("orgpull.toml"), self.folder.join("config").join("orgpull.toml")];
        let user = self.user_folder.iter().map(|folder| folder.join("orgpull.toml"));
        here.into_iter().chain(user).find(|path| path.exists())
    }
}

impl Settings {
    /// The settings for these flags, started from here. With `simulate` they are those of `simulated`, at an address
    /// where nothing answers until `set_simulator_address` is called.
    pub fn load(flags: ConfigFlags) -> Result<Self, ConfigError> {
        Self::load_from(flags, &Surroundings::of_process()?)
    }

    /// The same, started elsewhere.
    pub fn load_from(flags: ConfigFlags, surroundings: &Surroundings) -> Result<Self, ConfigError> {
        let given = flags.config.map(|path| resolve(&surroundings.folder, &path));
        let mut settings = match given.or_else(|| surroundings.file()) {
            Some(path) => {
                let text = problem::read_guarded(&path)?;
                parse(&path, &text, Catalogue::built_in()).map_err(FileError::Problems)?
            }
            None => Self::without_file(&surroundings.folder),
        };
        if let Some(database) = flags.database {
            settings.database = resolve(&surroundings.folder, &database);
            settings.database_given = true;
            settings.protected.add_ledger(&settings.database);
        }
        Ok(if flags.simulate { settings.simulated(NOT_LISTENING) } else { settings })
    }

    /// Settings that know the providers and nothing else, to check a job by itself.
    pub fn with_catalogue_only() -> Self {
        Self::without_file(Path::new("/"))
    }

    /// What an operator should know about this configuration though nothing is wrong with it, each once. Looks at the
    /// files that hold secrets, and reads none.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.accounts.values().flat_map(Account::warnings).collect();
        warnings.extend(self.exposure());
        warnings.extend(self.doubles().map(|(one, other)| one.is_also(&other.name)));
        warnings.sort_unstable();
        warnings.dedup();
        warnings
    }

    /// That others can read the file, where they can.
    pub fn exposure(&self) -> Option<String> {
        let path = self.path.as_ref()?;
        let Ok(Standing::Readable(exposed)) = disk::standing(path) else { return None };
        let (path, remedy) = (path.display(), chmod(path, exposed));
        Some(format!("the configuration {path} can be read by others ({exposed}): {remedy}"))
    }

    /// The secrets' files that others can write, each of which is refused when it is read.
    pub fn faults(&self) -> Vec<SecretError> {
        self.accounts.values().flat_map(Account::places).filter_map(Secret::fault).collect()
    }

    /// Accounts that are one at their upstream, as far as can be told without reading a secret: the same address, and a user
    /// from the same place.
    pub fn doubles(&self) -> impl Iterator<Item = (&Account, &Account)> {
        let mut accounts = self.accounts.values();
        std::iter::from_fn(move || accounts.next().map(|one| (one, accounts.clone())))
            .flat_map(|(one, rest)| rest.map(move |other| (one, other)))
            .filter(|(one, other)| one.asks_as(other))
    }

    /// The settings where there is no file: a ledger in the working folder, and no account.
    fn without_file(folder: &Path) -> Self {
        let database = folder.join("orgpull.db");
        Self {
            path: None,
            accounts: BTreeMap::new(),
            catalogue: Catalogue::built_in(),
            confirm_above: CONFIRM_ABOVE,
            database_given: false,
            protected: ledgers(&database),
            database,
        }
    }

    /// The same settings with the simulator in the place of every provider, and a ledger of its own. What an account
    /// costs, which of its blocks send letters and how much it does at once stays; its pace and its secrets do not.
    #[must_use]
    pub fn simulated(mut self, base_url: &str) -> Self {
        if !self.database_given {
            self.database.set_file_name(SIMULATOR_DATABASE);
        }
        for (name, provider) in &self.catalogue.providers {
            let account = self.accounts.entry(name.clone()).or_insert_with(|| Account::simulated(name));
            SIMULATOR.clone_into(&mut account.environment);
            account.credentials = Credentials::simulated(provider.auth);
            account.requestor_id = provider.requestor_header.as_ref().map(|_| Secret::Simulated);
            account.rate = Rate::Unlimited;
        }
        self.set_simulator_address(base_url);
        self
    }

    /// Tells simulated accounts where the simulator listens, such as `http://127.0.0.1:4711`. Creditsafe is at its root,
    /// every other provider in a folder of its name, so that no two paths clash.
    pub fn set_simulator_address(&mut self, base_url: &str) {
        let base_url = base_url.trim_end_matches('/');
        for account in self.accounts.values_mut().filter(|account| account.environment == SIMULATOR) {
            let (base, login) = match account.name.as_str() {
                CREDITSAFE => (base_url.to_owned(), "v1/authenticate"),
                name => (format!("{base_url}/{name}"), "token"),
            };
            let provider = self.catalogue.providers.get(&account.name);
            let logs_in = provider.is_some_and(|provider| provider.auth.logs_in());
            account.token_url = logs_in.then(|| format!("{base}/{login}"));
            account.base_url = base;
        }
    }
}

/// The ledger of the accounts, and that of `--simulate`, as what may not be replaced.
fn ledgers(database: &Path) -> Protected {
    let mut protected = Protected::new();
    protected.add_ledger(database);
    protected.add_ledger(&database.with_file_name(SIMULATOR_DATABASE));
    protected
}

/// A path as a file or a command line gives it, made absolute from the folder it is relative to. `..` is taken off by
/// its letters, so that the paths that are shown and compared are the ones a person would write.
pub fn resolve(folder: &Path, path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                whole.pop();
            }
            other => whole.push(other),
        }
    }
    whole
}

impl Account {
    /// The places of its secrets, and of who asks.
    fn places(&self) -> impl Iterator<Item = &Secret> {
        let secrets = self.credentials.secrets().into_iter().map(|(_, secret)| secret);
        secrets.chain(&self.requestor_id)
    }

    /// What an operator should know about the places of this account's secrets.
    pub fn warnings(&self) -> Vec<String> {
        self.places().filter_map(Secret::warning).collect()
    }

    /// Adds the files of its secrets, and the programs that give them, to what may not be replaced.
    fn protect(&self, protected: &mut Protected) {
        for secret in self.places() {
            match secret {
                Secret::File(path) => protected.add(path, "a secret's file"),
                Secret::Command(words) if words.first().is_some_and(|program| program.contains('/')) => {
                    protected.add(Path::new(&words[0]), "a secret's program");
                }
                Secret::Command(_) | Secret::Env(_) | Secret::Simulated => {}
            }
        }
    }

    /// Whether another account asks the same upstream as the same user.
    fn asks_as(&self, other: &Self) -> bool {
        let user = |account: &Self| account.credentials.secrets().first().map(|(_, place)| (*place).clone());
        normalized(&self.base_url) == normalized(&other.base_url) && user(self) == user(other)
    }

    /// What to tell of another account that is this one at the upstream.
    pub fn is_also(&self, other: &str) -> String {
        let (one, other) =
            if self.name.as_str() < other { (&*self.name, other) } else { (other, &*self.name) };
        format!(
            "accounts `{one}` and `{other}` ask the same upstream ({}) as the same user: each keeps a pace, a cap on logins and \
             budgets of its own, and what was bought under one is bought again under the other; use one of them",
            normalized(&self.base_url)
        )
    }

    /// Whether an answer of this outcome costs nothing.
    pub fn is_free(&self, service: &str, outcome: Outcome) -> bool {
        let word = outcome.as_str();
        self.free.iter().any(|free| match free.split_once(':') {
            Some((of, free)) => of == service && free == word,
            None => free == word,
        })
    }

    /// Whether a call has a price, be it nothing.
    pub fn is_priced(&self, service: &str, block: Option<&str>) -> bool {
        let exact = block.is_some_and(|block| self.prices.contains_key(&format!("{service}:{block}")));
        exact || self.prices.contains_key(service)
    }

    /// Whether some budget of it is on money.
    pub const fn caps_cost(&self) -> bool {
        self.budget.day.max_cost.is_some() || self.budget.month.max_cost.is_some()
    }

    /// The price of a call: that of `service:block` before that of `service`, else nothing.
    pub fn price(&self, service: &str, block: Option<&str>) -> Ore {
        let exact = block.and_then(|block| self.prices.get(&format!("{service}:{block}")));
        exact.or_else(|| self.prices.get(service)).copied().unwrap_or(Ore::ZERO)
    }

    /// Whether a call to `service` with this block may send a letter to a subject that gets letters. A block of a
    /// letter-making service that neither list names is taken to send one.
    pub fn may_send_letter(&self, service: &Service, block: Option<&str>) -> bool {
        if !service.letters {
            return false;
        }
        let named = |list: &[String]| {
            let exact =
                block.is_some_and(|block| list.iter().any(|e| *e == format!("{}:{block}", service.name)));
            exact || list.contains(&service.name)
        };
        let exact_letter =
            block.is_some_and(|b| self.letters.iter().any(|e| *e == format!("{}:{b}", service.name)));
        exact_letter || !named(&self.no_letters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const ACCOUNT: &str = r#"
database = "../ledger.db"
[providers.creditsafe]
environment = "sandbox"
username = { env = "U" }
password = { file = "p" }
concurrency = 3
refresh_after = "2s"
no_letters = ["getdata:Basic"]
prices = { getdata = "3.20", "getdata:Credit" = "14.50" }
"#;

    struct World {
        folder: tempfile::TempDir,
        surroundings: Surroundings,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path();
            let surroundings =
                Surroundings { folder: root.join("work"), user_folder: Some(root.join("user/orgpull")) };
            for path in ["work/config", "user/orgpull"] {
                fs::create_dir_all(root.join(path)).unwrap();
            }
            Self { folder, surroundings }
        }

        fn write(&self, path: &str, database: &str) -> PathBuf {
            let path = self.folder.path().join(path);
            fs::write(&path, format!("database = \"{database}\"\n")).unwrap();
            path
        }

        fn load(&self, flags: ConfigFlags) -> Settings {
            Settings::load_from(flags, &self.surroundings).unwrap()
        }
    }

    #[test]
    fn files_are_looked_for_in_order() {
        let world = World::new();
        let root = world.folder.path();
        let none = world.load(ConfigFlags::default());
        assert_eq!((none.path, none.database), (None, root.join("work/orgpull.db")));
        world.write("user/orgpull/orgpull.toml", "user.db");
        assert_eq!(world.load(ConfigFlags::default()).database, root.join("user/orgpull/user.db"));
        world.write("work/config/orgpull.toml", "../config.db");
        assert_eq!(world.load(ConfigFlags::default()).database, root.join("work/config.db"));
        world.write("work/orgpull.toml", "here.db");
        assert_eq!(world.load(ConfigFlags::default()).database, root.join("work/here.db"));
        let given = world.write("other.toml", "/given.db");
        let flags = ConfigFlags { config: Some("../other.toml".into()), ..ConfigFlags::default() };
        let settings = world.load(flags.clone());
        assert_eq!((settings.path, settings.database), (Some(given), "/given.db".into()));
        let flags = ConfigFlags { database: Some("flag.db".into()), ..flags };
        assert_eq!(world.load(flags).database, root.join("work/flag.db"));
    }

    #[test]
    fn a_file_that_is_named_must_be_there() {
        let flags = ConfigFlags { config: Some("none.toml".into()), ..ConfigFlags::default() };
        let error = Settings::load_from(flags, &World::new().surroundings).unwrap_err().to_string();
        assert!(error.contains("none.toml cannot be read"), "{error}");
    }

    #[test]
    fn the_simulator_takes_every_providers_place() {
        let plain = parse(Path::new("/etc/orgpull/orgpull.toml"), ACCOUNT, Catalogue::built_in()).unwrap();
        assert_eq!(plain.database, Path::new("/etc/ledger.db"));
        let mut settings = plain.simulated("http://127.0.0.1:1");
        settings.set_simulator_address("http://127.0.0.1:2/");
        assert_eq!(settings.database, Path::new("/etc/orgpull-simulator.db"));
        let account = &settings.accounts["creditsafe"];
        assert_eq!(account.environment, "simulator");
        assert_eq!(account.base_url, "http://127.0.0.1:2");
        assert_eq!(account.token_url.as_deref(), Some("http://127.0.0.1:2/v1/authenticate"));
        assert_eq!((account.rate, account.concurrency), (Rate::Unlimited, 3));
        assert_eq!(account.credentials, Credentials::simulated(Auth::Connect));
        assert_eq!(account.refresh_after, Duration::from_secs(2));
        assert_eq!(account.price("getdata", Some("Credit")).to_string(), "14.50");
    }

    #[test]
    fn without_a_file_the_simulator_still_has_accounts() {
        let world = World::new();
        let settings = world.load(ConfigFlags { simulate: true, ..ConfigFlags::default() });
        assert_eq!(settings.database, world.folder.path().join("work/orgpull-simulator.db"));
        assert_eq!(settings.accounts["creditsafe"].concurrency, 8);
        assert_eq!(settings.accounts["creditsafe"].price("getdata", None), Ore::ZERO);
        let flags = ConfigFlags { simulate: true, database: Some("mine.db".into()), config: None };
        assert_eq!(world.load(flags).database, world.folder.path().join("work/mine.db"));
    }

    #[cfg(unix)]
    #[test]
    fn secrets_that_others_may_read_are_warned_of_once() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("p");
        fs::write(&secret, "hunter2").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
        let text = ACCOUNT.replace("{ env = \"U\" }", "{ file = \"p\" }");
        let settings = parse(&folder.path().join("orgpull.toml"), &text, Catalogue::built_in()).unwrap();
        assert_eq!(settings.accounts["creditsafe"].warnings().len(), 2);
        let warnings = settings.warnings();
        assert!(warnings.len() == 1 && warnings[0].contains(&*secret.to_string_lossy()), "{warnings:?}");
        assert!(settings.simulated("http://127.0.0.1:1").warnings().is_empty());
    }

    #[test]
    fn prices_and_letters_go_by_block_before_service() {
        let settings = parse(Path::new("/o.toml"), ACCOUNT, Catalogue::built_in()).unwrap();
        let account = &settings.accounts["creditsafe"];
        assert_eq!(account.price("getdata", Some("Basic")).to_string(), "3.20");
        assert_eq!(account.price("spar", None), Ore::ZERO);
        let getdata = settings.catalogue.service("creditsafe.getdata").unwrap().1;
        assert!(!account.may_send_letter(getdata, Some("Basic")));
        assert!(account.may_send_letter(getdata, Some("Credit")));
        let spar = settings.catalogue.service("creditsafe.spar").unwrap().1;
        assert!(!account.may_send_letter(spar, None));
    }

    #[test]
    fn paths_are_resolved() {
        for (path, whole) in
            [("a.db", "/b/c/a.db"), ("../a.db", "/b/a.db"), ("./x/../a.db", "/b/c/a.db"), ("/a.db", "/a.db")]
        {
            assert_eq!(resolve(Path::new("/b/c"), Path::new(path)), Path::new(whole));
        }
    }
}
