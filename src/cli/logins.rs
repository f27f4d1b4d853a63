//! Today's logins, from the log.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use pam_authentik_flow::{host, text};

use super::programs;

/// Files that syslog daemons write, where there is no journal.
const FILES: [&str; 2] = ["/var/log/auth.log", "/var/log/secure"];
/// Where journald keeps its files.
const JOURNALS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];
/// The limit of a field that is shown, in bytes.
const MAX_FIELD: usize = 1024;
/// How much of the end of a file is read, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The logins that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Today {
    /// The source, and how far it can be trusted.
    pub(crate) source: String,
    pub(crate) lines: Vec<LogLine>,
}

/// One log line of the module. Any local user can write such a line to a log file, so its
/// fields are clean of what a terminal obeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// `HH:MM`, in this host's time.
    pub(crate) time: String,
    pub(crate) service: String,
    /// `auth`, `account` or `password`.
    pub(crate) entry: String,
    /// The PAM code.
    pub(crate) code: String,
    pub(crate) user: String,
    pub(crate) cause: Option<String>,
    pub(crate) reason: Option<String>,
}

/// Reads the journal, or the first of the files that is there.
///
/// # Errors
/// Why nothing can be read.
pub(crate) fn today() -> Result<Today, String> {
    if !host::runs_as_root() {
        return Err("only root can read the log: run this as root".into());
    }
    let has_journal = JOURNALS.iter().any(|dir| has_entries(Path::new(dir)));
    if has_journal {
        return of_journal();
    }
    let Some(path) = FILES.iter().find(|path| Path::new(path).is_file()) else {
        return Err(format!(
            "there is no journal, and none of {}",
            FILES.join(", ")
        ));
    };
    of_file(Path::new(path))
}

fn has_entries(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}

fn of_journal() -> Result<Today, String> {
    // Lines that a process without root's rights has written are left out.
    let said = programs::ask(
        "journalctl",
        &[
            "--quiet",
            "--no-pager",
            "--output=short-iso",
            "--since=today",
            "_UID=0",
            "SYSLOG_FACILITY=10",
        ],
    )?;
    if !said.succeeded {
        return Err(format!("journalctl: {}", said.complaint));
    }
    Ok(Today {
        source: "the journal, lines of root's processes".into(),
        lines: said.text.lines().filter_map(parse).collect(),
    })
}

fn of_file(path: &Path) -> Result<Today, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let said = programs::ask("date", &["+%Y-%m-%d|%b %e"])?;
    let days: Vec<&str> = said.text.trim().split('|').collect();
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let start = length.saturating_sub(MAX_BYTES);
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let text = String::from_utf8_lossy(&bytes);
    let of_today = text
        .lines()
        .filter(|line| days.iter().any(|day| line.starts_with(day)));
    Ok(Today {
        source: format!("{}, which any local user can write to", path.display()),
        lines: of_today.filter_map(parse).collect(),
    })
}

/// A line of a file or of the journal: the time in one of two forms, the host, the tag,
/// and the module's own text.
fn parse(line: &str) -> Option<LogLine> {
    let (head, own) = line.split_once("]: pam_authentik_flow(")?;
    // A line of another program may quote the module's.
    let mut head = head.split_whitespace();
    let first = head.next()?;
    let (time, tag) = match first.split_once('T') {
        Some((_, time)) => (time, head.nth(1)?),
        None => {
            head.next()?;
            (head.next()?, head.nth(1)?)
        }
    };
    let (place, own) = own.split_once("): ")?;
    let (service, entry) = place.split_once(':')?;
    let is_alone = head.next().is_none() && tag.split('[').next() == Some(service);
    let (code, rest) = own.split_once(": ")?;
    if !is_alone || !code.starts_with("PAM_") {
        return None;
    }
    let fields = fields(rest);
    let clean = |value: &str| text::one_line(value, MAX_FIELD);
    let field = |name: &str| fields.get(name).map(|value| clean(value));
    Some(LogLine {
        time: clean(&time.chars().take(5).collect::<String>()),
        service: clean(service),
        entry: clean(entry),
        code: clean(code),
        user: field("user").unwrap_or_default(),
        cause: field("cause"),
        reason: field("reason"),
    })
}

