//! One step of libpam through a stack: what a module's result does to the outcome.

use super::codes::Code;
use super::control::Action;
use super::load::{Entry, Role};

/// What is known of the outcome so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Impression {
    Undefined,
    Positive,
    Negative,
}

/// The position of a walk through a stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// The next entry.
    pub(super) at: usize,
    impression: Impression,
    status: Code,
    /// The level of the previous entry.
    level: usize,
    /// The outcome at the entrance of each substack around it.
    entered: Vec<(Impression, Code)>,
}

/// How the action for a result is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chain {
    /// The call defines the chain, as authentication does: its own result.
    Defines,
    /// The call follows the chain that another one has left, as pam_setcred does: the
    /// result that the module gave then, or its own where it gave none.
    Follows {
        earlier: Option<Code>,
        /// A jump only jumps, as in Debian's libpam. Elsewhere the module also counts
        /// as if it were required.
        jumps_are_ignored: bool,
    },
}

pub(super) enum Step {
    Next(State),
    End(Code),
}

impl State {
    pub(super) fn start() -> Self {
        Self {
            at: 0,
            impression: Impression::Undefined,
            status: Code::PERM_DENIED,
            level: 0,
            entered: vec![(Impression::Undefined, Code::PERM_DENIED)],
        }
    }

    /// The final result.
    pub(super) fn result(&self) -> Code {
        if self.status == Code::SUCCESS && self.impression != Impression::Positive {
            return Code::PERM_DENIED;
        }
        self.status
    }

    /// Whether a result may still make or change the status.
    fn is_open(&self) -> bool {
        self.impression == Impression::Undefined
            || (self.impression == Impression::Positive && self.status == Code::SUCCESS)
    }

    /// Moves past the current entry, whose module has returned `result`.
    pub(super) fn step(&self, entries: &[Entry], result: Code, chain: Chain) -> Step {
        let Some(entry) = entries.get(self.at) else {
            return Step::End(self.result());
        };
        let level = entry.level;
        let mut next = self.clone();
        next.at = self.at.saturating_add(1);
        next.entered.truncate(level.saturating_add(1));
        if self.level < level {
            let known = (self.impression, self.status);
            next.entered.resize(level.saturating_add(1), known);
            if let Some(last) = next.entered.last_mut() {
                *last = known;
            }
        }
        next.level = level;
        if entry.role == Role::Substack {
            return Step::Next(next);
        }
        if result == Code::INCOMPLETE {
            return Step::End(result);
        }
        let decides = match chain {
            Chain::Defines => result,
            Chain::Follows { earlier, .. } => earlier.unwrap_or(result),
        };
        // An entry that counted in the earlier chain and does not take part in this
        // call.
        let says_nothing = result == Code::IGNORE && decides != Code::IGNORE;
        match entry.control.action(decides) {
            Action::Ignore => {}
            Action::Ok => next.accept(result, says_nothing),
            Action::Done => {
                next.accept(result, says_nothing);
                if next.impression == Impression::Positive {
                    next.at = end_of_level(entries, self.at, level);
                }
            }
            Action::Bad => next.refuse(result),
            Action::Die => {
                next.refuse(result);
                next.at = end_of_level(entries, self.at, level);
            }
            Action::Reset => {
                if let Some((impression, status)) = next.entered.get(level) {
                    (next.impression, next.status) = (*impression, *status);
                }
            }
            Action::Jump(count) => {
                if let Chain::Follows {
                    jumps_are_ignored: false,
                    ..
                } = chain
                {
                    next.accept(result, says_nothing);
                }
                let (target, left) = jump(entries, self.at, level, count);
                next.at = target;
                if left > 0 {
                    next.impression = Impression::Negative;
                    next.status = Code::PERM_DENIED;
                }
            }
        }
        Step::Next(next)
    }

    fn accept(&mut self, result: Code, says_nothing: bool) {
        if self.is_open() && !says_nothing {
            self.impression = Impression::Positive;
            self.status = result;
        }
    }

    fn refuse(&mut self, result: Code) {
        if self.impression != Impression::Negative {
            self.impression = Impression::Negative;
            self.status = match result {
                Code::IGNORE => Code::PERM_DENIED,
                _ => result,
            };
        }
    }
}

fn level_of(entries: &[Entry], at: usize) -> Option<usize> {
    entries.get(at).map(|entry| entry.level)
}

/// The first entry after `at` that is less deep.
fn end_of_level(entries: &[Entry], at: usize, level: usize) -> usize {
    let mut next = at.saturating_add(1);
    while level_of(entries, next).is_some_and(|of| of >= level) {
        next = next.saturating_add(1);
    }
    next
}

/// The entry behind the next `count` ones of this level, where a substack belongs to
/// the entry before it, and how many were missing.
fn jump(entries: &[Entry], at: usize, level: usize, count: usize) -> (usize, usize) {
    let mut next = at.saturating_add(1);
    let mut left = count;
    while left > 0 && level_of(entries, next).is_some_and(|of| of >= level) {
        next = next.saturating_add(1);
        while level_of(entries, next).is_some_and(|of| of > level) {
            next = next.saturating_add(1);
        }
        left = left.saturating_sub(1);
    }
    (next, left)
}

/// Whether an entry is followed by fewer than `count` entries of its level. libpam
/// treats such a jump as a failure.
pub(crate) fn jumps_past_the_end(entries: &[Entry], at: usize, count: usize) -> bool {
    level_of(entries, at).is_some_and(|level| jump(entries, at, level, count).1 > 0)
}
