//! Against raw sockets on loopback, so that answers can be cut wherever a fault cuts them.

use super::super::connections::is_near;
use super::*;
use crate::upstream::Method;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const NUMBER: &str = "5560125790";

/// A server that gives each connection the same bytes (and closes, unless they are nothing: then it holds the connection).
struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
    heard: Arc<Mutex<String>>,
}

async fn server(answer: impl Into<Vec<u8>>) -> Server {
    let answer: Vec<u8> = answer.into();
    let stalls = answer.is_empty();
    server_that(answer, stalls).await
}

/// The same, and whether it holds the connection after what it said.
async fn server_that(answer: Vec<u8>, stalls: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/getdata", listener.local_addr().unwrap());
    let (connections, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(String::new())));
    let (count, words) = (Arc::clone(&connections), Arc::clone(&heard));
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut bytes = vec![0; 65_536];
            let mut length = 0;
            while !bytes[..length].windows(4).any(|end| end == b"\r\n\r\n") {
                let read = stream.read(&mut bytes[length..]).await.unwrap();
                length += read;
                if read == 0 {
                    break;
                }
            }
            words.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
            let _ = stream.write_all(&answer).await;
            if stalls {
                held.push(stream);
            }
        }
    });
    Server { url, connections, heard }
}

fn transport(url: &str) -> HttpTransport {
    let (concurrency, timeout, keep_alive) = (4, Duration::from_secs(5), Duration::from_millis(500));
    let reach = ClientConfig { addresses: &[url], concurrency, timeout, keep_alive, roots: None };
    HttpTransport::new(reach).unwrap()
}

fn request(url: &str) -> Request {
    let query = vec![("searchnumber".to_owned(), NUMBER.to_owned())];
    Request { method: Method::Get, url: url.to_owned(), query, headers: Vec::new(), body: None }
}

async fn ask(url: &str, timeout: Duration) -> (Result<Response, SendError>, u16) {
    let transport = transport(url);
    let head = AtomicU16::new(0);
    let on_head = |status| head.store(status, Ordering::SeqCst);
    let answer = transport.send(&request(url), &"tok-marked".into(), timeout, on_head).await;
    (answer, head.into_inner())
}

async fn answer(bytes: impl Into<Vec<u8>>) -> (Result<Response, SendError>, u16) {
    let server = server(bytes).await;
    let answer = ask(&server.url, Duration::from_secs(5)).await;
    assert_eq!(server.connections.load(Ordering::SeqCst), 1, "nothing is sent twice");
    answer
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
}

#[tokio::test]
async fn a_whole_answer_and_what_is_sent_for_it() {
    let server = server(http("200 OK", "", "{\"report\":1}")).await;
    let (answer, head) = ask(&server.url, Duration::from_secs(5)).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.body.as_slice(), head), (200, b"{\"report\":1}".as_slice(), 200));
    let heard = server.heard.lock().unwrap().to_lowercase();
    assert!(heard.starts_with("get /getdata?searchnumber=5560125790 http/1.1"), "{heard}");
    assert!(heard.contains("authorization: bearer tok-marked"), "{heard}");
    assert!(heard.contains(concat!("user-agent: orgpull/", env!("CARGO_PKG_VERSION"))), "{heard}");
    assert!(!heard.contains("referer"), "{heard}");
}

#[tokio::test]
async fn redirects_are_answers() {
    let (answer, _) = answer(http("302 Found", "Location: http://127.0.0.1:1/x\r\n", "")).await;
    assert_eq!(answer.unwrap().status, 302);
}

#[tokio::test]
async fn retry_after_is_read() {
    let (answer, head) = answer(http("429 Too Many Requests", "Retry-After: 17\r\n", "slow down")).await;
    assert_eq!((answer.unwrap().retry_after, head), (Some(Duration::from_secs(17)), 429));
}

#[tokio::test]
async fn a_body_that_is_cut_is_cut_even_when_small() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n";
    for bytes in
        ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":1}", chunked, "HTTP/1.1 200 OK\r\nConte"]
    {
        let (answer, _) = answer(bytes).await;
        assert_eq!(answer.unwrap_err().kind, SendErrorKind::Cut, "{bytes}");
    }
}

