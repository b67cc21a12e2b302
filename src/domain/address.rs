//! What an address says about where a request would go.

use std::net::{Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Whether an address is at this very machine: 127.0.0.0/8, `[::1]`, `localhost`.
pub fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        None => false,
    }
}

/// An address as it may be shown: scheme, host and port, without path and query. What is no address is not shown.
pub fn origin(address: &str) -> String {
    Url::parse(address).map_or_else(|_| "its address".to_owned(), |url| url.origin().ascii_serialization())
}

/// One way of writing an address that has many: the host in lower case and without a final dot, this machine under one name,
/// no port that goes without saying, no slash at the end. What is not an address stays as it is.
pub fn normalized(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else { return address.to_owned() };
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_owned();
    // Refused where there is no host: then there is nothing to write otherwise.
    let _ = url.set_host(Some(&host));
    // Other loopback addresses may well be other servers: tunnels have one each.
    let here = match url.host() {
        Some(Host::Ipv4(ip)) => ip == Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(ip)) => ip.to_canonical() == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST,
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if here {
        let _ = url.set_host(Some("127.0.0.1"));
    }
    url.as_str().trim_end_matches('/').to_owned()
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
    fn one_address_has_one_writing() {
        for (one, other) in [
            ("http://localhost:8080", "http://127.0.0.1:8080"),
            ("http://LOCALHOST:8080/", "http://127.0.0.1:8080"),
            ("http://localhost.:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080/a/", "http://127.0.0.1:8080/a"),
            ("http://[::ffff:127.0.0.1]:8080", "http://127.0.0.1:8080"),
            ("http://127.9.9.9:8080", "http://127.9.9.9:8080"),
            ("http://2130706433:8080", "http://127.0.0.1:8080"),
            ("http://127.1", "http://127.0.0.1"),
            ("http://localhost:80", "http://127.0.0.1"),
            ("HTTPS://Connect.Example.COM:443//", "https://connect.example.com"),
            ("https://connect.example.com./v1/../v2/", "https://connect.example.com/v2"),
            ("https://räksmörgås.example", "https://xn--rksmrgs-5wao1o.example"),
            ("http://127.0.0.1:4711", "http://127.0.0.1:4711"),
            ("https://10.0.0.1:8443/A", "https://10.0.0.1:8443/A"),
            ("no address", "no address"),
        ] {
            assert_eq!(normalized(one), other, "{one}");
            assert_eq!(normalized(other), other, "{one}: and it stays so");
        }
        for (one, other) in [
            ("https://a.example", "http://a.example"),
            ("https://a.example", "https://a.example:8443"),
            ("https://a.example/a", "https://a.example/A"),
            ("https://a.example", "https://b.example"),
        ] {
            assert_ne!(normalized(one), normalized(other));
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
