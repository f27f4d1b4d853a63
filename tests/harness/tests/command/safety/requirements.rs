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
fn a_requirement_after_the_password_is_still_asked() {
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
            !run.text.contains("comes after") && !run.text.contains("skips this line"),
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
            "so the new lines run it first",
        ],
    );
    let run = bench.check(&[]);
    run.has(&["arch: a refusal keeps people out"]);
    assert_eq!(bench.run(&["disable", "arch"]).status, 0);
    assert_eq!(
        bench.read("pam.d/arch"),
        "auth include system-auth\naccount required pam_permit.so\n"
    );
}

/// The stack of a service as libpam reads it, with the included file in its place.
fn without_includes(bench: &Bench, service: &str, included: &str) -> String {
    let config = format!("config={}", bench.path("config.toml").display());
    bench
        .read(&format!("pam.d/{service}"))
        .replace("@include common-x\n", included)
        .replace("@include common-account\n", "")
        .replace("pam_authentik_flow.so", "{module}")
        .replace(&config, "config={config}")
}

/// A line that keeps some people out still does if authentik lets them in, in the real
/// libpam, too. The condition decides about them, and nothing else names them.
#[test]
fn a_condition_in_front_of_an_included_password_still_keeps_people_out() {
    require_host!();
    // Alice's uid is 2001 and her only group has her name.
    for condition in [
        "pam_succeed_if.so quiet user notin mallory:alice",
        "pam_succeed_if.so quiet user != alice",
        "pam_succeed_if.so quiet user notingroup staff:alice",
        "pam_succeed_if.so quiet user !~ al*",
        "pam_succeed_if.so quiet user ingroup bob:localadmin:root",
        "pam_succeed_if.so quiet user in bob:localadmin:root",
        "pam_succeed_if.so quiet uid != 2001",
        "pam_succeed_if.so quiet uid notin 2001:2003",
        "pam_succeed_if.so quiet uid < 2001",
        "pam_succeed_if.so quiet gid != 2001",
        "pam_succeed_if.so quiet home =~ /root*",
        "pam_succeed_if.so quiet user != bob user notin alice:x",
        "pam_succeed_if.so quiet user innetgr nobodys",
        "pam_succeed_if.so quiet user ! alice",
        "pam_localuser.so file={dir}/others",
    ] {
        let bench = Bench::new();
        let included = format!("auth requisite {condition}\n{COMMON_AUTH}");
        bench.stack("common-x", &included);
        bench.stack("service", "@include common-x\n@include common-account\n");
        bench.config("flow = \"linux-login\"", "allow_any_user = true", "");
        let run = bench.enable(&["service", "--local", "localadmin"]);
        assert_eq!(run.status, 0, "{condition}: {}", run.text);
        run.has(&["so the new lines run it first"]);
        let stack = without_includes(&bench, "service", &included);
        let login = |stack: &str| {
            Pam::new(&Module::built())
                .service("service")
                .user("alice")
                .stack(stack)
                .config(&bench.read("config.toml"))
                .answer_secret_to("Password", crate::bench::PASSWORD)
                .authenticate()
                .run()
        };
        let outcome = login(&stack);
        assert_ne!(outcome.code(), "PAM_SUCCESS", "{condition}: {outcome}");
        // authentik lets her in, and only the repeated line keeps her out.
        let repeated = |line: &&str| line.starts_with("auth  required ");
        let without: String = stack
            .split_inclusive('\n')
            .filter(|line| !repeated(line))
            .collect();
        let outcome = login(&without);
        assert_eq!(outcome.code(), "PAM_SUCCESS", "{condition}: {outcome}");
    }
}

/// authentik is asked about everybody from `min_uid` on, so these uids count as well.
#[test]
fn a_condition_on_uids_holds_down_to_min_uid() {
    require_host!();
    for (condition, min_uid, alice) in [
        ("pam_succeed_if.so quiet uid >= 1000", 500, 700),
        ("pam_usertype.so isregular", 500, 700),
        ("pam_succeed_if.so quiet uid >= 2000", 1000, 1500),
        ("pam_succeed_if.so quiet uid ne 1500", 1000, 1500),
    ] {
        let bench = Bench::on(
            crate::bench::newest().without_pause(),
            true,
            "localadmin ALL=(ALL:ALL) ALL\n",
            |accounts| {
                for account in accounts {
                    match account.name.as_str() {
                        "localadmin" => account.uid = 2100,
                        "alice" => account.uid = alice,
                        _ => {}
                    }
                }
            },
        );
        let included = format!("auth requisite {condition}\n{COMMON_AUTH}");
        bench.stack("common-x", &included);
        bench.stack("service", "@include common-x\n@include common-account\n");
        let rest = format!("[user]\nmin_uid = {min_uid}");
        bench.config("flow = \"linux-login\"", "allow_any_user = true", &rest);
        let run = bench.enable(&["service", "--local", "localadmin"]);
        assert_eq!(run.status, 0, "{condition}: {}", run.text);
        run.has(&["so the new lines run it first"]);
        let outcome = Pam::new(&Module::built())
            .service("service")
            .user("alice")
            .account("alice", alice)
            .stack(&without_includes(&bench, "service", &included))
            .config(&bench.read("config.toml"))
            .answer_secret_to("Password", crate::bench::PASSWORD)
            .authenticate()
            .run();
        assert_ne!(outcome.code(), "PAM_SUCCESS", "{condition}: {outcome}");
    }
}

/// A line behind the module's that no login through authentik reaches, whatever its
/// module.
#[test]
fn a_condition_that_a_jump_skips_is_reported() {
    require_host!();
    for condition in [
        "pam_succeed_if.so quiet user notin mallory:alice",
        "pam_succeed_if.so quiet user notingroup banned",
        "pam_usertype.so isregular",
        "pam_localuser.so",
    ] {
        let jumps = |over: usize| {
            format!(
                "{GUARD}auth [success={over} default=die ignore=ignore] OURS\n{COMMON_AUTH}auth required {condition}\nauth required pam_permit.so\n"
            )
        };
        let run = with_auth(&jumps(4)).check(&[]);
        assert_eq!(run.status, 1, "{condition}: {}", run.text);
        run.has(&["comes after the module", "/DIR/pam.d/sshd:6"]);
        let run = with_auth(&jumps(3)).check(&[]);
        assert!(
            !run.text.contains("comes after"),
            "{condition}: {}",
            run.text
        );
    }
}

/// Account lines in which a denial of authentik has no effect.
#[test]
fn check_reports_a_stack_that_ignores_a_denial() {
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
        run.has(&["this stack ignores authentik's denial"]);
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
        "pam_succeed_if.so quiet gid >= 100",
        "pam_exec.so /bin/true",
        "pam_of_somebody.so",
    ] {
        let bench = with_auth(&format!(
            "auth [success=1 default=ignore] {line}\nauth [success=done default=die ignore=ignore] OURS\n@include common-auth\n"
        ));
        let run = bench.check(&[]);
        run.has(&[
            "the result of this line is unknown here",
            "/DIR/pam.d/sshd:1",
            line,
        ]);
        assert!(!run.text.contains("✓ PAM stacks"), "{line}: {}", run.text);
    }
    // A list that allows lets in the users that it names.
    let bench = with_auth(
        "auth [success=1 default=ignore] pam_listfile.so item=user sense=allow file=/x\nauth [success=done default=die ignore=ignore] OURS\n@include common-auth\n",
    );
    let run = bench.check(&[]);
    assert!(!run.text.contains("✓ PAM stacks"), "{}", run.text);
}
