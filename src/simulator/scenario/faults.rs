//! Which fault meets a call.

use std::sync::{Arc, Mutex, PoisonError};

use super::Fault;
use crate::simulator::number::Number;
use crate::simulator::service::Service;

/// The faults of a scenario in order, and how far each is used up.
pub(in crate::simulator) struct Faults(Vec<Counted>);

struct Counted {
    fault: Arc<Fault>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    matched: u64,
    used: u64,
}

impl Faults {
    /// None of them used yet.
    pub(in crate::simulator) fn new(faults: &[Fault]) -> Self {
        let counted = |fault: &Fault| Counted { fault: Arc::new(fault.clone()), counts: Mutex::default() };
        Self(faults.iter().map(counted).collect())
    }

    /// The first that matches and is not used up. Every fault counts the calls that match it, whether or not an
    /// earlier one takes them, so that `after` and `every` mean the same wherever a fault stands.
    pub(in crate::simulator) fn choose(&self, service: Service, number: Option<&str>) -> Option<Arc<Fault>> {
        if self.0.is_empty() {
            return None;
        }
        let number = number.and_then(Number::read);
        let mut chosen = None;
        for counted in self.0.iter().filter(|counted| counted.fault.matches(service, number.as_ref())) {
            if counted.count(chosen.is_none()) {
                chosen = Some(Arc::clone(&counted.fault));
            }
        }
        chosen
    }
}

impl Counted {
    /// Counts a matching call; true where the fault applies to it, which only happens to a call that is `free`.
    fn count(&self, free: bool) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.matched += 1;
        let begun = counts.matched.checked_sub(self.fault.after).filter(|begun| *begun > 0);
        let due = begun.is_some_and(|begun| begun.is_multiple_of(self.fault.every));
        let applies = free && due && counts.used < self.fault.times;
        counts.used += u64::from(applies);
        applies
    }
}

impl Fault {
    /// Login and health are met only by faults that name them.
    fn matches(&self, service: Service, number: Option<&Number>) -> bool {
        let service_fits = match self.service {
            Some(wanted) => wanted == service,
            None => service.is_data(),
        };
        let number_fits = match (&self.number, number) {
            (None, _) => true,
            (Some(wanted), Some(number)) => wanted.is_same_subject(number),
            (Some(_), None) => false,
        };
        service_fits && number_fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::scenario::Scenario;

    /// Which of so many calls of getdata the faults of that file meet, by the word of the fault.
    fn met(toml: &str, calls: usize) -> Vec<&'static str> {
        let scenario = Scenario::parse("test", toml).expect("a scenario");
        let faults = Faults::new(&scenario.faults);
        let word = |_| faults.choose(Service::GetData, Some("5565144408")).map_or("-", |fault| fault.word);
        (0..calls).map(word).collect()
    }

    #[test]
    fn after_every_and_times() {
        assert_eq!(met("[[fault]]\ndo = 'close'\ntimes = 2", 4), ["close", "close", "-", "-"]);
        assert_eq!(met("[[fault]]\ndo = 'close'\nafter = 2", 4), ["-", "-", "close", "close"]);
        assert_eq!(met("[[fault]]\ndo = 'close'\nevery = 2", 4), ["-", "close", "-", "close"]);
        let all = "[[fault]]\ndo = 'close'\nevery = 2\nafter = 1\ntimes = 1";
        assert_eq!(met(all, 5), ["-", "-", "close", "-", "-"]);
    }

    #[test]
    fn the_first_fault_wins_and_the_others_still_count() {
        let both = "[[fault]]\ndo = 'close'\ntimes = 2\n[[fault]]\ndo = 'reset'\nafter = 3\ntimes = 1";
        assert_eq!(met(both, 5), ["close", "close", "-", "reset", "-"]);
    }

    #[test]
    fn a_fault_meets_the_service_and_number_it_names() {
        assert_eq!(met("[[fault]]\ndo = 'close'\nservice = 'spar'", 1), ["-"]);
        assert_eq!(met("[[fault]]\ndo = 'close'\nservice = 'login'", 1), ["-"]);
        assert_eq!(met("[[fault]]\ndo = 'close'\nnumber = '5560125790'", 1), ["-"]);
        assert_eq!(met("[[fault]]\ndo = 'close'\nnumber = '165565144408'", 1), ["close"]);
        let scenario = Scenario::parse("test", "[[fault]]\ndo = 'close'").expect("a scenario");
        let faults = Faults::new(&scenario.faults);
        assert!(faults.choose(Service::Login, None).is_none());
        assert!(faults.choose(Service::Spar, None).is_some());
    }
}
