//! Plays a stack before and after a change together: does anybody get in by only one of
//! them?
//!
//! Modules return the same in both, so a difference comes from the change.

use super::engine::play::{Detail, play};
use super::engine::together::{Met, Pairs, Together};
use super::person::{Person, Uid};
use super::results::{Gates, Secret, Situation, asks_for_secret};
use super::{Action, Code, CodeSet, Entry, Kind};

/// Two `auth` stacks: the second is the first with one more block of lines.
pub(crate) struct Change<'a> {
    pub(crate) service: &'a str,
    pub(crate) before: &'a [Entry],
    pub(crate) after: &'a [Entry],
    /// The entries of the block in the second.
    pub(crate) block: std::ops::Range<usize>,
    /// The entries of the first that the block repeats, in their order.
    pub(crate) repeated: &'a [usize],
    /// The index in the second where the repeated ones begin.
    pub(crate) repeated_at: usize,
    pub(crate) debian: bool,
    /// The module ignores everybody below this uid.
    pub(crate) min_uid: u32,
}

/// What would become worse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Somebody gets in who did not before. With the entry of the old stack that is no
    /// longer asked, if there is one.
    Laxer { who: String, entry: Option<usize> },
    /// Somebody no longer gets in. With the entry of the new stack that refuses.
    KeptOut { who: String, entry: Option<usize> },
    /// None of these names got in before, so no way in would be left.
    NoWayIn { who: String },
    /// Nobody gets in by a password, so there is nothing that authentik could
    /// replace.
    NoSecret,
}

/// A kind of login, in both stacks.
struct Case<'a> {
    who: String,
    person: &'a Person,
    before: Secret<'a>,
    after: Secret<'a>,
    ours: CodeSet,
}

/// The module's results for somebody that does not get in through authentik, for any
/// reason.
pub(crate) fn refusals() -> CodeSet {
    Code::all()
        .filter(|code| ![Code::SUCCESS, Code::IGNORE, Code::INCOMPLETE].contains(code))
        .fold(CodeSet::NONE, CodeSet::with)
}

