//! The ring as it is on disk, and its keys, opened.

use super::error::KeyError;
use super::key::{KEY, MasterKey, places};
use crate::domain::identity::hex;
use crate::ledger::Mark;
use crate::ledger::seal::{DataKey, random};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

const RING_VERSION: u32 = 1;

/// The ring as it is on disk.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq)]
pub(super) struct Ring {
    /// The version of this form.
    pub(super) orgpull_keyring: u32,
    /// Which ledger's it is.
    pub(super) id: String,
    /// The key of what belongs to no run.
    pub(super) own: String,
    /// Wrapped keys, by their ids in hexadecimal.
    pub(super) keys: BTreeMap<String, String>,
    /// The erasure register: who was forgotten, by keyed digests in hexadecimal, for what is put back from before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) erased: Vec<Erased>,
    /// Keys that were given up, so that one which is missing for another reason is told apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) given_up: Vec<String>,
    /// The newest call of the ledger that is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mark: Option<Mark>,
    /// One that was about to be written when this was: whether it was, the ledger tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ahead: Option<Mark>,
    /// Whether the ring was put back from a copy, so that there may be newer calls.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) stale: bool,
}

/// Somebody who was forgotten.
#[derive(Debug, Serialize, Deserialize, Clone, PartialEq, Eq)]
pub struct Erased {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The keyed digests of the number in each form in which it may be kept, in hexadecimal.
    pub numbers: Vec<String>,
    /// That by which they are found who are named in answers.
    pub named: String,
}

impl Ring {
    /// A ring with the key of what belongs to no run; `None` if nothing can be wrapped.
    pub(super) fn new(master: &MasterKey) -> Option<Self> {
        let id = hex(&random::<16>());
        let mut ring = Self {
            orgpull_keyring: RING_VERSION,
            id,
            own: String::new(),
            keys: BTreeMap::new(),
            erased: Vec::new(),
            given_up: Vec::new(),
            mark: None,
            ahead: None,
            stale: false,
        };
        ring.own = ring.add(master)?;
        Some(ring)
    }

    /// Wraps a key anew.
    pub(super) fn wrap_again(&mut self, name: &str, masters: &[(String, Arc<MasterKey>)]) -> Option<()> {
        let key = self.unwrap(name, masters)?;
        let wrapped = masters.first()?.1.wrap(&self.bound(name), &key)?;
        self.keys.insert(name.to_owned(), STANDARD.encode(wrapped));
        Some(())
    }

    pub(super) fn parse(text: &[u8], path: &Path) -> Result<Self, KeyError> {
        let ring = serde_json::from_slice::<Self>(text).ok();
        ring.filter(|ring| ring.orgpull_keyring == RING_VERSION)
            .ok_or_else(|| KeyError::Ring(path.to_owned()))
    }

    pub(super) fn text(&self) -> String {
        format!("{:#}\n", serde_json::json!(self))
    }

    pub(super) fn bound(&self, key: &str) -> Vec<u8> {
        format!("orgpull keyring {RING_VERSION}\0{}\0{key}", self.id).into_bytes()
    }

    /// Adds a new key, wrapped, and gives out its id.
    pub(super) fn add(&mut self, master: &MasterKey) -> Option<String> {
        let name = loop {
            let name = hex(&random::<4>());
            if !self.keys.contains_key(&name) {
                break name;
            }
        };
        let key = Zeroizing::new(random::<KEY>());
        let wrapped = master.wrap(&self.bound(&name), &key)?;
        self.keys.insert(name.clone(), STANDARD.encode(wrapped));
        Some(name)
    }

    /// The bytes of a key; `None` if the master key is another.
    pub(super) fn unwrap(
        &self,
        name: &str,
        masters: &[(String, Arc<MasterKey>)],
    ) -> Option<Zeroizing<[u8; KEY]>> {
        let wrapped = STANDARD.decode(self.keys.get(name)?).ok()?;
        masters.iter().find_map(|(_, master)| master.unwrap(&self.bound(name), &wrapped))
    }

    /// The keys, opened.
    pub(super) fn open(&self, masters: &[(String, Arc<MasterKey>)], path: &Path) -> Result<Opened, KeyError> {
        let other = || KeyError::OtherKey { ring: path.to_owned(), keys: places(masters) };
        let mut keys = HashMap::with_capacity(self.keys.len());
        for name in self.keys.keys() {
            let key = self.unwrap(name, masters).ok_or_else(other)?;
            let id = u32::from_str_radix(name, 16).map_err(|_| KeyError::Ring(path.to_owned()))?;
            let key = DataKey::new(id, &key).ok_or_else(other)?;
            keys.insert(id, Arc::new(key));
        }
        let own = u32::from_str_radix(&self.own, 16).ok().and_then(|id| keys.get(&id)).cloned();
        Ok(Opened {
            ring: self.clone(),
            own: own.ok_or_else(|| KeyError::Ring(path.to_owned()))?,
            keys,
            missing: HashSet::new(),
        })
    }
}

/// What a data key is called in the ring.
pub(super) fn key_name(id: u32) -> String {
    format!("{id:08x}")
}

/// The keys of a ring.
pub(super) struct Opened {
    /// As it is on disk.
    pub(super) ring: Ring,
    pub(super) own: Arc<DataKey>,
    pub(super) keys: HashMap<u32, Arc<DataKey>>,
    /// Those that were asked for in vain: a million values of a run whose key is gone are no million looks.
    pub(super) missing: HashSet<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masters() -> Vec<(String, Arc<MasterKey>)> {
        vec![("here".to_owned(), Arc::new(MasterKey::draw()))]
    }

    #[test]
    fn a_ring_opens_with_its_own_key_alone_and_reads_as_it_was_written() {
        let (masters, path) = (masters(), Path::new("ring"));
        let mut ring = Ring::new(&masters[0].1).unwrap();
        let name = ring.add(&masters[0].1).unwrap();
        let read = Ring::parse(ring.text().as_bytes(), path).unwrap();
        assert!(read == ring && read.open(&masters, path).unwrap().keys.len() == 2);
        assert!(matches!(ring.open(&self::masters(), path), Err(KeyError::OtherKey { .. })));
        // A wrapped key belongs to its id and to its ring.
        let (own, other) = (ring.keys[&ring.own].clone(), ring.keys[&name].clone());
        let swapped = Ring { keys: [(ring.own.clone(), other), (name, own)].into(), ..ring.clone() };
        assert!(swapped.open(&masters, path).is_err());
        assert!(Ring { id: "another".to_owned(), ..ring.clone() }.open(&masters, path).is_err());
        for text in [
            "",
            "{}",
            &ring.text()[..40],
            &ring.text().replace("\"orgpull_keyring\": 1", "\"orgpull_keyring\": 2"),
        ] {
            assert!(matches!(Ring::parse(text.as_bytes(), path), Err(KeyError::Ring(_))), "{text}");
        }
    }

    #[test]
    fn a_key_is_a_line_of_base64_and_nothing_else() {
        let key = MasterKey::draw();
        assert!(MasterKey::parse(&key.text()).is_some() && MasterKey::parse(key.text().trim()).is_some());
        for text in ["", "short", "AAAA", &key.text()[..40], &format!("{}AAAA", key.text().trim())] {
            assert!(MasterKey::parse(text).is_none(), "{text}");
        }
        assert_eq!(format!("{key:?}"), "MasterKey(…)");
    }
}
