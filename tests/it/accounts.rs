//! The books: what was spent, and the provider's own statement held against the ledger.

use crate::world::{CSV, REPORT, SIGNATORIES, World, companies, numbers};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn what_was_spent_is_the_bill_however_it_is_added_up() {
    let world = World::new("");
    world.job("job", &["cost_centre = '4711'\n", &numbers(&companies(3)), REPORT, CSV]);
    world.job("other", &[&numbers(&companies(2)), SIGNATORIES, &CSV.replace("out.csv", "other.csv")]);
    world.orgpull(&["spend"]).exits(6).says("there is no ledger");
    world.run(&[]).exits(0);
    world.pull(&["run", "other.toml"]).exits(0);
    for (by, keys) in [
        ("job", vec![("job", "9.60"), ("other", "12.00")]),
        ("service", vec![("creditsafe.getdata", "9.60"), ("creditsafe.getsignatory", "12.00")]),
        ("cost-centre", vec![("", "12.00"), ("4711", "9.60")]),
    ] {
        let spent = json(&world.orgpull(&["spend", "--by", by, "--json"]).exits(0).stdout);
        let key = by.replace('-', "_");
        let rows: Vec<_> = spent["rows"].as_array().unwrap().iter().collect();
        let said: Vec<_> = (rows.iter())
            .map(|row| (row[&key].as_str().unwrap_or_default(), row["cost"].as_str().unwrap()))
            .collect();
        assert_eq!(said, keys);
        assert_eq!((&spent["total"]["cost"], &spent["total"]["calls"]), (&"21.60".into(), &5.into()), "{by}");
        assert_eq!(spent["total"]["spent_unknown"], "0.00");
    }
    let csv = world.orgpull(&["spend", "--by", "month", "--csv"]).exits(0).stdout;
    assert!(csv.starts_with("month,calls,answered,unknown,cost,spent_unknown,letters\n"), "{csv}");
    assert_eq!(csv.lines().count(), 2, "{csv}");
    world.orgpull(&["spend"]).exits(0).says("total 5 5 0 21.60 SEK");
    let before = world.orgpull(&["spend", "--until", "2020-01-01", "--json"]).exits(0).stdout;
    assert_eq!(json(&before)["total"]["calls"], 0);
    world.orgpull(&["spend", "--since", "yesterday"]).exits(2);
    assert_eq!(world.orgpull(&["spend", "-q"]).exits(0).stdout, "");
}

#[test]
fn a_lost_answer_counts_as_spent_and_is_told_apart() {
    let world = World::new("[[fault]]\ndo = 'cut'\nafter = 1\ntimes = 1");
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
    let ran = world.run(&[]);
    assert_eq!(ran.outcome("unknown"), 1, "{}", ran.said());
    let spent = json(&world.orgpull(&["spend", "--json"]).exits(0).stdout);
    let total = &spent["total"];
    assert_eq!([&total["cost"], &total["spent_unknown"]], ["9.60", "3.20"]);
    assert_eq!([&total["calls"], &total["answered"], &total["unknown"]], [3, 2, 1]);
}
