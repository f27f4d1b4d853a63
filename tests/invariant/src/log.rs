//! What went over the wire and what passed at the prompt, in its order: all that
//! the judgement in [`crate::model`] is made from.

use std::cell::RefCell;

use crate::choices::Choices;

/// One thing that happened in a login.
#[derive(Debug, Clone)]
pub enum Event {
    /// A request, and what came back; `None` where nobody answered.
    Request {
        /// Its path, with the query.
        path: String,
        /// What was sent; `None` for a GET.
        body: Option<Vec<u8>>,
        /// What came back.
        answer: Option<Reply>,
    },
    /// A prompt that somebody answered.
    Prompt {
        /// What was typed.
        typed: String,
    },
    /// A prompt that nobody would or could answer.
    Aborted,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Where it points to.
    pub place: Place,
    /// Whether it says of itself that it is JSON.
    pub is_json: bool,
    /// Its body.
    pub body: Vec<u8>,
}

/// Where an answer points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nowhere.
    Nowhere,
    /// To where it was asked.
    Same,
    /// To somewhere else.
    Elsewhere,
}

impl Reply {
    /// A body of JSON, with status 200.
    #[must_use]
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            place: Place::Nowhere,
            is_json: true,
            body: body.into(),
        }
    }

    /// No body, and a status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            place: Place::Nowhere,
            is_json: false,
            body: Vec::new(),
        }
    }

    /// authentik's "ask again".
    #[must_use]
    pub fn again() -> Self {
        Self {
            place: Place::Same,
            ..Self::status(302)
        }
    }
}

/// What a server and a person share: the decisions, and what has happened.
pub struct World<'a> {
    /// The decisions that are left.
    pub choices: RefCell<Choices<'a>>,
    /// What has happened.
    pub log: RefCell<Vec<Event>>,
}

impl<'a> World<'a> {
    /// A world in which nothing has happened.
    #[must_use]
    pub fn new(choices: Choices<'a>) -> Self {
        Self {
            choices: RefCell::new(choices),
            log: RefCell::default(),
        }
    }

    /// The next decision.
    pub fn byte(&self) -> u8 {
        self.choices.borrow_mut().byte()
    }

    /// One of `all`.
    pub fn one_of<T: Copy>(&self, all: &[T]) -> T {
        self.choices.borrow_mut().one_of(all)
    }

    /// Notes what has happened.
    ///
    /// # Panics
    /// Where more happens than in any login.
    pub fn note(&self, event: Event) {
        let mut log = self.log.borrow_mut();
        // A hundred challenges, with thirty-two redirects each.
        assert!(
            log.len() < 5_000,
            "the login did not end after 5,000 events"
        );
        log.push(event);
    }
}
