//! What an address says about where a request would go.

use url::{Host, Url};

/// Whether an address is at this very machine: 127.0.0.0/8, `[::1]`, `localhost`.
pub fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// An address as it may be shown: scheme, host and port, without path and query. What is no address is not shown.
pub fn origin(address: &str) -> String {
    Url::parse(address).map_or_else(|_| "its address".to_owned(), |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_an_address_is_where_it_leads_and_nothing_else() {
        for (address, shown) in [
            ("https://x.test/getdata?searchnumber=5560125790", "https://x.test"),
            ("https://me:secret@x.test:8443/a", "https://x.test:8443"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1"),
            ("5560125790", "its address"),
        ] {
            assert_eq!(origin(address), shown);
        }
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for (address, near) in [
            ("http://127.0.0.1:8080/x", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("https://127.0.0.1", true),
            ("http://0.0.0.0", false),
            ("http://10.0.0.1", false),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("https://connect.creditsafe.com", false),
            ("data:localhost", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(address).unwrap()), near, "{address}");
        }
    }
}
