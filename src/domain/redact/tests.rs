use super::*;
use crate::domain::number::{Accept, AcceptKind};
use jiff::civil::date;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn numbers_in_every_form_are_masked_in_their_length() {
    for (text, scrubbed) in [
        ("5560125790", "**********"),
        ("556012-5790", "***********"),
        ("no 556012 5790 found", "no *********** found"),
        ("165560125790.", "************."),
        ("16556012-5790", "*************"),
        ("SE556012579001", "SE************"),
        ("se 556012-579001", "se *************"),
        ("(198001010001)", "(************)"),
        ("19800101-0001", "*************"),
        ("800101+0001", "***********"),
        ("800101 \u{2013} 0001", "*************"),
        ("701063-2391", "***********"),
        // A wrong check digit is what a mistyped number has.
        ("19800101-0009", "*************"),
        ("800101-0009", "***********"),
        ("path/5560125790/x", "path/**********/x"),
        ("\"number\":5560125790,", "\"number\":**********,"),
        ("5560125790 5565144408", "********** **********"),
        ("11 556012 5790", "11 ***********"),
        ("å5560125790å", "å**********å"),
        ("556012\n5790", "***********"),
        ("19551218\r\n9878", "**************"),
        ("1955-12-18-9878", "***************"),
        ("1955-12-18 9878", "***************"),
        ("19551218.9878", "*************"),
        ("1955/12/18-9878", "***************"),
        ("1955.12.18.9878", "***************"),
        ("18.12.1955-9878", "***************"),
        ("19 55 12 18 98 78", "*****************"),
        ("1 9 5 5 1 2 1 8 9 8 7 8", "***********************"),
        ("551218_987_8", "************"),
        ("19551218\u{a0}9878", "*************"),
        ("19551218\u{2009}-\u{2009}9878", "***************"),
        ("5512\u{200b}18\u{200d}-98\u{ad}78", "**************"),
        ("１９５５１２１８－９８７８", "*************"),
        ("١٩٥٥١٢١٨-٩٨٧٨", "*************"),
        ("19551218%2D9878", "***************"),
        ("19551218%20%2D%209878", "*********************"),
        ("19551218%E2%80%8B9878", "*********************"),
        ("19551218%252D9878", "*****************"),
        ("%31%39%35%35%31%32%31%38%39%38%37%38", "************************************"),
        ("%5560125790", "%**********"),
        ("19551218&#45;9878", "*****************"),
        ("19551218&nbsp;9878", "******************"),
        ("19551218\\u002d9878", "******************"),
        ("SE 556012-5790-01", "SE ***********-01"),
        // The month or the day of a samordningsnummer may be nought.
        ("19700063-2391", "*************"),
        ("19701060-2391", "*************"),
    ] {
        assert_eq!(scrub(text), scrubbed, "{text}");
    }
}

#[test]
fn times_amounts_and_codes_are_left_alone() {
    for text in [
        "",
        "2026-11-20T02:30:00",
        "2026-11-20T02:30:00.123456Z",
        "2026-11-20 02:30:00 +0100",
        "20261120T023000",
        "123456",
        "123456 SEK, 1 234 567",
        "5560125791",
        "55601257901",
        "5560125790123",
        "1763606400000",
        "Report with error code S17 after 1234 ms",
        "api.creditsafe.se/v1/getdata",
        "550e8400-e29b-41d4-a716-446655440000",
        "2026-03-01 - 2026-03-31",
        "2026-03-01/2026-03-31",
        "from 2026-03-01 to 2026-03-31",
        "1 234 567 890",
        "1.234.567,50",
        "556012.57",
    ] {
        assert_eq!(scrub(text), text);
    }
}

