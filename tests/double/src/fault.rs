//! Faults between client and server.
//!
//! ```
//! use std::time::Duration;
//! use authentik_double::{Double, Fault, Match};
//!
//! let double = Double::start();
//! // the second POST to the executor is answered by a proxy whose backend is gone
//! double.inject(Fault::on(Match::post("/flows/executor/").nth(2)).answer(
//!     502, "text/html", "<h1>502 Bad Gateway</h1>",
//! ));
//! // and the check of the application is answered a little later
//! double.inject(Fault::on(Match::path("/check_access/")).delay(Duration::from_millis(5)));
//! ```

use crate::version::Version;
use std::time::Duration;

use crate::exchange::{Call, Reply};

/// The requests that a fault affects.
#[derive(Debug, Clone, Default)]
pub struct Match {
    method: Option<String>,
    path: Option<String>,
    nth: Option<usize>,
    first: Option<usize>,
    from: Option<usize>,
}

impl Match {
    /// Every request.
    pub fn any() -> Match {
        Match::default()
    }

    /// Requests whose path (without the query) has this in it.
    pub fn path(part: &str) -> Match {
        Match {
            path: Some(part.to_owned()),
            ..Match::default()
        }
    }

    /// GET requests whose path has this in it.
    pub fn get(part: &str) -> Match {
        Match::path(part).method("GET")
    }

    /// POST requests whose path has this in it.
    pub fn post(part: &str) -> Match {
        Match::path(part).method("POST")
    }

    /// Only requests of this method.
    pub fn method(mut self, method: &str) -> Match {
        self.method = Some(method.to_owned());
        self
    }

    /// Only the nth of them, counted from one since the fault was injected.
    pub fn nth(mut self, nth: usize) -> Match {
        self.nth = Some(nth);
        self
    }

    /// The nth of them and all later ones.
    pub fn from(mut self, nth: usize) -> Match {
        self.from = Some(nth);
        self
    }

    /// Only the first few of them.
    pub fn first(mut self, count: usize) -> Match {
        self.first = Some(count);
        self
    }

    fn concerns(&self, call: &Call) -> bool {
        let path = call.target.split('?').next().unwrap_or_default();
        self.method.as_ref().is_none_or(|m| *m == call.method)
            && self
                .path
                .as_ref()
                .is_none_or(|part| path.contains(part.as_str()))
    }

    fn counts(&self, occurrence: usize) -> bool {
        self.nth.is_none_or(|nth| occurrence == nth)
            && self.first.is_none_or(|count| occurrence <= count)
            && self.from.is_none_or(|from| occurrence >= from)
    }
}

/// What happens to a request.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// Another answer. The server itself never sees the request.
    Answer(Reply),
    /// The answer of a server that has lost its database.
    ServerError,
    /// The connection is closed. The server itself never sees the request.
    Close,
    /// The connection is closed before the body is read.
    CloseUnread,
    /// The server handles the request, but the answer is lost.
    LoseAnswer,
    /// Half of the answer's body, then the connection closes.
    Halve,
    /// The answer's body arrives one byte at a time.
    Drip(Duration),
    /// The whole answer arrives one byte at a time, including its head.
    DripAll(Duration),
    /// The answer's body never ends.
    Endless,
    /// No answer, and the connection stays open.
    Silence,
    /// These bytes instead of HTTP, then the connection closes.
    Raw(Vec<u8>),
}

/// A fault, and when it happens.
#[derive(Debug, Clone)]
#[must_use = "a fault strikes once it is injected"]
pub struct Fault {
    pub(crate) when: Match,
    pub(crate) delay: Duration,
    pub(crate) action: Option<Action>,
    seen: usize,
}

impl Fault {
    /// A fault for these requests. Call another method to say what happens.
    pub fn on(when: Match) -> Fault {
        Fault {
            when,
            delay: Duration::ZERO,
            action: None,
            seen: 0,
        }
    }

    /// Waits before anything else happens. Without another action the answer is only late.
    pub fn delay(mut self, pause: Duration) -> Fault {
        self.delay = pause;
        self
    }

    /// Replaces the server's answer.
    pub fn answer(self, status: u16, content_type: &str, body: &str) -> Fault {
        self.act(Action::Answer(Reply::new(status, content_type, body)))
    }

    /// Replaces the server's answer by JSON.
    pub fn json(self, status: u16, body: &serde_json::Value) -> Fault {
        self.answer(status, "application/json", &body.to_string())
    }

    /// Adds a header to the answer of [`Fault::answer`] or [`Fault::json`].
    ///
    /// # Panics
    /// If there is no such answer.
    pub fn header(mut self, name: &str, value: &str) -> Fault {
        match &mut self.action {
            Some(Action::Answer(reply)) => {
                reply.headers.push((name.to_owned(), value.to_owned()));
            }
            _ => panic!("a fault has headers only after `answer` or `json`"),
        }
        self
    }

    /// The answer of the front of a server that is still starting, in the version that the test
    /// run asks for.
    pub fn starting(self) -> Fault {
        let status = Version::asked_for().status_while_starting();
        self.json(status, &serde_json::json!({"error": "authentik starting"}))
            .header("Retry-After", "5")
    }

    /// The answer of a server that has lost its database: a page for a GET, almost nothing for
    /// a POST.
    pub fn server_error(self) -> Fault {
        self.act(Action::ServerError)
    }

    /// The answer of a proxy without a backend.
    pub fn bad_gateway(self) -> Fault {
        let page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
                    <center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n";
        self.answer(502, "text/html", page)
    }

    /// Closes the connection before the answer. The request has no effect.
    pub fn close(self) -> Fault {
        self.act(Action::Close)
    }

    /// Closes the connection after the head of the request.
    pub fn close_while_reading(self) -> Fault {
        self.act(Action::CloseUnread)
    }

    /// Closes the connection before the answer. The request *has* its effect.
    pub fn lose_answer(self) -> Fault {
        self.act(Action::LoseAnswer)
    }

    /// Sends half of the answer's body and closes the connection.
    pub fn halve(self) -> Fault {
        self.act(Action::Halve)
    }

    /// Sends the answer's body one byte at a time.
    pub fn drip(self, interval: Duration) -> Fault {
        self.act(Action::Drip(interval))
    }

    /// Sends the whole answer one byte at a time, from its first line.
    pub fn drip_head(self, interval: Duration) -> Fault {
        self.act(Action::DripAll(interval))
    }

    /// Sends a body that never ends.
    pub fn endless_body(self) -> Fault {
        self.act(Action::Endless)
    }

    /// Never answers; the connection stays open.
    pub fn never_answer(self) -> Fault {
        self.act(Action::Silence)
    }

    /// Sends these bytes, HTTP or not, and closes the connection.
    pub fn raw(self, bytes: impl Into<Vec<u8>>) -> Fault {
        self.act(Action::Raw(bytes.into()))
    }

    fn act(mut self, action: Action) -> Fault {
        self.action = Some(action);
        self
    }
}

/// What affects one request: the sum of the delays, and the action that was injected last.
pub(crate) fn strike(faults: &mut [Fault], call: &Call) -> (Duration, Option<Action>) {
    let mut delay = Duration::ZERO;
    let mut action = None;
    for fault in faults.iter_mut().filter(|f| f.when.concerns(call)) {
        fault.seen += 1;
        if fault.when.counts(fault.seen) {
            delay += fault.delay;
            action = fault.action.clone().or(action);
        }
    }
    (delay, action)
}
