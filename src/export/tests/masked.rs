//! Outputs that hide whose rows they hold.

use super::*;
use AcceptKind::{Any, Organisation, Person};

#[test]
fn numbers_are_masked_everywhere_when_asked() {
    let world = World::new(&["report", "changes"]);
    let body = format!(
        r#"{{"report":{{"id":"{PERSON}","n":{PERSON},"deep":[{{"owner":"{PERSON}"}}],"by":{{"{PERSON}":1}}}}}}"#
    );
    let mut lookup = answered(Outcome::Hit, &body);
    lookup.text = Some(format!("about {PERSON}"));
    let input = "1890-01019802 Anna".to_owned();
    let bad = Err(BadRow { input, reason: "no number".to_owned(), damaged: false });
    let records = [record(2, Ok(person()), PERSON, vec![lookup; 2]), record(3, bad, "", Vec::new())];
    for subject in [SubjectForm::Masked, SubjectForm::Digest] {
        for (name, shape) in [("x.csv", Shape::Long), ("x.csv", Shape::Wide), ("x.jsonl", Shape::Long)] {
            let columns = Some(vec![column("id", "/report/id", Some("report"))]);
            for columns in [columns, None] {
                let output = Output { subject, columns, ..world.output(name, shape) };
                let written = world.export(&[output], &records).unwrap();
                // Whether a key inside a JSON cell is masked is for `scrub_json` to decide.
                let text = fs::read_to_string(&written[0].path).unwrap();
                let text = text.replace(&format!("{{\"{PERSON}\":1}}"), "");
                assert!(!text.contains("9802") && !text.contains("890101"), "{text}");
                assert!(!format!("{written:?}").contains(PERSON));
                let rejects = fs::read_to_string(world.path("x.rejects.csv")).unwrap();
                assert_eq!(rejects, "line,input,reason\n3,****-******** ****,no number\n");
            }
        }
    }
    let digest = Output { subject: SubjectForm::Digest, ..world.output("x.csv", Shape::Wide) };
    // Of twelve digits, whichever way the number was written.
    let expected = format!("\n2,{},", KEY.hex("subject", &[PERSON]));
    assert!(world.text(&digest, &records).contains(&expected));
}

#[test]
fn a_number_has_one_digest_whichever_way_it_was_written() {
    let accept = |kind| Accept { kind, sole_traders: true, assume_under_100: false };
    let world = World::new(&["report"]);
    let digest = |text: &str, kind| {
        let subject = Subject::parse(text, accept(kind), date(2026, 3, 1)).unwrap();
        let output = Output { subject: SubjectForm::Digest, ..world.output("x.csv", Shape::Wide) };
        let text = world.text(&output, &[record(2, Ok(subject), "", vec![ended(Outcome::NoHit)])]);
        text.lines().nth(1).unwrap().split(',').nth(1).unwrap().to_owned()
    };
    for (kind, forms) in [
        (
            Organisation,
            &["5560125790", "556012-5790", "165560125790", "SE556012579001", "=\"5560125790\""][..],
        ),
        (Organisation, &["8001010001", "800101-0001", "800101 0001", "19800101-0001", "SE800101000101"]),
        (Organisation, &["8001600009", "800160-0009", "19800160-0009"]),
    ] {
        let first = digest(forms[0], kind);
        assert!(first.len() == 32, "{first}");
        assert!(forms.iter().all(|form| digest(form, kind) == first), "{forms:?}");
    }
    for kind in [Person, Any] {
        assert_eq!(digest("19800101-0001", kind), digest("8001010001", Organisation), "also in another job");
    }
    assert_ne!(digest("800101+0001", Person), digest("800101-0001", Person), "a hundred years apart");
}

#[test]
fn a_masked_output_holds_the_number_in_no_field_and_no_form() {
    let forms = [
        "189001019802",
        "1890-01-01-9802",
        "18900101.9802",
        "1890\u{200b}0101\u{a0}-\u{a0}9802",
        "18900101\n9802",
        "１８９００１０１９８０２",
        "18900101%2D9802",
        "SE900101980201",
        "x00000189001019802y",
    ];
    let body = serde_json::json!({
        "report": { "list": forms, "SE900101980201": 1, "n": 189_001_019_802_u64, "e": 9.001_019_802e9, "other": "5560125790" },
    });
    for subject in [SubjectForm::Masked, SubjectForm::Digest] {
        for (form, name, shape) in forms.iter().flat_map(|form| {
            ["a.csv", "b.json", "c.jsonl"]
                .into_iter()
                .flat_map(move |name| [Shape::Long, Shape::Wide].map(|shape| (*form, name, shape)))
        }) {
            let world = World::new(&["report"]);
            let lookup = LookupRecord {
                outcome: Some(Outcome::Hit),
                code: Some(form.to_owned()),
                text: Some(form.to_owned()),
                log_id: Some(form.to_owned()),
                source: Some(Source::Bought),
                body: Some(body.to_string().into_bytes()),
                ..LookupRecord::default()
            };
            let columns = vec![form.to_owned(), form.to_owned()];
            let good = Subject::from_stored(PERSON, Kind::Person).unwrap();
            let record = |subject, lookups| Record { line: 2, subject, columns: columns.clone(), lookups };
            let bad = BadRow {
                input: form.to_owned(),
                reason: "the check digit is wrong".to_owned(),
                damaged: false,
            };
            let records = [record(Ok(good), vec![lookup]), record(Err(bad), Vec::new())];
            let mut outputs = vec![Output { subject, ..world.output(name, shape) }];
            outputs.push(Output {
                columns: Some(vec![column("n", "/report/n", Some("report"))]),
                ..outputs[0].clone()
            });
            outputs[1].path = world.path("chosen.csv");
            outputs[1].format = Format::Csv;
            world.export(&outputs, &records).unwrap();
            for file in world.files() {
                let text = fs::read_to_string(world.path(&file)).unwrap();
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                for number in ["9001019802", "5560125790", "9802", "９８０２"] {
                    let found = text.contains(number) || number.len() == 10 && digits.contains(number);
                    assert!(!found, "{form:?} in {file}: {text}");
                }
            }
        }
    }
}
