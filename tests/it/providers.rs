//! Providers that are not Creditsafe: D&B Nordic, Bisnode, the partner API, and one that a user describes.

use crate::world::{CSV, REPORT, World, companies, numbers, people};

/// Data about a company at D&B.
const COMPANY: &str = "[[lookup]]\nid = 'dnb'\nservice = 'dnb.company'\n";
/// What keeps the segment that is asked for from posting letters.
const BASIC: &str = "no_letters = ['company:COMPANY_INFORMATION']";

/// An account at D&B, and three companies to ask about.
fn dnb(scenario: &str) -> World {
    let world = World::new(scenario).provider("dnb", BASIC);
    world.job("job", &[&numbers(&companies(3)), COMPANY, CSV]);
    world
}

#[test]
fn a_company_at_dnb() {
    let world = dnb("");
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.outcome("hit"), ran.text("cost"), ran.number("logins")), (3, "27.00", 1));
    assert!(world.bill().iter().all(|entry| entry.service == "dnb.company"));
    world.run(&[]).exits(0);
    assert_eq!(world.bill().len(), 3, "bought once");
}

#[test]
fn creditsafe_and_dnb_side_by_side() {
    let world = World::new("").provider("dnb", BASIC);
    world.job("job", &[&numbers(&companies(4)), REPORT, COMPANY, CSV]);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.outcome("hit"), ran.text("cost")), (8, "48.80"));
    assert_eq!((world.logins().len(), ran.number("logins")), (2, 2), "each account has a token of its own");
    let of = |service: &str| world.bill().iter().filter(|entry| entry.service == service).count();
    assert_eq!((of("getdata"), of("dnb.company")), (4, 4));
}

#[test]
fn one_accounts_login_that_is_refused_is_told_by_its_name() {
    let world = dnb("[login]\nrefuse = true\n");
    let ran = world.run(&[]).exits(5).says("invalid_client").says("orgpull login");
    assert_eq!((ran.text("state"), ran.number("logins")), ("stopped", 1));
    world.scenario("");
    world.run(&[]).exits(5).says("refused before");
    assert_eq!(world.logins().len(), 1, "refused credentials are tried once");
    world.orgpull(&["login", "dnb"]).exits(0).says("dnb: logged in; the token lives for 60 min");
    let ran = world.run(&[]).exits(0);
    assert_eq!(ran.outcome("hit"), 3);
}

#[test]
fn an_expired_token_is_renewed_once_and_the_call_repeated() {
    let world = dnb("[[fault]]\ndo = 'expire-token'\nafter = 1\ntimes = 1\n");
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.outcome("hit"), ran.number("calls"), ran.text("cost")), (3, 4, "27.00"));
    assert_eq!(world.logins().len(), 2);
    assert_eq!(world.stats().billed, 3);
}

/// What the upstream does, and what each of three rows comes to.
#[test]
fn what_may_be_repeated_is_the_same_at_every_provider() {
    let all = |row: &str| [row; 3].map(str::to_owned).to_vec();
    for (fault, exit, rows) in [
        (
            "do = 'status'\nstatus = 503\ntimes = 1",
            0,
            ["hit bought 2 9.00", "hit bought 1 9.00", "hit bought 1 9.00"].map(str::to_owned).to_vec(),
        ),
        (
            "do = 'status'\nstatus = 429\nretry_after = '0s'\ntimes = 1",
            0,
            ["hit bought 2 9.00", "hit bought 1 9.00", "hit bought 1 9.00"].map(str::to_owned).to_vec(),
        ),
        (
            "do = 'html'\nstatus = 403\nafter = 1\ntimes = 1",
            0,
            ["hit bought 1 9.00", "hit bought 2 9.00", "hit bought 1 9.00"].map(str::to_owned).to_vec(),
        ),
        ("do = 'status'\nstatus = 500", 4, all("unknown/500 bought 1 9.00")),
        ("do = 'cut'", 4, all("unknown/cut bought 1 9.00")),
        ("do = 'close'", 4, all("unknown/cut bought 1 9.00")),
        (
            "do = 'error'\nstatus = 400\ncode = 'X'\ntext = 'bad {number}'",
            0,
            all("invalid/400 bought 1 9.00"),
        ),
        ("do = 'error'\nstatus = 404\ncode = 'X'", 0, all("no_hit/404 bought 1 9.00")),
        ("do = 'error'\nstatus = 451\ncode = 'X'", 0, all("rejected/451 bought 1 9.00")),
    ] {
        println!("{fault}");
        let world = dnb(&format!("[[fault]]\nservice = 'dnb.company'\n{fault}\n"));
        let ran = world.run(&[]).exits(exit);
        assert_eq!(world.out(), rows, "{fault}\n{}", ran.stderr);
    }
}

