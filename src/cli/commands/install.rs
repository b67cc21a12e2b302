//! `schedule install`: units for systemd.

use super::super::args::InstallArgs;
use super::super::{Failure, Invocation};
use super::folder::{absolute, folder};
use crate::config::Settings;
use crate::config::secret::Secret;
use crate::daemon::DaemonError;
use crate::daemon::unit::{MARK, Manager, Site, UnitFile, daemon, timer};
use crate::disk::{self, Change, Draft, Mode, PlaceError, Protected};
use crate::domain::exit::Exit;
use crate::job::{Job, Origin};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// `orgpull schedule install`.
pub(super) fn install(invocation: &Invocation, args: &InstallArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(false)?;
    let (folder, good) = folder(invocation, &args.dir, &settings, false)?;
    if !good {
        return Err(Failure::Reported(Exit::Config));
    }
    let jobs: Vec<&Job> = folder.jobs().into_iter().filter(|job| job.schedule.is_some()).collect();
    if jobs.is_empty() {
        return Err(DaemonError::NothingToDo { folder: absolute(&args.dir), broken: 0 }.into());
    }
    let site = site(invocation, args, &settings, &jobs)?;
    let units = if args.timer { timers(&site, &jobs)? } else { vec![daemon(&site, &absolute(&args.dir))] };
    let place = place(args)?;
    told_of_units(invocation, args, &site, &jobs);
    if args.print {
        let shown = units.iter().map(|unit| format!("# {}\n{}", place.join(&unit.name).display(), unit.text));
        Invocation::print(&shown.collect::<Vec<_>>().join("\n"))?;
        return Ok(Exit::Settled);
    }
    let mut protected = settings.protected.clone();
    for job in &jobs {
        protected = protected.and(job.protected());
    }
    write(&place, &units, &protected)?;
    // Not folded: a command that is broken in two is two commands to the shell.
    Invocation::print(&next(args, &place, &units))?;
    for stale in stale(&place, &absolute(&args.dir), &units) {
        let (systemctl, file) = (systemctl(args), place.join(&stale));
        let remove = if args.user { "rm" } else { "sudo rm" };
        invocation.warn(
            "install",
            format!(
                "{stale} of an earlier install for these jobs is still there and may still be on, and a job of two services is \
                 run twice; to put an end to it:\n  {systemctl} disable --now {stale} && {remove} {} && {systemctl} daemon-reload",
                file.display()
            ),
        );
    }
    Ok(Exit::Settled)
}

/// What whoever runs these units should know.
fn told_of_units(invocation: &Invocation, args: &InstallArgs, site: &Site, jobs: &[&Job]) {
    if let Manager::System { owner: (0, _) } = site.manager {
        let ledger = site.database.display();
        let message = format!(
            "root owns {ledger}, so the service runs as root: give the ledger and its folder to a user of their own and \
             install again, if that is not meant"
        );
        invocation.warn("install", message);
    }
    let ending: Vec<&str> =
        jobs.iter().filter(|job| job.rules.max_time.is_some()).map(|job| job.name.as_str()).collect();
    if args.timer && !ending.is_empty() {
        let message = format!(
            "{}: with max_time, systemd takes exit 8 for a success, also where it is a budget that is reached; `orgpull status` \
             and the journal say which",
            ending.join(", ")
        );
        invocation.warn("install", message);
    }
}

/// Units that orgpull wrote before for the jobs of this folder, and that are none of these.
fn stale(place: &Path, jobs: &Path, units: &[UnitFile]) -> Vec<String> {
    let jobs = jobs.to_string_lossy();
    let about_them = |text: &str| {
        text.match_indices(&*jobs).any(|(at, _)| {
            let behind = text[at + jobs.len()..].chars().next();
            behind.is_none_or(|c| matches!(c, '/' | '"' | ' ' | '\n'))
        })
    };
    let ours = |name: &str| {
        // A timer names no job: its service does.
        let service = place.join(name).with_extension("service");
        let text = disk::small(&service).unwrap_or_default();
        let started = text.lines().filter(|line| line.starts_with("ExecStart="));
        name.starts_with("orgpull") && text.starts_with(MARK) && started.into_iter().any(about_them)
    };
    let there = place.read_dir().into_iter().flatten().filter_map(Result::ok);
    let names = there.filter_map(|entry| entry.file_name().into_string().ok());
    let mut stale: Vec<String> =
        names.filter(|name| ours(name) && units.iter().all(|unit| unit.name != *name)).collect();
    stale.sort();
    stale
}

