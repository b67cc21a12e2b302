//! In which encoding a text is written: UTF-8, else Windows-1252, which is what older Swedish programs write.
//!
//! Every byte is some character in Windows-1252, so a text of another page (MS-DOS, old Macs, UTF-8 that was cut to
//! pieces) reads as one too, with signs where letters belong: `MalmÃ¶`, `V„ster†s`. What no Swede writes is told, and
//! nothing is read on: what is bought for such a file would stand beside names that nobody can read.

use super::InputError;
use super::line::Line;
use super::page::Page;
use encoding_rs::WINDOWS_1252;
use std::borrow::Cow;

/// What was seen of a file's encoding so far.
#[derive(Default)]
pub(super) struct Encoding {
    /// The first line with a letter that is rare in Windows-1252 and common in another page.
    rare: Option<u64>,
    /// Whether a line has what is of Windows-1252: letters such as å, ä and ö where it has them, dashes and apostrophes.
    ordinary: bool,
}

/// UTF-8, or else Windows-1252, in which every byte is some character.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => windows_1252(bytes),
    }
}

/// Text of a record that is known not to be UTF-8 as a whole.
pub(super) fn windows_1252(bytes: &[u8]) -> Cow<'_, str> {
    WINDOWS_1252.decode_without_bom_handling(bytes).0
}

impl Encoding {
    /// Looks at a line.
    pub(super) fn note(&mut self, file: &str, line: &Line) -> Result<(), InputError> {
        if line.bytes.is_ascii() || std::str::from_utf8(&line.bytes).is_ok() {
            return Ok(());
        }
        let refused = |page| Err(InputError::Encoding { file: file.to_owned(), line: line.number, page });
        if let Some(page) = nonsense(&line.bytes) {
            return refused(page);
        }
        self.ordinary |= neighbours(&line.bytes).any(|(before, byte, after)| is_telling(before, byte, after));
        if self.rare.is_none() && has_rare_letter(&line.bytes) {
            self.rare = Some(line.number);
        }
        Ok(())
    }

    /// At the end of the file: letters that are rare, and not one that is ordinary, are those of another page.
    pub(super) fn result(&self, file: &str) -> Result<(), InputError> {
        match self.rare {
            Some(line) if !self.ordinary => {
                Err(InputError::Encoding { file: file.to_owned(), line, page: Page::Unknown })
            }
            _ => Ok(()),
        }
    }
}

/// Letters of Windows-1252 as Latin-1 has them too.
const fn is_ordinary(byte: u8) -> bool {
    byte >= 0xc0 && byte != 0xd7 && byte != 0xf7
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
        || is_ordinary(byte)
        || matches!(byte, 0x8a | 0x8c | 0x8e | 0x9a | 0x9c | 0x9e | 0x9f)
}

const fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte >= 0xdf && byte != 0xf7 || matches!(byte, 0x9a | 0x9c | 0x9e)
}

/// What stands between words and cells.
const fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b',' | b'|' | b'"' | 0xa0)
}

