//! The two records, as text: one value to a line.
//!
//! What a record says about users, sessions and servers is never read from it. The reader
//! writes down what it sees itself, and the record fits if it begins with exactly that.

use std::time::Duration;

use zeroize::Zeroizing;

use super::{FactorCookie, Subject, milliseconds};
use crate::sys::{AuditSession, ProcessMark};

/// The first line of what a login hands over.
pub(super) const HANDED_OVER: &str = "handed over 1";
/// The first line of what a session remembers.
pub(super) const SESSION: &str = "session 1";

/// A record that is written: its lines, and how many of them the reader compares.
pub(super) struct Record(Zeroizing<String>);

impl Record {
    /// Begins with these values. `None` if one of them has a line's end in it, and could
    /// pretend to be two.
    pub(super) fn beginning(values: &[&str]) -> Option<Self> {
        let mut record = Self(Zeroizing::new(String::with_capacity(8192)));
        for value in values {
            record.add(value)?;
        }
        Some(record)
    }

    pub(super) fn add(&mut self, value: &str) -> Option<()> {
        if value.contains(['\n', '\r', '\0']) {
            return None;
        }
        self.0.push_str(value);
        self.0.push('\n');
        Some(())
    }

    /// Adds the cookie with its times: when it was set, and when it ends, which is
    /// `remember_for` later at the latest.
    pub(super) fn add_cookie(
        &mut self,
        cookie: &FactorCookie,
        remember_for: Duration,
    ) -> Option<()> {
        let lifetime = cookie.lifetime.min(remember_for);
        let until = cookie.since.checked_add(lifetime)?;
        self.add(&milliseconds(cookie.since).to_string())?;
        self.add(&milliseconds(until).to_string())?;
        self.add(&cookie.value)
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// What stands in `text` behind the lines of this record; `None` if it does not begin
    /// with all of them.
    pub(super) fn rest_of<'a>(&self, text: &'a str) -> Option<Rest<'a>> {
        text.strip_prefix(self.0.as_str()).map(Rest)
    }
}

/// The lines of a record that are read.
pub(super) struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    pub(super) fn line(&mut self) -> Option<&'a str> {
        let (line, rest) = self.0.split_once('\n')?;
        self.0 = rest;
        Some(line)
    }

    pub(super) fn mark(&mut self) -> Option<ProcessMark> {
        parse_mark(self.line()?)
    }

    /// The cookie, which ends the record.
    pub(super) fn cookie(mut self) -> Option<FactorCookie> {
        let since = Duration::from_millis(self.line()?.parse().ok()?);
        let until = Duration::from_millis(self.line()?.parse().ok()?);
        let value = self.line()?;
        let is_whole = self.0.is_empty() && !value.is_empty();
        is_whole.then_some(FactorCookie {
            value: Zeroizing::new(value.to_owned()),
            since,
            lifetime: until.checked_sub(since)?,
        })
    }
}

/// A process, as it stands in a record.
pub(super) fn mark(mark: ProcessMark) -> String {
    format!("{} {}", mark.pid, mark.start)
}

pub(super) fn parse_mark(text: &str) -> Option<ProcessMark> {
    let (pid, start) = text.split_once(' ')?;
    Some(ProcessMark {
        pid: pid.parse().ok()?,
        start: start.parse().ok()?,
    })
}

/// How what `session` remembers for `subject` begins.
pub(super) fn of_session(boot: &str, session: AuditSession, subject: &Subject) -> Option<Record> {
    Record::beginning(&[
        SESSION,
        boot,
        &session.id.to_string(),
        &session.login_uid.to_string(),
        &subject.user,
        &subject.name,
        &subject.url,
        &subject.flow,
        &subject.factors,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject {
            user: "alice".into(),
            name: "alice".into(),
            url: "https://a.example".into(),
            flow: "f".into(),
            factors: "None".into(),
        }
    }

    const AUDIT: AuditSession = AuditSession {
        id: 7,
        login_uid: 1000,
    };

    fn whole() -> String {
        let mut record = of_session("boot", AUDIT, &subject()).unwrap();
        record.add("42 555").unwrap();
        let cookie = FactorCookie {
            value: Zeroizing::new("value".into()),
            since: Duration::from_secs(100),
            lifetime: Duration::from_secs(3600),
        };
        record.add_cookie(&cookie, Duration::from_secs(60)).unwrap();
        record.text().to_owned()
    }

    #[test]
    fn a_record_fits_only_what_it_was_written_for() {
        let text = whole();
        let fits = |boot: &str, audit: AuditSession, subject: &Subject| {
            let record = of_session(boot, audit, subject).unwrap();
            record.rest_of(&text).is_some()
        };
        assert!(fits("boot", AUDIT, &subject()));
        assert!(!fits("another", AUDIT, &subject()));
        assert!(!fits("boot", AuditSession { id: 8, ..AUDIT }, &subject()));
        let other = AuditSession {
            login_uid: 1001,
            ..AUDIT
        };
        assert!(!fits("boot", other, &subject()));
        for change in [
            |subject: &mut Subject| subject.user = "bob".into(),
            |subject: &mut Subject| subject.user = "alic".into(),
            |subject: &mut Subject| subject.name = "alice-admin".into(),
            |subject: &mut Subject| subject.url = "https://b.example".into(),
            |subject: &mut Subject| subject.flow = "g".into(),
            |subject: &mut Subject| subject.factors = "Some([Webauthn])".into(),
        ] {
            let mut other = subject();
            change(&mut other);
            assert!(!fits("boot", AUDIT, &other), "{other:?}");
        }
    }

    #[test]
    fn a_record_is_read_whole_or_not_at_all() {
        let text = whole();
        let read = |text: &str| {
            let record = of_session("boot", AUDIT, &subject())?;
            let mut rest = record.rest_of(text)?;
            let mark = rest.mark()?;
            Some((mark, rest.cookie()?))
        };
        let (mark, cookie) = read(&text).unwrap();
        assert_eq!(
            mark,
            ProcessMark {
                pid: 42,
                start: 555
            }
        );
        assert_eq!(cookie.value.as_str(), "value");
        assert_eq!(cookie.since, Duration::from_secs(100));
        assert_eq!(
            cookie.lifetime,
            Duration::from_secs(60),
            "the longer of two lifetimes is used"
        );
        for end in 0..text.len() {
            assert!(text.get(..end).and_then(&read).is_none(), "{end}");
        }
        assert!(read(&format!("{text}x\n")).is_none());
        let backwards = text.replace("100000\n160000", "160000\n100000");
        assert!(read(&backwards).is_none());
    }

    #[test]
    fn no_value_pretends_to_be_two() {
        for user in ["a\nb", "a\rb", "a\0b"] {
            let subject = Subject {
                user: user.into(),
                ..subject()
            };
            assert!(of_session("boot", AUDIT, &subject).is_none(), "{user:?}");
        }
    }
}
