//! `ak-stage-endpoint-agent` (since 2025.12): asks for a statement of authentik's own agent
//! about this device. The module answers that there is no agent, and the stage decides
//! whether that is enough.

use serde::Serialize;

use super::refused_without_cause;
use crate::error::LoginError;
use crate::flow::Response;

pub(super) const COMPONENT: &str = "ak-stage-endpoint-agent";

#[derive(Serialize)]
struct Answer {
    component: &'static str,
    response: Option<()>,
}

pub(super) fn answer(rejected: usize) -> Result<Response, LoginError> {
    refused_without_cause(rejected)?;
    Response::new(&Answer {
        component: COMPONENT,
        response: None,
    })
    .map(Response::unasked)
}
