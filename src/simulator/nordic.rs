//! What D&B Nordic, Bisnode and upstreams that nobody foresaw answer (apis.md sections 8 and 9): the same made-up
//! companies and people as at Creditsafe, in other envelopes. Where apis.md says that nothing is known, the shape is ours.

use axum::http::{HeaderMap, Uri};
use serde_json::{Value, json};

use super::answers::{Register, Standing};
use super::companies::{Block, company};
use super::draw::Draw;
use super::number::{Number, Who};
use super::people::full_name;
use super::query::Query;
use super::reply::Reply;
use super::service::Service;

/// The segments of a company report; it is all of them where none is asked for.
const SEGMENTS: [&str; 6] = ["RISK", "FINANCE", "MANAGEMENT", "OWNERSHIP", "EVENTS", "COMPANY_INFORMATION"];
/// The commands of the partner API that need no requestor.
const EXEMPT: [&str; 3] = ["create", "prepare", "wizard"];

/// A call as it came in. Holds numbers, so it has no `Debug`.
pub(super) struct Question {
    /// Which service it is for.
    pub(super) service: Service,
    /// The number, as it was sent.
    pub(super) number: Option<String>,
    /// Our reference, where it was sent.
    pub(super) reference: Option<String>,
    body: Value,
    path: String,
    requestor: bool,
}

impl Question {
    /// Reads a call, wherever its number stands.
    pub(super) fn read(service: Service, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Self {
        let query = Query::read(uri);
        let body: Value = serde_json::from_slice(body).unwrap_or_else(|_| form(body));
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = match service {
            Service::BisnodePersonSearch => query.get("legalId").map(str::to_owned),
            Service::DnbPerson => text("nationalIdentificationNumber"),
            Service::Elsewhere => anywhere(uri, &query, &body),
            _ => text("registrationNumber"),
        };
        let header = headers.get("x-reference").and_then(|value| value.to_str().ok());
        let reference = query.get("reference").or_else(|| query.get("ref")).or(header).map(str::to_owned);
        let reference = text("reference").or(reference);
        Self {
            service,
            number,
            reference,
            path: uri.path().to_owned(),
            requestor: headers.contains_key("requestor-id"),
            body,
        }
    }

    /// What the register says; `log_id` is the upstream's own reference of the call.
    pub(super) fn answer(&self, register: &Register<'_>, log_id: u64) -> Reply {
        if self.path.starts_with("/partner/") && !self.requestor && !self.is_exempt() {
            return Reply::json(403, r#"{"error":"requestor_required"}"#);
        }
        let sent = self.number.as_deref().unwrap_or_default();
        let lengths: &[usize] = match self.service {
            Service::BisnodePersonSearch => &[12],
            Service::Elsewhere => &[10, 12],
            _ => &[10],
        };
        let number = Number::read(sent).filter(|_| lengths.contains(&sent.len()));
        let Some(number) = number else {
            // The body repeats it, as D&B's does.
            return problem(400, "Bad Request", "Validation failed", Some(sent));
        };
        let standing = register.standing(&number);
        match self.service {
            Service::DnbCompanySearch => companies(register.seed, &number, standing),
            Service::DnbCompany => self.company(register.seed, &number, standing),
            Service::DnbPerson => person_report(register.seed, &number, standing),
            Service::DnbSigning => signing(register.seed, &number, standing),
            Service::BisnodePersonSearch => persons(register.seed, &number, standing),
            _ => elsewhere(register.seed, &number, standing, log_id),
        }
    }

    fn is_exempt(&self) -> bool {
        EXEMPT.iter().any(|word| self.path.contains(word))
    }

    fn company(&self, seed: u64, number: &Number, standing: Standing) -> Reply {
        match standing {
            Standing::NoHit => problem(404, "Not Found", "Company not found", None),
            Standing::Rejected(_) => {
                problem(451, "Unavailable For Legal Reasons", "The company may not be delivered", None)
            }
            Standing::Hit | Standing::Partial(_) => {
                let mut report = json!({ "companyInformation": information(seed, number) });
                for segment in self.segments() {
                    if let Some((member, value)) = segment_of(seed, number, segment) {
                        report[member] = value;
                    }
                }
                Reply::json(200, report.to_string())
            }
        }
    }

    fn segments(&self) -> Vec<&str> {
        let asked = self.body.get("segments").and_then(Value::as_array);
        asked.map_or(SEGMENTS.to_vec(), |asked| asked.iter().filter_map(Value::as_str).collect())
    }
}

/// A segment of a company report, with the member that holds it.
fn segment_of(seed: u64, number: &Number, segment: &str) -> Option<(&'static str, Value)> {
    let mut draw = Draw::new(seed, &["dnb", segment, number.ten()]);
    Some(match segment {
        "RISK" => ("risk", json!({ "rating": { "code": draw.pick(&["AAA", "AA", "A", "B", "C"]) } })),
        "FINANCE" => ("finance", json!({ "netSales": draw.between(100, 90_000) })),
        "MANAGEMENT" => ("management", json!([{ "name": full_name(&mut draw) }])),
        "OWNERSHIP" => ("ownership", json!({ "groupStructure": draw.chance(20) })),
        "EVENTS" => ("events", json!([])),
        _ => return None,
    })
}

/// The fields of a form, as JSON.
fn form(body: &[u8]) -> Value {
    url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), Value::from(value))).collect()
}

