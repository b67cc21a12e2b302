//! Text as people and their programs leave it: blanks of every width, marks that nobody sees, letters in one piece or two.

use unicode_normalization::UnicodeNormalization;

/// Characters that show nothing and take no room: byte-order marks, soft hyphens, zero-width blanks and joiners, marks of
/// writing direction. Web pages, mail and spreadsheets leave them around what is copied from them.
pub const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// A column's name as it is compared and shown: without what nobody sees, letters in one piece (NFC), and one plain blank
/// where there are blanks or line breaks of any kind. So a header of two lines is called as it reads.
pub fn column_name(written: &str) -> String {
    let mut name = String::with_capacity(written.len());
    for c in written.chars().filter(|c| !is_invisible(*c)).nfc() {
        match c {
            c if !c.is_whitespace() => name.push(c),
            _ if name.is_empty() || name.ends_with(' ') => {}
            _ => name.push(' '),
        }
    }
    name.truncate(name.trim_end().len());
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_compared_as_they_read() {
        for (written, name) in [
            ("orgnr", "orgnr"),
            ("\u{feff} Org.nr ", "Org.nr"),
            ("Org\u{a0}nr", "Org nr"),
            ("Org\r\nnr", "Org nr"),
            ("Org\u{200b}nr", "Orgnr"),
            ("Org \u{2009}\n nr", "Org nr"),
            ("a\u{30a}ter", "åter"),
            ("o\u{200d}\u{308}l", "öl"),
            ("Org\u{ad}nummer", "Orgnummer"),
            ("\u{200b}\u{a0}", ""),
        ] {
            assert_eq!(column_name(written), name, "{written:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_its_own(written in any::<String>(), blanks in "[ao \u{a0}\u{30a}\u{308}\u{200b}\n]{0,12}") {
            for written in [written, blanks] {
                let once = column_name(&written);
                prop_assert_eq!(column_name(&once), once);
            }
        }
    }
}
