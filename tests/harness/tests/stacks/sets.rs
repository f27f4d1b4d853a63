//! A play of sets has the results of the plays of all their codes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::engine::Kind;
use crate::engine::codes::{Code, CodeSet};
use crate::engine::load::{Entry, Role};
use crate::engine::play::{Detail, play};
use crate::engine::together::Together;
use crate::random::{Random, stack};
use crate::real::{code_named, files};

/// The entries that may return several codes, and those codes.
type Doubts = BTreeMap<usize, Vec<Code>>;

fn doubts(random: &mut Random, entries: &[Entry]) -> Doubts {
    const CODES: [&str; 4] = ["success", "ignore", "auth_err", "new_authtok_reqd"];
    let mut doubts = Doubts::new();
    for (at, entry) in entries.iter().enumerate() {
        if entry.role == Role::Module && doubts.len() < 4 {
            let codes = CODES.iter().filter(|_| random.below(3) > 0);
            let codes: Vec<Code> = codes.map(|name| code_named(name)).collect();
            if !codes.is_empty() {
                doubts.insert(at, codes);
            }
        }
    }
    doubts
}

/// Every choice of one code for each unknown result.
fn choices(doubts: &Doubts) -> Vec<BTreeMap<usize, Code>> {
    let mut all = vec![BTreeMap::new()];
    for (at, codes) in doubts {
        all = all
            .into_iter()
            .flat_map(|choice: BTreeMap<usize, Code>| {
                codes.iter().map(move |code| {
                    let mut choice = choice.clone();
                    choice.insert(*at, *code);
                    choice
                })
            })
            .collect();
    }
    all
}

fn together(entries: &[Entry], follows: bool, doubts: &Doubts) -> BTreeSet<(Code, Code)> {
    let together = Together {
        first: entries,
        second: entries,
        follows,
        debian: true,
        detail: Detail::Codes,
    };
    let codes = |at: Option<usize>| -> Vec<Code> {
        let known = at.and_then(|at| doubts.get(&at).cloned());
        known.unwrap_or_else(|| vec![Code::MODULE_UNKNOWN])
    };
    let pairs = together.play(
        |at| [Some(at), None],
        |a, b| {
            let (a, b) = (codes(a), codes(b));
            match follows {
                // The two calls of a module may differ.
                true => a.iter().flat_map(|a| b.iter().map(|b| (*a, *b))).collect(),
                // The same module in two stacks returns the same.
                false => match a.len() >= b.len() {
                    true => a.iter().map(|a| (*a, *a)).collect(),
                    false => b.iter().map(|b| (*b, *b)).collect(),
                },
            }
        },
    );
    pairs.iter().collect()
}

#[test]
fn a_set_stands_for_each_of_its_codes() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    let (mut several, mut verdicts) = (0, 0);
    for number in 0..1500 {
        let mut random = Random(99 + number * 0x1_0000_0000);
        for (name, text) in stack(&mut random, dir) {
            fs::write(dir.join(name), text).unwrap();
        }
        let service = files(dir).load("service");
        for kind in Kind::ALL {
            let entries = service.own(kind);
            if entries.is_empty() || entries.len() > 12 {
                continue;
            }
            let doubts = doubts(&mut random, entries);
            let set = |at: usize| match doubts.get(&at) {
                Some(codes) => CodeSet::of(codes),
                None => CodeSet::one(Code::MODULE_UNKNOWN),
            };
            let whole = play(entries, Detail::Codes, |at, _| set(at)).codes();
            let mut single = CodeSet::NONE;
            let mut pairs = BTreeSet::new();
            for choice in choices(&doubts) {
                let code = |at: usize| {
                    CodeSet::one(choice.get(&at).copied().unwrap_or(Code::MODULE_UNKNOWN))
                };
                let ends = play(entries, Detail::Codes, |at, _| code(at)).codes();
                single = ends.iter().fold(single, CodeSet::with);
                pairs.extend(ends.iter().map(|code| (code, code)));
                // Its path leads to it.
                let end = ends.iter().next().unwrap();
                let way = play(entries, Detail::Codes, |at, _| code(at)).way_to(end);
                assert!(way.iter().all(|(at, code)| match entries[*at].role {
                    Role::MustFail => *code == Code::PERM_DENIED,
                    _ =>
                        CodeSet::one(*code)
                            == self::CodeSet::one(
                                choice.get(at).copied().unwrap_or(Code::MODULE_UNKNOWN)
                            ),
                }));
            }
            assert_eq!(whole, single, "{entries:#?}");
            several += u32::from(whole.iter().count() > 1);
            // Success and failure stay exact when kinds of codes are merged.
            let verdict = play(entries, Detail::Verdict, |at, _| set(at)).codes();
            assert_eq!(verdict.may_succeed(), whole.may_succeed(), "{entries:#?}");
            assert_eq!(verdict.may_fail(), whole.may_fail(), "{entries:#?}");
            verdicts += u32::from(verdict.may_succeed() && verdict.may_fail());
            // A stack beside itself ends like itself, with the same code in both.
            assert_eq!(together(entries, false, &doubts), pairs, "{entries:#?}");
            // A followed chain starts like the first call.
            let firsts = together(entries, true, &doubts)
                .into_iter()
                .fold(CodeSet::NONE, |set, (first, _)| set.with(first));
            assert_eq!(firsts, whole, "{entries:#?}");
        }
    }
    assert!(several > 300 && verdicts > 100, "{several} {verdicts}");
}
