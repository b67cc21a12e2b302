//! What reaches the loop from outside.

use super::login::LoginCame;
use super::worker::Done;
use crate::http::transport::Health;
use crate::run::decide::fetch::Page;
use crate::run::error::RunError;

/// What reaches the loop from outside.
pub(super) enum Message {
    Done(Done),
    Fetched(Result<Page, RunError>),
    Login { account: usize, came: LoginCame },
    Health { account: usize, said: Option<Health> },
}
