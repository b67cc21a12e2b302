//! Addresses of upstreams: nothing secret in them, and nothing secret sent to them in the clear.

use crate::domain::address::is_loopback;
use url::Url;

/// Whether an address may be called: `https`, or `http` at a loopback host, without credentials, query and fragment.
pub fn check_address(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|_| "an address begins with https:// and a host".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        _ if host.is_empty() => return Err("an address begins with https:// and a host".to_owned()),
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return Err(
                "http:// is only for loopback addresses: a password would travel in the clear".to_owned()
            );
        }
        _ => return Err("an address begins with https://".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address holds no user name or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an address holds no `?` query and no `#` fragment".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in [
            "https://se-webservice.apps.creditsafe.com",
            "https://host:8443/a/b",
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://[::1]:80/x",
            "http://localhost:1",
        ] {
            assert_eq!(check_address(text), Ok(()), "{text}");
        }
        for text in [
            "",
            "host",
            "host:80",
            "ftp://127.0.0.1",
            "http://example.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://0.0.0.0",
            "https://me:pw@host",
            "https://me@host",
            "https://host/?a=b",
            "https://host/#a",
            "https://",
        ] {
            assert!(check_address(text).is_err(), "{text}");
        }
    }
}
