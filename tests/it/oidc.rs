//! Logins at a certified OAuth2 server that nobody here wrote (`tests/oidc/install` brings it), in both of the ways in
//! which clients log in. Skipped, with a word, where Node.js or the server is missing.

use crate::machine::skipped;
use crate::world::{CSV, World, companies, numbers};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// The server in its own process; it ends with its standard input.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts it; `None` if it cannot be.
    fn start() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc");
        if !folder.join("node_modules/oidc-provider").exists() {
            skipped("oidc-provider is not installed (tests/oidc/install)");
            return None;
        }
        let mut command = Command::new("node");
        command.arg("server.mjs").current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = match command.stderr(Stdio::null()).spawn() {
            Ok(child) => child,
            Err(error) => {
                skipped(&format!("node cannot be started: {error}"));
                return None;
            }
        };
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("listening ")?.parse().ok());
        Some(Self { child, port: port.expect("the server ends before it listens") })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An upstream that answers whoever brings a token, and keeps the tokens that it saw.
struct Upstream {
    address: String,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let tokens = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&tokens);
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                // A connection that is cut is the client's affair, and its run tells.
                let _ = answer(connection, &seen);
            }
        });
        Self { address, tokens }
    }

    fn tokens(&self) -> BTreeSet<String> {
        self.tokens.lock().unwrap().iter().cloned().collect()
    }
}

fn answer(connection: TcpStream, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line)? > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if lower.starts_with("authorization: bearer ") {
            seen.lock().unwrap().push(line["authorization: bearer ".len()..].trim().to_owned());
        }
        line.clear();
    }
    std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
    let body = r#"{"requestId":"1","registered":true,"data":{"name":"Exempel AB"}}"#;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    reader.get_mut().write_all(format!("{head}{body}").as_bytes())
}

/// A world whose two providers log in at the server, one in each way, and are asked at the upstream.
fn world(server: &Server, upstream: &Upstream, secret: &str) -> World {
    let world = World::new("");
    std::fs::create_dir(world.path("catalogue")).unwrap();
    let example = include_str!("../../config/providers/example.toml");
    let mut grown = world;
    for (name, auth) in [("basic", "client-credentials-basic"), ("post", "client-credentials-body")] {
        let text = example.replace("name = \"example\"", &format!("name = \"{name}\""));
        let text = text.replace("auth = \"client-credentials-basic\"", &format!("auth = \"{auth}\""));
        grown.write(&format!("catalogue/{name}.toml"), &text);
        grown.write(&format!("id-{name}"), &format!("orgpull:{name}"));
        grown.write(&format!("secret-{name}"), &format!("{secret}{name}"));
        let keys = format!(
            "base_url = '{}'\ntoken_url = 'http://127.0.0.1:{}/token'\nscope = 'companies.read'\nrate = '1/s'\n\
             client_id = {{ file = 'id-{name}' }}\nclient_secret = {{ file = 'secret-{name}' }}\n",
            upstream.address, server.port
        );
        grown = grown.provider(name, &keys);
    }
    let lookups = "[[lookup]]\nid = 'one'\nservice = 'basic.company'\n\
                   [[lookup]]\nid = 'two'\nservice = 'post.company'\n";
    grown.job("job", &[&numbers(&companies(6)), lookups, CSV]);
    grown
}

/// Tokens that live for four seconds are renewed after two; six calls at one a second take five.
#[test]
fn a_certified_server_takes_both_ways_of_logging_in_and_its_tokens_are_renewed() {
    let Some(server) = Server::start() else { return };
    let upstream = Upstream::start();
    let world = world(&server, &upstream, "not a real secret +/ of ");
    for name in ["basic", "post"] {
        world.orgpull(&["login", name]).exits(0).says("logged in; the token lives for");
    }
    let ran = world.orgpull(&["run", "job.toml", "--summary-json", "s.json"]).exits(0);
    let summary: serde_json::Value = serde_json::from_str(&world.read("s.json")).unwrap();
    assert_eq!(summary["outcomes"]["hit"], 12, "{}", ran.stderr);
    let (tokens, logins) = (upstream.tokens(), summary["logins"].as_u64().unwrap());
    assert!(logins >= 4 && tokens.len() >= 4, "each account renews its own: {logins}, {}", tokens.len());
    for token in &tokens {
        assert!(!ran.stderr.contains(token) && !ran.stdout.contains(token), "a token is shown");
    }
}

#[test]
fn a_certified_server_refuses_a_wrong_secret_and_nobody_sees_it() {
    let Some(server) = Server::start() else { return };
    let upstream = Upstream::start();
    let world = world(&server, &upstream, "canary-secret-");
    let ran = world.orgpull(&["-v", "run", "job.toml"]).exits(5).says("invalid_client");
    assert!(!ran.stderr.contains("canary-secret") && !ran.stdout.contains("canary-secret"), "{}", ran.stderr);
    assert!(upstream.tokens().is_empty());
}
