//! The time that a login may take.

use std::time::{Duration, Instant};

/// The moment at which a login must have ended, on the clock that cannot be set.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// `limit` from now.
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        let now = Instant::now();
        // The configuration bounds the limit to an hour: this cannot overflow.
        Self(now.checked_add(limit).unwrap_or(now))
    }

    /// What is left; zero when it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
