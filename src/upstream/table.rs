//! One table of what an answer means: status × what is in it × whose answers are read.
//!
//! What follows from each class for the lookup, its money, its attempts, the outage and the service is held by
//! `tests/it/statuses.rs` with the real program.

use super::{Question, Reading, answered, read};
use crate::config::catalogue::{Catalogue, Dialect};
use std::path::Path;

/// What is in an answer, written as each of the three would write it.
const KINDS: [(&str, [&str; 3]); 5] = [
    ("html", ["<!DOCTYPE html><h1>No</h1>"; 3]),
    ("none", [""; 3]),
    ("gateway", [r#"{"message":"no"}"#, r#"{"reason":"no"}"#, r#"{"message":"no"}"#]),
    (
        "error",
        [
            r#"{"metaData":{},"error":{"code":"X1","text":"no"}}"#,
            r#"{"status":0,"message":"no","subErrors":[]}"#,
            r#"{"error":{"code":"X1"}}"#,
        ],
    ),
    ("report", [r#"{"report":{"a":1}}"#, r#"{"name":"A"}"#, r#"{"data":{"a":1}}"#]),
];

/// `foreign` is a page that is not the provider's and promises nothing; `lost page` is one that came as a success.
const TABLE: &str = "
    status  kind     creditsafe        dnb              generic
    200     html     lost page         lost page        lost page
    200     none     unreadable        unreadable       unreadable
    200     gateway  unreadable        hit              unreadable
    200     error    rejected X1       unreadable       unreadable
    200     report   hit               hit              hit
    203     html     lost page         lost page        lost page
    301     html     foreign           foreign          foreign
    302     none     foreign           foreign          foreign
    304     none     foreign           foreign          foreign
    307     report   foreign           foreign          foreign
    308     error    foreign           foreign          foreign
    400     html     foreign           foreign          foreign
    400     none     foreign           foreign          invalid
    400     gateway  foreign           foreign          invalid
    400     error    invalid X1        invalid 400      invalid X1
    401     html     token 401         token 401        token 401
    401     none     token 401         token 401        token 401
    401     gateway  token 401         token 401        token 401
    401     error    token X1          token 401        token X1
    403     html     foreign           foreign          foreign
    403     none     foreign           foreign          denied
    403     gateway  foreign           foreign          denied
    403     error    denied X1         denied 403       denied X1
    404     html     foreign           foreign          foreign
    404     none     foreign           foreign          foreign
    404     gateway  foreign           foreign          foreign
    404     error    fault X1 billed   no_hit 404       fault X1 billed
    405     html     foreign           foreign          foreign
    407     html     foreign           foreign          foreign
    408     html     lost 408          lost 408         lost 408
    410     none     foreign           foreign          foreign
    415     gateway  foreign           foreign          foreign
    415     error    invalid X1        fault 415 billed fault X1 billed
    418     html     foreign           foreign          foreign
    429     html     throttled         throttled        throttled
    429     report   throttled         throttled        throttled
    451     html     foreign           foreign          foreign
    500     html     lost 500          lost 500         lost 500
    500     error    lost 500          lost 500         lost 500
    501     none     lost 501          lost 501         lost 501
    502     html     lost 502          lost 502         lost 502
    503     html     unavailable       unavailable      unavailable
    503     report   unavailable       unavailable      unavailable
    504     none     lost 504          lost 504         lost 504
    511     html     lost 511          lost 511         lost 511
    599     html     lost 599          lost 599         lost 599
";

fn class(reading: Reading) -> String {
    match reading {
        Reading::Answer(answer) => format!("{} {}", answer.outcome, answer.code.unwrap_or_default()),
        Reading::TokenRefused { code } => format!("token {code}"),
        Reading::ClientRefused { code, .. } => format!("client {code}"),
        Reading::Throttled => "throttled".to_owned(),
        Reading::Unavailable => "unavailable".to_owned(),
        Reading::Unreadable(_) => "unreadable".to_owned(),
        Reading::Mismatched { .. } => "mismatched".to_owned(),
        Reading::Lost { code } => format!("lost {code}"),
        Reading::Fault(fault) => format!("fault {}{}", fault.code, if fault.billed { " billed" } else { "" }),
        Reading::Foreign(page) => {
            assert!(!page.billed, "a page that is not the provider's is not billed");
            "foreign".to_owned()
        }
    }
    .trim_end()
    .to_owned()
}

#[test]
fn every_status_with_everything_that_may_come_with_it() {
    let mut catalogue = Catalogue::default();
    catalogue.extend(Path::new("example.toml"), include_str!("../../config/providers/example.toml")).unwrap();
    let example = catalogue.service("example.company").unwrap().1.dialect.clone();
    let dialects = [Dialect::Creditsafe, Dialect::Dnb, example];
    let (mut lines, mut rows) = (TABLE.lines().filter(|line| !line.trim().is_empty()), 0);
    let head = lines.next().unwrap();
    let columns = ["status", "kind", "creditsafe", "dnb", "generic"].map(|name| head.find(name).unwrap());
    for line in lines {
        let cell = |at: usize| {
            let end = columns.get(at + 1).copied().unwrap_or(line.len()).min(line.len());
            line[columns[at].min(end)..end].trim()
        };
        let (status, kind) = (cell(0).parse().unwrap(), cell(1));
        let bodies = KINDS.iter().find(|(name, _)| *name == kind).unwrap().1;
        for (at, (dialect, body)) in dialects.iter().zip(bodies).enumerate() {
            assert_eq!(
                class(read(dialect, &answered(status, body), &Question::default())),
                cell(at + 2),
                "{line}"
            );
        }
        rows += 1;
    }
    assert!(rows > 40, "{rows}");
}

/// What stands before a service says in JSON: AWS, Kong, Cloudflare, nginx, Azure, Apigee, Google, Spring, RFC 9457 and others.
const GATEWAYS: [&str; 24] = [
    r#"{"message":"Forbidden"}"#,
    r#"{"message":"Unauthorized"}"#,
    r#"{"message":"Missing Authentication Token"}"#,
    r#"{"Message":"User is not authorized to access this resource"}"#,
    r#"{"message":"no Route matched with those values","request_id":"a1"}"#,
    r#"{"message":"Invalid authentication credentials"}"#,
    r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"messages":[],"result":null}"#,
    r#"{"error":"Forbidden"}"#,
    r#"{"error":"Not Found"}"#,
    r#"{"error":"404 Not Found"}"#,
    r#"{"detail":"Not Found"}"#,
    r#"{"status":403,"message":"Forbidden"}"#,
    r#"{"status":403,"error":"Forbidden"}"#,
    r#"{"statusCode":404,"message":"Resource not found"}"#,
    r#"{"code":403,"message":"Forbidden"}"#,
    r#"{"error":{"code":403,"message":"Forbidden","status":"PERMISSION_DENIED"}}"#,
    r#"{"fault":{"faultstring":"Invalid ApiKey","detail":{"errorcode":"oauth.v2.InvalidApiKey"}}}"#,
    r#"{"timestamp":"t","status":404,"error":"Not Found","path":"/x"}"#,
    r#"{"error":404,"message":"no Route matched"}"#,
    r#"{"error":true,"message":"Forbidden"}"#,
    r#"{"error":{"code":"ResourceNotFound","message":"The resource was not found."}}"#,
    r#"{"status":403,"statusText":"Forbidden"}"#,
    r#"{"timestamp":"t","status":404,"error":"Not Found","message":"No message available"}"#,
    r#"{"type":"about:blank","title":"Forbidden","status":403,"detail":"Blocked by the rule 7"}"#,
];

#[test]
fn what_a_gateway_says_in_json_is_no_answer() {
    for body in GATEWAYS {
        for dialect in [Dialect::Creditsafe, Dialect::Dnb] {
            for (status, expected) in [
                (200, "unreadable"),
                (400, "foreign"),
                (401, "token 401"),
                (403, "foreign"),
                (404, "foreign"),
                (405, "foreign"),
                (409, "foreign"),
                (415, "foreign"),
                (422, "foreign"),
                (429, "throttled"),
                (500, "lost 500"),
                (502, "lost 502"),
                (503, "unavailable"),
                (504, "lost 504"),
            ] {
                let reading = class(read(&dialect, &answered(status, body), &Question::default()));
                assert_eq!(reading, expected, "{status} {dialect:?} {body}");
            }
        }
    }
}

/// The providers' own errors, in each form that is documented of them.
#[test]
fn what_a_provider_says_in_its_form_is_an_answer() {
    let theirs: [(&Dialect, &str, [&str; 3]); 10] = [
        (
            &Dialect::Creditsafe,
            r#"{"metaData":{"apiLogId":1},"error":{"code":"15","text":"No match record"}}"#,
            ["invalid 15", "denied 15", "no_hit 15"],
        ),
        (
            &Dialect::Creditsafe,
            r#"{"error":{"code":"15","text":"No match record"}}"#,
            ["invalid 15", "denied 15", "no_hit 15"],
        ),
        (&Dialect::Creditsafe, r#"{"error":{"code":"15"}}"#, ["invalid 15", "denied 15", "no_hit 15"]),
        (
            &Dialect::Creditsafe,
            r#"{"error":{"code":"S2"}}"#,
            ["rejected S2", "rejected S2", "fault S2 billed"],
        ),
        (
            &Dialect::Dnb,
            r#"{"status":404,"statusText":"NOT_FOUND","message":"none","timestamp":"t"}"#,
            ["invalid 400", "denied 403", "no_hit 404"],
        ),
        (
            &Dialect::Dnb,
            r#"{"message":"no","validationErrors":[]}"#,
            ["invalid 400", "denied 403", "no_hit 404"],
        ),
        (&Dialect::Dnb, r#"{"message":"no","subErrors":[]}"#, ["invalid 400", "denied 403", "no_hit 404"]),
        (
            &Dialect::Dnb,
            r#"{"detail":"No company of this number"}"#,
            ["invalid 400", "denied 403", "no_hit 404"],
        ),
        (
            &Dialect::Dnb,
            r#"{"error":"No company of this number"}"#,
            ["invalid 400", "denied 403", "no_hit 404"],
        ),
        (
            &Dialect::Dnb,
            r#"{"status":400,"message":"no","timestamp":"t"}"#,
            ["invalid 400", "denied 403", "no_hit 404"],
        ),
    ];
    for (dialect, body, expected) in theirs {
        for (status, expected) in [400, 403, 404].into_iter().zip(expected) {
            let reading = class(read(dialect, &answered(status, body), &Question::default()));
            assert_eq!(reading, expected, "{status} {dialect:?} {body}");
        }
    }
}
