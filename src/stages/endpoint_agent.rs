//! `ak-stage-endpoint-agent` (since 2025.12): authentik asks for its own agent's word
//! on this device. There is none here, which is said; whether that will do is
//! the stage's to decide.

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