const fn systemctl(args: &InstallArgs) -> &'static str {
    if args.user { "systemctl --user" } else { "sudo systemctl" }
}

fn timers(site: &Site, jobs: &[&Job]) -> Result<Vec<UnitFile>, Failure> {
    let mut units = Vec::new();
    for job in jobs {
        let Some(schedule) = &job.schedule else { continue };
        let each =
            timer(site, &job.name, &job.path, schedule, job.rules.max_time.is_some()).ok_or_else(|| {
                Failure::Usage(format!(
                    "job {}: systemd knows no name for its time zone: leave --timer out",
                    job.name
                ))
            })?;
        units.extend(each);
    }
    Ok(units)
}

/// Where everything is, and what a service needs of it.
fn site(
    invocation: &Invocation,
    args: &InstallArgs,
    settings: &Settings,
    jobs: &[&Job],
) -> Result<Site, Failure> {
    let program = std::env::current_exe()
        .map_err(|e| Failure::Usage(format!("this program's own file cannot be found: {e}")))?;
    let database = absolute(&settings.database);
    let config = settings.path.as_deref().map(absolute);
    let mut reads = vec![folder_of(&program), absolute(&args.dir)];
    reads.extend(config.as_deref().map(folder_of));
    reads.extend(
        settings.accounts.values().flat_map(|account| &account.roots).map(|roots| folder_of(&roots.path)),
    );
    let mut writes = vec![there(folder_of(&database))?];
    for copy in &settings.privacy.keyring_copies {
        writes.push(there(folder_of(copy))?);
    }
    for job in jobs {
        if let Origin::Path(input) = &job.input.origin {
            reads.push(folder_of(input));
        }
        for output in &job.outputs {
            writes.push(there(plain(&output.path))?);
        }
    }
    let credentials = credentials(invocation, settings);
    let all = reads.iter().chain(&writes).chain(credentials.iter().map(|(_, path)| path)).chain([&program]);
    let odd = |path: &&PathBuf| path.to_str().is_none_or(|text| text.contains(char::is_control));
    if let Some(odd) = all.into_iter().find(odd) {
        let shown = odd.to_string_lossy().escape_debug().to_string();
        return Err(Failure::Usage(format!("systemd cannot be told of {shown}: its name is no plain text")));
    }
    for list in [&mut reads, &mut writes] {
        list.sort();
        list.dedup();
    }
    let manager = if args.user { Manager::User } else { Manager::System { owner: owner(&database)? } };
    Ok(Site { manager, program, config, database, reads, writes, credentials })
}

/// The files of secrets, each under the name by which it is handed over. Secrets that no service has are warned of.
fn credentials(invocation: &Invocation, settings: &Settings) -> Vec<(String, PathBuf)> {
    let mut secrets: Vec<(String, &Secret)> = Vec::new();
    for account in settings.accounts.values() {
        let requestor = account.requestor_id.as_ref().map(|id| ("requestor_id", id));
        let of_it = account.credentials.secrets().into_iter().chain(requestor);
        secrets.extend(
            of_it.map(|(what, secret)| (format!("the {what} of account `{}`", account.name), secret)),
        );
    }
    secrets.extend(settings.privacy.keys.iter().map(|key| ("the key of the ledger".to_owned(), key)));
    let mut credentials = Vec::new();
    for (what, secret) in secrets {
        match secret {
            Secret::File(path) => credentials.push((Secret::credential_name(path), path.clone())),
            Secret::Env(name) => invocation.warn(
                "install",
                format!(
                    "{what} is in the environment variable {name}, which no service has: put it into a file, and name that in \
                     the configuration"
                ),
            ),
            Secret::Command(_) | Secret::Simulated => {}
        }
    }
    credentials.sort();
    credentials.dedup();
    credentials
}

