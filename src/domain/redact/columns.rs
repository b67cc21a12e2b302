//! Names of columns as a message may list them: a file without a header has somebody's name where one belongs.

use super::scrub;

/// More names than this are not listed.
const LISTED: usize = 30;

/// Of what the names of columns are made, in Swedish and in English. A name of which every word is made of these is a name of
/// a column; any other may be somebody's, and the person who has the file can look into it.
const WORDS: [&str; 154] = [
    "account",
    "active",
    "adr",
    "adress",
    "address",
    "age",
    "aktiv",
    "amount",
    "anm",
    "anst",
    "anstallda",
    "ansvarig",
    "ar",
    "avtal",
    "balance",
    "bank",
    "belopp",
    "besk",
    "beskrivning",
    "birth",
    "bolag",
    "bolags",
    "bransch",
    "branch",
    "category",
    "cell",
    "city",
    "co",
    "code",
    "column",
    "comment",
    "commune",
    "company",
    "contact",
    "cost",
    "count",
    "country",
    "county",
    "credit",
    "currency",
    "customer",
    "customers",
    "cust",
    "date",
    "datum",
    "day",
    "decision",
    "department",
    "description",
    "district",
    "elapsed",
    "email",
    "employees",
    "end",
    "ext",
    "extern",
    "external",
    "fakt",
    "faktura",
    "fakturanr",
    "firma",
    "firm",
    "first",
    "form",
    "foretag",
    "foretags",
    "fornamn",
    "from",
    "full",
    "fodelse",
    "gata",
    "gatuadress",
    "grupp",
    "group",
    "id",
    "identity",
    "ident",
    "identifier",
    "industry",
    "info",
    "input",
    "intern",
    "internal",
    "invoice",
    "juridisk",
    "kategori",
    "kod",
    "kolumn",
    "kommentar",
    "kommun",
    "konto",
    "kontakt",
    "kost",
    "kostnad",
    "kredit",
    "kund",
    "kunder",
    "kundnr",
    "lan",
    "land",
    "last",
    "leverantor",
    "limit",
    "line",
    "mail",
    "mobil",
    "mobile",
    "moms",
    "name",
    "namn",
    "no",
    "note",
    "notes",
    "nr",
    "num",
    "number",
    "nummer",
    "omsattning",
    "org",
    "organisation",
    "organisations",
    "organization",
    "ort",
    "owner",
    "pers",
    "person",
    "phone",
    "postal",
    "postnr",
    "post",
    "price",
    "pris",
    "rad",
    "ref",
    "reference",
    "referens",
    "region",
    "risk",
    "row",
    "saldo",
    "score",
    "sek",
    "sni",
    "ssn",
    "status",
    "telefon",
    "tel",
    "text",
    "tkr",
    "turnover",
    "type",
    "typ",
    "vat",
    "zip",
];

/// The names, as many as may be shown, and how many more there are.
pub fn column_names(names: &[String]) -> String {
    let known: Vec<String> =
        names.iter().filter(|name| is_of_column(name)).take(LISTED).map(|name| format!("`{name}`")).collect();
    let more = names.len() - known.len();
    match (known.is_empty(), more) {
        (true, 0) => "none".to_owned(),
        (true, more) => format!("{more}, whose names are not shown, since they may be no names of columns"),
        (false, 0) => known.join(", "),
        (false, more) => format!("{} and {more} more", known.join(", ")),
    }
}

/// Whether a name is one that a column has, and no person.
pub fn is_of_column(name: &str) -> bool {
    /// Nobody's whole name is as short.
    const SHORT: usize = 2;
    let words = words(name);
    let short = name.chars().count() <= SHORT;
    !words.is_empty() && (short || words.iter().all(|word| is_made_of_words(word))) && scrub(name) == name
}

/// The words of a name: parted by what is no letter, and by capitals within (`customerId`).
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let new = !c.is_alphabetic() || c.is_uppercase() && before.is_lowercase();
        if new {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphabetic(), words.last_mut()) {
            word.extend(c.to_lowercase().map(plain));
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn plain(c: char) -> char {
    match c {
        'å' | 'ä' => 'a',
        'ö' => 'o',
        'é' => 'e',
        c => c,
    }
}

/// Whether a word is one of the list, or several of them written as one (`orgnummer`), perhaps with an s or an n at its end.
fn is_made_of_words(word: &str) -> bool {
    let mut reached = vec![false; word.len() + 1];
    reached[0] = true;
    for at in 0..word.len() {
        if !reached[at] || !word.is_char_boundary(at) {
            continue;
        }
        for known in WORDS {
            if word[at..].starts_with(known) {
                reached[at + known.len()] = true;
            }
        }
    }
    let ending = |ending: &str| word.strip_suffix(ending).is_some_and(|front| reached[front.len()]);
    reached[word.len()] || ["s", "n", "en", "et", "er", "ar"].into_iter().any(ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_are_told_from_names_of_people() {
        for name in [
            "orgnr",
            "Org.nr",
            "ORGNR",
            "org_nr",
            "Organisationsnummer",
            "organisation_number",
            "Personnummer",
            "Kundnr",
            "customer_id",
            "customerId",
            "Namn",
            "Företagsnamn",
            "Omsättning",
            "last_decision",
            "Omsättning, tkr",
            "kund",
            "a",
            "b1",
            "Telefonnummer",
            "Adress",
            "Postort",
            "Belopp (SEK)",
        ] {
            assert!(is_of_column(name), "{name}");
        }
        for name in [
            "Anna Andersson",
            "Ingrid",
            "Roland",
            "Jorge",
            "Nils-Erik Öst",
            "Storgatan 12",
            "Bo Ek",
            "Sven",
            "556012-5790",
            "Syntetiska Bolaget AB",
            "",
            "1955-12-18-9878",
            "Anna",
            "\u{1b}[31mnamn\u{1b}[0m x",
        ] {
            assert!(!is_of_column(name), "{name}");
        }
    }

    #[test]
    fn what_is_not_shown_is_counted() {
        let names =
            |names: &[&str]| column_names(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&["orgnr", "Anna Andersson"]), "`orgnr` and 1 more");
        assert!(names(&["Anna Andersson", "Storgatan"]).starts_with("2, whose names are not shown"));
        assert_eq!(names(&[]), "none");
        let many: Vec<String> = (0..40).map(|at| format!("kol{at} nr")).collect();
        assert!(column_names(&many).starts_with("40, whose"));
        let many: Vec<String> = (0..40).map(|at| format!("nr {at}")).collect();
        assert!(column_names(&many).ends_with("and 10 more"));
    }
}
