//! Flows as authentik has them: a slug, a title, and stages bound to it in order.
//!
//! ```
//! use authentik_double::{Flow, Policy};
//!
//! let flow = Flow::new("evening-login")
//!     .identification()
//!     .password()
//!     .restart_on_invalid()
//!     .user_login()
//!     .only_if(Policy::check(|request| request.query("pam_service") == Some("sshd")));
//! assert_eq!(flow.bindings.len(), 3);
//! ```

mod policy;
mod prompt;
mod stage;
mod validate;

pub use policy::{Policy, PolicyRequest, Verdict};
pub use prompt::{Field, Prompt, PromptCheck};
pub use stage::{Enrolment, Identification, Stage, UserLogin};
pub use validate::{ConfigurationStage, NotConfigured, Validate};

/// Who may run a flow at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// Anybody.
    None,
    /// People who are logged in.
    RequireAuthenticated,
    /// Superusers who are logged in.
    RequireSuperuser,
    /// Requests that carry an outpost's token.
    RequireOutpost,
    /// People who are not logged in.
    RequireUnauthenticated,
    /// People that another flow has sent here. A client of the API never is.
    RequireRedirect,
    /// People who come with a link's token, since 2026.5; earlier versions ask for nothing.
    RequireToken,
}

/// What a flow does if its own policy refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeniedAction {
    /// Says so, in an access-denied challenge.
    Message,
    /// Sends them on, in a redirect that looks like a success.
    Continue,
}

/// What a binding does with a wrong answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidResponseAction {
    /// Asks again and says what was wrong.
    Retry,
    /// Starts the flow again, without a word.
    Restart,
    /// Starts it again, and keeps who was identified.
    RestartWithContext,
}

/// A stage in its place in a flow.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The stage.
    pub stage: Stage,
    /// Evaluated when the stage is about to run; a refusal skips the stage.
    pub policy: Option<Policy>,
    /// What becomes of a wrong answer.
    pub invalid_response: InvalidResponseAction,
    /// Whether a policy of the binding throws the session away.
    pub flushes_session: bool,
}

/// A flow.
#[derive(Debug, Clone)]
#[must_use = "a flow is known once it is added to the world"]
pub struct Flow {
    /// What it is called in addresses.
    pub slug: String,
    /// What people see.
    pub title: String,
    /// authentik's word for its purpose: `authentication`, `invalidation`, ….
    pub designation: String,
    /// Who may run it.
    pub authentication: Authentication,
    /// Evaluated when the flow is planned.
    pub policy: Option<Policy>,
    /// What happens if the policy refuses.
    pub denied_action: DeniedAction,
    /// Its stages.
    pub bindings: Vec<Binding>,
    /// One line for people who try flows by hand.
    pub description: String,
    /// Users to try it with.
    pub users: Vec<String>,
}

impl Flow {
    /// A flow for logging in, still without stages.
    pub fn new(slug: &str) -> Flow {
        Flow {
            slug: slug.to_owned(),
            title: format!("Title {slug}"),
            designation: "authentication".to_owned(),
            authentication: Authentication::None,
            policy: None,
            denied_action: DeniedAction::Message,
            bindings: Vec::new(),
            description: String::new(),
            users: Vec::new(),
        }
    }

    /// Another title than `Title SLUG`.
    pub fn title(mut self, title: &str) -> Flow {
        self.title = title.to_owned();
        self
    }

    /// Another purpose than logging in.
    pub fn designation(mut self, designation: &str) -> Flow {
        self.designation = designation.to_owned();
        self
    }

    /// Restricts who may run the flow.
    pub fn authentication(mut self, authentication: Authentication) -> Flow {
        self.authentication = authentication;
        self
    }

    /// The flow's own policy.
    pub fn policy(mut self, policy: Policy) -> Flow {
        self.policy = Some(policy);
        self
    }

    /// Refused people are sent on as if nothing had happened.
    pub fn continue_when_denied(mut self) -> Flow {
        self.denied_action = DeniedAction::Continue;
        self
    }

    /// What `make demo` says about it, and who should try it.
    pub fn describe(mut self, description: &str, users: &[&str]) -> Flow {
        self.description = description.to_owned();
        self.users = users.iter().map(|u| (*u).to_owned()).collect();
        self
    }

    /// Binds a stage behind those there are.
    pub fn bind(mut self, stage: impl Into<Stage>) -> Flow {
        self.bindings.push(Binding {
            stage: stage.into(),
            policy: None,
            invalid_response: InvalidResponseAction::Retry,
            flushes_session: false,
        });
        self
    }

    /// The stage bound last runs only where this policy passes; otherwise it is skipped.
    ///
    /// # Panics
    /// If there is no stage yet.
    pub fn only_if(mut self, policy: Policy) -> Flow {
        self.last("only_if").policy = Some(policy);
        self
    }

    /// A wrong answer to the stage bound last starts the flow again.
    ///
    /// # Panics
    /// If there is no stage yet.
    pub fn restart_on_invalid(mut self) -> Flow {
        self.last("restart_on_invalid").invalid_response = InvalidResponseAction::Restart;
        self
    }

    /// A policy of the stage bound last throws the session away while the stage runs.
    ///
    /// # Panics
    /// If there is no stage yet.
    pub fn flush_session(mut self) -> Flow {
        self.last("flush_session").flushes_session = true;
        self
    }

    /// A wrong answer to the stage bound last starts the flow again, with the same person.
    ///
    /// # Panics
    /// If there is no stage yet.
    pub fn restart_with_context(mut self) -> Flow {
        self.last("restart_with_context").invalid_response =
            InvalidResponseAction::RestartWithContext;
        self
    }

    fn last(&mut self, what: &str) -> &mut Binding {
        let slug = &self.slug;
        self.bindings
            .last_mut()
            .unwrap_or_else(|| panic!("{what} speaks of a stage, and flow {slug:?} has none yet"))
    }

    /// Asks for the username.
    pub fn identification(self) -> Flow {
        self.bind(Identification::new())
    }

    /// Asks for the username and the password in one.
    pub fn combined(self) -> Flow {
        self.bind(Identification::new().with_password())
    }

    /// Asks for the password; five wrong ones end the flow.
    pub fn password(self) -> Flow {
        self.password_tries(5)
    }

    /// Asks for the password; so many wrong ones end the flow.
    pub fn password_tries(self, failed_attempts: u32) -> Flow {
        self.bind(Stage::Password {
            failed_attempts,
            app_passwords: true,
        })
    }

    /// Asks for a second factor of any class; who has none is denied.
    pub fn validate(self) -> Flow {
        self.bind(Validate::new())
    }

    /// Asks for consent.
    pub fn consent(self) -> Flow {
        self.bind(Stage::consent())
    }

    /// Logs the person in.
    pub fn user_login(self) -> Flow {
        self.bind(UserLogin::new())
    }

    /// Shows a dummy, to be answered with nothing.
    pub fn dummy(self, name: &str) -> Flow {
        self.bind(Stage::Dummy {
            name: name.to_owned(),
        })
    }

    /// Shows so many dummies in a row.
    pub fn dummies(self, count: usize) -> Flow {
        (1..=count).fold(self, |flow, number| flow.dummy(&format!("dummy {number}")))
    }

    /// Denies access.
    pub fn deny(self, message: &str) -> Flow {
        self.bind(Stage::Deny {
            message: message.to_owned(),
        })
    }

    /// Sends the browser elsewhere, and goes on when that is answered.
    pub fn redirect(self, to: &str) -> Flow {
        self.bind(Stage::Redirect { to: to.to_owned() })
    }
}
