//! Pages that are not the provider's, over more than one invocation. One invocation each: `scenarios::pages_…`.

use super::world::{CSV, REPORT, World, companies, numbers};

fn world(rows: usize) -> World {
    let world = World::new("");
    world.job("job", &[&numbers(&companies(rows)), REPORT, CSV]);
    world
}

#[test]
fn a_continued_run_that_has_answers_counts_as_having_some() {
    let world = world(4);
    world.run(&["--max-calls", "1"]).exits(8);
    world.scenario("[[fault]]\ndo = 'html'\nstatus = 403\ntimes = 1\n");
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.outcome("hit"), ran.number("calls"), ran.text("cost")), (4, 5, "12.80"));
}

#[test]
fn a_run_whose_answers_are_all_reused_has_none_of_its_own() {
    let world = world(2);
    world.run(&[]).exits(0);
    world.job("job", &[&numbers(&companies(4)), REPORT, CSV]);
    world.scenario("[[fault]]\ndo = 'html'\nstatus = 403\ntimes = 1\n");
    let ran = world.run(&[]).exits(3).says("is stopped (403)");
    assert_eq!((ran.outcome("hit"), ran.number("reused"), ran.number("pending")), (2, 2, 2));
    assert_eq!(world.run(&[]).exits(0).outcome("hit"), 4, "it goes on once that is mended");
}

#[test]
fn one_page_in_a_hundred_rows_stops_no_night() {
    for page in [
        "do = 'html'\nstatus = 403",
        "do = 'redirect'",
        "do = 'html'\nstatus = 400",
        "do = 'html'\nstatus = 404",
    ] {
        let world = world(60).account("concurrency = 4");
        world.scenario(&format!("[[fault]]\n{page}\nafter = 5\ntimes = 1\n"));
        let ran = world.run(&[]).exits(0);
        assert_eq!((ran.outcome("hit"), ran.number("calls"), ran.number("retries")), (60, 61, 1), "{page}");
    }
}

#[test]
fn a_row_does_not_meet_pages_for_ever_however_often_its_run_is_continued() {
    let world = World::new("[[fault]]\ndo = 'html'\nstatus = 403\nafter = 1\n");
    world.job("job", &[&numbers(&companies(7)), REPORT, CSV, "[run]\nattempts = 2\n"]);
    let ran = world.run(&[]).exits(3);
    assert_eq!((ran.number("pending"), ran.text("cost")), (6, "3.20"));
    let mut exits = vec![];
    while exits.len() < 9 && exits.last() != Some(&4) {
        exits.push(world.run(&[]).exit);
    }
    assert_eq!(exits.last(), Some(&4), "{exits:?}");
    assert_eq!(world.orgpull(&["retry", "job"]).exit, 3, "the word of a person begins anew");
}
