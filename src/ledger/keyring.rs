//! The key ring: the data keys of a ledger, wrapped by the master key, in a file beside it (`orgpull.db.keyring`) that no backup
//! of the ledger holds. Who takes a data key out of it makes everything unreadable that was sealed with that key, in every copy
//! of the ledger.
//!
//! Each change of the ring is read, made and brought to disk under one lock, and only then is anything sealed with a new key.
//! The file is written whole under another name and renamed, so that a process that dies leaves the old one or the new one.

use super::seal::{Cell, DataKey, Unopened, key_of, random};
use crate::disk::{self, Change, Draft, Exposed, Mode, Place, PlaceError, Protected, Standing};
use crate::domain::identity::hex;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretBox};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

/// What stands behind the ledger's name in that of its ring.
const RING: &str = ".keyring";
/// What every change of the ring is made under.
const LOCK: &str = ".keyring.lock";
/// Bytes of a key.
const KEY: usize = 32;
/// More than any key file holds.
const LARGEST_KEY: u64 = 4096;
/// More than the ring of a ledger of many years holds.
const LARGEST_RING: u64 = 64 << 20;

/// The key that the data keys are wrapped with.
pub struct MasterKey(SecretBox<[u8; KEY]>);

impl MasterKey {
    /// The key of a line of base64, as `orgpull key new` writes it; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
        let mut key = SecretBox::new(Box::new([0; KEY]));
        let place: &mut [u8; KEY] = secrecy::ExposeSecretMut::expose_secret_mut(&mut key);
        place.copy_from_slice(<&[u8; KEY]>::try_from(bytes.as_slice()).ok()?);
        Some(Self(key))
    }

    /// A new key.
    fn draw() -> Self {
        Self(SecretBox::new(Box::new(random())))
    }

    /// As its file holds it: a line of base64.
    fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}\n", STANDARD.encode(self.0.expose_secret())))
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM_SIV, self.0.expose_secret()).ok().map(LessSafeKey::new)
    }

    fn wrap(&self, bound: &[u8], key: &[u8; KEY]) -> Option<Vec<u8>> {
        let nonce = random::<NONCE_LEN>();
        let mut wrapped = Zeroizing::new(key.to_vec());
        let (aad, unique) = (Aad::from(bound), Nonce::assume_unique_for_key(nonce));
        self.cipher()?.seal_in_place_append_tag(unique, aad, &mut *wrapped).ok()?;
        Some([nonce.as_slice(), wrapped.as_slice()].concat())
    }

    fn unwrap(&self, bound: &[u8], wrapped: &[u8]) -> Option<Zeroizing<[u8; KEY]>> {
        let (nonce, text) = wrapped.split_at_checked(NONCE_LEN)?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let key = self.cipher()?.open_in_place(nonce, Aad::from(bound), &mut text).ok()?;
        <[u8; KEY]>::try_from(&*key).ok().map(Zeroizing::new)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// How a ledger's sealed values are got at.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The master keys that are named, with their places for messages: all of them open, the first wraps. Empty is the key
    /// beside the ledger, which is made with it.
    pub keys: Vec<(String, Arc<MasterKey>)>,
    /// Where copies of the ring are kept in step.
    pub copies: Vec<PathBuf>,
}

