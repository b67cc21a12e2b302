use super::*;
use clap::CommandFactory;

fn read(line: &str) -> Result<Cli, clap::Error> {
    parse(line.split_whitespace())
}

fn refused(line: &str) -> (i32, String) {
    let error = read(line).err().unwrap_or_else(|| panic!("`{line}` is taken"));
    (error.exit_code(), error.to_string())
}

/// The help of a command at a fixed width, with the version taken out.
fn help(path: &[&str]) -> String {
    let mut command = command(TermStyle::wide(100)).term_width(100);
    command.build();
    let mut at = &mut command;
    for name in path {
        at = at.find_subcommand_mut(name).unwrap();
    }
    at.render_long_help().to_string()
}

#[test]
fn help_of_every_command() {
    insta::assert_snapshot!("help", help(&[]));
    let names: Vec<String> = Cli::command().get_subcommands().map(|c| c.get_name().to_owned()).collect();
    for name in names {
        insta::assert_snapshot!(format!("help_{name}"), help(&[&name]));
    }
}

#[test]
fn help_is_no_wider_than_the_terminal() {
    for width in [60, 80] {
        let help = command(TermStyle::wide(width)).term_width(width).render_help().to_string();
        let long = help.lines().filter(|line| line.chars().count() > width);
        assert_eq!(long.collect::<Vec<_>>(), Vec::<&str>::new(), "{width}");
        insta::assert_snapshot!(format!("help_{width}_wide"), help);
    }
}

#[test]
fn the_definition_is_sound() {
    command(TermStyle::PLAIN).debug_assert();
}

