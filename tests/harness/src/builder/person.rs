//! What the person answers.

use super::Pam;
use crate::codes::{Code, Style};
use crate::later::Later;
use crate::script::{Answer, ScriptedAnswer};
use std::path::PathBuf;
use std::time::Duration;

impl Pam {
    /// Answers the next prompt, which must be hidden (`PAM_PROMPT_ECHO_OFF`).
    pub fn answer_secret(self, text: &str) -> Pam {
        self.answers_with(Some(Style::EchoOff), Answer::Text(text.to_owned()))
    }

    /// The same; the prompt must contain `part`.
    pub fn answer_secret_to(self, part: &str, text: &str) -> Pam {
        self.answer_secret(text).expecting(part)
    }

    /// The same; the person takes this long.
    pub fn answer_secret_after(self, text: &str, delay: Duration) -> Pam {
        self.answer_secret(text).after(delay)
    }

    /// Answers the next prompt, which must be shown (`PAM_PROMPT_ECHO_ON`).
    pub fn answer_visible(self, text: &str) -> Pam {
        self.answers_with(Some(Style::EchoOn), Answer::Text(text.to_owned()))
    }

    /// The same; the person takes this long.
    pub fn answer_visible_after(self, text: &str, delay: Duration) -> Pam {
        self.answer_visible(text).after(delay)
    }

    /// Answers the next prompt, which must be hidden, with a value that is known only when the
    /// prompt appears. `answer` gets all that was shown so far. It is called again as long as
    /// it returns `None`.
    pub fn answer_secret_later(
        mut self,
        answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Pam {
        self.later.push((self.answers.len(), Later::new(answer)));
        self.answers_with(Some(Style::EchoOff), Answer::Later(PathBuf::new()))
    }

    /// The same for a prompt that must be shown.
    pub fn answer_visible_later(
        mut self,
        answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Pam {
        self.later.push((self.answers.len(), Later::new(answer)));
        self.answers_with(Some(Style::EchoOn), Answer::Later(PathBuf::new()))
    }

    /// Answers the next prompt, hidden or not, with these bytes.
    pub fn answer_bytes(self, bytes: &[u8]) -> Pam {
        self.answers_with(None, Answer::Bytes(bytes.to_owned()))
    }

    /// At the next prompt the conversation fails with `PAM_CONV_ERR`, as after Ctrl-C or a lost
    /// connection.
    pub fn abort(self) -> Pam {
        self.answers_with(None, Answer::Fail(Code::PAM_CONV_ERR))
    }

    /// At the next prompt the application returns a null pointer as the answer.
    pub fn answer_null(self) -> Pam {
        self.answers_with(None, Answer::Null)
    }

    /// Does this at the next prompt, which must have this style if one is given.
    pub fn answers_with(mut self, style: Option<Style>, answer: Answer) -> Pam {
        self.answers.push(ScriptedAnswer {
            style,
            contains: None,
            answer,
            delay_ms: 0,
        });
        self
    }

    /// The prompt of the last answer must contain this.
    ///
    /// # Panics
    ///
    /// Before the first answer.
    #[track_caller]
    pub fn expecting(mut self, part: &str) -> Pam {
        self.last_answer().contains = Some(part.to_owned());
        self
    }

    /// The last answer is given only after this time.
    ///
    /// # Panics
    ///
    /// Before the first answer.
    #[track_caller]
    pub fn after(mut self, delay: Duration) -> Pam {
        self.last_answer().delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self
    }

    #[track_caller]
    fn last_answer(&mut self) -> &mut ScriptedAnswer {
        match self.answers.last_mut() {
            Some(answer) => answer,
            None => panic!("call this after an answer"),
        }
    }

    /// Answers every hidden prompt for which there is no other answer, as sshd does with the
    /// password of the request. It may remain unused.
    pub fn answer_every_secret(mut self, text: &str) -> Pam {
        self.every_secret = Some(text.to_owned());
        self
    }
}
