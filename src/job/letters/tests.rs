use super::*;
use crate::config::catalogue::Catalogue;
use crate::job::file;
use std::path::Path;

const COMPANY: &str = "\"5999000002\"";
const PARTNERSHIPS: &str = "\"9899000005\", \"9899000013\"";
const TRADER: &str = "\"8001019804\"";
const PERSON: &str = "\"198001019804\"";

fn settings(lists: &str) -> Settings {
    let text = format!(
        "[providers.creditsafe]\nenvironment = \"sandbox\"\nusername = {{ env = \"U\" }}\npassword = {{ env = \"P\" }}\n{lists}\n"
    );
    crate::config::parse(Path::new("/etc/orgpull.toml"), &text, Catalogue::built_in()).unwrap()
}

fn job(settings: &Settings, input: &str, lookup: &str) -> Job {
    let text = format!(
        "name = \"a\"\npurpose = \"a test\"\nretention = \"30d\"\n[input]\n{input}\n[[lookup]]\nid = \"report\"\n{lookup}\n[[output]]\npath = \"a.csv\"\n"
    );
    file::parse(Path::new("/srv/a.toml"), &text, settings, false)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

const BLOCK: &str = "service = \"creditsafe.getdata\"\nparams = { blockname = \"Full\" }";

/// What is said of a job, and what can be done about it.
fn said(lists: &str, input: &str, lookup: &str) -> Option<(String, String)> {
    let settings = settings(lists);
    let unasked = Unasked::of_job(&job(&settings, input, lookup), &settings)?;
    Some((unasked.to_string(), unasked.ways_out().join("\n")))
}

#[test]
fn a_block_in_neither_list_is_first_put_where_it_belongs() {
    let numbers = format!("numbers = [{COMPANY}, {PARTNERSHIPS}, {TRADER}]");
    let (what, ways) = said("no_letters = [\"getdata:Basic\"]", &numbers, BLOCK).unwrap();
    assert_eq!(
        what,
        "lookup `report` may send a letter of disclosure to 3 rows of the input (2 partnerships, 1 sole trader): block \
         `Full` of creditsafe.getdata stands in neither `letters` nor `no_letters` of [providers.creditsafe], and is taken \
         to post one"
    );
    let at = |text: &str| ways.find(text).unwrap_or_else(|| panic!("{text}: {ways}"));
    // What stands in the list already stays in it.
    let [list, reject, last] = [
        at("    no_letters = [\"getdata:Basic\", \"getdata:Full\"]"),
        at("sole_traders = \"reject\" in [input]"),
        at("letters = true"),
    ];
    assert!(at("the provider's terms say that it never posts a letter") < list);
    assert!(list < reject && reject < last, "{ways}");
    assert!(ways.lines().last().unwrap().contains("`letters = true`"), "{ways}");
}

#[test]
fn a_block_that_is_listed_is_not_offered_for_no_letters() {
    let lists = "letters = [\"getdata:Full\"]\nno_letters = [\"getdata:Basic\", \"getdata:Short\"]";
    let (what, ways) = said(lists, &format!("numbers = [{PARTNERSHIPS}]"), BLOCK).unwrap();
    assert!(
        what.contains("is listed in `letters` of [providers.creditsafe]") && !what.contains("neither"),
        "{what}"
    );
    assert!(!ways.contains("no_letters = ") && !ways.contains("sole_traders"), "{ways}");
    assert!(ways.contains("such as getdata:Basic or getdata:Short of its no_letters"), "{ways}");
    let (what, _) = said("letters = [\"getdata\"]", &format!("numbers = [{PARTNERSHIPS}]"), BLOCK).unwrap();
    assert!(what.contains("is listed in `letters`"), "{what}");
}

#[test]
fn who_is_not_asked_about_is_not_counted() {
    let none =
        |lists: &str, input: &str, lookup: &str| assert_eq!(said(lists, input, lookup), None, "{input}");
    none("", &format!("numbers = [{COMPANY}]"), BLOCK);
    none("", &format!("numbers = [{COMPANY}, {TRADER}]\nsole_traders = \"reject\""), BLOCK);
    let partners = format!("numbers = [{PARTNERSHIPS}]");
    none("no_letters = [\"getdata\"]", &partners, BLOCK);
    none("", &partners, &format!("{BLOCK}\nletters = true"));
    none("", &partners, "service = \"creditsafe.getsignatory\"");
    let (what, ways) =
        said("", &format!("kind = \"any\"\nnumbers = [{PARTNERSHIPS}, {PERSON}]"), BLOCK).unwrap();
    assert!(what.contains("3 rows of the input (2 partnerships, 1 person)"), "{what}");
    assert!(!ways.contains("sole_traders"), "they are persons there: {ways}");
}

#[test]
fn an_input_that_cannot_be_read_is_told_by_who_may_stand_in_it() {
    for (input, who) in [
        (
            "path = \"-\"",
            "each of the partnerships (HB, KB) and sole traders in the input, which was not read",
        ),
        ("path = \"none.csv\"\nsole_traders = \"reject\"", "each of the partnerships (HB, KB) in the input"),
        ("path = \"-\"\nkind = \"person\"", "each of the persons in the input"),
        ("path = \"-\"\nkind = \"any\"", "each of the partnerships (HB, KB) and persons in the input"),
    ] {
        let (what, _) = said("", input, BLOCK).unwrap();
        assert!(what.contains(who), "{what}");
    }
}

#[test]
fn a_block_that_rows_name_is_told_by_its_place() {
    let lookup = "service = \"creditsafe.getdata\"\nparams = { blockname = \"{block}\" }";
    let (what, ways) = said("no_letters = [\"getdata:Basic\"]", "path = \"none.csv\"", lookup).unwrap();
    assert!(what.contains("each row names a block of creditsafe.getdata"), "{what}");
    assert!(
        ways.contains("into `no_letters` of [providers.creditsafe], as \"getdata:\" and its name"),
        "{ways}"
    );
    assert!(!ways.contains("no_letters = ["), "there is no name to type: {ways}");
}

/// A job over an input of its own, as `check` reads it.
fn said_of_rows(lists: &str, rows: &str, lookup: &str) -> Option<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.csv");
    std::fs::write(&path, format!("orgnr;block;lang\n{rows}")).unwrap();
    let input = format!("path = \"{}\"\ncolumn = \"orgnr\"", path.display());
    said(lists, &input, lookup)
}

