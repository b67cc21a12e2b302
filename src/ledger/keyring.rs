//! The key ring: the data keys of a ledger, wrapped by the master key, in a file beside it (`orgpull.db.keyring`) that no backup
//! of the ledger holds. Who takes a data key out of it makes everything unreadable that was sealed with that key, in every copy
//! of the ledger.
//!
//! Each change of the ring is read, made and brought to disk under one lock, and only then is anything sealed with a new key.
//! The file is written whole under another name and renamed, so that a process that dies leaves the old one or the new one.

mod error;
mod key;
mod ring;

use super::Mark;
use super::seal::{Cell, DataKey, Unopened, key_of};
use crate::disk::{self, Change, Draft, Place, PlaceError, Protected, Standing};
pub use error::KeyError;
pub use key::{Access, MasterKey, default_key, write_new_key};
use key::{masters, places, whole, write_key};
pub use ring::Erased;
use ring::{Opened, Ring, key_name};
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
    /// Whether it keeps no mark.
    unmarked: bool,
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
        let (masters, mut made) = masters(ledger, access, true)?;
        let _lock = lock(ledger)?;
        let path = ring_of(ledger);
        let ring = if let Some(ring) = read(&path, ledger)? {
            ring
        } else {
            let ring = Ring::new(&masters[0].1).ok_or_else(|| KeyError::Ring(path.clone()))?;
            write(&ring, ledger, &access.copies)?;
            // Whoever made it: from now on a ledger depends on it.
            made = made.or_else(|| access.keys.is_empty().then(|| default_key(ledger)));
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
        let unmarked = access.unmarked;
        Ok(Self { ledger, path, copies, masters, id, opened, is_beside, made, unmarked })
    }

    /// Which ledger's it is: the ledger keeps the same word.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key beside the ledger that a new ring depends on since none was named; `None` if the ring is not new.
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
        // A process that has only the key from before a rotation wraps nothing: nobody could unwrap it again.
        ring.open(&self.masters, &self.path)?;
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

    /// Takes data keys out of the ring and its copies, those that are in it. What was sealed with them opens nowhere again.
    /// Returns how many there were.
    pub fn give_up(&self, ids: &[u32]) -> Result<u64, KeyError> {
        let _lock = lock(&self.ledger)?;
        let mut ring = self.read_again()?;
        let taken: Vec<String> =
            ids.iter().map(|id| key_name(*id)).filter(|name| ring.keys.remove(name).is_some()).collect();
        ring.given_up.extend(taken.iter().cloned());
        let taken = taken.len();
        // A copy that could not be written when the ring was is mended now.
        let is_behind = |ring: &Ring, copy: &PathBuf| {
            read(copy, &self.ledger).ok().flatten().is_none_or(|there| there != *ring)
        };
        if taken > 0 {
            // The ring first: what is in a copy and not in the ring opens nothing here.
            put(&ring, &self.path, &self.ledger, &Protected::new())?;
            self.take_in(&ring)?;
        }
        if taken > 0 || self.copies.iter().any(|copy| is_behind(&ring, copy)) {
            write(&ring, &self.ledger, &self.copies)?;
        }
        Ok(taken as u64)
    }

    /// Whether a data key was given up, rather than that it is missing.
    pub fn is_given_up(&self, id: u32) -> Result<bool, KeyError> {
        Ok(self.read_again()?.given_up.contains(&key_name(id)))
    }

    /// Notes the newest call of the ledger, and one that is about to be written, on disk when this returns.
    pub fn raise_mark(&self, mark: Mark, ahead: Option<Mark>) -> Result<(), KeyError> {
        let _lock = lock(&self.ledger)?;
        let mut ring = self.read_again()?;
        let is_newer = ring.mark.is_none_or(|known| known.attempt < mark.attempt);
        if !is_newer && ahead.is_none() {
            return Ok(());
        }
        if is_newer {
            ring.mark = Some(mark);
        }
        // Another process's is not mine to forget.
        let others = ring.ahead.filter(|other| other.attempt > mark.attempt);
        ring.ahead = [ahead, others].into_iter().flatten().max_by_key(|ahead| ahead.attempt);
        self.change(ring)
    }

    /// Whether it keeps the newest call of its ledger: of what the simulator makes up nobody asks whether it was put back.
    pub const fn is_marked(&self) -> bool {
        !self.unmarked
    }

    /// Notes the newest call of a ledger that was put back, whatever was known before.
    pub fn reset_mark(&self, mark: Mark) -> Result<(), KeyError> {
        let _lock = lock(&self.ledger)?;
        self.change(Ring { mark: Some(mark), ahead: None, stale: false, ..self.read_again()? })
    }

    /// A call that was about to be written.
    pub fn ahead(&self) -> Option<Mark> {
        self.read_again().ok()?.ahead
    }

    /// The newest call of the ledger that the ring knows of, and whether the ring itself was put back, so that there may be newer
    /// ones.
    pub fn mark(&self) -> Result<(Option<Mark>, bool), KeyError> {
        let ring = self.read_again()?;
        Ok((ring.mark, ring.stale))
    }

    /// Notes in the erasure register that somebody is being forgotten, on disk when this returns. Who was noted before `since`
    /// (milliseconds since 1970) is no longer kept.
    pub fn register(&self, erased: &Erased, since: Option<i64>) -> Result<(), KeyError> {
        let _lock = lock(&self.ledger)?;
        let mut ring = self.read_again()?;
        ring.erased
            .retain(|known| known.named != erased.named && since.is_none_or(|since| known.at >= since));
        ring.erased.push(erased.clone());
        self.change(ring)
    }

    /// The erasure register.
    pub fn erased(&self) -> Result<Vec<Erased>, KeyError> {
        Ok(self.read_again()?.erased)
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

    /// Whether every copy is there and has every key.
    pub fn copies_fit(&self) -> bool {
        let Ok(ring) = self.read_again() else { return false };
        self.copies.iter().all(|copy| {
            let copy = read(copy, &self.ledger).ok().flatten();
            copy.is_some_and(|copy| copy.id == ring.id && copy.keys == ring.keys)
        })
    }

    /// Puts a copy back in the ring's place, for a ledger whose ring has this id, without the keys that
    /// were given up since; `None` if there is no ledger.
    ///
    /// # Errors
    /// It is none, another ledger's, does not open, or lacks keys that the present ring has.
    pub fn restore(
        ledger: &Path,
        access: &Access,
        known: Option<(&str, &[u32])>,
        from: &Path,
    ) -> Result<usize, KeyError> {
        let masters = masters(ledger, access, false)?.0;
        let unread =
            |e: io::Error| KeyError::KeyFile { path: from.to_owned(), verb: "read", reason: e.to_string() };
        let mut copy =
            Ring::parse(&whole(disk::named(from).map_err(unread)?, LARGEST_RING).map_err(unread)?, from)?;
        // Where there is no ledger yet, one is put back next, and has to fit.
        let id = copy.id.clone();
        let (wanted, given_up) = known.unwrap_or((&id, &[]));
        if id != wanted {
            return Err(KeyError::OtherRing(from.to_owned()));
        }
        copy.open(&masters, from)?;
        for name in given_up.iter().map(|key| key_name(*key)) {
            copy.keys.remove(&name);
            if !copy.given_up.contains(&name) {
                copy.given_up.push(name);
            }
        }
        let _lock = lock(ledger)?;
        // One that is damaged has nothing to lose, and says nothing either.
        let there = read(&ring_of(ledger), ledger);
        if !matches!(there, Ok(Some(_))) {
            // Nobody knows how much was bought since it was copied.
            copy.stale = true;
        }
        if let Ok(Some(present)) = &there
            && present.id != id
        {
            return Err(KeyError::Occupied(ring_of(ledger)));
        }
        if let Ok(Some(present)) = there {
            if present.keys.keys().any(|name| !copy.keys.contains_key(name)) {
                return Err(KeyError::Older(from.to_owned()));
            }
            // Who was forgotten since stays so.
            let since = present.erased.into_iter().filter(|erased| !copy.erased.contains(erased));
            copy.erased.extend(since.collect::<Vec<_>>());
            copy.mark = [copy.mark, present.mark].into_iter().flatten().max_by_key(|mark| mark.attempt);
            copy.stale |= present.stale;
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
            if !ring.given_up.contains(&name) {
                ring.keys.entry(name).or_insert(key);
            }
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

    /// Brings the ring to disk with something changed that is no key, and keeps it at hand for a rescue.
    fn change(&self, ring: Ring) -> Result<(), KeyError> {
        write(&ring, &self.ledger, &self.copies)?;
        self.opened.write().unwrap_or_else(PoisonError::into_inner).ring = ring;
        Ok(())
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

/// Brings a ring and its copies to disk, the ring last: a copy may have a key more, and never one less. What stands in a copy's
/// place and is another ledger's ring may be the last one of that ledger, and is never replaced.
fn write(ring: &Ring, ledger: &Path, copies: &[PathBuf]) -> Result<(), KeyError> {
    for copy in copies {
        if let Ok(Some(there)) = read(copy, ledger)
            && there.id != ring.id
        {
            return Err(KeyError::Occupied(copy.clone()));
        }
    }
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
