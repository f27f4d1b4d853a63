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

/// Who may run a flow.
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
    /// Users that another flow has sent here. A client of the API is never one of them.
    RequireRedirect,
    /// Users with the token of a link, since 2026.5. Earlier versions do not check it.
    RequireToken,
}

/// What a flow does if its policy denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeniedAction {
    /// Shows an access-denied challenge.
    Message,
    /// Redirects in a way that looks like success.
    Continue,
}

/// What a binding does with a wrong answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidResponseAction {
    /// Asks again and shows the error.
    Retry,
    /// Restarts the flow without a message.
    Restart,
    /// Restarts the flow and keeps the identified user.
    RestartWithContext,
}

/// A stage in its place in a flow.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The stage.
    pub stage: Stage,
    /// Evaluated when the stage is about to run. If it denies, the stage is skipped.
    pub policy: Option<Policy>,
    /// What happens after a wrong answer.
    pub invalid_response: InvalidResponseAction,
    /// Whether a policy of the binding removes the session.
    pub flushes_session: bool,
}

/// A flow.
#[derive(Debug, Clone)]
#[must_use = "a flow is known once it is added to the world"]
pub struct Flow {
    /// Its slug, as in addresses.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Its designation in authentik's words: `authentication`, `invalidation`, ….
    pub designation: String,
    /// Who may run it.
    pub authentication: Authentication,
    /// Evaluated when the flow is planned.
    pub policy: Option<Policy>,
    /// What happens if the policy denies.
    pub denied_action: DeniedAction,
    /// Its stages.
    pub bindings: Vec<Binding>,
    /// One line for users of the demo.
    pub description: String,
    /// Users to try it with.
    pub users: Vec<String>,
}

impl Flow {
    /// A login flow, without stages so far.
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

    /// Another designation than `authentication`.
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

    /// Denied users are redirected as if the flow had succeeded.
    pub fn continue_when_denied(mut self) -> Flow {
        self.denied_action = DeniedAction::Continue;
        self
    }

    /// What `make demo` says about it, and which users to try it with.
    pub fn describe(mut self, description: &str, users: &[&str]) -> Flow {
        self.description = description.to_owned();
        self.users = users.iter().map(|u| (*u).to_owned()).collect();
        self
    }

    /// Binds a stage after the existing ones.
    pub fn bind(mut self, stage: impl Into<Stage>) -> Flow {
        self.bindings.push(Binding {
            stage: stage.into(),
            policy: None,
            invalid_response: InvalidResponseAction::Retry,
            flushes_session: false,
        });
        self
    }

    /// The last stage runs only if this policy passes. Otherwise it is skipped.
    ///
    /// # Panics
    /// If there is no stage yet.
    pub fn only_if(mut self, policy: Policy) -> Flow {
        self.last("only_if").policy = Some(policy);
        self
    }

    /// A wrong answer to the last stage restarts the flow.
    ///
    /// # Panics
    /// If there is no stage yet.
    pub fn restart_on_invalid(mut self) -> Flow {
        self.last("restart_on_invalid").invalid_response = InvalidResponseAction::Restart;
        self
    }

    /// A policy of the last stage removes the session while the stage runs.
    ///
    /// # Panics
    /// If there is no stage yet.
    pub fn flush_session(mut self) -> Flow {
        self.last("flush_session").flushes_session = true;
        self
    }

    /// A wrong answer to the last stage restarts the flow with the same user.
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

    /// Asks for the username and the password in one stage.
    pub fn combined(self) -> Flow {
        self.bind(Identification::new().with_password())
    }

    /// Asks for the password; five wrong ones end the flow.
    pub fn password(self) -> Flow {
        self.password_tries(5)
    }

    /// Asks for the password. This many wrong ones end the flow.
    pub fn password_tries(self, failed_attempts: u32) -> Flow {
        self.bind(Stage::Password {
            failed_attempts,
            app_passwords: true,
        })
    }

    /// Asks for a second factor of any class. Users without one are denied.
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

    /// Shows a dummy stage, which needs no answer.
    pub fn dummy(self, name: &str) -> Flow {
        self.bind(Stage::Dummy {
            name: name.to_owned(),
        })
    }

    /// Shows this many dummy stages in a row.
    pub fn dummies(self, count: usize) -> Flow {
        (1..=count).fold(self, |flow, number| flow.dummy(&format!("dummy {number}")))
    }

    /// Denies access.
    pub fn deny(self, message: &str) -> Flow {
        self.bind(Stage::Deny {
            message: message.to_owned(),
        })
    }

    /// Redirects the browser, and continues after an answer.
    pub fn redirect(self, to: &str) -> Flow {
        self.bind(Stage::Redirect { to: to.to_owned() })
    }
}
