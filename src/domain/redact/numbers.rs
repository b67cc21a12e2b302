//! Where numbers stand among the signs of a text: those that are known, in whatever form, and what looks like one.

use super::super::number::luhn;
use super::glyphs::{Glyph, Sign};
use std::ops::Range;

/// Signs of the same number between which so many others may stand.
const GAPS: usize = 3;
/// The same for a number that is known, which nobody takes for another.
const KNOWN_GAPS: usize = 8;

/// A run of digits of one kind.
struct Group {
    digits: Vec<u8>,
    /// Of glyphs.
    span: Range<usize>,
    /// Whether nothing that anybody sees parts it from the one before: they are one group, unless only one of them is a
    /// number.
    glued: bool,
}

/// The places, in glyphs, of everything that looks like a number.
pub(super) fn suspicious(glyphs: &[Glyph]) -> Vec<Range<usize>> {
    let groups = groups(glyphs);
    let mut found = Vec::new();
    let mut at = 0;
    while at < groups.len() {
        let chain = chain(glyphs, &groups[at..]);
        match longest(glyphs, &groups[at..at + chain]) {
            Some(length) => {
                found.push(groups[at].span.start..groups[at + length - 1].span.end);
                at += length;
            }
            None => at += 1,
        }
    }
    found
}

fn groups(glyphs: &[Glyph]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    // Whether the last group may be gone on with: as it is, or as another that is glued to it.
    let (mut open, mut glued) = (false, false);
    for (at, glyph) in glyphs.iter().enumerate() {
        match glyph.sign {
            Sign::Digit(value) => {
                let alike = at > 0 && glyphs[at - 1].plain == glyph.plain;
                match groups.last_mut() {
                    Some(group) if open && alike => {
                        group.digits.push(value);
                        group.span.end = at + 1;
                    }
                    _ => groups.push(Group { digits: vec![value], span: at..at + 1, glued: open || glued }),
                }
                (open, glued) = (true, false);
            }
            Sign::Hidden => (open, glued) = (false, open || glued),
            _ => (open, glued) = (false, false),
        }
    }
    groups
}

/// How many of these groups stand so close behind one another that they may be one number.
fn chain(glyphs: &[Glyph], groups: &[Group]) -> usize {
    let close = |pair: &[Group]| {
        let between = &glyphs[pair[0].span.end..pair[1].span.start];
        let gaps = between.iter().filter(|glyph| glyph.sign != Sign::Hidden);
        gaps.clone().count() <= GAPS && gaps.clone().all(|glyph| matches!(glyph.sign, Sign::Gap(_)))
    };
    1 + groups.windows(2).take_while(|pair| close(pair)).count()
}

/// Of how many groups, from the first on, the number consists that they may begin with: the fewest that make one.
fn longest(glyphs: &[Glyph], chain: &[Group]) -> Option<usize> {
    let vat = follows_country(&glyphs[..chain[0].span.start]);
    let mut digits = Vec::new();
    let mut sizes: Vec<usize> = Vec::new();
    for (at, group) in chain.iter().enumerate() {
        digits.extend_from_slice(&group.digits);
        match sizes.last_mut() {
            Some(size) if group.glued => *size += group.digits.len(),
            _ => sizes.push(group.digits.len()),
        }
        if digits.len() > 14 {
            return None;
        }
        if may_be(&digits, &sizes, vat) && !is_span_of_days(glyphs, chain, at) {
            return Some(at + 1);
        }
    }
    None
}

/// Whether digits in groups of these sizes may be a number as somebody writes one.
fn may_be(digits: &[u8], sizes: &[usize], vat: bool) -> bool {
    let all = |size: usize| sizes.iter().all(|of| *of == size);
    let plain = match sizes {
        [_] => true,
        [front @ .., 4] => {
            // Years, months and days, and the pairs and threes in which some write.
            matches!(front.iter().sum(), 6 | 8) && front.iter().all(|size| matches!(size, 2 | 3 | 4 | 6 | 8))
        }
        // The check digit on its own.
        [front @ .., 3, 1] => matches!(front.iter().sum(), 6 | 8),
        _ => all(1) || all(2),
    };
    let turned =
        matches!(sizes, [2, 2, 4, 4]) && day_first(digits).is_some_and(|digits| may_be_number(&digits));
    let serial = matches!(sizes, [12] | [10, 2] | [6, 6] | [6, 4, 2]);
    plain && may_be_number(digits) || turned || vat && serial && may_be_vat(digits)
}

/// `18.12.1955-9878` as it would be written with the year first.
fn day_first(digits: &[u8]) -> Option<Vec<u8>> {
    let (day, month, year, last) =
        (digits.get(..2)?, digits.get(2..4)?, digits.get(4..8)?, digits.get(8..12)?);
    Some([year, month, day, last].concat())
}

