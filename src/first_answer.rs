//! The first answer of a login, which may come late.
//!
//! Greeters and screen lockers ask as soon as they start, and a person answers minutes
//! or days later. The server does not cause that wait, and it is not a failure. But the
//! server may have forgotten the flow. So a late answer starts a new flow, and if that
//! asks the same question, the module gives it the answer.

use std::time::Duration;

use crate::deadline::Deadline;
use crate::error::LoginError;
use crate::secret::Secret;

/// The first answer of one login: awaited, late, or given.
#[derive(Debug)]
pub struct FirstAnswer {
    deadline: Deadline,
    /// Who logs in: on this host, and in authentik.
    person: (String, String),
    /// Whether the flow has already sent the person a message.
    has_sent: bool,
    /// Whether the answer was late, so that a new flow uses it.
    came_late: bool,
    /// The answer that came late, until the new flow asks.
    late: Option<(Question, Secret)>,
}

/// What the person was asked. A late answer is given only to the same question.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    /// The component of the stage that asks.
    pub component: String,
    /// The whole text, with the prompt at the end.
    pub text: String,
    /// What is asked for, such as `password`.
    pub what: &'static str,
    /// Whether the answer is hidden.
    pub is_hidden: bool,
}

impl Question {
    /// Whether its answer means the same in another flow. A password and a code do; the
    /// link of a mail and the fields of a form belong to their flow.
    fn may_be_carried_over(&self) -> bool {
        self.is_hidden && matches!(self.what, "password" | "code")
    }
}

impl FirstAnswer {
    /// For a login in which nobody has answered yet.
    #[must_use]
    pub fn awaited() -> Self {
        Self {
            deadline: Deadline::after(Duration::ZERO),
            person: Default::default(),
            has_sent: false,
            came_late: false,
            late: None,
        }
    }

    /// For a login that ends at `deadline`, whenever the person answers.
    #[must_use]
    pub fn within(deadline: Deadline) -> Self {
        deadline.note_answer();
        Self {
            deadline,
            ..Self::awaited()
        }
    }

    /// Whether nobody has answered yet.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        !self.deadline.is_answered()
    }

    /// Starts the time of a flow, which may take `limit`: from now, or from the first
    /// answer if there was one.
    pub fn start_clock(&mut self, limit: Duration) -> Deadline {
        if self.is_awaited() {
            self.deadline = Deadline::after(limit);
        } else {
            self.deadline.set_limit(limit);
        }
        self.deadline()
    }

    /// The deadline of the login.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.deadline.clone()
    }

    /// A flow starts for `user`, whose name in authentik is `name`. An answer from
    /// another user is dropped.
    pub fn begin_flow(&mut self, user: &str, name: &str) {
        let person = (user.to_owned(), name.to_owned());
        if self.person != person {
            self.late = None;
            self.person = person;
        }
        self.has_sent = false;
    }

    /// Whether it came late.
    pub(crate) fn came_late(&self) -> bool {
        self.came_late
    }

    /// Whether a password came late and waits for its question in the new flow.
    pub(crate) fn has_late_password(&self) -> bool {
        let answered = self.late.as_ref().map(|(question, _)| question.what);
        answered == Some("password")
    }

    /// The flow sends a message, by SMS, mail or push. Such a flow is not started
    /// again: the person would get a second message, and answer the first.
    pub(crate) fn message_sent(&mut self) {
        self.has_sent = true;
    }

    /// The late answer, if it answers `question`. Any other question is asked, and the
    /// late answer is dropped.
    pub(crate) fn take_late(&mut self, question: &Question) -> Option<Secret> {
        let (answered, typed) = self.late.take()?;
        (answered == *question).then_some(typed)
    }

    /// Notes what was `typed`, and returns it if the flow can use it.
    ///
    /// # Errors
    /// [`LoginError::LateAnswer`] if it is the first answer and late.
    pub(crate) fn note(&mut self, question: Question, typed: Secret) -> Result<Secret, LoginError> {
        let is_late = self.deadline.note_answer();
        if !is_late || self.has_sent {
            return Ok(typed);
        }
        self.came_late = true;
        if question.may_be_carried_over() {
            self.late = Some((question, typed));
        }
        Err(LoginError::LateAnswer)
    }
}

/// Runs a login, and runs it again if the first answer came late.
///
/// # Errors
/// As the last attempt.
pub fn once_more_if_late<T>(
    mut attempt: impl FnMut(&mut FirstAnswer) -> Result<T, LoginError>,
) -> Result<T, LoginError> {
    let mut first = FirstAnswer::awaited();
    match attempt(&mut first) {
        Err(LoginError::LateAnswer) => attempt(&mut first),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(what: &'static str, is_hidden: bool) -> Question {
        Question {
            component: "ak-stage-password".into(),
            text: "Password:".into(),
            what,
            is_hidden,
        }
    }

    /// A person who answers this question when the time is over.
    fn late(asked: Question) -> FirstAnswer {
        let mut first = FirstAnswer::awaited();
        let _ = first.start_clock(Duration::ZERO);
        first.begin_flow("alice", "alice");
        let noted = first.note(asked, Secret::new("correct-horse".into()));
        assert_eq!(noted, Err(LoginError::LateAnswer));
        let deadline = first.start_clock(Duration::from_secs(60));
        assert!(
            !deadline.remaining().is_zero(),
            "the new limit is over at once"
        );
        first
    }

    #[test]
    fn a_late_answer_is_given_to_the_same_question_and_person_once() {
        let mut first = late(question("password", true));
        assert!(!first.is_awaited());
        first.begin_flow("alice", "alice");
        let asked = question("password", true);
        let typed = first.take_late(&asked).unwrap();
        assert_eq!(typed.expose(), "correct-horse");
        assert_eq!(first.take_late(&asked), None);

        for (user, name) in [("bob", "alice"), ("alice", "bob")] {
            let mut first = late(question("password", true));
            first.begin_flow(user, name);
            assert_eq!(first.take_late(&asked), None, "{user}, {name}");
        }
    }

    #[test]
    fn another_question_is_asked_and_ends_the_late_answer() {
        let other = |change: fn(&mut Question)| {
            let mut question = question("password", true);
            change(&mut question);
            question
        };
        for other in [
            other(|question| question.component = "ak-stage-identification".into()),
            other(|question| question.text = "Passwort:".into()),
            other(|question| question.what = "code"),
            other(|question| question.is_hidden = false),
        ] {
            let mut first = late(question("password", true));
            first.begin_flow("alice", "alice");
            assert_eq!(first.take_late(&other), None, "{other:?}");
            assert_eq!(first.take_late(&question("password", true)), None);
        }
    }

    #[test]
    fn only_a_password_and_a_code_are_kept() {
        for (what, is_hidden, kept) in [
            ("password", true, true),
            ("code", true, true),
            ("code", false, false),
            ("link", true, false),
            ("answer", true, false),
            ("answer", false, false),
        ] {
            let mut first = late(question(what, is_hidden));
            first.begin_flow("alice", "alice");
            let taken = first.take_late(&question(what, is_hidden));
            assert_eq!(taken.is_some(), kept, "{what}");
        }
    }

    #[test]
    fn a_flow_that_has_sent_a_message_goes_on() {
        let mut first = FirstAnswer::awaited();
        let deadline = first.start_clock(Duration::ZERO);
        first.begin_flow("alice", "alice");
        first.message_sent();
        let typed = Secret::new("123456".into());
        assert!(first.note(question("code", true), typed).is_ok());
        assert!(deadline.is_answered());
    }
}
