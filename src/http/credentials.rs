//! The credentials of a request.

use std::time::Duration;

use ureq::RequestBuilder;
use ureq::http::{HeaderMap, HeaderValue, header};

use super::cookies::{self, Cookies};
use super::token::Outpost;
use crate::second_factor::{COOKIE as FACTOR_COOKIE, FactorCookie, Remembered};

/// The cookie of authentik's CSRF protection.
const CSRF_COOKIE: &str = "authentik_csrf";
/// The cookie of the session.
const SESSION_COOKIE: &str = "authentik_session";

/// Who makes a request. A session and a bearer token are never sent in one request: if
/// authentik gets both, it takes the token's user for the user of the session.
pub(super) enum Credentials {
    /// The person, by the session's cookies, with the client address that the outpost's
    /// token vouches for.
    Session {
        cookies: Cookies,
        outpost: Option<Outpost>,
    },
    /// A service account, by the value of `Authorization`. No cookie is stored or sent.
    Bearer(HeaderValue),
}

/// A token for the header `Authorization`, with its scheme.
pub struct Authorization<'a> {
    /// The scheme, such as `Bearer`.
    pub scheme: &'static str,
    /// The token: ASCII without blanks.
    pub token: &'a [u8],
}

/// The session of a login, without a connection, kept for a later call on the same PAM
/// handle. Its cookies are wiped when it is dropped.
pub struct Session(Cookies);

impl Credentials {
    pub(super) fn new_session(outpost: Option<Outpost>) -> Self {
        Self::Session {
            cookies: Cookies::default(),
            outpost,
        }
    }

    /// Adds the credentials to a request to the origin of `url`.
    pub(super) fn add_headers<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match self {
            Self::Bearer(token) => request.header(header::AUTHORIZATION, token.clone()),
            Self::Session { cookies, outpost } => {
                let request = match outpost {
                    Some(outpost) => outpost.sign(request),
                    None => request,
                };
                match cookies.header() {
                    Some(cookies) => request.header(header::COOKIE, cookies),
                    None => request,
                }
            }
        }
    }

    /// The headers that a request in a logged-in session needs in addition.
    pub(super) fn csrf_token(&self) -> Option<HeaderValue> {
        match self {
            Self::Session { cookies, .. } => cookies.value(CSRF_COOKIE),
            Self::Bearer(_) => None,
        }
    }

    /// Whether there is a cookie of a session.
    pub(super) fn has_session(&self) -> bool {
        match self {
            Self::Session { cookies, .. } => cookies.value(SESSION_COOKIE).is_some(),
            Self::Bearer(_) => false,
        }
    }

    /// Stores the cookies that a response sets. Returns how long the session lives from now
    /// on, if the response says so.
    pub(super) fn store_cookies(&mut self, headers: &HeaderMap) -> Option<Duration> {
        let Self::Session { cookies, .. } = self else {
            return None;
        };
        let set = headers.get_all(header::SET_COOKIE);
        for cookie in &set {
            cookies.set(cookie.as_bytes());
        }
        cookies::lifetime(set.iter(), SESSION_COOKIE)
    }

    /// The cookie of a second factor that a response has set, if the response says how long
    /// it is good for.
    pub(super) fn factor_of(&self, headers: &HeaderMap) -> Option<FactorCookie> {
        let Self::Session { cookies, .. } = self else {
            return None;
        };
        let set = headers.get_all(header::SET_COOKIE);
        let lifetime = cookies::lifetime(set.iter(), FACTOR_COOKIE)?;
        let value = cookies.value(FACTOR_COOKIE)?;
        FactorCookie::set_now(value.to_str().ok()?, lifetime)
    }

    /// Sends a second factor that this session remembers with each request from now on.
    pub(super) fn remember(&mut self, remembered: &Remembered) {
        if let Self::Session { cookies, .. } = self {
            cookies.add(FACTOR_COOKIE, remembered.value());
        }
    }

    pub(super) fn into_session(self) -> Option<Session> {
        match self {
            Self::Session { cookies, .. } => Some(Session(cookies)),
            Self::Bearer(_) => None,
        }
    }

    /// Continues with the cookies of `session`.
    pub(super) fn resume(&mut self, session: Session) {
        if let Self::Session { cookies, .. } = self {
            *cookies = session.0;
        }
    }
}
