//! May this person use this host?

use std::time::Duration;

use serde::Deserialize;

use crate::config::{AccessRules, Slug};
use crate::error::LoginError;
use crate::fault::ServerFault;
use crate::http::{Transport, uncached};
use crate::identity::{Group, Identity};
use crate::json::Object;
use crate::text;

/// The longest text of an application's policies that is shown, in bytes.
const MAX_WORDS: usize = 400;

/// A login that is proved: the flow ended, a secret was accepted, the server
/// confirmed whose session it is, and that person may use this host.
///
/// Its fields are private and only [`permit`] makes one, from an [`Identity`]
/// that only [`crate::identity::confirm`] makes. The one place that answers
/// `PAM_SUCCESS` to a login takes one.
#[must_use]
#[derive(Debug, Clone)]
pub struct Verified {
    session_lifetime: Option<Duration>,
}

impl Verified {
    /// How long the session lives in which this was proved, if authentik says so.
    #[must_use]
    pub fn session_lifetime(&self) -> Option<Duration> {
        self.session_lifetime
    }
}

/// A person who logged in without this module, with a key or a ticket, and may use this
/// host as far as a lookup can tell.
///
/// Only [`admit`] makes one. It does not prove who they are: the other login has done
/// that.
#[must_use]
pub struct Admitted(());

/// Applies the configuration's `[access]` to a person whose identity is confirmed, in
/// the session that `transport` holds. It looks at groups first, because they cost no
/// request. Last comes `hold`, which binds an account of
/// this host to its first person: nobody who may not use the host is bound to an account.
///
/// # Errors
/// What `hold` gives; [`LoginError::NotInGroup`], [`LoginError::AmbiguousGroup`],
/// [`LoginError::ApplicationDenied`], [`LoginError::UnknownApplication`]; and
/// [`LoginError::Server`] if the server does not say a plain yes or no.
pub fn permit(
    transport: &mut dyn Transport,
    identity: &Identity,
    rules: &AccessRules,
    hold: impl FnOnce(&Identity) -> Result<(), LoginError>,
) -> Result<Verified, LoginError> {
    if let Some(wanted) = rules.groups() {
        Membership::of(identity.groups(), wanted).required(wanted)?;
    }
    if let Some(slug) = rules.application() {
        ask_application(transport, slug)?;
    }
    hold(identity)?;
    Ok(Verified {
        session_lifetime: identity.session_lifetime(),
    })
}

/// Applies `[access]` to a person who is only looked up. `membership` says what is
/// known about their groups.
///
/// # Errors
/// As [`permit`], and [`LoginError::ApplicationNeedsPerson`]: an application's
/// answer is valid only in the person's own session.
pub fn admit(membership: &Membership, rules: &AccessRules) -> Result<Admitted, LoginError> {
    match (rules.groups(), rules.application()) {
        (Some(wanted), _) => membership.required(wanted)?,
        (None, Some(_)) => return Err(LoginError::ApplicationNeedsPerson),
        (None, None) => {}
    }
    Ok(Admitted(()))
}

/// Whether a person is in one of the required groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// In one of them.
    Member,
    /// In none of them, but in these others, cleaned.
    None(String),
    /// In two groups that share this name, cleaned: it is unclear which one was meant.
    Ambiguous(String),
}

impl Membership {
    /// Looks for `wanted`, names or UUIDs, among the groups of a person.
    ///
    /// Text in the form of a UUID is always a UUID and never a name: otherwise a person
    /// who may name a group could give it another group's UUID as a name.
    #[must_use]
    pub fn of(groups: &[Group], wanted: &[String]) -> Self {
        let mut ambiguous = None;
        for wanted in wanted {
            if is_uuid(wanted) {
                if groups
                    .iter()
                    .any(|group| group.pk.eq_ignore_ascii_case(wanted))
                {
                    return Self::Member;
                }
                continue;
            }
            let mut named = groups.iter().filter(|group| group.name == *wanted);
            let Some(first) = named.next() else { continue };
            if named.all(|other| other.pk.eq_ignore_ascii_case(&first.pk)) {
                return Self::Member;
            }
            ambiguous.get_or_insert_with(|| text::one_line(wanted, 100));
        }
        let theirs = || Self::None(list(groups.iter().map(|group| group.name.as_str())));
        ambiguous.map_or_else(theirs, Self::Ambiguous)
    }

    fn required(&self, wanted: &[String]) -> Result<(), LoginError> {
        match self {
            Self::Member => Ok(()),
            Self::None(theirs) => Err(LoginError::NotInGroup {
                wanted: list(wanted.iter().map(String::as_str)),
                theirs: theirs.clone(),
            }),
            Self::Ambiguous(name) => Err(LoginError::AmbiguousGroup { name: name.clone() }),
        }
    }
}

/// Names of groups for the log, cleaned, and no more than fit there.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.map(|name| text::one_line(name, 60)).collect();
    names.sort();
    names.dedup();
    text::one_line(&names.join(", "), 200)
}

