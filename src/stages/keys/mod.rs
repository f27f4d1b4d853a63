//! Security keys that are plugged into this host, in the stages that take their
//! answer.

mod ask;
mod options;

use crate::config::KeyRules;
use crate::deadline::Deadline;
use crate::error::Obstacle;
use crate::login_context::LoginContext;
use crate::secret::Secret;
use crate::security_key::{
    AtThisHost, KeyFault, Look, Node, PluggedIn, Request, Wanted, plugged_in,
};

pub(super) use ask::{Try, passkey, passkey_was_sent, refused_by_server, sign, sign_once};
pub(super) use options::{ChallengeOptions, CreationOptions, PublicKeyCredential};

/// What is known of this host's keys in one login.
pub(super) struct Keys<'a> {
    pub(super) rules: &'a KeyRules,
    /// Where the person is; `None` where keys have no part, as when a password is changed.
    pub(super) context: Option<&'a LoginContext>,
    /// The PINs that were typed: they are not sent to the server.
    pins: Vec<Secret>,
    wrong_pins: u32,
    /// How many tries have failed.
    failed: u32,
    /// Whether nobody is asked for a passkey any more.
    passkey_is_over: bool,
    /// Whether the answer that was sent last is a passkey's.
    passkey_sent: bool,
}

impl<'a> Keys<'a> {
    pub(super) fn new(rules: &'a KeyRules) -> Self {
        Self {
            rules,
            context: None,
            pins: Vec::new(),
            wrong_pins: 0,
            failed: 0,
            passkey_is_over: false,
            passkey_sent: false,
        }
    }

    /// Whether somebody typed a PIN where something else was asked for.
    pub(super) fn is_pin(&self, typed: &Secret) -> bool {
        self.pins.contains(typed)
    }

    /// The proof that the person may use this host's keys.
    fn here(&self) -> Result<AtThisHost, Obstacle> {
        match self.context {
            Some(context) if self.rules.enabled => {
                AtThisHost::prove(context, self.rules.place).map_err(Obstacle::KeyNotHere)
            }
            _ => Err(Obstacle::SecurityKey),
        }
    }

    /// Reads what authentik asks for.
    ///
    /// # Errors
    /// Why no key of this host is asked for it.
    pub(super) fn request(&self, options: &ChallengeOptions) -> Result<Request, Obstacle> {
        self.here()?;
        let KeyRules { rp_id, origin, .. } = self.rules;
        options.request(rp_id, origin, self.rules.passkey)
    }

    /// As [`Keys::request`], for a key that is to be set up.
    ///
    /// # Errors
    /// Why none of this host is set up.
    pub(super) fn creation(&self, options: &CreationOptions) -> Result<Request, Obstacle> {
        self.here()?;
        options.request(&self.rules.rp_id, &self.rules.origin)
    }

    /// Whether a key of this host can be set up in this login.
    pub(super) fn can_set_up(&self) -> bool {
        self.here().is_ok()
    }

    /// Asks each key that is plugged in now, without a word to the person.
    fn look(
        &self,
        request: &Request,
        pin_wanted: bool,
        deadline: &Deadline,
    ) -> Result<Look<Node>, KeyFault> {
        // Whoever has moved away meanwhile uses no key of this host.
        let here = self.here().map_err(|_| KeyFault::NoKey)?;
        let PluggedIn { keys, refused } = plugged_in(&here);
        if let ([], [(number, why), ..]) = (keys.as_slice(), refused.as_slice()) {
            return Err(KeyFault::NotOpened(*number, *why));
        }
        Ok(Look::at(keys, request, pin_wanted, deadline))
    }

    /// What a key that is plugged in wants for this request.
    ///
    /// # Errors
    /// Why none can answer it.
    pub(super) fn wanted(
        &self,
        request: &Request,
        pin_wanted: bool,
        deadline: &Deadline,
    ) -> Result<Wanted, KeyFault> {
        self.look(request, pin_wanted, deadline)?.wanted()
    }
}
