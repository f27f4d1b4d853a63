//! `ak-stage-password`.

use serde::Serialize;

use super::Stages;
use crate::error::LoginError;
use crate::flow::{Challenge, Proof, Response};

pub(super) const COMPONENT: &str = "ak-stage-password";

#[derive(Serialize)]
struct Answer<'a> {
    component: &'static str,
    password: &'a str,
}

pub(super) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let password = stages.password(challenge, rejected)?;
    let answer = Answer {
        component: COMPONENT,
        password: password.expose(),
    };
    Response::proving(&answer, Proof::Password)
}
