//! `schedule install`: units that systemd takes.

use crate::world::{CSV, REPORT, World, companies, numbers};
use std::fs;
use std::process::Command;

const NIGHTLY: &str = "[schedule]\ncron = ['30 2 * * *', '0 3 13 * 5']\njitter = '5m'\n";

fn world() -> World {
    let world = World::new("");
    fs::create_dir(world.path("jobs")).unwrap();
    world.job("nightly", &[&numbers(&companies(1)), REPORT, CSV, NIGHTLY]);
    fs::rename(world.path("nightly.toml"), world.path("jobs/nightly.toml")).unwrap();
    world
}

/// `systemd-analyze verify`, where there is one.
fn verified(world: &World, units: &str) {
    let folder = world.path("units");
    let _ = fs::create_dir(&folder);
    let mut files = Vec::new();
    for unit in units.split("# /etc/systemd/system/").skip(1) {
        let (name, text) = unit.split_once('\n').unwrap();
        let file = folder.join(name);
        fs::write(&file, text).unwrap();
        files.push(file);
    }
    assert!(!files.is_empty(), "{units}");
    match Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&files).output() {
        Ok(told) => {
            let said = String::from_utf8_lossy(&told.stderr);
            let ours =
                said.lines().filter(|line| line.contains("orgpull") && !line.contains("network-online"));
            assert_eq!(ours.collect::<Vec<_>>(), Vec::<&str>::new(), "{said}");
        }
        Err(error) => println!("not verified, for want of systemd-analyze: {error}"),
    }
}

#[test]
fn the_units_are_ones_that_systemd_takes() {
    let world = world();
    let print = ["schedule", "install", "--systemd", "--system", "--print"];
    let daemon = world.orgpull(&print).exits(0).stdout;
    for line in ["Type=notify", "WatchdogSec=", "ProtectSystem=strict", "NoNewPrivileges=yes", "UMask=0077"] {
        assert!(daemon.contains(line), "{line} is not in\n{daemon}");
    }
    assert_eq!(daemon.matches("LoadCredential=").count(), 2, "{daemon}");
    assert!(!daemon.contains("a password"));
    verified(&world, &daemon);
    let timers = world.orgpull(&[&print[..], &["--timer"]].concat()).exits(0).stdout;
    assert!(
        timers.contains("Persistent=true")
            && timers.contains("OnCalendar=Fri *-*-* 03:00:00 Europe/Stockholm")
    );
    verified(&world, &timers);
    assert!(!world.path(".config").exists(), "printing writes nothing");
}

#[test]
fn what_somebody_else_wrote_is_left_alone() {
    let world = world();
    let install = ["schedule", "install", "--systemd", "--user"];
    world.orgpull(&install).exits(0).says("systemctl --user enable --now orgpull.service");
    world.orgpull(&install).exits(0);
    let unit = ".config/systemd/user/orgpull.service";
    assert!(world.read(unit).contains("ProtectHome="));
    world.write(unit, "[Unit]\n");
    world.orgpull(&install).exits(2).says("did not write it");
    assert_eq!(world.read(unit), "[Unit]\n");
    world.orgpull(&["schedule", "install", "--systemd"]).exits(2);
    world.orgpull(&["schedule", "install"]).exits(2).says("--user");
    fs::remove_file(world.path("jobs/nightly.toml")).unwrap();
    world.orgpull(&install).exits(3);
}

#[test]
fn a_service_writes_only_into_folders_that_are_there_and_old_units_are_named() {
    let world = world();
    let install = ["schedule", "install", "--systemd", "--user"];
    let csv = CSV.replace("out.csv", "deep/er/{date}/out.csv");
    world.job("nightly", &[&numbers(&companies(1)), REPORT, &csv, NIGHTLY]);
    fs::rename(world.path("nightly.toml"), world.path("jobs/nightly.toml")).unwrap();
    world.orgpull(&install).exits(2).says("make the folder first");
    assert!(!world.path(".config").exists());
    fs::create_dir_all(world.path("jobs/deep/er")).unwrap();
    let told = world.orgpull(&[&install[..], &["--print"]].concat()).exits(0).stdout;
    let written: Vec<&str> = told.lines().filter(|line| line.starts_with("ReadWritePaths=")).collect();
    assert!(written.iter().any(|line| line.trim_end_matches('"').ends_with("jobs/deep/er")), "{told}");
    assert!(written.iter().all(|line| !line.ends_with("=\"/\"") && !line.ends_with("=/")), "{told}");
    world.orgpull(&install).exits(0);
    let timers = world.orgpull(&[&install[..], &["--timer"]].concat()).exits(0);
    assert!(timers.stderr.contains("disable --now orgpull.service"), "{}", timers.stderr);
    world.orgpull(&install).exits(0).says("disable --now orgpull-nightly.timer");
}

