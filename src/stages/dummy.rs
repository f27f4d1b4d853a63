//! `ak-stage-dummy`: nothing is asked, so on it goes.

use serde::Serialize;

use super::refused_without_cause;
use crate::error::LoginError;
use crate::flow::Response;

pub(super) const COMPONENT: &str = "ak-stage-dummy";

#[derive(Serialize)]
struct Answer {
    component: &'static str,
}

pub(super) fn answer(rejected: usize) -> Result<Response, LoginError> {
    refused_without_cause(rejected)?;
    Response::new(&Answer {
        component: COMPONENT,
    })
}
