//! What the head and the body of an answer say beside their content.

use std::time::Duration;

use serde::Deserialize;

use super::transport::{Age, Answer, Redirect};
use crate::config::ServerUrl;
use crate::fault::ServerFault;
use crate::json::Object;
use crate::text;

/// Why an answer cannot be one to the request that was sent `elapsed` ago: a cache
/// has kept it for longer. A cache that has just passed it on says `Age: 0`.
pub(super) fn fault_of_age(answer: &Answer, elapsed: Duration) -> Option<ServerFault> {
    match answer.age? {
        Age::Seconds(age) if age <= elapsed.as_secs() => None,
        Age::Seconds(age) => Some(ServerFault::Stale(age)),
        Age::Unknown => Some(ServerFault::Nonsense(
            "its Age header is not a number of seconds".into(),
        )),
    }
}

/// Whether the body holds authentik's own words while its server starts: its front
/// answers so for as long as the part behind it does not run.
pub(super) fn says_it_is_starting(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Starting<'a> {
        error: &'a str,
    }
    body.len() < 512
        && serde_json::from_slice::<Object<Starting<'_>>>(body)
            .is_ok_and(|Object(starting)| starting.error == "authentik starting")
}

/// Whether `location`, to which the server at `url` points, is `path`, the place
/// that was asked, whatever its query.
#[must_use]
pub fn judge_redirect(url: &ServerUrl, path: &str, location: &str) -> Redirect {
    let asked = format!("{}{path}", url.prefix());
    let pathname = |text: &str| text.split(['?', '#']).next().unwrap_or_default().to_owned();
    let relative = location.strip_prefix(&url.origin()).unwrap_or(location);
    if relative.starts_with('/')
        && !relative.starts_with("//")
        && pathname(relative) == pathname(&asked)
    {
        Redirect::SamePlace
    } else {
        // The query may hold what is nobody's business in a log.
        Redirect::Elsewhere(text::one_line(&pathname(location), 120))
    }
}
