//! Ends the session in authentik: a login to a host does not need it afterwards.

use std::time::Duration;

use crate::access::Verified;
use crate::audit::Audit;
use crate::config::Config;
use crate::error::LoginError;
use crate::flow::{self, Challenge};
use crate::http::{Answer, HttpsTransport, RequestError};
use crate::text;

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
/// The result changes no decision. If the session may be left, the line of the login
/// says so. The cookies are wiped with the transport in any case.
pub fn end(transport: &mut HttpsTransport, config: &Config, audit: &mut Audit) {
    if !config.end_session || !transport.has_answered() {
        return;
    }
    let answer = transport.get_within(&flow::path(&config.invalidation_flow, ""), LONGEST);
    if let Some(why) = left(answer, transport.has_session()) {
        audit.set_session_left(&why);
    }
}

/// Why the session may be left. A flow that asks for something, and one without a user
/// logout stage, answer with 200, too: only a session that authentik takes back has ended.
fn left(answer: Result<Answer, RequestError>, has_session: bool) -> Option<String> {
    match answer {
        Ok(answer) if matches!(answer.status, 200..=399) && !has_session => None,
        Ok(answer) if answer.status != 200 => Some(format!("HTTP {}", answer.status)),
        Ok(answer) => Some(match Challenge::read(answer.body) {
            Ok(challenge) => text::one_line(challenge.component(), 64),
            Err(fault) => LoginError::from(fault).cause().into(),
        }),
        Err(error) => Some(LoginError::from(error).cause().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::ServerFault;

    #[test]
    fn only_a_cookie_that_is_taken_back_is_the_end_of_a_session() {
        let answer = |status, body: &str| {
            Ok(Answer {
                status,
                is_json: true,
                body: body.as_bytes().to_vec().into(),
                ..Answer::default()
            })
        };
        let end = r#"{"component":"xak-flow-redirect","to":"/"}"#;
        assert_eq!(left(answer(200, end), false), None);
        assert_eq!(left(answer(302, ""), false), None);
        for (answer, has_session, why) in [
            (answer(200, end), true, "xak-flow-redirect"),
            (
                answer(200, r#"{"component":"ak-stage-password"}"#),
                true,
                "ak-stage-password",
            ),
            (answer(200, "no"), true, "invalid-answer"),
            (answer(404, "{}"), true, "HTTP 404"),
            (answer(503, end), false, "HTTP 503"),
            (Err(ServerFault::Closed.into()), false, "connection"),
        ] {
            assert_eq!(left(answer, has_session).as_deref(), Some(why));
        }
    }
}
