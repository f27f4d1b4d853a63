//! Computes the result of a stack from its modules' results, as libpam does.
//!
//! A module's result is a set of codes, and each code is followed. The states in which
//! a module is reached are kept, so the work grows with the number of states and not
//! with the number of paths.

use std::collections::{BTreeMap, HashMap};

use super::codes::{Code, CodeSet};
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
struct State {
    /// The next entry.
    at: usize,
    impression: Impression,
    status: Code,
    /// The level of the previous entry.
    level: usize,
    /// The outcome at the entrance of each substack around it.
    entered: Vec<(Impression, Code)>,
}

/// How the action for a result is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chain {
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

enum Step {
    Next(State),
    End(Code),
}

impl State {
    fn start() -> Self {
        Self {
            at: 0,
            impression: Impression::Undefined,
            status: Code::PERM_DENIED,
            level: 0,
            entered: vec![(Impression::Undefined, Code::PERM_DENIED)],
        }
    }

    /// The final result.
    fn result(&self) -> Code {
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
    fn step(&self, entries: &[Entry], result: Code, chain: Chain) -> Step {
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

/// The codes of an entry: those of `result`, or the one that libpam itself sets.
fn results_of(entry: &Entry, index: usize, result: &impl Fn(usize, &Entry) -> CodeSet) -> CodeSet {
    match entry.role {
        Role::MustFail => CodeSet::one(Code::PERM_DENIED),
        // It is not called. One code, so that there is one path.
        Role::Substack => CodeSet::one(Code::SUCCESS),
        Role::Module => result(index, entry),
    }
}

/// One code for each kind of result that the stack distinguishes: later entries depend
/// only on the action, and on whether the code is success or ignore.
fn representatives(entry: &Entry, codes: CodeSet) -> Vec<Code> {
    let mut known: Vec<(Action, bool, bool)> = Vec::new();
    codes
        .iter()
        .filter(|code| {
            let action = entry.control.action(*code);
            let kind = (action, *code == Code::SUCCESS, *code == Code::IGNORE);
            let new = !known.contains(&kind);
            known.push(kind);
            new || *code == Code::INCOMPLETE
        })
        .collect()
}

/// The possible results of a stack.
#[derive(Debug, Clone)]
pub(crate) struct Outcomes {
    nodes: Vec<Node>,
    ends: BTreeMap<Code, usize>,
}

#[derive(Debug, Clone)]
struct Node {
    /// The previous node, the entry that led here, and its module's result.
    from: Option<(usize, usize, Code)>,
}

impl Outcomes {
    /// The codes that the call can return.
    pub(crate) fn codes(&self) -> CodeSet {
        self.ends
            .keys()
            .fold(CodeSet::NONE, |set, code| set.with(*code))
    }

    /// One path to `code`: the entries that were called, each with its result.
    pub(crate) fn way_to(&self, code: Code) -> Vec<(usize, Code)> {
        let mut way = Vec::new();
        let mut at = self.ends.get(&code).copied();
        while let Some((before, entry, result)) =
            at.and_then(|at| self.nodes.get(at)).and_then(|n| n.from)
        {
            way.push((entry, result));
            at = Some(before);
        }
        way.reverse();
        way
    }
}

/// How exactly codes are distinguished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Success or not is exact; a failure's code is one of several.
    Verdict,
    /// Each code is exact.
    Codes,
}

/// Plays a stack: the codes that the call can return if its modules return those of
/// `result`.
pub(crate) fn play(
    entries: &[Entry],
    detail: Detail,
    result: impl Fn(usize, &Entry) -> CodeSet,
) -> Outcomes {
    let mut outcomes = Outcomes {
        nodes: vec![Node { from: None }],
        ends: BTreeMap::new(),
    };
    let mut seen: HashMap<State, usize> = HashMap::new();
    let mut open = vec![(State::start(), 0_usize)];
    while let Some((state, node)) = open.pop() {
        let Some(entry) = entries.get(state.at) else {
            outcomes.ends.entry(state.result()).or_insert(node);
            continue;
        };
        let codes = results_of(entry, state.at, &result);
        let codes = match detail {
            Detail::Verdict => representatives(entry, codes),
            Detail::Codes => codes.iter().collect(),
        };
        for code in codes {
            let index = outcomes.nodes.len();
            match state.step(entries, code, Chain::Defines) {
                Step::End(end) => {
                    outcomes.ends.entry(end).or_insert(index);
                }
                Step::Next(next) => {
                    if seen.contains_key(&next) {
                        continue;
                    }
                    seen.insert(next.clone(), index);
                    open.push((next, index));
                }
            }
            let shown = entry.role != Role::Substack;
            let from = outcomes.nodes.get(node).and_then(|node| node.from);
            outcomes.nodes.push(Node {
                from: match shown {
                    true => Some((node, state.at, code)),
                    false => from,
                },
            });
        }
    }
    outcomes
}

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
