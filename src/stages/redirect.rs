//! `xak-flow-redirect` from a redirect stage within a flow. It is never followed. With
//! `[prompt] skip_redirects` it is answered as by a browser that comes back, and the flow
//! continues. A login at a source is never skipped. Whether anybody is logged in shows at
//! the end of the flow in any case.

use serde::{Deserialize, Serialize};

use super::{Stages, refused_without_cause, unexpected_answer};
use crate::error::{LoginError, Obstacle};
use crate::flow::{Challenge, Response};

pub(super) const COMPONENT: &str = "xak-flow-redirect";

#[derive(Deserialize)]
struct Details {
    to: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    component: &'static str,
    to: &'a str,
}

/// The target of a redirect.
#[derive(Debug, PartialEq, Eq)]
enum Destination {
    /// A login at a source. Before 2025.12.6, 2026.2.4 and 2026.5.1, the answer to a
    /// redirect stage also passed a source stage, without a login at the source
    /// (CVE-2026-49448). So this answer is never sent.
    Source,
    /// Another flow. The answer would start the current flow again instead.
    OtherFlow,
    /// Any other page.
    Page,
}

/// Judges an address by its path: a server has many names. authentik serves sources
/// below `/source/`, and flows below `/if/flow/`, behind a prefix where it has one.
fn leads_to(address: &str) -> Destination {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    if path.contains("/source/") {
        Destination::Source
    } else if path.contains("/if/flow/") {
        Destination::OtherFlow
    } else {
        Destination::Page
    }
}

pub(super) fn answer(
    stages: &Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let details: Details = challenge.details().map_err(unexpected_answer)?;
    let reason = match leads_to(&details.to) {
        Destination::Source => Some(Obstacle::Source),
        Destination::OtherFlow => Some(Obstacle::OtherFlow),
        Destination::Page if stages.prompts.skip_redirects => None,
        Destination::Page => Some(Obstacle::RedirectStage),
    };
    if let Some(reason) = reason {
        return Err(LoginError::Unsupported {
            component: COMPONENT.into(),
            reason,
        });
    }
    refused_without_cause(rejected)?;
    Response::new(&Answer {
        component: COMPONENT,
        to: &details.to,
    })
    .map(Response::unasked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_flows_are_told_from_pages() {
        for source in [
            "/source/oauth/login/github/",
            "/prefix/source/saml/x/?next=%2F",
            "https://authentik.example.com/source/oauth/login/x/",
        ] {
            assert_eq!(leads_to(source), Destination::Source, "{source}");
        }
        assert_eq!(leads_to("/if/flow/other/?a=b"), Destination::OtherFlow);
        for page in [
            "/",
            "https://example.com/",
            "/?to=/source/oauth/",
            "/sources/",
        ] {
            assert_eq!(leads_to(page), Destination::Page, "{page}");
        }
    }
}
