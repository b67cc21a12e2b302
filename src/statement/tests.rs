use super::*;
use crate::domain::money::Ore;
use cells::AmountError;
use proptest::prelude::*;

const NONE: ColumnNames =
    ColumnNames { date: None, reference: None, log_id: None, service: None, amount: None, currency: None };

fn read(text: &[u8], names: &ColumnNames) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("march.csv");
    std::fs::write(&path, text).unwrap();
    let mut statement = Statement::open(&path, names).map_err(|error| error.to_string())?;
    let mut told = Vec::new();
    loop {
        let page = statement.page(2).map_err(|error| error.to_string())?;
        if page.is_empty() {
            return Ok(told);
        }
        told.extend(page.iter().map(|line| {
            let reference = line.reference.as_deref().or(line.log_id.as_deref()).unwrap_or("-");
            format!("{} {} {reference} {} {}", line.line, line.day, line.service, line.amount)
        }));
    }
}

#[test]
fn statements_in_many_hands() {
    let table: [(&[u8], &str); 5] = [
        (b"date,transactionid,service,amount\n2026-03-01,op1,getdata,3.20\n", "2 2026-03-01 op1 getdata 3.20"),
        (
            b"\xef\xbb\xbfDatum;Er referens;Tj\xc3\xa4nst;Belopp (SEK)\r\n20260301;op1;GetData;\"1 250,00 kr\"\r\n",
            "2 2026-03-01 op1 GetData 1250.00",
        ),
        (b"Datum;Referens;Tj\xe4nst;Pris\n2026-03-01 02:30:05;op1;Best\xe4llning;3,2\n", "2 2026-03-01 op1 Best\u{e4}llning 3.20"),
        (b"timestamp\tapiLogId\tproduct\tprice\tvaluta\n2026-03-01T02:30:05Z\t4711\tx\t3\tSEK\n", "2 2026-03-01 4711 x 3.00"),
        (b"\ndate,ref,service,amount\n\n2026-03-01,,\"a, b\",\"3,20\"\n", "4 2026-03-01 - a, b 3.20"),
    ];
    for (text, expected) in table {
        assert_eq!(read(text, &NONE).unwrap(), [expected], "{}", String::from_utf8_lossy(text));
    }
    let names = ColumnNames { date: Some("When".to_owned()), reference: Some("Id".to_owned()), ..NONE };
    let named = read(b"When,Date,Id,Service,Amount\n2026-03-01,never,op1,x,1\n", &names);
    assert_eq!(named.unwrap(), ["2 2026-03-01 op1 x 1.00"]);
}

#[test]
fn what_is_not_clear_is_told_with_its_line_and_without_what_stands_there() {
    let head = "date,transactionid,service,amount\n2026-03-01,op1,x,3.20\n";
    for (line, words) in [
        ("2026-03-01,op2,x,19800101-0001", "not money"),
        ("2026-03-01,op2,x,", "not money"),
        ("2026-03-01,op2,x,\"1,250\"", "not money"),
        ("2026-03-01,op2,x,3.205", "not money"),
        ("2026-03-01,op2,x,EUR 3.20", "not in SEK"),
        ("2026-03-01,op2,x,-3.20", "negative"),
        ("2026-03-01,op2,x,99999999999999", "larger"),
        ("2026-13-01,op2,x,3.20", "date"),
        ("198001010001,op2,x,3.20", "date"),
        ("2026-03-01;op2;x;3.20", "1 cell, where the header has 4"),
        ("2026-03-01,op2,x,3,20", "5 cells, where the header has 4"),
    ] {
        let error = read(format!("{head}{line}\n").as_bytes(), &NONE).unwrap_err();
        assert!(error.contains("march.csv: line 3: ") && error.contains(words), "{line}: {error}");
        assert!(!error.contains("0001"), "{line}: {error}");
    }
    for (text, words) in [
        ("when,transactionid,service,amount\n", "--date"),
        ("date,who,service,amount\n", "transactionid or apiLogId: name it with --reference"),
        ("date,transactionid,what,amount\n", "--service"),
        ("date,transactionid,service,value\n", "`amount` in [providers.NAME.invoice]; there are `date`"),
        ("date;transactionid;service,amount\n", "--service"),
        ("date,date,transactionid,service,amount\n", "2 columns are called `date`"),
        ("date,transactionid,service,Amount SEK,valuta\n2026-03-01,op1,x,1,EUR\n", "line 2: the currency"),
        ("19800101-0001,op1,x,1\n", "numbers where the names"),
        ("", "empty"),
    ] {
        let error = read(text.as_bytes(), &NONE).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
    let named = ColumnNames { amount: Some("Total EUR".to_owned()), ..NONE };
    let text = b"date,transactionid,service,Total EUR\n";
    assert!(read(text, &named).unwrap_err().contains("`Total EUR` is not in SEK"));
    let named = ColumnNames { amount: Some("Belop".to_owned()), ..NONE };
    assert!(read(text, &named).unwrap_err().contains("no columns are called `Belop`"));
}

#[test]
fn amounts_that_can_be_read_in_one_way() {
    for (text, ore) in [
        ("0", 0),
        ("3,2", 320),
        ("3.20 kr", 320),
        ("SEK 3,20", 320),
        ("1250", 125_000),
        ("1 250,5", 125_050),
        ("1\u{a0}250,50", 125_050),
        ("1.250,50", 125_050),
        ("1,250.50", 125_050),
        ("1.250.000", 125_000_000),
        ("3,20 kr.", 320),
    ] {
        assert_eq!(amount(text), Ok(Ore::new(ore)), "{text}");
    }
    for text in [
        "",
        "kr",
        "x",
        "3,",
        ",5",
        "3..2",
        "1,25,0",
        "12 50,00",
        "1 250.000,5",
        "1.250,000",
        "3,20,",
        "1-2",
        "--3",
    ] {
        assert_eq!(amount(text), Err(AmountError::NotMoney), "{text}");
    }
    for text in ["3,20 €", "$3.20", "3.20 NOK", "EUR3"] {
        assert_eq!(amount(text), Err(AmountError::NotSek), "{text}");
    }
}

proptest! {
    /// However an amount is written out, it is read as itself.
    #[test]
    fn written_amounts_are_read_as_they_were(ore in 0..100_000_000_000_u64, form in 0..4_usize) {
        let plain = Ore::new(ore).to_string();
        let (whole, part) = plain.split_once('.').unwrap();
        let (group, mark) = [("", "."), (" ", ","), (".", ","), (",", ".")][form];
        let mut written = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                written.push_str(group);
            }
            written.push(digit);
        }
        written = format!("{written}{mark}{part}");
        prop_assert_eq!(amount(&written), Ok(Ore::new(ore)), "{}", written);
    }

    #[test]
    fn no_cell_breaks_the_reader(text in "\\PC{0,12}") {
        let _ = (amount(&text), day(&text));
    }
}
