//! The calling process: missing resources, signals, and what many logins leave in it.

use pam_harness::script::ProcessOptions;
use pam_harness::{Code, Limit, Module, Outcome};

use crate::bench::{Bench, PASSWORD};

fn log_in(bench: &Bench, process: ProcessOptions) -> Outcome {
    bench
        .pam("linux-login", "alice")
        .answer_every_secret(PASSWORD)
        .process(process)
        .authenticate()
        .run()
}

/// The caller of su sets the limits. A look-up or a connection that fails because there are no
/// descriptors must not count as a server that is down, because a stack may have an exception
/// for that.
#[test]
fn a_full_descriptor_table_does_not_count_as_a_server_that_is_down() {
    pam_harness::require_isolation!();
    let mut codes = Vec::new();
    for limit in 3..=12 {
        // If the first user may log in, the host has the resources to tell the second one that
        // there is no such name.
        let mut enough = false;
        for url in ["localhost", "authentik.invalid"] {
            let bench = Bench::new();
            let port = bench.double.port();
            let bench = bench.top(&format!("url = \"https://{url}:{port}\""));
            let process = ProcessOptions {
                limits: vec![(Limit::OpenFiles, limit)],
                ..Default::default()
            };
            let outcome = log_in(&bench, process);
            let code = outcome.code().to_string();
            codes.push(format!("{url} {limit} {code}"));
            let fits = match (url, code.as_str()) {
                (_, "PAM_SYSTEM_ERR") => true,
                ("localhost", "PAM_SUCCESS") => true,
                ("authentik.invalid", "PAM_AUTHINFO_UNAVAIL") => enough,
                _ => false,
            };
            enough = code == "PAM_SUCCESS";
            assert!(fits, "{codes:#?}\n{outcome}");
            assert_eq!(outcome.host_differences(), [""; 0]);
        }
    }
    assert!(
        codes.iter().any(|code| code.contains("PAM_SUCCESS")),
        "{codes:?}"
    );
}

#[test]
fn limits_and_signals_of_the_caller_change_nothing() {
    pam_harness::require_isolation!();
    let ordinary = pam_harness::ordinary_user();
    for (what, process) in [
        (
            "no process more",
            ProcessOptions {
                limits: vec![(Limit::Processes, 1)],
                ..Default::default()
            },
        ),
        (
            "no byte of a file",
            ProcessOptions {
                limits: vec![(Limit::FileSize, 0)],
                ..Default::default()
            },
        ),
        (
            "a stack of 256 KiB",
            ProcessOptions {
                limits: vec![(Limit::Stack, 256 << 10)],
                ..Default::default()
            },
        ),
        (
            "a storm of signals",
            ProcessOptions {
                signal_storm: true,
                ..Default::default()
            },
        ),
        (
            "SIGPIPE ignored",
            ProcessOptions {
                ignore_sigpipe: true,
                ..Default::default()
            },
        ),
        (
            "a directory that is gone",
            ProcessOptions {
                cwd_removed: true,
                ..Default::default()
            },
        ),
        (
            "no standard descriptors",
            ProcessOptions {
                close_standard_fds: true,
                ..Default::default()
            },
        ),
        (
            "a umask of nothing",
            ProcessOptions {
                umask: Some(0),
                ..Default::default()
            },
        ),
    ] {
        for user in [None, ordinary] {
            if user.is_some() && what != "no process more" {
                continue;
            }
            pam_harness::require_isolation!(user);
            let bench = Bench::new();
            let pam = bench
                .pam("linux-login", "alice")
                .arguments("config={config} debug");
            let outcome = pam
                .answer_secret(PASSWORD)
                .process(process.clone())
                .as_user(user)
                .authenticate()
                .run();
            assert_eq!(outcome.code(), "PAM_SUCCESS", "{what}: {outcome}");
            assert_eq!(outcome.host_differences(), [""; 0], "{what}");
            assert_eq!(outcome.output(), ("", ""), "{what}");
        }
    }
}

/// With descriptors 0 to 2 closed, the connection is one of them. Nothing for a terminal may be
/// written there.
#[test]
fn nothing_is_written_where_standard_error_would_be() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench
        .pam_with(&Module::panicking(), "linux-login", "panic")
        .close_standard_fds()
        .authenticate()
        .run();
    assert_eq!(outcome.code(), "PAM_ABORT", "{outcome}");
    assert_eq!(outcome.host_differences(), [""; 0]);
}

