//! A clock that nobody can set.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// The time since the machine was started, its sleep included.
///
/// The clock of [`std::time::Instant`] stands still while a laptop sleeps, but the
/// server's sessions run out meanwhile.
#[must_use]
pub fn since_boot() -> Duration {
    // Linux has had this clock since 2.6.39. Without it no time is left for anything.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::MAX, Duration::from)
}