/// Who owns the ledger, or the folder that it will be in: the service is theirs.
fn owner(database: &Path) -> Result<(u32, u32), Failure> {
    let owned = std::fs::metadata(database).or_else(|_| std::fs::metadata(folder_of(database)));
    let owned = owned.map_err(|e| {
        Failure::Usage(format!("who owns {} cannot be told: {e}; nothing was written", database.display()))
    })?;
    Ok((owned.uid(), owned.gid()))
}

/// The folder of an output, as far as it is the same for each run.
fn plain(output: &Path) -> PathBuf {
    let folder = folder_of(output);
    folder.components().take_while(|part| !part.as_os_str().to_string_lossy().contains('{')).collect()
}

fn folder_of(path: &Path) -> PathBuf {
    absolute(path).parent().unwrap_or(Path::new("/")).to_owned()
}

/// A folder that is there: a service cannot be given what is not, and must not be given what lies above it.
fn there(folder: PathBuf) -> Result<PathBuf, Failure> {
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Failure::Usage(format!(
        "{} is not there, and the service is to write into it alone: make the folder first; nothing was written",
        folder.display()
    )))
}

fn place(args: &InstallArgs) -> Result<PathBuf, Failure> {
    if args.system {
        return Ok(PathBuf::from("/etc/systemd/system"));
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    let config = config.ok_or_else(|| {
        Failure::Usage("neither XDG_CONFIG_HOME nor HOME says where a user's units are".to_owned())
    })?;
    Ok(config.join("systemd/user"))
}

/// Writes all of them, or none where one of that name is somebody else's.
fn write(place: &Path, units: &[UnitFile], protected: &Protected) -> Result<(), Failure> {
    let failed = |path: &Path, e: std::io::Error| {
        Failure::Output(format!("{} cannot be written: {e}", path.display()))
    };
    for unit in units {
        let path = place.join(&unit.name);
        match disk::small(&path) {
            Ok(text) if !text.starts_with(MARK) => {
                return Err(Failure::Usage(format!(
                    "{} is there, and orgpull did not write it: move it away, or look at --print; nothing was written",
                    path.display()
                )));
            }
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(&path, e)),
            _ => {}
        }
    }
    let mut changes = Vec::new();
    for unit in units {
        let path = place.join(&unit.name);
        let refused = |error: PlaceError| Failure::Output(format!("{error}; nothing was written"));
        let found = disk::Place::of_ours(path.clone(), protected).map_err(refused)?;
        let mut draft = Draft::create(found, Mode::Public).map_err(refused)?;
        draft.write_all(unit.text.as_bytes()).map_err(|e| failed(&path, e))?;
        changes.push(Change::Put(draft.seal().map_err(refused)?));
    }
    disk::publish(changes).map_err(|error| Failure::Output(error.to_string()))
}

/// What was written, and what to type next; none of it is run.
fn next(args: &InstallArgs, place: &Path, units: &[UnitFile]) -> String {
    let systemctl = systemctl(args);
    let mut lines: Vec<String> =
        units.iter().map(|unit| place.join(&unit.name).display().to_string()).collect();
    let started: Vec<&str> = units
        .iter()
        .map(|unit| unit.name.as_str())
        .filter(|name| !args.timer || name.strip_suffix(".timer").is_some())
        .collect();
    lines.push("\nNext:".to_owned());
    lines.push(format!("  {systemctl} daemon-reload"));
    lines.push(format!("  {systemctl} enable --now {}", started.join(" ")));
    if args.user {
        lines.push("  loginctl enable-linger    # or it ends when you log out".to_owned());
    }
    lines.join("\n") + "\n"
}
