use super::super::{Reading, answered, read};
use super::*;
use crate::config::catalogue::Catalogue;
use proptest::prelude::*;
use std::path::Path;

/// Ours, and another's: a company's and, where it is twelve digits, a test person's.
const OURS: &str = "5560125790";
const OTHER: &str = "5565144408";
const PERSON: &str = "198001010001";
const REFERENCE: &str = "op0123456789ab";

fn service(name: &str) -> std::sync::Arc<Service> {
    let mut catalogue = Catalogue::built_in();
    let example = include_str!("../../../config/providers/example.toml");
    catalogue.extend(Path::new("example.toml"), example).unwrap();
    std::sync::Arc::clone(catalogue.service(name).unwrap().1)
}

/// How an answer to a question about this number is told.
fn told(name: &str, number: &str, params: &[(&str, &str)], status: u16, body: &str) -> &'static str {
    let service = service(name);
    let params: Vec<_> =
        params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let question = Question::new(&service, number, REFERENCE, &params);
    match read(&service.dialect, &answered(status, body), &question) {
        Reading::Mismatched { body } => {
            let kept = String::from_utf8(body.unwrap().0).unwrap();
            assert!(!kept.to_lowercase().contains("requesturl"), "{kept}");
            "another"
        }
        _ => "ours",
    }
}

fn getdata(number: &str, body: &str) -> &'static str {
    told("creditsafe.getdata", number, &[("blockname", "B")], 200, body)
}

/// An answer of Creditsafe's that echoes this address and is about this number.
fn echo(url: &str, about: &str) -> String {
    let body =
        serde_json::json!({ "metaData": { "requestUrl": url }, "report": { "organizationNumber": about } });
    body.to_string()
}

#[test]
fn the_echoed_reference_decides_whatever_else_is_said() {
    let other = "op0123456789ac";
    let of = |reference: &str, number: &str| {
        format!("https://x.test/getdata?searchnumber={number}&transactionid={reference}")
    };
    for (url, about, expected) in [
        (of(REFERENCE, OURS), OURS, "ours"),
        (of(REFERENCE, OURS), OTHER, "ours"),
        (of(REFERENCE, OTHER), OTHER, "ours"),
        (of(&REFERENCE.to_uppercase(), OTHER), OTHER, "ours"),
        (of(other, OURS), OURS, "another"),
        (of(other, OTHER), OTHER, "another"),
        (of("4711", OURS), OURS, "another"),
        // Nothing of it is left, or it is cut short: the number decides.
        (of("", OTHER), OURS, "another"),
        (of("op01234", OTHER), OURS, "another"),
        (of("op01234", OURS), OTHER, "ours"),
        (of("op01235", OURS), OURS, "another"),
    ] {
        assert_eq!(getdata(OURS, &echo(&url, about)), expected, "{url} {about}");
    }
}

#[test]
fn an_address_is_read_however_it_is_written() {
    for (url, expected) in [
        ("/getdata?searchnumber=5565144408", "another"),
        ("searchnumber=5565144408&blockname=B", "another"),
        ("https://x.test/getdata?SearchNumber=5565144408", "another"),
        ("https://x.test/getdata?searchnumber=556514%2D4408", "another"),
        ("https://x.test/getdata?searchnumber=556012%2D5790", "ours"),
        ("https://x.test/getdata?search%6Eumber=5565144408", "another"),
        ("https%3A%2F%2Fx.test%2Fgetdata%3Fsearchnumber%3D5565144408", "another"),
        ("https://x.test/getdata?blockname=B&amp;searchnumber=5565144408", "another"),
        ("https://x.test/getdata?blockname=B&searchnumber=5565144408#5560125790", "another"),
        ("https://x.test/getdata?searchnumber=5565144408&searchnumber=5560125790", "ours"),
        ("https://x.test/getdata?searchnumber=165560125790", "ours"),
        ("https://x.test/getdata?searchnumber=16556012-5790", "ours"),
        // Cut, masked, or without any: what is inside decides.
        ("https://x.test/getdata?searchnumber=55651", "ours"),
        ("https://x.test/getdata?searchnumber=556514****", "ours"),
        ("https://x.test/getdata?searchnumber=XXXXXX-4408", "ours"),
        ("https://x.test/getdata", "ours"),
        ("https://x.test/getdata?sear", "ours"),
        ("", "ours"),
        ("%", "ours"),
    ] {
        assert_eq!(getdata(OURS, &echo(url, OURS)), expected, "{url}");
        // Without an echo that tells, somebody else's report is told by its number.
        if expected == "ours" && !url.contains("5790") {
            assert_eq!(getdata(OURS, &echo(url, OTHER)), "another", "{url}");
        }
    }
}

