//! Files: the one place that opens what is ours, makes it, puts it in the place of another, and removes it.
//!
//! Folders are taken to be ones that others can write, for some are (`/tmp`, a share, a folder of mode 0777). There, a
//! name says nothing about what stands behind it: it may be a link to a file of ours, a pipe that is never written to,
//! or a file that somebody has made with rights of their own. So what is locked or noted is opened without following a
//! link and without waiting, and looked at once it is open ([`companion`]); what is written is made anew under a name
//! that was never there, and renamed ([`Draft`]); and no writer takes the place of what the program lives on
//! ([`Protected`]). Who may write or read a file is judged as ssh judges its own ([`standing()`]).
//!
//! What a person names to be read (an input, a scenario) is opened as it is, links and pipes too: that is their wish.

mod draft;
mod folders;
mod group;
mod log;
mod open;
mod place;
mod protected;
mod scratch;
mod standing;

pub use draft::{Change, Draft, Mode, Sealed, publish, publish_new};
pub use folders::{can_be_written, make_folders, make_public_folders, may_write};
pub use group::{Group, GroupError};
pub use log::{add_line, takes_lines};
pub use open::{
    companion, named, names_beside, new_companion, note, noted, private_beside, remove, rename, second_name,
    sha256, small, text, write_note,
};
pub use place::{Asked, NamedBy, Place, PlaceError, behind_links};
pub use protected::{DEFAULT_KEY, Protected, whereabouts};
pub use scratch::{Scratch, TempDir, temporary_folder};
pub use standing::{Exposed, Standing, chmod, open_standing, open_to_others, owns_folder_of, standing};