/// `key=value`. A value with blanks is in quotes.
fn fields(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim();
    while let Some((key, after)) = rest.split_once('=') {
        let (value, behind) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = end_of_quoted(quoted);
                let (value, behind) = quoted.split_at(end);
                (value.replace("\\\"", "\""), behind.trim_start_matches('"'))
            }
            None => {
                let (value, behind) = after.split_once(' ').unwrap_or((after, ""));
                (value.to_owned(), behind)
            }
        };
        found.insert(key.trim().to_owned(), value);
        rest = behind.trim_start();
    }
    found
}

/// The place of the first quote without a backslash in front.
fn end_of_quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, sign) in text.char_indices() {
        match sign {
            '"' if !escaped => return at,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

impl Today {
    /// How the logins ended, for people.
    pub(crate) fn outcomes(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let logins = self.lines.iter().filter(|line| line.entry == "auth");
        for line in logins {
            let count = counts.entry(line.code.as_str()).or_default();
            *count = count.saturating_add(1);
        }
        if counts.is_empty() {
            return "no login through authentik".into();
        }
        let proved = counts.remove("PAM_SUCCESS").unwrap_or_default();
        let others: Vec<String> = counts
            .iter()
            .map(|(code, count)| format!("{count} {code}"))
            .collect();
        let others = match others.is_empty() {
            true => "none failed".into(),
            false => others.join(", "),
        };
        format!("{proved} logins proved (PAM_SUCCESS); {others}")
    }
}

impl std::fmt::Display for LogLine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            time,
            service,
            code,
            user,
            ..
        } = self;
        write!(out, "{time} {service} {user} {code}")?;
        match &self.cause {
            Some(cause) => write!(out, " {cause}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "pam_authentik_flow(sshd:auth): PAM_AUTH_ERR: user=alice rhost=192.0.2.7 ms=734 cause=wrong-answer reason=\"authentik refused: \\\"no = never\\\" here\"";

    #[test]
    fn lines_of_both_forms_are_read() {
        for head in [
            "2026-11-27T21:09:13.123456+00:00 host sshd[12]: ",
            "2026-11-27T21:09:13+0000 host sshd[12]: ",
            "Nov 27 21:09:13 host sshd[12]: ",
            "Nov  7 21:09:13 host sshd[12]: ",
        ] {
            let line = parse(&format!("{head}{TEXT}")).unwrap();
            assert_eq!(
                line.to_string(),
                "21:09 sshd alice PAM_AUTH_ERR wrong-answer"
            );
            assert_eq!(line.entry, "auth");
            assert_eq!(
                line.reason.as_deref(),
                Some("authentik refused: \"no = never\" here")
            );
        }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_comes_out_of_a_line() {
        let bad = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{2066}\u{200b}";
        let service = format!("ss{bad}hd");
        let line = parse(&format!(
            "2026-11-27T2{bad}:09:13 host {service}[12]: pam_authentik_flow({service}:au{bad}th): \
             PAM_{bad}ERR: user=al{bad}ice cause=wr{bad}ong reason=\"a {bad}b {bad}\""
        ))
        .unwrap();
        let text = format!(
            "{line} {} {}",
            line.entry,
            line.reason.as_deref().unwrap_or_default()
        );
        let obeyed = |c: char| c.is_control() || "\u{202e}\u{2066}\u{200b}".contains(c);
        assert!(!text.contains(obeyed), "{text:?}");
        assert!(
            text.contains("ice PAM_") && text.ends_with("a ]0;x2Jb ]0;x2J"),
            "{text:?}"
        );
    }

    /// A made-up user name in another program's line must not look like a login.
    #[test]
    fn only_the_modules_own_lines_count() {
        for line in [
            format!("Nov 27 21:09:13 host sshd[12]: Invalid user x]: {TEXT}"),
            format!("Nov 27 21:09:13 host cron[12]: {TEXT}"),
            format!("Nov 27 21:09:13 host sshd[12]: Failed for {TEXT}"),
            "Nov 27 21:09:13 host sshd[12]: pam_authentik_flow(sshd:auth): refused answer: user=a"
                .into(),
            "Nov 27 21:09:13 host sshd[12]: pam_unix(sshd:auth): PAM_SUCCESS: user=a".into(),
        ] {
            assert_eq!(parse(&line), None, "{line}");
        }
    }
}
