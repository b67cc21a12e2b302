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

#[cfg(test)]
mod tests {
    use super::*;

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