#[test]
fn the_number_inside_counts_without_an_echo() {
    for (report, expected) in [
        (r#"{"organizationNumber":"556012-5790"}"#, "ours"),
        (r#"{"organizationNumber":"16556012-5790"}"#, "ours"),
        (r#"{"organizationNumber":"SE556012579001"}"#, "ours"),
        (r#"{"organizationNumber":5560125790}"#, "ours"),
        (r#"{"organizationNumber":"5560125790-001"}"#, "ours"),
        (r#"{"OrganisationNumber":"556012 5790"}"#, "ours"),
        (r#"{"companyId":"5560125790"}"#, "ours"),
        (r#"[{"organizationNumber":"5565144408"},{"organizationNumber":"5560125790"}]"#, "ours"),
        (r#"{"organizationNumber":["5565144408","5560125790"]}"#, "ours"),
        (r#"{"organizationNumber":"5565144408","formerOrganizationNumber":"5560125790"}"#, "ours"),
        (r#"{"organizationNumber":"5565144408","newOrganizationNumber":"5565144408"}"#, "ours"),
        (r#"{"organizationNumber":"5565144408","organizationNumberEcho":"5560125790"}"#, "ours"),
        (r#"{"organizationNumber":"556514****"}"#, "ours"),
        (r#"{"organizationNumber":"**********"}"#, "ours"),
        (r#"{"organizationNumber":"8001TF0001"}"#, "ours"),
        (r#"{"organizationNumber":null}"#, "ours"),
        (r#"{"organizationNumber":{}}"#, "ours"),
        (r#"{"organizationNumber":"4408"}"#, "ours"),
        (r#"{"companyId":"1234567890"}"#, "ours"),
        (r#"{"parent":{"organizationNumber":"5565144408"}}"#, "ours"),
        (r#"{"phoneNumber":"+46 8 123 456 78","safeNumber":5565144408}"#, "ours"),
        ("[]", "ours"),
        ("7", "ours"),
        (r#"{"organizationNumber":"5565144408"}"#, "another"),
        (r#"{"organizationNumber":"556514-4408"}"#, "another"),
        (r#"{"organizationNumber":"165565144408"}"#, "another"),
        (r#"{"organizationNumber":5565144408}"#, "another"),
        (r#"{"companyId":"5565144408"}"#, "another"),
        // A person who is named in it: a signatory, an owner.
        (r#"{"personalNumber":"19800101-0001"}"#, "ours"),
        (r#"{"name":"A","personNumber":8001010001,"nationalIdentificationNumber":"800101-0001"}"#, "ours"),
        (r#"[{"personalNumber":"19800101-0001"},{"personalNumber":"19900101-0009"}]"#, "ours"),
        (r#"{"organizationNumber":"5565144408","personalNumber":"19800101-0001"}"#, "another"),
        (r#"{"organizationNumber":"800101-0001"}"#, "another"),
        (r#"{"searchNumber":"19800101-0001"}"#, "another"),
        (r#"[{"organizationNumber":"5565144408"},{"organizationNumber":"5569565855"}]"#, "another"),
        (r#"[{"name":"A"},{"organizationNumber":"5565144408"}]"#, "another"),
    ] {
        assert_eq!(getdata(OURS, &format!(r#"{{"report":{report}}}"#)), expected, "{report}");
    }
    for (about, expected) in [
        ("19800101-0001", "ours"),
        ("800101-0001", "ours"),
        ("8001010001", "ours"),
        ("198001010001", "ours"),
        ("8001010001-002", "ours"),
        ("19900101-0009", "another"),
        ("990101-0009", "another"),
    ] {
        assert_eq!(
            getdata(PERSON, &format!(r#"{{"report":{{"personalNumber":"{about}"}}}}"#)),
            expected,
            "{about}"
        );
    }
}

#[test]
fn companies_in_an_answer_about_a_person_tell_nothing() {
    for (report, expected) in [
        (r#"{"organizationNumber":"5565144408"}"#, "ours"),
        (r#"{"organizationNumber":"165565144408"}"#, "ours"),
        (r#"{"organizationNumber":"SE556514440801"}"#, "ours"),
        (r#"{"organizationNumber":["5565144408","5560125790"]}"#, "ours"),
        (r#"{"registrationNumber":5565144408,"companyId":"5565144408"}"#, "ours"),
        (r#"{"organizationNumber":"800101-0001","name":"A's firm"}"#, "ours"),
        (r#"{"personalNumber":"19800101-0001","organizationNumber":"5565144408"}"#, "ours"),
        (r#"{"organizationNumber":"900101-0009"}"#, "another"),
        (r#"{"organizationNumber":"19900101-0009"}"#, "another"),
        (r#"{"organizationNumber":"9001010009-001"}"#, "another"),
        (r#"{"personalNumber":"19900101-0009","organizationNumber":"5565144408"}"#, "another"),
        (r#"{"searchNumber":"5565144408"}"#, "another"),
    ] {
        assert_eq!(getdata(PERSON, &format!(r#"{{"report":{report}}}"#)), expected, "{report}");
    }
}

#[test]
fn a_number_that_has_changed_is_no_mismatch() {
    let changed = r#"{"error":{"code":"S7","text":"new"},"report":{"personalNumber":"19900101-0009"}}"#;
    assert_eq!(getdata(PERSON, changed), "ours");
    assert_eq!(getdata(PERSON, &changed.replace("S7", "S6")), "another");
    let echoed =
        changed.replace(r#"{"error""#, r#"{"metaData":{"requestUrl":"?searchnumber=199001010009"},"error""#);
    assert_eq!(getdata(PERSON, &echoed), "another", "the echo is not what has changed");
}

#[test]
fn every_kind_of_answer_may_be_anothers() {
    let url = |reference: &str| {
        format!(r#""metaData":{{"requestUrl":"?searchnumber=5560125790&transactionid={reference}"}}"#)
    };
    for (status, error) in
        [(404, "15"), (200, "S2"), (403, "R4"), (403, "7"), (400, "R1"), (403, "S2"), (401, "R5")]
    {
        let body = |reference: &str| format!(r#"{{{},"error":{{"code":"{error}"}}}}"#, url(reference));
        let told = |reference: &str| told("creditsafe.getsignatory", OURS, &[], status, &body(reference));
        assert_eq!((told(REFERENCE), told("op000000000000")), ("ours", "another"), "{status} {error}");
    }
    // These say all with their status.
    for status in [429, 503, 302] {
        assert_eq!(
            told("creditsafe.getsignatory", OURS, &[], status, &format!("{{{}}}", url("op000000000000"))),
            "ours"
        );
    }
}

#[test]
fn a_reference_that_the_job_gives_tells_nothing_where_it_is_the_same() {
    let mut service = Service::clone(&service("dnb.company"));
    let pointers = |text: &str| vec![Pointer(text.to_owned())];
    let rules = Rules { transactionid: pointers("/ref"), number: pointers("/number"), ..Rules::default() };
    service.dialect = Dialect::Generic(std::sync::Arc::new(rules));
    let told = |given: Option<&str>, reference: &str, about: &str| {
        let params: Vec<_> =
            given.iter().map(|given| ("reference".to_owned(), (*given).to_owned())).collect();
        let question = Question::new(&service, OURS, REFERENCE, &params);
        let body = format!(r#"{{"ref":"{reference}","number":"{about}"}}"#);
        matches!(read(&service.dialect, &answered(200, body), &question), Reading::Mismatched { .. })
    };
    for (reference, about, another) in [
        ("night-4711", OURS, false),
        ("night-4711", OTHER, true),
        ("night-47", OURS, false),
        ("night-47", OTHER, true),
        ("night-4712", OURS, true),
        (REFERENCE, OURS, true),
    ] {
        assert_eq!(told(Some("night-4711"), reference, about), another, "{reference} {about}");
    }
    assert!(!told(None, REFERENCE, OTHER), "our own is sent once");
    assert!(told(None, "night-4711", OURS));
}

#[test]
fn dnb_is_told_by_the_registration_number() {
    let company = |body: &str| told("dnb.company", OURS, &[], 200, body);
    for (body, expected) in [
        (r#"{"companyInformation":{"registrationNumber":"5560125790"}}"#, "ours"),
        (r#"{"companyInformation":{"registrationNumber":"5565144408"}}"#, "another"),
        (r#"{"registrationNumber":"556514-4408","name":"A"}"#, "another"),
        (r#"{"registrationNumber":"16556012-5790","name":"A"}"#, "ours"),
        (
            r#"{"companies":[{"registrationNumber":"5565144408"},{"registrationNumber":"5560125790"}]}"#,
            "ours",
        ),
        (
            r#"{"companies":[{"registrationNumber":"5565144408"},{"registrationNumber":"5569565855"}]}"#,
            "another",
        ),
        (r#"[{"registrationNumber":"5565144408"}]"#, "another"),
        (r#"{"companies":[]}"#, "ours"),
        (r#"{"companyInformation":{"name":"A","dunsNumber":"123456789"}}"#, "ours"),
        (r#"{"ownership":{"parent":{"registrationNumber":"5565144408"}}}"#, "ours"),
        (
            r#"{"companyInformation":{"registrationNumber":"5565144408","formerRegistrationNumber":"5560125790"}}"#,
            "ours",
        ),
    ] {
        assert_eq!(company(body), expected, "{body}");
    }
    let person = r#"{"personInformation":{"nationalIdentificationNumber":"9001010009"}}"#;
    assert_eq!(told("dnb.person", "8001010001", &[], 200, person), "another");
    let found = r#"{"persons":[{"person":{"nationalIdentificationNumber":"9001010009"}}]}"#;
    assert_eq!(told("bisnode.person-search", "198001010001", &[], 200, found), "another");
}

/// Board members, owners, subsidiaries.
#[test]
fn others_named_in_a_report_of_dnbs_tell_nothing() {
    for body in [
        r#"{"companyInformation":{"name":"A"},"persons":[{"nationalIdentificationNumber":"8001010001"}]}"#,
        r#"{"persons":[{"nationalIdentificationNumber":"8001010001","registrationNumber":"5565144408"}]}"#,
        r#"{"persons":[{"person":{"registrationNumber":"8001010001"}}]}"#,
        r#"{"name":"A","personInformation":{"registrationNumber":"8001010001"}}"#,
        r#"{"companyInformation":{"name":"A","nationalIdentificationNumber":"8001010001"}}"#,
        r#"{"companyInformation":{"name":"A"},"companies":[{"registrationNumber":"5565144408"}]}"#,
        r#"{"name":"A","companies":[{"registrationNumber":"5565144408"}]}"#,
    ] {
        assert_eq!(told("dnb.company", OURS, &[], 200, body), "ours", "{body}");
    }
    for body in [
        r#"{"personInformation":{"name":"A"},"companies":[{"registrationNumber":"5565144408"}]}"#,
        r#"{"companies":[{"registrationNumber":"5565144408"}]}"#,
        r#"{"companyInformation":{"registrationNumber":"8001010001"},"persons":[{"personNumber":"9001010009"}]}"#,
        r#"{"companyInformation":{"name":"A"},"persons":[{"personNumber":"9001010009"}]}"#,
    ] {
        assert_eq!(told("dnb.company", "8001010001", &[], 200, body), "ours", "{body}");
    }
    let body = r#"{"companyInformation":{"registrationNumber":"9001010009"}}"#;
    assert_eq!(told("dnb.company", "8001010001", &[], 200, body), "another");
}

#[test]
fn what_dnb_refuses_is_the_number_only_where_it_says_so() {
    let given = [("reference", "556514-4408")];
    for (field, value, expected) in [
        ("number", r#""5560125790""#, "ours"),
        ("registrationNumber", r#""5565144408""#, "another"),
        ("number", r#""16556514-4408""#, "another"),
        ("request.registrationNumber", "5565144408", "another"),
        ("/queries[0]/legalId", r#""5565144408""#, "another"),
        ("customerNumber", r#""5565144408""#, "ours"),
        ("reference", r#""5565144408""#, "ours"),
        ("registrationNumber.country", r#""5565144408""#, "ours"),
        ("phone", "46812345678", "ours"),
        ("", r#""5565144408""#, "ours"),
    ] {
        let error = format!(r#"{{"object":"q","field":"{field}","rejectedValue":{value}}}"#);
        for list in ["subErrors", "validationErrors"] {
            let body = format!(r#"{{"status":400,"message":"bad","{list}":[{error}]}}"#);
            assert_eq!(told("dnb.company", OURS, &[], 400, &body), expected, "{body}");
            assert_eq!(
                told("dnb.company", OURS, &given, 400, &body.replace("5565144408", "556514-4408")),
                "ours",
                "{body}"
            );
        }
    }
    let without = r#"{"status":400,"message":"bad","subErrors":[{"rejectedValue":"5565144408"}]}"#;
    assert_eq!(told("dnb.company", OURS, &[], 400, without), "ours");
}

#[test]
fn ones_own_provider_says_where_to_look() {
    let mut service = Service::clone(&service("example.company"));
    let rules = |transactionid: &[&str], number: &[&str]| {
        let pointers = |of: &[&str]| of.iter().map(|pointer| Pointer((*pointer).to_owned())).collect();
        let Dialect::Generic(rules) = &service.dialect else { panic!() };
        Rules { transactionid: pointers(transactionid), number: pointers(number), ..Rules::clone(rules) }
    };
    let both = rules(&["/ref", "/echo/ref"], &["/data/number", "/data/items/number", "/data/list"]);
    let none = rules(&[], &[]);
    let mut told = |rules: &Rules, body: &str| {
        service.dialect = Dialect::Generic(std::sync::Arc::new(rules.clone()));
        let question = Question::new(&service, OURS, REFERENCE, &[]);
        matches!(read(&service.dialect, &answered(200, body), &question), Reading::Mismatched { .. })
    };
    for (body, another) in [
        (r#"{"ref":"op0123456789ab","data":{"number":"5565144408"}}"#, false),
        (r#"{"echo":{"ref":"op0000000000"},"data":{"number":"5560125790"}}"#, true),
        (r#"{"ref":"","data":{"number":"5565144408"}}"#, true),
        (r#"{"ref":null,"data":{"number":5560125790}}"#, false),
        (r#"{"ref":{},"data":{"number":"55****4408"}}"#, false),
        (r#"{"data":{"items":[{"number":"5565144408"},{"number":"SE556012579001"}]}}"#, false),
        (r#"{"data":{"items":[{"number":"5565144408"},{"name":"x"}]}}"#, true),
        (r#"{"data":{"list":["5565144408","5560125790"]}}"#, false),
        (r#"{"data":{"list":["5565144408"]}}"#, true),
        (r#"{"data":{}}"#, false),
    ] {
        assert_eq!(told(&both, body), another, "{body}");
        assert!(!told(&none, body), "{body}");
    }
}

proptest! {
    /// Whatever an answer holds, one that names us is ours.
    #[test]
    fn what_names_us_is_ours(noise in "[a-zA-Z0-9?&=; +-]{0,40}", number in "[0-9]{10}") {
        prop_assume!(!noise.to_lowercase().contains("transactionid"));
        let url = format!("https://x.test/getdata?transactionid={REFERENCE}&{noise}");
        prop_assert_eq!(getdata(OURS, &echo(&url, &number)), "ours");
    }

    #[test]
    fn any_echo_has_a_reading(url in "\\PC{0,60}", about in "\\PC{0,20}") {
        let _ = getdata(OURS, &echo(&url, &about));
    }
}
