//! Secrets: they must not be printed, and are wiped when dropped.

use zeroize::Zeroizing;

/// A password, a code, a cookie or a token.
///
/// The bytes are wiped when it is dropped; `Debug` prints nothing of them, and
/// there is no `Display`. The process-wide allocator wipes what was copied on
/// the way besides.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The longest secret that a person may type, in bytes.
    ///
    /// `PAM_MAX_RESP_SIZE` is 512; some applications allow more. Django, which
    /// authentik builds on, refuses passwords above 4096 characters.
    pub const MAX_BYTES: usize = 4096;

    /// Makes `text` a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself. The caller must wipe the copies that it makes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_print_the_secret() {
        let secret = Secret::new("correct-horse".into());
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(format!("{:#?}", Some(secret)).matches("horse").count(), 0);
    }
}
