//! Taking rows out of a file that was written before, by the line of the input that they are about. All else stays as it
//! stands, byte for byte.

use csv::{ByteRecord, ReaderBuilder};
use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

/// What stands in front of a csv for Excel.
const MARK: &[u8] = "\u{feff}".as_bytes();
/// The first column of every file, and the first member of every object.
const LINE: &str = "line";

/// Copies an output without the rows of these lines. Returns how many rows were left out; `None` if the file is none that tells
/// the lines of its rows.
pub fn without_lines(
    from: &mut (impl Read + Seek),
    to: &mut impl Write,
    lines: &BTreeSet<u64>,
) -> io::Result<Option<u64>> {
    let mut start = [0; 3];
    let length = read_up_to(from, &mut start)?;
    from.seek(SeekFrom::Start(0))?;
    match &start[..length] {
        [b'[', ..] => objects(BufReader::new(from), to, lines, true),
        [b'{', ..] => objects(BufReader::new(from), to, lines, false),
        start => rows(from, to, lines, if start == MARK { MARK.len() as u64 } else { 0 }),
    }
}

fn read_up_to(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match from.read(&mut buffer[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

/// An object a line, in an array or not.
fn objects(
    from: impl BufRead,
    to: &mut impl Write,
    lines: &BTreeSet<u64>,
    array: bool,
) -> io::Result<Option<u64>> {
    let (mut left_out, mut kept) = (0, 0_u64);
    if array {
        to.write_all(b"[")?;
    }
    for text in from.split(b'\n') {
        let text = text?;
        let row = text.strip_suffix(b",").filter(|_| array).unwrap_or(&text);
        if !row.starts_with(b"{") {
            continue;
        }
        let Some(line) = line_of(row) else { return Ok(None) };
        if lines.contains(&line) {
            left_out += 1;
            continue;
        }
        if array {
            to.write_all(if kept == 0 { b"\n" } else { b",\n" })?;
        }
        to.write_all(row)?;
        if !array {
            to.write_all(b"\n")?;
        }
        kept += 1;
    }
    if array {
        to.write_all(b"\n]\n")?;
    }
    Ok(Some(left_out))
}

/// The line that an object of ours names first.
fn line_of(row: &[u8]) -> Option<u64> {
    let rest = row.strip_prefix(b"{\"line\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// A csv, whose rows go by the places at which they begin: a cell may hold a line break.
fn rows(
    from: &mut (impl Read + Seek),
    to: &mut impl Write,
    lines: &BTreeSet<u64>,
    begins: u64,
) -> io::Result<Option<u64>> {
    from.seek(SeekFrom::Start(begins))?;
    let Some(cuts) = cuts(&mut *from, lines)? else { return Ok(None) };
    from.seek(SeekFrom::Start(0))?;
    let (mut at, left_out) = (0, cuts.len() as u64);
    for (first, end) in cuts {
        let (first, end) = (begins + first, begins + end);
        io::copy(&mut from.by_ref().take(first - at), to)?;
        from.seek(SeekFrom::Start(end))?;
        at = end;
    }
    io::copy(from, to)?;
    Ok(Some(left_out))
}

/// Where the rows of these lines begin and end.
fn cuts(from: impl Read, lines: &BTreeSet<u64>) -> io::Result<Option<Vec<(u64, u64)>>> {
    let mut from = BufReader::new(from);
    let header = from.fill_buf()?;
    let Some(delimiter @ (b',' | b';')) = header.strip_prefix(LINE.as_bytes()).and_then(|rest| rest.first())
    else {
        return Ok(None);
    };
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(*delimiter).from_reader(from);
    let (mut record, mut cuts) = (ByteRecord::new(), Vec::new());
    let mut first = 0;
    let mut is_header = true;
    while reader.read_byte_record(&mut record).map_err(io::Error::other)? {
        let end = reader.position().byte();
        let line = record.get(0).and_then(|cell| std::str::from_utf8(cell).ok()?.parse::<u64>().ok());
        match line {
            _ if is_header => {}
            None => return Ok(None),
            Some(line) if lines.contains(&line) => cuts.push((first, end)),
            Some(_) => {}
        }
        (first, is_header) = (end, false);
    }
    Ok(Some(cuts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn without(text: &str, lines: &[u64]) -> Option<(String, u64)> {
        let mut to = Vec::new();
        let lines = lines.iter().copied().collect();
        let left_out = without_lines(&mut Cursor::new(text), &mut to, &lines).unwrap()?;
        Some((String::from_utf8(to).unwrap(), left_out))
    }

    #[test]
    fn rows_go_and_all_else_stays_byte_for_byte() {
        let csv = "line,subject,text\r\n2,a,\"one\r\n3,two\"\r\n3,b,\"x\"\"y\"\r\n3,b,z\r\n4,c,\r\n";
        let jsonl = "{\"line\":2,\"a\":\"3\"}\n{\"line\":3,\"a\":1}\n{\"line\":13}\n";
        let json = "[\n{\"line\":2},\n{\"line\":3,\"a\":[1,{}]},\n{\"line\":4}\n]\n";
        for (text, lines, left, count) in [
            (csv, &[3][..], "line,subject,text\r\n2,a,\"one\r\n3,two\"\r\n4,c,\r\n", 2),
            (csv, &[2, 4], "line,subject,text\r\n3,b,\"x\"\"y\"\r\n3,b,z\r\n", 2),
            (csv, &[9], csv, 0),
            (jsonl, &[3], "{\"line\":2,\"a\":\"3\"}\n{\"line\":13}\n", 1),
            (json, &[4], "[\n{\"line\":2},\n{\"line\":3,\"a\":[1,{}]}\n]\n", 1),
            (json, &[2, 3, 4], "[\n]\n", 3),
            ("line,subject\r\n", &[2], "line,subject\r\n", 0),
        ] {
            assert_eq!(without(text, lines), Some((left.to_owned(), count)), "{text} {lines:?}");
        }
        let excel = format!("\u{feff}{}", csv.replace(',', ";"));
        let (left, count) = without(&excel, &[2]).unwrap();
        assert_eq!(
            (left.as_str(), count),
            ("\u{feff}line;subject;text\r\n3;b;\"x\"\"y\"\r\n3;b;z\r\n4;c;\r\n", 1)
        );
    }

    #[test]
    fn a_file_that_does_not_tell_its_lines_is_left() {
        for text in ["", "subject,line\r\na,2\r\n", "line\r\n", "{\"a\":1}\n", "line,a\r\nx,b\r\n"] {
            assert_eq!(without(text, &[2]), None, "{text}");
        }
    }
}
