//! The same line as systemd writes it.

use super::{CronLine, has};

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

impl CronLine {
    /// The times of the line as `OnCalendar=` takes them, in the zone of this IANA name. Two where both fields of days are
    /// given: cron means a day that fits one of them, and systemd takes several lines for any of them.
    pub fn on_calendar(&self, zone: &str) -> Vec<String> {
        let hours = listed(self.hours, 0..24);
        let minutes = listed(self.minutes, 0..60);
        let months = listed(self.months, 1..13);
        let days = listed(self.days, 1..32);
        let weekdays = self.named_weekdays();
        let line = |weekdays: &str, days: &str| {
            let line = format!("{weekdays} *-{months}-{days} {hours}:{minutes}:00 {zone}");
            line.trim_start().to_owned()
        };
        if self.either { vec![line(&weekdays, "*"), line("", &days)] } else { vec![line(&weekdays, &days)] }
    }

    /// Empty if every day is meant.
    fn named_weekdays(&self) -> String {
        let named = (0..7_i8).zip(DAYS).filter(|(day, _)| has(self.weekdays, *day)).map(|(_, name)| name);
        let named: Vec<&str> = named.collect();
        if named.len() == DAYS.len() { String::new() } else { named.join(",") }
    }
}

fn listed(bits: u64, all: std::ops::Range<i8>) -> String {
    let count = all.len();
    let named: Vec<String> = all.filter(|at| has(bits, *at)).map(|at| format!("{at:02}")).collect();
    if named.len() == count { "*".to_owned() } else { named.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_systemd_writes_them() {
        for (cron, lines) in [
            ("30 2 * * *", &["*-*-* 02:30:00 Europe/Stockholm"][..]),
            ("@daily", &["*-*-* 00:00:00 Europe/Stockholm"]),
            ("*/20 6-8 * * mon-fri", &["Mon,Tue,Wed,Thu,Fri *-*-* 06,07,08:00,20,40:00 Europe/Stockholm"]),
            ("0 4 1,15 1-3 *", &["*-01,02,03-01,15 04:00:00 Europe/Stockholm"]),
            ("* * * * 7", &["Sun *-*-* *:*:00 Europe/Stockholm"]),
            ("0 3 13 * 5", &["Fri *-*-* 03:00:00 Europe/Stockholm", "*-*-13 03:00:00 Europe/Stockholm"]),
        ] {
            assert_eq!(CronLine::parse(cron).unwrap().on_calendar("Europe/Stockholm"), lines, "{cron}");
        }
    }
}
