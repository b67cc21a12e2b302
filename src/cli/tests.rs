use super::*;
use crate::cli::console::tests::Kept;
use crate::config::ConfigError;
use crate::problem::FileError;
use crate::problem::{Problem, Problems};
use crate::run::RunError;
use crate::statement::StatementError;
use std::io;
use std::path::Path;

pub(super) fn invocation(line: &str) -> (Invocation, Kept) {
    let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
    let kept = Kept::default();
    let cli = parse(&words).unwrap();
    (Invocation::new(&cli, &words[1..], Console::new(kept.clone())), kept)
}

fn told(line: &str, failure: &Failure) -> String {
    let (invocation, kept) = invocation(line);
    tell(&invocation, failure);
    kept.text()
}

fn unreadable() -> Failure {
    let source = io::Error::from(io::ErrorKind::NotFound);
    Failure::File(FileError::Unreadable { path: "j.toml".into(), source })
}

fn problems() -> Problems {
    Problems::new(Path::new("j.toml"), "nam = 1\n", vec![Problem::new(0..3, "unknown key")])
}

#[test]
fn every_failure_begins_with_error_once() {
    let failures = [
        Failure::Usage("no run is called `x`".to_owned()),
        Failure::Output("standard output cannot be written".to_owned()),
        Failure::Run(RunError::Stopped),
        Failure::Config(ConfigError::NoFolder(io::ErrorKind::NotFound.into())),
        unreadable(),
        Failure::File(problems().into()),
        Failure::Config(ConfigError::File(problems().into())),
    ];
    for failure in failures {
        for line in ["orgpull plan j.toml", "orgpull plan j.toml -q", "orgpull run j.toml --progress none"] {
            let text = told(line, &failure);
            assert!(text.starts_with("error: ") && text.matches("error: ").count() == 1, "{line}: {text}");
        }
    }
    let no_line = Failure::Statement(StatementError::NoLine { file: "march.csv".to_owned() });
    assert!(
        told("orgpull resolve --invoice march.csv", &no_line).trim_end().ends_with("; nothing was changed")
    );
    assert_eq!(told("orgpull check j.toml", &Failure::Reported(Exit::Config)), "");
}

#[test]
fn what_keeps_a_run_from_beginning_says_what_to_type_next() {
    let last = |line: &str, failure: &Failure| told(line, failure).lines().last().unwrap().to_owned();
    assert_eq!(
        last("orgpull --database x.db run j.toml --simulate --limit 3", &unreadable()),
        "Next: mend what is at fault (orgpull --database x.db check j.toml finds what it can), then: \
         orgpull --database x.db run j.toml --simulate --limit 3"
    );
    assert_eq!(
        last("orgpull retry latest", &Failure::File(problems().into())),
        "Next: mend what is at fault, then: orgpull retry latest"
    );
    for (line, failure) in [
        ("orgpull plan j.toml", unreadable()),
        ("orgpull retry x", Failure::Usage("no run is called `x`".to_owned())),
    ] {
        assert!(!told(line, &failure).contains("Next: "), "{line}");
    }
}

#[test]
fn json_lines_stay_json_to_the_end() {
    for line in ["orgpull run j.toml --progress json", "orgpull -q retry latest --progress json"] {
        let text = told(line, &Failure::File(problems().into()));
        assert_eq!(text.lines().count(), 1, "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&value["event"], &value["exit"]), (&"error".into(), &3.into()));
        assert!(value["next"].as_str().is_some_and(|next| next.ends_with("--progress json")), "{text}");
        let message = value["message"].as_str().unwrap();
        assert!(message.starts_with("unknown key") && message.contains("j.toml:1:1"), "{text}");
    }
}

#[test]
fn results_for_a_person_are_silent_when_quiet() {
    for (line, said) in [("orgpull status", "finished\n"), ("orgpull status -q", "")] {
        let mut out = Vec::new();
        invocation(line).0.say_to(&mut out, "finished\n").unwrap();
        assert_eq!(out, said.as_bytes(), "{line}");
    }
}

#[test]
fn a_warning_takes_the_form_of_progress_and_is_silent_when_quiet() {
    let warned = |line: &str| {
        let (invocation, kept) = invocation(line);
        invocation.warn("job-file", "j.toml is gone".to_owned());
        kept.text()
    };
    assert_eq!(warned("orgpull export latest"), "warning: j.toml is gone\n");
    assert_eq!(warned("orgpull export latest -q"), "");
    let json: serde_json::Value =
        serde_json::from_str(&warned("orgpull retry latest --progress json")).unwrap();
    assert_eq!((&json["level"], &json["kind"]), (&"warning".into(), &"job-file".into()));
}
