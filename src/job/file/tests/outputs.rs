//! `[[output]]`.

use super::*;

#[test]
fn problems_of_outputs() {
    for (output, said) in [
        ("format = \"csv\"", "`path` is missing in [[output]]"),
        ("path = \"out.xml\"", "cannot be told from this ending"),
        ("path = \"out/{job}\"", "cannot be told from this ending"),
        ("path = \"out/{id}.csv\"", "`{id}` is not known here"),
        ("path = \"in.csv\"", "this path is the input"),
        ("path = \"x/../a.toml\"\nformat = \"csv\"", "this path is the job file itself"),
        ("path = \"x.csv\"\n[[output]]\npath = \"./x.csv\"", "an output already"),
        ("path = \"x.csv\"\n[[output]]\npath = \"x.rejects.csv\"", "the rejects file"),
        ("path = \"out.parquet\"", "parquet is not yet built"),
        ("path = \"out.x\"\nformat = \"parquet\"", "\"parquet\" is not yet built"),
        ("path = \"out.parquet\"\nformat = \"parquet\"", "\"parquet\" is not yet built"),
        ("path = \"out.json\"\nexcel = true", "`excel` is for csv only"),
        ("path = \"out.csv\"\nonly = []", "this list is empty"),
        ("path = \"out.csv\"\nonly = [\"hits\"]", "did you mean \"hit\"?"),
        ("path = \"out.csv\"\ncolumns = []", "this list is empty"),
        (
            "path = \"out.csv\"\ncolumns = [{ name = \"a\", pointer = \"report/x\" }]",
            "a JSON pointer begins with `/`",
        ),
        (
            "path = \"out.csv\"\ncolumns = [{ name = \"a\", pointer = \"/x\" }, { name = \"a\", pointer = \"/y\" }]",
            "stands twice",
        ),
        (
            "path = \"out.csv\"\ncolumns = [{ name = \"cost\", pointer = \"/x\" }]",
            "is one that every row has",
        ),
        (
            "path = \"out.csv\"\ncolumns = [{ name = \"a\", pointer = \"/x\", lookup = \"q\" }]",
            "there is no lookup `q`",
        ),
    ] {
        refuses(&Parts { output, ..GOOD }, said);
    }
}

#[test]
fn a_column_may_not_be_called_like_one_of_the_outputs_own() {
    const WIDE: &str = "path = \"o.csv\"\nshape = \"wide\"";
    const JSON: &str = "path = \"o.jsonl\"";
    for (carry, output, taken) in [
        ("outcome", GOOD.output, true),
        ("log_id", GOOD.output, true),
        ("row_error", GOOD.output, false),
        ("r_outcome", GOOD.output, false),
        ("report", GOOD.output, false),
        ("row_error", WIDE, true),
        ("r_outcome", WIDE, true),
        ("x_outcome", WIDE, false),
        ("outcome", WIDE, false),
        ("report", JSON, true),
    ] {
        let input = format!("path = \"in.csv\"\ncarry = [\"customer_id\", \"{carry}\"]").leak();
        let parts = Parts { input, output, ..GOOD };
        if taken {
            refuses(&parts, &format!("the column `{carry}` is one that every row of o"));
            let shown = read(&parts.text()).unwrap_err().render();
            assert!(shown.contains("a.toml:4:25\n") && shown.contains("leave it out of `carry`"), "{shown}");
        } else {
            takes(&parts);
        }
        let output = format!("{output}\ncolumns = [{{ name = \"{carry}\", pointer = \"/x\" }}]").leak();
        let parts = Parts { output, ..GOOD };
        if taken { refuses(&parts, "is one that every row has") } else { drop(takes(&parts)) }
    }
}

#[test]
fn a_wide_column_says_whose_answer_it_is_from() {
    let lookup =
        "id = \"a\"\nservice = \"creditsafe.spar\"\n[[lookup]]\nid = \"b\"\nservice = \"creditsafe.spar\"";
    let output = "path = \"out.csv\"\nshape = \"wide\"\ncolumns = [{ name = \"x\", pointer = \"/x\" }]";
    takes(&Parts { output, ..GOOD });
    refuses(&Parts { lookup, output, ..GOOD }, "add lookup = \"a\" or lookup = \"b\"");
}
