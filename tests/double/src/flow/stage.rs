//! The stages of a flow.

use std::time::Duration;

use serde_json::Value;

use super::{Prompt, Validate};

/// A stage: one variant for each kind that the double supports.
#[derive(Debug, Clone)]
pub enum Stage {
    /// Asks for the name.
    Identification(Identification),
    /// Asks for the password.
    Password {
        /// How many wrong ones end the flow.
        failed_attempts: u32,
        /// Whether app passwords are accepted too.
        app_passwords: bool,
    },
    /// Asks for a second factor.
    Validate(Validate),
    /// Set up a second factor.
    Enrol(Enrolment),
    /// Logs the person in.
    UserLogin(UserLogin),
    /// Logs the person out.
    UserLogout,
    /// Asks for consent.
    Consent {
        /// The heading.
        header_text: Option<String>,
        /// Permissions, each an id and a name.
        permissions: Vec<(String, String)>,
    },
    /// Asks for the values of fields.
    Prompt(Prompt),
    /// Writes the values that prompts collected to the user: `password`, `name`, `email`.
    UserWrite,
    /// Asks for nothing.
    Dummy {
        /// The stage's name.
        name: String,
    },
    /// Denies access.
    Deny {
        /// The reason. Without one authentik says "Unknown error".
        message: String,
    },
    /// Redirects the browser. The flow continues after an answer.
    Redirect {
        /// The target.
        to: String,
    },
    /// Sends mail with a link and waits until it is followed.
    Email,
    /// A captcha, which the double never accepts.
    Captcha,
    /// Crashes when it is shown, but continues if it is answered.
    Crash,
    /// Skips itself with a redirect to the same address.
    Skip,
    /// Redirects to the same address without end.
    Loop,
    /// Shows one dummy after the other without end.
    Endless,
    /// Asks which host it is.
    EndpointAgent {
        /// Whether the flow ends without a proof.
        required: bool,
        /// The connector whose tokens count.
        connector: String,
    },
    /// Sends this body unchanged. Every answer is accepted and the flow continues.
    Raw {
        /// The fields beside `flow_info`, `component` among them.
        challenge: Value,
        /// Whether `pending_user` and its avatar are added.
        pending_user: bool,
    },
}

impl Stage {
    /// Asks which host it is, by a token of the usual connector.
    pub fn endpoint(required: bool) -> Stage {
        Stage::EndpointAgent {
            required,
            connector: crate::world::CONNECTOR.to_owned(),
        }
    }

    /// Consent without permissions or a heading.
    pub fn consent() -> Stage {
        Stage::Consent {
            header_text: None,
            permissions: Vec::new(),
        }
    }

    /// A challenge that the test defines, without the pending user.
    pub fn raw(challenge: Value) -> Stage {
        Stage::Raw {
            challenge,
            pending_user: false,
        }
    }
}

/// The identification stage.
#[derive(Debug, Clone)]
pub struct Identification {
    /// What people may type: `username`, `email`.
    pub user_fields: Vec<String>,
    /// Whether it asks for the password too.
    pub password: bool,
    /// Whether it carries a captcha, which nothing solves.
    pub captcha: bool,
    /// Whether a passkey may replace the name, since 2025.12.
    pub passkey: bool,
    /// Whether `ALICE` and `alice` are different users.
    pub case_sensitive: bool,
    /// Whether an unknown name is treated like a known one until the password fails.
    pub pretend_user_exists: bool,
    /// The sources to log in with, as the API lists them.
    pub sources: Vec<Value>,
}

impl Identification {
    /// By username only. Unknown names look like known ones.
    pub fn new() -> Identification {
        Identification {
            user_fields: vec!["username".to_owned()],
            password: false,
            captcha: false,
            passkey: false,
            case_sensitive: false,
            pretend_user_exists: true,
            sources: Vec::new(),
        }
    }

