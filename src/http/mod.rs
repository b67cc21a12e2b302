//! Sending: the HTTP client, and the throttle of an account (token, pace, cool-down, outage).
//!
//! Two halves that do not know each other. [`transport`] carries one request over the wire and says how far it got; it
//! repeats nothing. [`throttle`] decides over values of time, without waiting and without sending, whether one more call
//! may leave. The run asks the one and tells it what the other brought back.

pub mod cause;
pub mod throttle;
pub mod transport;
