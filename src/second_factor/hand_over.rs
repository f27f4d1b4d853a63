//! From authentication to the session: a record under a random name.

use std::fs::File;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use super::record::{self, HANDED_OVER, Record};
use super::session::{self, NotKept};
use super::{FactorCookie, Subject, is_sudo, milliseconds};
use crate::host::run::{self, Access};
use crate::sys::{AuditSession, ProcessMark, boot_id, is_setuid, since_boot};

/// What the names begin with; 32 hexadecimal digits follow.
const PREFIX: &str = "handed-over.";
const DIGITS: usize = 32;
/// For how long a record waits for its session.
const WAITS: Duration = Duration::from_secs(60);
/// For a process without an audit session.
const NO_SESSION: &str = "none";
/// The line of a record that says when it was written, counted from 0.
const HANDED: usize = 8;
/// How many records a login looks at.
const MAX_RECORDS: usize = 1024;

/// The login that hands something over, and the one that takes it: they must be the same.
pub struct LoginFacts<'a> {
    /// The name of the account on this host.
    pub user: &'a str,
    /// The service, by which libpam chose the stack.
    pub service: &'a str,
    /// From which host, as the application says.
    pub rhost: &'a str,
}

/// What is taken in the end.
pub(super) struct Taken {
    pub(super) subject: Subject,
    pub(super) cookie: FactorCookie,
}

/// Leaves `cookie` for the session of this login, and gives the name to hand over; `None`
/// if this service opens no session that could remember it, or it cannot be written.
///
/// Call it only after authentik has accepted the login.
#[must_use]
pub fn hand_over(
    login: &LoginFacts<'_>,
    subject: &Subject,
    cookie: &FactorCookie,
    remember_for: Duration,
) -> Option<String> {
    // What a user starts is in a session already, and opens none.
    if is_sudo(login.service) || is_setuid() {
        return None;
    }
    let record = record_of(login, subject, cookie, remember_for)?;
    let directory = run::open_directory(Access::Create)?;
    let name = random_name()?;
    run::write_new(&directory, &format!("{PREFIX}{name}"), record.text())?;
    Some(name)
}

/// Removes what no session has taken within its minute, and what is left of sessions that
/// ended without a word, as when sshd was killed. Every login does it, whatever its result.
pub fn remove_leftovers(service: &str) {
    if is_sudo(service) || is_setuid() {
        return;
    }
    if let Some(directory) = run::open_directory(Access::Existing) {
        sweep(&directory);
    }
}

fn record_of(
    login: &LoginFacts<'_>,
    subject: &Subject,
    cookie: &FactorCookie,
    remember_for: Duration,
) -> Option<Record> {
    let (own, parent) = ProcessMark::of_this_process()?;
    let mut record = of_login(&boot_id()?, login)?;
    record.add(
        &AuditSession::of_this_process()
            .map_or_else(|| NO_SESSION.to_owned(), |session| session.id.to_string()),
    )?;
    record.add(&record::mark(own))?;
    record.add(&record::mark(parent.unwrap_or(own)))?;
    record.add(&milliseconds(since_boot()?).to_string())?;
    record.add(&subject.name)?;
    record.add(&subject.url)?;
    record.add(&subject.flow)?;
    record.add(&subject.factors)?;
    record.add_cookie(cookie, remember_for)?;
    Some(record)
}

/// Takes the record with this name. It can be taken only once.
///
/// # Errors
/// Why it is not for this login.
pub(super) fn take(
    directory: &File,
    name: &str,
    login: &LoginFacts<'_>,
    session: AuditSession,
) -> Result<Taken, NotKept> {
    let name = file_name(name).ok_or(NotKept::NoRecord)?;
    let text = run::read(directory, &name);
    // Of several at once, one has removed it.
    if !run::remove(directory, &name) {
        return Err(NotKept::NoRecord);
    }
    let text = text.ok_or(NotKept::NoRecord)?;
    let boot = boot_id().ok_or(NotKept::NoRecord)?;
    let head = of_login(&boot, login).ok_or(NotKept::AnotherLogin)?;
    let mut rest = head.rest_of(&text).ok_or(NotKept::AnotherLogin)?;
    let broken = NotKept::NoRecord;
    let before = rest.line().ok_or(broken)?;
    let makers = [rest.mark().ok_or(broken)?, rest.mark().ok_or(broken)?];
    let (own, _) = ProcessMark::of_this_process().ok_or(broken)?;
    if !makers.contains(&own) {
        return Err(NotKept::AnotherLogin);
    }
    if before == session.id.to_string() {
        return Err(NotKept::NoOwnSession);
    }
    let handed = rest.line().and_then(|line| line.parse().ok());
    let handed = Duration::from_millis(handed.ok_or(broken)?);
    let age = since_boot().and_then(|now| now.checked_sub(handed));
    if age.is_none_or(|age| age >= WAITS) {
        return Err(NotKept::TooLate);
    }
    let mut line = || rest.line().map(str::to_owned).ok_or(broken);
    let subject = Subject {
        user: login.user.to_owned(),
        name: line()?,
        url: line()?,
        flow: line()?,
        factors: line()?,
    };
    let cookie = rest.cookie().ok_or(broken)?;
    Ok(Taken { subject, cookie })
}

/// Removes what was handed over under this name.
pub fn discard(name: &str) {
    let directory = run::open_directory(Access::Existing);
    if let (Some(directory), Some(name)) = (directory, file_name(name)) {
        run::remove(&directory, &name);
    }
}

/// How the record of a login begins.
fn of_login(boot: &str, login: &LoginFacts<'_>) -> Option<Record> {
    Record::beginning(&[HANDED_OVER, boot, login.user, login.service, login.rhost])
}

