//! Lines of cron: five fields or a word, and the times of day and days that they name.
//!
//! A line knows no zone: it names local times, and `schedule` says when those come. It is read here rather than by a
//! crate because crates differ in just what costs money: which lines they take, and what they do where the clock changes.

mod calendar;

use jiff::civil::{Date, DateTime, Time, date};

/// The words, and the lines that they stand for.
const WORDS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A day that a line names comes within so many years, or never: 29 February on one weekday takes 28, and 40 over a
/// century without a leap day.
const YEARS: i16 = 41;

/// A line of cron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronLine {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both fields of days are given: a day that fits one of them is meant.
    either: bool,
}

/// One of the five fields.
struct Field {
    name: &'static str,
    min: u8,
    max: u8,
    names: &'static [&'static str],
    /// What the first name stands for.
    first: u8,
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", min: 0, max: 59, names: &[], first: 0 },
    Field { name: "hour", min: 0, max: 23, names: &[], first: 0 },
    Field { name: "day of the month", min: 1, max: 31, names: &[], first: 0 },
    Field { name: "month", min: 1, max: 12, names: &MONTHS, first: 1 },
    Field { name: "day of the week", min: 0, max: 7, names: &WEEKDAYS, first: 0 },
];

impl CronLine {
    /// Reads `minute hour day-of-month month day-of-week`, or a word such as `@daily`.
    ///
    /// # Errors
    /// What is wrong with it, for whoever wrote it; also where no day of the calendar fits (30 February).
    pub fn parse(text: &str) -> Result<Self, String> {
        let line = written_out(text)?;
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(format!(
                "a cron line has five fields (minute, hour, day of the month, month, day of the week), and this has {}",
                fields.len()
            ));
        };
        let [minute, hour, day, month, weekday] = &FIELDS;
        let sevens = weekday.bits(weekdays)?;
        let read = Self {
            text: text.trim().to_owned(),
            minutes: minute.bits(minutes)?,
            hours: hour.bits(hours)?,
            days: day.bits(days)?,
            months: month.bits(months)?,
            // Sunday is 0 and 7.
            weekdays: (sevens | sevens >> 7) & 0x7f,
            either: !days.starts_with('*') && !weekdays.starts_with('*'),
        };
        match read.next(date(2000, 1, 1).at(0, 0, 0, 0)) {
            Some(_) => Ok(read),
            None => Err("this never comes: no month that it names has such a day".to_owned()),
        }
    }

    /// The line as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first local time after this one that the line names.
    pub fn next(&self, after: DateTime) -> Option<DateTime> {
        let today = after.date();
        if self.has_day(today)
            && let Some(time) = self.time_after(Some(after.time()))
        {
            return Some(today.to_datetime(time));
        }
        let first = self.time_after(None)?;
        let end = today.year().saturating_add(YEARS);
        let mut day = today;
        loop {
            let month_fits = has(self.months, day.month());
            day = if month_fits { day } else { day.last_of_month() }.tomorrow().ok()?;
            if day.year() > end {
                return None;
            }
            if self.has_day(day) {
                return Some(day.to_datetime(first));
            }
        }
    }

    fn has_day(&self, day: Date) -> bool {
        let by_month = has(self.days, day.day());
        let by_week = has(self.weekdays, day.weekday().to_sunday_zero_offset());
        let fits = if self.either { by_month || by_week } else { by_month && by_week };
        fits && has(self.months, day.month())
    }

    /// The first time of a day after this one, or the first at all.
    fn time_after(&self, after: Option<Time>) -> Option<Time> {
        let (from_hour, from_minute) = after.map_or((0, 0), |time| (time.hour(), time.minute() + 1));
        (from_hour..24).filter(|hour| has(self.hours, *hour)).find_map(|hour| {
            let from = if hour == from_hour { from_minute } else { 0 };
            let minute = (from..60).find(|minute| has(self.minutes, *minute))?;
            Time::new(hour, minute, 0, 0).ok()
        })
    }
}

fn has(bits: u64, number: i8) -> bool {
    bits >> number & 1 == 1
}

fn written_out(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if !text.starts_with('@') {
        return Ok(text);
    }
    let word = WORDS.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
    word.map(|(_, line)| *line).ok_or_else(|| {
        let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
        format!("there is no such word: the words are {}", words.join(", "))
    })
}

impl Field {
    fn bits(&self, text: &str) -> Result<u64, String> {
        text.split(',').try_fold(0, |bits, part| Ok(bits | self.part(part)?))
    }

