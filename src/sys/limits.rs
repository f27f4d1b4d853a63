//! The resource limits of a set-uid program, which its caller has set.
//!
//! With `ulimit -v` before sudo, its caller can make allocations fail where they like,
//! even in the C library's resolver. So the module raises the limits while it works,
//! and restores them before other code runs: a conversation may start a program (`sudo
//! -A`), which must not profit from them.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};

use super::is_setuid;

// With 32 bits, a limit of 5 GB reads as none. scripts/target sets what the crate libc
// needs for 64.
const _: () = assert!(
    size_of::<rlim_t>() == 8,
    "set RUST_LIBC_UNSTABLE_GNU_FILE_OFFSET_BITS=64, as scripts/target does"
);

/// The limits that are raised, and to what at least.
const RAISED: [(Resource, rlim_t); 7] = [
    (Resource::RLIMIT_AS, RLIM_INFINITY),
    (Resource::RLIMIT_DATA, RLIM_INFINITY),
    (Resource::RLIMIT_CPU, RLIM_INFINITY),
    (Resource::RLIMIT_FSIZE, RLIM_INFINITY),
    (Resource::RLIMIT_MEMLOCK, RLIM_INFINITY),
    // More than the module uses, and the default of Linux.
    (Resource::RLIMIT_STACK, 8 << 20),
    (Resource::RLIMIT_NOFILE, 1024),
];

/// The stack that a call needs, in bytes: about twice what a login was seen to use.
const NEEDED_STACK: rlim_t = 192 << 10;

/// Whether this process may have the stack that a call needs. A stack that cannot
/// grow ends the program by SIGSEGV.
#[must_use]
pub fn has_stack() -> bool {
    // If the limit cannot be read, there is most likely none.
    Limit::of(Resource::RLIMIT_STACK).is_none_or(|limit| limit.soft >= NEEDED_STACK)
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    soft: rlim_t,
    hard: rlim_t,
}

impl Limit {
    fn of(resource: Resource) -> Option<Self> {
        let (soft, hard) = getrlimit(resource).ok()?;
        Some(Self { soft, hard })
    }

    /// A limit that cannot be set stays as it is: what fails then proves nothing, and
    /// [`super::ReservedMemory`] keeps the module alive.
    fn set(self, resource: Resource) {
        let _ = setrlimit(resource, self.soft, self.hard);
    }
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

fn raise(resource: Resource, least: rlim_t) -> Option<Raised> {
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
