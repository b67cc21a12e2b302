//! Configuration: which accounts there are, where the ledger is, what providers are.
//!
//! This room decides which file counts and what it says; it reads no secret and opens no connection. Flags beat the
//! environment (the command line merges the two), that beats the file, and that the defaults of the shape.

mod account;
pub mod catalogue;
mod file;
mod missing;
mod privacy;
pub mod provider;
pub mod secret;

use crate::disk::{self, Protected, Standing, chmod};
use crate::domain::money::Ore;
use crate::domain::pace::Rate;
use crate::domain::sink::Sink;
use crate::problem::{self, FileError};
pub use account::{Account, AccountBudget, Credentials, Roots, Scope};
use catalogue::Catalogue;
pub use missing::Unreadable;
pub use privacy::Privacy;
use secret::{Secret, SecretError};
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

pub use file::{is_server, parse};

/// The environment's word for the simulator, in answers' identities and in the ledger.
pub const SIMULATOR: &str = "simulator";
/// The environment of real data.
const PRODUCTION: &str = "production";
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
    /// The file it came from; `None` if none was found and none is needed.
    pub path: Option<PathBuf>,
    /// The ledger's file, absolute.
    pub database: PathBuf,
    /// Accounts by name.
    pub accounts: BTreeMap<String, Account>,
    /// What providers are.
    pub catalogue: Catalogue,
    /// `confirm_above`: the price above which `run` asks on a terminal.
    pub confirm_above: Ore,
    /// `[privacy]`: how the ledger is sealed.
    pub privacy: Privacy,
    /// `[audit] sink`: what gets each entry of the log of who did what before it is one.
    pub sink: Option<Sink>,
    /// Who is at it: `ORGPULL_OPERATOR`, else user and host. Each run keeps it.
    pub operator: String,
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
        warnings.extend(self.privacy.keys.iter().filter_map(Secret::warning));
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

    fn places(&self) -> impl Iterator<Item = &Secret> {
        self.accounts.values().flat_map(Account::places).chain(&self.privacy.keys)
    }

    /// Whether the ledger needs a key that is named: one that is made beside it would be lost with it.
    pub fn needs_a_key(&self) -> bool {
        let real = |account: &Account| account.environment == PRODUCTION;
        self.privacy.keys.is_empty() && self.accounts.values().any(real)
    }

    /// The secrets' files that others can write, each of which is refused when it is read.
    pub fn faults(&self) -> Vec<SecretError> {
        self.places().filter_map(Secret::fault).collect()
    }

    /// Accounts that are one at their upstream, as far as can be told without reading a secret: the same address, and a user
    /// from the same place.
    pub fn doubles(&self) -> impl Iterator<Item = (&Account, &Account)> {
        let mut accounts = self.accounts.values();
        std::iter::from_fn(move || accounts.next().map(|one| (one, accounts.clone())))
            .flat_map(|(one, rest)| rest.map(move |other| (one, other)))
            .filter(|(one, other)| one.asks_as(other))
    }

    /// The simulator's ledger beside another.
    pub fn simulators(database: &Path) -> PathBuf {
        database.with_file_name(SIMULATOR_DATABASE)
    }

    /// The settings where there is no file: a ledger in the working folder, and no account.
    fn without_file(folder: &Path) -> Self {
        let database = folder.join("orgpull.db");
        Self {
            path: None,
            accounts: BTreeMap::new(),
            catalogue: Catalogue::built_in(),
            confirm_above: CONFIRM_ABOVE,
            privacy: Privacy::default(),
            sink: None,
            operator: String::new(),
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
        // The simulator wants no secrets: what is made up is sealed by the key beside its ledger.
        self.privacy = Privacy::default();
        self.sink = None;
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

#[cfg(test)]
mod tests {
    use super::catalogue::Auth;
    use super::*;
    use std::fs;
    use std::time::Duration;

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
        assert_eq!(account.price("getdata", Some("Credit")), Some(Ore::new(1_450)));
    }

    #[test]
    fn without_a_file_the_simulator_still_has_accounts() {
        let world = World::new();
        let settings = world.load(ConfigFlags { simulate: true, ..ConfigFlags::default() });
        assert_eq!(settings.database, world.folder.path().join("work/orgpull-simulator.db"));
        assert_eq!(settings.accounts["creditsafe"].concurrency, 8);
        assert_eq!(settings.accounts["creditsafe"].price("getdata", None), None);
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
        assert_eq!(account.price("getdata", Some("Basic")), Some(Ore::new(320)));
        assert_eq!(account.price("spar", None), None);
        let getdata = settings.catalogue.service("creditsafe.getdata").unwrap().1;
        assert!(!account.may_send_letter(getdata, Some("Basic")));
        assert!(account.may_send_letter(getdata, Some("Credit")));
        let spar = settings.catalogue.service("creditsafe.spar").unwrap().1;
        assert!(!account.may_send_letter(spar, None));
    }

    #[test]
    fn each_of_several_segments_may_post_a_letter() {
        let settings = parse(Path::new("/o.toml"), ACCOUNT, Catalogue::built_in()).unwrap();
        let company = settings.catalogue.service("dnb.company").unwrap().1;
        let may = |letters: &[&str], no_letters: &[&str], asked: &str| {
            let calls = |of: &[&str]| of.iter().map(|block| format!("company:{block}")).collect();
            let account = settings.accounts["creditsafe"].clone();
            let account = Account { letters: calls(letters), no_letters: calls(no_letters), ..account };
            account.may_send_letter(company, Some(asked))
        };
        let harmless = ["FINANCE", "RISK"];
        for asked in ["RISK,FINANCE", "FINANCE,RISK", "RISK"] {
            assert!(!may(&[], &harmless, asked), "{asked}");
            assert!(may(&["RISK"], &["FINANCE", "RISK,FINANCE", "FINANCE,RISK"], asked), "{asked}");
        }
        assert!(may(&[], &harmless, "RISK,EVENTS"));
        assert!(!may(&[], &["RISK,EVENTS"], "RISK,EVENTS"), "as it is asked for");
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
