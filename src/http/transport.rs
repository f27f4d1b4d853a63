//! The interface between the protocol and the HTTP client.

use std::time::Duration;

use zeroize::Zeroizing;

use super::unavailable::Unavailable;
use crate::fault::ServerFault;

/// Carries requests to one authentik server and keeps its session.
///
/// The HTTPS client implements it ([`crate::http::HttpsTransport`]); the protocol does
/// not depend on a library.
pub trait Transport {
    /// Sends a GET for `path`, which begins with `/api/`.
    ///
    /// # Errors
    /// If there is no usable response. An HTTP status is not an error here.
    fn get(&mut self, path: &str) -> Result<Answer, RequestError>;

    /// Sends `body` (JSON) as a POST to `path`. It is never sent twice. `limit`, if
    /// given, replaces the usual limit for a request.
    ///
    /// # Errors
    /// As [`Transport::get`].
    fn post(
        &mut self,
        path: &str,
        body: &[u8],
        limit: Option<Duration>,
    ) -> Result<Answer, RequestError>;
}

/// Why a request has no usable response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// authentik is proved to be unavailable. Only the HTTP layer can say so.
    Unavailable(Unavailable),
    /// Something failed. This proves nothing about authentik.
    Failed {
        /// What failed.
        fault: ServerFault,
        /// Why this does not prove that authentik is unavailable, if it looks like it.
        doubt: Option<&'static str>,
        /// The id of the request in authentik's log, where there was an answer with one.
        request_id: Option<String>,
    },
}

impl RequestError {
    /// What happened.
    #[must_use]
    pub fn fault(&self) -> &ServerFault {
        match self {
            Self::Unavailable(unavailable) => unavailable.fault(),
            Self::Failed { fault, .. } => fault,
        }
    }

    /// The id of the request in authentik's log, where there was an answer with one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Unavailable(unavailable) => unavailable.request_id(),
            Self::Failed { request_id, .. } => request_id.as_deref(),
        }
    }
}

impl From<ServerFault> for RequestError {
    fn from(fault: ServerFault) -> Self {
        Self::Failed {
            fault,
            doubt: None,
            request_id: None,
        }
    }
}

/// An answer.
#[derive(Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Where a 3xx response points.
    pub redirect: Option<Redirect>,
    /// authentik's `X-authentik-id`, by which its own log names the request; cleaned.
    pub request_id: Option<String>,
    /// Whether the Content-Type is application/json.
    pub is_json: bool,
    /// Whether the server asks to come back later (`Retry-After`).
    pub asks_to_wait: bool,
    /// Whether authentik itself says that it is starting.
    pub is_starting: bool,
    /// How long a cache has stored the response, if a cache says so.
    pub age: Option<Age>,
    /// How long the session lives from now on, if the answer says so.
    pub session_lifetime: Option<Duration>,
    /// The body, at most [`Answer::MAX_BODY_BYTES`].
    pub body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// Describes a status that the caller did not expect.
    #[must_use]
    pub fn fault_of_status(&self) -> ServerFault {
        match self.status {
            _ if self.is_starting => ServerFault::NotReady,
            429 => ServerFault::Throttled,
            _ if self.asks_to_wait => ServerFault::Throttled,
            status => ServerFault::Status(status),
        }
    }

    /// The longest body, in bytes, without the pictures in it. A challenge usually has
    /// less than 2 KiB, `users/me` of a person in a thousand groups about 100 KiB.
    pub const MAX_BODY_BYTES: u64 = 1024 * 1024;
}

/// The `Age` header. If there are several, the largest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// The age in seconds.
    Seconds(u64),
    /// The value is not a number of seconds.
    Unknown,
}

/// Where a redirect points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirect {
    /// To the same origin and path. With this, authentik asks for the next request.
    SamePlace,
    /// To any other place, cleaned for the log. It is never followed.
    Elsewhere(String),
}
