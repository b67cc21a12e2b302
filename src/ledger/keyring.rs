//! The key ring: the data keys of a ledger, wrapped by the master key, in a file beside it (`orgpull.db.keyring`) that no backup
//! of the ledger holds. Who takes a data key out of it makes everything unreadable that was sealed with that key, in every copy
//! of the ledger.
//!
//! Each change of the ring is read, made and brought to disk under one lock, and only then is anything sealed with a new key.
//! The file is written whole under another name and renamed, so that a process that dies leaves the old one or the new one.

mod error;
mod key;
mod ring;

use super::seal::{Cell, DataKey, Unopened, key_of};
use crate::disk::{self, Change, Draft, Place, PlaceError, Protected, Standing};
pub use error::KeyError;
pub use key::{Access, MasterKey, default_key, write_new_key};
use key::{masters, places, whole, write_key};
use ring::{Opened, Ring};
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// What stands behind the ledger's name in that of its ring.
const RING: &str = ".keyring";
/// What every change of the ring is made under.
const LOCK: &str = ".keyring.lock";
/// More than the ring of a ledger of many years holds.
const LARGEST_RING: u64 = 64 << 20;

/// The open ring of a ledger.
pub struct Keyring {
    ledger: PathBuf,
    path: PathBuf,
    copies: Vec<PathBuf>,
    masters: Vec<(String, Arc<MasterKey>)>,
    id: String,
    opened: RwLock<Opened>,
    /// Whether the key is the one beside the ledger.
    is_beside: bool,
    /// The key that was made with it.
    made: Option<PathBuf>,
}

impl Keyring {
    /// The ring of a ledger that has one, whose id is known.
    pub fn open(ledger: &Path, access: &Access, id: &str) -> Result<Self, KeyError> {
        let masters = masters(ledger, access, false)?.0;
        Self::with(ledger, access, masters, &found(ledger, id)?, None)
    }

    /// A ring for a ledger that has nothing sealed yet: the one that a process left which died before it had, else a new one,
    /// with a new key where none is named and none is there.
    pub fn make(ledger: &Path, access: &Access) -> Result<Self, KeyError> {
        let (masters, made) = masters(ledger, access, true)?;
        let _lock = lock(ledger)?;
        let path = ring_of(ledger);
        let ring = if let Some(ring) = read(&path, ledger)? {
            ring
        } else {
            let ring = Ring::new(&masters[0].1).ok_or_else(|| KeyError::Ring(path.clone()))?;
            write(&ring, ledger, &access.copies)?;
            ring
        };
        Self::with(ledger, access, masters, &ring, made)
    }

    fn with(
        ledger: &Path,
        access: &Access,
        masters: Vec<(String, Arc<MasterKey>)>,
        ring: &Ring,
        made: Option<PathBuf>,
    ) -> Result<Self, KeyError> {
        let path = ring_of(ledger);
        let opened = RwLock::new(ring.open(&masters, &path)?);
        let (ledger, copies) = (ledger.to_owned(), access.copies.clone());
        let (id, is_beside) = (ring.id.clone(), access.keys.is_empty());
        Ok(Self { ledger, path, copies, masters, id, opened, is_beside, made })
    }

    /// Which ledger's it is: the ledger keeps the same word.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key that was made because none was named; `None` if one was there.
    pub fn made(&self) -> Option<&Path> {
        self.made.as_deref()
    }

    /// The key of what belongs to no run.
    pub fn own(&self) -> Arc<DataKey> {
        Arc::clone(&self.opened.read().unwrap_or_else(PoisonError::into_inner).own)
    }

    /// A new data key, which is in the ring and its copies, on disk, when this returns.
    pub fn new_key(&self) -> Result<Arc<DataKey>, KeyError> {
        let _lock = lock(&self.ledger)?;
        let mut ring = self.read_again()?;
        let name = ring.add(&self.masters[0].1).ok_or_else(|| KeyError::Ring(self.path.clone()))?;
        write(&ring, &self.ledger, &self.copies)?;
        let id = u32::from_str_radix(&name, 16).map_err(|_| KeyError::Ring(self.path.clone()))?;
        self.take_in(&ring)?;
        self.key(id).ok_or_else(|| KeyError::Ring(self.path.clone()))
    }

