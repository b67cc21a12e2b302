//! Who may read an output: its mode and its group, in folders that are made for it; and that it stays where the job has it,
//! whatever is linked there or written into the ledger.

use crate::machine::{BINARY, Process, command, skipped};
use crate::world::{CSV, REPORT, World, companies};
use orgpull::time::{now_ms, stockholm_date};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// A user and a group who are nobody, by custom.
const NOBODY: u32 = 65_534;
const PRECIOUS: &str = "precious";

/// A world with a job over a company and a number that is mistyped, and with these outputs.
fn world(outputs: &str) -> World {
    let world = World::new("");
    world.write("numbers.csv", &format!("orgnr,kund\n{},K1\n556012-5791,K2\n", companies(1)[0]));
    world.job(
        "job",
        &["[input]\npath = 'numbers.csv'\ncolumn = 'orgnr'\ncarry = ['kund']\n", REPORT, outputs],
    );
    world
}

fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|me| me.uid() == 0)
}

/// Mode and group of what stands there.
fn readers(world: &World, file: &str) -> (u32, u32) {
    let about = world.path(file).symlink_metadata().unwrap();
    (about.permissions().mode() & 0o7777, about.gid())
}

#[test]
fn an_output_has_the_mode_and_the_group_that_its_job_says_whatever_the_umask() {
    let own = Path::new("/proc/self").metadata().unwrap().gid();
    // Root gives to any group; others only to their own, which a file has anyway.
    let group = if is_root() { NOBODY } else { own };
    for umask in ["000", "027", "077"] {
        let world = world(&format!(
            "[[output]]\npath = 'new/for/x.csv'\nmode = '0640'\ngroup = {group}\n\
             [[output]]\npath = 'new/for/changes.csv'\nchanges = true\nmode = '664'\ngroup = '{group}'\n\
             [[output]]\npath = 'new/for/private.csv'\n\
             [[output]]\npath = 'mine/x.jsonl'\nmode = '0644'\n\
             [[output]]\npath = 'mine/x.json'\ngroup = {group}\n"
        ));
        let line = format!("umask {umask}; exec \"$0\" \"$@\"");
        let run = ["-c", &line, BINARY, "run", "job.toml", "--summary-json", "summary.json"];
        let check = world.orgpull(&["check", "job.toml"]).exits(0).says("1 warning");
        assert_eq!(check.said().matches("cannot read it (mode 0600)").count(), 1, "{}", check.stderr);
        let ended = Process::of(&mut command(&world, "sh", &run)).ends();
        assert_eq!(ended.exit, Some(0), "{}", ended.stderr);
        for (file, mode, group) in [
            ("new", 0o750, group),
            ("new/for", 0o750, group),
            ("new/for/x.csv", 0o640, group),
            ("new/for/x.rejects.csv", 0o640, group),
            ("new/for/changes.csv", 0o664, group),
            ("new/for/private.csv", 0o600, own),
            // Made for what a group reads, though another output stands before it.
            ("mine", 0o750, group),
            ("mine/x.jsonl", 0o644, own),
            ("mine/x.json", 0o600, group),
            ("summary.json", 0o600, own),
            ("orgpull.db", 0o600, own),
            ("orgpull.db.keyring", 0o600, own),
            ("orgpull.key", 0o600, own),
        ] {
            assert_eq!(readers(&world, file), (mode, group), "{file} under {umask}");
        }
        // What is there already keeps its own, and a file that is written again has what the job says now.
        fs::set_permissions(world.path("new"), Permissions::from_mode(0o710)).unwrap();
        world.write("job.toml", &world.read("job.toml").replace("'0640'", "'0600'"));
        world.orgpull(&["export", "job"]).exits(0);
        assert_eq!(readers(&world, "new").0, 0o710);
        assert_eq!(readers(&world, "new/for/x.csv"), (0o600, group));
        assert_eq!(readers(&world, "new/for/x.rejects.csv"), (0o600, group));
    }
}

