//! An answer as it goes over the wire: status, headers, body, and what the bill is to know about it.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONNECTION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri};
use serde::Serialize;

use super::answers::{AnswerContent, Report};
use super::codes::Problem;
use super::service::Service;
use crate::time;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// An answer, written down. Its body is somebody's data, so it has no `Debug`.
#[derive(Clone)]
pub(super) struct Reply {
    /// HTTP status.
    pub(super) status: StatusCode,
    /// The code in it, for the bill.
    pub(super) code: Option<Cow<'static, str>>,
    /// Whether it sends a letter.
    pub(super) letter: bool,
    /// The body.
    pub(super) body: Bytes,
    /// Its headers.
    pub(super) headers: HeaderMap,
}

/// The envelope that all six services share.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    meta_data: MetaData<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Problem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a Report>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MetaData<'a> {
    api_log_id: u64,
    time_stamp: &'a str,
    resource: &'static str,
    method: &'static str,
    request_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lod_created: Option<bool>,
}

/// How `Retry-After` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryAfter {
    /// Whole seconds, rounded up.
    Seconds(Duration),
    /// The date at which they are over.
    Date(Duration),
}

impl Reply {
    /// The answer in the envelope of its service.
    pub(super) fn of(
        content: AnswerContent,
        service: Service,
        log_id: u64,
        base_url: &str,
        uri: &Uri,
    ) -> Self {
        let request_url = format!("{base_url}{uri}");
        let stamp = time::rfc3339(time::now_ms());
        // GetData writes its times without a zone, the others with one (apis.md section 1: both are documented).
        let time_stamp = if service == Service::GetData { stamp.trim_end_matches('Z') } else { &stamp };
        let envelope = Envelope {
            meta_data: MetaData {
                api_log_id: log_id,
                time_stamp,
                resource: service.resource(),
                method: "GET",
                request_url: &request_url,
                lod_created: (service == Service::GetData).then_some(content.letter),
            },
            error: content.error.as_ref(),
            report: content.report.as_ref(),
        };
        // Nothing in these types can fail to be written; an empty body would show in every test.
        let mut body = Vec::with_capacity(2_048);
        let _ = serde_json::to_writer(&mut body, &envelope);
        let code = content.error.map(|error| error.code);
        Self { letter: content.letter, code, ..Self::new(content.status, JSON, body) }
    }

    fn new(status: u16, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: None,
            letter: false,
            body: body.into(),
            headers: HeaderMap::from_iter([(CONTENT_TYPE, content_type)]),
        }
    }

    /// JSON outside the envelope.
    pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, JSON, body)
    }

    /// Whether no service wrote it: a redirect or a refusal without JSON.
    pub(super) fn is_page(&self) -> bool {
        matches!(self.status.as_u16(), 300..=499) && self.headers.get(CONTENT_TYPE) != Some(&JSON)
    }

    /// A body of any type.
    pub(super) fn raw(status: u16, content_type: Option<&str>, body: impl Into<Bytes>) -> Self {
        let content_type = content_type.and_then(|text| HeaderValue::from_str(text).ok());
        Self::new(status, content_type.unwrap_or(JSON), body)
    }

    /// A bare status, as a gateway in front of the services would give it.
    pub(super) fn bare(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status.as_u16(), TEXT, status.canonical_reason().unwrap_or("Unknown"))
    }

    /// A page of HTML where JSON should be.
    pub(super) fn html(status: u16) -> Self {
        Self::new(
            status,
            HTML,
            "<!DOCTYPE html><html><head><title>Simulator</title></head><body><h1>This page is not JSON</h1></body></html>",
        )
    }

    /// A redirection.
    pub(super) fn redirect(status: u16, location: &str) -> Self {
        let reply = Self::bare(status);
        reply.with(LOCATION, HeaderValue::from_str(location).ok())
    }

    /// With `Retry-After`, where there is to be one.
    pub(super) fn retry_after(self, after: Option<RetryAfter>) -> Self {
        let value = after.and_then(|after| HeaderValue::from_str(&after.written(time::now_ms())).ok());
        self.with(RETRY_AFTER, value)
    }

    /// With the announcement that the connection ends here.
    pub(super) fn last(self) -> Self {
        self.with(CONNECTION, Some(HeaderValue::from_static("close")))
    }

    fn with(mut self, name: HeaderName, value: Option<HeaderValue>) -> Self {
        if let Some(value) = value {
            self.headers.insert(name, value);
        }
        self
    }

    /// As axum sends it.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl RetryAfter {
    fn written(self, now_ms: i64) -> String {
        match self {
            Self::Seconds(span) => span.as_millis().div_ceil(1_000).to_string(),
            Self::Date(span) => {
                http_date(now_ms.saturating_add(i64::try_from(span.as_millis()).unwrap_or(0)))
            }
        }
    }
}

/// RFC 9110's preferred form, rounded up to whole seconds.
fn http_date(ms: i64) -> String {
    let seconds = ms.saturating_add(999).div_euclid(1_000);
    let stamp = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_both_forms() {
        let span = Duration::from_millis(1_500);
        assert_eq!(RetryAfter::Seconds(span).written(0), "2");
        assert_eq!(RetryAfter::Date(span).written(784_111_775_500), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