    /// A data key by its id: one that another process has made since is looked for in the file, once.
    pub fn key(&self, id: u32) -> Option<Arc<DataKey>> {
        let known = || {
            let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
            (opened.keys.get(&id).cloned(), opened.missing.contains(&id))
        };
        match known() {
            (Some(key), _) => return Some(key),
            (None, true) => return None,
            (None, false) => {}
        }
        // What cannot be read now may be read in a moment.
        let ring = self.read_again().ok()?;
        self.take_in(&ring).ok()?;
        let (key, _) = known();
        if key.is_none() {
            self.opened.write().unwrap_or_else(PoisonError::into_inner).missing.insert(id);
        }
        key
    }

    /// Opens a sealed value of a cell.
    pub fn unseal(&self, cell: Cell<'_>, sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        let id = key_of(sealed).ok_or(Unopened::Damaged)?;
        self.key(id).ok_or(Unopened::NoKey)?.open(cell, sealed)
    }

    /// Wraps every data key anew by the first master key. The values that they seal stay as they are.
    pub fn rotate(&self) -> Result<usize, KeyError> {
        let _lock = lock(&self.ledger)?;
        let mut ring = self.read_again()?;
        let names: Vec<String> = ring.keys.keys().cloned().collect();
        for name in &names {
            let other = || KeyError::OtherKey { ring: self.path.clone(), keys: places(&self.masters) };
            ring.wrap_again(name, &self.masters).ok_or_else(other)?;
        }
        write(&ring, &self.ledger, &self.copies)?;
        Ok(names.len())
    }

    /// Writes a copy of the ring, whose keys are known to open, in the place of what stands there.
    pub fn back_up(&self, to: &Path, protected: &Protected) -> Result<(), KeyError> {
        let ring = self.read_again()?;
        ring.open(&self.masters, &self.path)?;
        put(&ring, to, &self.ledger, protected)
    }

    /// Whether copies are kept in step.
    pub fn has_copies(&self) -> bool {
        !self.copies.is_empty()
    }

    /// Puts a copy back in the ring's place, for a ledger whose ring has this id.
    ///
    /// # Errors
    /// It is none, another ledger's, does not open, or lacks keys that the present ring has.
    pub fn restore(ledger: &Path, access: &Access, id: &str, from: &Path) -> Result<usize, KeyError> {
        let masters = masters(ledger, access, false)?.0;
        let unread =
            |e: io::Error| KeyError::KeyFile { path: from.to_owned(), verb: "read", reason: e.to_string() };
        let copy =
            Ring::parse(&whole(disk::named(from).map_err(unread)?, LARGEST_RING).map_err(unread)?, from)?;
        if copy.id != id {
            return Err(KeyError::OtherRing(from.to_owned()));
        }
        copy.open(&masters, from)?;
        let _lock = lock(ledger)?;
        // One that is damaged has nothing to lose.
        if let Ok(Some(present)) = read(&ring_of(ledger), ledger)
            && present.id == id
            && present.keys.keys().any(|name| !copy.keys.contains_key(name))
        {
            return Err(KeyError::Older(from.to_owned()));
        }
        write(&copy, ledger, &access.copies)?;
        Ok(copy.keys.len())
    }

    /// Writes the ring, and the key that stood beside it, into a folder into which the ledger is rescued, where they are not
    /// there: they may have been taken away with it. Of several processes each adds the keys that it knows.
    pub fn rescue(&self, folder: &Path) -> Result<(), KeyError> {
        let ledger = folder.join(self.ledger.file_name().unwrap_or_default());
        let _lock = lock(&ledger)?;
        let key = default_key(&ledger);
        if self.is_beside && key.symlink_metadata().is_err() {
            write_key(&key, &self.masters[0].1.text())?;
        }
        let known = self.opened.read().unwrap_or_else(PoisonError::into_inner).ring.clone();
        let there = read(&ring_of(&ledger), &ledger).ok().flatten().filter(|ring| ring.id == known.id);
        let mut ring = there.clone().unwrap_or_else(|| known.clone());
        for (name, key) in known.keys {
            ring.keys.entry(name).or_insert(key);
        }
        if there.as_ref() == Some(&ring) { Ok(()) } else { write(&ring, &ledger, &[]) }
    }

