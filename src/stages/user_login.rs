//! `ak-stage-user-login`, if it asks whether to stay signed in. The answer is no: the host
//! decides how long a session lasts, and no cookie is kept.

use serde::Serialize;

use super::refused_without_cause;
use crate::error::LoginError;
use crate::flow::Response;

pub(super) const COMPONENT: &str = "ak-stage-user-login";

#[derive(Serialize)]
struct Answer {
    component: &'static str,
    remember_me: bool,
}

pub(super) fn answer(rejected: usize) -> Result<Response, LoginError> {
    refused_without_cause(rejected)?;
    Response::new(&Answer {
        component: COMPONENT,
        remember_me: false,
    })
    .map(Response::unasked)
}
