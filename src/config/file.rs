//! Reading `orgpull.toml`.

mod places;

use super::catalogue::{Addresses, Auth, Catalogue, Provider};
use super::privacy::Privacy;
use super::secret::Secret;
use super::{Account, AccountBudget, Credentials, Roots, SIMULATOR, Scope, Settings, ledgers, resolve};
use crate::domain::address::normalized;
use crate::domain::invoice::ColumnNames;
use crate::domain::money::Ore;
use crate::domain::pace::Rate;
use crate::domain::sink::Sink;
use crate::problem::{Problem, Problems, read_guarded};
use crate::shape::{ACCOUNT, CONFIGURATION, Document, Item, View, suggestion};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::path::Path;

/// The keys by which accounts log in, each with what fits.
const CREDENTIALS: [(&str, &[Auth]); 6] = [
    ("username", &[Auth::Connect]),
    ("password", &[Auth::Connect]),
    ("client_id", &[Auth::ClientCredentialsBasic, Auth::ClientCredentialsBody]),
    ("client_secret", &[Auth::ClientCredentialsBasic, Auth::ClientCredentialsBody]),
    ("scope", &[Auth::ClientCredentialsBasic, Auth::ClientCredentialsBody]),
    ("token", &[Auth::Bearer]),
];

/// Whether a `database` names a server of PostgreSQL rather than a file.
pub fn is_server(database: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| database.starts_with(scheme))
}

/// Reads a configuration file and the provider files that it names, or tells everything that is wrong with it or with
/// the first of those that cannot be used. `path` is absolute: what the file names relatively is found from its folder.
pub fn parse(path: &Path, text: &str, mut catalogue: Catalogue) -> Result<Settings, Problems> {
    let document = Document::parse(path, text)?;
    let view = document.view(&CONFIGURATION);
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut problems = document.check(&CONFIGURATION);
    let database = resolve(folder, Path::new(view.text("database").unwrap_or_default()));
    if view.text("database").is_some_and(is_server) {
        let problem = Problem::new(view.place("database"), "a ledger on PostgreSQL is not yet built");
        problems.push(problem.help("name a file: this version keeps its ledger in SQLite"));
    }
    let mut protected = ledgers(&database);
    protected.add(path, "the configuration");
    for named in view.list("catalogue") {
        let file = resolve(folder, Path::new(named.text));
        protected.add(&file, "a provider's file");
        match read_guarded(&file) {
            Ok(text) => catalogue.extend(&file, &text)?,
            Err(error) => {
                let told = error.to_string();
                problems.push(Problem::new(named.span, told.trim_start_matches("error: ")));
            }
        }
    }
    let mut reader = Reader { folder, catalogue: &catalogue, problems };
    let accounts = reader.accounts(&view);
    let privacy = reader.privacy(&view.table("privacy"));
    let sink = reader.sink(&view.table("audit"));
    document.result(reader.problems)?;
    for account in accounts.values() {
        account.protect(&mut protected);
    }
    privacy.protect(&mut protected);
    if let Some(Sink::File(path)) = &sink {
        protected.add(path, "the log of who did what");
    }
    let confirm_above =
        view.text("confirm_above").and_then(|sek| Ore::parse_sek(sek).ok()).unwrap_or_default();
    Ok(Settings {
        path: Some(path.to_owned()),
        database,
        accounts,
        catalogue,
        confirm_above,
        privacy,
        sink,
        operator: String::new(),
        database_given: false,
        protected,
    })
}

/// How a certificate begins in PEM.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
/// How it ends.
const CERTIFICATE_END: &str = "-----END CERTIFICATE-----";

/// Outcomes that an agreement may have for nothing.
const FREE: [&str; 3] = ["no_hit", "rejected", "invalid"];

struct Reader<'c> {
    folder: &'c Path,
    catalogue: &'c Catalogue,
    problems: Vec<Problem>,
}

/// Where an account is: the label of its environment, and the addresses.
struct Place {
    environment: String,
    addresses: Addresses,
}

