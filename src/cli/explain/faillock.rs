//! pam_faillock's count of failures.

use std::path::Path;

use super::Question;
use crate::cli::report::Report;
use crate::cli::stack::{Entry, Kind};
use crate::cli::{files, programs};

/// Its settings, unless arguments say otherwise.
const SETTINGS: &str = "/etc/security/faillock.conf";
/// The default number of failures that lock an account.
const DENY: usize = 3;

/// Runs `faillock` if the stack has a line of pam_faillock.
pub(super) fn look(report: &mut Report, question: &Question<'_>) {
    let entries = question.stacks.entries(question.service, Kind::Auth);
    let entries = entries.unwrap_or_default();
    let asks = |entry: &&Entry| entry.name() == "pam_faillock.so";
    let Some(entry) = entries.iter().find(asks) else {
        return;
    };
    let name = question.name;
    let settings = files::text(Path::new(SETTINGS)).unwrap_or_default();
    let given = |key: &str| setting(&entry.arguments, &settings, key);
    let mut arguments = vec!["--user", name];
    let dir = given("dir");
    if let Some(dir) = &dir {
        arguments.extend(["--dir", dir]);
    }
    let said = match programs::ask("faillock", &arguments) {
        Ok(said) if said.succeeded => said,
        Ok(said) => return unknown(report, &said.complaint),
        Err(why) => return unknown(report, &why),
    };
    let failures = count(&said.text);
    let most = given("deny")
        .and_then(|text| text.parse().ok())
        .unwrap_or(DENY);
    let found = format!(
        "{failures} failures of {most} (faillock --user {name}, asked by {})",
        entry.place()
    );
    match failures >= most {
        true => report.wrong(
            "faillock.locked",
            format!("{found}: pam_faillock refuses them until unlock_time is over"),
            format!("faillock --user {name} --reset"),
        ),
        false => report.ok("faillock.open", found),
    }
}

fn unknown(report: &mut Report, why: &str) {
    report.unknown(
        "faillock.unknown",
        format!("its count is not known: {why}"),
        Some("run this as root".into()),
    );
}

/// A setting: the line's argument, else the file's.
fn setting(arguments: &[String], file: &str, key: &str) -> Option<String> {
    let of = |text: &str| {
        let (found, value) = text.split_once('=')?;
        (found.trim() == key).then(|| value.trim().to_owned())
    };
    let argument = arguments.iter().find_map(|argument| of(argument));
    argument.or_else(|| file.lines().find_map(of))
}

/// The failures that count: the last column is `V`.
fn count(text: &str) -> usize {
    text.lines()
        .filter(|line| line.split_whitespace().last() == Some("V"))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_that_count_are_counted() {
        let text = "alice:\nWhen                Type  Source   Valid\n2026-11-27 21:00:00 RHOST 192.0.2.7 V\n2026-11-27 20:00:00 RHOST 192.0.2.7 I\n";
        assert_eq!(count(text), 1);
        let file = "# deny = 9\ndeny = 5\n";
        assert_eq!(setting(&[], file, "deny").as_deref(), Some("5"));
        let own = ["preauth".to_owned(), "deny=4".to_owned()];
        assert_eq!(setting(&own, file, "deny").as_deref(), Some("4"));
        assert_eq!(setting(&own, file, "dir"), None);
    }
}
