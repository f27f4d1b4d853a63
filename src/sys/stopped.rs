//! Whether the process was stopped and went on again.
//!
//! Limits are of the clock on the wall. Whoever runs sudo or su may stop it
//! (Ctrl-Z, SIGSTOP) until a limit has passed: the server would look dead, and
//! a stack that makes an exception for a dead server would let them by.

use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};

/// Watches for SIGCONT, which every process gets that goes on after a stop.
///
/// While it lives the signal is held back, which keeps nothing from going on;
/// then the mask is set back and the host gets its signal.
pub struct StopWatch {
    before: Option<SigSet>,
}

impl StopWatch {
    /// Begins to watch.
    #[must_use]
    pub fn begin() -> Self {
        let mut watched = SigSet::empty();
        watched.add(Signal::SIGCONT);
        let mut before = SigSet::empty();
        let blocked = pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&watched), Some(&mut before));
        Self {
            before: blocked.ok().map(|()| before),
        }
    }

    /// Whether the process was stopped since, as far as can be told; when it
    /// cannot be told, it may have been.
    #[must_use]
    pub fn was_stopped(&self) -> bool {
        if self.before.is_none() {
            return true;
        }
        let mut pending = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: the set is writable for the whole of the call.
        if unsafe { libc::sigpending(pending.as_mut_ptr()) } != 0 {
            return true;
        }
        // SAFETY: sigpending has succeeded, so it has written the set.
        let pending = unsafe { pending.assume_init() };
        // SAFETY: the set is initialised, and SIGCONT is a signal.
        unsafe { libc::sigismember(&raw const pending, libc::SIGCONT) != 0 }
    }
}

impl Drop for StopWatch {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(before), None);
        }
    }
}
