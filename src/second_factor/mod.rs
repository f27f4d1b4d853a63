//! A second factor is remembered within one login session.
//!
//! People approve a push for ssh, and again for each sudo. With
//! `[second_factor] remember = "session"`, sudo does not ask again in the login session in
//! which authentik has accepted a second factor. The flow's validate stage needs a
//! `last_auth_threshold`: authentik then sets the cookie `authentik_mfa`, and its stage
//! skips itself for a client that sends this cookie. The password is asked in any case,
//! and a flow that asks for nothing else is refused, because no secret was accepted in it.
//!
//! # Which session
//!
//! The kernel's audit session (`/proc/PID/sessionid`). pam_loginuid makes one when a login
//! opens its session; every process of the login is in it, and no process can choose
//! another one. The terminal's session would not do: tmux and setsid leave it, and a user
//! can make new ones. The client's address would not do either: many people share one.
//!
//! # From authentication to session
//!
//! sshd authenticates in a child process, before there is an audit session. So
//! [`hand_over`] leaves a record in `/run/pam_authentik_flow` under a random name, and the
//! name in the PAM environment, which is all that sshd carries from the child to the
//! process that opens the session. [`keep`] takes the record there, once and within a
//! minute. The environment is no proof: a user can put a name into it with
//! `~/.pam_environment`. So the record says by which process it was made, and for which
//! user, service and client; the process that takes it must be this one, or the one that
//! has forked it.
//!
//! The session that is opened must have an audit session of its own: the process had
//! another one, or none, when it authenticated. An sshd that an administrator has started
//! again from a shell is itself in the administrator's audit session, and so is everyone
//! who logs in by it, unless pam_loginuid runs before this module and makes a new one.
//! Where pam_loginuid does not do that (it is behind this module or missing, the kernel
//! forbids it, or the login user is the same one), nothing is kept.
//!
//! # From session to sudo
//!
//! [`find`] gives a [`Remembered`], the only thing by which a login can send such a cookie,
//! if the record fits: the boot, the audit session and its login user, the account, the
//! name in authentik, the server, the flow, and the second factors that the service may
//! use. The account must be the login user, and must be the one who runs sudo. The process that opened the session, its leader, must
//! still run and be in it: nothing is remembered for what a user leaves behind, such as
//! tmux, after the session was closed or sshd was killed. The time is CLOCK_BOOTTIME,
//! which nobody can set; it ends with `remember_for` or with the cookie's `Max-Age`,
//! whichever is less.
//!
//! Only services that are named `sudo` and `sudo-i` send what is kept, and only a program
//! that is not set-uid hands anything over. Whatever fails here, the second factor is
//! asked for: nothing of this can refuse a login or let one in by itself.

mod cookie;
mod hand_over;
mod record;
mod session;

use std::time::Duration;

pub use cookie::{COOKIE, FactorCookie};
pub use hand_over::{LoginFacts, discard, hand_over, remove_leftovers};
pub use session::{Kept, NotKept, Remembered, find, keep};

/// The variable of the PAM environment that names what is handed over.
pub const VARIABLE: &str = "PAM_AUTHENTIK_FLOW_HANDED_OVER";

/// The person and the flow of an accepted second factor. Another user,
/// server or flow is another matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The name of the account on this host.
    pub user: String,
    /// What authentik calls them: its cookie does not say whose it is.
    pub name: String,
    /// The server.
    pub url: String,
    /// The flow.
    pub flow: String,
    /// Which second factors the service may use, by the configuration.
    pub factors: String,
}

/// Whether a service sends what is remembered.
#[must_use]
pub fn is_sudo(service: &str) -> bool {
    matches!(service, "sudo" | "sudo-i")
}

/// A time of CLOCK_BOOTTIME in a record, in milliseconds.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
