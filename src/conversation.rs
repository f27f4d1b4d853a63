//! The conversation with the person who logs in.

use crate::error::LoginError;
use crate::secret::Secret;

/// Asks and tells a person.
///
/// The PAM handle implements it, whose application shows the prompts
/// ([`crate::pam::Transaction`]). Prompts hold all that must be known before answering: sshd before
/// 10.3 shows messages only together with the next prompt.
pub trait Conversation {
    /// Asks for a secret, which is not echoed.
    ///
    /// # Errors
    /// [`LoginError::Conversation`] when the application cannot ask or the person
    /// aborted; [`LoginError::Unsendable`] when what was typed is too long or not
    /// UTF-8, which nothing that authentik knows can be.
    fn ask_secret(&mut self, prompt: &str, what: &'static str) -> Result<Secret, LoginError>;

    /// Asks for what may be seen while it is typed.
    ///
    /// # Errors
    /// As [`Conversation::ask_secret`].
    fn ask(&mut self, prompt: &str, what: &'static str) -> Result<Secret, LoginError>;

    /// Shows what must be read before the next question is answered: it is a
    /// part of that question, which has no room for it.
    ///
    /// # Errors
    /// [`LoginError::Conversation`] when it cannot be shown.
    fn tell(&mut self, text: &str) -> Result<(), LoginError>;

    /// Shows what went wrong. Failing to show it changes no outcome.
    fn tell_error(&mut self, text: &str);

    /// Whether the person's screen shows more than ASCII, as far as can be told.
    fn shows_unicode(&self) -> bool;

    /// The password that an earlier module of the stack has left (`PAM_AUTHTOK`).
    fn stack_authtok(&mut self) -> Option<Secret>;

    /// Leaves the password, as it was typed, for the modules behind this one in
    /// the stack (`PAM_AUTHTOK`), unless an earlier module left one already.
    fn leave_authtok(&mut self, password: &Secret);
}
