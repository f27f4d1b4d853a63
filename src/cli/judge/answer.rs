//! Whether somebody gets in by a stack, as far as that can be told.

use crate::cli::stack::results::{Gates, Secret, Situation, is_unknown};
use crate::cli::stack::{Code, CodeSet, Detail, Entry, Kind, Person, play};

/// An answer to a question about a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    /// It depends on this line.
    Maybe(String),
}

impl Answer {
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Maybe(line), _) | (_, Self::Maybe(line)) => Self::Maybe(line),
            (Self::No, Self::No) => Self::No,
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Maybe(line), _) | (_, Self::Maybe(line)) => Self::Maybe(line),
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}

/// One kind of a service's stack.
pub(crate) struct Stack<'a> {
    pub(crate) kind: Kind,
    pub(crate) service: &'a str,
    pub(crate) entries: &'a [Entry],
}

impl Stack<'_> {
    pub(crate) fn place(&self) -> String {
        let ours = self.entries.iter().find(|entry| entry.is_ours());
        ours.map(Entry::place).unwrap_or_default()
    }

    /// Whether somebody gets in if the module returns one of `ours` and every gate lets
    /// them pass.
    pub(crate) fn gets_in(&self, person: &Person, ours: CodeSet, secret: Secret<'_>) -> Answer {
        let situation = Situation {
            kind: self.kind,
            service: self.service,
            person,
            secret,
            ours,
            gates: Gates::Open,
        };
        self.by(&|entry| situation.results(entry))
    }

    /// Whether the stack can succeed with these results.
    pub(crate) fn by(&self, results: &impl Fn(&Entry) -> CodeSet) -> Answer {
        let outcomes = play(self.entries, Detail::Verdict, |_, entry| results(entry));
        let codes = outcomes.codes();
        if !codes.may_succeed() {
            return Answer::No;
        }
        if !codes.may_fail() {
            return Answer::Yes;
        }
        // A wrong secret can fail with several codes, which most stacks treat alike. So
        // the line to name is one that may or may not succeed, and first of all one
        // with an unknown module.
        let way = outcomes.way_to(Code::SUCCESS);
        let open = |unknown: bool| {
            way.iter()
                .filter_map(|(at, _)| self.entries.get(*at))
                .find(|entry| {
                    let results = results(entry);
                    let open = results.may_fail() && results.may_succeed();
                    open && (!unknown || is_unknown(entry))
                })
        };
        let entry = open(true).or_else(|| open(false));
        let entry = entry.or_else(|| way.last().and_then(|(at, _)| self.entries.get(*at)));
        Answer::Maybe(entry.map(shown).unwrap_or_default())
    }
}

/// A line for people: its place and its text.
pub(crate) fn shown(entry: &Entry) -> String {
    let mut words = format!("{} {}", entry.place(), entry.name());
    for argument in &entry.arguments {
        words.push(' ');
        words.push_str(argument);
    }
    words
}
