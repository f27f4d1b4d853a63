//! The resource limits of a set-uid program, which its caller has set.
//!
//! With `ulimit -v` before sudo, its caller can make allocations fail where they like,
//! even in the C library's resolver. So the module raises the limits while it works,
//! and restores them before other code runs: a conversation may start a program (`sudo
//! -A`), which must not profit from them.

use std::ptr;

use libc::{rlim64_t, rlimit64};
use nix::sys::resource::Resource;

use super::is_setuid;

const NO_LIMIT: rlim64_t = rlim64_t::MAX;

/// The limits that are raised, and to what at least.
const RAISED: [(Resource, rlim64_t); 7] = [
    (Resource::RLIMIT_AS, NO_LIMIT),
    (Resource::RLIMIT_DATA, NO_LIMIT),
    (Resource::RLIMIT_CPU, NO_LIMIT),
    (Resource::RLIMIT_FSIZE, NO_LIMIT),
    (Resource::RLIMIT_MEMLOCK, NO_LIMIT),
    // More than the module uses, and the default of Linux.
    (Resource::RLIMIT_STACK, 8 << 20),
    (Resource::RLIMIT_NOFILE, 1024),
];

/// The stack that a call needs, in bytes: about twice what a login was seen to use.
const NEEDED_STACK: rlim64_t = 192 << 10;

/// Whether this process may have the stack that a call needs. A stack that cannot
/// grow ends the program by SIGSEGV.
#[must_use]
pub fn has_stack() -> bool {
    // If the limit cannot be read, there is most likely none.
    Limit::of(Resource::RLIMIT_STACK).is_none_or(|limit| limit.soft >= NEEDED_STACK)
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    soft: rlim64_t,
    hard: rlim64_t,
}

impl Limit {
    fn of(resource: Resource) -> Option<Self> {
        change(resource, None)
    }

    /// A limit that cannot be set stays as it is: what fails then proves nothing, and
    /// [`super::ReservedMemory`] keeps the module alive.
    fn set(self, resource: Resource) {
        let _ = change(resource, Some(self));
    }
}

/// Sets a limit, if there is a `new` one, and returns the one before.
///
/// In 64 bits everywhere: in the 32 of `getrlimit` on armhf, a limit of 5 GB reads as
/// none, and would be restored as none.
fn change(resource: Resource, new: Option<Limit>) -> Option<Limit> {
    let new = new.map(|limit| rlimit64 {
        rlim_cur: limit.soft,
        rlim_max: limit.hard,
    });
    let new = new.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mut before = rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: 0 is this process; `new` is null or a limit that lives until the end of
    // this function; and the call writes nothing but `before`.
    let result = unsafe { libc::prlimit64(0, resource as _, new, &raw mut before) };
    (result == 0).then_some(Limit {
        soft: before.rlim_cur,
        hard: before.rlim_max,
    })
}

/// Whether this process may write files of `size` bytes. A write beyond `RLIMIT_FSIZE`
/// raises SIGXFSZ, which ends the program.
#[must_use]
pub fn may_write(size: u64) -> bool {
    Limit::of(Resource::RLIMIT_FSIZE).is_some_and(|limit| limit.soft >= size)
}

/// One limit, as its caller set it and as it is while the module works.
#[derive(Debug, Clone, Copy)]
struct Raised {
    resource: Resource,
    before: Limit,
    now: Limit,
}

/// Limits that are raised until this is dropped. A panic drops it as well.
#[derive(Debug)]
pub struct RaisedLimits([Option<Raised>; RAISED.len()]);

impl RaisedLimits {
    /// Raises the limits of a set-uid program. Those of other programs were set by
    /// root, or affect only their own user, and stay as they are.
    #[must_use]
    pub fn raise() -> Self {
        if !is_setuid() {
            return Self([None; RAISED.len()]);
        }
        Self(RAISED.map(|(resource, least)| raise(resource, least)))
    }

    /// Restores the caller's limits until the value is dropped, while other code runs.
    #[must_use]
    pub fn restored(&self) -> RestoredLimits<'_> {
        for raised in self.0.iter().flatten() {
            raised.before.set(raised.resource);
        }
        RestoredLimits(self)
    }
}

fn raise(resource: Resource, least: rlim64_t) -> Option<Raised> {
    let before = Limit::of(resource)?;
    if before.soft >= least {
        return None;
    }
    let hard = before.hard.max(least);
    let wanted = Limit { soft: least, hard };
    wanted.set(resource);
    if Limit::of(resource)?.soft < least {
        // Root may raise the hard limit, but not in every container.
        let soft = before.hard;
        Limit { soft, ..before }.set(resource);
    }
    let now = Limit::of(resource)?;
    Some(Raised {
        resource,
        before,
        now,
    })
}

impl Drop for RaisedLimits {
    fn drop(&mut self) {
        for raised in self.0.iter().flatten() {
            raised.before.set(raised.resource);
        }
    }
}

/// Limits as the caller set them, until this is dropped.
#[derive(Debug)]
pub struct RestoredLimits<'a>(&'a RaisedLimits);

impl Drop for RestoredLimits<'_> {
    fn drop(&mut self) {
        for raised in self.0.0.iter().flatten() {
            raised.now.set(raised.resource);
        }
    }
}