/// The environment at an address that a user gives: what the catalogue calls it, else the address in its one writing. What was
/// bought there is known again, however it is written.
fn environment_at(base_url: &str, provider: &Provider) -> String {
    let address = normalized(base_url);
    let known = provider.environments.iter().find(|(_, known)| normalized(&known.base_url) == address);
    known.map_or(address, |(name, _)| name.clone())
}

impl Reader<'_> {
    fn accounts(&mut self, view: &View<'_>) -> BTreeMap<String, Account> {
        let mut accounts = BTreeMap::new();
        for (name, view) in view.named_tables("providers") {
            let Some(provider) = self.catalogue.providers.get(name.text) else {
                let message = format!("there is no provider `{}` in the catalogue", name.text);
                let known = self.catalogue.providers.keys().map(String::as_str);
                self.problems.push(Problem::new(name.span, message).help(suggestion(name.text, known)));
                continue;
            };
            self.calls(&view, provider);
            self.caps(&view);
            self.login_keys(&view, provider);
            if let Some(place) = self.place(&view, provider) {
                let credentials = self.credentials(&view, provider);
                let requestor = view.has("requestor_id").then(|| self.secret(&view, "requestor_id"));
                let roots = self.roots(&view);
                let account = Account::read(name.text, &view, place, credentials, requestor, roots);
                accounts.insert(name.text.to_owned(), account);
            }
        }
        accounts
    }

    /// From the catalogue by `environment`, or from both addresses; exactly one of the two ways.
    fn place(&mut self, view: &View<'_>, provider: &Provider) -> Option<Place> {
        let known = || provider.environments.keys().map(String::as_str);
        let address = |key| view.text(key).map(|text| text.trim_end_matches('/').to_owned());
        let problem = match (view.item("environment"), address("base_url"), address("token_url")) {
            (Some(given), None, None) => {
                if let Some(addresses) = provider.environments.get(given.text) {
                    return Some(Place { environment: given.text.to_owned(), addresses: addresses.clone() });
                }
                let message = format!("{} has no environment of this name", provider.name);
                Problem::new(given.span, message).help(suggestion(given.text, known()))
            }
            (None, Some(base_url), Some(token_url)) => {
                let environment = environment_at(&base_url, provider);
                return Some(Place {
                    environment,
                    addresses: Addresses { base_url, token_url: Some(token_url) },
                });
            }
            (Some(given), ..) => {
                let message = "`environment` and addresses exclude one another";
                Problem::new(given.span, message)
                    .help("keep `environment`, or both `base_url` and `token_url`")
            }
            (None, Some(base_url), None) if !provider.auth.logs_in() => {
                let environment = environment_at(&base_url, provider);
                return Some(Place { environment, addresses: Addresses { base_url, token_url: None } });
            }
            (None, Some(_), None) => {
                Problem::new(view.place("base_url"), "`base_url` needs `token_url` beside it")
            }
            (None, None, Some(_)) => {
                Problem::new(view.place("token_url"), "`token_url` needs `base_url` beside it")
            }
            (None, None, None)
                if ["environment", "base_url", "token_url"].iter().any(|key| view.has(key)) =>
            {
                return None;
            }
            (None, None, None) => {
                let known: Vec<_> = known().map(|name| format!("\"{name}\"")).collect();
                let help =
                    format!("environment = {}; or give both `base_url` and `token_url`", known.join(" or "));
                Problem::new(view.header(), "`environment` is missing in the account").help(help)
            }
        };
        self.problems.push(problem);
        None
    }

    /// A budget that caps nothing was meant to cap something.
    fn caps(&mut self, account: &View<'_>) {
        let view = account.table("budget");
        let mut empty: Vec<_> = ["day", "month"]
            .into_iter()
            .filter(|span| view.is_idle(span))
            .map(|span| view.place(span))
            .collect();
        empty.extend(account.is_idle("budget").then(|| account.place("budget")));
        for place in empty {
            let problem = Problem::new(place, "this budget caps nothing");
            self.problems.push(problem.help("such as day = { max_cost = \"5000\" }"));
        }
    }

    /// What `letters`, `no_letters` and `prices` name must be there.
    fn calls(&mut self, view: &View<'_>, provider: &Provider) {
        let (letters, no_letters) = (view.list("letters"), view.list("no_letters"));
        for call in &letters {
            if self.call(call, provider).is_some_and(|has_blocks| !has_blocks) {
                let problem = Problem::new(call.span.clone(), "this service never posts a letter");
                self.problems.push(problem.help("remove it from `letters`"));
            }
        }
        for call in &no_letters {
            self.call(call, provider);
            if letters.iter().any(|other| other.text == call.text) {
                let message = format!("`{}` is in `letters` and in `no_letters`", call.text);
                self.problems
                    .push(Problem::new(call.span.clone(), message).help("it can be in one of them only"));
            }
        }
        for (call, _) in view.entries("prices") {
            self.call(&call, provider);
        }
        for free in view.list("free") {
            let (service, outcome) = match free.text.split_once(':') {
                Some((service, outcome)) => (Some(service), outcome),
                None => (None, free.text),
            };
            if !FREE.contains(&outcome) {
                let message = format!("`{outcome}` is none of {}", FREE.join(", "));
                let help = "an outcome that costs nothing, such as \"no_hit\", or \"getdata:no_hit\"";
                self.problems.push(Problem::new(free.span.clone(), message).help(help));
            }
            if let Some(service) = service {
                self.call(&Item { text: service, span: free.span }, provider);
            }
        }
    }

    /// Whether the service of `service` or `service:block` has blocks; `None` if there is no such service.
    fn call(&mut self, call: &Item<'_>, provider: &Provider) -> Option<bool> {
        let (name, block) = match call.text.split_once(':') {
            Some((name, block)) => (name, Some(block)),
            None => (call.text, None),
        };
        let Some(service) = provider.service(name) else {
            let message = format!("{} has no service `{name}`", provider.name);
            let known = provider.services.iter().map(|service| service.name.as_str());
            self.problems.push(Problem::new(call.span.clone(), message).help(suggestion(name, known)));
            return None;
        };
        match block {
            Some("") => {
                let problem = Problem::new(call.span.clone(), "the block after `:` is missing");
                self.problems.push(problem.help(format!("\"{name}\" alone means every block")));
            }
            Some(_) if service.block_param.is_none() => {
                let problem = Problem::new(call.span.clone(), format!("`{name}` has no blocks"));
                self.problems.push(problem.help(format!("write \"{name}\"")));
                return None;
            }
            _ => {}
        }
        Some(service.letters)
    }

    /// Each way of logging in has its own keys: those that it needs must be there, and no other.
    fn login_keys(&mut self, view: &View<'_>, provider: &Provider) {
        for (key, auths) in CREDENTIALS {
            let fits = auths.contains(&provider.auth);
            if view.has(key) && !fits {
                let message = format!("{} does not log in with `{key}`", provider.name);
                self.problems.push(Problem::new(view.place(key), message).help(wanted(provider.auth)));
            } else if fits && !view.has(key) && key != "scope" {
                let about = ACCOUNT.key(key).map_or("", |key| key.about);
                let message = format!("`{key}` is missing in the account");
                self.problems.push(Problem::new(view.header(), message).help(format!("`{key}`: {about}")));
            }
        }
        if view.has("requestor_id") && provider.requestor_header.is_none() {
            let message = format!("{} does not want to know who asks", provider.name);
            self.problems.push(Problem::new(view.place("requestor_id"), message).help("remove it"));
        }
    }

    fn credentials(&self, view: &View<'_>, provider: &Provider) -> Credentials {
        let secret = |key| self.secret(view, key);
        match provider.auth {
            Auth::Connect => {
                Credentials::Password { username: secret("username"), password: secret("password") }
            }
            Auth::ClientCredentialsBasic | Auth::ClientCredentialsBody => Credentials::Client {
                client_id: secret("client_id"),
                client_secret: secret("client_secret"),
                scope: self.scope(view, provider),
            },
            Auth::Bearer => Credentials::Token(secret("token")),
            Auth::None => Credentials::Nothing,
        }
    }

    fn scope(&self, view: &View<'_>, provider: &Provider) -> Scope {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        if let Some(text) = view.text("scope") {
            return Scope::Words(words(text));
        }
        let listed: Vec<String> = view.list("scope").iter().flat_map(|item| words(item.text)).collect();
        match (listed.is_empty(), view.has("scope")) {
            (false, _) => Scope::Words(listed),
            (true, true) => Scope::At(self.secret(view, "scope")),
            (true, false) => Scope::Words(provider.scopes.clone()),
        }
    }

    /// The certificates of `ca_file`. They are no secret, so what is wrong with the file is told where it is named.
    fn roots(&mut self, view: &View<'_>) -> Option<Roots> {
        let path = resolve(self.folder, Path::new(view.text("ca_file")?));
        // Whoever can write it says whose servers are believed.
        let message = match read_guarded(&path) {
            Ok(text) if text.matches(CERTIFICATE).count() > text.matches(CERTIFICATE_END).count() => {
                format!("{} is cut short: a certificate in it has no end", path.display())
            }
            Ok(text) if text.contains(CERTIFICATE) => {
                return Some(Roots { path, pem: text.into_bytes().into() });
            }
            Ok(_) => format!("{} holds no certificate in PEM form ({CERTIFICATE})", path.display()),
            Err(error) => error.to_string(),
        };
        self.problems.push(Problem::new(view.place("ca_file"), message));
        None
    }

    /// How the ledger is sealed.
    fn privacy(&mut self, view: &View<'_>) -> Privacy {
        let places = view.tables("key");
        if places.len() > 2 {
            let message = "there are two keys at most: the one that seals, and the one that it replaces";
            self.problems.push(Problem::new(view.place("key"), message));
        }
        let copies = view.list("keyring_copies");
        Privacy {
            keys: places.iter().map(|place| self.place_of(place)).collect(),
            keyring_copies: copies.iter().map(|path| resolve(self.folder, Path::new(path.text))).collect(),
            retention: view.has("retention").then(|| view.duration("retention")),
            backup_retention: view.has("backup_retention").then(|| view.duration("backup_retention")),
        }
    }
}

