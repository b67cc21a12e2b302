//! Upstreams that are not reached: each outage says why, in notices, `status` and the log; and a certificate that is not
//! taken is no outage but a matter of the configuration.

use crate::tls::{Authority, Identity};
use crate::world::{CSV, REPORT, Ran, World, companies, numbers, side_by_side};
use rcgen::date_time_ymd;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;

const PORT_OF_NOBODY: &str = "http://127.0.0.1:1";

/// A world with three rows, which waits for an outage no longer than a second.
fn world(keys: &str) -> World {
    let world = World::new("").account(keys);
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV, "[run]\noutage_wait = '1s'\n"]);
    world
}

/// The calls go to this address, the login to the simulator.
fn calls_to(address: &str, keys: &str) -> World {
    let world = World::new("");
    let login = format!("http://{}/v1/authenticate", world.upstream());
    let world = world.account(&format!("base_url = '{address}'\ntoken_url = '{login}'\n{keys}"));
    world.job("job", &[&numbers(&companies(6)), REPORT, CSV, "[run]\noutage_wait = '1s'\n"]);
    world
}

/// A server that writes the same to each connection, whatever it was asked, and closes it.
fn writes(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn an_outage_says_why_in_the_notice_in_the_status_and_in_the_log() {
    let status = "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let page = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<html>";
    let proxy = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
    let (status, page, proxy) = (writes(status), writes(page), writes(proxy));
    for (address, proxy, cause, exit) in [
        (PORT_OF_NOBODY.to_owned(), None, "connection refused", 10),
        ("https://nowhere.invalid".to_owned(), None, "no such host", 10),
        ("https://nowhere.invalid".to_owned(), Some(proxy), "proxy 407", 10),
        (format!("http://{}", writes("")), None, "connection broken off", 10),
        (format!("http://{status}"), None, "status 502", 10),
        (format!("http://{page}"), None, "unreadable answer", 4),
    ] {
        println!("{cause}");
        let world = calls_to(&address, "");
        let mut command = world.command(&["-v", "run", "job.toml"]);
        if let Some(proxy) = proxy {
            command.env("HTTPS_PROXY", format!("http://{proxy}"));
        }
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{said}");
        assert!(said.contains(&format!("creditsafe is not answering ({cause}")), "{said}");
        let logged = said.lines().any(|line| line.contains(" outage ") && line.contains(cause));
        assert!(logged, "{said}");
        if exit == 4 {
            // The health address answers too, and what is tried then is lost as the others were.
            continue;
        }
        let reason = String::from_utf8(output.stdout).unwrap();
        assert!(reason.contains(&format!("as long as outage_wait allows ({cause}")), "{reason}");
        world.orgpull(&["status", "job"]).exits(0).says(&format!("outage_wait allows ({cause}"));
    }
}

#[test]
fn a_login_that_reaches_nobody_is_no_login_of_the_cap_and_says_why() {
    let world = world(&format!("token_url = '{PORT_OF_NOBODY}/v1/authenticate'\nlogins = 1"));
    world.job("job", &[&numbers(&companies(3)), REPORT, CSV, "[run]\noutage_wait = '4s'\n"]);
    // Asked at once, after a second, after three and at the end, though one is allowed in five minutes.
    let ran = world.orgpull(&["-v", "run", "job.toml", "--summary-json", "s.json"]).exits(10);
    let tries = ran.stderr.matches("the connection could not be made: connection refused").count();
    assert!(tries >= 3, "{tries}: {}", ran.stderr);
    let ran = ran
        .says("creditsafe is not answering (connection refused)")
        .says("outage_wait allows (connection refused)");
    assert!(!ran.said().contains("no more logins"), "{}", ran.stderr);
    assert!(world.read("s.json").contains("\"logins\": 0"), "{}", world.read("s.json"));
    world
        .orgpull(&["login"])
        .exits(10)
        .says("the login is not reached: the connection could not be made: connection refused");
    world.orgpull(&["login"]).exits(10).says("connection refused");
}

#[test]
fn a_process_without_descriptors_says_so() {
    let world = World::new("delay = '2s'\n").account("concurrency = 200");
    world.job("job", &[&numbers(&companies(150)), REPORT, CSV, "[run]\noutage_wait = '1s'\n"]);
    let mut command = world.command(&[]);
    let line = format!("ulimit -n 100; exec '{}' run job.toml", command.get_program().display());
    command = {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &line]).current_dir(world.path("")).env_clear().env("HOME", world.path(""));
        shell
    };
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("creditsafe is not answering (no file descriptors left)"), "{said}");
}

/// Whom a server pretends to be, and how that is told.
fn identities(authority: &Authority) -> Vec<(Identity, bool, &'static str, &'static str)> {
    let name = "127.0.0.1";
    let expired = |params: &mut rcgen::CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let early = |params: &mut rcgen::CertificateParams| params.not_before = date_time_ymd(3000, 1, 1);
    vec![
        (
            authority.issue(),
            false,
            "unknown issuer",
            "let `ca_file` in [providers.creditsafe] name its issuer's certificate",
        ),
        (authority.issue_as(name, expired), true, "expired", "its operator must renew it"),
        (authority.issue_as(name, early), true, "not valid yet", "check this machine's clock"),
        (
            authority.issue_as("127.0.0.2", |_| ()),
            true,
            "for another name",
            "check the addresses in [providers.creditsafe]",
        ),
        (authority.itself(), true, "an authority's own", "a certificate of its own"),
    ]
}

/// A server that shows this certificate and never gets further. Its address.
fn shows(identity: &Identity) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let config = Arc::new(identity.serving(&["h2", "http/1.1"]));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let Ok(mut connection) = rustls::ServerConnection::new(Arc::clone(&config)) else { return };
            while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
        }
    });
    address
}

