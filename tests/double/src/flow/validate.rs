//! The stage that asks for a second factor.

use std::time::Duration;

use super::{Enrolment, Stage};

/// What happens to a user who has no device of an allowed class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotConfigured {
    /// The stage skips itself.
    Skip,
    /// The flow is denied.
    Deny,
    /// The person sets one up.
    Configure,
}

/// The authenticator-validate stage.
#[derive(Debug, Clone)]
pub struct Validate {
    /// The allowed classes, in the API's words.
    pub device_classes: Vec<String>,
    /// What to do if there is no device.
    pub not_configured: NotConfigured,
    /// What can be set up.
    pub configuration_stages: Vec<ConfigurationStage>,
    /// After a success the stage asks again only after this time; the `authentik_mfa` cookie
    /// stores it.
    pub last_auth_threshold: Option<Duration>,
    /// Its name, for flows that share the stage and its entry in the cookie.
    pub name: Option<String>,
    /// Whether security keys must verify the user: `required`, `preferred` or `discouraged`.
    pub user_verification: String,
}

/// A stage that the validate stage offers to users without a device.
#[derive(Debug, Clone)]
pub struct ConfigurationStage {
    /// Its uuid.
    pub pk: String,
    /// Its name.
    pub name: String,
    /// What it sets up.
    pub enrolment: Enrolment,
}

impl ConfigurationStage {
    /// The stage of a kind, with the uuid and the name of the recordings.
    pub fn recorded(enrolment: Enrolment) -> ConfigurationStage {
        let (pk, name) = match enrolment {
            Enrolment::Duo => ("0c630370-446f-4a73-912e-2ffee5537518", "Duo push"),
            Enrolment::Sms => ("3c576f0f-59d7-4110-a505-444071d3157a", "SMS code"),
            Enrolment::Totp => ("70317b8e-f435-4b4c-9c41-0fe3c23e5f31", "TOTP app"),
            Enrolment::Static => ("8bfa949b-ce69-4802-8212-d34f54705556", "Recovery codes"),
            Enrolment::Email => ("a3372909-3848-462d-8eea-0ea6f4ffd2fe", "Mail code"),
            Enrolment::Webauthn => ("f628a7bf-7793-4c69-b4f5-3be129b65f0b", "Security key"),
        };
        ConfigurationStage {
            pk: pk.to_owned(),
            name: name.to_owned(),
            enrolment,
        }
    }

    /// What the API calls `verbose_name`.
    pub fn verbose_name(&self) -> &'static str {
        match self.enrolment {
            Enrolment::Totp => "TOTP Authenticator",
            Enrolment::Static => "Static Authenticator",
            Enrolment::Sms => "SMS Authenticator",
            Enrolment::Email => "Email Authenticator",
            Enrolment::Duo => "Duo Authenticator",
            Enrolment::Webauthn => "WebAuthn Authenticator",
        }
    }

    /// What the API calls `meta_model_name`.
    pub fn meta_model_name(&self) -> String {
        let kind = match self.enrolment {
            Enrolment::Totp => "totp",
            Enrolment::Static => "static",
            Enrolment::Sms => "sms",
            Enrolment::Email => "email",
            Enrolment::Duo => "duo",
            Enrolment::Webauthn => "webauthn",
        };
        format!("authentik_stages_authenticator_{kind}.authenticator{kind}stage")
    }
}

impl Validate {
    /// Every class is allowed. A user without a device is denied.
    pub fn new() -> Validate {
        let classes = ["static", "totp", "webauthn", "duo", "sms", "email"];
        Validate {
            device_classes: classes.map(str::to_owned).to_vec(),
            not_configured: NotConfigured::Deny,
            configuration_stages: Vec::new(),
            last_auth_threshold: None,
            name: None,
            user_verification: "preferred".to_owned(),
        }
    }

    /// Only these classes are allowed.
    pub fn classes(classes: &[&str]) -> Validate {
        Validate {
            device_classes: classes.iter().map(|c| (*c).to_owned()).collect(),
            ..Validate::new()
        }
    }

    /// What happens without a device.
    pub fn not_configured(mut self, action: NotConfigured) -> Validate {
        self.not_configured = action;
        self
    }

    /// Users without a device set up one of these.
    pub fn configure(mut self, enrolments: &[Enrolment]) -> Validate {
        self.not_configured = NotConfigured::Configure;
        self.configuration_stages = enrolments
            .iter()
            .map(|kind| ConfigurationStage::recorded(*kind))
            .collect();
        self
    }

    /// Security keys must verify the user.
    pub fn user_verification_required(mut self) -> Validate {
        self.user_verification = "required".to_owned();
        self
    }

    /// Names the stage. Flows that bind it share its entry in the cookie.
    pub fn named(mut self, name: &str) -> Validate {
        self.name = Some(name.to_owned());
        self
    }

    /// After a success the stage does not ask again for this time.
    pub fn last_auth_threshold(mut self, threshold: Duration) -> Validate {
        self.last_auth_threshold = Some(threshold);
        self
    }
}

impl Default for Validate {
    fn default() -> Self {
        Validate::new()
    }
}

impl From<Validate> for Stage {
    fn from(stage: Validate) -> Stage {
        Stage::Validate(stage)
    }
}
