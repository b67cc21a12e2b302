//! The sink of the log of who did what.

use crate::disk;
use crate::domain::sink::Sink;
use crate::program;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// The longest that a sink's program may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Gives a line to a sink; when this returns, the sink has it. Else why it has not.
pub(super) async fn give(sink: &Sink, line: String) -> Result<(), String> {
    match sink {
        Sink::File(path) => {
            let path = path.clone();
            let added = spawn_blocking(move || disk::add_line(&path, &line)).await;
            added.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
        }
        Sink::Command(words) => {
            let fed = program::feed(words, LIMIT, format!("{line}\n").as_bytes()).await;
            fed.map_err(|error| format!("it {error}"))
        }
    }
}
