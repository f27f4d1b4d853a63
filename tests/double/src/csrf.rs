//! Whether a POST of a logged-in client comes from the right page.

use crate::exchange::Call;
use crate::session::CSRF;

/// What is wrong with the request, in the API's words.
pub(crate) fn complaint(call: &Call) -> Option<String> {
    let host = call.header("host").unwrap_or_default();
    let same_host = |url: &str| {
        url.strip_prefix("https://")
            .and_then(|rest| rest.split('/').next())
            .is_some_and(|found| found.eq_ignore_ascii_case(host))
    };
    match (call.header("origin"), call.header("referer")) {
        (Some(origin), _) if !same_host(origin) => {
            return Some(format!(
                "Origin checking failed - {origin} does not match any trusted origins."
            ));
        }
        (Some(_), _) => {}
        (None, None) => return Some("Referer checking failed - no Referer.".to_owned()),
        (None, Some(referer)) if !same_host(referer) => {
            return Some(format!(
                "Referer checking failed - {referer} does not match any trusted origins."
            ));
        }
        (None, Some(_)) => {}
    }
    let Some(cookie) = call.cookie(CSRF) else {
        return Some("CSRF cookie not set.".to_owned());
    };
    match call.header("x-authentik-csrf") {
        None => Some("CSRF token missing.".to_owned()),
        Some(token) if token != cookie => {
            Some("CSRF token from the 'X-Authentik-Csrf' HTTP header incorrect.".to_owned())
        }
        Some(_) => None,
    }
}
