//! Computes the results of two stacks whose modules answer both of them.

use std::collections::{BTreeMap, HashMap};

use super::codes::Code;
use super::load::{Entry, Role};
use super::play::Detail;
use super::walk::{Chain, State, Step};

/// Two walks that advance together and meet at modules.
pub(crate) struct Together<'a> {
    /// The stack of the first walk.
    pub(crate) first: &'a [Entry],
    /// The stack of the second.
    pub(crate) second: &'a [Entry],
    /// The second walk follows the chain that the first one leaves, as pam_setcred
    /// does after authentication on the same handle.
    pub(crate) follows: bool,
    /// The libpam is Debian's.
    pub(crate) debian: bool,
    pub(crate) detail: Detail,
}

/// The pairs of results that two walks can have, each with one path.
#[derive(Debug, Clone)]
pub(crate) struct Pairs {
    nodes: Vec<(usize, Option<Met>)>,
    ends: BTreeMap<(Code, Code), usize>,
}

/// The entries on a path, each with its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) first: Option<(usize, Code)>,
    pub(crate) second: Option<(usize, Code)>,
}

impl Pairs {
    /// The pairs of results.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Code, Code)> {
        self.ends.keys().copied()
    }

    /// One path to a pair for which `wanted` holds.
    pub(crate) fn way_to(&self, wanted: impl Fn(Code, Code) -> bool) -> Option<Vec<Met>> {
        let (_, end) = self.ends.iter().find(|((a, b), _)| wanted(*a, *b))?;
        let mut way = Vec::new();
        let mut at = *end;
        while let Some((before, met)) = self.nodes.get(at) {
            way.extend(*met);
            if *before == at {
                break;
            }
            at = *before;
        }
        way.reverse();
        Some(way)
    }
}

impl Together<'_> {
    /// Plays both. `partners` gives the entries of the second stack for the same line
    /// of the first, in order. `results` gives the pairs of codes that a line can
    /// return in both walks; if only one walk reaches it, the other half is ignored.
    pub(crate) fn play(
        &self,
        partners: impl Fn(usize) -> [Option<usize>; 2],
        results: impl Fn(Option<usize>, Option<usize>) -> Vec<(Code, Code)>,
    ) -> Pairs {
        let back: HashMap<usize, usize> = (0..self.first.len())
            .flat_map(|at| partners(at).into_iter().flatten().map(move |of| (of, at)))
            .collect();
        let mut pairs = Pairs {
            nodes: vec![(0, None)],
            ends: BTreeMap::new(),
        };
        let mut seen: HashMap<(State, State), usize> = HashMap::new();
        let mut open = vec![(State::start(), State::start(), 0_usize)];
        while let Some((a, b, node)) = open.pop() {
            let (at_a, at_b) = (self.first.get(a.at), self.second.get(b.at));
            if at_a.is_none() && at_b.is_none() {
                pairs.ends.entry((a.result(), b.result())).or_insert(node);
                continue;
            }
            // A line waits for its partner, if that one is still to come.
            let of_a = partners(a.at);
            let meet = of_a.contains(&Some(b.at));
            let waits_a = of_a.iter().flatten().any(|of| *of > b.at);
            let waits_b = back.get(&b.at).filter(|_| at_b.is_some());
            let (go_a, go_b) = match (at_a, at_b) {
                (Some(_), Some(_)) if meet => (true, true),
                (Some(_), Some(_)) if waits_a => (false, true),
                (Some(_), Some(_)) if waits_b.is_some_and(|partner| *partner > a.at) => {
                    (true, false)
                }
                (Some(_), _) => (true, false),
                (None, _) => (false, true),
            };
            for (code_a, code_b) in self.codes(&a, &b, (go_a, go_b), &results) {
                let next_a = match go_a {
                    true => a.step(self.first, code_a, Chain::Defines),
                    false => Step::Next(a.clone()),
                };
                let chain = match self.follows {
                    true => Chain::Follows {
                        earlier: go_a.then_some(code_a),
                        jumps_are_ignored: self.debian,
                    },
                    false => Chain::Defines,
                };
                let next_b = match go_b {
                    true => b.step(self.second, code_b, chain),
                    false => Step::Next(b.clone()),
                };
                let (Step::Next(next_a), Step::Next(next_b)) = (next_a, next_b) else {
                    continue;
                };
                let key = (next_a, next_b);
                if seen.contains_key(&key) {
                    continue;
                }
                let index = pairs.nodes.len();
                let met = Met {
                    first: go_a.then_some((a.at, code_a)),
                    second: go_b.then_some((b.at, code_b)),
                };
                pairs.nodes.push((node, Some(met)));
                seen.insert(key.clone(), index);
                open.push((key.0, key.1, index));
            }
        }
        pairs
    }

    fn codes(
        &self,
        a: &State,
        b: &State,
        (go_a, go_b): (bool, bool),
        results: &impl Fn(Option<usize>, Option<usize>) -> Vec<(Code, Code)>,
    ) -> Vec<(Code, Code)> {
        let role = |entries: &[Entry], at: usize| entries.get(at).map(|entry| entry.role);
        let fixed = |role| match role {
            Some(Role::MustFail) => Some(Code::PERM_DENIED),
            Some(Role::Substack) => Some(Code::SUCCESS),
            _ => None,
        };
        let fixed_a = go_a.then(|| fixed(role(self.first, a.at))).flatten();
        let fixed_b = go_b.then(|| fixed(role(self.second, b.at))).flatten();
        if let Some(code) = fixed_a.or(fixed_b) {
            return vec![(code, code)];
        }
        let codes = results(go_a.then_some(a.at), go_b.then_some(b.at));
        if self.detail == Detail::Codes {
            return codes;
        }
        let kind = |entries: &[Entry], at: usize, code: Code| {
            let action = entries.get(at).map(|entry| entry.control.action(code));
            (action, code == Code::SUCCESS, code == Code::IGNORE)
        };
        let mut known = Vec::new();
        codes
            .into_iter()
            .filter(|(code_a, code_b)| {
                let a = go_a.then(|| kind(self.first, a.at, *code_a));
                let b = go_b.then(|| kind(self.second, b.at, *code_b));
                // In a chain that is followed, the first code also decides the second's action.
                let kind = (a, b);
                let new = !known.contains(&kind);
                known.push(kind);
                new
            })
            .collect()
    }
}
