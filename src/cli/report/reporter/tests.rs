use super::super::samples;
use super::*;
use crate::cli::console::tests::Kept;
use crate::run::event::Notice;
use crate::run::event::Progress;

fn reporter(mode: ProgressMode) -> (Reporter, Kept) {
    let output_mode = OutputMode { mode, quiet: false, verbose: false, terminal: false };
    in_mode(output_mode)
}

fn in_mode(output_mode: OutputMode) -> (Reporter, Kept) {
    let kept = Kept::default();
    (Reporter::new(Console::new(kept.clone()), output_mode), kept)
}

fn started(continued: bool) -> Event {
    Event::Started(Started {
        run: "k3v9q2".to_owned(),
        job: "portfolio".to_owned(),
        continued,
        rows: 12_003,
        bad_rows: 3,
        lookups: 12_000,
        pending: 7_880,
    })
}

fn notice(level: Level) -> Event {
    let message = "Creditsafe asks for a pause of 60 s".to_owned();
    Event::Notice(Notice { level, kind: "cool-down", message })
}

fn every_event() -> Vec<Event> {
    let paused = Progress {
        pause: Some("cool-down, 42 s left".to_owned()),
        left: None,
        rate: 0.0,
        ..samples::progress()
    };
    vec![
        Event::Loading { rows: 400_000 },
        started(false),
        Event::Progress(samples::progress()),
        notice(Level::Info),
        notice(Level::Warning),
        Event::Progress(paused),
        started(true),
    ]
}

/// Tells every event, each an hour after the one before.
async fn tell(output_mode: OutputMode) -> String {
    let (reporter, kept) = in_mode(output_mode);
    reporter.files(Some(Path::new("/etc/orgpull.toml")), Path::new("/var/lib/orgpull.db"));
    for event in every_event() {
        tokio::time::advance(Duration::from_hours(1)).await;
        reporter.event(&event);
    }
    reporter.finish(&samples::settled());
    kept.text()
}

#[tokio::test(start_paused = true)]
async fn plain_lines() {
    let text =
        tell(OutputMode { mode: ProgressMode::Auto, quiet: false, verbose: false, terminal: false }).await;
    insta::assert_snapshot!(text);
}

#[tokio::test(start_paused = true)]
async fn json_lines() {
    let text =
        tell(OutputMode { mode: ProgressMode::Json, quiet: false, verbose: false, terminal: true }).await;
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["event"].is_string() && value["at"].is_string(), "{line}");
    }
    insta::with_settings!({ filters => [(r#""at":"[^"]+""#, r#""at":"…""#)] }, { insta::assert_snapshot!(text) });
}

#[tokio::test(start_paused = true)]
async fn quiet_is_quiet_and_none_names_the_files_and_warns() {
    for mode in [ProgressMode::Auto, ProgressMode::Plain, ProgressMode::Json, ProgressMode::None] {
        assert_eq!(
            tell(OutputMode { mode, quiet: true, verbose: false, terminal: true }).await,
            "",
            "{mode:?}"
        );
    }
    let none = OutputMode { mode: ProgressMode::None, quiet: false, verbose: false, terminal: true };
    let files = "configuration /etc/orgpull.toml, ledger /var/lib/orgpull.db";
    let warning = "warning: Creditsafe asks for a pause of 60 s";
    assert_eq!(tell(none).await.lines().collect::<Vec<_>>(), [files, warning]);
    assert_eq!(tell(OutputMode { verbose: true, ..none }).await.lines().count(), 3);
}

/// With a terminal the same notices stand above the bar; the bar itself is drawn on the real standard error only.
#[tokio::test(start_paused = true)]
async fn notices_stand_above_the_bar() {
    let text =
        tell(OutputMode { mode: ProgressMode::Auto, quiet: false, verbose: false, terminal: true }).await;
    let first: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(first, ["configuration", "run", "Creditsafe", "warning:", "run"]);
}

fn failure(mode: ProgressMode, quiet: bool, error: &str, next: Option<&str>) -> String {
    let (reporter, kept) = in_mode(OutputMode { mode, quiet, verbose: false, terminal: false });
    reporter.failed(error, Exit::Config, next);
    kept.text()
}

#[test]
fn a_failure_is_told_in_every_mode() {
    let told = "error: the input is refused\nNext: orgpull check x.toml\n";
    for (mode, quiet) in [
        (ProgressMode::Auto, false),
        (ProgressMode::Plain, false),
        (ProgressMode::None, false),
        (ProgressMode::Auto, true),
        (ProgressMode::None, true),
    ] {
        let next = Some("orgpull check x.toml");
        assert_eq!(failure(mode, quiet, "the input is refused", next), told, "{mode:?} {quiet}");
    }
    assert_eq!(failure(ProgressMode::Plain, false, "refused", None), "error: refused\n");
}

/// A program that reads standard error finds an object on every line, in `-q` as well.
#[test]
fn a_failure_among_json_lines_is_one() {
    for quiet in [false, true] {
        let text = failure(ProgressMode::Json, quiet, "error: two\nlines\n", Some("orgpull check x.toml"));
        assert_eq!(text.lines().count(), 1, "{text}");
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value.as_object_mut().unwrap().remove("at").is_some_and(|at| at.is_string()));
        let next = "orgpull check x.toml";
        assert_eq!(value, json!({ "event": "error", "message": "two\nlines", "exit": 3, "next": next }));
    }
    assert!(failure(ProgressMode::Json, false, "x", None).contains(r#""next":null"#));
    let json = |mode| {
        Reporter::new(Console::stderr(), OutputMode { mode, quiet: true, verbose: false, terminal: true })
    };
    assert!(json(ProgressMode::Json).is_json() && !json(ProgressMode::Plain).is_json());
}

#[test]
fn a_failure_is_called_one_once() {
    for (error, line) in [("x is gone", "error: x is gone"), ("error: no\n --> a:1\n", "error: no\n --> a:1")]
    {
        assert_eq!(error_line(error), line);
    }
}

#[test]
fn the_first_bad_rows_stand_below_the_refusal() {
    let examples = [(17, "the check digit is wrong".to_owned()), (20, "empty".to_owned())];
    assert_eq!(
        with_examples("refused", &examples, 1_002),
        "refused\n  line 17: the check digit is wrong\n  line 20: empty\n  and 1 000 more"
    );
    assert_eq!(with_examples("refused", &examples[1..], 1), "refused\n  line 20: empty");
}

#[tokio::test(start_paused = true)]
async fn plain_lines_thin_out() {
    let (reporter, kept) = reporter(ProgressMode::Plain);
    let mut told_at = Vec::new();
    for second in 0..4 * 3_600_u64 {
        let before = kept.text().lines().count();
        reporter.event(&Event::Progress(samples::progress()));
        if kept.text().lines().count() > before {
            told_at.push(second);
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(told_at, [10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 10_800]);
}

#[tokio::test(start_paused = true)]
async fn json_progress_comes_once_a_second_and_at_the_end() {
    let (reporter, kept) = reporter(ProgressMode::Json);
    for _ in 0..20 {
        reporter.event(&Event::Progress(samples::progress()));
        tokio::time::advance(Duration::from_millis(250)).await;
    }
    assert_eq!(kept.text().lines().count(), 5);
    reporter.event(&Event::Progress(samples::progress()));
    reporter.event(&Event::Progress(Progress { done: 12_000, ..samples::progress() }));
    assert_eq!(kept.text().lines().count(), 7);
}

#[test]
fn a_reporter_is_shared_between_tasks() {
    fn shared<T: Send + Sync>() {}
    shared::<Reporter>();
}
