//! A clock that nobody can set.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// The time since the machine was started, including its sleep.
///
/// The clock of [`std::time::Instant`] stops while a laptop sleeps, but the server's
/// sessions expire in that time. `None` if the kernel has no such clock: Linux has had
/// it since 2.6.39.
#[must_use]
pub fn since_boot() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .ok()
        .map(Duration::from)
}
