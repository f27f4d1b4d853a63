//! Ends the session in authentik: a login to a host does not need it afterwards.

use std::time::Duration;

use crate::access::Verified;
use crate::config::Config;
use crate::flow;
use crate::http::HttpsTransport;

/// How long to wait for the end of a session, at most: it decides nothing.
const LONGEST: Duration = Duration::from_secs(3);

/// The longest life of a session that is left to end by itself.
const SHORT: Duration = Duration::from_secs(60);

/// Whether the session of a login ends by itself within a minute, by authentik's own
/// word: then nobody has to wait for its end.
#[must_use]
pub fn ends_by_itself(login: &Verified) -> bool {
    login.session_lifetime().is_some_and(|left| left <= SHORT)
}

/// Ends the session that `transport` holds, with one GET of the brand's invalidation
/// flow, if `end_session` says so and the session may belong to somebody.
///
/// The result changes no decision; `debug` logs it like every request.
/// The cookies are wiped with the transport in any case.
pub fn end(transport: &mut HttpsTransport, config: &Config) {
    if config.end_session && transport.has_answered() {
        // The decision about the login stays as it is, so nobody needs to hear of a
        // failure.
        let _ = transport.get_within(&flow::path(&config.invalidation_flow, ""), LONGEST);
    }
}