/// What is wrong with a key or a ring.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no key, and a ledger that needs one.
    #[error(
        "the ledger {} is sealed and its key {} is not there: put the key back, or name its place (`[privacy] key`). Nothing \
         can be read without it, and nothing was changed",
        ledger.display(), key.display()
    )]
    Missing {
        /// The ledger's file.
        ledger: PathBuf,
        /// Where the key would be.
        key: PathBuf,
    },
    /// Real data, and no key that somebody has made and kept.
    #[error(
        "an account is in `production`, and no key is named to seal the ledger with: make one (`orgpull key new --to FILE`), keep \
         a copy of it elsewhere, and name it in the configuration: `[privacy]` `key = {{ file = \"FILE\" }}`; nothing was sent"
    )]
    Needed,
    /// The place that the configuration names cannot be read.
    #[error("the key of the ledger: {0}; nothing was changed")]
    Unread(String),
    /// What stands there is no key.
    #[error("{0} holds no key, which is 32 bytes in base64: `orgpull key new --to FILE` makes one")]
    NoKey(String),
    /// The key's file cannot be read or made.
    #[error("the key {} cannot be {verb}: {reason}", path.display())]
    KeyFile {
        /// The key's file.
        path: PathBuf,
        /// `read` or `made`.
        verb: &'static str,
        /// The system's words.
        reason: String,
    },
    /// Others can write the key's file, and so choose the key.
    #[error("the key {} can be written by others ({exposed}): {}", path.display(), disk::chmod(path, *exposed))]
    Exposed {
        /// The key's file.
        path: PathBuf,
        /// What they may.
        exposed: Exposed,
    },
    /// The ring is not there.
    #[error(
        "the ledger {} is sealed and its key ring {} is not there: put a copy back (`orgpull key restore FILE`). Nothing can be \
         read without it, and nothing was changed",
        ledger.display(), ring.display()
    )]
    NoRing {
        /// The ledger's file.
        ledger: PathBuf,
        /// Where the ring would be.
        ring: PathBuf,
    },
    /// The ring is cut short, or no ring.
    #[error("{} is no whole key ring: put a copy back (`orgpull key restore FILE`); nothing was changed", .0.display())]
    Ring(PathBuf),
    /// It is the ring of another ledger.
    #[error("the key ring {} is another ledger's: put this one's back (`orgpull key restore FILE`); nothing was changed", .0.display())]
    OtherRing(PathBuf),
    /// No key opens it.
    #[error(
        "{keys} does not open the key ring {}: it is the key of another ledger, or was replaced; nothing was changed",
        ring.display()
    )]
    OtherKey {
        /// The ring.
        ring: PathBuf,
        /// The places of the keys that were tried.
        keys: String,
    },
    /// The ring, or a copy of it, cannot be written.
    #[error("the key ring {} cannot be written: {reason}; nothing was sealed with a key that is not in it", path.display())]
    Unwritten {
        /// The ring or its copy.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The one to be put back lacks keys that the present one has.
    #[error("{} lacks keys that the present key ring has, and what they open would be lost: it was not put back", .0.display())]
    Older(PathBuf),
}

/// The ring as it is on disk.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq)]
struct Ring {
    /// The version of this form.
    orgpull_keyring: u32,
    /// Which ledger's it is.
    id: String,
    /// The key of what belongs to no run.
    own: String,
    /// Wrapped keys, by their ids in hexadecimal.
    keys: BTreeMap<String, String>,
}

const RING_VERSION: u32 = 1;

impl Ring {
    fn parse(text: &[u8], path: &Path) -> Result<Self, KeyError> {
        let ring = serde_json::from_slice::<Self>(text).ok();
        ring.filter(|ring| ring.orgpull_keyring == RING_VERSION)
            .ok_or_else(|| KeyError::Ring(path.to_owned()))
    }

    fn text(&self) -> String {
        format!("{:#}\n", serde_json::json!(self))
    }

    fn bound(&self, key: &str) -> Vec<u8> {
        format!("orgpull keyring {RING_VERSION}\0{}\0{key}", self.id).into_bytes()
    }

    /// Adds a new key, wrapped, and gives out its id.
    fn add(&mut self, master: &MasterKey) -> Option<String> {
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
    fn unwrap(&self, name: &str, masters: &[(String, Arc<MasterKey>)]) -> Option<Zeroizing<[u8; KEY]>> {
        let wrapped = STANDARD.decode(self.keys.get(name)?).ok()?;
        masters.iter().find_map(|(_, master)| master.unwrap(&self.bound(name), &wrapped))
    }

    /// The keys, opened.
    fn open(&self, masters: &[(String, Arc<MasterKey>)], path: &Path) -> Result<Opened, KeyError> {
        let other = || KeyError::OtherKey { ring: path.to_owned(), keys: places(masters) };
        let mut keys = HashMap::with_capacity(self.keys.len());
        for name in self.keys.keys() {
            let key = self.unwrap(name, masters).ok_or_else(other)?;
            let id = u32::from_str_radix(name, 16).map_err(|_| KeyError::Ring(path.to_owned()))?;
            let key = DataKey::new(id, &key).ok_or_else(other)?;
            keys.insert(id, Arc::new(key));
        }
        let own = u32::from_str_radix(&self.own, 16).ok().and_then(|id| keys.get(&id)).cloned();
        Ok(Opened { ring: self.clone(), own: own.ok_or_else(|| KeyError::Ring(path.to_owned()))?, keys })
    }
}

fn places(masters: &[(String, Arc<MasterKey>)]) -> String {
    masters.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>().join(" or ")
}

/// The keys of a ring.
struct Opened {
    /// As it is on disk.
    ring: Ring,
    own: Arc<DataKey>,
    keys: HashMap<u32, Arc<DataKey>>,
}

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
            let mut ring = Ring {
                orgpull_keyring: RING_VERSION,
                id: hex(&random::<16>()),
                own: String::new(),
                keys: BTreeMap::new(),
            };
            ring.own = ring.add(&masters[0].1).ok_or_else(|| KeyError::Ring(path.clone()))?;
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

