use super::*;

impl TermStyle {
    /// A terminal of so many columns without colour.
    pub(in crate::cli) const fn wide(width: usize) -> Self {
        Self { width: Some(width), colour: false }
    }

    /// One as wide as anything, with colour.
    pub(in crate::cli) const COLOURED: Self = Self { width: None, colour: true };
}

#[test]
fn colour_is_where_it_is_not_forbidden_and_the_terminal_has_it() {
    let ask = |no_color: Option<&str>, clicolor: Option<&str>, term: Option<&str>| {
        has_colour(no_color.map(OsStr::new), clicolor.map(OsStr::new), term.map(OsStr::new))
    };
    for (no_color, clicolor, term, colour) in [
        (None, None, Some("xterm-256color"), true),
        (Some(""), None, Some("tmux"), true),
        (None, Some("1"), Some("linux"), true),
        (Some("1"), None, Some("xterm"), false),
        (Some("0"), Some("1"), Some("xterm"), false),
        (None, Some("0"), Some("xterm"), false),
        (None, None, Some("dumb"), false),
        (None, None, None, false),
    ] {
        assert_eq!(ask(no_color, clicolor, term), colour, "{no_color:?} {clicolor:?} {term:?}");
    }
}

#[test]
fn what_is_no_terminal_gets_lines_as_they_are() {
    let long = "word ".repeat(80);
    assert_eq!(TermStyle::PLAIN.fold(&long), long);
    assert_eq!(TermStyle::PLAIN.paint(Tone::Bad, "x"), "x");
    assert_eq!(TermStyle::PLAIN.next("to go on: orgpull run a.toml"), "Next: to go on: orgpull run a.toml");
}

#[test]
fn lines_are_broken_between_words_and_hang_where_they_belong() {
    let fold = |text: &str| TermStyle::wide(30).fold(text);
    assert_eq!(fold("short\n\n  kept   as it is"), "short\n\n  kept   as it is");
    assert_eq!(fold("one two three four five six seven"), "one two three four five six\n  seven");
    assert_eq!(fold("  line 17: the check digit is wrong"), "  line 17: the check digit is\n    wrong");
    assert_eq!(
        fold("  hit    12  a report of some more words"),
        "  hit    12  a report of some\n             more words"
    );
    let path = "/srv/orgpull/a/very/long/path/that/is/one.toml";
    assert_eq!(fold(&format!("job file {path} ends")), format!("job file\n  {path}\n  ends"));
    assert_eq!(fold("one two three four, at 1 204 331 s"), "one two three four, at\n  1 204 331 s");
    assert_eq!(fold("one two three four five 12 431.20 SEK"), "one two three four five\n  12 431.20 SEK");
    assert_eq!(fold("åäö åäö åäö åäö åäö åäö åäö åäö"), "åäö åäö åäö åäö åäö åäö åäö\n  åäö");
}

#[test]
fn a_command_stays_whole_and_comes_last() {
    let next = |width, text: &str| TermStyle::wide(width).next(text);
    assert_eq!(next(60, "to go on: orgpull run a.toml"), "Next: to go on: orgpull run a.toml");
    assert_eq!(
        next(40, "to see the run in full: orgpull status dqfawx9ap4 --simulate"),
        "Next: to see the run in full:\norgpull status dqfawx9ap4 --simulate"
    );
    assert_eq!(
        next(
            50,
            "to ask again what failed (3): orgpull retry k3v9q2 (also what was lost (2): add --unknown)"
        ),
        "Next: to ask again what failed (3) (also what was\n  lost (2): add --unknown):\norgpull retry k3v9q2"
    );
    assert_eq!(next(20, "wait until it is over"), "Next: wait until it\n  is over");
}

#[test]
fn colour_takes_no_room_and_is_taken_off_again() {
    let style = TermStyle { width: Some(30), colour: true };
    let painted = style.told("warning: one two three four five");
    assert!(painted.starts_with("\u{1b}[33mwarning:\u{1b}[0m one"), "{painted:?}");
    assert_eq!(style.fold(&painted).lines().count(), 2);
    assert_eq!(measure_text_width(style.fold(&painted).lines().next().unwrap()), 27);
    assert_eq!(style.told("no word of ours"), "no word of ours");
    let next = style.next("to go on: orgpull run a.toml");
    assert!(next.ends_with("\u{1b}[36m\u{1b}[1morgpull run a.toml\u{1b}[0m"), "{next:?}");
    assert_eq!(style.without_colour().told("error: x"), "error: x");
}