#[test]
fn what_an_error_repeats_reaches_nobody_who_should_not_see_it() {
    let world = dnb("[[fault]]\ndo = 'error'\nstatus = 400\ncode = 'X'\ntext = 'bad number {number}'\n");
    world.run(&["-vv"]);
    let ran = world.orgpull(&["-vv", "run", "job.toml", "--new", "--buy-again"]);
    for number in companies(3) {
        assert!(!ran.stderr.contains(&number) && !ran.stdout.contains(&number), "{}", ran.stderr);
    }
}

#[test]
fn a_person_is_asked_by_body_at_dnb_and_by_query_at_bisnode() {
    let world = World::new("").provider("dnb", "").provider("bisnode", "");
    let lookups = "[[lookup]]\nid = 'credit'\nservice = 'dnb.person'\nletters = true\n\
                   [[lookup]]\nid = 'who'\nservice = 'bisnode.person-search'\n";
    let input = numbers(&people(2));
    world.job("job", &[&input, lookups, CSV]);
    let ran = world.run(&[]).exits(0);
    assert_eq!(ran.text("cost"), "26.20", "{}", ran.stderr);
    let digits = |service: &str| {
        let bill = world.bill();
        bill.iter().find(|entry| entry.service == service).map(|entry| entry.number.len())
    };
    assert_eq!((digits("dnb.person"), digits("bisnode.person-search")), (Some(10), Some(12)));
}

#[test]
fn a_letter_at_dnb_needs_its_word() {
    let world = World::new("").provider("dnb", "");
    let lookup = "[[lookup]]\nid = 'credit'\nservice = 'dnb.person'\n";
    world.job("job", &[&numbers(&people(2)), lookup, CSV]);
    world.run(&[]).exits(3).says("letters = true");
    assert!(world.bill().is_empty());
}

/// A provider that nobody foresaw: the worked example, at the simulator.
#[test]
fn the_worked_example_works_like_a_built_in_provider() {
    let world = World::new("");
    std::fs::create_dir(world.path("catalogue")).unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/providers/example.toml");
    std::fs::copy(file, world.path("catalogue/example.toml")).unwrap();
    let world = world.provider("example", "");
    let lookup = "[[lookup]]\nid = 'mine'\nservice = 'example.company'\n";
    world.job("job", &[&numbers(&companies(3)), lookup, CSV]);
    world.orgpull(&["check", "job.toml", "orgpull.toml", "catalogue"]).exits(0);
    let ran = world.run(&[]).exits(0);
    assert_eq!((ran.outcome("hit"), ran.text("cost"), ran.number("logins")), (3, "3.90", 1));
}

#[test]
fn the_partner_api_wants_to_know_who_asks_before_anything_is_sent() {
    let service = "name = \"partner\"\n[[service]]\nname = \"customer\"\ntitle = \"A customer.\"\n\
                   path = \"/customers/{number}\"\norganisation = 10\n";
    let world = World::new("");
    std::fs::create_dir(world.path("catalogue")).unwrap();
    world.write("catalogue/partner.toml", service);
    let world = world.provider("partner", "");
    let lookup = "[[lookup]]\nid = 'customer'\nservice = 'partner.customer'\n";
    world.job("job", &[&numbers(&companies(2)), lookup, CSV]);
    world.orgpull(&["run", "job.toml"]).exits(3).says("requestor_id");
    assert!(world.bill().is_empty() && world.logins().is_empty());
    world.write("requestor", "r-1");
    let world = world.provider("partner", "requestor_id = { file = 'requestor' }");
    world.orgpull(&["run", "job.toml"]).exits(0);
    assert_eq!(world.bill().iter().filter(|entry| entry.status == Some(200)).count(), 2);
}

#[test]
fn a_client_that_the_service_does_not_take_stops_the_run() {
    let body = "{\"error\":\"invalid_client\",\"error_description\":\"Bad credentials\"}";
    let world = dnb(&format!("[[fault]]\ndo = 'body'\nstatus = 401\nbody = '{body}'\n"));
    let ran = world.run(&[]).exits(5).says("does not take this client");
    assert_eq!((ran.number("calls"), ran.number("pending"), ran.text("cost")), (1, 3, "0.00"));
    world.scenario("");
    assert_eq!(world.run(&[]).exits(0).outcome("hit"), 3);
}

/// One lookup of three numbers at a provider, with what each costs.
fn one_of(provider: &str, scenario: &str) -> (World, &'static str) {
    let world = World::new(scenario);
    std::fs::create_dir(world.path("catalogue")).unwrap();
    let (service, price, keys, input) = match provider {
        "bisnode" => ("bisnode.person-search", "2.10", "", numbers(&people(3))),
        "example" => {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/providers/example.toml");
            std::fs::copy(file, world.path("catalogue/example.toml")).unwrap();
            ("example.company", "1.30", "", numbers(&companies(3)))
        }
        _ => {
            let own = "name = \"partner\"\n[[service]]\nname = \"customer\"\ntitle = \"A customer.\"\nmethod = \"post\"\n\
                       path = \"/customers\"\norganisation = 10\nperson = 10\n[service.json]\nid = \"{number}\"\n";
            world.write("catalogue/partner.toml", own);
            world.write("requestor", "r-1");
            ("partner.customer", "0.40", "requestor_id = { file = 'requestor' }", numbers(&companies(3)))
        }
    };
    let world = world.provider(provider, keys);
    let lookup = format!("[[lookup]]\nid = 'one'\nservice = '{service}'\n");
    world.job("job", &[&input, &lookup, CSV]);
    (world, price)
}

