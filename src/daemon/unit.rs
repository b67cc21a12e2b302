//! What systemd is given: one service for the daemon, or a service and a timer a job. Pure text.

use crate::domain::schedule::{Missed, Schedule};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The first line of every file that we write: one without it is somebody else's.
pub const MARK: &str =
    "# Written by `orgpull schedule install`, and written anew by it: change it with `systemctl edit`.";

/// Which systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// The machine's.
    System {
        /// Owner and group of the ledger, who run the service.
        owner: (u32, u32),
    },
    /// A user's own.
    User,
}

/// What all units have in common: where things are, absolute.
#[derive(Debug, Clone)]
pub struct Site {
    /// Which systemd.
    pub manager: Manager,
    /// The program.
    pub program: PathBuf,
    /// The configuration, where there is one.
    pub config: Option<PathBuf>,
    /// The ledger.
    pub database: PathBuf,
    /// Folders that are read.
    pub reads: Vec<PathBuf>,
    /// Folders that are written into.
    pub writes: Vec<PathBuf>,
    /// Secrets' files, each under the name by which it is handed over.
    pub credentials: Vec<(String, PathBuf)>,
}

/// A unit's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFile {
    /// Its name, without folder.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// The service of the daemon over a folder of jobs.
pub fn daemon(site: &Site, jobs: &Path) -> UnitFile {
    let mut text = head(site, "orgpull: runs jobs when they are due");
    text.push_str("[Service]\nType=notify\nNotifyAccess=main\n");
    let _ = writeln!(text, "ExecStart={} schedule {} --grace 60s", command(site), quoted(jobs, true));
    text.push_str(
        "ExecReload=/bin/kill -HUP $MAINPID\nRestart=on-failure\nRestartSec=30s\n\
         # A mistake in a file or on the command line is not mended by starting again.\n\
         RestartPreventExitStatus=2 3\n\
         # A newer version copies and migrates a large ledger before it is ready; killed, it would begin anew.\n\
         TimeoutStartSec=infinity\nWatchdogSec=120s\nTimeoutStopSec=120s\n",
    );
    text.push_str(&hardening(site));
    let wanted = if site.manager == Manager::User { "default.target" } else { "multi-user.target" };
    let _ = write!(text, "\n[Install]\nWantedBy={wanted}\n");
    UnitFile { name: "orgpull.service".to_owned(), text }
}

/// Service and timer of one job; `None` if its zone has no name that systemd knows. `max_time` is whether its nights end
/// by the clock: then exit 8 is what they are meant to end with.
pub fn timer(
    site: &Site,
    job: &str,
    path: &Path,
    schedule: &Schedule,
    max_time: bool,
) -> Option<[UnitFile; 2]> {
    let zone = schedule.zone.iana_name()?;
    let mut service = head(site, &format!("orgpull: {job}"));
    service.push_str("[Service]\nType=oneshot\n");
    let _ = writeln!(service, "ExecStart={} run {} --progress none", command(site), quoted(path, true));
    service.push_str(if max_time {
        "# Exit 8: the night's max_time is over, or a budget is reached, which looks the same to systemd: a success. What is\n\
         # left stays pending and the next fire goes on; `orgpull status` and the journal say which of the two it was.\n\
         SuccessExitStatus=8\n"
    } else {
        "# Exit 8, a budget is reached, is a failure to systemd: what is left stays pending until a budget allows it.\n"
    });
    service.push_str("TimeoutStartSec=infinity\nTimeoutStopSec=120s\n");
    service.push_str(&hardening(site));
    let mut timer = format!("{MARK}\n[Unit]\nDescription=orgpull: when {job} is due\n\n[Timer]\n");
    for line in schedule.lines.iter().flat_map(|line| line.on_calendar(zone)) {
        let _ = writeln!(timer, "OnCalendar={line}");
    }
    let _ = writeln!(timer, "Persistent={}", schedule.missed == Missed::RunOnce);
    timer.push_str("AccuracySec=1s\n");
    if !schedule.jitter.is_zero() {
        let _ = writeln!(timer, "RandomizedDelaySec={}ms", schedule.jitter.as_millis());
    }
    timer.push_str("\n[Install]\nWantedBy=timers.target\n");
    let name = |ending: &str| format!("orgpull-{job}.{ending}");
    Some([UnitFile { name: name("service"), text: service }, UnitFile { name: name("timer"), text: timer }])
}

fn head(site: &Site, description: &str) -> String {
    let mut text = format!("{MARK}\n[Unit]\nDescription={description}\n");
    if site.manager != Manager::User {
        text.push_str("Wants=network-online.target\nAfter=network-online.target\n");
    }
    text.push('\n');
    text
}

fn command(site: &Site) -> String {
    let mut words = vec![quoted(&site.program, true)];
    for (flag, path) in [("--config", site.config.as_deref()), ("--database", Some(site.database.as_path()))]
    {
        words.extend(path.into_iter().flat_map(|path| [flag.to_owned(), quoted(path, true)]));
    }
    words.join(" ")
}

