//! Why an upstream does not serve: one list for calls, logins and health addresses, so that notices, `status`, `doctor`
//! and the log use the same words.

use crate::domain::address::origin;
use std::fmt;

/// Why an upstream does not serve. Shown, it holds neither address nor anything of a request or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nothing listens there.
    Refused,
    /// Its name is not known.
    NoSuchHost,
    /// There is no way to it.
    Unreachable,
    /// The proxy wants to be logged in to: 407.
    ProxyLogin,
    /// The proxy does not connect us.
    Proxy,
    /// This process has as many files and sockets open as it may.
    NoDescriptors,
    /// Its certificate is not taken.
    Certificate(BadCertificate),
    /// The TLS handshake fails for another reason.
    Tls,
    /// No connection, or no whole answer, in time.
    TimedOut,
    /// The connection broke.
    Cut,
    /// It answers with this status.
    Status(u16),
    /// What it answers cannot be read.
    Unreadable,
    /// Over HTTP/2 it does not take what it is sent.
    NotTaken,
    /// Something else.
    Other,
}

/// Why a certificate is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadCertificate {
    /// Nobody that this machine trusts has issued it.
    UnknownIssuer,
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// It is for another name.
    WrongName,
    /// It was withdrawn.
    Revoked,
    /// It is an authority's own, which a server cannot show.
    Authority,
    /// It is broken, or made in a way that is not taken.
    Broken,
}

impl BadCertificate {
    /// That the server at this address showed it, and what to do about it; `account` is the account's name in the
    /// configuration.
    pub fn told(self, address: &str, account: &str) -> String {
        format!("the certificate of {} is refused ({self}): {}", origin(address), self.remedy(account))
    }

    fn remedy(self, account: &str) -> String {
        match self {
            Self::UnknownIssuer => format!(
                "let `ca_file` in [providers.{account}] name its issuer's certificate (PEM), or add that to this \
                 machine's store"
            ),
            Self::Expired => "its operator must renew it, unless this machine's clock is wrong".to_owned(),
            Self::NotYetValid => "check this machine's clock".to_owned(),
            Self::WrongName => format!("check the addresses in [providers.{account}]"),
            Self::Revoked | Self::Broken => "its operator must replace it".to_owned(),
            Self::Authority => {
                "its operator must give the server a certificate of its own, which that authority has issued"
                    .to_owned()
            }
        }
    }
}

impl fmt::Display for BadCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownIssuer => "unknown issuer",
            Self::Expired => "expired",
            Self::NotYetValid => "not valid yet",
            Self::WrongName => "for another name",
            Self::Revoked => "revoked",
            Self::Authority => "an authority's own",
            Self::Broken => "broken",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::NoSuchHost => "no such host",
            Self::Unreachable => "host unreachable",
            Self::ProxyLogin => "proxy 407: it wants a login",
            Self::Proxy => "the proxy does not connect",
            Self::NoDescriptors => "no file descriptors left",
            Self::Certificate(why) => return write!(f, "certificate refused: {why}"),
            Self::Tls => "TLS handshake failed",
            Self::TimedOut => "time-out",
            Self::Cut => "connection broken off",
            Self::Status(status) => return write!(f, "status {status}"),
            Self::Unreadable => "unreadable answer",
            Self::NotTaken => "requests not taken",
            Self::Other => "reason unknown",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_words_of_its_own_and_each_certificate_a_remedy() {
        use BadCertificate::{Authority, Broken, Expired, NotYetValid, Revoked, UnknownIssuer, WrongName};
        let certificates = [UnknownIssuer, Expired, NotYetValid, WrongName, Revoked, Authority, Broken];
        let causes = [
            Cause::Refused,
            Cause::NoSuchHost,
            Cause::Unreachable,
            Cause::ProxyLogin,
            Cause::Proxy,
            Cause::NoDescriptors,
            Cause::Tls,
            Cause::TimedOut,
            Cause::Cut,
            Cause::Status(500),
            Cause::Status(503),
            Cause::Unreadable,
            Cause::NotTaken,
            Cause::Other,
        ];
        let words: Vec<String> = causes
            .into_iter()
            .chain(certificates.map(Cause::Certificate))
            .map(|cause| cause.to_string())
            .collect();
        let mut distinct = words.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), words.len(), "{words:?}");
        assert!(certificates.iter().all(|why| !why.remedy("x").is_empty()));
        let told = UnknownIssuer.told("https://x.test:8443/getdata?searchnumber=5560125790", "mine");
        assert!(told.starts_with("the certificate of https://x.test:8443 is refused (unknown issuer): let `ca_file` in [providers.mine]"), "{told}");
        assert!(!told.contains("getdata"), "{told}");
    }
}
