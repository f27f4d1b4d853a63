//! Every program in every case, and the table of the results.

use crate::case::{ALL, Case, Expected};
use authentik_double::Double;
use pam_harness::host::{Ended, RealHost, Terminal};
use std::fmt::Write;
use std::time::Duration;

/// Words that appear only in prompts.
const PROMPTS: [&str; 3] = ["assword:", "assword for ", "code: "];

/// A program, as the table knows it.
pub(crate) struct Program {
    /// The table's file, and the start of its rows.
    pub(crate) name: &'static str,
    /// Starts it for a user.
    pub(crate) start: fn(&RealHost, &str) -> Terminal,
    /// The text on the screen after a login.
    pub(crate) welcome: fn(&RealHost, &str) -> String,
    /// What to type after success.
    pub(crate) leave: fn(&mut Terminal),
    /// Gives up at a prompt without an answer.
    pub(crate) give_up: fn(&mut Terminal),
    /// The results that differ from the usual ones; a reason where a case is impossible.
    pub(crate) differs: fn(Case, Expected) -> Result<Expected, &'static str>,
    /// Whether the terminal shows typed text, because another program reads it.
    pub(crate) shown: bool,
}

impl Program {
    /// Goes through all cases, and writes the table.
    #[track_caller]
    pub(crate) fn goes_through_all_cases(&self) {
        let double = Double::start();
        let host = RealHost::new(&double).start();
        let mut table = String::new();
        for case in ALL {
            let expected = match (self.differs)(case, case.expected()) {
                Ok(expected) => expected,
                Err(why) => {
                    let _ = writeln!(
                        table,
                        "{}: {}\n    result not to be had: {why}",
                        self.name,
                        case.name()
                    );
                    continue;
                }
            };
            // Each code is accepted once, and after a wrong one the next must wait.
            double.advance(Duration::from_secs(60));
            host.config(&case.configuration(&double));
            host.new_log();
            let ended = self.log_in(&host, &double, case);
            let lines = host.new_lines();
            table.push_str(&self.row(case, &expected, &ended, &lines));
            self.check(&host, case, &expected, &ended, &lines);
        }
        write_table(self.name, &table);
        let left = host.processes();
        assert!(left.iter().all(|name| name == "sshd"), "{left:?} are left");
    }

    fn log_in(&self, host: &RealHost, double: &Double, case: Case) -> Ended {
        let mut terminal = (self.start)(host, case.user());
        let welcome = (self.welcome)(host, case.user());
        let mut answers = case.answers(double).into_iter();
        loop {
            let mut words = [PROMPTS.as_slice(), &[welcome.as_str()]].concat();
            if self.shown {
                // The program that reads the terminal continues after the program's end.
                words.push("incorrect password attempt");
            }
            match terminal.expect_or_end(&words) {
                None => break,
                Some(index) if index == PROMPTS.len() => {
                    (self.leave)(&mut terminal);
                    break;
                }
                Some(index) if index > PROMPTS.len() => {
                    (self.give_up)(&mut terminal);
                    break;
                }
                Some(_) => {
                    let Some(answer) = answers.next() else {
                        (self.give_up)(&mut terminal);
                        break;
                    };
                    if case == Case::IdleConnections {
                        double.close_connections();
                    }
                    if self.shown {
                        terminal.send_line(&answer);
                    } else {
                        terminal.send_secret(&answer);
                    }
                }
            }
        }
        terminal.finish()
    }

    fn row(&self, case: Case, expected: &Expected, ended: &Ended, lines: &[String]) -> String {
        let mut text = format!("{}: {}\n", self.name, case.name());
        let result = if expected.success { "in" } else { "not in" };
        let _ = writeln!(text, "    result {result}, exit status {}", ended.status);
        let line = |line: &String| line.clone();
        let log: Vec<String> = lines.iter().map(line).collect();
        let log = if log.is_empty() {
            String::from("(the module was not asked)")
        } else {
            log.join(" | ")
        };
        let _ = writeln!(text, "    log    {log}");
        let screen: Vec<&str> = ended
            .transcript
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        let _ = writeln!(text, "    screen {}", screen.join(" / "));
        text
    }

    #[track_caller]
    fn check(
        &self,
        host: &RealHost,
        case: Case,
        expected: &Expected,
        ended: &Ended,
        lines: &[String],
    ) {
        let (name, case_name) = (self.name, case.name());
        let context = format!(
            "{name}: {case_name}\n{}\n{}",
            ended.transcript,
            lines.join("\n")
        );
        let welcome = (self.welcome)(host, case.user());
        assert_eq!(
            ended.transcript.contains(&welcome.replace('\r', "")),
            expected.success,
            "{context}"
        );
        assert!(ended.transcript.contains(expected.words), "{context}");
        if expected.log.is_empty() {
            assert!(lines.is_empty(), "{context}");
        } else {
            // sudo asks again, and the person gives up, which adds a line.
            assert!(
                lines.iter().any(|line| line.contains(expected.log)),
                "{:?} is not in the line\n{context}",
                expected.log
            );
            if !expected.success {
                assert!(
                    lines.iter().all(|line| !line.contains("PAM_SUCCESS")),
                    "{context}"
                );
            }
        }
    }
}

/// The table as `make test` prints it, with a file for each program: cargo does not show the
/// output of passing tests.
pub(crate) fn write_table(program: &str, table: &str) {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hosts");
    std::fs::create_dir_all(&directory).expect("the table's directory");
    let name: String = program
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    std::fs::write(directory.join(format!("{name}.txt")), table).expect("the table is written");
}

pub(crate) fn same(_: Case, expected: Expected) -> Result<Expected, &'static str> {
    Ok(expected)
}

pub(crate) fn nothing(_: &mut Terminal) {}

/// The end of input. Ctrl-C may arrive between sudo's prompt and its read, and would be lost.
pub(crate) fn no_more(terminal: &mut Terminal) {
    terminal.send(b"\x04");
}
