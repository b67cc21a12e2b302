use super::*;
use jiff::ToSpan;
use jiff::civil::date;
use proptest::prelude::*;

const TODAY: Date = date(2026, 11, 20);
/// Skatteverket's published test person, and the example of a samordningsnummer in SKV M 2010:3.
const TEST_PERSON: &str = "201701012393";
const COORDINATION: &str = "701063-2391";

fn accept(kind: AcceptKind) -> Accept {
    Accept { kind, sole_traders: true, assume_under_100: false }
}

const fn assuming(kind: AcceptKind) -> Accept {
    Accept { kind, sole_traders: true, assume_under_100: true }
}

fn organisation(text: &str) -> Result<Subject, NumberError> {
    Subject::parse(text, accept(AcceptKind::Organisation), TODAY)
}

fn person(text: &str) -> Result<Subject, NumberError> {
    Subject::parse(text, accept(AcceptKind::Person), TODAY)
}

fn reason(read: Result<Subject, NumberError>) -> String {
    read.unwrap_err().0
}

#[test]
fn organisation_numbers_in_every_written_form() {
    for text in [
        "556012-5790",
        "5560125790",
        "16556012-5790",
        "165560125790",
        "SE556012579001",
        "se 556012-5790 01",
        "SE556012-579001",
        " 556012 5790 ",
        "\u{feff}5560125790",
        "556012\u{2013}5790",
        "556012\u{2212}5790",
        "55\u{a0}60\u{2009}12\u{202f}5790",
        "\"556012-5790\"",
        "'5560125790",
        "\u{201d}556012-5790\u{201d}",
        "\t5560125790\r\n",
        "=\"5560125790\"",
        " =\"556012-5790\" ",
    ] {
        let subject = organisation(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(subject.kind(), Kind::Organisation, "{text:?}");
        assert_eq!(subject.full(), "556012-5790", "{text:?}");
        assert_eq!(subject.sent10(), "5560125790");
        assert_eq!(subject.sent12().unwrap(), "165560125790");
        assert_eq!(subject.stored(), "5560125790");
    }
    for text in ["5565144408", "5569565855"] {
        assert_eq!(organisation(text).unwrap().sent10(), text);
    }
    assert_eq!(organisation(&signed("916612579", "-")).unwrap().kind(), Kind::Partnership);
}

#[test]
fn persons_in_every_written_form() {
    for (text, full) in [
        (TEST_PERSON, "20170101-2393"),
        ("20170101-2393", "20170101-2393"),
        ("170101-2393", "20170101-2393"),
        ("19701063-2391", "19701063-2391"),
        (COORDINATION, "19701063-2391"),
        // Month and day as Skatteverket writes them where they are not known.
        ("700063-2393", "19700063-2393"),
        ("701060-2394", "19701060-2394"),
        ("197000602396", "19700060-2396"),
        ("800091+2397", "18800091-2397"),
        ("198001010001", "19800101-0001"),
        ("800101 -0001", "19800101-0001"),
        ("170101+2393", "19170101-2393"),
        ("19170101+2393", "19170101-2393"),
        ("19170101-2393", "19170101-2393"),
        ("800101+0001", "18800101-0001"),
        ("18800101+0001", "18800101-0001"),
        ("189001019802", "18900101-9802"),
    ] {
        let subject = person(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(subject.kind(), Kind::Person, "{text:?}");
        assert_eq!(subject.full(), full, "{text:?}");
        assert_eq!(subject.sent12().unwrap(), full.replace('-', ""), "{text:?}");
        assert_eq!(subject.stored(), full.replace('-', ""), "{text:?}");
    }
}

#[test]
fn sole_traders_with_and_without_a_century() {
    for text in ["8001010001", "800101 0001", "SE800101000101", "SE800101-0001-02"] {
        let subject = organisation(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(subject.kind(), Kind::SoleTrader, "{text:?}");
        assert_eq!(subject.full(), "800101-0001");
        assert_eq!(subject.sent12(), None);
        assert_eq!(subject.stored(), "8001010001");
        assert_eq!(subject.to_string(), "********-****");
    }
    for (text, full) in [
        ("800101-0001", "19800101-0001"),
        ("19800101-0001", "19800101-0001"),
        ("198001010001", "19800101-0001"),
        ("800101+0001", "18800101-0001"),
    ] {
        let subject = organisation(text).unwrap();
        assert_eq!((subject.kind(), subject.full().as_str()), (Kind::SoleTrader, full), "{text}");
    }
    for text in ["8001010001", "800101 0001", "SE800101000101"] {
        let assumed = Subject::parse(text, assuming(AcceptKind::Organisation), TODAY).unwrap();
        assert_eq!((assumed.kind(), assumed.full().as_str()), (Kind::SoleTrader, "19800101-0001"), "{text}");
        assert_eq!(assumed.sent12().as_deref(), Some("198001010001"), "{text}");
    }
    let rejecting = Accept { sole_traders: false, ..accept(AcceptKind::Organisation) };
    for text in ["8001010001", "19800101-0001"] {
        assert!(reason(Subject::parse(text, rejecting, TODAY)).contains("no sole traders"), "{text}");
    }
}

#[test]
fn any_takes_both_by_their_shape() {
    let any = |text| Subject::parse(text, accept(AcceptKind::Any), TODAY);
    assert_eq!(any("5560125790").unwrap().kind(), Kind::Organisation);
    assert_eq!(any(TEST_PERSON).unwrap().kind(), Kind::Person);
    assert!(reason(any("8001010001")).contains("century is not known"));
}

#[test]
fn the_century_of_ten_digits() {
    let assumed =
        |text: &str| Subject::parse(text, assuming(AcceptKind::Person), TODAY).map(|subject| subject.full());
    assert_eq!(assumed("8001010001").unwrap(), "19800101-0001");
    assert_eq!(assumed("1701012393").unwrap(), "20170101-2393");
    // 20 November 2026 is today; a day later can only be of 1926, aged ninety-nine.
    assert_eq!(assumed(&signed("261120001", "")).unwrap()[..8], *"20261120");
    assert_eq!(assumed(&signed("261121001", "")).unwrap()[..8], *"19261121");
    // The sign turns in the year of the hundredth birthday, not on the day.
    assert_eq!(person(&signed("261121001", "+")).unwrap().full()[..8], *"19261121");
    assert!(reason(person(&signed("261121001", "-"))).contains("future"));
    assert_eq!(person(&signed("271121001", "-")).unwrap().full()[..8], *"19271121");
    assert!(reason(person(&signed("271121001", "+"))).contains("older than anyone"));
    assert_eq!(person(&signed("010101001", "+")).unwrap().full()[..8], *"19010101");
    assert_eq!(person(&signed("991231001", "+")).unwrap().full()[..8], *"18991231");
    assert_eq!(person(&signed("760101001", "+")).unwrap().full()[..8], *"18760101");
    assert!(reason(person(&signed("751231001", "+"))).contains("older than anyone"));
    // 1900 had no 29 February, and 2000 had one.
    assert_eq!(person(&signed("000229001", "-")).unwrap().full()[..8], *"20000229");
    assert!(reason(person(&signed("000229001", "+"))).contains("not a day"));
}

#[test]
fn refusals_say_what_is_wrong() {
    for (text, part) in [
        ("", "empty"),
        (" \u{feff}\u{a0}\"\" ", "empty"),
        ("5560125791", "check digit"),
        ("198001010002", "check digit"),
        ("556012579", "nine digits, where"),
        ("5", "one digit,"),
        ("55601257901", "eleven digits"),
        ("5560125790123456", "more than fourteen"),
        ("556012579O", "something other than digits"),
        ("org.nr 556012-5790", "something other than digits"),
        ("٥٥٦٠١٢٥٧٩٠", "something other than digits"),
        ("55-60125790", "last four digits and nowhere else"),
        ("556012--5790", "last four digits and nowhere else"),
        ("-5560125790", "last four digits and nowhere else"),
        ("556012+5790", "never with +"),
        ("195560125790", "sixteen of an organisation"),
        ("168001010001", "century of birth"),
        ("178001010001", "eighteen, nineteen or twenty"),
        ("187512310001", "older than anyone"),
        ("208001010001", "future"),
        ("19800101+0001", "century says less"),
        ("8002300001", "not a day"),
        ("8001930001", "not a day"),
        ("8001920001", "not a day"),
        ("8000920001", "not a day"),
        ("8000590001", "neither an organisation number"),
        ("8000010001", "neither an organisation number"),
        ("5513125790", "neither an organisation number"),
        ("5500125790", "neither an organisation number"),
        ("SE5560125790", "VAT number"),
        ("SE556012579000", "VAT number"),
        ("SE", "VAT number"),
        ("SEK 100", "VAT number"),
        ("1,98001E+11", "scientific notation"),
        ("5.56012579E9", "scientific notation"),
        ("5,56012579E+09", "scientific notation"),
        ("5560125790.0", "decimals"),
        ("5560125790,00", "decimals"),
        ("5,560,125,790", "in thousands"),
        ("=5560125790", "something other than digits"),
        ("=\"\"", "empty"),
        ("########", "too narrow"),
        ("101012392", "nine digits, where"),
    ] {
        let reason = reason(organisation(text));
        assert!(reason.contains(part), "{text:?}: {reason}");
    }
    for text in ["5560125790", "16556012-5790", "SE556012579001"] {
        assert!(reason(person(text)).contains("takes persons only"), "{text}");
    }
    assert!(reason(person("8001010001")).contains("assume-under-100"));
}

#[test]
fn a_lost_zero_is_told_from_a_short_number() {
    for (nine, lost) in [("010101001", 1), ("001231001", 2), ("000101001", 3)] {
        let ten = signed(nine, "");
        let short = &ten[lost..];
        let reason = reason(person(short));
        assert!(reason.contains("dropped the zeros") && reason.contains("as text"), "{short}: {reason}");
    }
}

#[test]
fn a_hundredfold_longer_cell_is_refused() {
    assert!(reason(organisation(&"5".repeat(4_000))).contains("too long"));
}

#[test]
fn stored_forms_that_were_changed_by_hand_are_not_believed() {
    for (digits, kind) in [
        ("5560125791", Kind::Organisation),
        ("5560125790", Kind::Partnership),
        ("5560125790", Kind::Person),
        ("165560125790", Kind::Organisation),
        ("8001010001", Kind::Person),
        ("8001010001", Kind::Organisation),
        ("168001010001", Kind::SoleTrader),
        ("8002300001", Kind::SoleTrader),
        ("556012-579", Kind::Organisation),
        ("å55601257", Kind::Organisation),
        ("", Kind::Organisation),
    ] {
        assert_eq!(Subject::from_stored(digits, kind), None, "{digits} {kind:?}");
    }
}

/// Nine digits, a sign before the last three, and the check digit that belongs to them.
fn signed(nine: &str, sign: &str) -> String {
    let last = ('0'..='9')
        .find(|last| {
            let ten = format!("{nine}{last}");
            luhn(ten.as_bytes().try_into().unwrap())
        })
        .unwrap();
    format!("{}{sign}{}{last}", &nine[..6], &nine[6..])
}

/// Ten digits of a legal person.
fn legal() -> impl Strategy<Value = String> {
    (10..100_u32, 20..100_u32, 0..100_000_u32).prop_map(|(a, b, c)| signed(&format!("{a}{b}{c:05}"), ""))
}

/// A date of birth that is believed today, and ten digits of such a person; every other one a samordningsnummer, which may
/// lack month and day.
fn born() -> impl Strategy<Value = (Date, String)> {
    let forms = (any::<bool>(), any::<bool>(), any::<bool>());
    (0..54_000_i32, 0..1_000_u32, forms).prop_map(|(days, serial, (coordination, no_month, no_day))| {
        let birth = TODAY - days.days();
        let month = if coordination && no_month { 0 } else { birth.month() };
        let day = if coordination && no_day { 0 } else { birth.day() } + if coordination { 60 } else { 0 };
        let nine = format!("{:02}{month:02}{day:02}{serial:03}", birth.year() % 100);
        (birth, signed(&nine, ""))
    })
}

fn century(birth: Date) -> String {
    (birth.year() / 100).to_string()
}

fn any_subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        legal().prop_map(|ten| organisation(&ten).unwrap()),
        born().prop_map(|(_, ten)| organisation(&ten).unwrap()),
        born().prop_map(|(birth, ten)| organisation(&(century(birth) + &ten)).unwrap()),
        born().prop_map(|(birth, ten)| person(&(century(birth) + &ten)).unwrap()),
    ]
}

fn has_four_digits_in_a_row(text: &str) -> bool {
    text.as_bytes().windows(4).any(|window| window.iter().all(u8::is_ascii_digit))
}

proptest! {
    #[test]
    fn a_changed_digit_breaks_the_check(ten in legal(), at in 0..10_usize, by in 1..10_u8) {
        let mut ten: [u8; 10] = ten.as_bytes().try_into().unwrap();
        prop_assert!(luhn(&ten));
        ten[at] = b'0' + (ten[at] - b'0' + by) % 10;
        prop_assert!(!luhn(&ten));
    }

    #[test]
    fn a_subject_is_never_shown_by_accident(subject in any_subject()) {
        for shown in [format!("{subject:?}"), subject.to_string(), subject.masked(), format!("{:#?}", Some(&subject))] {
            prop_assert!(!shown.contains(|c: char| c.is_ascii_digit()), "{}", shown);
        }
        prop_assert_eq!(subject.masked().len() == 13, subject.kind().is_personal());
    }

    #[test]
    fn stored_forms_come_back_the_same(subject in any_subject()) {
        prop_assert_eq!(Subject::from_stored(&subject.stored(), subject.kind()), Some(subject));
    }

    #[test]
    fn every_written_form_of_an_organisation_is_the_same_subject(ten in legal(), blank in "[ \u{a0}\u{2009}]{0,2}") {
        let (front, last) = ten.split_at(6);
        let subject = organisation(&ten).unwrap();
        for text in [
            format!("{front}-{last}"),
            format!("{front}{blank}{last}"),
            format!("{blank}16{blank}{front}-{last}{blank}"),
            format!("16{ten}"),
            format!("SE{blank}{ten}{blank}01"),
            format!("\u{feff}\"{front}\u{2013}{last}\""),
        ] {
            prop_assert_eq!(organisation(&text), Ok(subject.clone()), "{}", text);
        }
    }

    #[test]
    fn every_written_form_of_a_person_is_the_same_subject((birth, ten) in born()) {
        let (front, last) = ten.split_at(6);
        let subject = person(&format!("{}{ten}", century(birth))).unwrap();
        prop_assert_eq!(subject.full(), format!("{}{front}-{last}", century(birth)));
        let under = TODAY.year() - birth.year() < 100;
        let sign = if under { '-' } else { '+' };
        let forms = [
            format!("{front}{sign}{last}"),
            format!("{} {front} {last}", century(birth)),
            format!("{}{front}-{last}", century(birth)),
            format!("{}{front}{sign}{last}", century(birth)),
        ];
        for text in forms {
            prop_assert_eq!(person(&text), Ok(subject.clone()), "{}", text);
        }
        if under {
            let assumed = Subject::parse(&ten, assuming(AcceptKind::Person), TODAY);
            prop_assert_eq!(assumed, Ok(subject));
        }
    }

    #[test]
    fn any_text_is_read_or_refused_in_words(text in any::<String>(), kind in 0..3_usize, flags: (bool, bool)) {
        let kind = [AcceptKind::Organisation, AcceptKind::Person, AcceptKind::Any][kind];
        let accept = Accept { kind, sole_traders: flags.0, assume_under_100: flags.1 };
        if let Err(error) = Subject::parse(&text, accept, TODAY) {
            prop_assert!(!has_four_digits_in_a_row(&error.0));
        }
    }

    #[test]
    fn a_reason_holds_no_digit(text in "(SE|16|19|20)?[0-9]{0,13}[-+.,E]?[0-9]{0,5}", kind in 0..3_usize) {
        let kind = [AcceptKind::Organisation, AcceptKind::Person, AcceptKind::Any][kind];
        if let Err(error) = Subject::parse(&text, accept(kind), TODAY) {
            let words = error.0.replace("assume-under-100", "");
            prop_assert!(!words.contains(|c: char| c.is_ascii_digit()), "{}", words);
        }
    }
}
