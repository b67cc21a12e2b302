//! What a text seems to be written in, where it is neither UTF-8 nor Windows-1252.

/// A page that a text seems to be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// UTF-8, with bytes in it that are none.
    BrokenUtf8,
    /// 437 or 850.
    Dos,
    /// Mac Roman.
    Mac,
    /// One of those.
    Unknown,
}

impl Page {
    /// What it is, and how to make UTF-8 of it.
    pub(super) const fn remedy(self) -> &'static str {
        match self {
            Self::BrokenUtf8 => {
                "it is UTF-8 in places, and letters of it were cut to pieces; have it written anew as UTF-8"
            }
            Self::Dos => {
                "it seems to come from MS-DOS (code page 850 or 437); save it as UTF-8, for example with `iconv -f CP850 \
                 -t UTF-8`"
            }
            Self::Mac => {
                "it seems to come from an old Mac (Mac Roman); save it as UTF-8, for example with `iconv -f MACINTOSH -t \
                 UTF-8`"
            }
            Self::Unknown => {
                "it seems to come from MS-DOS or an old Mac; save it as UTF-8, for example with `iconv -f CP850 -t UTF-8` \
                 or `iconv -f MACINTOSH -t UTF-8`"
            }
        }
    }
}
