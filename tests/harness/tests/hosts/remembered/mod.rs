//! `[second_factor] remember = "session"`: what a login session remembers for sudo, and which
//! users and sessions get nothing.

mod attacks;
mod bench;
mod files;
mod logins;