#[test]
fn tokens_are_masked() {
    let web = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcmdwdWxsIn0.c2lnbmF0dXJlLW9mLWl0";
    for (text, scrubbed) in [
        (format!("token {web}, denied"), format!("token {}, denied", "*".repeat(web.len()))),
        (format!("see {web}. Then"), format!("see {} Then", "*".repeat(web.len() + 1))),
        ("Authorization: Bearer s3cr/et+t=~".to_owned(), "Authorization: Bearer ***********".to_owned()),
        ("BEARER\tabc\nBearer def".to_owned(), "BEARER\t***\nBearer ***".to_owned()),
        ("the bearer".to_owned(), "the bearer".to_owned()),
        ("bearers came".to_owned(), "bearers came".to_owned()),
    ] {
        assert_eq!(scrub(&text), scrubbed);
    }
}

#[test]
fn json_is_masked_in_texts_numbers_and_keys() {
    let mut value = json!({
        "number": 5_560_125_790_u64,
        "list": ["556012-5790", 198_001_010_001_u64, 123_456, true, null],
        "5560125790": 1,
        "5565144408": 2,
        "turnover": 1234.5,
    });
    Known::default().scrub_json(&mut value);
    let expected = json!({
        "number": "**********",
        "list": ["***********", "************", 123_456, true, null],
        "**********": 1,
        "********** (2)": 2,
        "turnover": 1234.5,
    });
    assert_eq!(value.to_string(), expected.to_string());
}

/// A canary in one of its written forms: two organisations, a test person, a samordningsnummer.
fn marked() -> impl Strategy<Value = (String, String)> {
    let numbers = ["5560125790", "5569565855", "201701012393", "197010632391", "8001010001"];
    let forms = prop::sample::select(vec!["", "-", "+", " ", "\u{a0}", "\u{2013}"]);
    (prop::sample::select(numbers.to_vec()), forms).prop_map(|(number, sign)| {
        let (front, last) = number.split_at(number.len() - 4);
        (front.to_owned(), format!("{front}{sign}{last}"))
    })
}

proptest! {
    #[test]
    fn no_marked_number_survives(
        before in "(?s).{0,30}([^0-9]|[^0-9]SE|\\PN-)|",
        (front, number) in marked(),
        after in "|([^0-9]|-\\PN)(?s).{0,30}",
    ) {
        prop_assume!(!before.contains(&front) && !after.contains(&front));
        let scrubbed = scrub(&format!("{before}{number}{after}"));
        prop_assert!(!scrubbed.contains(&front), "{}", scrubbed);
    }

    #[test]
    fn masking_keeps_the_length_and_is_done_once(text in any::<String>(), digits in "[-+ 0-9SE.]{0,40}") {
        for text in [text, digits] {
            let once = scrub(&text);
            prop_assert_eq!(once.chars().count(), text.chars().count());
            prop_assert_eq!(scrub(&once), once);
        }
    }
}

const PERSON: &str = "195512189878";
const COMPANY: &str = "5560125790";
/// Born in 2001: ten digits that begin with noughts.
const YOUNG: &str = "200101072395";

fn subject(number: &str) -> Subject {
    let accept = Accept { kind: AcceptKind::Any, sole_traders: true, assume_under_100: true };
    Subject::parse(number, accept, date(2026, 3, 1)).unwrap()
}

/// The row's own number, also where nothing else would tell it for one.
#[test]
fn a_number_that_is_known_goes_in_every_form() {
    for (number, text, scrubbed) in [
        (COMPANY, "SE556012579001", "SE************"),
        (COMPANY, "ref-0005560125790-7", "ref-*************-7"),
        (COMPANY, "55 6012 57:90", "*************"),
        (COMPANY, "5;5;6;0;1;2;5;7;9;0", "*******************"),
        (COMPANY, "XX55601257901234567", "XX*****************"),
        (COMPANY, "556012=5790", "***********"),
        (COMPANY, "556012   --  5790", "*****************"),
        (COMPANY, "the number is 5565144408", "the number is **********"),
        (PERSON, "1955-12-18-9878", "***************"),
        (PERSON, "19551218.9878", "*************"),
        (PERSON, "18/12-1955:9878", "***************"),
        (PERSON, "181255 9878", "***********"),
        (PERSON, "SE195512189878 01", "SE************ 01"),
        (PERSON, "id=0195512189878000", "id=****************"),
        (PERSON, "\u{feff}19551218\u{2060}9878", "\u{feff}*************"),
        (YOUNG, "0101072395", "**********"),
        (YOUNG, "101072395", "*********"),
        (YOUNG, "no 101072395.", "no *********."),
        (YOUNG, "1010723951234", "1010723951234"),
    ] {
        assert_eq!(Known::of_subject(&subject(number)).scrub(text), scrubbed, "{text}");
    }
    let known = Known::of_subject(&subject(COMPANY));
    for text in
        ["1763606400000", "2026-03-01", "turnover 556 012 TSEK", "579012, 556012", "556012 SEK of 5790"]
    {
        assert_eq!(known.scrub(text), text);
    }
}