impl Account {
    /// An account at the simulator, where the configuration has none of its own.
    pub(super) fn simulated(name: &str) -> Self {
        let addresses = Addresses { base_url: String::new(), token_url: None };
        let place = Place { environment: SIMULATOR.to_owned(), addresses };
        Self::read(name, &View::absent(&ACCOUNT), place, Credentials::Nothing, None, None)
    }

    fn read(
        name: &str,
        view: &View<'_>,
        place: Place,
        credentials: Credentials,
        requestor_id: Option<Secret>,
        roots: Option<Roots>,
    ) -> Self {
        let calls = |key| view.list(key).iter().map(|call| call.text.to_owned()).collect();
        let prices = view.entries("prices").into_iter().filter_map(|(call, price)| {
            Some((call.text.to_owned(), Ore::parse_sek(price.get_ref().as_str()?).ok()?))
        });
        Self {
            name: name.to_owned(),
            environment: place.environment,
            base_url: place.addresses.base_url,
            token_url: place.addresses.token_url,
            credentials,
            requestor_id,
            rate: view.text("rate").and_then(|rate| Rate::parse(rate).ok()).unwrap_or(Rate::Unlimited),
            burst: view.small("burst").unwrap_or(1),
            concurrency: view.small("concurrency").unwrap_or(1),
            timeout: view.duration("timeout"),
            keep_alive: view.duration("keep_alive"),
            roots,
            refresh_after: view.duration("refresh_after"),
            logins: view.small("logins").unwrap_or(1),
            cool_down: view.duration("cool_down"),
            letters: calls("letters"),
            no_letters: calls("no_letters"),
            prices: prices.collect(),
            free: calls("free"),
            budget: budget(&view.table("budget")),
            timezone: view
                .text("timezone")
                .and_then(|zone| TimeZone::get(zone).ok())
                .unwrap_or(TimeZone::UTC),
            invoice: invoice(&view.table("invoice")),
        }
    }
}

