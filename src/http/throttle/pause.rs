//! Why an account is still, in words for the person who watches it.

use super::Throttle;
use super::stop::because;
use tokio::time::Instant;

impl Throttle {
    /// Why nothing is being sent, where that will last; `None` while only the pace is kept.
    pub fn pause_reason(&self, now: Instant) -> Option<String> {
        if self.stop.is_some() {
            return None;
        }
        if let Some((again, ends)) = self.outages.pause() {
            let next = again.map_or_else(
                || "trying now".to_owned(),
                |at| format!("trying again in {}", time_left(now, at)),
            );
            let why = because(self.cause);
            let ends = time_left(now, ends);
            return Some(format!("the upstream does not answer{why}: {next}, giving up in {ends}"));
        }
        if let Some(until) = self.cool_downs.until(now) {
            return Some(format!(
                "the upstream asks us to slow down (429): going on in {}",
                time_left(now, until)
            ));
        }
        let until = self.tokens.pause(now)?;
        let asked = self.tokens.held(now) == Some(until);
        let why = if asked { "the login asks us to slow down (429)" } else { "no more logins for now" };
        Some(format!("{why}: going on in {}", time_left(now, until)))
    }
}

/// How long until then: whole seconds, rounded up, in the two largest units.
pub fn time_left(now: Instant, until: Instant) -> String {
    let span = until.saturating_duration_since(now);
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    let two = |large: u64, unit: &str, small: u64, part: &str| {
        if small == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {part}") }
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        _ => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn spans_as_people_say_them() {
        let now = Instant::now();
        for (ms, text) in [
            (0, "0 s"),
            (1, "1 s"),
            (59_001, "1 min"),
            (61_000, "1 min 1 s"),
            (3_600_000, "1 h"),
            (21_599_000, "5 h 59 min"),
        ] {
            assert_eq!(time_left(now, now + Duration::from_millis(ms)), text);
        }
    }
}
