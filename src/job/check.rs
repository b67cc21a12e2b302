//! `orgpull check`: files that people write, told apart by what is in them, each with every problem.

use super::files::files;
use super::look::look;
use super::places::{clashes, unread};
use super::{Job, file};
use crate::config::catalogue::Catalogue;
use crate::config::secret::SecretError;
use crate::config::{self, ConfigError, ConfigFlags, Settings, provider};
use crate::problem::{FileError, Problem, Problems, read_guarded, read_text};
use crate::shape::{CONFIGURATION, Document, JOB, PROVIDER, Table};
use std::path::{Path, PathBuf};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A job.
    Job,
    /// `orgpull.toml`.
    Configuration,
    /// A provider of the catalogue.
    Provider,
}

/// A file without problems.
#[derive(Debug)]
pub struct Checked {
    /// As the user named it, or found in the folder that the user named.
    pub path: PathBuf,
    /// What it is.
    pub kind: FileKind,
    /// What its owner should know though nothing is wrong with it.
    pub warnings: Vec<String>,
    /// Secrets of a configuration that no run would read, since others can write them.
    pub faults: Vec<SecretError>,
    /// The job, where it is one.
    pub job: Option<Box<Job>>,
}

/// What a check found, in the order of the files.
#[derive(Debug, Default)]
pub struct Report {
    /// Files without problems.
    pub good: Vec<Checked>,
    /// Files with problems, and those that cannot be read.
    pub bad: Vec<FileError>,
    /// What keeps jobs from being checked: the configuration in use has problems of its own, or cannot be read.
    pub configuration: Option<ConfigError>,
}

impl FileKind {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Configuration => "configuration",
            Self::Provider => "provider",
        }
    }

    const fn shape(self) -> &'static Table {
        match self {
            Self::Job => &JOB,
            Self::Configuration => &CONFIGURATION,
            Self::Provider => &PROVIDER,
        }
    }
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        let faulty = self.good.iter().any(|good| !good.faults.is_empty());
        self.bad.is_empty() && self.configuration.is_none() && !faulty
    }
}

/// Checks files, and the `*.toml` of folders. Jobs are checked against the configuration that these flags lead to.
pub fn check_paths(paths: &[PathBuf], flags: &ConfigFlags) -> Report {
    let mut report = Report::default();
    let mut settings = None;
    for path in paths {
        match files(path) {
            Ok(files) => files.iter().for_each(|file| report.check(file, flags, &mut settings)),
            Err(error) => report.bad.push(error),
        }
    }
    report.hold_outputs_together(settings.as_ref());
    report.forget_what_is_told_twice();
    report
}

impl Report {
    /// Checks one file. The settings are loaded for the first job, since other files are judged without them.
    fn check(&mut self, path: &Path, flags: &ConfigFlags, settings: &mut Option<Settings>) {
        let text = match read_text(path) {
            Ok(text) => text,
            Err(error) => return self.bad.push(error),
        };
        let is_job = kind(path, &text).is_ok_and(|kind| kind == FileKind::Job);
        if is_job && settings.is_none() && self.configuration.is_none() {
            match Settings::load(flags.clone()) {
                Ok(loaded) => *settings = Some(loaded),
                Err(error) => self.configuration = Some(error),
            }
        }
        // Only what it says is judged below; who else may say something else is judged here.
        if kind(path, &text).is_ok_and(|kind| kind == FileKind::Configuration)
            && let Err(refused) = read_guarded(path)
        {
            return self.bad.push(refused);
        }
        match check_text(path, &text, settings.as_ref()) {
            Ok(checked) => self.good.push(checked),
            Err(problems) => self.bad.push(FileError::Problems(problems)),
        }
    }

    /// Tells of outputs that can be one file, or one that the program lives on. A job that writes such is not good.
    fn hold_outputs_together(&mut self, settings: Option<&Settings>) {
        let jobs: Vec<&Job> = self.good.iter().filter_map(|good| good.job.as_deref()).collect();
        let protected = settings.map(|settings| settings.protected.clone()).unwrap_or_default();
        for problems in clashes(&jobs, &protected) {
            let at = |path: &Path| std::path::absolute(path).ok();
            self.good.retain(|good| at(&good.path) != at(&problems.path));
            self.bad.push(FileError::Problems(problems));
        }
    }

    /// The configuration in use may be among the files that were checked for themselves.
    fn forget_what_is_told_twice(&mut self) {
        let Some(ConfigError::File(FileError::Problems(in_use))) = &self.configuration else { return };
        let absolute = |path: &Path| std::path::absolute(path).ok();
        let told = self.bad.iter().any(|error| match error {
            FileError::Problems(problems) => absolute(&problems.path) == absolute(&in_use.path),
            _ => false,
        });
        if told {
            self.configuration = None;
        }
    }
}

