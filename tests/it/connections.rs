//! Connections that are used again, against servers that close them when they like. Whoever writes to a connection that
//! is just being closed loses a call, and nobody can tell whether it was read.

use crate::world::{CSV, REPORT, World, companies, numbers};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// What a server does to those who come back.
#[derive(Clone, Copy)]
struct Manner {
    /// How long it keeps an idle connection.
    idle: Duration,
    /// Requests on one connection that it answers; the next one it drops with its connection.
    answers: usize,
}

const PATIENT: Manner = Manner { idle: Duration::from_mins(1), answers: usize::MAX };

/// Starts a server of this manner. Its address, and how many connections have brought a request.
fn server(manner: Manner) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let count = Arc::clone(&count);
            std::thread::spawn(move || serve(&stream, manner, &count));
        }
    });
    (address, connections)
}

fn serve(stream: &TcpStream, manner: Manner, connections: &AtomicUsize) -> std::io::Result<()> {
    stream.set_read_timeout(Some(manner.idle))?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    for nth in 0.. {
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        if line.is_empty() {
            break;
        }
        if nth == 0 {
            connections.fetch_add(1, SeqCst);
        }
        if nth >= manner.answers {
            break;
        }
        let body = "{\"report\":{\"companyName\":\"Exempel AB\"}}";
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        writer.write_all((head + body).as_bytes())?;
    }
    Ok(())
}

/// A world whose calls go to such a server, one after the other; the login is at the simulator.
fn world(manner: Manner, keys: &str, rows: usize) -> (World, Arc<AtomicUsize>) {
    let (address, connections) = server(manner);
    let world = World::new("");
    let login = format!("http://{}/v1/authenticate", world.upstream());
    let world = world.account(&format!("base_url = '{address}'\ntoken_url = '{login}'\n{keys}"));
    world.job("job", &[&numbers(&companies(rows)), REPORT, CSV]);
    (world, connections)
}

/// Hits, lost answers, and the connections that it took.
fn came(manner: Manner, keys: &str, rows: usize) -> (usize, usize, usize) {
    let (world, connections) = world(manner, keys, rows);
    let ran = world.orgpull(&["run", "job.toml"]);
    let rows = world.out();
    let count = |outcome: &str| rows.iter().filter(|row| row.starts_with(outcome)).count();
    let (hits, lost) = (count("hit bought 1 3.20"), count("unknown/cut bought 1 3.20"));
    assert_eq!(hits + lost, rows.len(), "{rows:?}\n{}", ran.stderr);
    (hits, lost, connections.load(SeqCst))
}

#[test]
fn a_busy_connection_is_used_again_and_an_idle_one_is_not() {
    assert_eq!(came(PATIENT, "", 30), (30, 0, 1), "one after the other");
    assert_eq!(came(PATIENT, "rate = '40/min'", 3), (3, 0, 3), "a second and a half between them");
    assert_eq!(came(PATIENT, "rate = '40/min'\nkeep_alive = '30s'", 3), (3, 0, 1), "the account says so");
    assert_eq!(came(PATIENT, "keep_alive = '0'", 3), (3, 0, 3));
}

#[test]
fn a_server_with_a_short_patience_loses_nothing_at_a_pace_like_it() {
    let manner = Manner { idle: Duration::from_secs(2), ..PATIENT };
    assert_eq!(came(manner, "rate = '30/min'", 4), (4, 0, 4));
}

#[test]
fn after_one_loss_on_a_connection_that_had_served_each_call_opens_its_own() {
    let manner = Manner { answers: 1, ..PATIENT };
    for keys in ["", "keep_alive = '30s'"] {
        assert_eq!(
            came(manner, keys, 8),
            (7, 1, 7),
            "{keys}: the second was lost on the connection of the first"
        );
    }
    let manner = Manner { answers: 0, ..PATIENT };
    assert_eq!(came(manner, "", 3), (0, 3, 3), "none of these had served");
}
