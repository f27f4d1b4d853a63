//! What `check` looks at, and how much of it it prints.

use rexpect::session::spawn_command;

use crate::bench::{Bench, README_STACK};
use crate::check::{FLOW, GROUPS, TOKEN, require_host, with_token};

/// A stack of sshd that also asks authentik about users who log in with a key.
pub(crate) fn sshd() -> String {
    let account = "account [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin\naccount required {module} config={config}\n@include common-account";
    README_STACK.replace("@include common-account", account)
}

/// A section that only another service has is checked too.
#[test]
fn every_service_is_judged_by_its_own_configuration() {
    require_host!();
    for (section, part, id) in [
        (
            "[services.sudo]\nflow = \"linux-sodu\"",
            "sudo: linux-sodu: HTTP 404",
            "flow.wrong",
        ),
        (
            "[services.sudo.access]\napplication = \"no-such-app\"",
            "sudo: authentik has no application with the slug \"no-such-app\"",
            "application.missing",
        ),
        (
            "[services.sudo.access]\ngroups = [\"linux-admin\"]",
            "sudo: authentik has no group \"linux-admin\"",
            "groups.missing",
        ),
        (
            "[services.sudo.password]\nflow = \"no-such-flow\"",
            "sudo: authentik has no flow with the slug \"no-such-flow\"",
            "password-flow.missing",
        ),
        (
            "[services.sudo]\nurl = \"https://127.0.0.1:1\"",
            "sudo: 127.0.0.1:1: Connection refused",
            "connection.fails",
        ),
    ] {
        // A service counts if its stack names the module, and if only its section exists.
        for stack in [README_STACK, "@include common-auth\n"] {
            let bench = with_token(FLOW, GROUPS);
            bench.config(FLOW, GROUPS, &format!("{TOKEN}\n{section}\n"));
            bench.stack("sudo", stack);
            let run = bench.check(&[]);
            run.has(&[part]);
            assert_eq!(run.status, 1, "{}", run.text);
            let json = bench.check(&["--json"]);
            let json: serde_json::Value = serde_json::from_str(&json.text).unwrap();
            let findings = json["findings"].as_array().unwrap();
            let found = findings
                .iter()
                .find(|finding| finding["id"] == id && finding["status"] == "wrong")
                .unwrap();
            assert_eq!(found["services"], serde_json::json!(["sudo"]), "{found}");
        }
    }
    // What two services share is asked once.
    let bench = with_token(FLOW, GROUPS);
    bench.stack("sshd", README_STACK);
    bench.stack("sudo", README_STACK);
    let run = bench.check(&[]);
    assert_eq!(run.text.matches("linux-login begins with").count(), 1);
    assert_eq!(run.text.matches("authentik knows linux-admins").count(), 1);
}

