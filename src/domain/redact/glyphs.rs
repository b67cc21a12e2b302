//! A text as somebody sees it who looks for a number: digits of any script and in any escape, what may part them, and what
//! nobody sees at all.

/// What stands at a place of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// A digit, by its value.
    Digit(u8),
    /// What parts the groups of a number as people write it: a blank, a line break, a dash, a point, a slash.
    Gap(char),
    /// What takes no room: zero-width characters, marks of direction, soft hyphens, other controls.
    Hidden,
    /// A letter.
    Letter(char),
    /// Anything else.
    Other(char),
}

/// A sign and the characters that make it, which are several where it is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Glyph {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) sign: Sign,
    /// Whether it is a character of ASCII that stands for itself.
    pub(super) plain: bool,
}

/// The zeros of the scripts that have digits of their own, each with nine digits after it (Unicode 14, general category Nd).
const ZEROS: [u32; 66] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
    0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
    0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066,
    0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950,
    0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6,
    0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// Names of HTML for what parts a number, or hides in one.
const ENTITIES: [(&str, Sign); 13] = [
    ("nbsp", Sign::Gap('\u{a0}')),
    ("ensp", Sign::Gap(' ')),
    ("emsp", Sign::Gap(' ')),
    ("thinsp", Sign::Gap(' ')),
    ("hyphen", Sign::Gap('-')),
    ("dash", Sign::Gap('-')),
    ("ndash", Sign::Gap('-')),
    ("mdash", Sign::Gap('-')),
    ("minus", Sign::Gap('-')),
    ("plus", Sign::Gap('+')),
    ("shy", Sign::Hidden),
    ("zwnj", Sign::Hidden),
    ("zwj", Sign::Hidden),
];

/// Escapes within escapes that are looked through, as in `%252D`.
const DEPTH: usize = 3;

/// Fewer digits are nobody's number, and stand in ordinary texts too.
pub(super) const FEWEST: usize = 6;

/// Whether there may be a number in a text at all: most texts hold too few digits, and are not looked at further.
pub(super) fn may_hold_number(text: &str) -> bool {
    let bytes = text.bytes();
    let digits = bytes.filter(|byte| byte.is_ascii_digit() || !byte.is_ascii()).count();
    digits >= FEWEST
}

/// Whether there may be escapes in a text, so that it can be read in two ways.
pub(super) fn may_hold_escapes(chars: &[char]) -> bool {
    chars.iter().any(|c| matches!(c, '%' | '\\' | '&'))
}

/// The signs of a text, with its escapes read for what they stand for, or as they are: `%5560125790` is a letter and eight
/// digits, or a sign and a number.
pub(super) fn read(chars: &[char], escapes: bool) -> Vec<Glyph> {
    let mut glyphs = Vec::with_capacity(chars.len());
    let mut at = 0;
    while at < chars.len() {
        let escaped = if escapes { escaped(chars, at) } else { None };
        let (sign, end) = escaped.unwrap_or_else(|| (sign(chars[at]), at + 1));
        let plain = end == at + 1 && chars[at].is_ascii();
        glyphs.push(Glyph { start: at, end, sign, plain });
        at = end;
    }
    glyphs
}

fn sign(c: char) -> Sign {
    if let Some(value) = digit(c) {
        return Sign::Digit(value);
    }
    match c {
        '-' | '+' | '.' | '/' | '_' | '·' | '~' => Sign::Gap(c),
        // Dashes of every length, the minus, and the full-width signs.
        '\u{2010}'..='\u{2015}'
        | '\u{2212}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{ff0d}'
        | '\u{58a}'
        | '\u{2e3a}'
        | '\u{2e3b}'
        | '\u{301c}'
        | '\u{3030}'
        | '\u{2022}'
        | '\u{2044}' => Sign::Gap('-'),
        '\u{ff0b}' => Sign::Gap('+'),
        '\u{ff0e}' | '\u{2024}' => Sign::Gap('.'),
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{20e3}'
        | '\u{300}'..='\u{36f}'
        | '\u{e0000}'..='\u{e01ff}' => Sign::Hidden,
        // Blanks that some programs write and Unicode does not count among the white ones.
        '\u{2800}' | '\u{3164}' | '\u{ffa0}' => Sign::Gap(' '),
        c if c.is_whitespace() => Sign::Gap(c),
        c if c.is_control() => Sign::Hidden,
        c if c.is_alphabetic() => Sign::Letter(c),
        c => Sign::Other(c),
    }
}

