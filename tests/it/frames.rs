//! HTTP/2, frame by frame: a server that sends what a test says, byte by byte, and what each call then comes to. What the
//! server never took is no call and costs nothing; everything else that is lost may have been carried out.

use crate::tls::Authority;
use crate::world::{CSV, REPORT, World, companies, numbers, side_by_side};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Frame types (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// Error codes (section 7).
const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

/// The highest stream there can be: the first word of a server that goes away in good order.
const HIGHEST: u32 = 0x7fff_ffff;

const HIT: &str = "{\"report\":{\"companyName\":\"Exempel AB\"}}";

/// One connection at the server.
struct Peer {
    line: StreamOwned<ServerConnection, TcpStream>,
    /// The window for bodies is never opened further.
    is_tight: bool,
    /// Told when the requests that the script waits for have come, and when the first request has.
    came: Arc<Came>,
}

/// What a server has heard of.
#[derive(Default)]
struct Came {
    /// Connections that have brought a request.
    connections: AtomicUsize,
    /// Whether the first connection has brought all that its script waits for at first.
    whole: Mutex<bool>,
    changed: Condvar,
}

impl Peer {
    /// Accepts a client that speaks HTTP/2.
    fn accept(stream: TcpStream, config: Arc<ServerConfig>, came: Arc<Came>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut peer = Self { line: StreamOwned::new(connection, stream), is_tight: false, came };
        let mut preface = [0; 24];
        peer.line.read_exact(&mut preface)?;
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        peer.frame(SETTINGS, 0, 0, &[])?;
        Ok(peer)
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        self.line.write_all(&bytes)?;
        self.line.flush()
    }

    /// Reads a frame: its type, its flags and its stream.
    fn read(&mut self) -> io::Result<(u8, u8, u32)> {
        let mut head = [0; 9];
        self.line.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.line.read_exact(&mut payload)?;
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        match kind {
            SETTINGS if flags & ACK == 0 => self.frame(SETTINGS, ACK, 0, &[])?,
            PING if flags & ACK == 0 => self.frame(PING, ACK, 0, &payload)?,
            DATA if !self.is_tight && length > 0 => {
                // What was read makes room again, for its stream and for the connection.
                self.frame(WINDOW_UPDATE, 0, 0, &length.to_be_bytes())?;
                self.frame(WINDOW_UPDATE, 0, stream, &length.to_be_bytes())?;
            }
            _ => {}
        }
        Ok((kind, flags, stream))
    }

    /// The next requests' streams: each once it is whole, or at its head where its body will never come whole.
    fn requests<const N: usize>(&mut self) -> io::Result<[u32; N]> {
        let mut streams = [0; N];
        for stream in &mut streams {
            *stream = self.request()?;
        }
        *self.came.whole.lock().unwrap() = true;
        self.came.changed.notify_all();
        Ok(streams)
    }

    fn request(&mut self) -> io::Result<u32> {
        loop {
            let (kind, flags, stream) = self.read()?;
            if kind == HEADERS && stream == 1 {
                self.came.connections.fetch_add(1, SeqCst);
            }
            let whole = flags & END_STREAM != 0;
            if kind == HEADERS && (whole || self.is_tight) || kind == DATA && whole && !self.is_tight {
                return Ok(stream);
            }
        }
    }

    /// The head of an answer: `:status: 200`, and its length where it is told.
    fn head(&mut self, stream: u32, length: Option<usize>) -> io::Result<()> {
        let mut block = vec![0x88];
        if let Some(length) = length {
            let digits = length.to_string();
            // A literal with the name at place 28 of the static table, which is content-length.
            block.extend([0x0f, 28 - 15, u8::try_from(digits.len()).unwrap()]);
            block.extend(digits.as_bytes());
        }
        self.frame(HEADERS, END_HEADERS, stream, &block)
    }

    fn answer(&mut self, stream: u32) -> io::Result<()> {
        self.head(stream, None)?;
        self.frame(DATA, END_STREAM, stream, HIT.as_bytes())
    }

    fn reset(&mut self, stream: u32, code: u32) -> io::Result<()> {
        self.frame(RST_STREAM, 0, stream, &code.to_be_bytes())
    }

    fn go_away(&mut self, last: u32, code: u32) -> io::Result<()> {
        let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
        self.frame(GOAWAY, 0, 0, &payload)
    }

    /// Answers what comes, until the client goes.
    fn serve(&mut self) -> io::Result<()> {
        loop {
            let stream = self.request()?;
            self.answer(stream)?;
        }
    }

    /// Reads on without an answer, until the client goes.
    fn listen(&mut self) -> io::Result<()> {
        loop {
            self.read()?;
        }
    }

    /// Closes the line in good order.
    fn close(mut self) -> io::Result<()> {
        self.line.conn.send_close_notify();
        self.line.flush()?;
        self.line.sock.shutdown(std::net::Shutdown::Both)
    }
}

type Script = fn(Peer, usize) -> io::Result<()>;

/// Starts a server that plays the script on each connection, which it is told the number of, from 0. It takes the second
/// only when all that the first is to bring has come: calls that go at once would else come on one of their own each.
fn server(config: ServerConfig, script: Script) -> (String, Arc<Came>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let (config, came) = (Arc::new(config), Arc::new(Came::default()));
    let heard = Arc::clone(&came);
    std::thread::spawn(move || {
        for (nth, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let (config, came) = (Arc::clone(&config), Arc::clone(&heard));
            std::thread::spawn(move || {
                // One that the client gave up meanwhile is none.
                let peer = Peer::accept(stream, config, came);
                peer.and_then(|peer| script(peer, nth))
            });
            let whole = heard.whole.lock().unwrap();
            drop(heard.changed.wait_while(whole, |whole| !*whole).unwrap());
        }
    });
    (address, came)
}

/// What a script makes of a run.
struct Case {
    name: &'static str,
    /// Lookups, which all go at once.
    rows: usize,
    script: Script,
    /// Answers that are lost, at their price.
    lost: usize,
    /// Requests that were not taken, and went again: no calls, and free.
    not_taken: usize,
}

const BOUGHT: &str = "hit bought 1 3.20";
const LOST: &str = "unknown/cut bought 1 3.20";

/// A world with one account at the script's server; the login is at the simulator.
fn world(script: Script, keys: &str, rows: usize, run: &str) -> (World, Arc<Came>) {
    let authority = Authority::new();
    let (address, came) = server(authority.issue().serving(&["h2"]), script);
    let world = World::new("");
    world.write("ca.pem", &authority.pem());
    let login = format!("http://{}/v1/authenticate", world.upstream());
    let world = world.account(&format!(
        "base_url = '{address}'\ntoken_url = '{login}'\nca_file = 'ca.pem'\ntimeout = '20s'\n{keys}"
    ));
    world.job("job", &[&numbers(&companies(rows)), REPORT, CSV, run]);
    (world, came)
}

const CASES: [Case; 13] = [
    Case {
        name: "it goes away in good order, and answers all that it has",
        rows: 3,
        script: |mut peer, _| {
            let streams = peer.requests::<3>()?;
            peer.go_away(HIGHEST, NO_ERROR)?;
            peer.answer(streams[0])?;
            peer.go_away(streams[2], NO_ERROR)?;
            peer.answer(streams[1])?;
            peer.answer(streams[2])?;
            peer.listen()
        },
        lost: 0,
        not_taken: 0,
    },
    Case {
        name: "it goes away, and had taken one of three",
        rows: 3,
        script: |mut peer, nth| {
            if nth > 0 {
                return peer.serve();
            }
            let streams = peer.requests::<3>()?;
            peer.go_away(streams[0], NO_ERROR)?;
            peer.answer(streams[0])?;
            peer.listen()
        },
        lost: 0,
        not_taken: 2,
    },
    Case {
        name: "it asks to be calm, and had taken two of three",
        rows: 3,
        script: |mut peer, nth| {
            if nth > 0 {
                return peer.serve();
            }
            let streams = peer.requests::<3>()?;
            peer.go_away(streams[1], ENHANCE_YOUR_CALM)?;
            peer.answer(streams[1])?;
            peer.answer(streams[0])?;
            peer.listen()
        },
        lost: 0,
        not_taken: 1,
    },
    Case {
        name: "it fails within, and had taken none",
        rows: 3,
        script: |mut peer, nth| {
            if nth > 0 {
                return peer.serve();
            }
            peer.requests::<3>()?;
            peer.go_away(0, INTERNAL_ERROR)?;
            peer.close()
        },
        lost: 0,
        not_taken: 3,
    },
    Case {
        name: "it goes away and is gone: what it had taken is lost",
        rows: 3,
        script: |mut peer, nth| {
            if nth > 0 {
                return peer.serve();
            }
            let streams = peer.requests::<3>()?;
            peer.go_away(streams[0], NO_ERROR)?;
            peer.close()
        },
        lost: 1,
        not_taken: 2,
    },
    Case {
        name: "it is gone without a word",
        rows: 3,
        script: |mut peer, _| {
            peer.requests::<3>()?;
            peer.close()
        },
        lost: 3,
        not_taken: 0,
    },
    Case {
        name: "it refuses a stream, and the turn after that goes elsewhere",
        rows: 1,
        script: |mut peer, nth| {
            if nth > 0 {
                return peer.serve();
            }
            let [stream] = peer.requests()?;
            peer.reset(stream, REFUSED_STREAM)?;
            peer.serve()
        },
        lost: 0,
        not_taken: 1,
    },
    Case {
        name: "it refuses a stream that it had begun to answer",
        rows: 1,
        script: |mut peer, _| {
            let [stream] = peer.requests()?;
            peer.head(stream, None)?;
            peer.frame(DATA, 0, stream, &HIT.as_bytes()[..10])?;
            peer.reset(stream, REFUSED_STREAM)?;
            peer.serve()
        },
        lost: 1,
        not_taken: 0,
    },
    Case {
        name: "it resets a stream that it had answered",
        rows: 2,
        script: |mut peer, _| {
            for stream in peer.requests::<2>()? {
                peer.answer(stream)?;
                peer.reset(stream, NO_ERROR)?;
            }
            peer.serve()
        },
        lost: 0,
        not_taken: 0,
    },
    Case {
        name: "it resets a stream without an error and without an answer",
        rows: 1,
        script: |mut peer, _| {
            let [stream] = peer.requests()?;
            peer.reset(stream, NO_ERROR)?;
            peer.serve()
        },
        lost: 1,
        not_taken: 0,
    },
    Case {
        name: "it resets a stream without an error in the middle of its answer",
        rows: 1,
        script: |mut peer, _| {
            let [stream] = peer.requests()?;
            peer.head(stream, Some(HIT.len()))?;
            peer.frame(DATA, 0, stream, &HIT.as_bytes()[..10])?;
            peer.reset(stream, NO_ERROR)?;
            peer.serve()
        },
        lost: 1,
        not_taken: 0,
    },
    Case {
        name: "it goes away from a stream that it had begun to answer",
        rows: 2,
        script: |mut peer, _| {
            let streams = peer.requests::<2>()?;
            peer.head(streams[1], Some(HIT.len()))?;
            peer.frame(DATA, 0, streams[1], &HIT.as_bytes()[..10])?;
            peer.go_away(streams[0], NO_ERROR)?;
            peer.answer(streams[0])?;
            peer.listen()
        },
        lost: 1,
        not_taken: 0,
    },
    Case {
        name: "it cancels a stream",
        rows: 1,
        script: |mut peer, _| {
            let [stream] = peer.requests()?;
            peer.reset(stream, CANCEL)?;
            peer.serve()
        },
        lost: 1,
        not_taken: 0,
    },
];

fn hold(case: &Case) {
    println!("{}", case.name);
    let Case { name, rows, script, lost, not_taken } = *case;
    let (world, came) = world(script, &format!("concurrency = {rows}"), rows, "");
    let ran = world.orgpull(&["run", "job.toml", "--summary-json", "s.json"]);
    let ran = ran.exits(if lost > 0 { 4 } else { 0 });
    let mut outcomes = world.out();
    outcomes.sort();
    assert_eq!(outcomes, [vec![BOUGHT; rows - lost], vec![LOST; lost]].concat(), "{name}\n{}", ran.stderr);
    let summary: serde_json::Value = serde_json::from_str(&world.read("s.json")).unwrap();
    let figures = ["calls", "retries"].map(|key| summary[key].as_u64());
    assert_eq!(figures, [Some(rows as u64), Some(0)], "{name}");
    assert_eq!(summary["cost"], format!("{:.2}", 3.2 * f64::from(u32::try_from(rows).unwrap())), "{name}");
    assert!(!ran.stderr.contains("is not answering"), "{name}\n{}", ran.stderr);
    let attempts = world.attempts();
    let unsent: Vec<_> = attempts.iter().filter(|attempt| attempt.state == "unsent").collect();
    assert_eq!(unsent.len(), not_taken, "{name}");
    assert!(unsent.iter().all(|attempt| attempt.cost == Some(0)), "{name}");
    let elsewhere = came.connections.load(SeqCst) > 1;
    assert_eq!(elsewhere, not_taken > 0, "{name}: what was not taken goes on another connection");
}

#[test]
fn what_was_not_taken_is_sent_again_and_what_was_taken_is_waited_for() {
    side_by_side(&CASES, hold);
}

#[test]
fn a_server_that_takes_nothing_is_an_outage_in_the_end() {
    let (world, _) = world(
        |mut peer, _| {
            peer.requests::<1>()?;
            peer.go_away(0, ENHANCE_YOUR_CALM)?;
            peer.close()
        },
        "",
        3,
        "[run]\noutage_wait = '1s'\nattempts = 2\n",
    );
    let ran = world.orgpull(&["run", "job.toml", "--summary-json", "s.json"]).exits(10);
    let ran = ran.says("is not answering").says("requests not taken");
    let summary: serde_json::Value = serde_json::from_str(&world.read("s.json")).unwrap();
    assert_eq!(
        (summary["pending"].as_u64(), summary["calls"].as_u64()),
        (Some(3), Some(0)),
        "{}",
        ran.stderr
    );
    assert_eq!(summary["cost"], "0.00");
    assert!(world.attempts().len() >= 25, "five in a row are one step of five");
    assert!(world.attempts().iter().all(|attempt| attempt.state == "unsent"));
}

/// A provider whose service takes a note in a body, and nothing but a token.
const NOTES: &str = "name = 'notes'\ntitle = 'Notes'\ndialect = 'generic'\nauth = 'bearer'\n\
    [answer]\nreport = '/report'\n[[rule]]\nstatus = '2xx'\noutcome = 'hit'\n\
    [[service]]\nname = 'note'\ntitle = 'A note.'\nmethod = 'post'\npath = '/notes'\norganisation = 10\n\
    [service.json]\nid = '{number}'\nnote = '{note}'\n\
    [[service.param]]\nname = 'note'\ndescription = 'A text.'\n";

#[test]
fn a_body_that_was_on_its_way_when_the_server_went_was_not_taken() {
    let authority = Authority::new();
    let script: Script = |mut peer, nth| {
        // A body of this length never comes whole where the server opens its window no further.
        peer.is_tight = nth == 0;
        let [stream] = peer.requests()?;
        if nth == 0 {
            while peer.read()?.0 != DATA {}
            peer.go_away(0, NO_ERROR)?;
            return peer.listen();
        }
        peer.answer(stream)?;
        peer.listen()
    };
    let (address, came) = server(authority.issue().serving(&["h2"]), script);
    let world = World::new("");
    for (file, text) in
        [("notes.toml", NOTES), ("ca.pem", &authority.pem()), ("token", "a-token-of-some-length")]
    {
        world.write(file, text);
    }
    world.write(
        "orgpull.toml",
        &format!(
            "database = 'orgpull.db'\ncatalogue = ['notes.toml']\n[providers.notes]\nbase_url = '{address}'\n\
             ca_file = 'ca.pem'\ntoken = {{ file = 'token' }}\nprices = {{ note = '3.20' }}\n"
        ),
    );
    let lookup = format!(
        "[[lookup]]\nid = 'note'\nservice = 'notes.note'\nparams = {{ note = '{}' }}\n",
        "n".repeat(70_000)
    );
    world.job("job", &[&numbers(&companies(1)), &lookup, CSV]);
    world.orgpull(&["run", "job.toml"]).exits(0);
    assert_eq!(world.out(), [BOUGHT]);
    let states: Vec<_> = world.attempts().into_iter().map(|attempt| attempt.state).collect();
    assert_eq!(
        (states, came.connections.load(SeqCst)),
        (vec!["unsent".to_owned(), "answered".to_owned()], 2)
    );
}
