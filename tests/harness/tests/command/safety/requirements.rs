//! Other lines of a stack: a requirement still holds, and a denial counts.

use pam_harness::accounts::LOCAL_ADMIN_PASSWORD;
use pam_harness::{Module, Pam};

use crate::bench::{Bench, COMMON_AUTH, README_STACK};
use crate::check::require_host;

const OURS: &str = "{module} config={config}";
const GUARD: &str =
    "auth [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin\n";

/// A host where `auth` is sshd's stack.
fn with_auth(auth: &str) -> Bench {
    let bench = Bench::new();
    let auth = auth.replace("OURS", OURS);
    bench.stack("sshd", &format!("{auth}@include common-account\n"));
    bench
}

/// A requirement after the password line still holds, in the real libpam, too.
#[test]
fn a_requirement_behind_the_password_is_still_asked() {
    require_host!();
    let bench = Bench::new();
    bench.write("denied", "alice\n", 0o644);
    let list = "auth required pam_listfile.so item=user sense=deny onerr=fail file={dir}/denied\n";
    bench.stack(
        "sshd",
        &format!("@include common-auth\n{list}@include common-account\n"),
    );
    let run = bench.enable(&["sshd", "--local", "localadmin"]);
    assert_eq!(run.status, 0, "{}", run.text);
    let run = bench.check(&[]);
    run.has(&["✓ PAM stacks"]);

    let dir = bench.path("").display().to_string();
    let text = bench.read("pam.d/sshd");
    let text = text
        .replace("@include common-auth\n", COMMON_AUTH)
        .replace("@include common-account\n", "")
        .replace("pam_authentik_flow.so", "{module}");
    let config = bench.read("config.toml");
    let stack = text.replace(
        &format!("config={}", bench.path("config.toml").display()),
        "config={config}",
    );
    let login = |user: &str, config: &str| {
        Pam::new(&Module::built())
            .service("sshd")
            .user(user)
            .stack(&stack)
            .config(config)
            .file("denied", "alice\nlocaldenied\n")
    };
    let _ = dir;
    // authentik lets both in; the list keeps alice out.
    for (user, code) in [("alice", "PAM_AUTH_ERR"), ("bob", "PAM_SUCCESS")] {
        let groups = config.replace("linux-admins", "linux-users");
        let outcome = login(
            user,
            &groups.replace("groups = [\"linux-users\"]", "allow_any_user = true"),
        )
        .answer_secret_to("Password", crate::bench::PASSWORD)
        .authenticate()
        .run();
        assert_eq!(outcome.code(), code, "{user}: {outcome}");
    }
    let local = login("localadmin", "flwo = \"x\"\n")
        .answer_secret_to("Password", LOCAL_ADMIN_PASSWORD)
        .authenticate()
        .run();
    assert_eq!(local.code(), "PAM_SUCCESS", "{local}");
}

/// The same for every other requirement after the password line, known or not.
#[test]
fn enable_skips_no_requirement() {
    require_host!();
    for line in [
        "auth required pam_exec.so /bin/true",
        "auth required pam_duo.so",
        "auth required pam_google_authenticator.so",
        "auth requisite pam_nologin.so",
        "auth required pam_access.so",
    ] {
        let bench = Bench::new();
        bench.stack(
            "sshd",
            &format!("@include common-auth\n{line}\n@include common-account\n"),
        );
        let run = bench.enable(&["sshd"]);
        assert_eq!(run.status, 0, "{line}: {}", run.text);
        run.has(&["[success=2 default=die ignore=ignore]"]);
        let run = bench.check(&[]);
        assert!(
            !run.text.contains("stands behind") && !run.text.contains("skips this line"),
            "{line}: {}",
            run.text
        );
    }
    // A requirement between the password and the line that refuses cannot be kept.
    let bench = Bench::new();
    bench.stack(
        "sshd",
        "auth [success=2 default=ignore] pam_unix.so\nauth required pam_listfile.so item=user sense=deny file=/x\nauth requisite pam_deny.so\nauth required pam_permit.so\n",
    );
    let run = bench.enable(&["sshd"]);
    assert_eq!(
        run.status, 0,
        "its success skips that line now, too: {}",
        run.text
    );
    let bench = Bench::new();
    bench.stack(
        "sshd",
        "auth sufficient pam_unix.so\nauth required pam_listfile.so item=user sense=deny file=/x\nauth sufficient pam_sss.so\nauth required pam_deny.so\n",
    );
    let before = bench.read("pam.d/sshd");
    let run = bench.enable(&["sshd", "--dry-run"]);
    assert!(
        run.status == 0 || run.text.contains("/DIR/pam.d/sshd:2"),
        "{}",
        run.text
    );
    assert_eq!(bench.read("pam.d/sshd"), before);
}

