//! The person at the prompt, according to the sidecar.

use std::collections::VecDeque;

use pam_authentik_flow::conversation::Conversation;
use pam_authentik_flow::error::LoginError;
use pam_authentik_flow::secret::Secret;

use crate::sidecar::{Play, Reply};

/// Answers prompts in the order of the sidecar, and reports every other prompt.
pub(crate) struct Person {
    replies: VecDeque<Reply>,
    stack: Option<String>,
    /// The text that was shown before the next prompt.
    told: String,
    complaints: Vec<String>,
}

impl Person {
    pub(crate) fn new(play: &Play) -> Self {
        Self {
            replies: play.replies().into(),
            stack: play.stack.clone(),
            told: String::new(),
            complaints: Vec::new(),
        }
    }

    /// The prompts that differ from the sidecar, or are missing.
    pub(crate) fn finish(mut self) -> Vec<String> {
        for reply in self.replies {
            self.complaints.push(format!("was never asked for {reply}"));
        }
        self.complaints
    }

    fn reply(&mut self, prompt: &str, hidden: bool) -> Result<Secret, LoginError> {
        let read = format!("{}{prompt}", std::mem::take(&mut self.told));
        let Some(reply) = self.replies.pop_front() else {
            self.complaints
                .push(format!("is asked {read:?} and has no answer"));
            return Err(LoginError::Conversation);
        };
        if let Some(part) = &reply.at {
            if !read.contains(part.as_str()) {
                self.complaints
                    .push(format!("is asked {read:?} without {part:?} in it"));
            }
        }
        if reply.gives_up {
            return Err(LoginError::Conversation);
        }
        let typed = if hidden { &reply.hidden } else { &reply.seen };
        match typed {
            Some(typed) => Ok(Secret::new(typed.clone())),
            None => {
                let echo = if hidden { "hidden" } else { "seen" };
                self.complaints.push(format!(
                    "is asked {read:?}, where what is typed is {echo}, and not for {reply}"
                ));
                Err(LoginError::Conversation)
            }
        }
    }
}

impl Conversation for Person {
    fn ask_secret(&mut self, prompt: &str, _what: &'static str) -> Result<Secret, LoginError> {
        self.reply(prompt, true)
    }

    fn ask(&mut self, prompt: &str, _what: &'static str) -> Result<Secret, LoginError> {
        self.reply(prompt, false)
    }

    fn tell(&mut self, text: &str) -> Result<(), LoginError> {
        self.told.push_str(text);
        self.told.push('\n');
        Ok(())
    }

    fn tell_error(&mut self, _text: &str) {}

    fn shows_unicode(&self) -> bool {
        true
    }

    fn stack_authtok(&mut self) -> Option<Secret> {
        self.stack.clone().map(Secret::new)
    }

    fn leave_authtok(&mut self, _password: &Secret) {}
}