    /// What others may do with key and ring that their owner should know.
    pub fn exposures(&self) -> Vec<String> {
        let ring = (self.path.clone(), "the key ring");
        let key = (default_key(&self.ledger), "the key");
        let told = [ring, key].into_iter().filter_map(|(path, what)| match disk::standing(&path) {
            Ok(Standing::Readable(exposed)) => {
                let remedy = disk::chmod(&path, exposed);
                Some(format!("{what} {} can be read by others ({exposed}): {remedy}", path.display()))
            }
            _ => None,
        });
        told.collect()
    }

    fn read_again(&self) -> Result<Ring, KeyError> {
        found(&self.ledger, &self.id)
    }

    fn take_in(&self, ring: &Ring) -> Result<(), KeyError> {
        let mut read = ring.open(&self.masters, &self.path)?;
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        read.missing = std::mem::take(&mut opened.missing);
        *opened = read;
        Ok(())
    }
}

fn ring_of(ledger: &Path) -> PathBuf {
    beside(ledger, RING)
}

fn beside(ledger: &Path, ending: &str) -> PathBuf {
    let mut name = ledger.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    ledger.with_file_name(name)
}

/// Held while the ring is changed; freed by the system when the process ends, however it ends.
fn lock(ledger: &Path) -> Result<File, KeyError> {
    let path = beside(ledger, LOCK);
    let locked = disk::companion(&path, ledger).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|e| KeyError::Unwritten { path: ring_of(ledger), reason: e.to_string() })
}

/// The ring of this id: the one beside the ledger, else one in the same folder, where the ledger is a copy of another.
fn found(ledger: &Path, id: &str) -> Result<Ring, KeyError> {
    let path = ring_of(ledger);
    if let Some(ring) = read(&path, ledger)? {
        return if ring.id == id { Ok(ring) } else { Err(KeyError::OtherRing(path)) };
    }
    let rings = disk::names_beside(ledger).into_iter().filter(|name| name.to_string_lossy().ends_with(RING));
    let rings = rings.filter_map(|name| read(&ledger.with_file_name(name), ledger).ok().flatten());
    let missing = || KeyError::NoRing { ledger: ledger.to_owned(), ring: path };
    rings.into_iter().find(|ring| ring.id == id).ok_or_else(missing)
}

/// The ring on disk; `None` if there is none.
fn read(path: &Path, ledger: &Path) -> Result<Option<Ring>, KeyError> {
    let file = match disk::noted(path, ledger) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file,
    };
    let unread =
        |e: io::Error| KeyError::KeyFile { path: path.to_owned(), verb: "read", reason: e.to_string() };
    let text = whole(file.map_err(unread)?, LARGEST_RING).map_err(unread)?;
    Ring::parse(&text, path).map(Some)
}

/// Brings a ring and its copies to disk, the ring last: a copy may have a key more, and never one less.
fn write(ring: &Ring, ledger: &Path, copies: &[PathBuf]) -> Result<(), KeyError> {
    let all = copies.iter().cloned().chain([ring_of(ledger)]);
    all.into_iter().try_for_each(|path| put(ring, &path, ledger, &Protected::new()))
}

fn put(ring: &Ring, to: &Path, ledger: &Path, protected: &Protected) -> Result<(), KeyError> {
    let put = || {
        let place = Place::for_a_ledger(to.to_owned(), protected)?;
        let failed = place.failed("write");
        let mut draft = Draft::beside(place, ledger)?;
        draft.write_all(ring.text().as_bytes()).map_err(failed)?;
        disk::publish(vec![Change::Put(draft.seal()?)])
    };
    put().map_err(|e: PlaceError| KeyError::Unwritten { path: to.to_owned(), reason: e.to_string() })
}
