use super::super::catalogue::{Digits, Fallback, REQUESTOR};
use super::*;

#[test]
fn the_built_in_catalogue_is_free_of_problems() {
    for file in &BUILT_IN {
        check(Path::new(file.path), file.text).unwrap_or_else(|problems| panic!("{problems}"));
        let windows = format!("\u{feff}{}", file.text.replace('\n', "\r\n"));
        check(Path::new("copy.toml"), &windows).unwrap_or_else(|problems| panic!("{problems}"));
    }
}

#[test]
fn every_service_of_the_contract_is_there() {
    let catalogue = Catalogue::built_in();
    let mut names = catalogue.references();
    names.sort();
    assert_eq!(
        names,
        [
            "bisnode.person-search",
            "creditsafe.datecheck-company",
            "creditsafe.datecheck-consumer",
            "creditsafe.getdata",
            "creditsafe.getdataunits",
            "creditsafe.getsignatory",
            "creditsafe.spar",
            "dnb.company",
            "dnb.company-search",
            "dnb.person",
            "dnb.signing",
        ]
    );
    let letters: Vec<&String> =
        names.iter().filter(|name| catalogue.service(name).unwrap().1.letters).collect();
    assert_eq!(letters, ["creditsafe.getdata", "dnb.company", "dnb.person"]);
    assert!(catalogue.providers.contains_key("partner") && !catalogue.providers.contains_key("example"));
}

/// Ten digits in a JSON body, twelve in a query, and no personal number in an address where there is a body.
#[test]
fn numbers_have_the_form_of_their_place() {
    let catalogue = Catalogue::built_in();
    for provider in ["dnb", "bisnode"] {
        for service in &catalogue.providers[provider].services {
            let forms = [service.organisation, service.sole_trader, service.person];
            let form = if service.body.is_some() { Digits::Ten } else { Digits::Twelve };
            assert!(forms.into_iter().flatten().all(|digits| digits == form), "{}", service.name);
            let in_query = service.query.iter().any(|(_, fill)| fill.has_number());
            assert_eq!(in_query, service.body.is_none(), "{}", service.name);
            assert!(!service.path.has_number());
        }
    }
}

#[test]
fn segments_are_always_sent_and_count() {
    let catalogue = Catalogue::built_in();
    let company = catalogue.service("dnb.company").unwrap().1;
    let segments = company.param("segments").unwrap();
    assert_eq!(segments.default, Some(Fallback::Text("COMPANY_INFORMATION".to_owned())));
    assert!(segments.identity);
    let reference = company.param("reference").unwrap();
    assert!(reference.numberless && !reference.identity);
}

const EXAMPLE: &str = include_str!("../../../config/providers/example.toml");

#[test]
fn the_example_works_beside_the_built_in_ones() {
    let mut catalogue = Catalogue::built_in();
    catalogue.extend(Path::new("example.toml"), EXAMPLE).unwrap_or_else(|problems| panic!("{problems}"));
    let example = &catalogue.providers["example"];
    assert_eq!(example.auth, Auth::ClientCredentialsBasic);
    assert_eq!(example.scopes, ["companies.read", "persons.read"]);
    assert!(example.codes.iter().any(|code| code.code == "R*" && code.outcome == "rejected"));
    assert!(catalogue.service("example.status").unwrap().1.fills_by_itself("ref"));
    let again = catalogue.extend(Path::new("again.toml"), EXAMPLE).unwrap_err();
    assert!(again.list.iter().all(|problem| problem.message.contains("already")), "{again}");
}

const PARTNER: &str = r#"
name = "partner"
[[service]]
name = "engagements"
title = "What a customer has."
method = "post"
path = "/engagements"
person = 12
json = { number = "{number}" }
[[service]]
name = "create-person"
title = "Creates a person."
method = "post"
path = "/persons"
person = 12
requestor_exempt = true
json = { number = "{number}" }
"#;

