//! A flow under way in one session.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use crate::flow::{Binding, Flow, Stage};

/// Who is about to be logged in.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// What challenges show as `pending_user`.
    pub(crate) shown: String,
    /// The user, if there is one.
    pub(crate) username: Option<String>,
}

/// What a stage remembers from one request to the next; gone when the stage is done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scratch {
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

/// The stages that are left of a flow, and what was learnt on the way.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) slug: String,
    pub(crate) title: String,
    /// authentik's word for what the flow is for.
    pub(crate) designation: String,
    pub(crate) bindings: VecDeque<Binding>,
    pub(crate) pending: Option<Pending>,
    pub(crate) prompt_data: Map<String, Value>,
    pub(crate) scratch: Scratch,
    /// The flow was started again with its person: it asks for no name.
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
            scratch: Scratch::default(),
            keeps_person: false,
        }
    }

    /// The flow from its beginning, with this plan's person.
    pub(crate) fn again(&self, flow: &Flow) -> Plan {
        Plan {
            pending: self.pending.clone(),
            keeps_person: true,
            ..Plan::new(flow)
        }
    }

    /// Leaves the current stage behind.
    pub(crate) fn pop(&mut self) {
        self.bindings.pop_front();
        self.scratch = Scratch {
            // the consent in front of it is done, and the link has still been followed
            link_followed: self.scratch.link_followed
                && matches!(self.bindings.front(), Some(next) if matches!(next.stage, Stage::Email)),
            ..Scratch::default()
        };
    }
}
