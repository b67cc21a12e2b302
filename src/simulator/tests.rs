//! The simulator over real HTTP, called by a client that knows nothing of it.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::Value;

use super::{Options, Scenario, Simulator, SimulatorError};

const COMPANY: &str = "5565144408";
const BASIC: &str = "/getdata?searchnumber=5565144408&blockname=CompanyBasic";

/// A simulator, a client without any cleverness, and a token.
struct Caller {
    simulator: Simulator,
    client: Client,
    token: String,
}

impl Caller {
    async fn new(scenario: &str) -> Self {
        Self::seeded(1, scenario).await
    }

    async fn seeded(seed: u64, scenario: &str) -> Self {
        let scenario = Scenario::parse("test", scenario).unwrap_or_else(|error| panic!("{error}"));
        let listen = "127.0.0.1:0".parse().expect("an address");
        let simulator = Simulator::start(Options { listen, seed, scenario }).await.expect("a port");
        let client = Client::builder()
            .no_proxy()
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        let mut caller = Self { simulator, client, token: String::new() };
        caller.log_in().await;
        caller
    }

    async fn log_in(&mut self) -> StatusCode {
        let answer = self.login(r#"{"username":"key","password":"word"}"#).await.expect("an answer");
        let status = answer.status();
        if let Some(token) = json(answer).await["token"].as_str() {
            token.clone_into(&mut self.token);
        }
        status
    }

    async fn login(&self, body: &'static str) -> reqwest::Result<Response> {
        let url = format!("{}/v1/authenticate", self.simulator.base_url());
        self.client.post(url).header("content-type", "application/json").body(body).send().await
    }

    async fn get(&self, path: &str) -> reqwest::Result<Response> {
        let url = format!("{}{path}", self.simulator.base_url());
        self.client.get(url).bearer_auth(&self.token).send().await
    }

    async fn body(&self, path: &str) -> Value {
        json(self.get(path).await.expect("an answer")).await
    }

    /// Status and code of the answer; 0 where there is none.
    async fn outcome(&self, path: &str) -> (u16, String) {
        let Ok(answer) = self.get(path).await else { return (0, String::new()) };
        let status = answer.status().as_u16();
        let code = json(answer).await["error"]["code"].as_str().unwrap_or_default().to_owned();
        (status, code)
    }

    /// The statuses of so many calls, one after the other.
    async fn statuses(&self, calls: usize) -> Vec<u16> {
        let mut statuses = Vec::new();
        for _ in 0..calls {
            statuses.push(self.outcome(BASIC).await.0);
        }
        statuses
    }
}

/// The body as JSON; null where it is none.
async fn json(answer: Response) -> Value {
    serde_json::from_str(&answer.text().await.unwrap_or_default()).unwrap_or_default()
}

#[tokio::test]
async fn every_service_answers_in_its_envelope() {
    let caller = Caller::new("").await;
    let cases = [
        (BASIC, "GetData (1217)", "/report/companyName"),
        ("/getdata?searchnumber=198001010001&blockname=Consumer", "GetData (1217)", "/report/name/surname"),
        ("/getdataunit?searchnumber=5565144408", "GetDataUnit (1218)", "/report/units/0/officeType"),
        ("/spar?searchnumber=198001010001", "SPAR (1231)", "/report/birthDate"),
        ("/getsignatory?searchnumber=5565144408", "GetSignatory (1227)", "/report/coverage"),
    ];
    for (path, resource, pointer) in cases {
        let body = caller.body(path).await;
        assert_eq!(body["metaData"]["resource"], resource, "{path}");
        assert!(body["metaData"]["apiLogId"].is_number(), "{path}");
        let url = format!("{}{path}", caller.simulator.base_url());
        assert_eq!(body["metaData"]["requestUrl"], url.as_str(), "{path}");
        assert!(body.pointer(pointer).is_some(), "{path}: {body}");
        let has_lod = body["metaData"].get("lodCreated").is_some();
        assert_eq!(has_lod, path.starts_with("/getdata?"), "{path}");
    }
    let today = crate::time::stockholm_date(crate::time::now_ms());
    for (path, number) in [("company", COMPANY), ("consumer", "198001010001")] {
        let path = format!("/datecheck/{path}?searchnumber={number}&referencedate={today}");
        assert!(caller.body(&path).await["report"]["changes"].is_array(), "{path}");
    }
}

#[tokio::test]
async fn the_same_seed_and_call_give_the_same_answer() {
    let (one, same, other) =
        (Caller::seeded(5, "").await, Caller::seeded(5, "").await, Caller::seeded(6, "").await);
    for path in [BASIC, "/getsignatory?searchnumber=5565144408", "/spar?searchnumber=198001010001"] {
        let report = one.body(path).await["report"].clone();
        assert_eq!(report, one.body(path).await["report"], "{path}");
        assert_eq!(report, same.body(path).await["report"], "{path}");
        assert_ne!(report, other.body(path).await["report"], "{path}");
    }
}

#[tokio::test]
async fn health_is_free_and_needs_no_token() {
    let mut caller = Caller::new("").await;
    caller.token.clear();
    for (path, service) in [
        ("/getdata/health", "GetData (1217)"),
        ("/datecheck/health", "DateCheck Company (1219)"),
        ("/datecheck/company/health", "DateCheck Company (1219)"),
        ("/datecheck/consumer/health", "DateCheck Consumer (1220)"),
    ] {
        let body = caller.body(path).await;
        assert_eq!(
            (body["status"].as_str(), body["service"].as_str()),
            (Some("healthy"), Some(service)),
            "{path}"
        );
    }
    assert_eq!((caller.simulator.bill().len(), caller.simulator.stats().health), (0, 4));
    let lost = caller.get("/getdatas").await.expect("an answer");
    assert_eq!(
        (lost.status().as_u16(), lost.text().await.expect("a body").starts_with("<!DOCTYPE")),
        (404, true)
    );
}

#[tokio::test]
async fn tokens_are_asked_for_and_end() {
    let mut caller = Caller::new("token_life = '0'").await;
    assert_eq!(caller.outcome(BASIC).await, (403, "R4".to_owned()));
    caller.token = "a.b.c".to_owned();
    assert_eq!(caller.outcome(BASIC).await, (403, "R5".to_owned()));
    caller.token.clear();
    assert_eq!(caller.outcome(BASIC).await, (403, "R2".to_owned()));
    assert!(caller.simulator.bill().iter().all(|entry| !entry.billed && entry.status == Some(403)));
}

#[tokio::test]
async fn a_token_that_a_fault_lets_expire_is_refused_until_the_next_login() {
    let mut caller = Caller::new("[[fault]]\ndo = 'expire-token'\nafter = 1\ntimes = 1").await;
    assert_eq!(caller.statuses(3).await, [200, 403, 403]);
    caller.log_in().await;
    assert_eq!(caller.statuses(1).await, [200]);
    assert_eq!(caller.simulator.logins().len(), 2);
    let always = Caller::new("[[fault]]\ndo = 'expire-token'").await;
    assert_eq!(always.outcome(BASIC).await, (403, "R4".to_owned()));
}

#[tokio::test]
async fn the_bill_tells_what_was_called_and_what_it_costs() {
    let caller = Caller::new("blocks = ['CompanyBasic', 'ConsumerCredit']").await;
    caller.outcome(&format!("{BASIC}&transactionid=abc")).await;
    caller.outcome("/getdata?searchnumber=198001010001&blockname=ConsumerCredit").await;
    caller.outcome("/getdata?searchnumber=5569565855&blockname=CompanyBasic").await;
    caller.outcome("/getdata?searchnumber=5565144408&blockname=Other").await;
    let bill = caller.simulator.bill();
    let told: Vec<_> = bill
        .iter()
        .map(|entry| (entry.sequence, entry.status, entry.code.as_deref(), entry.billed, entry.letter))
        .collect();
    assert_eq!(
        told,
        [
            (1, Some(200), None, true, false),
            (2, Some(200), None, true, true),
            (3, Some(404), Some("15"), true, false),
            (4, Some(400), Some("11"), false, false),
        ]
    );
    let first = (
        bill[0].service,
        bill[0].number.as_str(),
        bill[0].transactionid.as_deref(),
        bill[0].block.as_deref(),
    );
    assert_eq!(first, ("getdata", COMPANY, Some("abc"), Some("CompanyBasic")));
    assert!(bill.windows(2).all(|two| two[0].at <= two[1].at));

    let text = caller.get("/_simulator/bill").await.expect("an answer").text().await.expect("a body");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((lines.len(), lines[1]["letter"].as_bool()), (4, Some(true)));
    let stats = caller.body("/_simulator/stats?arrivals=4&idle=true").await;
    assert_eq!((stats["arrivals"].as_u64(), stats["billed"].as_u64()), (Some(4), Some(3)));
    assert_eq!(stats["letters"].as_u64(), Some(1));
    assert_eq!(caller.body("/_simulator/logins").await["count"].as_u64(), Some(1));
}

#[tokio::test]
async fn faults_that_end_a_connection_are_billed() {
    for (word, status) in [("close", None), ("reset", None), ("cut", Some(200))] {
        let caller = Caller::new(&format!("[[fault]]\ndo = '{word}'\ntimes = 1")).await;
        let answer = caller.get(BASIC).await;
        let lost = match answer {
            Err(_) => true,
            Ok(answer) => answer.bytes().await.is_err(),
        };
        assert!(lost, "{word}");
        let entry = &caller.simulator.bill()[0];
        assert_eq!((entry.status, entry.billed, entry.fault), (status, true, Some(word)), "{word}");
        assert_eq!(caller.statuses(1).await, [200], "{word}");
    }
}

#[tokio::test]
async fn a_cut_answer_has_its_head_and_half_of_its_body() {
    let caller = Caller::new("[[fault]]\ndo = 'cut'").await;
    let mut answer = caller.get(BASIC).await.expect("a head");
    let whole = answer.content_length().expect("a length");
    let mut arrived = 0;
    while let Ok(Some(chunk)) = answer.chunk().await {
        arrived += chunk.len() as u64;
    }
    assert_eq!((answer.status().as_u16(), arrived), (200, whole / 2));
}

#[tokio::test]
async fn faults_that_answer_something_else() {
    let cases = [
        ("do = 'status'\nstatus = 503", (503, ""), false),
        ("do = 'status'\nstatus = 500", (500, ""), true),
        ("do = 'status'\nstatus = 502", (502, ""), true),
        ("do = 'status'\nstatus = 429", (429, ""), false),
        ("do = 'html'", (200, ""), true),
        ("do = 'html'\nstatus = 404", (404, ""), false),
        ("do = 'html'\nstatus = 500", (500, ""), true),
        ("do = 'redirect'", (302, ""), false),
        ("do = 'html'\nstatus = 403\nretry_after = '5s'", (403, ""), false),
        ("do = 'html'\nstatus = 403\ncarried_out = true", (403, ""), true),
        ("do = 'status'\nstatus = 400", (400, ""), false),
        ("do = 'body'\nbody = '{\"error\":{\"code\":\"77\"}}'\nstatus = 418", (418, "77"), true),
        ("do = 'error'\ncode = '15'\nstatus = 404", (404, "15"), true),
        ("do = 'error'\ncode = '7'\nstatus = 403", (403, "7"), false),
        ("do = 'error'\ncode = 'S200'\nstatus = 403", (403, "S200"), true),
        ("do = 'error'\ncode = 'X9'\nstatus = 400", (400, "X9"), true),
    ];
    for (fault, (status, code), billed) in cases {
        let caller = Caller::new(&format!("[[fault]]\n{fault}")).await;
        assert_eq!(caller.outcome(BASIC).await, (status, code.to_owned()), "{fault}");
        assert_eq!(caller.simulator.bill()[0].billed, billed, "{fault}");
    }
}

#[tokio::test]
async fn an_error_may_echo_the_number_and_come_with_the_report() {
    let caller = Caller::new(
        "[[fault]]\ndo = 'error'\ncode = 'S6'\nstatus = 200\ntext = 'about {number}'\nreport = true",
    );
    let body = caller.await.body(BASIC).await;
    assert_eq!(body["error"]["text"], "about 5565144408");
    assert!(body["report"]["companyName"].is_string());
}

#[tokio::test]
async fn retry_after_comes_in_both_forms() {
    let header = async |form: &str| {
        let fault = format!("[[fault]]\ndo = 'status'\nstatus = 429\n{form}");
        let answer = Caller::new(&fault).await.get(BASIC).await.expect("an answer");
        answer.headers().get("retry-after").map(|value| value.to_str().expect("text").to_owned())
    };
    assert_eq!(header("").await, None);
    assert_eq!(header("retry_after = '2s'").await.as_deref(), Some("2"));
    let date = header("retry_after = '2s'\nretry_after_as = 'date'").await.expect("a date");
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
}

#[tokio::test]
async fn shapes_are_altered_and_bodies_enlarged() {
    let altered = Caller::new("[[fault]]\ndo = 'alter'\nalter = ['report-list', 'log-id-text']").await;
    let body = altered.body(BASIC).await;
    assert!(body["report"].is_array() && body["metaData"]["apiLogId"].is_string());
    let huge = Caller::new("[[fault]]\ndo = 'huge'\nsize = 3000000").await;
    let answer = huge.get(BASIC).await.expect("an answer");
    assert!(answer.bytes().await.expect("a body").len() > 3_000_000);
}

#[tokio::test]
async fn a_window_lets_so_many_calls_through() {
    let caller = Caller::new("window = { calls = 2, per = '1h', retry_after = '5s' }").await;
    assert_eq!(caller.statuses(4).await, [200, 200, 429, 429]);
    let answer = caller.get(BASIC).await.expect("an answer");
    assert_eq!(answer.headers().get("retry-after").and_then(|value| value.to_str().ok()), Some("5"));
    assert_eq!(caller.simulator.bill().iter().filter(|entry| entry.billed).count(), 2);
}

#[tokio::test]
async fn a_held_reply_is_billed_waits_and_is_released() {
    let caller = Caller::new("[[fault]]\ndo = 'hold'\ntimes = 1").await;
    let client = caller.client.clone();
    let call =
        client.get(format!("{}{BASIC}", caller.simulator.base_url())).bearer_auth(&caller.token).send();
    let call = tokio::spawn(call);
    assert_eq!(caller.body("/_simulator/held?held=1").await["count"].as_u64(), Some(1));
    let entry = &caller.simulator.bill()[0];
    assert_eq!((entry.billed, entry.fault), (true, Some("hold")));
    assert!(!call.is_finished());
    assert_eq!(caller.statuses(1).await, [200], "others pass");
    let url = format!("{}/_simulator/release", caller.simulator.base_url());
    assert_eq!(caller.client.post(url).send().await.expect("an answer").status(), 204);
    assert_eq!(call.await.expect("no panic").expect("an answer").status(), 200);
    assert_eq!(
        caller.simulator.until(|stats| stats.held == 0 && stats.in_flight == 0).await.most_in_flight,
        2
    );
}

#[tokio::test]
async fn a_held_reply_ends_with_its_client() {
    for word in ["hold", "stall"] {
        let caller = Caller::new(&format!("[[fault]]\ndo = '{word}'")).await;
        let url = format!("{}{BASIC}", caller.simulator.base_url());
        let call = tokio::spawn(caller.client.get(url).bearer_auth(&caller.token).send());
        caller.simulator.until(|stats| stats.in_flight == 1).await;
        call.abort();
        caller.simulator.until(|stats| stats.in_flight == 0 && stats.held == 0).await;
        assert!(caller.simulator.bill()[0].billed, "{word}");
    }
}

#[tokio::test]
async fn delays_are_waited_for() {
    let caller = Caller::new("delay = '30ms'\n[[fault]]\ndo = 'delay'\ndelay = '20ms..30ms'").await;
    let start = tokio::time::Instant::now();
    assert_eq!(caller.statuses(1).await, [200]);
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn an_upstream_that_is_gone_refuses_connections_and_comes_back() {
    let caller = Caller::new("[[fault]]\ndo = 'gone'\nfor = '300ms'\ntimes = 1").await;
    assert_eq!(caller.statuses(1).await, [200], "the call that does it is answered");
    let refused = caller.get("/getdata/health").await.expect_err("nobody listens");
    assert!(refused.is_connect(), "{refused:?}");
    let mut tries = 0;
    while caller.outcome(BASIC).await.0 != 200 {
        tries += 1;
        assert!(tries < 1_000_000, "it never came back");
    }
    let carried_out = caller.simulator.bill().iter().filter(|entry| entry.status == Some(200)).count();
    assert_eq!(carried_out, 2, "what was refused never arrived");
}

#[tokio::test]
async fn an_upstream_can_be_gone_for_good_and_still_be_shut_down() {
    let caller = Caller::new("[[fault]]\ndo = 'gone'").await;
    assert_eq!(caller.statuses(1).await, [200]);
    assert_eq!(caller.statuses(2).await, [0, 0]);
    caller.simulator.shutdown().await.expect("an orderly end");
}

#[tokio::test]
async fn logins_are_refused_locked_out_and_broken() {
    let caller = Caller::new("login = { refuse = true }").await;
    assert!(caller.token.is_empty());
    let status = async |body| caller.login(body).await.expect("an answer").status().as_u16();
    assert_eq!(status("").await, 400);
    assert_eq!(status("{\"username\":\"key\"}").await, 401);
    for expected in [401, 401, 401, 401, 401, 429] {
        assert_eq!(status("{\"username\":\"a\",\"password\":\"b\"}").await, expected);
    }
    assert_eq!(caller.simulator.logins().last().and_then(|login| login.status), Some(429));

    let mut twice = Caller::new("login = { status = 503, times = 2 }").await;
    assert_eq!(
        (twice.log_in().await, twice.log_in().await),
        (503.try_into().unwrap(), 200.try_into().unwrap())
    );
    assert!(Caller::new("login = { token = 'none' }").await.token.is_empty());
    let expired = Caller::new("login = { token = 'expired' }").await;
    assert_eq!(expired.outcome(BASIC).await, (403, "R4".to_owned()));

    let broken = Caller::new("").await;
    let fault = Scenario::parse("test", "[[fault]]\nservice = 'login'\ndo = 'close'").expect("a scenario");
    broken.simulator.set_scenario(fault);
    assert!(broken.login("{}").await.is_err());
    assert_eq!(broken.simulator.logins().last().map(|login| login.status), Some(None));
}

#[tokio::test]
async fn a_scenario_is_replaced_while_it_runs() {
    let caller = Caller::new("").await;
    let url = format!("{}/_simulator/scenario", caller.simulator.base_url());
    let post =
        async |text: &'static str| caller.client.post(&url).body(text).send().await.expect("an answer");
    assert_eq!(post("[[fault]]\ndo = 'status'\nstatus = 503\ntimes = 1").await.status(), 204);
    assert_eq!(caller.statuses(2).await, [503, 200]);
    let refused = post("\ndely = '1s'").await;
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.expect("a body").starts_with("scenario:2:1: unknown field `dely`"));
    assert_eq!(post("bill = false").await.status(), 204);
    assert_eq!(caller.statuses(1).await, [200]);
    assert_eq!((caller.simulator.bill().len(), caller.simulator.stats().arrivals), (2, 3));
}

#[tokio::test]
async fn only_loopback_addresses_are_listened_on() {
    let start = async |listen: &str| {
        let listen = listen.parse().expect("an address");
        Simulator::start(Options { listen, seed: 1, scenario: Scenario::default() }).await
    };
    assert!(matches!(start("0.0.0.0:0").await, Err(SimulatorError::NotLoopback(_))));
    assert!(matches!(start("192.0.2.1:0").await, Err(SimulatorError::NotLoopback(_))));
    let first = start("127.0.0.1:0").await.expect("a port");
    let taken = start(&first.address().to_string()).await;
    let Err(error @ SimulatorError::Listen { .. }) = taken else { panic!("{taken:?}") };
    assert!(error.to_string().contains(": Address already in use"), "{error}");
}

#[tokio::test]
async fn shutting_down_ends_held_calls() {
    let caller = Caller::new("[[fault]]\ndo = 'hold'").await;
    let url = format!("{}{BASIC}", caller.simulator.base_url());
    let call = tokio::spawn(caller.client.get(url).bearer_auth(&caller.token).send());
    caller.simulator.until(|stats| stats.held == 1).await;
    caller.simulator.shutdown().await.expect("an orderly end");
    assert!(call.await.expect("no panic").is_err());
}

/// A token of a provider that logs in with OAuth2.
async fn token_of(caller: &Caller, provider: &str, form: &'static str, basic: bool) -> (StatusCode, Value) {
    let url = format!("{}/{provider}/token", caller.simulator.base_url());
    let call = caller.client.post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
    let call = if basic { call.basic_auth("id", Some("secret")) } else { call };
    let answer = call.send().await.expect("an answer");
    (answer.status(), json(answer).await)
}

async fn ask_dnb(caller: &Caller, token: &str, path: &str, body: String) -> (StatusCode, Value) {
    let url = format!("{}/dnb{path}", caller.simulator.base_url());
    let call =
        caller.client.post(url).bearer_auth(token).header("content-type", "application/json").body(body);
    let answer = call.send().await.expect("an answer");
    (answer.status(), json(answer).await)
}

const COMPANY_DATA: &str = "/credit-data-companies/v2/companies/se";
const GRANT: &str = "grant_type=client_credentials&scope=credit_data_companies";

#[tokio::test]
async fn dnb_logs_in_with_basic_and_answers_by_segment() {
    let caller = Caller::new("token_life = \"2h\"\n").await;
    let (status, login) = token_of(&caller, "dnb", GRANT, true).await;
    assert_eq!((status.as_u16(), login["expires_in"].as_u64()), (200, Some(7_200)));
    assert_eq!(login["scope"], "credit_data_companies");
    let (status, _) =
        token_of(&caller, "dnb", "grant_type=client_credentials&client_id=a&client_secret=b", false).await;
    assert_eq!(status.as_u16(), 401);
    let token = login["access_token"].as_str().unwrap();
    let body = |number: &str, segments: &str| format!(r#"{{"registrationNumber":"{number}"{segments}}}"#);
    let (status, answer) = ask_dnb(&caller, token, COMPANY_DATA, body(COMPANY, "")).await;
    assert_eq!(status.as_u16(), 200);
    assert!(answer.get("risk").is_some() && answer.get("finance").is_some(), "none asked for is all");
    let (_, answer) = ask_dnb(&caller, token, COMPANY_DATA, body(COMPANY, r#","segments":["RISK"]"#)).await;
    assert!(answer.get("risk").is_some() && answer.get("finance").is_none());
    assert_eq!(answer["companyInformation"]["registrationNumber"], COMPANY);
    assert_eq!(ask_dnb(&caller, token, COMPANY_DATA, body("9999999999", "")).await.0.as_u16(), 404);
    let (status, answer) = ask_dnb(&caller, token, COMPANY_DATA, body("123", "")).await;
    assert_eq!((status.as_u16(), &answer["subErrors"][0]["rejectedValue"]), (400, &Value::from("123")));
    let (status, answer) = ask_dnb(&caller, &caller.token, COMPANY_DATA, body(COMPANY, "")).await;
    assert_eq!((status.as_u16(), &answer["error"]), (401, &Value::from("invalid_token")));
}

#[tokio::test]
async fn the_partner_api_wants_to_know_who_asks() {
    let caller = Caller::new("").await;
    let form = "grant_type=client_credentials&client_id=a&client_secret=b";
    assert_eq!(token_of(&caller, "partner", GRANT, true).await.0.as_u16(), 401);
    let (_, login) = token_of(&caller, "partner", form, false).await;
    let url = |path: &str| format!("{}/partner/{path}/{COMPANY}", caller.simulator.base_url());
    let call = |path: &str| caller.client.get(url(path)).bearer_auth(login["access_token"].as_str().unwrap());
    assert_eq!(call("customers").send().await.unwrap().status().as_u16(), 403);
    assert_eq!(call("customers").header("Requestor-ID", "r").send().await.unwrap().status().as_u16(), 200);
    assert_eq!(call("prepare-legal-entity").send().await.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn faults_meet_every_provider() {
    let scenario = "login = { refuse = true, times = 1 }\n[[fault]]\nservice = \"dnb.company\"\ndo = \"error\"\n\
                    status = 400\ncode = \"X\"\ntext = \"bad {number}\"\ntimes = 1\n[[fault]]\nservice = \"dnb.company\"\n\
                    do = \"expire-token\"\ntimes = 1\n";
    let caller = Caller::new(scenario).await;
    let (_, login) = token_of(&caller, "dnb", GRANT, true).await;
    let token = login["access_token"].as_str().unwrap();
    let body = || format!(r#"{{"registrationNumber":"{COMPANY}"}}"#);
    let (status, answer) = ask_dnb(&caller, token, COMPANY_DATA, body()).await;
    assert_eq!((status.as_u16(), &answer["message"]), (400, &Value::from(format!("bad {COMPANY}"))));
    for _ in 0..2 {
        assert_eq!(ask_dnb(&caller, token, COMPANY_DATA, body()).await.0.as_u16(), 401);
    }
    let billed: Vec<_> = caller.simulator.bill().iter().map(|entry| entry.billed).collect();
    assert_eq!(billed, [true, false, false]);
}

#[tokio::test]
async fn a_reply_written_twice_leaves_its_connection_one_behind() {
    let caller = Caller::new("[[fault]]\ndo = 'twice'\nafter = 1\ntimes = 1").await;
    let mut told = Vec::new();
    for at in 0..5 {
        let number = 5_565_144_400_u64 + at;
        let path = format!("/getsignatory?searchnumber={number}");
        let url = caller.body(&path).await["metaData"]["requestUrl"].as_str().unwrap_or_default().to_owned();
        told.push(url.ends_with(&path));
    }
    assert_eq!(told, [true, true, false, false, false]);
    assert_eq!(caller.simulator.bill().len(), 5, "each was carried out");
    let another = Client::new();
    let url = format!("{}{BASIC}", caller.simulator.base_url());
    let answer = another.get(&url).bearer_auth(&caller.token).send().await.expect("an answer");
    assert_eq!(json(answer).await["metaData"]["requestUrl"], url.as_str(), "another connection");
}

#[tokio::test]
async fn a_body_may_be_bytes_that_are_no_text() {
    let caller = Caller::new("[[fault]]\ndo = 'body'\nhex = 'ff00e5'\ncontent_type = 'x/y; charset=z'").await;
    let answer = caller.get(BASIC).await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "x/y; charset=z");
    assert_eq!(*answer.bytes().await.expect("a body"), [0xff, 0, 0xe5]);
}