#[test]
fn a_mistyped_number_is_known_by_its_digits() {
    assert_eq!(Known::of_cell("19551218-987").scrub("was 19551218 987"), "was ************");
    assert_eq!(Known::of_cell("Anna 12").scrub("Anna 12 a"), "Anna 12 a");
}

#[test]
fn secrets_in_use_go_first_and_short_ones_are_none() {
    let known = Known::default()
        .and_secret("hunter2")
        .and_secret("abc")
        .and_secret("tok+en/=~")
        .and_sent("165560125790");
    assert_eq!(known.scrub("hunter2 abc tok+en/=~ hunter"), "******* abc ********* hunter");
    assert_eq!(known.code("E-1\u{1b}[31m hun\nter2 556012\u{0}57\r\n90"), "E-1[31m ******* **********");
    assert_eq!(known.code(&"x".repeat(100)).len(), LONGEST_CODE);
    assert!(!format!("{known:?}").contains("hunter2"));
}

#[test]
fn json_numbers_are_known_by_their_value() {
    let known = Known::of_subject(&subject(COMPANY));
    let masked = |text: &str| {
        let mut value: Value = serde_json::from_str(text).unwrap();
        known.scrub_json(&mut value);
        value.to_string()
    };
    for (text, shown) in [
        ("5560125790", r#""**********""#),
        ("5560125790.0", r#""**********.0""#),
        ("5.56012579e9", r#""**********""#),
        ("5.56012579E+9", r#""**********""#),
        ("165560125790", r#""************""#),
        ("-5560125790", r#""-**********""#),
        ("1e3", "1e+3"),
        ("1.50", "1.50"),
        ("12345.678", "12345.678"),
    ] {
        assert_eq!(masked(text), shown, "{text}");
    }
    assert_eq!(masked(r#"{"SE556012579001":[5560125790]}"#), r#"{"SE************":["**********"]}"#);
    let mut young: Value = json!({ "n": 101_072_395 });
    Known::of_subject(&subject(YOUNG)).scrub_json(&mut young);
    assert_eq!(young, json!({ "n": "*********" }));
}

/// The digits of a number as somebody, or something, might write them.
fn written(number: &'static str) -> impl Strategy<Value = String> {
    let gap = prop::sample::select(vec![
        "",
        "",
        "",
        "-",
        " ",
        ".",
        "/",
        "\u{a0}",
        "\u{2013}",
        "\u{200b}",
        "\n",
        "_",
        "%2D",
        "%20",
        "%E2%80%8B",
        "&nbsp;",
        "\\u2013",
        "\u{feff}",
        "\t",
    ]);
    let script = prop::sample::select(vec![0_u32, 0, 0, 0xfee0, 0x630]);
    let encode = prop::bool::weighted(0.1);
    let ten = &number[number.len() - 10..];
    (prop::collection::vec((gap, script, encode), ten.len()), prop::bool::ANY).prop_map(
        move |(forms, century)| {
            let mut text = if century { number[..number.len() - 10].to_owned() } else { String::new() };
            for (digit, (gap, script, encode)) in ten.chars().zip(forms) {
                if encode {
                    text = format!("{text}%{:02X}{gap}", u32::from(digit));
                } else {
                    text.push(char::from_u32(u32::from(digit) + script).unwrap());
                    text.push_str(gap);
                }
            }
            text
        },
    )
}

/// The digits that are left of a text, whatever they are written with.
fn left(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let digits = glyphs::read(&chars, true).into_iter().filter_map(|glyph| match glyph.sign {
        Sign::Digit(value) => Some(char::from(b'0' + value)),
        _ => None,
    });
    digits.collect()
}

proptest! {
    /// However the row's own number is written, and whatever stands around it, its digits do not come through.
    #[test]
    fn no_written_form_of_the_rows_number_survives(
        number in prop::sample::select(vec![PERSON, COMPANY, YOUNG, "197010632391"]),
        forms in (written(PERSON), written(COMPANY), written(YOUNG), written("197010632391")),
        (before, after) in ("[a-zåäö =:\"(]{0,12}", "[a-zåäö =:\")]{0,12}"),
    ) {
        let written = match number {
            PERSON => forms.0,
            COMPANY => forms.1,
            YOUNG => forms.2,
            _ => forms.3,
        };
        let text = format!("{before}{written}{after}");
        let scrubbed = Known::of_subject(&subject(number)).scrub(&text);
        prop_assert_eq!(scrubbed.chars().count(), text.chars().count());
        prop_assert!(!left(&scrubbed).contains(&number[number.len() - 10..]), "{:?} {:?}", text, scrubbed);
        prop_assert!(left(&scrubbed).len() < 6, "{:?} {:?}", text, scrubbed);
    }

    #[test]
    fn any_text_is_scrubbed_without_a_panic(text in "(?s).{0,80}", noise in "[%&#;\\\\ux0-9A-Fa-f-]{0,60}") {
        let known = Known::of_subject(&subject(PERSON)).and_secret(&text);
        for text in [text, noise] {
            let once = known.scrub(&text);
            prop_assert_eq!(once.chars().count(), text.chars().count());
            prop_assert_eq!(known.scrub(&once), once);
        }
    }
}

#[test]
fn names_that_are_the_same_once_masked_are_told_apart_in_as_many_steps_as_there_are() {
    let asked = std::cell::Cell::new(0_usize);
    let (mut apart, mut taken) = (Apart::default(), std::collections::HashSet::new());
    // Some serials are names that came by themselves.
    let came = (0..2_000).map(|at| if at % 3 == 0 { format!("*** ({at})") } else { "***".to_owned() });
    for name in came {
        let name = apart.name(name, |name| {
            asked.set(asked.get() + 1);
            taken.contains(name)
        });
        assert!(taken.insert(name));
    }
    assert!(asked.get() <= 3 * 2_000, "{} steps", asked.get());
    let mut value = json!({ "5560125790": 1, "********** (2)": 2, "5565144408": 3, "5569565855": 4 });
    Known::default().scrub_json(&mut value);
    let text = r#"{"**********":1,"********** (2)":2,"********** (3)":3,"********** (4)":4}"#;
    assert_eq!(value.to_string(), text);
}

#[test]
fn secrets_are_hidden_in_bytes_of_any_charset() {
    let known =
        Known::default().and_secret("pass/w\u{f6}rd").and_secret("short").and_token("0123456789abcdef");
    for bytes in [
        b"\xff 0123456789abcdef0123456789abcdef".to_vec(),
        b"\xff{\"p\":\"pass\\/w\\u00f6rd\"".to_vec(),
        b"pass/w\xf6rd".to_vec(),
        "\u{2028}pass/w\u{f6}rd 0123456789abcdef".as_bytes().to_vec(),
        "\u{f6} pass/w\u{f6}rd".encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ] {
        let hidden = known.hide_secrets_in_bytes(bytes.clone());
        let text = String::from_utf8_lossy(&hidden).replace('\0', "");
        assert!(!text.contains("pass") && !text.contains("0123") && text.contains("***"), "{text}");
        assert_eq!(hidden.len(), bytes.len());
    }
    assert_eq!(known.hide_secrets_in_bytes(b"short\xff".to_vec()), b"short\xff", "a word");
}
