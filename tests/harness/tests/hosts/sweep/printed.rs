//! The commands that were ways in, as a user types them in a shell.

use super::bench::{Addresses, Bench, Program, Stack};
use super::class::{by_process, judge};
use pam_harness::host::Run;

/// Where the hole was on one machine, in KiB.
const SUDO: std::ops::RangeInclusive<u64> = 8200..=8224;
const SU: std::ops::RangeInclusive<u64> = 6840..=6856;
/// The same with the packages of Debian 12 and this host's files.
const SU_HERE: std::ops::RangeInclusive<u64> = 7256..=7280;

fn sudo(kib: u64) -> String {
    format!(
        "pad=$(head -c 60000 /dev/zero | tr '\\0' A); ulimit -v {kib}; echo alice-local | \
         sudo -k -S -p '' sh -c 'ulimit -v unlimited; id -u' sh \"$pad\""
    )
}

fn su(kib: u64) -> String {
    format!("ulimit -v {kib}; echo alice-local | su alice -c id")
}

#[test]
fn no_printed_command_is_a_way_in() {
    pam_harness::require_real_host!("su", "sudo");
    for stack in [Stack::Fallback, Stack::Profile] {
        let bench = Bench::new(stack, Addresses::Resolved);
        let shell =
            |user: &str, script: String| bench.host.run_of(user, &["sh", "-c", &script], "");
        let values = SU.chain(SU_HERE).step_by(2);
        let su: Vec<Run> = values.map(|kib| shell("mallory", su(kib))).collect();
        let sudo: Vec<Run> = SUDO
            .step_by(2)
            .map(|kib| shell("alice", sudo(kib)))
            .collect();
        for (program, runs) in [(Program::Su, su), (Program::Sudo, sudo)] {
            bench.host.new_log();
            let finished = bench.host.run_all(&runs, 8);
            let log = bench.host.new_log();
            // The process with a line is a child of the shell.
            let unavailable = log
                .iter()
                .filter(|line| line.text.contains("PAM_AUTHINFO_UNAVAIL"));
            let logins: Vec<String> = runs
                .iter()
                .zip(&finished)
                .map(|(run, finished)| (run, judge(program, run, finished, &by_process(&[]))))
                .filter(|(_, judged)| judged.login)
                .map(|(run, judged)| format!("{:?}: {}", run.command, judged.words))
                .collect();
            assert!(logins.is_empty(), "{}\n{}", stack.name(), logins.join("\n"));
            let unavailable: Vec<String> = unavailable.map(ToString::to_string).collect();
            assert!(unavailable.is_empty(), "{}", unavailable.join("\n"));
        }
    }
}
