//! `xak-flow-redirect` of a redirect stage in mid-flow. It is never followed;
//! with `[prompt] skip_redirects` it is answered, as a browser does that comes
//! back, and the flow goes on. What the flow is worth shows at its end all the same.

use serde::{Deserialize, Serialize};

use super::{Stages, nonsense, refused_without_cause};
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

pub(super) fn answer(
    stages: &Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    if !stages.prompts.skip_redirects {
        return Err(LoginError::Unsupported {
            component: COMPONENT.into(),
            reason: Obstacle::RedirectStage,
        });
    }
    refused_without_cause(rejected)?;
    let details: Details = challenge.details().map_err(nonsense)?;
    Response::new(&Answer {
        component: COMPONENT,
        to: &details.to,
    })
}
