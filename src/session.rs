//! The end of authentik's session: a login on a host needs none afterwards.

use std::time::Duration;

use crate::config::Config;
use crate::flow;
use crate::http::HttpsTransport;

/// How long the end of a session is waited for, at most: it decides nothing.
const LONGEST: Duration = Duration::from_secs(3);

/// Ends the session that `transport` holds, where `end_session` says so and it
/// may be somebody's, through the brand's invalidation flow: one GET does it.
///
/// Whatever becomes of it changes no verdict; `debug` logs it as every request.
/// The cookies are wiped with the transport in any case.
pub fn end(transport: &mut HttpsTransport, config: &Config) {
    if config.end_session && transport.has_answered() {
        // What was proved, or was not, stays so: a failure has nobody to tell.
        let _ = transport.get_within(&flow::path(&config.invalidation_flow, ""), LONGEST);
    }
}