    /// `*`, `5`, `1-5`, and either of the ranges with a step: `*/10`, `1-30/2`.
    fn part(&self, text: &str) -> Result<u64, String> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (text, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.min, self.max),
            Some(("", _) | (_, "")) => return Err(self.wrong(text, "a range has two ends, such as `1-5`")),
            Some((from, to)) => (self.number(from)?, self.number(to)?),
            None if step.is_some() => {
                return Err(
                    self.wrong(text, "a step stands after `*` or a range, such as `*/10` or `10-50/5`")
                );
            }
            None => {
                let number = self.number(range)?;
                (number, number)
            }
        };
        if from > to {
            return Err(self.wrong(text, "a range runs from the smaller to the larger; write two of them"));
        }
        let step = match step.map(str::parse::<u8>) {
            None => 1,
            Some(Ok(step @ 1..)) if step <= self.max - self.min + 1 => step,
            Some(Ok(1..)) => {
                return Err(self
                    .wrong(text, "the step is longer than the field, so it would come once in each round"));
            }
            Some(_) => return Err(self.wrong(text, "a step is a whole number from 1")),
        };
        Ok((from..=to).step_by(usize::from(step)).fold(0, |bits, number| bits | 1 << number))
    }

    fn number(&self, text: &str) -> Result<u8, String> {
        let named = self.names.iter().zip(self.first..).find(|(name, _)| text.eq_ignore_ascii_case(name));
        if let Some((_, number)) = named {
            return Ok(number);
        }
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u8>() {
            Ok(number) if plain && (self.min..=self.max).contains(&number) => Ok(number),
            _ => Err(self.wrong(text, &format!("it goes from {} to {}", self.min, self.max))),
        }
    }

    fn wrong(&self, text: &str, why: &str) -> String {
        format!("`{text}` is no {}: {why}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three(line: &str, after: DateTime) -> Vec<String> {
        let line = CronLine::parse(line).unwrap();
        let mut at = after;
        let mut found = Vec::new();
        while found.len() < 3 {
            at = line.next(at).unwrap();
            found.push(at.strftime("%Y-%m-%dT%H:%M").to_string());
        }
        found
    }

    #[test]
    fn lines_name_times() {
        let after = date(2026, 11, 21).at(2, 30, 0, 0); // a Saturday
        for (line, expected) in [
            ("30 2 * * *", ["2026-11-22T02:30", "2026-11-23T02:30", "2026-11-24T02:30"]),
            ("*/20 3 * * *", ["2026-11-21T03:00", "2026-11-21T03:20", "2026-11-21T03:40"]),
            ("5,10-30/10 0 1 jan *", ["2027-01-01T00:05", "2027-01-01T00:10", "2027-01-01T00:20"]),
            ("0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
            ("0 6 * * MON-fri", ["2026-11-23T06:00", "2026-11-24T06:00", "2026-11-25T06:00"]),
            ("0 6 * * 7", ["2026-11-22T06:00", "2026-11-29T06:00", "2026-12-06T06:00"]),
            // Both fields of days given: either. One of them beginning with a star: both.
            ("0 6 24 * 7", ["2026-11-22T06:00", "2026-11-24T06:00", "2026-11-29T06:00"]),
            ("0 6 */2 * 0", ["2026-11-29T06:00", "2026-12-13T06:00", "2026-12-27T06:00"]),
            ("0 */24 * * *", ["2026-11-22T00:00", "2026-11-23T00:00", "2026-11-24T00:00"]),
            ("@hourly", ["2026-11-21T03:00", "2026-11-21T04:00", "2026-11-21T05:00"]),
            ("@DAILY", ["2026-11-22T00:00", "2026-11-23T00:00", "2026-11-24T00:00"]),
            ("@weekly", ["2026-11-22T00:00", "2026-11-29T00:00", "2026-12-06T00:00"]),
            ("@monthly", ["2026-12-01T00:00", "2027-01-01T00:00", "2027-02-01T00:00"]),
            ("@yearly", ["2027-01-01T00:00", "2028-01-01T00:00", "2029-01-01T00:00"]),
        ] {
            assert_eq!(three(line, after), expected, "{line}");
        }
        assert_eq!(CronLine::parse("@midnight").unwrap().minutes, 1);
    }

    #[test]
    fn what_is_wrong_with_a_line() {
        for (line, said) in [
            ("", "and this has 0"),
            ("30 2 * *", "and this has 4"),
            ("0 30 2 * * *", "and this has 6"),
            ("60 2 * * *", "`60` is no minute: it goes from 0 to 59"),
            ("0 24 * * *", "`24` is no hour"),
            ("0 0 0 * *", "`0` is no day of the month"),
            ("0 0 * 13 *", "`13` is no month"),
            ("0 0 * * 8", "`8` is no day of the week"),
            ("0 0 * * mo", "`mo` is no day of the week"),
            ("+5 0 * * *", "`+5` is no minute"),
            ("5/15 * * * *", "after `*` or a range"),
            ("*/0 * * * *", "a whole number from 1"),
            ("*/90 * * * *", "longer than the field"),
            ("-1 * * * *", "a range has two ends"),
            ("* 22-2 * * *", "from the smaller to the larger"),
            ("1,, * * * *", "`` is no minute"),
            ("@reboot", "there is no such word"),
            ("0 0 30 2 *", "this never comes"),
            ("0 0 31 4,6,9,11 *", "this never comes"),
        ] {
            let error = CronLine::parse(line).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
