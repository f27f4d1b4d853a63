//! The time that a login may take.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::sys::since_boot;

/// The moment at which a login must have ended, by a clock that cannot be set and
/// that goes on while the machine sleeps. Clones share it.
///
/// A login that waits for a person does not count that time: its deadline begins
/// again with the first answer, see [`Deadline::first_answer`].
#[derive(Debug, Clone)]
pub struct Deadline(Rc<State>);

/// The time since some moment; `None` where there is no clock.
pub type Clock = fn() -> Option<Duration>;

#[derive(Debug)]
struct State {
    clock: Clock,
    begun: Cell<Option<Duration>>,
    limit: Cell<Duration>,
    is_answered: Cell<bool>,
}

impl Deadline {
    /// `limit` from now.
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        Self::by(since_boot, limit)
    }

    /// As [`Deadline::after`], by another clock.
    #[must_use]
    pub fn by(clock: Clock, limit: Duration) -> Self {
        Self::of(clock, limit, false)
    }

    fn of(clock: Clock, limit: Duration, is_answered: bool) -> Self {
        Self(Rc::new(State {
            clock,
            begun: Cell::new(clock()),
            limit: Cell::new(limit),
            is_answered: Cell::new(is_answered),
        }))
    }

    /// The time that is left; zero if it has passed, or if there is no clock.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        let (Some(now), Some(begun)) = ((self.0.clock)(), self.0.begun.get()) else {
            return Duration::ZERO;
        };
        let passed = now.saturating_sub(begun);
        self.0.limit.get().saturating_sub(passed)
    }

    /// Notes the first answer of the login: the time starts again, from now. Says
    /// whether the answer is late, that is, whether the time had already passed. A
    /// later answer changes nothing.
    pub fn note_answer(&self) -> bool {
        if self.0.is_answered.replace(true) {
            return false;
        }
        let is_late = self.remaining().is_zero();
        self.0.begun.set((self.0.clock)());
        is_late
    }

    /// Whether somebody has answered: from then on no failure proves that the
    /// server is unavailable.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.0.is_answered.get()
    }

    /// Sets another limit, from the same start.
    pub fn set_limit(&self, limit: Duration) {
        self.0.limit.set(limit);
    }

    /// A separate deadline for a part of the same login: `limit` from now.
    #[must_use]
    pub fn nested(&self, limit: Duration) -> Self {
        Self::of(self.0.clock, limit, self.is_answered())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_begins_the_time_again_and_a_second_one_does_not() {
        let hour = Duration::from_secs(3600);
        let deadline = Deadline::after(hour);
        assert!(!deadline.is_answered());
        assert!(!deadline.note_answer());
        assert!(deadline.is_answered());

        let deadline = Deadline::after(Duration::ZERO);
        let shared = deadline.clone();
        assert!(
            deadline.note_answer(),
            "the first answer after the limit is not reported as late"
        );
        assert!(
            !deadline.note_answer(),
            "the second answer is reported as late, too"
        );
        shared.set_limit(hour);
        assert!(!deadline.remaining().is_zero());
        assert!(deadline.nested(hour).is_answered());
        assert!(shared.is_answered());
    }
}
