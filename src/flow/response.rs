//! The responses that go to the flow executor.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::LoginError;
use crate::secret::Secret;

/// The answer to a stage, ready to be sent.
pub struct Response {
    body: Zeroizing<Vec<u8>>,
    proof: Option<Proof>,
    push_timeout: Option<Duration>,
    flow_token: Option<FlowToken>,
    is_unasked: bool,
    host: Option<HostAnswer>,
}

/// The `flow_token` of a link that authentik has mailed. It replaces an answer: the flow
/// continues with a request that has the token in its query.
pub struct FlowToken(Secret);

impl FlowToken {
    /// Accepts `text` as a token. Only letters, digits, `-` and `_` are allowed, because
    /// the token becomes part of a request's query.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_token = (8..=256).contains(&text.len()) && text.chars().all(allowed);
        is_token.then(|| Self(Secret::new(text.to_owned())))
    }

    /// The token as a part of the executor's `query` parameter, whose value is a
    /// percent-encoded query string.
    pub(super) fn appended_to(&self, path: &str) -> Zeroizing<String> {
        let separator = if path.ends_with('=') { "" } else { "%26" };
        Zeroizing::new(format!("{path}{separator}flow_token%3D{}", self.0.expose()))
    }
}

/// The kinds of secret that count as a proof of identity when the server accepts them.
/// Prompt fields, consent and certificates do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A password, in its own stage or together with the identification.
    Password,
    /// A code or another answer to `ak-stage-authenticator-validate`.
    SecondFactor,
    /// A signature of a security key.
    SecurityKey,
}

impl Proof {
    /// The secret's name for messages.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::SecondFactor => "code",
            Self::SecurityKey => "security key",
        }
    }
}

/// How the stage was answered that asks which host this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostAnswer {
    /// With an answer that is signed with this host's token. authentik alone knows whether
    /// that proves anything.
    Signed,
    /// With nothing, because `[host]` is not configured.
    NotConfigured,
    /// With nothing, because this process does not run as root and may not read the token.
    Unreadable,
}

impl HostAnswer {
    /// The word for `host_proof=` in the log, which stays the same.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::NotConfigured => "not-configured",
            Self::Unreadable => "token-unreadable",
        }
    }
}

/// A writer that counts bytes and keeps none.
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Response {
    /// An answer that holds no secret.
    ///
    /// # Errors
    /// [`LoginError::Bug`] if `fields` cannot be written as JSON.
    pub fn new(fields: &impl Serialize) -> Result<Self, LoginError> {
        Self::build(fields, None)
    }

    /// An answer that holds only the stage's component.
    ///
    /// # Errors
    /// As [`Response::new`].
    pub fn of_component(component: &'static str) -> Result<Self, LoginError> {
        #[derive(Serialize)]
        struct Answer {
            component: &'static str,
        }
        Self::new(&Answer { component })
    }

    /// The same, for a stage that always gets this answer without asking the person.
    #[must_use]
    pub fn unasked(self) -> Self {
        Self {
            is_unasked: true,
            ..self
        }
    }

    /// The same, for the stage that asks which host this is.
    #[must_use]
    pub fn about_host(self, answer: HostAnswer) -> Self {
        Self {
            host: Some(answer),
            ..self
        }
    }

    /// An answer that holds a new password, perhaps twice. It proves nothing, because
    /// nobody knew this password before.
    ///
    /// # Errors
    /// As [`Response::new`].
    pub fn with_secret(fields: &impl Serialize) -> Result<Self, LoginError> {
        Self::build(fields, None)
    }

    /// An answer that holds a secret of this kind.
    ///
    /// # Errors
    /// As [`Response::new`].
    pub fn proving(fields: &impl Serialize, proof: Proof) -> Result<Self, LoginError> {
        Self::build(fields, Some(proof))
    }

    /// An answer for which authentik responds only after the person has answered the push
    /// on their phone, or after `push_timeout`.
    ///
    /// # Errors
    /// As [`Response::new`].
    pub fn push(fields: &impl Serialize, push_timeout: Duration) -> Result<Self, LoginError> {
        let response = Self::build(fields, Some(Proof::SecondFactor))?;
        Ok(Self {
            push_timeout: Some(push_timeout),
            ..response
        })
    }

    /// Continues the flow with the token of a mailed link instead of an answer.
    #[must_use]
    pub fn link(flow_token: FlowToken) -> Self {
        Self {
            body: Zeroizing::default(),
            proof: None,
            push_timeout: None,
            flow_token: Some(flow_token),
            is_unasked: false,
            host: None,
        }
    }

    fn build(fields: &impl Serialize, proof: Option<Proof>) -> Result<Self, LoginError> {
        // The rest is the same code for every kind of answer.
        Self::written(&|to| serde_json::to_writer(to, fields), proof)
    }

    /// The text is written twice, first to find its length, so that the buffer never grows.
    /// A growing buffer moves, and each move leaves a copy of the secret.
    fn written(
        write: &dyn Fn(&mut dyn Write) -> Result<(), serde_json::Error>,
        proof: Option<Proof>,
    ) -> Result<Self, LoginError> {
        let failed = |error| LoginError::Bug(format!("a response is no JSON: {error}"));
        let mut length = Length(0);
        write(&mut length).map_err(failed)?;
        let mut body = Zeroizing::new(Vec::with_capacity(length.0));
        write(&mut *body).map_err(failed)?;
        Ok(Self {
            body,
            proof,
            push_timeout: None,
            flow_token: None,
            is_unasked: false,
            host: None,
        })
    }

    pub(super) fn is_unasked(&self) -> bool {
        self.is_unasked
    }

    /// How the stage is answered that asks which host this is, if this is that answer.
    #[must_use]
    pub fn host(&self) -> Option<HostAnswer> {
        self.host
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn proof(&self) -> Option<Proof> {
        self.proof
    }

    /// The name of the secret in it, for the log. A push counts as a secret.
    pub(super) fn what(&self) -> Option<&'static str> {
        match self.push_timeout {
            Some(_) => Some("push"),
            None => self.proof.map(Proof::what),
        }
    }

    pub(super) fn push_timeout(&self) -> Option<Duration> {
        self.push_timeout
    }

    pub(super) fn flow_token(&self) -> Option<&FlowToken> {
        self.flow_token.as_ref()
    }
}