#[test]
fn a_group_that_is_not_there_or_not_ours_is_told_before_anything_is_sent() {
    let refused = |world: &World, setpriv: &[&str], says: &str| {
        for arguments in [["check", "job.toml"], ["plan", "job.toml"], ["run", "job.toml"]] {
            let words = [setpriv, &[BINARY], &arguments].concat();
            let ended = Process::of(&mut command(world, words[0], &words[1..])).ends();
            let told = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(ended.exit == Some(3) && told.contains(says), "{arguments:?}: {}", ended.stderr);
        }
        assert_eq!((world.stats().arrivals, world.logins().len()), (0, 0));
        assert!(!world.path("new").exists(), "no folder is made");
    };
    for group in ["'no-such-group'", "999999999", "'3999999999'"] {
        let world = world(&format!("[[output]]\npath = 'new/x.csv'\nmode = '0640'\ngroup = {group}\n"));
        refused(&world, &[], "there is no group");
    }
    if !is_root() {
        return skipped("a group of others takes root to leave it");
    }
    let world = world("[[output]]\npath = 'new/x.csv'\nmode = '0640'\ngroup = 'root'\n");
    for entry in fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().path()) {
        std::os::unix::fs::lchown(entry, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    std::os::unix::fs::chown(world.path(""), Some(NOBODY), Some(NOBODY)).unwrap();
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    refused(&world, &nobody, "is not in group `root`");
}

#[test]
fn an_output_is_written_through_no_link() {
    let day = "{date}/x.csv";
    for (path, link, to) in [
        ("out.csv", "out.csv", "victim"),
        ("out.csv", "out.csv", "nowhere"),
        ("out/{job}.csv", "out/job.csv", "../victim"),
        ("out/{job}/x.csv", "out/job", "../elsewhere"),
        ("out/{job}/new/x.csv", "out/job", "../elsewhere"),
        (day, "today", "elsewhere"),
    ] {
        let world = world(&CSV.replace("out.csv", path));
        world.write("victim", PRECIOUS);
        fs::create_dir_all(world.path("elsewhere/new")).unwrap();
        fs::create_dir(world.path("out")).unwrap();
        let link = link.replace("today", &stockholm_date(now_ms()).to_string());
        symlink(to, world.path(&link)).unwrap();
        for (arguments, exit) in
            [(["check", "job.toml"], 3), (["plan", "job.toml"], 7), (["run", "job.toml"], 7)]
        {
            world.orgpull(&arguments).exits(exit).says("is a link, and no output is written through one");
        }
        assert_eq!((world.read("victim").as_str(), world.stats().arrivals), (PRECIOUS, 0), "{path}");
        assert!(world.path(&link).is_symlink() && !world.path("nowhere").exists(), "{path}");
        assert_eq!(fs::read_dir(world.path("elsewhere/new")).unwrap().count(), 0, "{path}");
        assert_eq!(fs::read_dir(world.path("elsewhere")).unwrap().count(), 1, "{path}");
    }
}

/// The folder that the job names itself may be a link: somebody has chosen it.
#[test]
fn a_folder_that_the_job_names_may_be_reached_through_a_link_of_ones_own() {
    let world = world(&CSV.replace("out.csv", "share/{job}/x.csv"));
    fs::create_dir(world.path("disk")).unwrap();
    symlink("disk", world.path("share")).unwrap();
    world.run(&[]).exits(0);
    assert!(world.read("disk/job/x.csv").contains("hit"));
}

/// What is in a ledger in clear can be changed by who can write it. It leads nobody out of the folder.
#[test]
fn no_name_in_the_ledger_leads_an_output_elsewhere() {
    let world = world(&CSV.replace("out.csv", "out/{job}-{date}.csv"));
    world.run(&[]).exits(0);
    world.write("victim.csv", PRECIOUS);
    fs::create_dir(world.path("elsewhere")).unwrap();
    let before = fs::read_dir(world.path("out")).unwrap().count();
    let victim = world.path("victim.csv");
    world.change(format!("UPDATE outputs SET path = '{}'", victim.display()).leak());
    world.orgpull(&["export", "latest"]).exits(0);
    assert_eq!(world.read("victim.csv"), PRECIOUS);
    world.change("UPDATE runs SET job = '../elsewhere/x'");
    let told = world.orgpull(&["export", "latest"]).exits(0);
    assert!(fs::read_dir(world.path("elsewhere")).unwrap().next().is_none(), "{}", told.stderr);
    assert!(fs::read_dir(world.path("out")).unwrap().count() > before);
}

/// Neither the input nor anything but the run's own four words is filled into a path.
#[test]
fn no_carried_value_and_no_step_upwards_is_filled_into_a_path() {
    for (path, says) in [
        ("out/{kund}.csv", "`{kund}` is not known here"),
        ("out/{orgnr}/x.csv", "`{orgnr}` is not known here"),
        ("out/{job}/../x.csv", "leads out of the folder"),
        ("out/{date}/../../x.csv", "leads out of the folder"),
    ] {
        let world = world(&CSV.replace("out.csv", path));
        for command in ["check", "plan", "run"] {
            world.orgpull(&[command, "job.toml"]).exits(3).says(says);
        }
        assert_eq!(world.stats().arrivals, 0);
    }
}