/// The first thing in a call that looks like a number.
fn anywhere(uri: &Uri, query: &Query, body: &Value) -> Option<String> {
    let is_number = |text: &str| Number::read(text).is_some();
    let in_path = uri.path().split('/').find(|part| is_number(part));
    let in_query = || query.values().find(|value| is_number(value));
    let in_body = || texts(body).into_iter().find(|text| is_number(text));
    in_path.or_else(in_query).or_else(in_body).map(str::to_owned)
}

/// Every text in a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// An error as D&B's services write it. `rejected` is repeated in it.
pub(super) fn problem(status: u16, text: &str, message: &str, rejected: Option<&str>) -> Reply {
    let mut body = json!({
        "status": status,
        "statusText": text,
        "message": message,
        "timestamp": crate::time::rfc3339(crate::time::now_ms()),
    });
    if let Some(rejected) = rejected {
        body["subErrors"] = json!([{
            "object": "request", "field": "number", "rejectedValue": rejected, "message": "is not valid"
        }]);
    }
    Reply::json(status, body.to_string())
}

fn name_of(seed: u64, number: &Number) -> Value {
    let block = Block::of("CompanyBasic");
    let report = serde_json::to_value(company(seed, number, true, block)).unwrap_or_default();
    report.get("companyName").cloned().unwrap_or_default()
}

fn information(seed: u64, number: &Number) -> Value {
    json!({
        "name": name_of(seed, number),
        "registrationNumber": number.ten(),
        "country": "SE",
        "status": { "operatingStatus": "Active" },
    })
}

fn companies(seed: u64, number: &Number, standing: Standing) -> Reply {
    let found = match standing {
        Standing::NoHit => json!([]),
        _ => json!([{
            "name": name_of(seed, number),
            "country": "SE",
            "registrationNumber": number.ten(),
            "active": matches!(standing, Standing::Hit),
        }]),
    };
    let count = found.as_array().map_or(0, Vec::len);
    let paging = json!({ "resultCount": count, "limit": 200, "offset": 0 });
    Reply::json(200, json!({ "companies": found, "_paging": paging }).to_string())
}

fn person_report(seed: u64, number: &Number, standing: Standing) -> Reply {
    if standing == Standing::NoHit || number.who() != Who::Person {
        return problem(404, "Not Found", "Person not found", None);
    }
    let mut draw = Draw::new(seed, &["dnb person", number.ten()]);
    let report = json!({
        "personInformation": { "fullName": full_name(&mut draw), "nationalIdentificationNumber": number.ten() },
        "creditData": { "income": draw.between(100, 900) * 1_000, "paymentRemarks": draw.below(3) },
    });
    Reply::json(200, report.to_string())
}

fn signing(seed: u64, number: &Number, standing: Standing) -> Reply {
    if standing == Standing::NoHit || number.who() == Who::Person {
        return problem(404, "Not Found", "Company not found", None);
    }
    let mut draw = Draw::new(seed, &["dnb signing", number.ten()]);
    let signers = [json!({ "name": full_name(&mut draw) }), json!({ "name": full_name(&mut draw) })];
    let report =
        json!({ "registrationNumber": number.ten(), "combinations": [signers], "coverage": "complete" });
    Reply::json(200, report.to_string())
}

fn persons(seed: u64, number: &Number, standing: Standing) -> Reply {
    if standing == Standing::NoHit || number.who() != Who::Person {
        return Reply::json(200, r#"{"persons":[]}"#);
    }
    let mut draw = Draw::new(seed, &["bisnode person", number.ten()]);
    let name = full_name(&mut draw);
    let (first, family) = name.rsplit_once(' ').unwrap_or(("", &name));
    let person = json!({
        "gedi": draw.between(10_000_000, 99_999_999).to_string(),
        "firstNames": [first],
        "familyName": family,
        "addressList": [],
    });
    Reply::json(200, json!({ "persons": [{ "person": person }] }).to_string())
}

/// An upstream that a user describes: found or not, in the plainest shape there is.
fn elsewhere(seed: u64, number: &Number, standing: Standing, log_id: u64) -> Reply {
    if standing == Standing::NoHit {
        return Reply::json(404, r#"{"error":{"code":"NOT_FOUND","message":"There is no such number"}}"#);
    }
    let found = json!({ "number": number.ten(), "name": name_of(seed, number), "active": true });
    Reply::json(200, json!({ "requestId": log_id, "registered": true, "data": found }).to_string())
}