#[test]
fn a_certificate_that_is_not_taken_is_a_matter_of_the_configuration() {
    let authority = Authority::new();
    side_by_side(&identities(&authority), |(identity, trusted, why, remedy)| {
        let address = shows(identity);
        let words = format!("the certificate of {address} is refused ({why}): ");
        let told = |ran: Ran| {
            let ran = ran.exits(3).says(&words).says(remedy);
            let others = ["failed to verify", "is not answering"];
            assert!(!others.iter().any(|words| ran.stderr.contains(words)), "{why}: {}", ran.stderr);
            ran
        };
        let world = World::new("");
        world.write("ca.pem", &authority.pem());
        let trust = if *trusted { "ca_file = 'ca.pem'\n" } else { "" };
        let simulator = format!("http://{}", world.upstream());

        // Where the calls go.
        let login = format!("{simulator}/v1/authenticate");
        let world = world.account(&format!("base_url = '{address}'\ntoken_url = '{login}'\n{trust}"));
        world.job("job", &[&numbers(&companies(3)), REPORT, CSV]);
        told(world.orgpull(&["run", "job.toml", "--summary-json", "s.json"])).says("Next: ");
        let summary: serde_json::Value = serde_json::from_str(&world.read("s.json")).unwrap();
        let figures = ["pending", "calls", "exit"].map(|key| summary[key].as_u64());
        assert_eq!((figures, summary["cost"].as_str()), ([Some(3), Some(0), Some(3)], Some("0.00")));
        world.orgpull(&["status", "job"]).exits(0).says(why);
        told(world.orgpull(&["doctor"]));

        // Where the login is.
        let world =
            world.account(&format!("base_url = '{simulator}'\ntoken_url = '{address}/v1/authenticate'"));
        told(world.orgpull(&["run", "job.toml", "--new"]));
        told(world.orgpull(&["login"]));
        told(world.orgpull(&["doctor"]));
        assert!(world.bill().is_empty());
    });
}

#[test]
fn other_accounts_go_on_where_one_has_a_certificate_that_is_not_taken() {
    let address = shows(&Authority::new().issue());
    let world = World::new("").provider("dnb", "no_letters = ['company:COMPANY_INFORMATION']");
    let world = world.account(&format!("base_url = '{address}'\ntoken_url = '{address}/v1/authenticate'"));
    let lookup = "[[lookup]]\nid = 'dnb'\nservice = 'dnb.company'\n";
    world.job("job", &[&numbers(&companies(3)), REPORT, lookup, CSV]);
    let ran = world.orgpull(&["run", "job.toml", "--summary-json", "s.json"]).exits(3).says("unknown issuer");
    let summary: serde_json::Value = serde_json::from_str(&world.read("s.json")).unwrap();
    assert_eq!((&summary["outcomes"]["hit"], &summary["pending"]), (&3.into(), &3.into()), "{}", ran.stderr);
}

#[test]
fn a_root_that_is_none_is_told_before_anything_is_sent() {
    for (pem, words) in [
        ("nothing", "holds no certificate in PEM form"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "`ca_file` holds a certificate that cannot be read",
        ),
    ] {
        let world = World::new("");
        world.write("ca.pem", pem);
        let world = world.account(
            "ca_file = 'ca.pem'\nbase_url = 'https://127.0.0.1:1'\ntoken_url = 'https://127.0.0.1:1/t'",
        );
        world.job("job", &[&numbers(&companies(1)), REPORT, CSV]);
        world.orgpull(&["run", "job.toml"]).exits(3).says(words);
    }
}

#[test]
fn roots_that_others_can_write_are_not_believed() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new("");
    world.write("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let world = world.account("ca_file = 'ca.pem'");
    let mode = |mode| {
        std::fs::set_permissions(world.path("ca.pem"), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    world.job("job", &[&numbers(&companies(1)), REPORT, CSV]);
    mode(0o644);
    world.orgpull(&["check", "job.toml"]).exits(0);
    for writable in [0o664, 0o646] {
        mode(writable);
        world.orgpull(&["check", "job.toml"]).exits(3).says("ca.pem can be written by others");
    }
}

#[test]
fn a_request_that_is_too_long_for_the_line_is_invalid_and_no_outage() {
    let world = World::new("");
    world.write(
        "in.csv",
        &companies(8).iter().enumerate().fold("orgnr,note\n".to_owned(), |text, (at, number)| {
            text + number + "," + &"n".repeat(if at < 6 { 70_000 } else { 10 }) + "\n"
        }),
    );
    // The service's only free text is as long as its catalogue lets it be: another catalogue lets it be longer.
    std::fs::create_dir(world.path("catalogue")).unwrap();
    let service = "name = \"partner\"\n[[service]]\nname = \"customer\"\ntitle = \"A customer.\"\n\
                   path = \"/customers/{number}\"\norganisation = 10\n\
                   [[service.param]]\nname = \"note\"\ndescription = \"A text.\"\n";
    world.write("catalogue/partner.toml", service);
    world.write("requestor", "r-1");
    let world = world.provider("partner", "requestor_id = { file = 'requestor' }");
    let input = "[input]\npath = 'in.csv'\ncolumn = 'orgnr'\n";
    let lookup = "[[lookup]]\nid = 'customer'\nservice = 'partner.customer'\nparams = { note = '{note}' }\n";
    world.job("job", &[input, lookup, CSV]);
    let ran = world.orgpull(&["run", "job.toml"]);
    let out = world.out();
    let invalid = out.iter().filter(|row| row.as_str() == "invalid/local 0 0.00").count();
    assert_eq!((invalid, world.bill().len()), (6, 2), "{out:?}\n{}", ran.stderr);
    assert!(!ran.stderr.contains("is not answering"), "{}", ran.stderr);
}