#[test]
fn every_command_is_in_one_group() {
    let listed: Vec<&str> = groups::GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let mut command = command(TermStyle::PLAIN);
    command.build();
    let built: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    let sorted = |mut names: Vec<&str>| {
        names.sort_unstable();
        names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(sorted(listed), sorted(built));
}

#[test]
fn global_flags_stand_before_and_after_the_command() {
    for line in [
        "orgpull --config a.toml --database b.db -vv --log-format json run j.toml",
        "orgpull run j.toml --config a.toml --database b.db -vv --log-format json",
        "orgpull --config a.toml run -vv --database b.db j.toml --log-format=json",
    ] {
        let cli = read(line).unwrap();
        assert_eq!(cli.global.config.as_deref(), Some(Path::new("a.toml")), "{line}");
        assert_eq!(cli.global.database.as_deref(), Some(Path::new("b.db")), "{line}");
        assert_eq!(cli.global.verbose, 2, "{line}");
        assert_eq!(cli.global.log_format, LogFormat::Json, "{line}");
    }
}

#[test]
fn run_takes_what_the_design_names() {
    let line = "orgpull run j.toml --new --input - --limit 5 --buy-again --simulate --scenario s.toml --seed 7 \
                --progress json --summary-json out.json --yes -q";
    let cli = read(line).unwrap();
    let Command::Run(run) = cli.command else { panic!("not run") };
    assert!(
        run.new && !run.continue_only && run.rows.buy_again && run.simulation.simulate && run.reporting.yes
    );
    assert_eq!(run.rows.input, Some(PathOrStream::Stream));
    assert_eq!(run.rows.limit, Some(5));
    assert_eq!((run.simulation.seed, run.reporting.progress), (Some(7), ProgressMode::Json));
    assert_eq!(run.reporting.summary_json, Some(PathOrStream::File("out.json".into())));
    assert!(cli.global.quiet);
}

#[test]
fn defaults() {
    let Command::Status(status) = read("orgpull status").unwrap().command else { panic!("not status") };
    assert_eq!(status.run, "latest");
    let Command::Runs(runs) = read("orgpull runs").unwrap().command else { panic!("not runs") };
    assert_eq!(runs.limit, 20);
    let Command::Simulator(simulator) = read("orgpull simulator").unwrap().command else {
        panic!("not simulator")
    };
    assert_eq!(simulator.listen.to_string(), "127.0.0.1:8484");
}

#[test]
fn mistakes_in_usage_are_exit_2() {
    for line in [
        "orgpull",
        "orgpull run",
        "orgpull run j.toml --new --continue",
        "orgpull run j.toml --limit 0",
        "orgpull run j.toml --limit -1",
        "orgpull run j.toml --scenario s.toml",
        "orgpull run j.toml --seed 1",
        "orgpull run j.toml --progress loud",
        "orgpull run j.toml -q -v",
        "orgpull -v run j.toml -q",
        "orgpull -q run j.toml -v",
        "orgpull audit --head 00",
        "orgpull audit --verify --head 00",
        "orgpull audit --verify --head +1223344556677889900aabbccddeeff00112233445566778899aabbccddeeff0",
        "orgpull check",
        "orgpull retry",
        "orgpull export r --format csv",
        "orgpull export r --shape wide",
        "orgpull export r --job j.toml --output x.csv",
        "orgpull export r --output x.csv --format pdf",
        "orgpull simulator --listen 0.0.0.0:8484",
        "orgpull simulator --listen 8484",
        "orgpull completions tcsh",
    ] {
        let (code, text) = refused(line);
        assert_eq!(code, 2, "{line}: {text}");
        assert!(!text.contains("not yet"), "{line}: {text}");
    }
    assert!(refused("orgpull stauts").1.contains("status"), "a suggestion");
    assert!(refused("orgpull run j.toml --buy-agian").1.contains("--buy-again"), "a suggestion");
}

#[test]
fn what_is_planned_is_refused_with_not_yet() {
    for line in [
        "orgpull freeze",
        "orgpull help freeze",
        "orgpull -v --database x.db freeze creditsafe",
        "orgpull export r --format parquet --output x.parquet",
        "orgpull export r --format xlsx --output x.xlsx",
        "orgpull init",
        "orgpull --database postgres://ledger/orgpull runs",
    ] {
        let (code, text) = refused(line);
        assert_eq!(code, 2, "{line}: {text}");
        assert!(text.contains("not yet"), "{line}: {text}");
        assert!(!text.contains("556012"), "{line}: {text}");
    }
    assert_eq!(refused("orgpull freeze").1, "error: `orgpull freeze` is planned, but not yet built\n");
}

#[test]
fn help_and_version_are_no_failure() {
    for line in ["orgpull --help", "orgpull run --help", "orgpull help run", "orgpull --version"] {
        assert_eq!(refused(line).0, 0, "{line}");
    }
}

#[test]
fn nothing_that_is_planned_is_listed() {
    let all: String = [help(&[]), help(&["run"]), help(&["export"])].concat();
    for word in ["freeze", "parquet"] {
        assert!(!all.contains(word), "{word}");
    }
}

fn target(line: &str) -> Result<ExportTo, clap::Error> {
    let Command::Export(export) = read(line)?.command else { panic!("not export") };
    export.target()
}

#[test]
fn where_an_export_goes() {
    let file =
        |name: &str, format, shape| ExportTo::File { output: PathOrStream::File(name.into()), format, shape };
    let table = [
        ("orgpull export r", ExportTo::Own),
        ("orgpull export r --job j.toml", ExportTo::Job("j.toml".into())),
        ("orgpull export r --output x.csv", file("x.csv", FileFormat::Csv, FileShape::Long)),
        (
            "orgpull export r --output x.JSONL --shape wide",
            file("x.JSONL", FileFormat::Jsonl, FileShape::Wide),
        ),
        ("orgpull export r --output x.txt --format json", file("x.txt", FileFormat::Json, FileShape::Long)),
    ];
    for (line, expected) in table {
        assert_eq!(target(line).unwrap(), expected, "{line}");
    }
    for line in
        ["orgpull export r --output x", "orgpull export r --output x.pdf", "orgpull export r --output -"]
    {
        let error = target(line).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("--format"), "{line}: {error}");
    }
    assert!(target("orgpull export r --output x.parquet").unwrap_err().to_string().contains("not yet"));
}
