//! Skipped tests are named, with the reason.

use std::process::Command;

const TRIAL: &str = "PAM_HARNESS_TRIAL";

/// Skips when the test below runs it, with its own list.
#[test]
fn a_test_that_cannot_run_here() {
    if std::env::var_os(TRIAL).is_none() {
        return;
    }
    pam_harness::skip!("there is no {} here", "moon");
}

#[test]
fn a_skipped_test_is_written_down_by_name_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("skipped.txt");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "skipping::a_test_that_cannot_run_here"])
        .env(TRIAL, "1")
        .env("PAM_HARNESS_SKIPPED", &list)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let name = "harness::skipping::a_test_that_cannot_run_here";
    assert!(
        said.contains(&format!("skipped: {name}: there is no moon here")),
        "{said}"
    );
    let written = std::fs::read_to_string(&list).unwrap();
    assert_eq!(written, format!("{name}\tthere is no moon here\n"));
}

#[test]
fn the_list_is_in_the_target_directory() {
    if std::env::var_os("PAM_HARNESS_SKIPPED").is_none() {
        let list = pam_harness::skip::file();
        assert!(list.ends_with("tests-skipped.txt"), "{list:?}");
        assert!(list.parent().unwrap().join("debug").is_dir(), "{list:?}");
    }
}

/// Shows the effect of a kernel that refuses namespaces, without such a kernel: inside a
/// namespace, the limit on their number is zero.
#[test]
fn a_refused_namespace_has_a_reason() {
    let user = pam_harness::ordinary_user();
    pam_harness::require_isolation!(user);
    let pam_run = pam_harness::pam_run().unwrap();
    let pam_run = pam_run.display();
    let scratch = tempfile::tempdir().unwrap();
    let shell = format!(
        "echo 0 >/proc/sys/user/max_mnt_namespaces && exec {pam_run} --probe {}",
        scratch.path().display()
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", &shell])
        .output();
    let Ok(output) = output else {
        pam_harness::skip!("unshare, of util-linux, is not installed");
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("max_mnt_namespaces") {
        pam_harness::skip!("this kernel does not let the limit be lowered");
    }
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        said.contains("the kernel refuses a private mount namespace"),
        "{said}"
    );
}
