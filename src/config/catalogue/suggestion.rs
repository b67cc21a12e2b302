//! Which service was meant by a reference that names none.

use super::{Catalogue, Provider};
use crate::shape::nearest;

impl Catalogue {
    /// The reference that a slip of the keyboard most likely meant: never a service that is only asked by those who mean it.
    /// One without its provider, or with another, is known by its last part, where that names only one.
    pub fn suggestion(&self, written: &str) -> Option<String> {
        let (provider, service) = written.split_once(['.', ':', '/', ' ']).unwrap_or(("", written));
        let near = nearest(provider, self.providers.keys().map(String::as_str));
        near.and_then(|near| near_at(self.providers.get(near)?, service))
            .or_else(|| only(self.providers.values().filter_map(|provider| exactly(provider, service))))
            .or_else(|| only(self.providers.values().filter_map(|provider| near_at(provider, service))))
    }
}

/// The service of a provider that is called so, where it may be suggested.
fn exactly(provider: &Provider, service: &str) -> Option<String> {
    let service = provider.service(service).filter(|service| service.suggested)?;
    Some(format!("{}.{}", provider.name, service.name))
}

/// The same, or the one that a slip most likely meant.
fn near_at(provider: &Provider, service: &str) -> Option<String> {
    exactly(provider, service).or_else(|| {
        let suggested = provider.services.iter().filter(|service| service.suggested);
        let near = nearest(service, suggested.map(|service| service.name.as_str()))?;
        Some(format!("{}.{near}", provider.name))
    })
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_that_was_meant() {
        let catalogue = Catalogue::built_in();
        for (written, meant) in [
            ("getdata", Some("creditsafe.getdata")),
            ("getdat", Some("creditsafe.getdata")),
            ("GetSignatory", Some("creditsafe.getsignatory")),
            ("uc.getdata", Some("creditsafe.getdata")),
            ("dnb.getdata", Some("creditsafe.getdata")),
            ("creditsafe/getdata", Some("creditsafe.getdata")),
            ("creditsafe.signatory", Some("creditsafe.getsignatory")),
            ("creditsafe.consumer", Some("creditsafe.datecheck-consumer")),
            ("credit.getdata", Some("creditsafe.getdata")),
            ("signing", Some("dnb.signing")),
            // Two or more may be meant.
            ("datecheck", None),
            ("creditsafe.datecheck", None),
            ("creditsafe", None),
            ("company", Some("dnb.company")),
            // The population register is asked by those who mean it.
            ("spar", None),
            ("creditsave.spar", None),
            ("spra", None),
            ("creditsafe.spra", None),
            ("creditsafe.", None),
            ("", None),
        ] {
            assert_eq!(catalogue.suggestion(written).as_deref(), meant, "{written}");
        }
    }
}