const fn is_vowel(byte: u8) -> bool {
    matches!(byte.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y') || is_ordinary(byte)
}

/// Each byte that is not ASCII, and each end of a cell, between its neighbours.
fn neighbours(line: &[u8]) -> impl Iterator<Item = (u8, u8, u8)> {
    let at = |place: Option<usize>| place.and_then(|place| line.get(place)).copied().unwrap_or(b'\n');
    (0..line.len())
        .filter(|place| !line[*place].is_ascii() || matches!(line[*place], b'\t' | b';'))
        .map(move |place| (at(place.checked_sub(1)), line[place], at(Some(place + 1))))
}

/// What a line is that nobody would write in Windows-1252.
fn nonsense(line: &[u8]) -> Option<Page> {
    let mut quotes = Quotes::default();
    for (before, byte, after) in neighbours(line) {
        let (after_letter, before_letter) = (is_letter(before), is_letter(after));
        match byte {
            // `Ã¥`, `Ã¤`, `Ã¶` and their capitals: the two bytes of a letter in UTF-8.
            0xc3 if matches!(after, 0xa5 | 0xa4 | 0xb6 | 0xa9 | 0x85 | 0x84 | 0x96 | 0x89) => {
                return Some(Page::BrokenUtf8);
            }
            // No characters at all: ü, Å, É and Mac's Å among them.
            0x81 if !after_letter && before_letter => return Some(Page::Mac),
            0x81 | 0x8d | 0x8f | 0x90 | 0x9d => return Some(Page::Dos),
            // Low quotes and daggers stand before and after words, not behind a letter: é, ä, å.
            0x82 | 0x84 | 0x86 | 0x87 if after_letter => return Some(Page::Dos),
            0x86 if is_lower(after) => return Some(Page::Dos),
            // Signs within a word: ö, Ö and others.
            0x80 | 0x88 | 0x89 | 0x8b | 0x93 | 0x94 | 0x98 | 0x9b if after_letter && before_letter => {
                return Some(Page::Dos);
            }
            // `Foo™Bar`: no capital follows a small letter within a word.
            0x99 if before_letter && !is_lower(before) => return Some(Page::Dos),
            // Capitals behind small letters, and a currency before one: ä, å, é, Ä.
            0x8a | 0x8c | 0x8e if is_lower(before) => return Some(Page::Mac),
            0x80 if is_lower(after) => return Some(Page::Mac),
            // A quote that closes and was never opened: `Malm”`.
            0x94 if after_letter && !quotes.is_open() => return Some(Page::Dos),
            _ => quotes.note(before, byte, after),
        }
    }
    None
}

/// Quotation marks of a cell that are also letters of another page: „ ä, ” ö, ‚ é. Who quotes closes.
#[derive(Default)]
struct Quotes {
    /// Opened double quotes, and single ones.
    double: u32,
    single: u32,
    /// Whether one that begins a word is still open, or was when its cell ended.
    word: bool,
    left_open: bool,
}

impl Quotes {
    const fn is_open(&self) -> bool {
        self.double > 0
    }

    /// Whether one was opened at a word and never closed.
    const fn is_left_open(&self) -> bool {
        self.left_open || self.word && (self.double > 0 || self.single > 0)
    }

    fn note(&mut self, before: u8, byte: u8, after: u8) {
        match byte {
            b'\t' | b';' => *self = Self { left_open: self.is_left_open(), ..Self::default() },
            0x93 | 0x94 if self.double > 0 && !is_gap(before) => self.double -= 1,
            0x91 | 0x92 if self.single > 0 && !is_letter(after) => self.single -= 1,
            0x93 => self.double += 1,
            // Behind a figure they are inches.
            0x84 | 0x94 if is_gap(before) || !before.is_ascii_alphanumeric() && !is_gap(after) => {
                self.double += 1;
                self.word |= is_letter(after);
            }
            0x82 if is_letter(after) => {
                self.single += 1;
                self.word = true;
            }
            _ => {}
        }
    }
}

/// Whether a letter or a sign stands where Windows-1252 has it now and then, and another page has å, ä, ö, é or ü.
fn has_rare_letter(line: &[u8]) -> bool {
    let mut quotes = Quotes::default();
    let rare = (0..line.len()).filter(|place| !line[*place].is_ascii()).any(|place| is_rare(line, place));
    neighbours(line).for_each(|(before, byte, after)| quotes.note(before, byte, after));
    rare || quotes.is_left_open()
}

fn is_rare(line: &[u8], place: usize) -> bool {
    let at = |place: Option<usize>| place.and_then(|place| line.get(place)).copied().unwrap_or(b'\n');
    let (before, after) = (at(place.checked_sub(1)), at(Some(place + 1)));
    let alone = is_gap(before) && is_gap(after);
    // Behind capitals, and not behind `LEGO`: no Swedish word has an Ö behind a vowel.
    // Nor does anybody's name end in `ABÖ`.
    let legal_form = [" AB", " HB", " KB"].iter().any(|form| line[..place].ends_with(form.as_bytes()));
    let ends_capitals = before.is_ascii_uppercase() && !is_vowel(before) && !legal_form;
    match line[place] {
        // `Škoda` and `Živa` begin with one; ä stands before two consonants or one that no Š stands before, and Ä before one.
        0x8a if is_letter(before) => true,
        0x8a => {
            let second = is_vowel(at(Some(place + 2)));
            !(is_vowel(after) || matches!(after.to_ascii_lowercase(), b'k' | b't' | b'p') && second)
        }
        0x8e => !is_vowel(after),
        0x83 | 0x8c | 0x9a | 0x9c | 0x9e | 0x9f => true,
        // `†Karl`: Mac's Ü.
        0x86 => alone || is_letter(after),
        // `…STERSUND`, `MALM…`, `MALM™`, `€NGELHOLM`, `TR€`.
        0x85 => alone || is_letter(after) || ends_capitals,
        0x99 => alone || ends_capitals,
        0x80 => is_letter(after) || before.is_ascii_uppercase(),
        0x82 | 0x84 | 0x94 => alone,
        _ => false,
    }
}

/// Whether a byte shows that the text is Windows-1252: a letter that is none on an old Mac, an apostrophe or a dash.
fn is_telling(before: u8, byte: u8, after: u8) -> bool {
    match byte {
        // Mac's quotation marks, dashes and dots.
        0xc0 | 0xc1 | 0xc7..=0xca | 0xd0..=0xd5 => false,
        0x92 => is_letter(before) && is_letter(after),
        0x96 | 0x97 => is_gap(before) && is_gap(after) || before.is_ascii_digit() && after.is_ascii_digit(),
        byte => is_ordinary(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(lines: &[&[u8]]) -> Result<(), (u64, Page)> {
        let mut encoding = Encoding::default();
        let lines =
            (1..).zip(lines).map(|(number, bytes)| Line { bytes: bytes.to_vec(), number, cut: false });
        let mut seen: Result<(), InputError> = Ok(());
        for line in lines {
            seen = seen.and_then(|()| encoding.note("f", &line));
        }
        seen.and_then(|()| encoding.result("f")).map_err(|error| match error {
            InputError::Encoding { line, page, .. } => (line, page),
            other => panic!("{other}"),
        })
    }

    /// These letters of a page that encoding_rs does not have.
    fn in_page(text: &str, page: &[(char, u8)]) -> Vec<u8> {
        let byte = |c: char| page.iter().find(|(letter, _)| *letter == c).map(|(_, byte)| *byte);
        text.chars().map(|c| byte(c).unwrap_or_else(|| u8::try_from(c).unwrap())).collect()
    }

    const DOS: [(char, u8); 10] = [
        ('å', 0x86),
        ('ä', 0x84),
        ('ö', 0x94),
        ('Å', 0x8f),
        ('Ä', 0x8e),
        ('Ö', 0x99),
        ('é', 0x82),
        ('ü', 0x81),
        ('É', 0x90),
        ('Ü', 0x9a),
    ];
    const MAC: [(char, u8); 10] = [
        ('å', 0x8c),
        ('ä', 0x8a),
        ('ö', 0x9a),
        ('Å', 0x81),
        ('Ä', 0x80),
        ('Ö', 0x85),
        ('é', 0x8e),
        ('ü', 0x9f),
        ('É', 0x83),
        ('Ü', 0x86),
    ];

    #[test]
    fn swedish_of_other_pages_is_told() {
        for name in [
            "Malmö",
            "Västerås",
            "Ängelholms Järn",
            "Åre",
            "Östersund",
            "Café",
            "Blå Bär AB",
            "Räksmörgås",
            "Göteborg",
            "Håkan",
            "Sjö & Strand",
            "Åkeri",
            "Müller",
        ] {
            for page in [&DOS[..], &MAC] {
                let line = in_page(&format!("5560125790;{name};x\n"), page);
                let told = noted(&[b"orgnr;namn\n", &line]);
                assert!(told.is_err_and(|(line, _)| line == 2), "{name} {told:?}");
            }
        }
    }

    #[test]
    fn one_letter_of_another_page_is_told_wherever_it_stands() {
        let words = [
            "å", "ä", "ö", "é", "ü", "Å", "Ä", "Ö", "É", "Ü", "ån", "äng", "öl", "étage", "über", "Ås",
            "Äng", "Öl", "Étage", "Über", "ÅRE", "ÄNGEL", "ÖREBRO", "ÉTAGE", "ÜBER", "äventyr", "äldre",
            "öppet", "åkeri", "måla", "källa", "böra", "idén", "mülla", "MÅLA", "KÄLLA", "BÖRA", "IDÉN",
            "MÜLLA", "stå", "trä", "sjö", "café", "menü", "STÅ", "TRÄ", "SJÖ", "CAFÉ", "MENÜ",
        ];
        for word in words {
            for (name, page) in [("dos", &DOS[..]), ("mac", &MAC)] {
                // Mac's Ä is the sign of the euro, which stands alone as well.
                if word == "Ä" && name == "mac" {
                    continue;
                }
                for (separator, around) in [(';', ""), ('\t', ""), (',', "\""), (';', "Nya "), (';', "AB ")] {
                    let end = if around == "\"" { "\"" } else { "" };
                    let line =
                        in_page(&format!("5560125790{separator}{around}{word}{end}{separator}x\n"), page);
                    assert!(
                        noted(&[b"orgnr;namn\n", &line]).is_err(),
                        "{name} {word} {separator:?} {around}"
                    );
                    let line = in_page(&format!("5560125790{separator}{around}{word} AB\n"), page);
                    assert!(around == "\"" || noted(&[&line]).is_err(), "{name} {word} AB {separator:?}");
                }
            }
        }
    }

    #[test]
    fn signs_of_windows_1252_are_read_where_no_letter_tells() {
        for text in [
            "Foo™",
            "Foo™ AB",
            "LEGO™",
            "Nordic Steel AB™",
            "Nordic Steel AB…",
            "ACME™ AB",
            "iPod™nano",
            "5 €",
            "5€",
            "€ 5",
            "€",
            "€5",
            "10–12",
            "Nord – Syd",
            "a — b",
            "O’Hara",
            "D’Angelo & Co",
            "”Bar”",
            "Kiosken ”Bar”",
            "”Bar” AB",
            "“Bar”",
            "‘Bar’",
            "„Wort“",
            "„Wort”",
            "‚Wort‘",
            "”Bar, pub”",
            "”Bar.”",
            "”Bar (ny)”",
            "(”Bar”)",
            "”15 kg”",
            "15”",
            "12” x 14”",
            "15” ram",
            "Karl (†1918)",
            "†1918",
            "och mer…",
            "• punkt",
            "Bar®",
            "©2026",
            "Škoda",
            "Štefan",
            "Šime",
            "Živa",
            "ŽELEZO",
            "100 ‰",
            "5° C",
            "§ 5",
            "½",
            "BRAND™ – ny",
            "D’Or BRAND™",
        ] {
            let bytes = WINDOWS_1252.encode(text).0.into_owned();
            for row in ["5560125790;", "5560125790;\"", "5560125790\t"] {
                let end: &[u8] = if row.ends_with('"') { b"\"\n" } else { b"\n" };
                let line = [row.as_bytes(), &bytes, end].concat();
                assert_eq!(noted(&[b"orgnr;namn\n", &line]), Ok(()), "{row}{text}");
            }
        }
    }

    #[test]
    fn utf_8_that_was_cut_to_pieces_is_told() {
        let mut line = "5560125790;Malmö G".as_bytes().to_vec();
        line.extend(b"\xc3;x\n");
        assert_eq!(noted(&[&line]), Err((1, Page::BrokenUtf8)));
    }

    #[test]
    fn what_people_write_in_windows_1252_is_read() {
        for text in [
            "Malmö",
            "Åre – Östersund",
            "Nisses ”Bar” AB",
            "Nisses “Bar” AB",
            "„Wort“ é",
            "O’Hara",
            "5 € per Ü",
            "Škoda",
            "Škoda Åre",
            "Miloš Öl",
            "Foo™ Åre",
            "a…b å",
            "”Å”",
            "15” skärm",
            "Ž–ž å",
            "†1918 Ö",
            "Tromsø",
            "naïve",
            "50 ‰ ö",
            "”Bar” och ”Pub” ö",
        ] {
            let bytes = WINDOWS_1252.encode(text).0.into_owned();
            assert_eq!(noted(&[&bytes]), Ok(()), "{text}");
        }
        let rare = WINDOWS_1252.encode("Miloš").0.into_owned();
        let ordinary = WINDOWS_1252.encode("Öl").0.into_owned();
        assert_eq!(noted(&[&rare, &ordinary]), Ok(()), "the file has ordinary letters as well");
    }
}