/// Checks the text of one file; a job against these settings, without which only its own keys and values are checked.
fn check_text(path: &Path, text: &str, settings: Option<&Settings>) -> Result<Checked, Problems> {
    let kind = kind(path, text)?;
    let (mut warnings, mut faults, mut job) = (Vec::new(), Vec::new(), None);
    match (kind, settings) {
        (FileKind::Job, settings) => {
            let read = match settings {
                Some(settings) => file::parse(path, text, settings, false)?,
                None => file::parse(path, text, &Settings::with_catalogue_only(), true)?,
            };
            warnings = look(path, &read)?;
            warnings.extend(unread(&read));
            job = Some(read);
        }
        (FileKind::Configuration, _) => {
            // What the file names relatively is found from its folder.
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            let parsed = config::parse(&absolute, text, Catalogue::built_in());
            let settings = parsed.map_err(|problems| Problems { path: path.to_owned(), ..problems })?;
            warnings = settings.warnings();
            faults = settings.faults();
        }
        (FileKind::Provider, _) => provider::check(path, text)?,
    }
    Ok(Checked { path: path.to_owned(), kind, warnings, faults, job: job.map(Box::new) })
}

/// What a file is, by the keys at its top.
pub(crate) fn kind(path: &Path, text: &str) -> Result<FileKind, Problems> {
    let document = Document::parse(path, text)?;
    let known = |kind: FileKind| {
        document.root().keys().filter(|key| kind.shape().key(key.get_ref()).is_some()).count()
    };
    // Where two kinds know as many keys, such as `name` alone, it is most likely the job, of which there are most.
    let kinds = [FileKind::Configuration, FileKind::Provider, FileKind::Job];
    let best = kinds.into_iter().max_by_key(|kind| known(*kind)).filter(|kind| known(*kind) > 0);
    best.ok_or_else(|| {
        let problem =
            Problem::new(document.top(), "this is neither a job nor a configuration nor a provider file");
        let problem =
            problem.help("a job has [input], [[lookup]] and [[output]]; a configuration has [providers.…]");
        document.problems(vec![problem])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const JOB_TEXT: &str = "name = \"a\"
[input]
numbers = [\"556012-5790\"]
[[lookup]]
id = \"a\"
service = \"creditsafe.getsignatory\"
[[output]]
path = \"a.csv\"
";
    const CONFIGURATION_TEXT: &str = "[providers.creditsafe]
environment = \"sandbox\"
username = { env = \"U\" }
password = { env = \"P\" }
";

    struct World(tempfile::TempDir);

    impl World {
        fn new(configuration: &str) -> Self {
            let world = Self(tempfile::tempdir().unwrap());
            world.write("orgpull.toml", configuration);
            world
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(name);
            fs::write(&path, text).unwrap();
            path
        }

        fn check(&self, paths: &[PathBuf]) -> Report {
            let flags =
                ConfigFlags { config: Some(self.0.path().join("orgpull.toml")), ..ConfigFlags::default() };
            check_paths(paths, &flags)
        }
    }

    #[test]
    fn kinds_are_told_apart_by_content() {
        let provider = include_str!("../../config/providers/creditsafe.toml");
        for (text, expected) in [
            (JOB_TEXT, FileKind::Job),
            (CONFIGURATION_TEXT, FileKind::Configuration),
            ("database = \"x\"", FileKind::Configuration),
            (provider, FileKind::Provider),
            ("name = \"a\"", FileKind::Job),
        ] {
            assert!(kind(Path::new("x.toml"), text).is_ok_and(|kind| kind == expected), "{text}");
        }
        let problems = kind(Path::new("x.toml"), "# only this\nx = 1\n").unwrap_err();
        assert!(problems.render().contains("x.toml:2:1"), "{problems}");
    }

    #[test]
    fn a_folder_is_its_toml_files() {
        let world = World::new(CONFIGURATION_TEXT);
        world.write("b.toml", JOB_TEXT);
        world.write("a.toml", &JOB_TEXT.replace("path", "pth"));
        world.write("c.csv", "orgnr\n");
        fs::create_dir(world.0.path().join("d.toml")).unwrap();
        // An editor's, and a pipe that nobody ever writes to.
        world.write(".hidden.toml", "no");
        let pipe = std::process::Command::new("mkfifo").arg(world.0.path().join("e.toml")).status();
        assert!(pipe.unwrap().success());
        let report = world.check(&[world.0.path().to_owned()]);
        let good: Vec<_> =
            report.good.iter().map(|file| (file.path.file_name().unwrap(), file.kind)).collect();
        assert_eq!(
            good,
            [("b.toml".as_ref(), FileKind::Job), ("orgpull.toml".as_ref(), FileKind::Configuration)]
        );
        assert!(!report.is_good() && report.bad.len() == 1);
        assert!(report.bad[0].to_string().contains("did you mean `path`?"));
    }

    #[test]
    fn the_header_of_the_input_is_looked_at() {
        let world = World::new(CONFIGURATION_TEXT);
        let input = |keys: &str| {
            let text = JOB_TEXT.replace("numbers = [\"556012-5790\"]", keys);
            world.check(&[world.write("job.toml", &text)])
        };
        world.write("in.csv", "org nr;Namn;namn;lookup\n556012-5790;x;y;z\n");
        world.write("in.jsonl", "{\"namn\":1}\n{\"orgnr\":\"556012-5790\"}\n");
        world.write("tabs.txt", "orgnr\tnamn\n");
        for (keys, place, said) in [
            ("path = \"in.csv\"\ncolumn = \"orgnr\"", ":4:10", "did you mean `org nr`?"),
            (
                "path = \"in.csv\"\ncolumn = \"org nr\"\ncarry = [\"Namn\", \"ort\"]",
                ":5:18",
                "no column `ort`; there are",
            ),
            ("path = \"in.csv\"", ":3:8", "which column holds the number?"),
            ("path = \"in.csv\"\ncolumn = \"org nr\"\ncarry = \"*\"", ":5:9", "would be called `lookup`"),
            ("path = \"in.jsonl\"\ncolumn = \"orgn\"", ":4:10", "no column `orgn`"),
            ("path = \"tabs.txt\"", ":3:8", "let its name end in .tsv"),
        ] {
            let report = input(keys);
            let [error] = report.bad.as_slice() else { panic!("{keys}: {report:?}") };
            let error = error.to_string();
            assert!(error.contains(&format!("job.toml{place}")) && error.contains(said), "{keys}: {error}");
        }
        for keys in [
            "path = \"in.csv\"\ncolumn = \"org\u{a0}nr\"\ncarry = [\"Namn\", \"namn\"]",
            "path = \"in.jsonl\"\ncolumn = \"orgnr\"\ncarry = \"*\"",
        ] {
            let report = input(keys);
            assert!(report.is_good() && report.good[0].warnings.is_empty(), "{keys}: {report:?}");
        }
        let report = input("path = \"none.csv\"");
        assert!(
            report.is_good() && report.good[0].warnings[0].contains("none.csv is not there"),
            "{report:?}"
        );
        let params = "\nparams = { language = \"{spraak}\" }";
        let text = JOB_TEXT.replace(
            "numbers = [\"556012-5790\"]",
            "path = \"in.csv\"\ncolumn = \"org nr\"\ncarry = [\"Namn\"]",
        );
        let text = text.replace("getsignatory\"", &format!("getsignatory\"{params}"));
        for carry in ["[\"Namn\"]", "\"*\""] {
            let text = text.replace("[\"Namn\"]", carry);
            let report = world.check(&[world.write("job.toml", &text)]);
            let error = report.bad[0].to_string();
            assert!(error.contains("job.toml:9:23") && error.contains("no column `spraak`"), "{error}");
        }
    }

    #[test]
    fn a_place_that_no_input_has_leads_to_the_one_that_was_meant() {
        let world = World::new(CONFIGURATION_TEXT);
        world.write("in.csv", "orgnr;senast\n556012-5790;x\n");
        let csv = "path = \"in.csv\"\ncolumn = \"orgnr\"";
        for (input, place, said) in [
            (csv, "senst", "did you mean `senast`?"),
            (csv, "sedna", "did you mean `senast`?"),
            (csv, "toady", "did you mean `today`?"),
            ("numbers = [\"556012-5790\"]", "toady", "did you mean `{today}`?"),
            (
                "numbers = [\"556012-5790\"]",
                "senast",
                "`{today-30d}` and `{last:LOOKUP:date}` need no column",
            ),
        ] {
            let params = format!("datecheck-company\"\nparams = {{ referencedate = \"{{{place}}}\" }}");
            let text =
                JOB_TEXT.replace("numbers = [\"556012-5790\"]", input).replace("getsignatory\"", &params);
            let report = world.check(&[world.write("job.toml", &text)]);
            let error = report.bad[0].to_string();
            assert!(error.contains(said), "{input} {place}: {error}");
        }
    }

    /// What `run` would refuse to replace.
    #[test]
    fn an_output_that_is_no_ordinary_file_is_told() {
        let world = World::new(CONFIGURATION_TEXT);
        let path = |name: &str| world.0.path().join(name);
        let fifo = |name: &str| {
            assert!(std::process::Command::new("mkfifo").arg(path(name)).status().unwrap().success());
        };
        fifo("pipe.csv");
        fifo("beside.rejects.csv");
        fifo("a.csv");
        let _listening = std::os::unix::net::UnixListener::bind(path("socket.csv")).unwrap();
        fs::create_dir(path("folder.csv")).unwrap();
        world.write("file", "");
        std::os::unix::fs::symlink("pipe.csv", path("link.csv")).unwrap();
        std::os::unix::fs::symlink("round.csv", path("round.csv")).unwrap();
        std::os::unix::fs::symlink("pipe.csv", path("first.rejects.csv")).unwrap();
        for (output, said) in [
            ("pipe.csv", "is not an ordinary file"),
            ("link.csv", "is not an ordinary file"),
            ("socket.csv", "is not an ordinary file"),
            ("/dev/null", "is not an ordinary file"),
            ("{job}.csv", "is not an ordinary file"),
            ("beside.csv", "the rejects file beside this output cannot be written"),
            ("folder.csv", "is a folder"),
            ("round.csv", "cannot follow"),
            ("file/x.csv", "cannot create the folder"),
        ] {
            let format = if output == "/dev/null" { "\"\nformat = \"csv\"" } else { "\"" };
            let text = JOB_TEXT.replace("\"a.csv\"", &format!("\"{output}{format}"));
            let report = world.check(&[world.write("job.toml", &text)]);
            let [error] = report.bad.as_slice() else { panic!("{output}: {report:?}") };
            let error = error.to_string();
            assert!(error.contains("job.toml:8:8") && error.contains(said), "{output}: {error}");
        }
        // A name of our own is not followed, and nobody has made these yet.
        for output in ["first.csv", "new/x.csv", "{run}.csv", "x-{date}-{time}.csv"] {
            let report = world
                .check(&[world.write("job.toml", &JOB_TEXT.replace("\"a.csv\"", &format!("\"{output}\"")))]);
            assert!(report.is_good(), "{output}: {report:?}");
        }
    }

    #[test]
    fn a_broken_configuration_in_use_is_told_once() {
        let world = World::new("databse = \"x\"");
        let job = world.write("job.toml", JOB_TEXT);
        let report = world.check(std::slice::from_ref(&job));
        assert!(report.bad.is_empty() && !report.is_good());
        assert!(report.configuration.unwrap().to_string().contains("did you mean `database`?"));
        let report = world.check(&[job, world.0.path().join("orgpull.toml")]);
        assert!(report.bad.len() == 1 && report.configuration.is_none());
    }

    #[test]
    fn a_file_that_is_not_there_says_so() {
        let world = World::new("");
        let report = world.check(&[world.0.path().join("none.toml")]);
        let [error] = report.bad.as_slice() else { panic!("{report:?}") };
        let error = error.to_string();
        assert!(error.starts_with("error: ") && error.contains("none.toml cannot be read"), "{error}");
    }

    #[test]
    fn a_provider_file_of_ones_own_is_checked() {
        let world = World::new("");
        let built_in = include_str!("../../config/providers/creditsafe.toml");
        let copy = world.write("copy.toml", built_in);
        let own = world.write("own.toml", include_str!("../../config/providers/example.toml"));
        let changed = world.write("changed.toml", &built_in.replace("/getdata\"", "/getmore\""));
        let report = world.check(&[copy, own, changed]);
        let good: Vec<_> = report.good.iter().map(|good| good.kind).collect();
        assert_eq!(good, [FileKind::Provider, FileKind::Provider]);
        let told = "there is a provider `creditsafe` already";
        assert!(report.bad.len() == 1 && report.bad[0].to_string().contains(told), "{report:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_may_read_is_warned_of() {
        use std::os::unix::fs::PermissionsExt;
        let world = World::new(&CONFIGURATION_TEXT.replace("{ env = \"P\" }", "{ file = \"p\" }"));
        let secret = world.write("p", "hunter2");
        let warned = |mode| {
            fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
            let report = world.check(&[world.0.path().join("orgpull.toml")]);
            assert_eq!(report.is_good(), mode & 0o022 == 0, "{report:?}");
            report.good[0].warnings.clone()
        };
        let configuration = world.0.path().join("orgpull.toml");
        fs::set_permissions(&configuration, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(warned(0o600).is_empty());
        assert!(matches!(warned(0o644).as_slice(), [warning] if warning.contains("chmod 600")));
        assert!(warned(0o666).is_empty());
        fs::set_permissions(&configuration, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(warned(0o600).as_slice(), [warning] if warning.contains("(mode 0640)")));
        for writable in [0o620, 0o602, 0o666] {
            fs::set_permissions(&configuration, fs::Permissions::from_mode(writable)).unwrap();
            let report = world.check(std::slice::from_ref(&configuration));
            let [error] = report.bad.as_slice() else { panic!("{report:?}") };
            assert!(error.to_string().contains("can be written by others"), "{error}");
        }
    }

    /// Everything that an output can be besides a file of its own, each with words of what is told.
    #[test]
    fn outputs_that_are_not_files_of_their_own_are_told() {
        let world = World::new(
            &CONFIGURATION_TEXT.replace("{ env = \"P\" }", "{ file = \"p\" }\nca_file = \"ca.pem\""),
        );
        fs::write(world.0.path().join("ca.pem"), "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----")
            .unwrap();
        fs::create_dir(world.0.path().join("sub")).unwrap();
        std::os::unix::fs::symlink("..", world.0.path().join("sub/up")).unwrap();
        std::os::unix::fs::symlink("orgpull.toml", world.0.path().join("link.csv")).unwrap();
        fs::write(world.0.path().join("p"), "hunter2").unwrap();
        fs::hard_link(world.0.path().join("p"), world.0.path().join("twin.csv")).unwrap();
        world.write("b.toml", &JOB_TEXT.replace("\"a\"", "\"b\"").replace("a.csv", "{job}-{date}.csv"));
        let path = |path: &str| {
            let text = JOB_TEXT.replace("path = \"a.csv\"", &format!("path = \"{path}\"\nformat = \"csv\""));
            let text = text.replace("numbers = [\"556012-5790\"]", "path = \"in.csv\"\ncolumn = \"nr\"");
            let files = [world.write("a.toml", &text), world.0.path().join("b.toml")];
            let report = world.check(&files);
            report.bad.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        for (output, told) in [
            ("orgpull.toml", "the configuration"),
            ("sub/up/orgpull.toml", "the configuration"),
            ("link.csv", "the configuration"),
            ("p", "a secret's file"),
            ("twin.csv", "a secret's file"),
            ("sub/up/ca.pem", "an account's certificates"),
            ("orgpull.db", "the ledger"),
            ("orgpull.db-wal", "the ledger"),
            ("sub/up/orgpull.db.lock", "the ledger"),
            ("orgpull-simulator.db", "the ledger"),
            ("b.toml", "a job file"),
            ("sub/up/in.csv", "the input"),
            ("b-{date}.csv", "output 1 of job `b`"),
            ("b-2026-03-01.csv", "output 1 of job `b`"),
            ("sub/up/b-{date}.csv", "output 1 of job `b`"),
            ("b-{date}.rejects.csv", "the rejects file beside the first output of job `b`"),
        ] {
            let found = path(output);
            assert!(found.contains(told) && found.contains("a.toml:"), "{output}: {found}");
        }
        for good in ["a.csv", "{job}-{date}.csv", "b-{run}.csv", "orgpull.db.csv", "sub/b-{date}.csv"] {
            assert_eq!(path(good), "", "{good}");
        }
    }

    #[test]
    fn two_outputs_of_a_job_that_can_be_one_file_are_told_and_a_job_given_twice_is_one() {
        let world = World::new(CONFIGURATION_TEXT);
        let two = format!("{JOB_TEXT}[[output]]\npath = \"{{date}}.csv\"\n");
        let job = world.write("a.toml", &two.replace("a.csv", "2026-03-01.csv"));
        let report = world.check(std::slice::from_ref(&job));
        let [error] = report.bad.as_slice() else { panic!("{report:?}") };
        assert!(error.to_string().contains("can be the same file as output 1"), "{error}");
        world.write("a.toml", JOB_TEXT);
        assert!(world.check(&[job.clone(), world.0.path().join("./a.toml"), job]).is_good());
    }

    #[test]
    fn what_is_shipped_is_good_and_gives_no_warning() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let flags = ConfigFlags { config: Some(root.join("config/orgpull.toml")), ..ConfigFlags::default() };
        let report = check_paths(&["jobs", "config", "config/providers"].map(|part| root.join(part)), &flags);
        assert!(report.is_good(), "{report:?}");
        assert_eq!(report.good.len(), 13);
        // A checkout's files are there to be read.
        let read = |warning: &String| warning.contains("can be read by others");
        assert!(report.good.iter().all(|good| good.warnings.iter().all(read)), "{report:?}");
    }
}
