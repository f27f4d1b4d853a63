//! Computes the result of a stack from its modules' results, as libpam does.
//!
//! A module's result is a set of codes, and each code is followed. The states in which
//! a module is reached are kept, so the work grows with the number of states and not
//! with the number of paths.

use std::collections::{BTreeMap, HashMap};

use super::codes::{Code, CodeSet};
use super::control::Action;
use super::load::{Entry, Role};
use super::walk::{Chain, State, Step};

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
