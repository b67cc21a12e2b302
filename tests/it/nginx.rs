//! A real nginx before the simulator, over TLS (`tests/nginx/install` brings it): how it ends connections, in HTTP/1.1
//! and HTTP/2, must lose nothing. Skipped, with a word, where it is missing; under `.ci/run`, which installs it, that is a
//! failure.

use crate::machine::skipped;
use crate::tls::Authority;
use crate::world::{CSV, REPORT, World, companies, numbers};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// Debian's place, which is in nobody's `PATH` but root's.
const PLACES: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

/// It starts in some milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

fn installed() -> Option<&'static str> {
    let runs = |place: &&&str| {
        let version = Command::new(place).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    let found = PLACES.iter().find(runs).copied();
    assert!(found.is_some() || std::env::var_os("ORGPULL_CI").is_none(), "nginx is not installed");
    found
}

/// A running nginx; dropped, it is stopped.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        // Without a master process there is none but this one to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A world behind an nginx with these words in its configuration.
fn world(program: &str, listen: &str, words: &str) -> (World, Nginx) {
    let authority = Authority::new();
    let identity = authority.issue();
    let world = World::new("");
    for (file, text) in
        [("ca.pem", authority.pem()), ("cert.pem", identity.certificate), ("key.pem", identity.key)]
    {
        world.write(file, &text);
    }
    fs::create_dir(world.path("nginx")).unwrap();
    // Nothing else takes it in the instant between: the system gives out others first.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let configuration = format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log warn;\n\
         events {{ worker_connections 512; }}\n\
         http {{ access_log off; client_body_temp_path nginx; proxy_temp_path nginx; fastcgi_temp_path nginx;\n\
         uwsgi_temp_path nginx; scgi_temp_path nginx;\n\
         server {{ listen 127.0.0.1:{port} {listen}; ssl_certificate cert.pem; ssl_certificate_key key.pem; {words}\n\
         location / {{ proxy_pass http://{}; proxy_http_version 1.1; }} }} }}\n",
        world.upstream()
    );
    world.write("nginx.conf", &configuration);
    let folder = world.path("");
    let nginx =
        Command::new(program).arg("-p").arg(&folder).args(["-c", "nginx.conf", "-e", "error.log"]).spawn();
    let mut nginx = Nginx(nginx.unwrap());
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = nginx.0.try_wait().unwrap();
        assert!(ended.is_none() && Instant::now() < deadline, "{}", world.read("error.log"));
        std::thread::sleep(Duration::from_millis(10));
    }
    let world = world.behind(&format!("https://127.0.0.1:{port}"));
    (world.account("ca_file = 'ca.pem'\nconcurrency = 8"), nginx)
}

/// How it may be set up: words of its `listen`, and of its server.
const SETTINGS: [(&str, &str, usize); 4] = [
    ("ssl http2", "keepalive_requests 50;", 1_000),
    ("ssl http2", "keepalive_requests 1000;", 1_500),
    ("ssl", "keepalive_requests 50;", 300),
    ("ssl", "keepalive_requests 1000;", 1_200),
];

#[test]
fn nothing_is_lost_however_often_it_ends_a_connection() {
    let Some(program) = installed() else {
        skipped("nginx is not installed (tests/nginx/install)");
        return;
    };
    for (listen, words, rows) in SETTINGS {
        println!("{listen}: {words}");
        let (world, _nginx) = world(program, listen, words);
        world.job("job", &[&numbers(&companies(rows)), REPORT, CSV]);
        let ran = world.run(&[]).exits(0);
        assert!(!ran.stderr.contains("is not answering"), "{}", ran.stderr);
        assert_eq!((ran.outcome("unknown"), ran.number("calls"), ran.number("retries")), (0, rows as u64, 0));
        assert_eq!(world.stats().arrivals, rows as u64, "each is asked once");
        let not_taken = world.attempts().iter().filter(|attempt| attempt.state == "unsent").count();
        println!("{not_taken} were not taken at first");
        assert!(
            not_taken > 0 || (listen, words) != (SETTINGS[0].0, SETTINGS[0].1),
            "nothing was put to the test"
        );
    }
}

#[test]
fn nothing_is_lost_where_idle_connections_are_closed_soon() {
    let Some(program) = installed() else {
        skipped("nginx is not installed (tests/nginx/install)");
        return;
    };
    // Gaps that are longer than it waits and shorter than we would; and such as are about as long as it waits, which over
    // HTTP/1.1 nobody can tell from a call that was carried out (`connections.rs` has what comes of that).
    for (listen, rate, rows) in [("ssl", "4/s", 12), ("ssl http2", "4/s", 12), ("ssl http2", "9/s", 60)] {
        println!("{listen}: {rate}");
        let (world, _nginx) = world(program, listen, "keepalive_timeout 100ms;");
        world.job("job", &[&numbers(&companies(rows)), REPORT, CSV, &format!("[run]\nrate = '{rate}'\n")]);
        let ran = world.run(&[]).exits(0);
        assert_eq!(
            (ran.outcome("unknown"), ran.number("calls")),
            (0, rows as u64),
            "{listen}: {rate}\n{}",
            ran.stderr
        );
    }
}