/// A defect is reported only in the log, with its place in the source, and ends in a code: its
/// message may contain typed text.
#[test]
fn a_defect_ends_in_its_code_and_says_nothing() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench
        .pam_with(&Module::panicking(), "linux-login", "panic")
        .authenticate()
        .authenticate()
        .run();
    assert_eq!(outcome.codes(), ["PAM_ABORT"; 2], "{outcome}");
    assert_eq!(outcome.output(), ("", ""));
    assert_eq!(outcome.host_differences(), [""; 0]);
    let log: String = outcome.log().iter().map(|line| line.text.clone()).collect();
    assert!(log.contains("panic at src/login.rs"), "{log}");
    assert!(!log.contains(PASSWORD), "{log}");
}

/// `make test` runs only as many as are needed to tell a leak from memory that a process keeps.
/// `make soak` runs all.
fn rounds(few: u32, all: u32) -> u32 {
    match std::env::var_os("PAM_HARNESS_SOAK") {
        Some(_) => all,
        None => few,
    }
}

#[track_caller]
fn stays_as_it_was(module: &Module, rounds: u32) {
    for (password, code) in [
        (PASSWORD, Code::PAM_SUCCESS),
        ("wrong", Code::PAM_PERM_DENIED),
    ] {
        let bench = Bench::new().section("[outpost]\ntoken_file = \"{dir}/token\"\n");
        let share = if password == PASSWORD {
            rounds
        } else {
            (rounds / 5).max(60)
        };
        let outcome = bench
            .pam_with(module, "linux-login", "alice")
            .file("token", "outpost-token")
            .answer_secret(password)
            .rounds(share)
            .timeout(std::time::Duration::from_secs(3000))
            .authenticate()
            .acct_mgmt()
            .setcred()
            .run();
        let all = outcome.report().rounds.clone().expect("the rounds");
        // The code of pam_setcred, the last call of each round.
        assert_eq!(all.codes, [(code.0, share)].into());
        assert_eq!(all.differences, [""; 0]);
        assert_eq!(outcome.host_differences(), [""; 0]);
        let (warm, end) = all.resident;
        // A leak of 100 bytes a login would be 1 MiB over ten thousand.
        assert!(
            end < warm + 512,
            "{warm} KiB grew to {end} KiB in {share} rounds"
        );
    }
}

#[test]
fn many_logins_in_one_process_leave_it_as_it_was() {
    pam_harness::require_isolation!();
    stays_as_it_was(&Module::built(), rounds(300, 10_000));
}

/// libpam closes the module at the end of each transaction. `-z nodelete` keeps it mapped.
/// Without that flag it is loaded and unloaded each time.
#[test]
fn loading_and_unloading_leaves_the_process_as_it_was() {
    pam_harness::require_isolation!();
    let dir = tempfile::tempdir().expect("a directory");
    let built = std::fs::read(Module::built().path()).expect("the module");
    let path = dir.path().join("libpam_authentik_flow.so");
    std::fs::write(&path, without_nodelete(built)).expect("the other module");
    stays_as_it_was(&Module::at(path), rounds(60, 1_000));
}

/// The same library without the flag that prevents unloading.
fn without_nodelete(mut elf: Vec<u8>) -> Vec<u8> {
    const DYNAMIC: u32 = 2;
    const FLAGS_1: u64 = 0x6fff_fffb;
    const NODELETE: u64 = 8;
    let word = |elf: &[u8], at: usize| {
        let bytes = elf[at..at + 8].try_into().expect("eight bytes");
        u64::from_le_bytes(bytes)
    };
    let number = |value: u64| usize::try_from(value).expect("an offset");
    assert_eq!(
        &elf[..6],
        b"\x7fELF\x02\x01",
        "the module is not a 64-bit little-endian ELF file"
    );
    let table = number(word(&elf, 32));
    let mut cleared = false;
    for header in (table..).step_by(56).take(usize::from(elf[56])) {
        let kind = u32::from_le_bytes(elf[header..header + 4].try_into().expect("four"));
        if kind != DYNAMIC {
            continue;
        }
        let mut at = number(word(&elf, header + 8));
        while word(&elf, at) != 0 {
            if word(&elf, at) == FLAGS_1 {
                let flags = word(&elf, at + 8);
                assert!(flags & NODELETE != 0, "the module is not marked NODELETE");
                elf[at + 8..at + 16].copy_from_slice(&(flags & !NODELETE).to_le_bytes());
                cleared = true;
            }
            at += 16;
        }
    }
    assert!(cleared, "the module has no entry FLAGS_1");
    elf
}
