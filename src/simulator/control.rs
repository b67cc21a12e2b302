//! The control addresses under `/_simulator/`, for tests and people. They are no part of what is imitated.
//!
//! | address | does |
//! |---|---|
//! | `GET bill` | every data call that arrived, one JSON object a line |
//! | `GET logins` | `{"count", "logins": [{"at_ms", "status"}]}` |
//! | `GET held` | `{"count", "sequences"}` of the calls withheld now |
//! | `GET stats` | the counters |
//! | `POST release` | lets go what is withheld now |
//! | `POST scenario` | a scenario file as body, in force from now on; 400 with the mistake where there is one |
//!
//! `held` and `stats` wait for a level: `?held=1`, `?arrivals=20`, `?logins=2`, `?health=1` and `?idle=true` (nothing in
//! flight) answer once it is reached, or with 408 after `timeout_ms` (10000).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

use super::bill::Stats;
use super::scenario::Scenario;
use super::world::World;

/// The routes.
pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/_simulator/bill", get(bill))
        .route("/_simulator/logins", get(logins))
        .route("/_simulator/held", get(held))
        .route("/_simulator/stats", get(stats))
        .route("/_simulator/release", post(release))
        .route("/_simulator/scenario", post(scenario))
        .route("/_simulator/redirected", get(redirected))
}

/// A level to wait for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Level {
    #[serde(default)]
    held: u64,
    #[serde(default)]
    arrivals: u64,
    #[serde(default)]
    logins: u64,
    #[serde(default)]
    health: u64,
    #[serde(default)]
    idle: bool,
    #[serde(default = "ten_seconds")]
    timeout_ms: u64,
}

const fn ten_seconds() -> u64 {
    10_000
}

impl Level {
    fn is_reached(&self, stats: &Stats) -> bool {
        stats.held >= self.held
            && stats.arrivals >= self.arrivals
            && stats.logins >= self.logins
            && stats.health >= self.health
            && (!self.idle || stats.in_flight == 0)
    }
}

async fn reached(level: &Level, world: &World) -> Result<Stats, StatusCode> {
    let reached = world.bill.until(|stats| level.is_reached(stats));
    tokio::select! {
        stats = reached => Ok(stats),
        () = tokio::time::sleep(Duration::from_millis(level.timeout_ms)) => Err(StatusCode::REQUEST_TIMEOUT),
        () = world.closed() => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

async fn bill(State(world): State<Arc<World>>) -> Response {
    let mut lines = Vec::new();
    for entry in world.bill.entries() {
        // Writing plain fields into memory cannot fail.
        let _ = serde_json::to_writer(&mut lines, &entry);
        lines.push(b'\n');
    }
    ([(CONTENT_TYPE, "application/x-ndjson")], lines).into_response()
}

async fn logins(State(world): State<Arc<World>>) -> Response {
    let logins = world.bill.logins();
    Json(json!({ "count": logins.len(), "logins": logins })).into_response()
}

async fn held(State(world): State<Arc<World>>, Query(level): Query<Level>) -> Response {
    if let Err(status) = reached(&level, &world).await {
        return status.into_response();
    }
    let held = world.bill.held();
    Json(json!({ "count": held.len(), "sequences": held })).into_response()
}

async fn stats(State(world): State<Arc<World>>, Query(level): Query<Level>) -> Response {
    match reached(&level, &world).await {
        Ok(stats) => Json(stats).into_response(),
        Err(status) => status.into_response(),
    }
}

async fn release(State(world): State<Arc<World>>) -> StatusCode {
    world.release();
    StatusCode::NO_CONTENT
}

async fn scenario(State(world): State<Arc<World>>, text: String) -> Response {
    match Scenario::parse("scenario", &text) {
        Ok(scenario) => {
            world.set_scenario(scenario);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

/// Where redirections lead: nobody should ever come here, least of all with a token.
async fn redirected(State(world): State<Arc<World>>) -> StatusCode {
    world.bill.enter_redirect_followed();
    StatusCode::NO_CONTENT
}