impl Change<'_> {
    /// Plays every kind of person through both stacks. `local` are the accounts that
    /// log in without authentik, `others` the kinds of other people that the stack
    /// tells apart.
    ///
    /// # Errors
    /// The first thing that would become worse.
    pub(crate) fn judge(&self, local: &[Person], others: &[Person]) -> Result<(), Harm> {
        let mut way_in = false;
        for person in local {
            let name = person.shown();
            for (secret, words) in [
                (Secret::Local, "with the local password"),
                (Secret::Wrong, "without the password"),
            ] {
                self.same(&Case {
                    who: format!("{name} {words}"),
                    person,
                    before: secret,
                    after: secret,
                    ours: CodeSet::ANY,
                })?;
            }
            let gets_in = self.outcome(self.before, person, Secret::Local);
            way_in |= gets_in.may_succeed();
            self.credentials(person, CodeSet::one(Code::MODULE_UNKNOWN), Secret::Local)?;
        }
        if !way_in {
            let names: Vec<&str> = local.iter().map(Person::shown).collect();
            return Err(Harm::NoWayIn {
                who: names.join(", "),
            });
        }
        let mut replaced = false;
        for person in others {
            self.not_let_in(person)?;
            let is_ignored = matches!(person.uid, Uid::Is(uid) if uid < self.min_uid);
            if !is_ignored || person.name.is_some() {
                replaced |= self.let_in(person)?;
            }
        }
        match replaced {
            true => Ok(()),
            false => Err(Harm::NoSecret),
        }
    }

    /// People that authentik refuses or the module ignores.
    fn not_let_in(&self, person: &Person) -> Result<(), Harm> {
        for secret in [Secret::Local, Secret::Wrong] {
            self.same(&Case {
                who: format!("{} (ignored by the configuration)", person.shown()),
                person,
                before: secret,
                after: secret,
                ours: CodeSet::one(Code::IGNORE),
            })?;
            let refused = Case {
                who: format!("{} (refused by authentik)", person.shown()),
                person,
                before: secret,
                after: secret,
                ours: refusals(),
            };
            let pairs = self.pairs(&refused);
            let laxer = |before: Code, after| before != Code::SUCCESS && after == Code::SUCCESS;
            if let Some(way) = pairs.way_to(laxer) {
                return Err(self.laxer(refused.who, &way));
            }
        }
        Ok(())
    }

    /// People that authentik lets in: they must get in as if they had given the secret
    /// of one of the lines. Returns whether there is such a line.
    fn let_in(&self, person: &Person) -> Result<bool, Harm> {
        let mut harm = None;
        let secrets = self.before.iter().filter(|entry| asks_for_secret(entry));
        for line in secrets {
            let secret = Secret::Of(line);
            if !self.outcome(self.before, person, secret).may_succeed() {
                continue;
            }
            let case = Case {
                who: format!("{} (accepted by authentik)", person.shown()),
                person,
                before: secret,
                after: Secret::Wrong,
                ours: CodeSet::one(Code::SUCCESS),
            };
            match self.same(&case) {
                Ok(()) => {
                    self.credentials(person, CodeSet::one(Code::SUCCESS), Secret::Wrong)?;
                    return Ok(true);
                }
                Err(found) => harm = harm.or(Some(found)),
            }
        }
        match harm {
            Some(harm) => Err(harm),
            None => self.stays_out(person).map(|()| false),
        }
    }

    /// Somebody that the stack lets in by no secret: authentik must not let them in
    /// either.
    fn stays_out(&self, person: &Person) -> Result<(), Harm> {
        let line = self.before.iter().find(|entry| asks_for_secret(entry));
        let case = Case {
            who: format!("{} (accepted by authentik)", person.shown()),
            person,
            before: line.map_or(Secret::Wrong, Secret::Of),
            after: Secret::Wrong,
            ours: CodeSet::one(Code::SUCCESS),
        };
        match self.pairs(&case).way_to(|_, after| after == Code::SUCCESS) {
            Some(way) => Err(self.laxer(case.who, &way)),
            None => Ok(()),
        }
    }

    fn situation<'b>(&'b self, person: &'b Person, secret: Secret<'b>) -> Situation<'b> {
        Situation {
            kind: Kind::Auth,
            service: self.service,
            person,
            secret,
            ours: CodeSet::ANY,
            gates: Gates::Any,
        }
    }

    fn outcome(&self, entries: &[Entry], person: &Person, secret: Secret<'_>) -> CodeSet {
        let situation = self.situation(person, secret);
        play(entries, Detail::Verdict, |_, entry| {
            situation.results(entry)
        })
        .codes()
    }

    /// The entries of the second stack for the same line: the repeated one in the
    /// block, and the original behind it.
    fn partners(&self, at: usize) -> [Option<usize>; 2] {
        let place = self.repeated.iter().position(|repeated| *repeated == at);
        let repeated = place.map(|place| self.repeated_at.saturating_add(place));
        // Both walks can meet at the repeated line, but not at an earlier one.
        let is_before = self.repeated.iter().any(|repeated| *repeated > at);
        if repeated.is_none() && is_before && at >= self.block.start {
            return [None, None];
        }
        let own = match at < self.block.start {
            true => at,
            false => at.saturating_add(self.block.len()),
        };
        [repeated, Some(own)]
    }

    /// Whether an entry of the second stack is one that the block repeats.
    fn is_repeated(&self, after: usize) -> bool {
        let before = after.checked_sub(self.block.len());
        before.is_some_and(|before| self.repeated.contains(&before))
    }

    fn pairs(&self, case: &Case<'_>) -> Pairs {
        let situation = |secret| Situation {
            ours: case.ours,
            ..self.situation(case.person, secret)
        };
        let (before, after) = (situation(case.before), situation(case.after));
        let together = Together {
            first: self.before,
            second: self.after,
            follows: false,
            debian: self.debian,
            detail: Detail::Verdict,
        };
        let codes = |entries: &[Entry], at: Option<usize>, situation: &Situation<'_>| {
            let entry = at.and_then(|at| entries.get(at));
            entry.map(|entry| situation.results(entry))
        };
        together.play(
            |at| self.partners(at),
            |a, b| {
                let again = a.is_none() && b.is_some_and(|b| self.is_repeated(b));
                let a = codes(self.before, a, &before);
                let b = codes(self.after, b, &after);
                match (a, b) {
                    (Some(a), Some(b)) if a == b => a.iter().map(|code| (code, code)).collect(),
                    (Some(a), Some(b)) => a
                        .iter()
                        .flat_map(|a| b.iter().map(move |b| (a, b)))
                        .collect(),
                    // If it has refused, nothing behind it counts: the line returns the
                    // same again.
                    (None, Some(_)) if again => vec![(Code::SUCCESS, Code::SUCCESS)],
                    (Some(one), None) | (None, Some(one)) => {
                        one.iter().map(|code| (code, code)).collect()
                    }
                    (None, None) => Vec::new(),
                }
            },
        )
    }

    /// They get in by both, or by neither.
    fn same(&self, case: &Case<'_>) -> Result<(), Harm> {
        let pairs = self.pairs(case);
        let laxer = |before: Code, after| before != Code::SUCCESS && after == Code::SUCCESS;
        if let Some(way) = pairs.way_to(laxer) {
            return Err(self.laxer(case.who.clone(), &way));
        }
        let kept_out = |before, after| before == Code::SUCCESS && after != Code::SUCCESS;
        match pairs.way_to(kept_out) {
            Some(way) => Err(Harm::KeptOut {
                who: case.who.clone(),
                entry: way
                    .iter()
                    .filter_map(|met| met.second)
                    .find(|(_, code)| is_refusal(*code))
                    .map(|(at, _)| at),
            }),
            None => Ok(()),
        }
    }

    /// Names the line that refused before: first of all one that is no longer asked, and
    /// whose refusal counts by itself.
    fn laxer(&self, who: String, way: &[Met]) -> Harm {
        let refused = |only_before: bool, by_itself: bool| {
            way.iter()
                .filter(|met| !only_before || met.second.is_none())
                .filter_map(|met| met.first)
                .find(|(at, code)| {
                    let is_meant = |entry: &Entry| {
                        let action = entry.control.action(*code);
                        !asks_for_secret(entry)
                            && (!by_itself || matches!(action, Action::Bad | Action::Die))
                    };
                    is_refusal(*code) && self.before.get(*at).is_some_and(is_meant)
                })
        };
        let entry = refused(true, true)
            .or_else(|| refused(true, false))
            .or_else(|| refused(false, false))
            .map(|(at, _)| at);
        Harm::Laxer { who, entry }
    }

    /// pam_setcred after authentication: nobody who got credentials before may fail
    /// there now, neither on the same handle nor on a separate one, as in sshd.
    fn credentials(&self, person: &Person, ours: CodeSet, secret: Secret<'_>) -> Result<(), Harm> {
        let harm = || Harm::KeptOut {
            who: format!("{} by pam_setcred", person.shown()),
            entry: None,
        };
        let alone = |entries: &[Entry]| {
            let situation = Situation {
                ours,
                ..self.situation(person, secret)
            };
            play(entries, Detail::Verdict, |_, entry| {
                situation.credentials(entry)
            })
            .codes()
        };
        let (before, after) = (alone(self.before), alone(self.after));
        if before.may_succeed() && !after.may_succeed() || !before.may_fail() && after.may_fail() {
            return Err(harm());
        }
        let local = match secret {
            Secret::Wrong => self.before.iter().find(|entry| asks_for_secret(entry)),
            _ => None,
        };
        let before_secret = local.map_or(secret, Secret::Of);
        let before = self.chain(self.before, person, ours, before_secret);
        let after = self.chain(self.after, person, ours, secret);
        if before.0 && !after.0 || before.0 && !before.1 && after.1 {
            return Err(harm());
        }
        Ok(())
    }

    /// Whether pam_setcred can succeed and whether it can fail, after a successful
    /// authentication on the same handle.
    fn chain(
        &self,
        entries: &[Entry],
        person: &Person,
        ours: CodeSet,
        secret: Secret<'_>,
    ) -> (bool, bool) {
        let situation = Situation {
            ours,
            gates: Gates::Open,
            ..self.situation(person, secret)
        };
        let together = Together {
            first: entries,
            second: entries,
            follows: true,
            debian: self.debian,
            detail: Detail::Verdict,
        };
        let pairs = together.play(
            |at| [Some(at), None],
            |a, b| {
                let entry = |at: Option<usize>| at.and_then(|at| entries.get(at));
                let first = entry(a).map(|entry| situation.results(entry));
                let second = entry(b).map(|entry| situation.credentials(entry));
                let unused = CodeSet::one(Code::IGNORE);
                let second = second.unwrap_or(unused);
                first
                    .unwrap_or(unused)
                    .iter()
                    .flat_map(|a| second.iter().map(move |b| (a, b)))
                    .collect()
            },
        );
        let ends = |wanted: bool| {
            pairs
                .iter()
                .any(|(auth, cred)| auth == Code::SUCCESS && (cred == Code::SUCCESS) == wanted)
        };
        (ends(true), ends(false))
    }
}

fn is_refusal(code: Code) -> bool {
    ![Code::SUCCESS, Code::IGNORE].contains(&code)
}