fn digit(c: char) -> Option<u8> {
    let code = u32::from(c);
    if code < 0x80 {
        return u8::try_from(c.to_digit(10)?).ok();
    }
    let raised = match c {
        '\u{b9}' => Some(1),
        '\u{b2}' => Some(2),
        '\u{b3}' => Some(3),
        '\u{2070}' | '\u{2080}' | '\u{24ea}' => Some(0),
        '\u{2074}'..='\u{2079}' => Some(code - 0x2070),
        '\u{2081}'..='\u{2089}' => Some(code - 0x2080),
        '\u{2460}'..='\u{2468}' => Some(code - 0x2460 + 1),
        _ => None,
    };
    let of_script = || ZEROS.iter().find_map(|zero| code.checked_sub(*zero).filter(|value| *value < 10));
    raised.or_else(of_script).and_then(|value| u8::try_from(value).ok())
}

/// The sign that an escape stands for, and where it ends: `%2D`, `%E2%80%8B`, `%252D`, `\u002d`, `&#45;`, `&#x2d;`, `&nbsp;`.
fn escaped(chars: &[char], at: usize) -> Option<(Sign, usize)> {
    match chars[at] {
        '%' => percent(chars, at),
        '\\' => {
            let rest = chars.get(at + 1..)?;
            match rest.first()? {
                'u' => Some((sign(char::from_u32(hex(rest.get(1..5)?)?)?), at + 6)),
                'x' => Some((sign(char::from_u32(hex(rest.get(1..3)?)?)?), at + 4)),
                'n' | 'r' | 't' => Some((Sign::Gap('\n'), at + 2)),
                _ => None,
            }
        }
        '&' => entity(chars, at),
        _ => None,
    }
}

/// One character of UTF-8 in percent escapes, each of which may be escaped again.
fn percent(chars: &[char], at: usize) -> Option<(Sign, usize)> {
    let (first, mut end) = percent_byte(chars, at)?;
    let length = match first {
        0..=0x7f => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    let mut bytes = vec![first];
    while bytes.len() < length
        && let Some((byte, behind)) = percent_byte(chars, end)
    {
        bytes.push(byte);
        end = behind;
    }
    let c = std::str::from_utf8(&bytes).ok()?.chars().next()?;
    Some((sign(c), end))
}

fn percent_byte(chars: &[char], at: usize) -> Option<(u8, usize)> {
    let mut from = at + usize::from(chars.get(at) == Some(&'%'));
    if from == at {
        return None;
    }
    for _ in 0..DEPTH {
        if chars.get(from..from + 2)? == ['2', '5'] && chars.get(from + 2..from + 4).and_then(hex).is_some() {
            from += 2;
        }
    }
    let byte = hex(chars.get(from..from + 2)?)?;
    Some((u8::try_from(byte).ok()?, from + 2))
}

fn entity(chars: &[char], at: usize) -> Option<(Sign, usize)> {
    /// The longest name, and the longest number with its signs.
    const LONGEST: usize = 10;
    let rest = chars.get(at + 1..)?;
    let length = rest.iter().take(LONGEST).position(|c| *c == ';')?;
    let name: String = rest[..length].iter().collect();
    let end = at + length + 2;
    let code = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        },
        None => return Some((ENTITIES.iter().find(|(known, _)| *known == name)?.1, end)),
    };
    Some((sign(char::from_u32(code?)?), end))
}

fn hex(chars: &[char]) -> Option<u32> {
    let value = |sum: u32, c: &char| Some(sum * 16 + c.to_digit(16)?);
    chars.iter().try_fold(0, value)
}
