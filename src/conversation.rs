//! The conversation with the person who logs in.

use crate::display::Display;
use crate::error::LoginError;
use crate::secret::Secret;

/// Asks a person, and shows messages.
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

    /// Asks for text that may be visible while it is typed.
    ///
    /// # Errors
    /// As [`Conversation::ask_secret`].
    fn ask(&mut self, prompt: &str, what: &'static str) -> Result<Secret, LoginError>;

    /// Shows text that the person must read before they answer the next question: a
    /// part of the question that did not fit into its prompt.
    ///
    /// # Errors
    /// [`LoginError::Conversation`] when it cannot be shown.
    fn tell(&mut self, text: &str) -> Result<(), LoginError>;

    /// Shows what went wrong. If it cannot be shown, the result is the same.
    fn tell_error(&mut self, text: &str);

    /// What the application shows of prompts and texts. Unless it says otherwise, all of
    /// them at once.
    fn display(&self) -> Display {
        Display::default()
    }

    /// Whether the person's screen shows more than ASCII, as far as the host knows.
    fn shows_unicode(&self) -> bool;

    /// The password that an earlier module of the stack has left (`PAM_AUTHTOK`).
    fn stack_authtok(&mut self) -> Option<Secret>;

    /// Leaves the password, as it was typed, for the modules after this one in the
    /// stack (`PAM_AUTHTOK`), unless an earlier module has already left one.
    fn leave_authtok(&mut self, password: &Secret);
}