#[tokio::test]
async fn a_refusal_is_known_by_its_head_alone() {
    for status in [429, 503] {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: 100\r\nRetry-After: 17\r\n\r\n{{");
        for stalls in [false, true] {
            let server = server_that(head.clone().into_bytes(), stalls).await;
            let (answer, seen) = ask(&server.url, Duration::from_mins(1)).await;
            let answer = answer.unwrap();
            assert_eq!((answer.status, seen), (status, status));
            assert_eq!(answer.retry_after, Some(Duration::from_secs(17)), "{status} {stalls}");
        }
    }
}

#[tokio::test]
async fn the_longest_of_several_waits_counts() {
    let headers = "Retry-After: 17\r\nRetry-After: soon\r\nRetry-After: 90\r\n";
    let (answer, _) = answer(http("503 Service Unavailable", headers, "")).await;
    assert_eq!(answer.unwrap().retry_after, Some(Duration::from_secs(90)));
}

#[tokio::test]
async fn a_health_address_is_heard_by_its_head() {
    let head = "HTTP/1.1 404 X\r\nContent-Length: 100\r\nRetry-After: 17\r\n\r\n<html>";
    let server = server_that(head.into(), true).await;
    let transport = transport(&server.url);
    let health = transport.health(&server.url).await.unwrap();
    assert_eq!(health, Health { status: 404, retry_after: Some(Duration::from_secs(17)) });
}

/// A gzip member of one stored block: header, block, checksum and size.
fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    let length = u16::try_from(body.len()).unwrap();
    packed.extend_from_slice(&length.to_le_bytes());
    packed.extend_from_slice(&(!length).to_le_bytes());
    packed.extend_from_slice(body);
    packed.extend_from_slice(&crc32(body).to_le_bytes());
    packed.extend_from_slice(&u32::from(length).to_le_bytes());
    packed
}

/// An answer with this body, whose length is told or not.
async fn with_body(headers: &str, body: &[u8], is_told: bool) -> Result<Vec<u8>, SendErrorKind> {
    let length = if is_told { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    let head = format!("HTTP/1.1 200 OK\r\n{headers}{length}Connection: close\r\n\r\n");
    let (answer, _) = answer([head.as_bytes(), body].concat()).await;
    answer.map(|answer| answer.body).map_err(|error| error.kind)
}

#[tokio::test]
async fn gzip_is_unpacked_whatever_the_head_says_of_it() {
    let body = "{\"report\":\"".to_owned() + &"a".repeat(1_000) + "\"}";
    let packed = gzip(body.as_bytes());
    for encoding in ["Content-Encoding: gzip\r\n", "Content-Encoding: br\r\n", ""] {
        for is_told in [true, false] {
            assert_eq!(with_body(encoding, &packed, is_told).await.unwrap(), body.as_bytes());
            assert_eq!(with_body(encoding, body.as_bytes(), is_told).await.unwrap(), body.as_bytes());
        }
    }
    assert_eq!(with_body("", &[packed.clone(), packed].concat(), true).await.unwrap().len(), 2 * body.len());
}

#[tokio::test]
async fn gzip_that_does_not_unpack_is_kept_as_it_came_and_a_cut_one_is_cut() {
    let gzipped = "Content-Encoding: gzip\r\n";
    let packed = gzip(b"{\"report\":{}}");
    let half = &packed[..packed.len() / 2];
    let mut broken = packed.clone();
    *broken.last_mut().unwrap() ^= 1;
    for whole in [half, &broken, &packed[..2]] {
        assert_eq!(with_body(gzipped, whole, true).await.as_deref(), Ok(whole));
    }
    assert_eq!(with_body(gzipped, &broken, false).await, Ok(broken));
    assert_eq!(with_body(gzipped, half, false).await, Err(SendErrorKind::Cut));
    let chunked = format!("{gzipped}Transfer-Encoding: chunked\r\n");
    let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let ended = [chunk(half), b"0\r\n\r\n".to_vec()].concat();
    assert_eq!(with_body(&chunked, &ended, false).await.as_deref(), Ok(half));
    assert_eq!(with_body(&chunked, &chunk(half), false).await, Err(SendErrorKind::Cut));
}

#[tokio::test]
async fn what_unpacks_to_more_than_is_taken_is_kept_as_it_came() {
    for (size, packed_is_kept) in [(LARGEST, false), (LARGEST + 1, true), (4 * LARGEST, true)] {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        io::copy(&mut io::repeat(b' ').take(size as u64), &mut packer).unwrap();
        let packed = packer.finish().unwrap();
        let body = with_body("Content-Encoding: gzip\r\n", &packed, true).await.unwrap();
        assert_eq!(body.len(), if packed_is_kept { packed.len() } else { size });
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[tokio::test]
async fn a_body_without_end_is_too_large() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    bytes.resize(LARGEST + 65_536, b'x');
    assert_eq!(answer(bytes).await.0.unwrap_err().kind, SendErrorKind::TooLarge);
}

#[tokio::test]
async fn no_answer_in_time_and_no_connection_are_told_apart_without_the_address() {
    let silent = server("").await;
    let (late, _) = ask(&silent.url, Duration::from_millis(50)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}/getdata", listener.local_addr().unwrap());
    drop(listener);
    let (refused, _) = ask(&gone, Duration::from_secs(5)).await;
    let (late, refused) = (late.unwrap_err(), refused.unwrap_err());
    assert_eq!((late.kind, refused.kind), (SendErrorKind::TimedOut, SendErrorKind::NotConnected));
    for error in [late, refused] {
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains(NUMBER) && !shown.contains("127.0.0.1") && !shown.contains("tok-"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_connection_closed_without_a_word_may_have_been_served() {
    // A line break is no answer, and no hold either.
    let (answer, _) = answer("\r\n").await;
    assert_eq!(answer.unwrap_err().kind, SendErrorKind::Cut);
}

#[tokio::test]
async fn login_posts_json_and_health_sends_no_token() {
    let server = server(http("200 OK", "", "{\"token\":\"t\"}")).await;
    let transport = transport(&server.url);
    let login = LoginRequest {
        url: server.url.clone(),
        content: LoginContent::Json,
        basic: None,
        body: "{\"username\":\"u\"}".into(),
    };
    assert_eq!(transport.login(&login).await.unwrap().body, b"{\"token\":\"t\"}");
    let heard = std::mem::take(&mut *server.heard.lock().unwrap()).to_lowercase();
    assert!(
        heard.starts_with("post /getdata ") && heard.contains("content-type: application/json"),
        "{heard}"
    );
    assert_eq!(transport.health(&server.url).await.unwrap().status, 200);
    assert!(!server.heard.lock().unwrap().to_lowercase().contains("authorization"));
}

#[test]
fn loopback_is_told_from_elsewhere() {
    for (url, near) in [
        ("http://127.0.0.1:8080/x", true),
        ("http://127.9.9.9", true),
        ("http://[::1]:1", true),
        ("http://localhost", true),
        ("https://127.0.0.1", true),
        ("http://127.0.0.1.example.com", false),
        ("https://connect.creditsafe.com", false),
        ("nonsense", false),
    ] {
        assert_eq!(is_near(url), near, "{url}");
    }
}

#[tokio::test]
async fn a_body_and_headers_go_as_they_are_told() {
    for (body, kind, sent) in [
        (RequestBody::Json("{\"a\":1}".to_owned()), "application/json", "{\"a\":1}"),
        (
            RequestBody::Form(vec![("a".to_owned(), "b c".to_owned())]),
            "application/x-www-form-urlencoded",
            "a=b+c",
        ),
    ] {
        let server = server(http("200 OK", "", "{}")).await;
        let headers = vec![("Requestor-ID".to_owned(), "r-1".to_owned())];
        let request = Request {
            method: Method::Post,
            url: server.url.clone(),
            query: Vec::new(),
            headers,
            body: Some(body),
        };
        let transport = transport(&server.url);
        transport.send(&request, &"".into(), Duration::from_secs(5), |_| {}).await.unwrap();
        let heard = server.heard.lock().unwrap().to_lowercase();
        assert!(heard.starts_with("post /getdata http/1.1"), "{heard}");
        assert!(
            heard.contains("requestor-id: r-1") && heard.contains(kind) && heard.ends_with(sent),
            "{heard}"
        );
        assert!(!heard.contains("authorization"), "an upstream that takes no token gets none: {heard}");
    }
}

#[tokio::test]
async fn a_clients_id_and_secret_go_in_basic() {
    let server = server(http("200 OK", "", "{}")).await;
    let login = LoginRequest {
        url: server.url.clone(),
        content: LoginContent::Form,
        basic: Some(("id".into(), "secret".into())),
        body: "grant_type=client_credentials".into(),
    };
    transport(&server.url).login(&login).await.unwrap();
    let heard = server.heard.lock().unwrap().clone();
    assert!(heard.to_lowercase().contains("application/x-www-form-urlencoded"), "{heard}");
    assert!(
        heard.contains("Basic aWQ6c2VjcmV0") && heard.ends_with("grant_type=client_credentials"),
        "{heard}"
    );
}