    /// A data key by its id: one that another process has made since is looked for in the file.
    pub fn key(&self, id: u32) -> Option<Arc<DataKey>> {
        let known = || self.opened.read().unwrap_or_else(PoisonError::into_inner).keys.get(&id).cloned();
        known().or_else(|| {
            let ring = self.read_again().ok().filter(|ring| ring.keys.contains_key(&format!("{id:08x}")))?;
            self.take_in(&ring).ok()?;
            known()
        })
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
            let key = ring.unwrap(name, &self.masters).ok_or_else(other)?;
            let wrapped = self.masters[0].1.wrap(&ring.bound(name), &key).ok_or_else(other)?;
            ring.keys.insert(name.clone(), STANDARD.encode(wrapped));
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
        let opened = ring.open(&self.masters, &self.path)?;
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = opened;
        Ok(())
    }
}

/// The key that is made where none is named.
pub fn default_key(ledger: &Path) -> PathBuf {
    ledger.with_file_name(disk::DEFAULT_KEY)
}

/// Writes a new key to a file of this name, which must not be there.
pub fn write_new_key(path: &Path) -> Result<(), KeyError> {
    write_key(path, &MasterKey::draw().text())
}

fn write_key(path: &Path, text: &str) -> Result<(), KeyError> {
    let failed = |reason: String| KeyError::KeyFile { path: path.to_owned(), verb: "made", reason };
    let put = || {
        let place = Place::for_a_ledger(path.to_owned(), &Protected::new())?;
        let mut draft = Draft::create(place, Mode::Private)?;
        Ok(draft.write_all(text.as_bytes()).map(|()| draft))
    };
    let draft = put()
        .map_err(|e: PlaceError| failed(e.to_string()))?
        .map_err(|e: io::Error| failed(e.to_string()))?;
    let sealed = draft.seal().map_err(|e| failed(e.to_string()))?;
    disk::publish_new(sealed).map_err(|error| match error.cause() {
        Some(cause) if cause.kind() == ErrorKind::AlreadyExists => {
            failed("something has that name, and a key that is lost opens nothing again".to_owned())
        }
        _ => failed(error.to_string()),
    })
}

fn ring_of(ledger: &Path) -> PathBuf {
    beside(ledger, RING)
}

fn beside(ledger: &Path, ending: &str) -> PathBuf {
    let mut name = ledger.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    ledger.with_file_name(name)
}

/// The master keys of a ledger, and the file of one that was made.
#[expect(clippy::type_complexity, reason = "each of them beside its place")]
fn masters(
    ledger: &Path,
    access: &Access,
    may_make: bool,
) -> Result<(Vec<(String, Arc<MasterKey>)>, Option<PathBuf>), KeyError> {
    if !access.keys.is_empty() {
        return Ok((access.keys.clone(), None));
    }
    let path = default_key(ledger);
    let mut made = None;
    if may_make && path.symlink_metadata().is_err() {
        match write_new_key(&path) {
            Ok(()) => made = Some(path.clone()),
            // Another process was quicker.
            Err(_) if path.exists() => {}
            Err(error) => return Err(error),
        }
    }
    let unread = |e: io::Error| KeyError::KeyFile { path: path.clone(), verb: "read", reason: e.to_string() };
    let file = match disk::named(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(KeyError::Missing { ledger: ledger.to_owned(), key: path });
        }
        file => file.map_err(unread)?,
    };
    match disk::open_standing(&file).map_err(unread)? {
        Standing::Writable(exposed) | Standing::Foreign { exposed, .. } if exposed.writable() => {
            return Err(KeyError::Exposed { path, exposed });
        }
        _ => {}
    }
    let text = Zeroizing::new(whole(file, LARGEST_KEY).map_err(unread)?);
    let shown = path.display().to_string();
    let key = std::str::from_utf8(&text).ok().and_then(MasterKey::parse);
    let key = key.ok_or_else(|| KeyError::NoKey(shown.clone()))?;
    Ok((vec![(shown, Arc::new(key))], made))
}

/// All of a file, up to a length that none of its kind has.
fn whole(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
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
