//! The conditions of pam_succeed_if: what they ask of a person, and the kinds of person
//! that they tell apart.

use super::Entry;
use super::person::{Person, Uid};
use super::results::text_holds;
use crate::cli::local;

/// Words that are no part of a condition.
const FLAGS: [&str; 6] = [
    "debug",
    "use_uid",
    "quiet",
    "quiet_fail",
    "quiet_success",
    "audit",
];

/// Each operator that negates another.
const NEGATIONS: [(&str, &str); 5] = [
    ("!=", "="),
    ("!~", "=~"),
    ("notin", "in"),
    ("notingroup", "ingroup"),
    ("notinnetgr", "innetgr"),
];

/// The limit of facts of which each combination is played. The others stay unknown.
const MOST_FACTS: usize = 5;

/// One condition, such as `uid >= 1000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition<'a> {
    left: &'a str,
    operator: &'a str,
    right: &'a str,
    /// It is about the program's caller and not about the person who logs in.
    of_caller: bool,
}

/// The conditions of a line, all of which must hold. `None` if it has none, or a word
/// that is not known here.
pub(super) fn conditions(entry: &Entry) -> Option<Vec<Condition<'_>>> {
    let of_caller = entry.arguments.iter().any(|word| word == "use_uid");
    let mut words = entry
        .arguments
        .iter()
        .map(String::as_str)
        .filter(|word| !FLAGS.contains(word));
    let mut found = Vec::new();
    while let Some(left) = words.next() {
        found.push(Condition {
            left,
            operator: words.next()?,
            right: words.next()?,
            of_caller,
        });
    }
    (!found.is_empty()).then_some(found)
}

impl<'a> Condition<'a> {
    /// The operator without its negation, and whether it has one.
    fn positive(&self) -> (&'a str, bool) {
        let negation = NEGATIONS.iter().find(|(no, _)| *no == self.operator);
        negation.map_or((self.operator, false), |(_, yes)| (yes, true))
    }

    /// The fact on which it depends. A condition and its negation have the same.
    fn fact(&self) -> String {
        let whose = match self.of_caller {
            true => "caller's ",
            false => "",
        };
        let (operator, _) = self.positive();
        format!("{whose}{} {operator} {}", self.left, self.right)
    }

    /// Whether it holds, if known.
    pub(super) fn holds(&self, person: &Person, service: &str) -> Option<bool> {
        let (operator, is_negated) = self.positive();
        let right = self.right;
        let known = match (self.left, self.of_caller) {
            ("service", _) => text_holds(service, operator, right),
            (_, true) => None,
            ("user", _) if operator == "ingroup" => {
                any(right.split(':').map(|group| person.is_in_group(group)))
            }
            ("user", _) => match (&person.name, operator) {
                (Some(name), _) => text_holds(name, operator, right),
                // Everybody that a condition names is played by name.
                (None, "=" | "in") => Some(false),
                (None, _) => None,
            },
            ("uid", _) if operator == "in" => any(right
                .split(':')
                .map(|uid| person.uid_holds("=", uid.parse().ok()?))),
            ("uid", _) => (right.parse().ok()).and_then(|uid| person.uid_holds(operator, uid)),
            ("shell", _) => person
                .shell()
                .and_then(|shell| text_holds(&shell, operator, right)),
            _ => None,
        };
        let fact = known.or_else(|| person.assumes(&self.fact()));
        // Unless something is assumed, somebody is in no group that a stack names.
        let is_plain = person.name.is_none() && person.assumed.is_empty();
        let is_nobodys = is_plain && operator == "ingroup" && !self.of_caller;
        fact.or(is_nobodys.then_some(false))
            .map(|holds| holds != is_negated)
    }