    /// What people may type.
    pub fn user_fields(mut self, fields: &[&str]) -> Identification {
        self.user_fields = fields.iter().map(|f| (*f).to_owned()).collect();
        self
    }

    /// Tells `ALICE` from `alice`.
    pub fn case_sensitive(mut self) -> Identification {
        self.case_sensitive = true;
        self
    }

    /// Accepts a passkey instead of a name.
    pub fn with_passkey(mut self) -> Identification {
        self.passkey = true;
        self
    }

    /// Asks for the password in the same stage.
    pub fn with_password(mut self) -> Identification {
        self.password = true;
        self
    }

    /// Requires a captcha.
    pub fn with_captcha(mut self) -> Identification {
        self.captcha = true;
        self
    }

    /// Reports at once that a name is unknown.
    pub fn reveal_unknown_users(mut self) -> Identification {
        self.pretend_user_exists = false;
        self
    }
}

impl Default for Identification {
    fn default() -> Self {
        Identification::new()
    }
}

impl From<Identification> for Stage {
    fn from(stage: Identification) -> Stage {
        Stage::Identification(stage)
    }
}

/// The user-login stage.
#[derive(Debug, Clone, Default)]
pub struct UserLogin {
    /// Whether it asks "remember me?" first.
    pub asks_remember_me: bool,
    /// Logs this user in instead of the identified one.
    pub as_user: Option<String>,
    /// Whether the device is not remembered: the stage sets no cookie for it.
    pub forgets_device: bool,
    /// How long the session lasts. Without it the cookie is a browser-session cookie.
    pub session_duration: Option<Duration>,
    /// The user who impersonates: `users/me` shows this name as `original`.
    pub impersonated_by: Option<String>,
    /// Merged into the answer of `users/me` in the new session; `null` removes a field (RFC
    /// 7396).
    pub users_me: Option<Value>,
    /// Whether the session is bound to the client's address: a request from another address
    /// ends it.
    pub binds_address: bool,
}

impl UserLogin {
    /// Logs in the identified user.
    pub fn new() -> UserLogin {
        UserLogin::default()
    }

    /// Asks "remember me?" first.
    pub fn ask_remember_me(mut self) -> UserLogin {
        self.asks_remember_me = true;
        self
    }

    /// Logs in another user than the identified one.
    pub fn as_user(mut self, username: &str) -> UserLogin {
        self.as_user = Some(username.to_owned());
        self
    }

    /// Sets no cookie that remembers the device.
    pub fn forget_device(mut self) -> UserLogin {
        self.forgets_device = true;
        self
    }

    /// Ends the session after this time.
    pub fn session_duration(mut self, duration: Duration) -> UserLogin {
        self.session_duration = Some(duration);
        self
    }

    /// The session is one of impersonation.
    pub fn impersonated_by(mut self, username: &str) -> UserLogin {
        self.impersonated_by = Some(username.to_owned());
        self
    }

    /// Binds the session to the client's address, like authentik's network binding.
    pub fn bind_address(mut self) -> UserLogin {
        self.binds_address = true;
        self
    }

    /// Changes the answer of `users/me` in this session.
    pub fn users_me(mut self, patch: Value) -> UserLogin {
        self.users_me = Some(patch);
        self
    }
}

impl From<UserLogin> for Stage {
    fn from(stage: UserLogin) -> Stage {
        Stage::UserLogin(stage)
    }
}

/// The stages that set up a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolment {
    /// An authenticator app.
    Totp,
    /// Codes to write down.
    Static,
    /// Codes by text message, in two steps.
    Sms,
    /// Codes by mail, in two steps.
    Email,
    /// A Duo phone. The stage crashes if Duo's API cannot be reached.
    Duo,
    /// A security key, which the double never accepts.
    Webauthn,
}

impl From<Enrolment> for Stage {
    fn from(stage: Enrolment) -> Stage {
        Stage::Enrol(stage)
    }
}
