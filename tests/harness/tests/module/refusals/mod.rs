//! Everything that is refused: its code, its log line, and its text for the user.

mod host;
mod network;
mod person;
mod row;
mod rules;

use authentik_double::Double;
use pam_harness::Outcome;
use row::{NO_LINE, Row};

use crate::bench::{Bench, expect};

#[test]
fn every_cause_ends_in_its_code_its_line_and_its_words() {
    pam_harness::require_isolation!();
    let mut table = Table::new();
    for row in [person::ROWS, rules::ROWS, network::ROWS, host::ROWS].concat() {
        let outcome = (row.run)();
        let words = outcome.shown().join(" / ");
        table.add(&row, &outcome, &words);
        assert_ne!(row.code, "PAM_SUCCESS");
        // libpam gives no PAM_IGNORE to an application; the test below shows it.
        let shown_code = if row.code == "PAM_IGNORE" {
            "PAM_PERM_DENIED"
        } else {
            row.code
        };
        assert_eq!(
            outcome.code().to_string(),
            shown_code,
            "{}: {}",
            row.cause,
            outcome.transcript()
        );
        match row.words {
            "" => assert_eq!(words, "", "{}", row.cause),
            part => assert!(
                words.contains(part),
                "{}: {part:?} is not in {words:?}",
                row.cause
            ),
        }
        if row.line == NO_LINE {
            assert!(outcome.log().is_empty(), "{}", outcome.transcript());
        } else {
            expect_line(&row, &outcome);
        }
    }
}

/// The table that `make test` prints, in a file: cargo does not show the output of passing
/// tests.
struct Table(Option<std::fs::File>);

impl Table {
    fn new() -> Table {
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/causes.txt");
        // An ordinary user who runs root's build cannot write there.
        Table(std::fs::File::create(path).ok())
    }

    fn add(&mut self, row: &Row, outcome: &Outcome, words: &str) {
        let lines: Vec<&str> = outcome
            .log()
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        let text = format!(
            "{}\n    code   {}\n    log    {}\n    words  {}\n",
            row.cause,
            row.code,
            lines.join(" | "),
            words.replace('\n', " / ")
        );
        print!("{text}");
        if let Some(file) = &mut self.0 {
            use std::io::Write;
            file.write_all(text.as_bytes())
                .expect("the table is written");
        }
    }
}

fn expect_line(row: &Row, outcome: &Outcome) {
    let line = crate::bench::line(outcome);
    let entry = ["auth", "account", "password"]
        .into_iter()
        .find(|entry| line.contains(&format!("pam_authentik_flow(sshd:{entry}): {}: ", row.code)));
    assert!(entry.is_some(), "{}: {line}", row.cause);
    assert!(
        line.contains(row.line),
        "{}: {:?} is not in {line}",
        row.cause,
        row.line
    );
    assert!(
        !line.contains("hunter2") && !line.contains("forged"),
        "{line}"
    );
}

#[test]
fn a_skip_is_pam_ignore_and_nothing_else_is() {
    pam_harness::require_isolation!();
    // Only PAM_IGNORE jumps over the refusal.
    let stack = "auth [ignore=1 default=die] {module} {arguments}\nauth requisite pam_deny.so\nauth required pam_permit.so\n";
    for (name, code) in [
        ("root", "PAM_SUCCESS"),
        ("daemon", "PAM_SUCCESS"),
        ("alice", "PAM_AUTHINFO_UNAVAIL"),
    ] {
        let bench = Bench::new().top("url = \"https://127.0.0.1:1\"");
        let outcome = bench
            .pam("linux-login", name)
            .stack(stack)
            .authenticate()
            .run();
        assert_eq!(
            outcome.code().to_string(),
            code,
            "{name}: {}",
            outcome.transcript()
        );
    }
}

#[test]
fn each_component_that_cannot_be_answered_is_named() {
    pam_harness::require_isolation!();
    let flows = Double::start().world(|world| authentik_double::list_flows(world));
    let mut tried = 0;
    for flow in flows
        .iter()
        .filter(|flow| flow.slug.starts_with("component-"))
        // That one is answered.
        .filter(|flow| flow.slug != "component-ak-stage-endpoint-agent")
    {
        let component = flow.slug.trim_start_matches("component-");
        let bench = Bench::new();
        let outcome = bench.log_in(&flow.slug, "alice", &[]);
        let name = if component.contains("identification") {
            "ak-stage-identification"
        } else {
            component
        };
        expect(&outcome, "PAM_SERVICE_ERR", &[name]);
        assert!(
            outcome.shown().concat().contains("cannot go on here"),
            "{}",
            outcome.transcript()
        );
        tried += 1;
    }
    assert!(tried >= 13, "{tried}");
}