    /// The numbers with which it compares a uid.
    fn uids(&self) -> Vec<u32> {
        match (self.left, self.of_caller) {
            ("uid", false) => (self.right.split(':'))
                .filter_map(|uid| uid.parse().ok())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Whether its fact can be chosen for somebody without a name.
    fn is_open(&self) -> bool {
        match (self.left, self.of_caller) {
            ("service", _) => false,
            ("user", false) => !["=", "in"].contains(&self.positive().0),
            ("uid", false) => self.uids().is_empty(),
            _ => true,
        }
    }
}

/// Whether one of several facts is true, if known.
fn any(facts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut any = Some(false);
    for fact in facts {
        match fact {
            Some(true) => return Some(true),
            Some(false) => {}
            None => any = None,
        }
    }
    any
}

fn of_all(entries: &[Entry]) -> impl Iterator<Item = Condition<'_>> {
    entries
        .iter()
        .filter(|entry| entry.name() == "pam_succeed_if.so")
        .filter_map(conditions)
        .flatten()
}

/// The names in a stack's conditions: users, and the members of groups. It does not
/// matter whether a condition is negated.
pub(crate) fn mentioned(entries: &[Entry]) -> Vec<String> {
    let mut names = users(entries);
    let conditions = of_all(entries).filter(|condition| !condition.of_caller);
    for condition in conditions.filter(|condition| condition.left == "user") {
        if condition.positive().0 == "ingroup" {
            names.extend(condition.right.split(':').flat_map(local::members));
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The same without the members of groups, which may be many: `kinds` has people in and
/// outside of each group.
pub(crate) fn users(entries: &[Entry]) -> Vec<String> {
    let mut names = Vec::new();
    for condition in of_all(entries).filter(|condition| !condition.of_caller) {
        let right = condition.right;
        match (condition.left, condition.positive().0) {
            ("user", "in" | "=") => names.extend(right.split(':').map(str::to_owned)),
            ("uid", "eq" | "=") if right == "0" => names.push("root".into()),
            _ => {}
        }
    }
    names.sort();
    names.dedup();
    names
}

/// One person for each way in which the conditions of a stack can hold for somebody
/// that no condition names: with a uid on each side of each limit, in and outside of each
/// group, local or not.
pub(crate) fn kinds(entries: &[Entry], min_uid: u32) -> Vec<Person> {
    let mut kinds: Vec<Person> = uids(entries, min_uid)
        .into_iter()
        .flat_map(|uid| {
            [true, false].map(|is_local| Person {
                uid,
                ..Person::somebody(is_local)
            })
        })
        .collect();
    let mut facts: Vec<String> = of_all(entries)
        .filter(Condition::is_open)
        .map(|condition| condition.fact())
        .collect();
    facts.sort();
    facts.dedup();
    for fact in facts.into_iter().take(MOST_FACTS) {
        kinds = kinds
            .into_iter()
            .flat_map(|person| [true, false].map(|holds| person.clone().assume(&fact, holds)))
            .collect();
    }
    kinds
}

/// A uid for each way in which the conditions on it can hold.
fn uids(entries: &[Entry], min_uid: u32) -> Vec<Uid> {
    let mut limits: Vec<u32> = of_all(entries)
        .flat_map(|condition| condition.uids())
        .collect();
    if entries
        .iter()
        .any(|entry| entry.name() == "pam_usertype.so")
    {
        limits.push(local::first_person());
    }
    if limits.is_empty() {
        return vec![Uid::Persons];
    }
    limits.push(min_uid);
    let mut uids: Vec<u32> = limits
        .iter()
        .flat_map(|limit| [limit.saturating_sub(1), *limit, limit.saturating_add(1)])
        // Root is played by name.
        .filter(|uid| *uid != 0)
        .collect();
    uids.sort_unstable();
    uids.dedup();
    uids.into_iter().map(Uid::Is).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::stack::{Kind, Stacks};

    fn entries(lines: &[&str]) -> Vec<Entry> {
        let dir = tempfile::tempdir().unwrap();
        let text: String = lines
            .iter()
            .map(|line| format!("auth required {line}\n"))
            .collect();
        std::fs::write(dir.path().join("x"), text).unwrap();
        Stacks::at(dir.path()).entries("x", Kind::Auth).unwrap()
    }

    #[test]
    fn each_condition_is_true_for_somebody_and_false_for_somebody() {
        for line in [
            "user != bob",
            "user notin bob:carol",
            "user notingroup banned",
            "user ingroup staff",
            "user !~ b*",
            "user innetgr hosts",
            "uid >= 1000",
            "uid ne 1500",
            "uid = 500",
            "uid notin 500:501",
            "gid > 100",
            "shell = /bin/bash",
            "use_uid user ingroup wheel",
            "quiet rhost !~ 10.*",
        ] {
            let entries = entries(&[&format!("pam_succeed_if.so {line}")]);
            let conditions = conditions(entries.first().unwrap()).unwrap();
            let condition = conditions.first().unwrap();
            let mut people = kinds(&entries, 100);
            people.extend(mentioned(&entries).iter().map(|name| Person::named(name)));
            for wanted in [true, false] {
                let found = people
                    .iter()
                    .any(|person| condition.holds(person, "sshd") == Some(wanted));
                assert!(found, "{line}: {wanted}");
            }
        }
    }

    /// There are too many combinations, so some facts are unknown and none is false.
    #[test]
    fn facts_that_are_too_many_stay_unknown() {
        let lines: Vec<String> = ('a'..'j')
            .map(|group| format!("pam_succeed_if.so user notingroup {group}"))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let entries = entries(&lines);
        for person in kinds(&entries, 1000) {
            let unknown = of_all(&entries).filter(|one| one.holds(&person, "x").is_none());
            assert_eq!(unknown.count(), 9 - MOST_FACTS);
        }
    }

    #[test]
    fn a_condition_and_its_negation_have_one_fact() {
        let entries = entries(&[
            "pam_succeed_if.so user ingroup a",
            "pam_succeed_if.so user notingroup a",
        ]);
        let people = kinds(&entries, 1000);
        assert_eq!(people.len(), 4);
        for person in &people {
            let holds = |at: usize| {
                let conditions = conditions(entries.get(at).unwrap()).unwrap();
                conditions.first().unwrap().holds(person, "x").unwrap()
            };
            assert_ne!(holds(0), holds(1));
        }
    }

    #[test]
    fn a_word_that_is_not_known_makes_the_line_unknown() {
        for line in ["", "quiet", "user", "user =", "user = bob quieter"] {
            let entries = entries(&[&format!("pam_succeed_if.so {line}")]);
            assert_eq!(conditions(entries.first().unwrap()), None, "{line}");
        }
    }
}
