//! Whether the process was stopped and continued.
//!
//! Limits are wall-clock time. A user who runs sudo or su can stop it (Ctrl-Z, SIGSTOP)
//! until a limit has passed. The server would then look dead, and a stack that makes an
//! exception for a dead server would let them in.

use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};

/// Watches for SIGCONT, which every process gets when it continues after a stop.
///
/// While it exists the signal is blocked, which does not keep the process from
/// continuing. Then the mask is restored, and the host gets its signal.
pub struct StopWatch {
    before: Option<SigSet>,
}

impl StopWatch {
    /// Starts to watch.
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

    /// Whether the process may have been stopped since: also `true` if that cannot be
    /// found out.
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
