//! What goes back to the executor.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::LoginError;
use crate::secret::Secret;

/// A stage's answer, ready to be sent.
pub struct Response {
    body: Zeroizing<Vec<u8>>,
    proof: Option<Proof>,
    push_timeout: Option<Duration>,
    flow_token: Option<FlowToken>,
    is_unasked: bool,
}

/// The `flow_token` of a link that authentik has mailed. It takes the place of
/// an answer: the flow goes on with the request that carries it in its query.
pub struct FlowToken(Secret);

impl FlowToken {
    /// Takes `text` as a token: letters, digits, `-` and `_` alone, for it
    /// becomes a part of a request's query.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_token = (8..=256).contains(&text.len()) && text.chars().all(allowed);
        is_token.then(|| Self(Secret::new(text.to_owned())))
    }

    /// What is put behind the executor's `?query=…`, which holds a query string
    /// of its own in percent-encoding.
    pub(super) fn appended_to(&self, path: &str) -> Zeroizing<String> {
        let separator = if path.ends_with('=') { "" } else { "%26" };
        Zeroizing::new(format!("{path}{separator}flow_token%3D{}", self.0.expose()))
    }
}

/// The kinds of secret whose acceptance by the server proves that somebody has
/// shown who they are. Prompt fields, consent and certificates are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A password, in a stage of its own or with the identification.
    Password,
    /// A code, or another answer to `ak-stage-authenticator-validate`.
    SecondFactor,
    /// What a security key has signed.
    SecurityKey,
}

impl Proof {
    /// The secret's name, as people know it.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::SecondFactor => "code",
            Self::SecurityKey => "security key",
        }
    }
}

/// Counts what is written, and keeps nothing of it.
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
    /// [`LoginError::Bug`] when `fields` cannot be written as JSON.
    pub fn new(fields: &impl Serialize) -> Result<Self, LoginError> {
        Self::build(fields, None)
    }

    /// An answer that names its stage and holds nothing else.
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

    /// The same, as the answer that the stage always gets: nobody was asked for it.
    #[must_use]
    pub fn unasked(self) -> Self {
        Self {
            is_unasked: true,
            ..self
        }
    }

    /// An answer that holds a secret, perhaps twice, which proves nothing: a new
    /// password, which nobody has known before.
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

    /// An answer that authentik leaves without an answer of its own until
    /// somebody's phone has answered a push, or `push_timeout` has passed.
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

    /// No answer, but a link that was mailed: the flow goes on behind it.
    #[must_use]
    pub fn link(flow_token: FlowToken) -> Self {
        Self {
            body: Zeroizing::default(),
            proof: None,
            push_timeout: None,
            flow_token: Some(flow_token),
            is_unasked: false,
        }
    }

    /// The buffer is as long as the text, which is written twice to find that out: a
    /// buffer that grows is moved, and each move leaves a copy of the secret to be wiped.
    fn build(fields: &impl Serialize, proof: Option<Proof>) -> Result<Self, LoginError> {
        let write = |to: &mut dyn Write| {
            serde_json::to_writer(to, fields)
                .map_err(|error| LoginError::Bug(format!("a response is no JSON: {error}")))
        };
        let mut length = Length(0);
        write(&mut length)?;
        let mut body = Zeroizing::new(Vec::with_capacity(length.0));
        write(&mut *body)?;
        Ok(Self {
            body,
            proof,
            push_timeout: None,
            flow_token: None,
            is_unasked: false,
        })
    }

    pub(super) fn is_unasked(&self) -> bool {
        self.is_unasked
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn proof(&self) -> Option<Proof> {
        self.proof
    }

    /// The name of the secret that it holds, for the log; a push stands for one.
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
