//! Other conditions that the caller of su and sudo can cause while authentik is up and refuses
//! alice: standard descriptors, priority, a stopped process, control groups. None of them is a
//! way in, and none counts as "unavailable".

use crate::control_group::ControlGroup;
use crate::sweep::bench::{Addresses, Bench, Program, Stack};
use crate::sweep::class::{Counts, count};
use authentik_double::{Fault, Match};
use pam_harness::host::Run;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::sweep::bench::ALICE_LOCAL;

/// The benches: addresses from the name server, where nothing may count, and pinned ones.
fn benches() -> [Bench; 2] {
    [Addresses::Resolved, Addresses::Pinned].map(|addresses| Bench::new(Stack::Fallback, addresses))
}

/// Short limits: a process that is delayed exceeds them soon.
const SHORT: &str = "connect_timeout = \"1s\"\nrequest_timeout = \"1s\"\n";

/// Does the runs. None of them may be a way in.
#[track_caller]
fn expect_no_way_in(
    what: &str,
    bench: &Bench,
    program: Program,
    runs: &[Run],
    at_a_time: usize,
) -> Counts {
    let counts = count(bench, program, runs, at_a_time);
    assert!(
        counts.logins + counts.unavailable + counts.timed_out == 0,
        "{what}, {}: {counts:#?}",
        program.name()
    );
    counts
}

#[test]
fn standard_descriptors_that_are_closed_or_full() {
    pam_harness::require_real_host!("su", "sudo");
    let closed: [&[i32]; 7] = [&[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]];
    let full: [&[i32]; 4] = [&[1], &[2], &[1, 2], &[0, 1, 2]];
    for bench in benches() {
        for program in Program::ALL {
            let run = bench.run(program, ALICE_LOCAL);
            let closed = closed.iter().map(|numbers| Run {
                closed: numbers.to_vec(),
                ..run.clone()
            });
            let full = full.iter().map(|numbers| Run {
                full: numbers.to_vec(),
                ..run.clone()
            });
            let runs: Vec<Run> = closed.chain(full).collect();
            let counts = expect_no_way_in("descriptors", &bench, program, &runs, 4);
            assert_eq!(counts.deaths, 0, "{}: {counts:#?}", program.name());
            assert!(counts.reached() > 0, "{}: {counts:#?}", program.name());
        }
    }
}

/// A process that keeps a processor busy, until it is dropped or a minute has passed.
struct Busy(Child);

impl Busy {
    fn start() -> Busy {
        let child = Command::new("timeout")
            .args(["60", "sh", "-c", "while :; do :; done"])
            .stdin(Stdio::null())
            .spawn();
        Busy(child.expect("timeout(1) of coreutils"))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // timeout(1) passes SIGTERM on, but not SIGKILL.
        let pid = i32::try_from(self.0.id()).unwrap_or(0);
        if pid > 0 {
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGTERM,
            );
        }
        let _ = self.0.wait();
    }
}

#[test]
fn the_lowest_priorities_beside_busy_processors() {
    pam_harness::require_real_host!("su", "sudo");
    for bench in benches() {
        bench.configure(SHORT);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let _busy: Vec<Busy> = (0..processors).map(|_| Busy::start()).collect();
        for program in Program::ALL {
            let run = Run {
                patience: Duration::from_secs(120),
                ..bench.run(program, ALICE_LOCAL)
            };
            let nice = Run {
                nice: 19,
                ..run.clone()
            };
            let idle = Run {
                sched_idle: true,
                ..nice.clone()
            };
            let runs = [nice.clone(), nice, idle.clone(), idle];
            let counts = expect_no_way_in("priority", &bench, program, &runs, 4);
            assert_eq!(counts.deaths, 0, "{counts:#?}");
        }
    }
}

#[test]
fn a_process_that_is_stopped_for_longer_than_the_limits() {
    pam_harness::require_real_host!("su", "sudo");
    for bench in benches() {
        bench.configure(SHORT);
        // The request takes longer than the start of the module.
        let wait = Duration::from_millis(300);
        bench.double.inject(Fault::on(Match::any()).delay(wait));
        for program in Program::ALL {
            let runs: Vec<Run> = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 50, 100, 200]
                .map(|after| Run {
                    stop: Some((Duration::from_millis(after), Duration::from_millis(1500))),
                    ..bench.run(program, ALICE_LOCAL)
                })
                .to_vec();
            let counts = expect_no_way_in("stopped", &bench, program, &runs, 8);
            assert_eq!(counts.deaths, 0, "{counts:#?}");
            assert!(counts.reached() > 0, "{counts:#?}");
        }
    }
}

#[test]
fn a_control_group_that_is_frozen_and_thawed() {
    pam_harness::require_real_host!("su", "sudo");
    let group = match ControlGroup::make("freezer") {
        Ok(group) => group,
        Err(why) => pam_harness::skip!("no control group with a freezer: {why}"),
    };
    for bench in benches() {
        bench.configure(SHORT);
        let wait = Duration::from_millis(30);
        bench.double.inject(Fault::on(Match::any()).delay(wait));
        for program in Program::ALL {
            let run = Run {
                control_group: Some(group.processes()),
                ..bench.run(program, ALICE_LOCAL)
            };
            let runs = vec![run; 8];
            let done = AtomicBool::new(false);
            let counts = std::thread::scope(|scope| {
                scope.spawn(|| {
                    // Each start stops the module at another place.
                    for open in [5, 10, 15, 20, 30, 40, 60, 80].iter().cycle() {
                        if done.load(Ordering::SeqCst) {
                            return;
                        }
                        std::thread::sleep(Duration::from_millis(*open));
                        group.freeze(true);
                        std::thread::sleep(Duration::from_millis(1200));
                        group.freeze(false);
                    }
                });
                let counts = count(&bench, program, &runs, 4);
                done.store(true, Ordering::SeqCst);
                counts
            });
            assert!(
                counts.logins + counts.unavailable + counts.deaths == 0,
                "{counts:#?}"
            );
            assert!(counts.reached() > 0, "{counts:#?}");
        }
    }
}

#[test]
fn a_control_group_with_little_memory() {
    pam_harness::require_real_host!("su", "sudo");
    let group = match ControlGroup::make("memory") {
        Ok(group) => group,
        Err(why) => pam_harness::skip!("no control group with a limit of memory: {why}"),
    };
    let mut killed = 0;
    for bench in benches() {
        for program in Program::ALL {
            for limit in (1..16).map(|quarter| quarter * (256 << 10)) {
                group.limit_memory(limit);
                let run = Run {
                    control_group: Some(group.processes()),
                    ..bench.run(program, ALICE_LOCAL)
                };
                let counts = expect_no_way_in("memory", &bench, program, &[run.clone(), run], 1);
                // The kernel kills a process that cannot get a page, which is no login.
                killed += counts.deaths + counts.earlier_deaths;
            }
        }
    }
    assert!(killed > 0, "no limit was low enough to end a program");
}

#[test]
fn a_control_group_with_few_processes() {
    pam_harness::require_real_host!("su", "sudo");
    let group = match ControlGroup::make("pids") {
        Ok(group) => group,
        Err(why) => pam_harness::skip!("no control group with a limit of processes: {why}"),
    };
    for bench in benches() {
        for program in Program::ALL {
            for limit in 1..6 {
                group.limit_processes(limit);
                let run = Run {
                    control_group: Some(group.processes()),
                    ..bench.run(program, ALICE_LOCAL)
                };
                let counts = expect_no_way_in("pids", &bench, program, &[run], 1);
                assert_eq!(counts.deaths, 0, "{counts:#?}");
            }
        }
    }
}
