//! What the head and the body of a response say about the server and its caches.

use std::time::Duration;

use serde::Deserialize;

use super::transport::{Age, Answer, Redirect};
use crate::config::ServerUrl;
use crate::fault::ServerFault;
use crate::json::Object;
use crate::text;

/// Returns why a response cannot belong to the request that was sent `elapsed` ago: its `Age`
/// is higher, so a cache stored it earlier. A cache that has just fetched it says
/// `Age: 0`.
pub(super) fn fault_of_age(answer: &Answer, elapsed: Duration) -> Option<ServerFault> {
    match answer.age? {
        Age::Seconds(age) if age <= elapsed.as_secs() => None,
        Age::Seconds(age) => Some(ServerFault::Stale(age)),
        Age::Unknown => Some(ServerFault::UnexpectedAnswer(
            "its Age header is not a number of seconds".into(),
        )),
    }
}

/// Whether the body is the message that authentik sends while it starts. Its router
/// sends it until the application server behind it runs.
pub(super) fn says_it_is_starting(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Starting<'a> {
        error: &'a str,
    }
    body.len() < 512
        && serde_json::from_slice::<Object<Starting<'_>>>(body)
            .is_ok_and(|Object(starting)| starting.error == "authentik starting")
}

/// Whether `location`, a redirect of the server at `url`, is the same origin and the
/// same `path` as the request. The query may differ.
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
        // The query may hold something that does not belong in a log.
        Redirect::Elsewhere(text::one_line(&pathname(location), 120))
    }
}