#[test]
fn offline_asks_nothing() {
    require_host!();
    let bench = with_token(FLOW, GROUPS);
    bench.stack("sshd", &sshd());
    bench.stack("sudo", README_STACK);
    let run = bench.check(&["--offline"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&["not asked, with --offline", "✓ PAM stacks"]);
    assert!(bench.double.requests().is_empty());
    bench.check(&["--offline", "--json"]);
    assert!(bench.double.requests().is_empty());
    // Files on this host are checked.
    bench.write("ca.pem", "no certificate", 0o644);
    let run = bench.check(&["--offline"]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["✗ files", "ca.pem"]);
}

#[test]
fn quiet_prints_what_is_wrong_alone() {
    require_host!();
    let bench = with_token(FLOW, GROUPS);
    bench.stack("sshd", &sshd());
    let run = bench.check(&["--quiet"]);
    assert_eq!((run.status, run.text.trim()), (0, ""));
    bench.config("flow = \"no-such-flow\"", GROUPS, TOKEN);
    let run = bench.check(&["--quiet"]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["✗ flow", "→ correct `flow`"]);
    assert_eq!(run.text.matches("✗").count(), 1, "{}", run.text);
    for other in ["✓", "Nothing", "thing is wrong", "service "] {
        assert!(!run.text.contains(other), "{other} in {}", run.text);
    }
}

/// The command at a terminal with this many columns.
pub(crate) fn at_a_terminal(bench: &Bench, columns: u16, arguments: &[&str]) -> String {
    let command = bench.command(arguments);
    let script = format!("stty cols {columns} rows 50; \"$@\"; echo \"exit $?\"");
    let mut shell = std::process::Command::new("/bin/sh");
    shell
        .args(["-c", &script, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm")
        .env("NO_COLOR", "1");
    let mut session = spawn_command(shell, Some(60_000)).unwrap();
    // Each byte arrived as a separate character.
    let bytes = session
        .exp_eof()
        .unwrap()
        .chars()
        .map(|c| c as u8)
        .collect();
    String::from_utf8(bytes).unwrap()
}

/// The final screen: replaced lines are removed.
pub(crate) fn on_screen(text: &str) -> Vec<String> {
    text.replace("\r\n", "\n")
        .lines()
        .map(|line| line.rsplit('\r').next().unwrap_or_default())
        .map(str::to_owned)
        .collect()
}

/// Words that are longer than a line are not broken, so that they can be copied.
#[track_caller]
pub(crate) fn fits(lines: &[String], columns: usize) {
    for line in lines {
        let words = line.split_whitespace().count();
        assert!(
            line.chars().count() <= columns || words <= 2,
            "wider than {columns}: {line:?}"
        );
    }
}

#[test]
fn a_terminal_sees_what_is_waited_for_and_no_long_line() {
    require_host!();
    let bench = with_token("flow = \"no-such-flow\"", GROUPS);
    bench.stack("sshd", README_STACK);
    for columns in [40, 80] {
        let text = at_a_terminal(&bench, columns, &["check", "--config", "{config}"]);
        assert!(text.contains("\rconnecting to "), "{text:?}");
        let lines = on_screen(&text);
        assert!(lines.iter().any(|line| line.contains("✗ flow")), "{text}");
        assert!(
            !lines.iter().any(|line| line.contains("connecting to")),
            "{lines:#?}"
        );
        fits(&lines, usize::from(columns));
    }
    // Nothing of this is written to a file or to a program that reads the output.
    for more in [&[][..], &["--json"], &["--quiet"]] {
        let run = bench.check(more);
        assert!(!run.text.contains("connecting to"), "{}", run.text);
    }
}

#[test]
fn lines_that_change_passwords_are_judged() {
    require_host!();
    const PASSWD: &str = "@include common-auth\n@include common-account\n";
    let with = |password: &str| {
        let bench = Bench::new();
        bench.config(
            FLOW,
            GROUPS,
            "[password]\nflow = \"default-password-change\"\n",
        );
        bench.stack("sshd", README_STACK);
        bench.stack("passwd", &format!("{PASSWD}{password}\n"));
        bench.check(&["--offline"])
    };
    const UNIX: &str = "password requisite pam_unix.so yescrypt\npassword required pam_permit.so";
    let good = with(&format!(
        "password [success=1 ignore=ignore default=die] {{module}} config={{config}}\n{UNIX}"
    ));
    assert_eq!(good.status, 0, "{}", good.text);
    assert!(!good.text.contains("passwd: /"), "{}", good.text);
    let run = with(&format!(
        "password sufficient {{module}} config={{config}}\n{UNIX}"
    ));
    run.has(&[
        "! PAM stacks",
        "if authentik refuses the new password, the local one is still changed",
        "[success=done ignore=ignore default=die]",
    ]);
    let run = with("password required {module} config={config}");
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["local accounts can no longer change their passwords"]);
    let run = with("password required {dir}/gone/pam_authentik_flow.so config={config}");
    run.has(&["libpam does not find the module"]);

    let bench = Bench::new();
    bench.stack(
        "passwd",
        &format!("{PASSWD}password sufficient {{module}} config={{config}}\n{UNIX}\n"),
    );
    let run = bench.check(&["--offline"]);
    run.has(&["this line does nothing, because [password] names no flow"]);
}
