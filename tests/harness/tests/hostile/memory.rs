//! A process that has no memory left.

use std::fmt::Write;
use std::sync::Arc;

use authentik_double::{Group, User, Version};
use pam_harness::script::ProcessOptions;
use pam_harness::{HarnessError, Outcome};

use crate::bench::{Bench, PASSWORD};

/// The memory that the module reserves, with the room beside it (`src/sys/memory.rs`).
const RESERVED: u64 = 9 << 20;

/// A login that uses as much memory as possible: users/me has the maximal size of an answer,
/// and every certificate of the machine is trusted.
fn heavy() -> Bench {
    let bench = Bench::new();
    let groups = match Version::asked_for().shows_the_user_twice() {
        true => 1800,
        false => 3600,
    };
    bench.double.world(|world| {
        let mut user = User::new("heavy");
        for number in 0..groups {
            let name = format!("{number:0>200}");
            world.add_group(Group::new(&name));
            user = user.group(&name);
        }
        world.add_user(user);
    });
    bench
}

fn log_in(bench: &Bench, user: &str, left: u64) -> Result<Outcome, HarnessError> {
    let machine = "/etc/ssl/certs/ca-certificates.crt";
    let mut bundle = std::fs::read_to_string(machine).unwrap_or_default();
    bundle.push_str(bench.double.ca_pem());
    bench
        .pam("linux-login", user)
        .account("heavy", 2200)
        .file("ca.pem", &bundle)
        .answer_every_secret(PASSWORD)
        .process(ProcessOptions {
            address_space_left: Some(left),
            ..Default::default()
        })
        // The stack is loaded by the first call, which has no limit.
        .setcred()
        .authenticate()
        .try_run()
}

/// With less memory than the reserve the module says so. With just the reserve the heaviest
/// login succeeds. In between, nothing crashes.
#[test]
fn a_login_has_its_memory_or_is_refused() {
    pam_harness::require_isolation!();
    let bench = Arc::new(heavy());
    let largest = bench.double.url();
    assert!(!largest.is_empty());
    let fine = (0..16).map(|step| RESERVED + step * (4 << 10));
    let coarse = (0..=18).map(|step| step * (1 << 19));
    let more = (1..8).map(|step| RESERVED + step * (1 << 20));
    let mut table = String::new();
    for left in coarse.chain(fine).chain(more) {
        for user in ["alice", "heavy"] {
            let outcome = log_in(&bench, user, left);
            let outcome = outcome.unwrap_or_else(|why| panic!("{left} bytes, {user}: {why}"));
            let code = outcome.code().to_string();
            let log: Vec<String> = outcome.log().iter().map(ToString::to_string).collect();
            // Writing to a String does not fail.
            let _ = writeln!(table, "{left} {user} {code}");
            let expected = match left {
                // The stack itself takes a page or two.
                left if left < RESERVED => "PAM_SYSTEM_ERR",
                _ => "PAM_SUCCESS",
            };
            let one = log.len() == 1 && log.iter().any(|line| line.contains(&code));
            assert!(one, "{left}: {log:?}");
            if code != expected {
                panic!("{left} bytes, {user}: {code}\n{table}\n{log:?}");
            }
            if code == "PAM_SYSTEM_ERR" {
                assert!(log[0].contains("no memory for the module"), "{log:?}");
            }
        }
    }
}
