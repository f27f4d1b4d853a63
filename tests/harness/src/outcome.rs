//! What a transaction came to.

use std::time::Duration;

use crate::codes::{Code, Style};
use crate::script::{Answer, MessageReport, Report};
use crate::syslog::LogLine;

/// What the calls gave, what was said, and what was logged.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub(crate) report: Report,
    pub(crate) log: Vec<LogLine>,
    pub(crate) authtok: Option<String>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The code of the last call.
    ///
    /// # Panics
    /// When there was no call.
    pub fn code(&self) -> Code {
        match self.report.calls.last() {
            Some(call) => call.code,
            None => panic!("no call was made"),
        }
    }

    /// The codes of all calls, in order.
    pub fn codes(&self) -> Vec<Code> {
        self.report.calls.iter().map(|call| call.code).collect()
    }

    /// How long each call took.
    pub fn durations(&self) -> Vec<Duration> {
        let calls = self.report.calls.iter();
        calls
            .map(|call| Duration::from_millis(call.millis))
            .collect()
    }

    /// The delays in microseconds that libpam would have waited, for all calls.
    pub fn fail_delays(&self) -> Vec<u32> {
        let calls = self.report.calls.iter();
        calls
            .flat_map(|call| call.fail_delays.iter().copied())
            .collect()
    }

    /// All messages, prompts among them, in order.
    pub fn messages(&self) -> &[MessageReport] {
        &self.report.messages
    }

    /// The texts that were shown, not asked.
    pub fn shown(&self) -> Vec<&str> {
        let messages = self.report.messages.iter();
        messages
            .filter(|m| !m.style.is_prompt())
            .map(|m| m.text.as_str())
            .collect()
    }

    /// The prompts.
    pub fn prompts(&self) -> Vec<&str> {
        let messages = self.report.messages.iter();
        messages
            .filter(|m| m.style.is_prompt())
            .map(|m| m.text.as_str())
            .collect()
    }

    /// `PAM_USER` after the last call.
    pub fn user(&self) -> Option<&str> {
        self.report.user.as_deref()
    }

    /// `PAM_AUTHTOK` as modules behind the one under test find it, where
    /// [`crate::Pam::capture_authtok`] asked for it.
    pub fn authtok(&self) -> Option<&str> {
        self.authtok.as_deref()
    }

    /// What reached `/dev/log`.
    pub fn log(&self) -> &[LogLine] {
        &self.log
    }

    /// What was written to standard output and standard error.
    pub fn output(&self) -> (&str, &str) {
        (&self.stdout, &self.stderr)
    }

    /// In what the process after the last call differs from the one before the first.
    pub fn host_differences(&self) -> Vec<String> {
        self.report.before.differences(&self.report.after)
    }

    /// The transaction as a person sees it.
    pub fn transcript(&self) -> String {
        let mut text = String::new();
        for message in &self.report.messages {
            text.push_str(&message.text);
            match (&message.answer, message.style) {
                (Some(Answer::Text(_)), Style::EchoOff) => text.push_str("········"),
                (Some(Answer::Text(answer)), _) => text.push_str(answer),
                (Some(other), _) => text.push_str(&format!("{other:?}")),
                (None, _) => {}
            }
            text.push('\n');
        }
        for call in &self.report.calls {
            text.push_str(&format!("{:?}: {}\n", call.call, call.code));
        }
        for line in &self.log {
            text.push_str(&format!("{line}\n"));
        }
        text
    }
}
