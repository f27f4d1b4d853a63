//! What `make demo` prints: a short text with the result and the next steps.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs the demo with these answers. Returns its output and its exit status.
fn demo(flow: &str, login: &str, answers: &str) -> (String, Option<i32>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_demo"))
        .env("FLOW", flow)
        .env("LOGIN", login)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the demo starts");
    let mut input = child.stdin.take().expect("its input");
    let _ = input.write_all(answers.as_bytes());
    drop(input);
    let output = child.wait_with_output().expect("the demo ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, output.status.code())
}

#[test]
fn the_demo_is_short_and_says_what_happened() {
    let mut seen = Vec::new();
    for (flow, login, answers) in [
        ("", "", "correct-horse\n"),
        ("", "", "nope\n"),
        ("linux-mfa", "duke", "correct-horse\n\n"),
    ] {
        let (text, status) = demo(flow, login, answers);
        let text = text.trim_end();
        assert!(text.lines().count() <= 24, "{text}");
        let command = format!("make demo FLOW={flow} LOGIN={login}");
        seen.push(format!("=== {command}\n{text}\n[exit status {status:?}]"));
    }
    // Users who cannot read the checkout run this test, so the text is part of it.
    assert_eq!(format!("{}\n", seen.join("\n\n")), include_str!("demo.txt"));
}

#[test]
fn the_demos_table_is_for_a_terminal_and_for_people() {
    let (text, status) = demo("list", "", "");
    assert_eq!(status, Some(0));
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    // A duration as code prints it, and a count that looks like a failure.
    for word in ["0ns", " 0 sessions", "Duration"] {
        assert!(!text.contains(word), "{text}");
    }
    assert!(text.contains("linux-login"), "{text}");
}
