//! What makes two lookups the same purchase, and the keyed digests under which the ledger knows it.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The ledger's own secret, from which every digest of a number or of credentials is made. Without it a digest of a
/// ten-digit number could be turned back by trying them all.
#[derive(Clone)]
pub struct DigestKey(Arc<Zeroizing<[u8; 32]>>);

/// The identity of a lookup: 128 bits of a keyed digest over account, environment, service, subject and resolved
/// parameters (without `transactionid` and `language`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(pub [u8; 16]);

/// Everything that tells one purchase from another.
#[derive(Clone, Copy)]
pub struct IdentityParts<'a> {
    /// The account's name in the configuration.
    pub account: &'a str,
    /// The environment's label: `production`, `sandbox`, `simulator`, or the base address of a custom one.
    pub environment: &'a str,
    /// The service's name within its provider.
    pub service: &'a str,
    /// The number in the form in which it is sent.
    pub number: &'a str,
    /// Resolved parameters, in the catalogue's order.
    pub params: &'a [(&'a str, &'a str)],
}

impl DigestKey {
    /// A key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }

    /// The identity of a lookup with these parts.
    pub fn identity(&self, parts: IdentityParts<'_>) -> Identity {
        let mut mac = self.mac("identity");
        for text in [parts.account, parts.environment, parts.service, parts.number] {
            feed(&mut mac, text);
        }
        for (name, value) in parts.params {
            feed(&mut mac, name);
            feed(&mut mac, value);
        }
        let full = mac.finalize().into_bytes();
        let mut short = [0; 16];
        short.copy_from_slice(&full[..16]);
        Identity(short)
    }

    /// A digest for another use; `label` keeps the uses apart.
    pub fn short(&self, label: &str, text: &str) -> Identity {
        let mut mac = self.mac(label);
        feed(&mut mac, text);
        let full = mac.finalize().into_bytes();
        let mut short = [0; 16];
        short.copy_from_slice(&full[..16]);
        Identity(short)
    }

    /// A digest for another use, in lower-case hexadecimal; `label` keeps the uses apart.
    pub fn hex(&self, label: &str, parts: &[&str]) -> String {
        let mut mac = self.mac(label);
        for part in parts {
            feed(&mut mac, part);
        }
        hex(&mac.finalize().into_bytes()[..16])
    }

    fn mac(&self, label: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&**self.0).expect("HMAC takes a key of any length");
        feed(&mut mac, label);
        mac
    }
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Length first, so that no two lists of parts can run together into the same bytes.
fn feed(mac: &mut Hmac<Sha256>, text: &str) {
    mac.update(&(text.len() as u64).to_le_bytes());
    mac.update(text.as_bytes());
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'a>(number: &'a str, params: &'a [(&'a str, &'a str)]) -> IdentityParts<'a> {
        IdentityParts { account: "creditsafe", environment: "sandbox", service: "getdata", number, params }
    }

    #[test]
    fn every_part_counts_and_parts_do_not_run_together() {
        let key = DigestKey::new([7; 32]);
        let one = key.identity(parts("5560125790", &[("blockname", "Basic")]));
        assert_eq!(one, key.identity(parts("5560125790", &[("blockname", "Basic")])));
        assert_ne!(one, key.identity(parts("5560125790", &[("blockname", "Credit")])));
        assert_ne!(one, key.identity(parts("5560125790", &[("blocknameB", "asic")])));
        assert_ne!(one, key.identity(parts("5561125790", &[("blockname", "Basic")])));
        assert_ne!(one, DigestKey::new([8; 32]).identity(parts("5560125790", &[("blockname", "Basic")])));
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", DigestKey::new([7; 32])), "DigestKey(…)");
    }
}
