//! What goes back to the executor.

use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::LoginError;

/// A stage's answer, ready to be sent.
pub struct Response {
    body: Zeroizing<Vec<u8>>,
    proof: Option<Proof>,
}

/// The kinds of secret whose acceptance by the server proves that somebody has
/// shown who they are. Prompt fields, consent and certificates are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A password, in a stage of its own or with the identification.
    Password,
    /// A code, or another answer to `ak-stage-authenticator-validate`.
    SecondFactor,
}

impl Proof {
    /// The secret's name, as people know it.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::SecondFactor => "code",
        }
    }
}

/// Room enough for the longest secret with every byte escaped, so that the
/// buffer is never moved while it is written: a move would leave a copy behind.
const CAPACITY: usize = 6 * crate::secret::Secret::MAX_BYTES + 1024;

impl Response {
    /// An answer that holds no secret.
    ///
    /// # Errors
    /// [`LoginError::Bug`] when `fields` cannot be written as JSON.
    pub fn new(fields: &impl Serialize) -> Result<Self, LoginError> {
        Self::build(fields, None, 256)
    }

    /// An answer that holds a secret, perhaps twice, which proves nothing: a new
    /// password, which nobody has known before.
    ///
    /// # Errors
    /// As [`Response::new`].
    pub fn with_secret(fields: &impl Serialize) -> Result<Self, LoginError> {
        Self::build(fields, None, 2 * CAPACITY)
    }

    /// An answer that holds a secret of this kind.
    ///
    /// # Errors
    /// As [`Response::new`].
    pub fn proving(fields: &impl Serialize, proof: Proof) -> Result<Self, LoginError> {
        Self::build(fields, Some(proof), CAPACITY)
    }

    fn build(
        fields: &impl Serialize,
        proof: Option<Proof>,
        capacity: usize,
    ) -> Result<Self, LoginError> {
        let mut body = Zeroizing::new(Vec::with_capacity(capacity));
        serde_json::to_writer(&mut *body, fields)
            .map_err(|error| LoginError::Bug(format!("a response is no JSON: {error}")))?;
        Ok(Self { body, proof })
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn proof(&self) -> Option<Proof> {
        self.proof
    }
}
