//! `check` on hosts with one fault each. Its output is kept in `tests/transcripts/check`, and
//! names the cause and the remedy.

mod configuration;
mod flows;
mod server;

use authentik_double::Double;

use crate::bench::{Bench, Run, hold_against_transcript};

/// Runs `check`, and expects this exit code, these parts, and the transcript.
#[track_caller]
pub(crate) fn check(bench: &Bench, name: &str, status: i32, parts: &[&str]) -> Run {
    let run = bench.run(&["check", "--config", "{config}"]);
    hold(&run, name, status, parts);
    let json = bench.run(&["check", "--json", "--config", "{config}"]);
    assert_eq!(json.status, status, "{name}: {}", json.text);
    run
}

#[track_caller]
pub(crate) fn hold(run: &Run, name: &str, status: i32, parts: &[&str]) {
    for part in parts {
        assert!(
            run.text.contains(part),
            "{name}: no {part:?} in\n{}",
            run.text
        );
    }
    assert_eq!(run.status, status, "{name}:\n{}", run.text);
    hold_against_transcript(
        &format!("check/{name}"),
        &format!("{}exit {status}\n", run.text),
    );
}

pub(crate) const TOKEN: &str = "[account]\ntoken_file = \"{dir}/account.token\"";

/// With a token that may see users and groups.
pub(crate) fn with_token(top: &str, access: &str) -> Bench {
    let bench = Bench::new();
    bench.token("view-user-group-token\n");
    bench.config(top, access, TOKEN);
    bench
}

pub(crate) const FLOW: &str = "flow = \"linux-login\"";
pub(crate) const GROUPS: &str = "groups = [\"linux-admins\"]";

macro_rules! require_host {
    () => {
        pam_harness::require_isolation!();
        pam_harness::require_root!();
    };
}
pub(crate) use require_host;

#[test]
fn a_host_without_problems() {
    require_host!();
    let bench = with_token(
        FLOW,
        "groups = [\"linux-admins\"]\napplication = \"linux-ssh\"",
    );
    // With the token, users who log in with a key are looked up too.
    let account = "account [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin\naccount required {module} config={config}\n@include common-account";
    bench.stack(
        "sshd",
        &crate::bench::README_STACK.replace("@include common-account", account),
    );
    let run = check(&bench, "good", 0, &["Nothing is wrong", "29 days left"]);
    // The holes of the oldest version are the only thing to look at.
    let text = run.text.replace(crate::bench::OLDEST, "");
    assert!(!text.contains('✗') && !text.contains('!'), "{}", run.text);
    // It only reads: it sends no password and opens no session.
    assert!(
        bench
            .double
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );
}

#[test]
fn json_says_the_same() {
    require_host!();
    let bench = with_token("flow = \"no-such-flow\"", GROUPS);
    let run = bench.run(&["check", "--json", "--config", "{config}"]);
    assert_eq!(run.status, 1);
    let json: serde_json::Value = serde_json::from_str(&run.text).unwrap();
    assert_eq!(json["well"], false);
    let findings = json["findings"].as_array().unwrap();
    let find = |id: &str| findings.iter().find(|finding| finding["id"] == id).unwrap();
    let flow = find("flow.wrong");
    assert_eq!(flow["status"], "wrong");
    assert!(
        find("certificate.good")["values"]["left_days"]
            .as_i64()
            .unwrap()
            > 20
    );
    assert!(find("authentik.good")["values"]["took_milliseconds"].is_u64());
    assert!(flow["found"].as_str().unwrap().contains("no-such-flow"));
    assert!(flow["remedy"].as_str().unwrap().contains("slug"));
    let text = bench.run(&["check", "--config", "{config}"]).text;
    for step in findings {
        assert!(text.contains(step["name"].as_str().unwrap()), "{step}");
    }
}

/// Findings are shown at once, not after the wait for a silent server.
#[test]
fn results_come_as_they_are_found() {
    use std::io::{BufRead, BufReader};
    require_host!();
    let bench = Bench::with(Double::builder().mute());
    bench.config(
        &format!("connect_timeout = \"20s\"\nrequest_timeout = \"20s\"\n{FLOW}"),
        GROUPS,
        "",
    );
    let mut child = bench
        .command(&["check", "--config", "{config}"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let found = lines
        .map_while(Result::ok)
        .find(|line| line.contains("configuration") && line.contains("the module can use it"));
    assert!(found.is_some());
    assert!(
        child.try_wait().unwrap().is_none(),
        "the command ended before the server answered"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Only characters that a terminal without UTF-8 can show.
#[test]
fn marks_are_ascii_where_the_locale_is() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", crate::bench::README_STACK);
    for (locale, ascii) in [("C", true), ("C.UTF-8", false), ("de_DE.utf8", false)] {
        let mut command = bench.command(&["check", "--config", "{config}"]);
        let output = command.env("LANG", locale).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("PAM stacks"), "{text}");
        assert_eq!(text.is_ascii(), ascii, "{locale}: {text}");
    }
}
