//! The seam between the protocol and how requests travel.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::ServerFault;

/// Carries requests to one authentik server and keeps its session.
///
/// The HTTPS client implements it ([`crate::http::HttpsTransport`]); the protocol
/// itself knows of no library.
pub trait Transport {
    /// Sends a GET for `path`, which begins with `/api/`.
    ///
    /// # Errors
    /// How the server or the way to it failed. A status is no failure here.
    fn get(&mut self, path: &str) -> Result<Answer, ServerFault>;

    /// Sends `body`, JSON, as a POST to `path`. It is never sent twice. `limit`
    /// takes the place of the limit for any other request, where it is given.
    ///
    /// # Errors
    /// As [`Transport::get`].
    fn post(
        &mut self,
        path: &str,
        body: &[u8],
        limit: Option<Duration>,
    ) -> Result<Answer, ServerFault>;
}

/// What came back.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Where a 3xx points, as far as it matters.
    pub redirect: Option<Redirect>,
    /// authentik's `X-authentik-id`, by which its own log names the request; cleaned.
    pub request_id: Option<String>,
    /// Whether the body says of itself that it is JSON.
    pub is_json: bool,
    /// Whether the server asks to come back later (`Retry-After`).
    pub asks_to_wait: bool,
    /// The body, at most [`Answer::MAX_BODY_BYTES`].
    pub body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// The longest body that is read. Challenges are below 2 KiB; `users/me` of
    /// somebody in a thousand groups is about 100 KiB.
    pub const MAX_BODY_BYTES: u64 = 1024 * 1024;
}

/// Where a redirect points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirect {
    /// To the very origin and path that were asked: authentik's "ask again".
    SamePlace,
    /// To anywhere else, cleaned for the log. It is never followed.
    Elsewhere(String),
}
