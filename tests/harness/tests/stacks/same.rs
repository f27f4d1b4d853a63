//! Both give the same results.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::engine::Kind;
use crate::engine::codes::Code;
use crate::engine::control::Action;
use crate::engine::load::{Entry, Role, Service};
use crate::engine::walk::jumps_past_the_end;
use crate::random::{Random, Stack, stack};
use crate::real::{ask, expect, files, ways};

/// How many stacks: `PAM_HARNESS_STACKS`, or as many as a minute allows.
fn how_many() -> u64 {
    let said = std::env::var("PAM_HARNESS_STACKS").ok();
    said.map_or(3000, |number| number.parse().expect("a number of stacks"))
}

fn write(dir: &Path, stack: &Stack) {
    for (name, text) in stack {
        fs::write(dir.join(name), text).unwrap();
    }
}

fn show(stack: &Stack) -> String {
    stack
        .iter()
        .map(|(name, text)| format!("== {name}\n{text}"))
        .collect()
}

/// Features that occurred in a stack's plays.
fn occurred(service: &Service, counts: &mut BTreeMap<&'static str, u64>) {
    let mut seen: Vec<&'static str> = Vec::new();
    let mut note = |what| {
        if !seen.contains(&what) {
            seen.push(what);
        }
    };
    for (entries, way) in ways(service) {
        for (at, code) in way {
            let entry: &Entry = &entries[at];
            match entry.control.action(code) {
                Action::Ignore => note("ignore"),
                Action::Ok => note("ok"),
                Action::Done => note("done"),
                Action::Bad => note("bad"),
                Action::Die => note("die"),
                Action::Reset => note("reset"),
                Action::Jump(count) => match jumps_past_the_end(entries, at, count) {
                    true => note("a jump past the end"),
                    false => note("a jump"),
                },
            }
            match entry.level {
                1 => note("a substack"),
                2 => note("a substack in a substack"),
                3.. => note("a substack three deep"),
                _ => {}
            }
            if entry.role == Role::MustFail {
                note("a line that must fail");
            }
            if entry.role == Role::Module
                && code == Code::MODULE_UNKNOWN
                && entry.module == "pam_that_is_not_there.so"
            {
                note("a module that is missing");
            }
            if entry.file.file_name().is_some_and(|name| name == "file3") {
                note("a file three includes deep");
            }
        }
    }
    if service.broken.is_some() {
        note("a file that is broken");
    }
    if Kind::ALL.iter().any(|kind| service.own(*kind).is_empty()) {
        note("the stack of other");
    }
    for what in seen {
        *counts.entry(what).or_default() += 1;
    }
}

const EACH: [&str; 14] = [
    "ignore",
    "ok",
    "done",
    "bad",
    "die",
    "reset",
    "a jump",
    "a jump past the end",
    "a substack",
    "a substack in a substack",
    "a substack three deep",
    "a line that must fail",
    "a module that is missing",
    "a file three includes deep",
];

#[test]
fn random_stacks_end_as_libpam_ends_them() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    let mut counts = BTreeMap::new();
    let all = how_many();
    let seed = std::env::var("PAM_HARNESS_SEED").map_or(16, |seed| seed.parse().unwrap());
    for number in 0..all {
        let mut random = Random(seed + number * 0x1_0000_0000);
        let stack = stack(&mut random, dir);
        for old in fs::read_dir(dir).unwrap() {
            fs::remove_file(old.unwrap().path()).unwrap();
        }
        write(dir, &stack);
        let service = files(dir).load("service");
        if service.undefined {
            *counts.entry("left out: undefined in libpam").or_default() += 1;
            continue;
        }
        let engine = expect(&service);
        let libpam = ask(dir, "service");
        assert_eq!(
            engine,
            libpam,
            "stack {number}: the engine on the left, libpam on the right\n{}",
            show(&stack)
        );
        occurred(&service, &mut counts);
    }
    println!("{all} stacks, each played by both; how many of them took:");
    for (what, count) in &counts {
        println!("{count:7} {what}");
    }
    for what in EACH {
        let count = counts.get(what).copied().unwrap_or_default();
        assert!(count >= all / 40, "{what}: {count} of {all}");
    }
}