/// The name of the file. An invalid name could be that of another file.
fn file_name(name: &str) -> Option<String> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_name = name.len() == DIGITS && name.bytes().all(is_digit);
    is_name.then(|| format!("{PREFIX}{name}"))
}

fn random_name() -> Option<String> {
    let mut bytes = [0_u8; DIGITS / 2];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn sweep(directory: &File) {
    let names: Vec<String> = run::names(directory).take(MAX_RECORDS).collect();
    for name in names {
        let is_stale = if name.starts_with(PREFIX) {
            was_not_taken(directory, &name)
        } else {
            session::is_left_over(directory, &name)
        };
        if is_stale {
            run::remove(directory, &name);
        }
    }
}

/// Whether a record has waited too long. One that cannot be read belongs to nobody.
fn was_not_taken(directory: &File, name: &str) -> bool {
    let handed = run::read(directory, name)
        .as_deref()
        .and_then(|text| text.lines().nth(HANDED)?.parse().ok())
        .map(Duration::from_millis);
    let age = since_boot()
        .zip(handed)
        .and_then(|(now, handed)| now.checked_sub(handed));
    age.is_none_or(|age| age >= WAITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "0123456789abcdef0123456789abcdef";
    const LOGIN: LoginFacts<'_> = LoginFacts {
        user: "alice",
        service: "sshd",
        rhost: "192.0.2.7",
    };
    /// No process has it by now.
    const SESSION: AuditSession = AuditSession {
        id: u32::MAX - 1,
        login_uid: 1000,
    };

    /// A directory with a record of this process.
    fn directory() -> (tempfile::TempDir, File) {
        let subject = Subject {
            user: "alice".into(),
            name: "alice".into(),
            url: "https://a.example".into(),
            flow: "f".into(),
            factors: "None".into(),
        };
        let hour = Duration::from_secs(3600);
        let cookie = FactorCookie::set_now("value", hour).unwrap();
        let record = record_of(&LOGIN, &subject, &cookie, hour).unwrap();
        let path = tempfile::tempdir().unwrap();
        let open = File::open(path.path()).unwrap();
        run::write_new(&open, &format!("{PREFIX}{NAME}"), record.text()).unwrap();
        (path, open)
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "several who race, in a test")]
    fn only_one_of_several_readers_gets_a_record() {
        for _ in 0..1000 {
            let (_path, directory) = directory();
            let gate = std::sync::Barrier::new(8);
            let got = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            gate.wait();
                            take(&directory, NAME, &LOGIN, SESSION).is_ok()
                        })
                    })
                    .collect();
                let got = threads.into_iter().map(|thread| thread.join().unwrap());
                got.filter(|got| *got).count()
            });
            assert_eq!(got, 1);
        }
    }

    #[test]
    fn a_record_is_for_one_login_and_any_other_removes_it() {
        let outcome =
            |login: &LoginFacts<'_>, session, change: &dyn Fn(Vec<String>) -> Vec<String>| {
                let (path, directory) = directory();
                let file = path.path().join(format!("{PREFIX}{NAME}"));
                let lines = std::fs::read_to_string(&file).unwrap();
                let lines = change(lines.lines().map(str::to_owned).collect());
                std::fs::write(&file, lines.join("\n") + "\n").unwrap();
                let taken = take(&directory, NAME, login, session).map(|_| ());
                assert!(!file.exists());
                taken
            };
        let same = |lines| lines;
        assert_eq!(outcome(&LOGIN, SESSION, &same), Ok(()));
        for other in [
            LoginFacts {
                user: "bob",
                ..LOGIN
            },
            LoginFacts {
                service: "login",
                ..LOGIN
            },
            LoginFacts { rhost: "", ..LOGIN },
        ] {
            assert_eq!(outcome(&other, SESSION, &same), Err(NotKept::AnotherLogin));
        }
        let with = |at: usize, text: String| {
            move |mut lines: Vec<String>| {
                lines[at].clone_from(&text);
                lines
            }
        };
        let another_boot = with(1, "x".into());
        assert_eq!(
            outcome(&LOGIN, SESSION, &another_boot),
            Err(NotKept::AnotherLogin)
        );
        let both = |mut lines: Vec<String>| {
            lines[6] = "1 1".into();
            lines[7] = "1 1".into();
            lines
        };
        assert_eq!(outcome(&LOGIN, SESSION, &both), Err(NotKept::AnotherLogin));
        let not_new = with(5, SESSION.id.to_string());
        assert_eq!(
            outcome(&LOGIN, SESSION, &not_new),
            Err(NotKept::NoOwnSession)
        );
        let now = milliseconds(since_boot().unwrap());
        let old = with(HANDED, now.saturating_sub(60_001).to_string());
        assert_eq!(outcome(&LOGIN, SESSION, &old), Err(NotKept::TooLate));
        let future = with(HANDED, (now + 60_000).to_string());
        assert_eq!(outcome(&LOGIN, SESSION, &future), Err(NotKept::TooLate));
        let broken = |mut lines: Vec<String>| {
            lines.pop();
            lines
        };
        assert_eq!(outcome(&LOGIN, SESSION, &broken), Err(NotKept::NoRecord));
    }

    #[test]
    fn only_the_digits_of_a_name_are_one() {
        let name = random_name().unwrap();
        assert_ne!(Some(&name), random_name().as_ref());
        assert_eq!(file_name(&name), Some(format!("handed-over.{name}")));
        for wrong in [
            "",
            "../../../../../../../etc/passwd/",
            "0123456789abcdef0123456789abcde",
            "0123456789abcdef0123456789abcdef0",
            "0123456789ABCDEF0123456789ABCDEF",
            "0123456789abcdef0123456789abcde/",
        ] {
            assert_eq!(file_name(wrong), None, "{wrong}");
        }
    }
}
