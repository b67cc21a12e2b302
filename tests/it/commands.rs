//! `catalogue` and `doctor`: what they tell, and what they exit with.

use crate::world::{CSV, REPORT, World, companies, numbers};

#[test]
fn the_catalogue_tells_a_service_in_full() {
    let world = World::new("");
    world.orgpull(&["catalogue"]).exits(0);
    let all = world.orgpull(&["catalogue"]).stdout;
    for name in ["creditsafe.getdata ", "dnb.company ", "bisnode.person-search ", "partner "] {
        assert!(all.contains(name), "{name}: {all}");
    }
    let one = world.orgpull(&["catalogue", "dnb.company"]).exits(0).stdout;
    for said in ["segments", "sole traders, in 10 digits", "Billed:", "451", "legal reasons"] {
        assert!(one.contains(said), "{said}: {one}");
    }
    let json = world.orgpull(&["catalogue", "creditsafe.getdata", "--json"]).exits(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["numbers"]["persons"], &json["params"][0]["required"]), (&12.into(), &true.into()));
    world.orgpull(&["catalogue", "dnb.compny"]).exits(2).says("did you mean `dnb.company`?");
}

#[test]
fn doctor_finds_all_well_and_costs_nothing() {
    let world = World::new("").provider("dnb", "");
    let ran = world.orgpull(&["doctor"]).exits(0);
    for said in [
        "configuration",
        "creditsafe credentials",
        "dnb credentials",
        "none yet",
        "disk",
        "/getdata/health answers with status 200",
        "clock",
    ] {
        assert!(ran.stdout.contains(said), "{said}: {}", ran.stdout);
    }
    assert!(world.bill().is_empty() && world.logins().is_empty(), "nothing that costs or counts");
    assert!(world.stats().health == 5);
    world.job("job", &[&numbers(&companies(1)), REPORT, CSV]);
    world.run(&[]).exits(0);
    let ran = world.orgpull(&["doctor"]).exits(0);
    assert!(ran.stdout.contains("is whole"), "{}", ran.stdout);
}

#[test]
fn doctor_tells_each_fault_and_no_secret() {
    let world = World::new("[[fault]]\nservice = 'health'\ndo = 'status'\nstatus = 503\n");
    let ran = world.orgpull(&["doctor"]).exits(10);
    assert!(ran.stdout.contains("fault    creditsafe upstream"), "{}", ran.stdout);
    // A run goes on where somebody is there.
    world.scenario("[[fault]]\nservice = 'health'\ndo = 'html'\nstatus = 404\n");
    let ran = world.orgpull(&["doctor"]).exits(0);
    assert!(ran.stdout.contains("warning  creditsafe upstream"), "{}", ran.stdout);
    std::fs::remove_file(world.path("password")).unwrap();
    let ran = world.orgpull(&["doctor"]).exits(3);
    assert!(ran.stdout.contains("password: the secret file"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("a user key"), "{}", ran.stdout);
    world.write("orgpull.db", "no database at all, but long enough to be taken for one by its size");
    world.orgpull(&["doctor"]).exits(6);
}
