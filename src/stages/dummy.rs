//! `ak-stage-dummy`: asks for nothing.

use super::refused_without_cause;
use crate::error::LoginError;
use crate::flow::Response;

pub(super) const COMPONENT: &str = "ak-stage-dummy";

pub(super) fn answer(rejected: usize) -> Result<Response, LoginError> {
    refused_without_cause(rejected)?;
    Response::of_component(COMPONENT).map(Response::unasked)
}
