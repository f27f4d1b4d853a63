//! Security keys that are plugged into this host, for the stages that accept them.

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
pub(super) use options::{ChallengeOptions, CreationOptions, PublicKeyCredential, no_options};

/// The state of this host's security keys in one login.
pub(super) struct Keys<'a> {
    pub(super) rules: &'a KeyRules,
    /// Where the person is. `None` if keys are not used, as for a change of password.
    pub(super) context: Option<&'a LoginContext>,
    /// The PINs that were typed. They are never sent to the server.
    pins: Vec<Secret>,
    wrong_pins: u32,
    /// How many tries have failed.
    failed: u32,
    /// Whether the person is no longer asked for a passkey.
    passkey_is_over: bool,
    /// Whether the last answer came from a passkey.
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

    /// Whether the answer to another question is a PIN.
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

    /// Reads authentik's request.
    ///
    /// # Errors
    /// Why no key of this host is asked for it.
    pub(super) fn request(&self, options: &ChallengeOptions) -> Result<Request, Obstacle> {
        self.here()?;
        let KeyRules { rp_id, origin, .. } = self.rules;
        options.request(rp_id, origin, self.rules.passkey)
    }

    /// As [`Keys::request`], for a key that will be set up.
    ///
    /// # Errors
    /// Why no key of this host can be set up.
    pub(super) fn creation(&self, options: &CreationOptions) -> Result<Request, Obstacle> {
        self.here()?;
        options.request(&self.rules.rp_id, &self.rules.origin)
    }

    /// Whether a key of this host can be set up in this login.
    pub(super) fn can_set_up(&self) -> bool {
        self.here().is_ok()
    }

    /// Asks each key that is plugged in now, without the person noticing.
    fn look(
        &self,
        request: &Request,
        pin_wanted: bool,
        deadline: &Deadline,
    ) -> Result<Look<Node>, KeyFault> {
        // A person who has left in the meantime uses no key of this host.
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
