//! The date of birth in a personnummer or samordningsnummer, and which century it belongs to.

use jiff::civil::Date;

/// The oldest age that is believed, in years. It is more than anyone has lived to, because files of customers go back
/// further than their customers do, and registers answer about the dead: numbers of the 1880s are in use, among them
/// Skatteverket's test numbers. Beyond it the century is a slip.
const OLDEST: i16 = 150;

/// The six digits of a birth: the century is not among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Birth {
    /// Of the century, 0 to 99.
    year: i16,
    month: i8,
    day: i8,
}

/// Why a birth is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BirthFault {
    /// The first two of twelve digits are no century in which people in a register were born.
    NoCentury,
    /// Not a day of the calendar.
    NoDate,
    /// After today.
    Future,
    /// Longer ago than anyone lives.
    TooOld,
    /// Written with `+` beside a century that makes it less than a hundred years.
    NotHundred,
}

impl Birth {
    /// The birth in ten ASCII digits. A samordningsnummer has sixty added to the day (SKV M 2010:3), and month 00 or day 60
    /// where the month or the day is not known (Skatteverket, on samordningsnummer): such a birth counts as the first
    /// that it can be.
    pub(super) fn of(ten: &[u8; 10]) -> Self {
        let pair = |at: usize| i8::try_from((ten[at] - b'0') * 10 + (ten[at + 1] - b'0')).unwrap_or(0);
        let (year, month, day) = (pair(0).into(), pair(2), pair(4));
        if day >= 60 {
            Self { year, month: month.max(1), day: (day - 60).max(1) }
        } else {
            Self { year, month, day }
        }
    }

    /// Whether it is a day of the calendar in any century that counts.
    pub(super) fn exists(self) -> bool {
        [b"18", b"19", b"20"].into_iter().any(|century| self.date_in(*century).is_some())
    }

    /// The date in the century of these two ASCII digits: eighteen, nineteen or twenty.
    pub(super) fn date_in(self, century: [u8; 2]) -> Option<Date> {
        let hundreds = match &century {
            b"18" => 1800,
            b"19" => 1900,
            b"20" => 2000,
            _ => return None,
        };
        self.date(hundreds + self.year)
    }

    /// A century that was written. With `+` the person must have reached the year in which they turn a hundred.
    pub(super) fn check_century(
        self,
        century: [u8; 2],
        plus: bool,
        today: Date,
    ) -> Result<[u8; 2], BirthFault> {
        if !matches!(&century, b"18" | b"19" | b"20") {
            return Err(BirthFault::NoCentury);
        }
        let date = self.date_in(century).ok_or(BirthFault::NoDate)?;
        let date = believed(date, today)?;
        if plus && today.year() - date.year() < 100 { Err(BirthFault::NotHundred) } else { Ok(century) }
    }

    /// The century meant by `-`: the person turns a hundred in a year to come.
    pub(super) fn century_under_100(self, today: Date) -> Result<[u8; 2], BirthFault> {
        self.believed_in(self.newest_year(today), today)
    }

    /// The century meant by `+`: the person has turned, or turns this year, a hundred.
    pub(super) fn century_from_100(self, today: Date) -> Result<[u8; 2], BirthFault> {
        self.believed_in(self.newest_year(today) - 100, today)
    }

    /// The newest century that makes it a day of the calendar that is not to come.
    pub(super) fn newest_century(self, today: Date) -> Result<[u8; 2], BirthFault> {
        self.century_under_100(today).or_else(|newest| match self.century_from_100(today) {
            // What is wrong with the likelier century is the better explanation.
            Err(_) => Err(newest),
            found => found,
        })
    }

    /// This year, or the last one before it, that ends in the two digits.
    fn newest_year(self, today: Date) -> i16 {
        today.year() - (today.year() - self.year).rem_euclid(100)
    }

    fn believed_in(self, year: i16, today: Date) -> Result<[u8; 2], BirthFault> {
        let date = self.date(year).ok_or(BirthFault::NoDate)?;
        believed(date, today)?;
        match year.div_euclid(100) {
            18 => Ok(*b"18"),
            19 => Ok(*b"19"),
            20 => Ok(*b"20"),
            _ => Err(BirthFault::NoCentury),
        }
    }

    fn date(self, year: i16) -> Option<Date> {
        Date::new(year, self.month, self.day).ok()
    }
}

fn believed(date: Date, today: Date) -> Result<Date, BirthFault> {
    if date > today {
        Err(BirthFault::Future)
    } else if today.year() - date.year() > OLDEST {
        Err(BirthFault::TooOld)
    } else {
        Ok(date)
    }
}
