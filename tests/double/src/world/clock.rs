//! The server's clock. A test may move it and stop it.

use std::time::{Duration, SystemTime};

/// The time for the double. Codes, pauses after wrong codes, and sessions use it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    ahead: Duration,
    stopped_at: Option<SystemTime>,
}

impl Clock {
    /// The time.
    pub fn now(&self) -> SystemTime {
        self.stopped_at.unwrap_or_else(SystemTime::now) + self.ahead
    }

    /// Moves forward.
    pub fn advance(&mut self, by: Duration) {
        self.ahead += by;
    }

    /// Stops the clock. Then only [`Clock::advance`] moves it.
    pub fn stop(&mut self) {
        self.stopped_at.get_or_insert_with(SystemTime::now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_when_it_is_told_to() {
        let mut clock = Clock::default();
        clock.stop();
        let before = clock.now();
        assert_eq!(clock.now(), before);
        clock.advance(Duration::from_secs(30));
        assert_eq!(clock.now(), before + Duration::from_secs(30));
    }
}