/// Weather is read from status and connection alone, so it is the same whoever answers.
#[test]
fn the_same_weather_at_bisnode_the_partner_api_and_ones_own() {
    for provider in ["bisnode", "example", "partner"] {
        for (fault, exit, first, others) in [
            ("do = 'status'\nstatus = 503\ntimes = 1", 0, "hit bought 2 ", "hit bought 1 "),
            (
                "do = 'status'\nstatus = 429\nretry_after = '0s'\ntimes = 1",
                0,
                "hit bought 2 ",
                "hit bought 1 ",
            ),
            ("do = 'expire-token'\ntimes = 1", 0, "hit bought 2 ", "hit bought 1 "),
            ("do = 'status'\nstatus = 500", 4, "unknown/500 bought 1 ", "unknown/500 bought 1 "),
            ("do = 'html'", 4, "unknown/page bought 1 ", "unknown/page bought 1 "),
            ("do = 'cut'", 4, "unknown/cut bought 1 ", "unknown/cut bought 1 "),
            ("do = 'close'", 4, "unknown/cut bought 1 ", "unknown/cut bought 1 "),
        ] {
            println!("{provider}: {fault}");
            let (world, price) = one_of(provider, &format!("[[fault]]\n{fault}\n"));
            let ran = world.run(&[]).exits(exit);
            let rows = [first, others, others].map(|row| format!("{row}{price}"));
            assert_eq!(world.out(), rows, "{provider}: {fault}\n{}", ran.stderr);
        }
    }
}

/// A page that is not the provider's, before the first answer and between answers.
#[test]
fn the_same_pages_at_bisnode_the_partner_api_and_ones_own() {
    for provider in ["bisnode", "example", "partner"] {
        for page in ["do = 'html'\nstatus = 403", "do = 'html'\nstatus = 404", "do = 'redirect'"] {
            println!("{provider}: {page}");
            let (world, _) = one_of(provider, &format!("[[fault]]\n{page}\n"));
            let ran = world.run(&[]).exits(3).says("is stopped");
            assert_eq!((ran.number("pending"), ran.number("calls"), ran.text("cost")), (3, 1, "0.00"));
            drop(world);
            let (world, price) = one_of(provider, &format!("[[fault]]\n{page}\nafter = 1\ntimes = 1\n"));
            world.run(&[]).exits(0);
            let rows = ["hit bought 1", "hit bought 2", "hit bought 1"].map(|row| format!("{row} {price}"));
            assert_eq!(world.out(), rows, "{provider}: {page}");
        }
    }
}

#[test]
fn what_passes_at_an_oauth2_login_is_not_remembered() {
    let said = |status: u16, error: &str| {
        format!(
            "do = 'body'\nstatus = {status}\nbody = '{{\"error\":\"{error}\"}}'\ncontent_type = 'application/json'"
        )
    };
    for fault in [
        said(400, "temporarily_unavailable"),
        said(400, "server_error"),
        said(503, "temporarily_unavailable"),
        "do = 'html'\nstatus = 403".to_owned(),
        "do = 'html'\nstatus = 401".to_owned(),
        "do = 'html'".to_owned(),
    ] {
        let (world, _) = one_of("example", &format!("[[fault]]\nservice = 'login'\n{fault}\ntimes = 1\n"));
        let ran = world.run(&[]).exits(0).says("no token");
        assert_eq!((ran.outcome("hit"), world.logins().len()), (3, 2), "{fault}");
    }
}

#[test]
fn a_refused_login_is_one_request_at_every_provider_and_no_echo_is_shown() {
    for provider in ["bisnode", "example", "partner"] {
        let (world, _) = one_of(provider, "[login]\nrefuse = true\n");
        world.run(&[]).exits(5).says("invalid_client");
        world.run(&[]).exits(5).says("refused before");
        assert_eq!((world.logins().len(), world.bill().len()), (1, 0), "{provider}");
        let echo = "[[fault]]\ndo = 'error'\nstatus = 400\ncode = 'X'\ntext = 'bad number {number}'\n";
        drop(world);
        let (world, _) = one_of(provider, echo);
        let ran = world.orgpull(&["-v", "run", "job.toml"]).exits(0);
        for entry in world.bill() {
            let ten = &entry.number[entry.number.len() - 10..];
            assert!(!ran.stderr.contains(ten) && !ran.stdout.contains(ten), "{provider}: {}", ran.stderr);
        }
        assert_eq!(world.bill().len(), 3);
    }
}
