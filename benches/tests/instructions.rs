//! The number of instructions of a login must not grow unnoticed. It is compared with
//! `instructions.toml`.

use authentik_bench::bundle::BY_THE_BUNDLE;
use authentik_bench::callgrind;
use pam_harness::Module;
use std::collections::BTreeMap;
use std::process::Command;

/// With a tenth more the test fails. With a tenth less the number is out of date.
const TOLERANCE: f64 = 0.1;

type Counts = BTreeMap<String, u64>;

#[test]
fn a_login_takes_no_more_instructions_than_it_did() {
    if !callgrind::is_there() {
        pam_harness::skip!("there is no valgrind");
    }
    let module = Module::built();
    let compiler = callgrind::compiler(module.path()).unwrap();
    let kept: BTreeMap<String, Counts> =
        toml::from_str(include_str!("../instructions.toml")).unwrap();
    let Some(kept) = kept.get(&compiler) else {
        pam_harness::skip!("benches/instructions.toml has no numbers for rustc {compiler}");
    };
    let output = Command::new(env!("CARGO_BIN_EXE_authentik-bench"))
        .arg("instructions")
        .env("PAM_AUTHENTIK_FLOW_SO", module.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    let counted: Counts = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, count)| (name.to_owned(), count.parse().unwrap()))
        .collect();
    println!("rustc {compiler}: {counted:?}");
    for (name, before) in kept {
        let Some(now) = counted.get(name).copied() else {
            assert_eq!(
                name, BY_THE_BUNDLE,
                "valgrind did not count the instructions: {text}"
            );
            println!("{name}: not counted, this host has no bundle");
            continue;
        };
        let ratio = now as f64 / *before as f64;
        assert!(
            ratio <= 1.0 + TOLERANCE,
            "{name}: {now} instructions, {before} are kept in benches/instructions.toml: {ratio:.2} ×. \
             Find out why; if it must be, write the new number there."
        );
        if ratio < 1.0 - TOLERANCE {
            println!(
                "{name}: {now}, fewer than {before}: write that into benches/instructions.toml"
            );
        }
    }
}
