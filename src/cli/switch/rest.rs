//! Judges what is left of a stack when the block of `enable` is taken out: other lines
//! may have changed since it was written.

use crate::cli::judge::{Answer, Stack};
use crate::cli::stack::compare::refusals;
use crate::cli::stack::results::Secret;
use crate::cli::stack::{CodeSet, Kind, Person, Stacks};

/// A file with the block and without it.
pub(super) struct Change<'a> {
    pub(super) stacks: &'a Stacks,
    pub(super) service: &'a str,
    pub(super) before: &'a str,
    pub(super) after: &'a str,
    /// The accounts that skip the module.
    pub(super) names: &'a [String],
}

impl Change<'_> {
    /// What would become worse: somebody gets in without a secret, or a local account no
    /// longer gets in with its own.
    pub(super) fn harm(&self) -> Option<String> {
        let people = [Person::somebody(true), Person::somebody(false)];
        let is_open = |text| {
            let gets_in = |person| self.gets_in(text, person, refusals(), Secret::Wrong);
            people.iter().any(|person| gets_in(person) == Answer::Yes)
        };
        if is_open(self.after) && !is_open(self.before) {
            return Some(
                "without the lines of enable, the other lines let in everybody, with any password"
                    .into(),
            );
        }
        let kept_out = self.names.iter().find(|name| {
            let person = Person::named(name);
            let gets_in = |text| self.gets_in(text, &person, CodeSet::ANY, Secret::Local);
            gets_in(self.before) == Answer::Yes && gets_in(self.after) == Answer::No
        });
        kept_out.map(|name| {
            format!("without the lines of enable, the other lines keep {name} out, also with the right password")
        })
    }

    fn gets_in(&self, text: &str, person: &Person, ours: CodeSet, secret: Secret<'_>) -> Answer {
        let read = self.stacks.with(self.service, text).load(self.service);
        let stack = Stack {
            kind: Kind::Auth,
            service: self.service,
            entries: read.stack(Kind::Auth),
        };
        stack.gets_in(person, ours, secret)
    }
}