#[test]
fn a_users_file_brings_the_services_of_the_partner_api() {
    let mut catalogue = Catalogue::built_in();
    catalogue.extend(Path::new("my.toml"), PARTNER).unwrap_or_else(|problems| panic!("{problems}"));
    let provider = &catalogue.providers["partner"];
    assert_eq!((provider.auth, provider.title.as_str()), (Auth::ClientCredentialsBody, "Partner API"));
    let headers = |name: &str| {
        let service = provider.service(name).unwrap();
        assert_eq!(service.dialect, Dialect::Dnb);
        assert_eq!(service.needs_requestor, service.param(REQUESTOR).is_some_and(|param| param.identity));
        service.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(headers("engagements"), ["Requestor-ID"]);
    assert!(headers("create-person").is_empty());
    assert!(catalogue.extend(Path::new("my.toml"), PARTNER).is_err(), "services are brought once");
}

/// A good file to which a mistake is added.
const GOOD: &str = r#"
name = "own"
auth = "none"
[environments.production]
base_url = "https://api.example.com"
[answer]
code = "/code"
[[rule]]
status = "2xx"
outcome = "hit"
[[service]]
name = "a"
title = "A."
path = "/a/{number}"
organisation = 10
"#;

fn problems_of(text: &str) -> String {
    check(Path::new("own.toml"), text).map_or_else(|problems| problems.render(), |()| "nothing".to_owned())
}

fn each_is_told<const N: usize>(table: [(String, &str, &str); N]) {
    for (text, place, told) in table {
        let shown = problems_of(&text);
        assert!(shown.contains(place) && shown.contains(told), "{place} {told}:\n{shown}");
    }
}

#[test]
fn each_mistake_in_a_rule_or_a_path_is_told_with_its_line() {
    assert_eq!(problems_of(GOOD), "nothing");
    let rule = |rule: &str| GOOD.replace("[[service]]", &format!("[[rule]]\n{rule}\n[[service]]"));
    let table = [
        (GOOD.replace("title = \"A.\"", "titel = \"A.\""), ":13:1", "unknown key `titel`"),
        (GOOD.replace("\"none\"", "\"oauth\""), ":3:8", "this must be \"connect\""),
        (GOOD.replace("auth = \"none\"", ""), ":2:1", "`auth` is missing"),
        (GOOD.replace("{number}", "{orgnr}"), ":14:8", "`{orgnr}` names no input"),
        (GOOD.replace("{number}", "{numbre}"), ":14:8", "did you mean `number`?"),
        (GOOD.replace("/{number}", ""), ":11:1", "sends the number nowhere"),
        (GOOD.replace("/a/{number}", "/a?n={number}"), ":14:8", "a path holds no `?`"),
        (GOOD.replace("/a/", "/../"), ":14:8", "goes down only"),
        (GOOD.replace("{number}", "{number"), ":14:8", "without its `}`"),
        (GOOD.replace("\"2xx\"", "\"4xx\""), ":11:1", "has no rule for 2xx"),
        (GOOD.replace("\"2xx\"", "299"), "nothing", "nothing"),
        (GOOD.replace("\"/code\"", "\"code\""), ":7:8", "begins with `/`"),
        (rule("status = 200\noutcome = \"partial\""), ":12:10", "an earlier rule takes all"),
        (rule("status = 429\noutcome = \"hit\""), ":12:10", "429 is always a pause"),
        (rule("status = 429\noutcome = \"throttled\""), "nothing", "nothing"),
        (rule("status = 502\noutcome = \"unavailable\""), ":12:10", "may have been carried out"),
        (rule("status = 502\noutcome = \"lost\""), "nothing", "nothing"),
        (rule("status = 502\ncode = \"B\"\noutcome = \"unavailable\""), "nothing", "nothing"),
        (rule("status = 999\noutcome = \"hit\""), ":12:10", "from 100 to 599"),
        (rule("status = \"9xx\"\noutcome = \"hit\""), ":12:10", "no HTTP status"),
        (rule("status = 404\noutcome = \"miss\""), ":13:11", "this must be \"hit\""),
        (rule("status = 404\nis = \"empty\"\noutcome = \"no_hit\""), ":11:1", "goes with exactly one"),
        (
            rule("status = 401\noutcome = \"token-refused\"\nbilled = true"),
            ":14:10",
            "refused unprocessed is not billed",
        ),
        (
            GOOD.replace("code = \"/code\"", "").replace(
                "[[service]]",
                "[[rule]]\nstatus = 404\ncode = \"A\"\noutcome = \"no_hit\"\n[[service]]",
            ),
            ":12:10",
            "where the code stands",
        ),
    ];
    each_is_told(table);
}

#[test]
fn each_mistake_in_a_request_or_a_login_is_told_with_its_line() {
    let service = |keys: &str| format!("{GOOD}{keys}\n");
    let table = [
        (service("json = { n = \"{number}\" }"), ":16:8", "a GET carries no body"),
        (
            service("method = \"post\"\nsole_trader = 10\njson = { n = \"x\" }"),
            ":14:8",
            "a personal number does not go into an address",
        ),
        (service("headers = { Authorization = \"x\" }"), ":16:13", "orgpull sets `Authorization`"),
        (service("headers = { \"a b\" = \"x\" }"), ":16:13", "no name of a header"),
        (service("requestor_exempt = true"), ":16:20", "no header to be exempt from"),
        (GOOD.replace("\"own\"", "\"dnb\""), ":2:8", "there is a provider `dnb` already"),
        (
            service("query = { p = \"x{p}\" }\n[[service.param]]\nname = \"p\"\ndescription = \"P.\""),
            ":16:15",
            "may be absent",
        ),
        (
            service("[[service.param]]\nname = \"number\"\ndescription = \"P.\""),
            ":17:8",
            "is filled in by orgpull",
        ),
        (
            service(
                "[[service.param]]\nname = \"p\"\ndescription = \"P.\"\nkind = \"integer\"\nmax = 5\ndefault = \"9\"",
            ),
            ":21:11",
            "whole number from 0 to 5",
        ),
        (
            service("[[service]]\nname = \"a\"\ntitle = \"A.\"\npath = \"/{number}\"\nperson = 12"),
            ":17:8",
            "stands twice",
        ),
        (
            GOOD.replace("auth = \"none\"", "auth = \"client-credentials-body\""),
            ":4:15",
            "`token_url` is missing",
        ),
    ];
    each_is_told(table);
}

#[test]
fn a_provider_without_any_service_is_refused() {
    let shown = problems_of("name = \"own\"\nauth = \"none\"\n");
    assert!(shown.contains("there is no [[service]]"), "{shown}");
}

/// The answer's language is no part of a purchase, and the runner's own parameters are not a job's to give.
#[test]
fn every_service_has_what_all_share() {
    for service in &Catalogue::built_in().providers["creditsafe"].services {
        assert!(!service.param("language").unwrap().identity, "{}", service.name);
        assert!(service.fills_by_itself("searchnumber") && service.fills_by_itself("transactionid"));
        assert!(service.param("searchnumber").is_none() && service.param("transactionid").is_none());
        assert!(service.health.as_deref().is_some_and(|path| path.ends_with("/health")));
        assert!(service.title.ends_with('.'));
        assert!(service.params.iter().all(|param| param.description.ends_with('.')));
    }
}

#[test]
fn a_broken_provider_file_is_told_at_once() {
    let text = r#"
name = "other"
title = "Other"
dialect = "creditsaf"
auth = "oauth2"
[environments.production]
base_url = "http://example.com"
token_url = "https://example.com/login"
[[service]]
name = "a"
title = "A."
path = "a"
number_param = "n"
person = 11
block_param = "block"
[[service.param]]
name = "p"
description = "P."
kind = "choice"
pattern = "("
[[service.param]]
name = "p"
description = "P."
[[service]]
name = "a"
title = "A."
path = "/a"
number_param = "n"
"#;
    let problems = check(Path::new("other.toml"), text).unwrap_err();
    insta::assert_snapshot!("broken_provider", problems.render());
}