/// Whether `text` has the form that authentik gives its keys: 8-4-4-4-12
/// hexadecimal digits. Such a text is also safe in a path.
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    let mut parts = text.split('-');
    let all = [8, 4, 4, 4, 12].into_iter().all(|length| {
        parts.next().is_some_and(|part| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    });
    all && parts.next().is_none()
}

/// What `check_access` says. Each field is required and must have its type: `"true"` in
/// quotes is not a yes.
#[derive(Deserialize)]
struct Verdict {
    passing: bool,
    messages: Vec<String>,
}

/// Asks whether the application is open to the session's user.
///
/// Call it only after [`crate::identity::confirm`]: for an application without bindings
/// the server says yes to everyone, logged in or not.
fn ask_application(transport: &mut dyn Transport, slug: &Slug) -> Result<(), LoginError> {
    let unexpected_answer =
        |problem: &str| LoginError::from(ServerFault::UnexpectedAnswer(problem.into()));
    let path = format!("/api/v3/core/applications/{}/check_access/", slug.as_str());
    let answer = transport.get(&uncached(&path))?;
    let verdict = match answer.status {
        200 if answer.is_json => serde_json::from_slice::<Object<Verdict>>(&answer.body),
        404 => {
            return Err(LoginError::UnknownApplication {
                slug: slug.as_str().to_owned(),
            });
        }
        200 => {
            return Err(unexpected_answer(
                "its Content-Type is not application/json",
            ));
        }
        _ => return Err(answer.fault_of_status().into()),
    };
    let Ok(Object(verdict)) = verdict else {
        return Err(unexpected_answer(
            "it does not say whether the application is open",
        ));
    };
    if verdict.passing {
        return Ok(());
    }
    let words = text::for_person(&verdict.messages.join("\n"), MAX_WORDS);
    Err(LoginError::ApplicationDenied {
        slug: slug.as_str().to_owned(),
        words: (!words.is_empty()).then_some(words),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::{Answer, RequestError};

    const ONE: &str = "7cb3ed34-07b9-4aa3-afb1-d1ec626fa8e4";
    const TWO: &str = "a4374138-053d-4efc-aabe-a4a313c08193";

    fn member(groups: &[(&str, &str)], wanted: &[&str]) -> Membership {
        let groups: Vec<Group> = groups
            .iter()
            .map(|(name, pk)| Group {
                name: (*name).into(),
                pk: (*pk).into(),
            })
            .collect();
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).into()).collect();
        Membership::of(&groups, &wanted)
    }

    #[test]
    fn a_uuid_is_not_a_name() {
        assert!(is_uuid(ONE) && is_uuid(&ONE.to_uppercase()));
        for text in [
            "",
            "linux",
            "7cb3ed34-07b9-4aa3-afb1-d1ec626fa8e",
            "7cb3ed34-07b9-4aa3-afb1-d1ec626fa8e4-",
            "7cb3ed34-07b9-4aa3-afb1-d1ec626fa8g4",
            "../../../../7cb3ed34-07b9-4aa3-afb1",
        ] {
            assert!(!is_uuid(text), "{text:?}");
        }
        assert_eq!(
            member(&[("a", ONE)], &[&ONE.to_uppercase()]),
            Membership::Member
        );
        assert_eq!(member(&[(TWO, ONE)], &[TWO]), Membership::None(TWO.into()));
    }

    #[test]
    fn a_name_that_two_groups_share_counts_for_neither() {
        let both = [("a", ONE), ("a", TWO), ("b", "other")];
        assert_eq!(member(&both, &["a"]), Membership::Ambiguous("a".into()));
        assert_eq!(member(&both, &["a", TWO]), Membership::Member);
        assert_eq!(member(&both, &["a", "b"]), Membership::Member);
        assert_eq!(
            member(&[("a", ONE), ("a", ONE)], &["a"]),
            Membership::Member
        );
        assert!(matches!(member(&both, &["A"]), Membership::None(_)));
    }

    /// A server with one answer to every request.
    struct Server {
        is_json: bool,
    }

    impl Transport for Server {
        fn get(&mut self, _: &str) -> Result<Answer, RequestError> {
            Ok(Answer {
                status: 200,
                is_json: self.is_json,
                body: br#"{"passing":true,"messages":[]}"#.to_vec().into(),
                ..Answer::default()
            })
        }

        fn post(&mut self, _: &str, _: &[u8], _: Option<Duration>) -> Result<Answer, RequestError> {
            Err(ServerFault::UnexpectedAnswer("nothing is sent".into()).into())
        }
    }

    #[test]
    fn only_json_says_that_an_application_is_open() {
        let slug = Slug::parse("linux").unwrap();
        assert!(ask_application(&mut Server { is_json: true }, &slug).is_ok());
        let refused = ask_application(&mut Server { is_json: false }, &slug);
        let refused = refused.err().unwrap().to_string();
        assert!(refused.contains("Content-Type"), "{refused}");
    }
}
