//! `[second_factor] remember = "session"`: what a login session remembers for sudo, and
//! who gets nothing of it.

mod attacks;
mod bench;
mod files;
mod logins;
