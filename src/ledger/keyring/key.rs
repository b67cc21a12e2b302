//! The master key, and how a ledger's sealed values are got at.

use super::error::KeyError;
use crate::disk::{self, Draft, Mode, Place, PlaceError, Protected, Standing};
use crate::domain::sink::Sink;
use crate::ledger::seal::random;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretBox};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes of a key.
pub(super) const KEY: usize = 32;
/// More than any key file holds.
const LARGEST_KEY: u64 = 4096;

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
    pub(super) fn draw() -> Self {
        Self(SecretBox::new(Box::new(random())))
    }

    /// As its file holds it: a line of base64.
    pub(super) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}\n", STANDARD.encode(self.0.expose_secret())))
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM_SIV, self.0.expose_secret()).ok().map(LessSafeKey::new)
    }

    pub(super) fn wrap(&self, bound: &[u8], key: &[u8; KEY]) -> Option<Vec<u8>> {
        let nonce = random::<NONCE_LEN>();
        let mut wrapped = Zeroizing::new(key.to_vec());
        let (aad, unique) = (Aad::from(bound), Nonce::assume_unique_for_key(nonce));
        self.cipher()?.seal_in_place_append_tag(unique, aad, &mut *wrapped).ok()?;
        Some([nonce.as_slice(), wrapped.as_slice()].concat())
    }

    pub(super) fn unwrap(&self, bound: &[u8], wrapped: &[u8]) -> Option<Zeroizing<[u8; KEY]>> {
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

/// How a ledger's sealed values are got at, and by whom.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The master keys that are named, with their places for messages: all of them open, the first wraps. Empty is the key
    /// beside the ledger, which is made with it.
    pub keys: Vec<(String, Arc<MasterKey>)>,
    /// Where copies of the ring are kept in step.
    pub copies: Vec<PathBuf>,
    /// Whether the ring does not keep the ledger's newest call.
    pub unmarked: bool,
    /// Who it is: what they do is written down under this name.
    pub operator: String,
    /// What gets each entry of the log of who did what before it is one.
    pub sink: Option<Sink>,
}

#[cfg(test)]
impl Access {
    /// Where the clock is a test's own: it runs on while a thread writes to the ring.
    pub(crate) fn unmarked() -> Self {
        Self { unmarked: true, ..Self::default() }
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

pub(super) fn write_key(path: &Path, text: &str) -> Result<(), KeyError> {
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

/// The master keys of a ledger, and the file of one that was made.
#[expect(clippy::type_complexity, reason = "each of them beside its place")]
pub(super) fn masters(
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
    // As the ring is: one that somebody else has put there is not taken.
    let file = match disk::noted(&path, ledger) {
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

pub(super) fn places(masters: &[(String, Arc<MasterKey>)]) -> String {
    masters.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>().join(" or ")
}

/// All of a file, up to a length that none of its kind has.
pub(super) fn whole(file: File, most: u64) -> io::Result<Vec<u8>> {
    // As long as it is: what is moved while it grows is wiped by nobody.
    let length = file.metadata()?.len().min(most);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