/// What an account with this way of logging in has.
const fn wanted(auth: Auth) -> &'static str {
    match auth {
        Auth::Connect => "it takes `username` and `password`",
        Auth::ClientCredentialsBasic | Auth::ClientCredentialsBody => {
            "it takes `client_id`, `client_secret` and `scope`"
        }
        Auth::Bearer => "it takes `token`",
        Auth::None => "it takes none",
    }
}

fn budget(view: &View<'_>) -> AccountBudget {
    let (day, month) = (view.table("day").limit(), view.table("month").limit());
    AccountBudget { day, month, warn_at: view.percent("warn_at") }
}

fn invoice(view: &View<'_>) -> ColumnNames {
    ColumnNames {
        date: view.owned("date"),
        reference: view.owned("reference"),
        log_id: view.owned("log_id"),
        service: view.owned("service"),
        amount: view.owned("amount"),
        currency: view.owned("currency"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn read(text: &str) -> Result<Settings, Problems> {
        parse(Path::new("/etc/orgpull.toml"), text, Catalogue::built_in())
    }

    fn account(lines: &str) -> String {
        format!(
            "[providers.creditsafe]\nusername = {{ env = \"U\" }}\npassword = {{ env = \"P\" }}\n{lines}\n"
        )
    }

    #[test]
    fn a_short_account_has_every_default() {
        let settings = read(&account("environment = \"sandbox\"")).unwrap();
        assert_eq!(settings.database, Path::new("/etc/orgpull.db"));
        let account = &settings.accounts["creditsafe"];
        assert_eq!(account.base_url, "https://se-webservice-sandbox.apps.creditsafe.com");
        assert_eq!(account.rate.to_string(), "60/min");
        assert_eq!((account.burst, account.concurrency, account.logins), (1, 8, 10));
        let spans = [account.timeout, account.refresh_after, account.cool_down].map(|span| span.as_secs());
        assert_eq!(spans, [30, 3_300, 60]);
        assert_eq!((account.keep_alive, &account.roots), (Duration::from_millis(500), &None));
    }

    #[test]
    fn everything_can_be_given() {
        let text = r#"
            database = "/var/ledger.db"
            [providers.creditsafe]
            base_url = "http://127.0.0.1:4711/"
            token_url = "http://127.0.0.1:4711/v1/authenticate"
            username = { file = "secrets/user" }
            password = { command = ["./get", "x"] }
            rate = "unlimited"
            burst = 5
            concurrency = 64
            timeout = "500ms"
            keep_alive = "30s"
            logins = 3
            cool_down = "1s"
            letters = ["getdata:Credit"]
            no_letters = ["getdata"]
            prices = { getdata = "3", "getdata:Credit" = "14.50" }
        "#;
        let account = &read(text).unwrap().accounts["creditsafe"];
        assert_eq!(account.environment, "http://127.0.0.1:4711");
        assert_eq!(account.base_url, "http://127.0.0.1:4711");
        let username = Secret::File("/etc/secrets/user".into());
        let password = Secret::Command(vec!["/etc/get".into(), "x".into()]);
        assert_eq!(account.credentials, Credentials::Password { username, password });
        assert_eq!(
            (account.rate, account.burst, account.timeout),
            (Rate::Unlimited, 5, Duration::from_millis(500))
        );
        assert_eq!(account.keep_alive, Duration::from_secs(30));
        assert_eq!(account.price("getdata", Some("Credit")), Some(Ore::new(1_450)));
    }

    #[test]
    fn problems_of_an_account() {
        for (lines, said) in [
            ("", "`environment` is missing"),
            ("environment = \"sandbx\"", "did you mean `sandbox`?"),
            ("base_url = \"https://a\"", "needs `token_url`"),
            ("token_url = \"https://a\"", "needs `base_url`"),
            ("environment = \"sandbox\"\nbase_url = \"https://a\"", "exclude one another"),
            ("base_url = \"http://a\"\ntoken_url = \"https://a\"", "http:// is only for loopback"),
            ("base_url = \"https://a?b=c\"\ntoken_url = \"https://a\"", "no `?` query"),
            ("environment = \"sandbox\"\nprices = { getdat = \"1\" }", "did you mean `getdata`?"),
            ("environment = \"sandbox\"\nprices = { getdata = 3.20 }", "put it in quotes"),
            ("environment = \"sandbox\"\nprices = { getdata = \"3,20\" }", "two decimals"),
            ("environment = \"sandbox\"\nprices = { \"spar:x\" = \"3.20\" }", "has no blocks"),
            ("environment = \"sandbox\"\nprices = { \"getdata:\" = \"3.20\" }", "is missing"),
            ("environment = \"sandbox\"\nletters = [\"spar\"]", "never posts a letter"),
            (
                "environment = \"sandbox\"\nletters = [\"getdata:A\"]\nno_letters = [\"getdata:A\"]",
                "in one of them only",
            ),
            ("environment = \"sandbox\"\nconcurrency = 0", "from 1 to 1000"),
            ("environment = \"sandbox\"\ntimeout = \"0\"", "longer than 0"),
            ("environment = \"sandbox\"\nkeep_alive = \"30\"", "30s"),
            ("environment = \"sandbox\"\nca_file = \"nowhere.pem\"", "/etc/nowhere.pem cannot be read"),
            ("environment = \"sandbox\"\nca_file = \"/dev/null\"", "holds no certificate in PEM form"),
            ("environment = \"sandbox\"\nclient_id = { env = \"X\" }", "does not log in with `client_id`"),
            ("environment = \"sandbox\"\nrequestor_id = { env = \"X\" }", "does not want to know who asks"),
            ("environment = \"sandbox\"\n[providers.creditsafe.budget]\nmax_calls = 1", "`max_calls`"),
            (
                "environment = \"sandbox\"\n[providers.creditsafe.budget.day]\nmax_cost = \"1000 kr\"",
                "two decimals",
            ),
            (
                "environment = \"sandbox\"\n[providers.creditsafe.budget]\nwarn_at = \"80%\"",
                "this budget caps nothing",
            ),
            (
                "environment = \"sandbox\"\n[providers.creditsafe.budget]\nday = {}",
                "this budget caps nothing",
            ),
            (
                "environment = \"sandbox\"\n[providers.creditsafe.budget]\nday = { max_calls = 1 }\nwarn_at = \"0%\"",
                "\"1%\" to \"100%\"",
            ),
            ("environment = \"sandbox\"\ntimezone = \"Europe/Stokholm\"", "no such time zone"),
            ("environment = \"sandbox\"\ndatabase = \"x\"", "belongs at the top of the file"),
        ] {
            let problems = read(&account(lines)).unwrap_err();
            assert_eq!(problems.list.len(), 1, "{problems}");
            assert!(problems.render().contains(said), "{said}: {problems}");
        }
    }

    #[test]
    fn a_ledger_on_a_server_is_not_yet_built() {
        for address in ["postgres://ledger/orgpull", "postgresql://me:hunter2@ledger/orgpull"] {
            let problems = read(&format!("database = \"{address}\"\n")).unwrap_err();
            let told = problems.render();
            assert!(
                told.contains("a ledger on PostgreSQL is not yet built") && !told.contains("hunter2"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_broken_configuration_is_told_at_once_and_shows_no_secret() {
        let text = "\u{feff}databse = \"x.db\"\r\n\
            [providers.creditsafe]\r\n\
            environment = \"sandbox\"\r\n\
            base_url = \"https://me:hunter2@example.com\"\r\n\
            username = { env = \"U\", file = \"u\" }\r\n\
            password = \"hunter2\" # this comment is shown\r\n\
            pasword = 'hunter2'\r\n\
            rate = \"60\"\r\n\
            burst = \"1\"\r\n\
            scope = \"x\"\r\n\
            [providers.creditsaf]\r\n\
            environment = \"sandbox\"\r\n\
            username = { value = \"hunter2\" }\r\n";
        let problems = parse(Path::new("config/orgpull.toml"), text, Catalogue::built_in()).unwrap_err();
        assert!(!problems.render().contains("hunter2"), "{problems}");
        insta::assert_snapshot!("broken_configuration", problems.render());
    }

    #[test]
    fn what_is_not_toml_is_told_without_the_secret() {
        let problems =
            read("[providers.creditsafe]\npassword = hunter2\nrate = = 1\n[providers\n").unwrap_err();
        assert!(!problems.render().contains("hunter2"), "{problems}");
        insta::assert_snapshot!("not_toml", problems.render());
    }
}