/// The block repeats a requirement that comes before the password in the same include.
#[test]
fn a_requirement_in_front_of_an_included_password_is_repeated() {
    require_host!();
    let bench = Bench::new();
    bench.stack(
        "system-auth",
        "auth required pam_listfile.so item=user sense=deny file=/etc/denied\nauth [success=1 default=bad] pam_unix.so\nauth [default=die] pam_faillock.so authfail\nauth optional pam_permit.so\n",
    );
    bench.stack(
        "arch",
        "auth include system-auth\naccount required pam_permit.so\n",
    );
    let run = bench.enable(&["arch"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&[
            "+auth  required                                    pam_listfile.so item=user sense=deny file=/etc/denied",
            "the new lines ask it first",
        ],
    );
    let run = bench.check(&[]);
    run.has(&["arch: a refusal refuses"]);
    assert_eq!(bench.run(&["disable", "arch"]).status, 0);
    assert_eq!(
        bench.read("pam.d/arch"),
        "auth include system-auth\naccount required pam_permit.so\n"
    );
}

/// Account lines in which a denial of authentik has no effect.
#[test]
fn a_denial_that_counts_for_nothing_is_said() {
    require_host!();
    for lines in [
        "account sufficient OURS\n",
        "account optional OURS\n",
        "account [success=ok default=ignore] OURS\n",
        "account sufficient pam_localuser.so\naccount required OURS\n",
        "account [default=1] pam_permit.so\naccount required OURS\n",
    ] {
        let bench = with_auth(&format!(
            "{GUARD}auth [success=done default=die ignore=ignore] OURS\n@include common-auth\n{lines}"
        ));
        let run = bench.check(&[]);
        assert_eq!(run.status, 1, "{lines}: {}", run.text);
        run.has(&["authentik's denial counts for nothing"]);
    }
    let bench = with_auth(&format!(
        "{GUARD}auth [success=done default=die ignore=ignore] OURS\n@include common-auth\n{}account required OURS\n",
        GUARD.replace("auth ", "account ")
    ));
    bench.check(&[]).has(&["✓ PAM stacks"]);
    // A token, but no account line that uses it.
    bench.token("view-user-group-token\n");
    bench.config(
        "flow = \"linux-login\"",
        "groups = [\"linux-admins\"]",
        "[account]\ntoken_file = \"{dir}/account.token\"\nservices = [\"sshd\"]",
    );
    bench.stack("sshd", README_STACK);
    let run = bench.check(&[]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["no account line of its stack names the module"]);
}

/// A line after an unknown result never gets a ✓.
#[test]
fn an_unknown_result_is_reported_as_unknown() {
    require_host!();
    for line in [
        "pam_succeed_if.so quiet shell = /bin/bash",
        "pam_succeed_if.so quiet gid >= 100",
        "pam_exec.so /bin/true",
        "pam_of_somebody.so",
    ] {
        let bench = with_auth(&format!(
            "auth [success=1 default=ignore] {line}\nauth [success=done default=die ignore=ignore] OURS\n@include common-auth\n"
        ));
        let run = bench.check(&[]);
        run.has(&["cannot be told from here", "/DIR/pam.d/sshd:1", line]);
        assert!(!run.text.contains("✓ PAM stacks"), "{line}: {}", run.text);
    }
    // A list that allows lets in the users that it names.
    let bench = with_auth(
        "auth [success=1 default=ignore] pam_listfile.so item=user sense=allow file=/x\nauth [success=done default=die ignore=ignore] OURS\n@include common-auth\n",
    );
    let run = bench.check(&[]);
    assert!(!run.text.contains("✓ PAM stacks"), "{}", run.text);
}