fn hardening(site: &Site) -> String {
    let mut text = String::new();
    if let Manager::System { owner: (user, group) } = site.manager {
        let name = |id: u32| if id == 0 { "root".to_owned() } else { id.to_string() };
        let _ = writeln!(text, "User={}\nGroup={}", name(user), name(group));
    }
    for (name, file) in &site.credentials {
        // Read to the end of the line: no quotes.
        let _ = writeln!(text, "LoadCredential={name}:{}", file.display().to_string().replace('%', "%%"));
    }
    text.push_str(
        "UMask=0077\nNoNewPrivileges=yes\nPrivateTmp=yes\nProtectSystem=strict\nLockPersonality=yes\n\
         MemoryDenyWriteExecute=yes\nRestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\nRestrictNamespaces=yes\n\
         RestrictRealtime=yes\nRestrictSUIDSGID=yes\nSystemCallArchitectures=native\n\
         SystemCallFilter=@system-service\n",
    );
    if site.manager != Manager::User {
        text.push_str(
            "CapabilityBoundingSet=\nPrivateDevices=yes\nProtectClock=yes\nProtectControlGroups=yes\n\
             ProtectHostname=yes\nProtectKernelLogs=yes\nProtectKernelModules=yes\nProtectKernelTunables=yes\n",
        );
    }
    text.push_str(&homes(site));
    for folder in &site.writes {
        let _ = writeln!(text, "ReadWritePaths={}", quoted(folder, false));
    }
    text
}

/// No home is seen; but what lies in one is let in by itself.
fn homes(site: &Site) -> String {
    let read = site.reads.iter().map(|path| ("BindReadOnlyPaths", path));
    let written = site.writes.iter().map(|path| ("BindPaths", path));
    let inside: Vec<_> = read.chain(written).filter(|(_, path)| is_in_a_home(path)).collect();
    if inside.is_empty() {
        return "ProtectHome=yes\n".to_owned();
    }
    let mut text = "ProtectHome=tmpfs\n".to_owned();
    for (key, path) in inside {
        let _ = writeln!(text, "{key}={}", quoted(path, false));
    }
    text
}

fn is_in_a_home(path: &Path) -> bool {
    ["/home", "/root", "/run/user"].iter().any(|home| path.starts_with(home))
}

/// A path as systemd reads it back, in a command also without its variables.
fn quoted(path: &Path, in_command: bool) -> String {
    let mut text = path.display().to_string().replace('%', "%%").replace('\\', "\\\\").replace('"', "\\\"");
    if in_command {
        text = text.replace('$', "$$");
    }
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cron::CronLine;
    use crate::domain::schedule::Overlap;
    use jiff::tz::TimeZone;
    use std::time::Duration;

    fn site(manager: Manager) -> Site {
        Site {
            manager,
            program: "/usr/local/bin/orgpull".into(),
            config: Some("/etc/orgpull/orgpull.toml".into()),
            database: "/srv/100 % $new/orgpull.db".into(),
            reads: vec!["/etc/orgpull".into()],
            writes: vec!["/srv/100 % $new".into()],
            credentials: vec![("user.0123".to_owned(), "/etc/orgpull/user".into())],
        }
    }

    #[test]
    fn the_daemons_service() {
        let unit = daemon(&site(Manager::System { owner: (990, 991) }), Path::new("/srv/jobs"));
        insta::assert_snapshot!("daemon_service", unit.text);
        let unit = daemon(&site(Manager::User), Path::new("/srv/jobs"));
        assert!(unit.text.contains("WantedBy=default.target") && !unit.text.contains("User="));
    }

    #[test]
    fn what_lies_in_a_home_is_let_in_by_itself() {
        let mut site = site(Manager::User);
        assert!(homes(&site).starts_with("ProtectHome=yes"));
        site.reads.push("/home/anna/jobs".into());
        site.writes.push("/home/anna/out".into());
        let text = homes(&site);
        assert!(text.contains("ProtectHome=tmpfs\nBindReadOnlyPaths=\"/home/anna/jobs\""), "{text}");
        assert!(text.contains("BindPaths=\"/home/anna/out\"") && !text.contains("/etc"), "{text}");
    }

    #[test]
    fn a_jobs_service_and_timer() {
        let mut schedule = Schedule {
            lines: vec![CronLine::parse("30 2 * * *").unwrap(), CronLine::parse("0 3 13 * 5").unwrap()],
            zone: TimeZone::get("Europe/Stockholm").unwrap(),
            overlap: Overlap::Skip,
            missed: Missed::RunOnce,
            catch_up: Duration::from_hours(168),
            jitter: Duration::from_mins(5),
            pause_after: None,
        };
        let system = site(Manager::System { owner: (0, 0) });
        let units = timer(&system, "nightly", Path::new("/srv/jobs/nightly.toml"), &schedule, false).unwrap();
        assert_eq!(
            units.each_ref().map(|unit| &*unit.name),
            ["orgpull-nightly.service", "orgpull-nightly.timer"]
        );
        insta::assert_snapshot!("job_units", format!("{}\n{}", units[0].text, units[1].text));
        assert!(!units[0].text.contains("SuccessExitStatus"), "a budget that is reached is no success");
        schedule.missed = Missed::Skip;
        let [ends, skips] = timer(&system, "nightly", Path::new("/n.toml"), &schedule, true).unwrap();
        assert!(skips.text.contains("Persistent=false"));
        assert!(ends.text.contains("a budget is reached, which looks the same to systemd"), "{}", ends.text);
        assert!(ends.text.contains("\nSuccessExitStatus=8\n"), "{}", ends.text);
        schedule.zone = TimeZone::fixed(jiff::tz::offset(3));
        assert!(timer(&system, "nightly", Path::new("/n.toml"), &schedule, false).is_none());
    }
}
