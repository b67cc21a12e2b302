//! The files of a folder that may be jobs.

use crate::problem::FileError;
use std::path::{Path, PathBuf};

/// A file as it is, a folder as the `*.toml` in it, by name. Hidden files are an editor's, and what is no file (a pipe would
/// be waited for without end) is nobody's; a link to nothing is told by whoever reads it.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    let mut found = Vec::new();
    for entry in path.read_dir().map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let readable = file.metadata().is_ok_and(|meta| meta.is_file()) || !file.exists();
        if file.extension().is_some_and(|ending| ending == "toml") && readable && !hidden {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}
