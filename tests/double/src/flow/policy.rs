//! Policies: what authentik's administrators write in Python, a test writes as a closure.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::world::{HostDevice, User};

/// The data that a policy may use.
#[derive(Debug)]
pub struct PolicyRequest<'a> {
    /// The user who is logged in or about to be.
    pub user: Option<&'a User>,
    /// The decoded `query` of this request.
    pub query: &'a BTreeMap<String, String>,
    /// The `User-Agent` header.
    pub user_agent: &'a str,
    /// The address of the request. A client with an outpost's token may set it.
    pub client_ip: &'a str,
    /// The host that has proved in this flow which one it is.
    pub host: Option<&'a HostDevice>,
}

impl PolicyRequest<'_> {
    /// One value of the decoded `query`.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }
}

/// The verdict of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it passes.
    pub passing: bool,
    /// Its message to the person.
    pub messages: Vec<String>,
}

impl From<bool> for Verdict {
    fn from(passing: bool) -> Verdict {
        Verdict {
            passing,
            messages: Vec::new(),
        }
    }
}

type Check = dyn Fn(&PolicyRequest<'_>) -> Verdict + Send + Sync;

/// A policy.
#[derive(Clone)]
pub enum Policy {
    /// Always gives the same verdict.
    Fixed(Verdict),
    /// Delays the request before the next one decides.
    Slow(Duration, Box<Policy>),
    /// A closure.
    Check(Arc<Check>),
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Policy::Fixed(verdict) => f.debug_tuple("Fixed").field(verdict).finish(),
            Policy::Slow(pause, then) => f.debug_tuple("Slow").field(pause).field(then).finish(),
            Policy::Check(_) => f.write_str("Check"),
        }
    }
}

impl Policy {
    /// Always passes.
    pub fn pass() -> Policy {
        Policy::Fixed(true.into())
    }

    /// Never passes, without a message.
    pub fn deny() -> Policy {
        Policy::Fixed(false.into())
    }

    /// Never passes, with a message. An exception in a policy looks the same.
    pub fn deny_with(messages: &[&str]) -> Policy {
        Policy::Fixed(Verdict {
            passing: false,
            messages: messages.iter().map(|m| (*m).to_owned()).collect(),
        })
    }

    /// Passes after this time.
    pub fn slow(pause: Duration) -> Policy {
        Policy::Slow(pause, Box::new(Policy::pass()))
    }

    /// Passes if the closure says so.
    pub fn check<V: Into<Verdict>>(
        check: impl Fn(&PolicyRequest<'_>) -> V + Send + Sync + 'static,
    ) -> Policy {
        Policy::Check(Arc::new(move |request| check(request).into()))
    }

    /// How long a request waits for the verdict.
    pub(crate) fn pause(&self) -> Duration {
        match self {
            Policy::Slow(pause, then) => *pause + then.pause(),
            Policy::Fixed(_) | Policy::Check(_) => Duration::ZERO,
        }
    }

    pub(crate) fn evaluate(&self, request: &PolicyRequest<'_>) -> Verdict {
        match self {
            Policy::Fixed(verdict) => verdict.clone(),
            Policy::Slow(_, then) => then.evaluate(request),
            Policy::Check(check) => check(request),
        }
    }
}