/// `--systemd` is taken and not needed. A service says who runs it, root too; a budget's stop is a success only where the
/// night's end is one, and then it is said.
#[test]
fn a_unit_says_who_runs_it_and_what_counts_as_success() {
    use std::os::unix::fs::MetadataExt;
    let world = world();
    let install = ["schedule", "install", "--system", "--print"];
    let told = world.orgpull(&install).exits(0);
    assert_eq!(
        told.stdout,
        world.orgpull(&["schedule", "install", "--systemd", "--system", "--print"]).stdout
    );
    let root = fs::metadata(world.path("jobs")).unwrap().uid() == 0;
    let user = told.stdout.lines().find(|line| line.starts_with("User=")).unwrap().to_owned();
    assert_eq!(
        (user == "User=root", told.stderr.contains("the service runs as root")),
        (root, root),
        "{user}"
    );

    let timers = || world.orgpull(&["schedule", "install", "--user", "--timer", "--print"]).exits(0);
    let told = timers();
    assert!(
        told.stdout.contains("Exit 8, a budget is reached, is a failure") && told.stderr.is_empty(),
        "{}",
        told.said()
    );
    assert!(!told.stdout.contains("SuccessExitStatus"), "{}", told.stdout);
    let nights = format!("{NIGHTLY}[run]\nmax_time = '4h'\n");
    world.job("nightly", &[&numbers(&companies(1)), REPORT, CSV, &nights]);
    fs::rename(world.path("nightly.toml"), world.path("jobs/nightly.toml")).unwrap();
    let told = timers();
    assert!(
        told.stdout.contains("SuccessExitStatus=8\n") && told.stdout.contains("or a budget is reached"),
        "{}",
        told.stdout
    );
    told.says("nightly: with max_time, systemd takes exit 8 for a success");
}

#[test]
fn a_secret_is_taken_from_where_systemd_puts_it() {
    let world = world();
    let unit = world.orgpull(&["schedule", "install", "--systemd", "--system", "--print"]).exits(0).stdout;
    fs::create_dir(world.path("credentials")).unwrap();
    for line in unit.lines().filter_map(|line| line.strip_prefix("LoadCredential=")) {
        let (name, file) = line.split_once(':').unwrap();
        fs::rename(file, world.path("credentials").join(name)).unwrap();
    }
    world.orgpull(&["login"]).exits(3);
    let mut login = world.command(&["login"]);
    let ended = login.env("CREDENTIALS_DIRECTORY", world.path("credentials")).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// The ledger's key too.
#[test]
fn the_key_of_the_ledger_is_taken_from_there_as_well() {
    let world = world();
    world.orgpull(&["key", "new", "--to", "master.key"]).exits(0);
    let configuration = world.read("orgpull.toml");
    world.write("orgpull.toml", &format!("{configuration}\n[privacy]\nkey = {{ file = 'master.key' }}\n"));
    let unit = world.orgpull(&["schedule", "install", "--systemd", "--system", "--print"]).exits(0).stdout;
    let credentials = unit.lines().filter_map(|line| line.strip_prefix("LoadCredential="));
    let (name, file) = credentials
        .filter_map(|line| line.split_once(':'))
        .find(|(_, file)| file.ends_with("master.key"))
        .unwrap();
    fs::create_dir(world.path("credentials")).unwrap();
    fs::rename(file, world.path("credentials").join(name)).unwrap();
    let pause = ["pause", "nightly"];
    world.orgpull(&pause).exits(6).says("master.key cannot be read");
    let ended =
        world.command(&pause).env("CREDENTIALS_DIRECTORY", world.path("credentials")).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(!world.path("orgpull.key").exists());
}
