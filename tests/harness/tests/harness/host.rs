//! The properties of the process that calls libpam, and the changes that are noticed.

use crate::{failure, local, stack};
use pam_harness::accounts::LOCAL_ADMIN_PASSWORD;
use pam_harness::host_state::HostState;
use pam_harness::{Limit, ProcessOptions};

#[test]
fn a_process_that_stays_as_it_was_shows_no_difference() {
    pam_harness::require_isolation!();
    let run = local()
        .answer_secret(LOCAL_ADMIN_PASSWORD)
        .authenticate()
        .run();
    assert_eq!(run.host_differences(), [""; 0], "{run}");
    assert_eq!(run.output(), ("", ""));
}

#[test]
fn changes_by_a_module_are_noticed() {
    pam_harness::require_isolation!();
    // pam_umask and pam_limits change their process on purpose.
    let run = stack("session required pam_umask.so umask=0123")
        .open_session()
        .run();
    assert!(
        run.host_differences()
            .iter()
            .any(|what| what == "after OpenSession: umask: was 0022, is 0123"),
        "{:?}",
        run.host_differences()
    );
    let run = stack("session required pam_limits.so conf={dir}/limits.conf")
        .file("limits.conf", "* soft core 4\n* soft nofile 50\n")
        .open_session()
        .run();
    let differences = run.host_differences().concat();
    assert!(
        differences.contains("resource limits"),
        "{differences} {run}"
    );
}

#[test]
fn a_snapshot_sees_descriptors_threads_children_and_signals() {
    // Not in `pam-run`: in the harness's own process, where tests may do this.
    let before = HostState::now();
    let file = std::fs::File::open("/dev/null").unwrap();
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::Builder::new()
        .name(String::from("straggler"))
        .spawn(move || receiver.recv())
        .unwrap();
    let mut child = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let after = HostState::now();
    let differences = before.differences(&after).join("\n");
    assert!(differences.contains("is /dev/null"), "{differences}");
    assert!(differences.contains("straggler"), "{differences}");
    assert!(differences.contains("(sleep)"), "{differences}");
    drop((file, sender));
    child.kill().unwrap();
    child.wait().unwrap();
    // The peer closed the connection.
    thread.join().unwrap().unwrap_err();
}

#[test]
fn the_environment_is_what_the_test_says_and_nothing_else() {
    pam_harness::require_isolation!();
    let run = stack("auth required pam_permit.so")
        .env("SSL_CERT_FILE", "/nonexistent")
        .authenticate()
        .run();
    let environment = &run.report().before.environment;
    assert_eq!(environment.len(), 1, "{environment:?}");
    assert_eq!(environment["SSL_CERT_FILE"], "/nonexistent");
}

#[test]
fn output_of_a_module_is_captured() {
    pam_harness::require_isolation!();
    // pam_exec passes its standard output and error on only if it is told to show them.
    // Otherwise they go to /dev/null, so this test sets both options.
    let run = stack("auth required pam_exec.so stdout /bin/sh {dir}/speak")
        .file("speak", "echo hello\n")
        .authenticate()
        .run();
    assert_eq!(run.shown(), ["hello"], "{run}");
    assert_eq!(run.output(), ("", ""));
    // Its pipe, while it reports what it has read.
    let handed_on = run.host_differences().concat();
    assert!(handed_on.contains("was not close-on-exec"), "{handed_on:?}");
}

#[test]
fn standard_descriptors_can_be_closed() {
    pam_harness::require_isolation!();
    let run = local()
        .close_standard_fds()
        .answer_secret(LOCAL_ADMIN_PASSWORD)
        .authenticate()
        .run();
    assert_eq!(run.code(), "PAM_SUCCESS", "{run}");
    let open = &run.report().before.descriptors;
    assert!(open.keys().all(|fd| *fd > 2), "{open:?}");
}

#[test]
fn limits_hold_during_a_call_and_are_gone_after_it() {
    pam_harness::require_isolation!();
    let pam = stack("auth required pam_exec.so quiet /bin/true");
    let run = pam.clone().limit(Limit::OpenFiles, 3).authenticate().run();
    assert_ne!(run.code(), "PAM_SUCCESS");
    assert_eq!(run.host_differences(), [""; 0]);
    assert_eq!(pam.authenticate().run().code(), "PAM_SUCCESS");
}

#[test]
fn sigpipe_cwd_and_umask_are_as_the_test_says() {
    pam_harness::require_isolation!();
    let sigpipe = 13;
    let run = stack("auth required pam_permit.so").authenticate().run();
    assert!(!run.report().before.dispositions.contains_key(&sigpipe));
    let process = ProcessOptions {
        ignore_sigpipe: true,
        umask: Some(0o077),
        cwd: Some("/".into()),
        ..ProcessOptions::default()
    };
    let run = stack("auth required pam_permit.so")
        .process(process)
        .authenticate()
        .run();
    let before = &run.report().before;
    assert!(before.dispositions[&sigpipe].starts_with("ignored"));
    assert_eq!((before.umask.as_str(), before.cwd.as_str()), ("0077", "/"));
}

#[test]
fn su_has_another_real_user() {
    pam_harness::require_isolation!();
    pam_harness::require_root!();
    let process = ProcessOptions {
        real_uid: Some(2001),
        ..ProcessOptions::default()
    };
    let run = local()
        .process(process)
        .capture_authtok()
        .answer_secret(LOCAL_ADMIN_PASSWORD)
        .authenticate()
        .run();
    assert_eq!(run.report().before.ids[..3], [2001, 0, 0]);
    assert_eq!(run.code(), "PAM_SUCCESS");
    assert_eq!(run.authtok(), Some(LOCAL_ADMIN_PASSWORD));
}

#[test]
fn a_missing_module_is_not_a_success() {
    pam_harness::require_isolation!();
    let run = stack("auth required {dir}/none.so").authenticate().run();
    assert_eq!(run.code(), "PAM_MODULE_UNKNOWN");
    let log: Vec<String> = run.log().iter().map(ToString::to_string).collect();
    assert!(log.join("\n").contains("none.so"), "{log:?}");
}

#[test]
fn a_process_that_dies_fails_the_test_with_its_words() {
    pam_harness::require_isolation!();
    // The stack's helper kills its parent, which is `pam-run`.
    let dies = stack("auth required pam_exec.so quiet /bin/sh {dir}/kill")
        .file("kill", "kill -ABRT $PPID\n")
        .authenticate();
    let words = failure(dies);
    assert!(
        words.contains("the host process died: signal: 6"),
        "{words}"
    );
}
