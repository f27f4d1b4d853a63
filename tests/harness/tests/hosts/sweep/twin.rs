//! The counterpart of the sweep: authentik accepts alice, and no limit that leaves enough room
//! keeps her out.

use super::bench::{Addresses, Bench, Program, Stack};
use super::class::by_process;
use super::ends::{self, PAGE};
use pam_harness::Module;
use pam_harness::host::{Limit, Run};
use std::time::Duration;

const MIB: u64 = 1 << 20;
/// The room that a limit must leave beside the module's own file, in bytes: the module
/// reserves 8 MiB, and TLS and the answers need some.
const ROOM: u64 = 27 * MIB / 2;
/// The room in the number of things.
const ROOM_IN_NUMBERS: u64 = 16;

/// The room with the module's file, which is mapped as a whole at most: 16 MiB for a
/// release build. An unoptimised one has several times the code.
fn room() -> u64 {
    let path = Module::built().path().to_owned();
    match std::fs::metadata(&path) {
        Ok(file) => ROOM + file.len(),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// The values that leave enough room, for the smallest at which pam_unix works.
fn values(limit: Limit, smallest: u64) -> Vec<u64> {
    match limit {
        Limit::As | Limit::Data | Limit::Stack | Limit::Fsize | Limit::Memlock => {
            let more = [
                0,
                PAGE,
                64 << 10,
                128 << 10,
                MIB,
                4 * MIB,
                16 * MIB,
                48 * MIB,
            ];
            let room = room();
            more.map(|more| smallest + room + more).to_vec()
        }
        // The kernel counts a user's processes in all namespaces, including those of other
        // tests with the same IDs.
        Limit::Nproc => vec![256, 1024],
        Limit::Nofile | Limit::Sigpending => {
            let more = [0, 1, 8, 64];
            more.map(|more| smallest + ROOM_IN_NUMBERS + more).to_vec()
        }
        // Seconds: far more than a login takes.
        Limit::Cpu => vec![10, 60],
    }
}

fn smallest(plain: &Bench, program: Program, limit: Limit) -> u64 {
    match limit {
        Limit::As | Limit::Data | Limit::Stack => ends::unix(plain, program, limit),
        Limit::Nofile => ends::smallest_number(plain, program, limit),
        // pam_unix works without any.
        _ => 0,
    }
}

#[test]
fn an_accepted_user_gets_in_at_every_limit_that_leaves_room() {
    pam_harness::require_real_host!("su", "sudo");
    let plain = Bench::new(Stack::Unix, Addresses::Resolved);
    for (stack, addresses) in [
        (Stack::Fallback, Addresses::Resolved),
        (Stack::Fallback, Addresses::Pinned),
        (Stack::Profile, Addresses::Resolved),
        (Stack::Account, Addresses::Resolved),
    ] {
        let bench = Bench::new(stack, addresses);
        bench.accept();
        for program in Program::ALL {
            let mut runs: Vec<Run> = Vec::new();
            for limit in Limit::ALL {
                let smallest = smallest(&plain, program, limit);
                runs.extend(values(limit, smallest).into_iter().map(|value| Run {
                    limits: vec![(limit, value)],
                    patience: Duration::from_secs(60),
                    ..bench.run(program, bench.accepted_password())
                }));
            }
            bench.host.new_log();
            let finished = bench.host.run_all(&runs, 4);
            let log = by_process(&bench.host.new_log());
            for (run, finished) in runs.iter().zip(&finished) {
                let lines = log.get(&finished.pid).cloned().unwrap_or_default();
                let accepted = lines.iter().any(|line| {
                    line.contains("pam_authentik_flow(") && line.contains("PAM_SUCCESS")
                });
                assert!(
                    program.is_in(finished) && accepted,
                    "{}, {}, {}, {:?}: {finished:?}\n{}",
                    program.name(),
                    stack.name(),
                    addresses.name(),
                    run.limits,
                    lines.join("\n")
                );
            }
        }
    }
}
