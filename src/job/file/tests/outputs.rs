//! `[[output]]`.

use super::*;

#[test]
fn problems_of_outputs() {
    for (output, said) in [
        ("format = \"csv\"", "`path` is missing in [[output]]"),
        ("path = \"out.xml\"", "cannot be told from this ending"),
        ("path = \"out/{job}\"", "cannot be told from this ending"),
        ("path = \"out/{id}.csv\"", "`{id}` is not known here"),
        ("path = \"{job}/../out.csv\"", "leads out of the folder"),
        ("path = \"out.csv\"\nmode = \"0666\"", "everybody could write this output"),
        ("path = \"out.csv\"\nmode = \"4640\"", "set-id and sticky bits"),
        ("path = \"out.csv\"\nmode = \"0440\"", "its owner must read and write"),
        ("path = \"out.csv\"\nmode = \"rw-r-----\"", "three or four octal digits"),
        ("path = \"out.csv\"\nmode = 640", "put it in quotes"),
        ("path = \"out.csv\"\ngroup = \" \"", "this is empty"),
        ("path = \"out.csv\"\ngroup = true", "text in quotes or a whole number"),
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
fn mode_and_group() {
    for (keys, mode, group) in [
        ("", 0o600, None),
        ("\nmode = \"0640\"\ngroup = \"analysts\"", 0o640, Some("analysts")),
        ("\nmode = \"664\"\ngroup = 1001", 0o664, Some("1001")),
        ("\ngroup = \"1001\"", 0o600, Some("1001")),
    ] {
        let output = format!("path = \"out.csv\"{keys}").leak();
        let job = takes(&Parts { output, ..GOOD });
        assert_eq!((job.outputs[0].mode, job.outputs[0].group.as_deref()), (mode, group), "{keys}");
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