/// Whether the last four digits are the year of another date, as in `2026-03-01 - 2026-03-31`.
fn is_span_of_days(glyphs: &[Glyph], chain: &[Group], last: usize) -> bool {
    let size = |at: usize| chain.get(at).map_or(0, |group| group.digits.len());
    let dashed =
        |at: usize| matches!(glyphs.get(chain[at].span.end).map(|glyph| glyph.sign), Some(Sign::Gap('-')));
    last >= 3
        && [size(last - 3), size(last)] == [4, 4]
        && [size(last + 1), size(last + 2)] == [2, 2]
        && dashed(last)
}

fn follows_country(before: &[Glyph]) -> bool {
    let mut letters = before.iter().rev().filter(|glyph| glyph.sign != Sign::Hidden).map(|glyph| glyph.sign);
    let mut last = letters.next();
    if matches!(last, Some(Sign::Gap(_))) {
        last = letters.next();
    }
    let is = |sign, letter: char| matches!(sign, Some(Sign::Letter(c)) if c.eq_ignore_ascii_case(&letter));
    is(last, 'e') && is(letters.next(), 's')
}

fn may_be_number(digits: &[u8]) -> bool {
    let ten = match digits {
        [1, 6, ten @ ..] if ten.len() == 10 => return true,
        [1, 8 | 9, ten @ ..] | [2, 0, ten @ ..] if ten.len() == 10 => ten,
        ten => ten,
    };
    ten.len() == 10 && (is_date_shaped(ten) || is_checked(ten))
}

fn may_be_vat(digits: &[u8]) -> bool {
    digits.len() == 12 && is_checked(&digits[..10])
}

/// Whether it begins like a date of birth, also of a samordningsnummer: its day has sixty added, and where the day is not
/// known its month or its day may be nought (Skatteverket).
fn is_date_shaped(ten: &[u8]) -> bool {
    let (month, day) = (ten[2] * 10 + ten[3], ten[4] * 10 + ten[5]);
    let co_ordinated = matches!(day, 60..=91);
    (matches!(month, 1..=12) && matches!(day, 1..=31)) || (co_ordinated && month <= 12)
}

fn is_checked(ten: &[u8]) -> bool {
    let ascii: Vec<u8> = ten.iter().map(|digit| digit + b'0').collect();
    <[u8; 10]>::try_from(ascii).is_ok_and(|ten| luhn(&ten))
}

/// Digits that are known to be somebody's number, in one of the orders in which they are written.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Digits {
    pub(super) digits: Vec<u8>,
    /// Whether they are a number only where no digit stands before or behind them.
    pub(super) alone: bool,
}

/// The places, in glyphs, where such digits stand: also within longer runs, which are then taken whole, and however they are
/// parted by what is neither letter nor digit.
pub(super) fn known(glyphs: &[Glyph], numbers: &[Digits]) -> Vec<Range<usize>> {
    let digits: Vec<(usize, u8)> = glyphs
        .iter()
        .enumerate()
        .filter_map(|(at, glyph)| if let Sign::Digit(value) = glyph.sign { Some((at, value)) } else { None })
        .collect();
    let mut found = Vec::new();
    for number in numbers {
        for (at, window) in digits.windows(number.digits.len().max(1)).enumerate() {
            if number.digits.is_empty() || !window.iter().map(|(_, value)| value).eq(&number.digits) {
                continue;
            }
            if !window.windows(2).all(|pair| are_close(&glyphs[pair[0].0 + 1..pair[1].0])) {
                continue;
            }
            let end = at + window.len();
            let touches = |one: Option<&(usize, u8)>, other: Option<&(usize, u8)>| {
                one.zip(other).is_some_and(|(one, other)| is_one_run(&glyphs[one.0 + 1..other.0]))
            };
            let (mut first, mut last) = (at, end);
            while first > 0 && touches(digits.get(first - 1), digits.get(first)) {
                first -= 1;
            }
            while touches(digits.get(last - 1), digits.get(last)) {
                last += 1;
            }
            if !number.alone || (first, last) == (at, end) {
                found.push(digits[first].0..digits[last - 1].0 + 1);
            }
        }
    }
    found
}

fn are_close(between: &[Glyph]) -> bool {
    let seen = || between.iter().filter(|glyph| glyph.sign != Sign::Hidden);
    seen().count() <= KNOWN_GAPS && seen().all(|glyph| !matches!(glyph.sign, Sign::Letter(_)))
}

fn is_one_run(between: &[Glyph]) -> bool {
    between.iter().all(|glyph| glyph.sign == Sign::Hidden)
}
