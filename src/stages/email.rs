//! `ak-stage-email`: authentik mails a link, with which the flow continues. The person
//! pastes the link. Only its `flow_token` is used, and the link itself is never fetched.

use super::Stages;
use crate::error::LoginError;
use crate::flow::{Challenge, FlowToken, Response};

pub(super) const COMPONENT: &str = "ak-stage-email";
/// How often a person may ask for another e-mail in one login.
const MAX_MAILS: u32 = 3;
/// The error code with which the server says that it has sent another e-mail.
const SENT: &str = "email-sent";
/// The link contains the parameters of the module's own queries. A link with any other
/// parameter is not from the e-mail of this login.
const OWN_PARAMETERS: &str = "pam_";

pub(super) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    // The server has sent one by now, before the person is asked for anything.
    stages.dialogue.message_sent();
    let words = &stages.prompts.words;
    let mut lead = words.mail_told.to_owned();
    if rejected > 0 {
        let sent = challenge.errors().iter().any(|error| error.code == SENT);
        lead = if sent {
            words.mail_sent.into()
        } else {
            challenge.error_words().unwrap_or_default()
        };
    }
    let mut refused = 0_u32;
    loop {
        let pasted = stages.dialogue.ask_secret(&lead, words.mail_link, "link")?;
        let pasted = pasted.expose().trim();
        if pasted.is_empty() && stages.mails < MAX_MAILS {
            stages.mails = stages.mails.saturating_add(1);
            return Response::of_component(COMPONENT);
        }
        if let Some(token) = flow_token(pasted, &stages.server, stages.flow) {
            return Ok(Response::link(token));
        }
        refused = refused.saturating_add(1);
        if refused >= stages.prompts.attempts {
            return Err(stages.dialogue.used_up());
        }
        words.mail_not_a_link.clone_into(&mut lead);
    }
}

/// The token of a link to this flow on the configured server.
fn flow_token(link: &str, server: &str, flow: &str) -> Option<FlowToken> {
    let rest = link.strip_prefix(server)?;
    let rest = rest.strip_prefix("/if/flow/")?.strip_prefix(flow)?;
    let query = rest.strip_prefix("/?").or_else(|| rest.strip_prefix('?'))?;
    let mut token = None;
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("flow_token", value)) if token.is_none() => {
                token = Some(FlowToken::parse(value)?);
            }
            Some((name, _)) if name.starts_with(OWN_PARAMETERS) => {}
            _ => return None,
        }
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "https://authentik.example.com";

    #[test]
    fn a_link_to_this_flow_is_taken() {
        for link in [
            "https://authentik.example.com/if/flow/linux-login/?flow_token=abcDEF012-_xyz",
            "https://authentik.example.com/if/flow/linux-login/?pam_service=sshd&flow_token=abcDEF012-_xyz",
        ] {
            assert!(flow_token(link, SERVER, "linux-login").is_some(), "{link}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for link in [
            "",
            "abcDEF012-_xyz",
            "flow_token=abcDEF012-_xyz",
            "http://authentik.example.com/if/flow/linux-login/?flow_token=abcDEF012-_xyz",
            "https://authentik.example.com.evil.example/if/flow/linux-login/?flow_token=abcDEF012-_xyz",
            "https://authentik.example.com@evil.example/if/flow/linux-login/?flow_token=abcDEF012-_xyz",
            "https://authentik.example.com/if/flow/linux-sudo/?flow_token=abcDEF012-_xyz",
            "https://authentik.example.com/if/flow/linux-login2/?flow_token=abcDEF012-_xyz",
            "https://authentik.example.com/if/flow/linux-login/?flow_token=",
            "https://authentik.example.com/if/flow/linux-login/?flow_token=abc%26next%3D%2F%2Fevil",
            "https://authentik.example.com/if/flow/linux-login/?flow_token=abcDEF012-_xyz&next=//evil.example",
            "https://authentik.example.com/if/flow/linux-login/?flow_token=abcDEF012-_xyz&flow_token=abcDEF012-_xyz",
            "https://authentik.example.com/if/flow/linux-login/?flow_token=abcDEF012-_xyz#x",
            "https://authentik.example.com/if/flow/linux-login/?pam_service=sshd",
        ] {
            assert!(flow_token(link, SERVER, "linux-login").is_none(), "{link}");
        }
    }
}
