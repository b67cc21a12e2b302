//! Groups of the system: which there are, and which of them we may give a file to.

use super::standing::me;
use std::fs;
use std::process::{Command, Stdio};

/// A group that we may give files to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group(u32);

/// Why no file can be given to a group.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// There is none of that name or number.
    #[error("there is no group `{0}` on this machine: name one that is there (`getent group` lists them)")]
    Unknown(String),
    /// We are not in it.
    #[error(
        "this user is not in group `{0}`, and only root gives files to a group of others: join it, or name one of those that \
         `id` lists"
    )]
    NotOurs(String),
}

/// Where the system keeps its own groups.
const LOCAL: &str = "/etc/group";

impl Group {
    /// The group of that name or number, if it is one of ours or we are root.
    pub fn find(word: &str) -> Result<Self, GroupError> {
        Self::among(word, me() == 0, &ours())
    }

    fn among(word: &str, root: bool, ours: &[u32]) -> Result<Self, GroupError> {
        let number = word.parse().ok().filter(|number| ours.contains(number));
        let local = || {
            let lines = fs::read(LOCAL).unwrap_or_default();
            String::from_utf8_lossy(&lines).lines().find_map(|line| of_line(word, line))
        };
        let found = number.or_else(local).or_else(|| of_a_directory(word));
        let Some(found) = found else { return Err(GroupError::Unknown(word.to_owned())) };
        if root || ours.contains(&found) {
            Ok(Self(found))
        } else {
            Err(GroupError::NotOurs(word.to_owned()))
        }
    }

    pub(super) const fn of(number: u32) -> Self {
        Self(number)
    }

    pub(super) const fn number(self) -> u32 {
        self.0
    }
}

/// The groups that this process is in.
fn ours() -> Vec<u32> {
    let more = rustix::process::getgroups().unwrap_or_default();
    more.into_iter().chain([rustix::process::getegid()]).map(rustix::process::Gid::as_raw).collect()
}

/// `analysts:x:1001:anna,bo`, where it is the group that is meant. The last number is none: it stands for "as it was".
fn of_line(word: &str, line: &str) -> Option<u32> {
    let mut parts = line.split(':');
    let (name, number) = (parts.next()?, parts.nth(1)?);
    let number: u32 = number.parse().ok()?;
    (number != u32::MAX && (name == word || word.parse() == Ok(number))).then_some(number)
}

/// Those of a directory service are known to the C library alone, and this program asks it. It needs none of our secrets.
fn of_a_directory(word: &str) -> Option<u32> {
    let mut asks = Command::new("getent");
    asks.args(["group", "--", word]).env_clear().stdin(Stdio::null()).stderr(Stdio::null());
    let answer = asks.envs(std::env::var_os("PATH").map(|path| ("PATH", path))).output().ok()?;
    String::from_utf8_lossy(&answer.stdout).lines().find_map(|line| of_line(word, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_name_and_by_number_and_given_by_root_and_its_members_alone() {
        for word in ["root", "0"] {
            assert!(matches!(Group::among(word, true, &[]), Ok(Group(0))), "{word}");
            assert!(matches!(Group::among(word, false, &[0, 7]), Ok(Group(0))), "{word}");
            assert!(matches!(Group::among(word, false, &[7]), Err(GroupError::NotOurs(_))), "{word}");
        }
        // One without a name, such as a container has.
        assert!(matches!(Group::among("3999999999", false, &[3_999_999_999]), Ok(Group(3_999_999_999))));
        for word in ["no-such-group", "3999999999", "4294967295", "-1", "root:x", ""] {
            assert!(matches!(Group::among(word, true, &[]), Err(GroupError::Unknown(_))), "{word:?}");
        }
    }

    #[test]
    fn lines_are_read_as_the_system_writes_them() {
        let line = "analysts:x:1001:anna,bo";
        assert_eq!((of_line("analysts", line), of_line("1001", line)), (Some(1001), Some(1001)));
        for (word, line) in
            [("anna", line), ("x", line), ("analysts", "analysts:x"), ("a", "a:x:4294967295:"), ("a", "")]
        {
            assert_eq!(of_line(word, line), None, "{word} {line}");
        }
    }
}