#[test]
fn rows_that_name_their_blocks_are_counted_by_these() {
    let lookup =
        "service = \"creditsafe.getdata\"\nparams = { blockname = \"{block}\", language = \"{lang}\" }";
    let lists = "letters = [\"getdata:Full\"]\nno_letters = [\"getdata:Basic\"]";
    let harmless = "9899000005;Basic;sv\n9899000013; Basic ;\n5999000002;Full;\n";
    assert_eq!(said_of_rows(lists, harmless, lookup), None, "companies get none, and Basic posts none");
    // One that is refused before it is sent, by its block or by any other parameter, posts none.
    let invalid = format!("{harmless}9899000005;;sv\n9899000013;Full;klingonska\n");
    assert_eq!(said_of_rows(lists, &invalid, lookup), None);
    let rows = format!(
        "{harmless}9899000005;Full;sv\n9899000013;Full;\n8001019804;Other;\n9899000005;Prefix-Basic;\n"
    );
    let (what, ways) = said_of_rows(lists, &rows, lookup).unwrap();
    let expected = [
        "2 rows of the input (2 partnerships): block `Full` of creditsafe.getdata is listed in `letters`",
        "1 row of the input (1 sole trader): block `Other` of creditsafe.getdata stands in neither",
        "1 row of the input (1 partnership): block `Prefix-Basic` of creditsafe.getdata stands in neither",
    ];
    assert!(expected.iter().all(|expected| what.contains(expected)), "{what}");
    assert!(!what.contains("each row names"), "{what}");
    assert!(
        ways.contains("no_letters = [\"getdata:Basic\", \"getdata:Other\", \"getdata:Prefix-Basic\"]"),
        "{ways}"
    );
    // Part of a block's name may be the row's, too.
    let lookup = "service = \"creditsafe.getdata\"\nparams = { blockname = \"Company{block}\" }";
    let (what, _) = said_of_rows("no_letters = [\"getdata:CompanyBasic\"]", &rows, lookup).unwrap();
    assert!(what.contains("block `CompanyFull`") && !what.contains("CompanyBasic"), "{what}");
}

#[test]
fn more_blocks_than_a_person_reads_count_together() {
    let lookup = "service = \"creditsafe.getdata\"\nparams = { blockname = \"{block}\" }";
    let rows: Vec<String> = (0..40).map(|at| format!("9899000005;Block{at}\n")).collect();
    let rows = rows.concat();
    let (what, _) = said_of_rows("", &rows, lookup).unwrap();
    assert!(what.contains("24 rows of the input (24 partnerships): each row names a block"), "{what}");
    assert!(what.contains("block `Block0`"), "{what}");
}

#[test]
fn what_is_to_be_typed_is_toml_whatever_the_block_is_called() {
    for block in ["Company \"X\"", "Company \\X", "Bolag Å'"] {
        let lookup = format!(
            "service = \"creditsafe.getdata\"\nparams = {{ blockname = {} }}",
            toml::Value::from(block)
        );
        let input = format!("numbers = [{PARTNERSHIPS}]");
        let (_, ways) = said("no_letters = [\"getdata:Basic\"]", &input, &lookup).unwrap();
        let line = ways.lines().find(|line| line.trim_start().starts_with("no_letters = ")).unwrap();
        let typed: toml::Table = line.trim().parse().unwrap();
        let named = format!("getdata:{block}");
        assert_eq!(typed["no_letters"], toml::Value::from(vec!["getdata:Basic", &named]), "{line}");
        assert_eq!(said(line.trim(), &input, &lookup), None, "{line}");
    }
}

#[test]
fn what_rows_name_is_masked_where_it_may_be_a_number() {
    let settings = settings("");
    let job = job(&settings, &format!("numbers = [{PARTNERSHIPS}]"), BLOCK);
    let mut letters = LettersByBlock::default();
    letters.add(Some("198001019804"), Kind::Partnership);
    let unasked = Unasked::counted(&job, |step| settings.accounts.get(&step.account), &[letters]).unwrap();
    assert!(unasked.to_string().contains("1 of the subjects (1 partnership)"), "{unasked}");
    assert!(!format!("{unasked}{:?}", unasked.ways_out()).contains("8001019804"), "{unasked}");
}
