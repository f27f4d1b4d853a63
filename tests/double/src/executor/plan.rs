//! A flow in progress in one session.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use crate::flow::{Binding, Flow, Stage};

/// The user who is about to be logged in.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// What challenges show as `pending_user`.
    pub(crate) shown: String,
    /// The user, if there is one.
    pub(crate) username: Option<String>,
}

/// What a stage remembers from one request to the next, until the stage is done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scratch {
    pub(crate) endpoint_challenge: Option<String>,
    pub(crate) consent_token: Option<String>,
    pub(crate) webauthn_challenge: Option<String>,
    pub(crate) secret: Option<Vec<u8>>,
    pub(crate) codes: Vec<String>,
    pub(crate) address: Option<String>,
    pub(crate) sent_code: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) link_followed: bool,
    pub(crate) count: u32,
    /// How many wrong passwords the name had when the password stage was first shown.
    pub(crate) wrong_passwords_before: Option<u32>,
}

/// The remaining stages of a flow, and the data collected so far.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) slug: String,
    pub(crate) title: String,
    /// The designation of the flow, in authentik's words.
    pub(crate) designation: String,
    pub(crate) bindings: VecDeque<Binding>,
    pub(crate) pending: Option<Pending>,
    pub(crate) prompt_data: Map<String, Value>,
    /// The identifier of the host that has proved which one it is.
    pub(crate) host: Option<String>,
    pub(crate) scratch: Scratch,
    /// The flow was restarted and keeps its user, so it asks for no name.
    pub(crate) keeps_person: bool,
}

impl Plan {
    pub(crate) fn new(flow: &Flow) -> Plan {
        Plan {
            slug: flow.slug.clone(),
            title: flow.title.clone(),
            designation: flow.designation.clone(),
            bindings: flow.bindings.iter().cloned().collect(),
            pending: None,
            prompt_data: Map::new(),
            host: None,
            scratch: Scratch::default(),
            keeps_person: false,
        }
    }

    /// The flow from its start, with the user of this plan.
    pub(crate) fn again(&self, flow: &Flow) -> Plan {
        Plan {
            pending: self.pending.clone(),
            keeps_person: true,
            ..Plan::new(flow)
        }
    }

    /// Removes the current stage.
    pub(crate) fn pop(&mut self) {
        self.bindings.pop_front();
        self.scratch = Scratch {
            // the consent before it is done, and the link is still valid
            link_followed: self.scratch.link_followed
                && matches!(self.bindings.front(), Some(next) if matches!(next.stage, Stage::Email)),
            ..Scratch::default()
        };
    }
}
