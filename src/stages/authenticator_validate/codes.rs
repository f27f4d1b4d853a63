//! The tries at a second factor so far, and how long the server refuses further ones.

use std::time::{Duration, Instant};

use crate::config::{FactorClass, Prompts};
use crate::error::LoginError;

/// The last answer to this stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sent {
    #[default]
    Nothing,
    Code,
    /// The choice of a device to which the server sends a message.
    Selection,
    Push,
    /// The signature of a security key.
    Key,
    /// The choice of a kind to set up.
    SetUp,
}

/// How many answers in one login may name an option that does not exist.
const MAX_UNKNOWN_OPTIONS: u32 = 10;

/// The tries so far in this login.
#[derive(Default)]
pub(in crate::stages) struct Codes {
    wrong: u32,
    /// How many answers named an option that does not exist.
    unknown_options: u32,
    /// How many of these the server has seen, for its throttling.
    refused_by_server: u32,
    /// The end of the time in which the server refuses even a right code.
    throttled_until: Option<Instant>,
    /// Whether the password was given as a code.
    repeated: bool,
    /// Why the last message could not be sent, if it failed.
    pub(super) not_sent: Option<String>,
    /// How many messages could not be sent.
    failed_messages: u32,
    /// The class that was chosen in this run of the stage.
    pub(super) chosen: Option<FactorClass>,
    pub(super) sent: Sent,
    /// How many messages were sent in this login.
    pub(super) messages: u32,
}

impl Codes {
    /// Counts one wrong code.
    ///
    /// # Errors
    /// [`LoginError::CodesUsedUp`] if no more tries are allowed.
    pub(super) fn count_wrong(&mut self, attempts: u32) -> Result<(), LoginError> {
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong < attempts {
            return Ok(());
        }
        Err(LoginError::CodesUsedUp {
            wrong: self.wrong,
            repeated: self.repeated,
        })
    }

    /// Counts an answer that names an option that does not exist. It is not a code and uses
    /// up no attempt.
    ///
    /// # Errors
    /// [`LoginError::AnswersUsedUp`] if there were too many of them in this login.
    pub(super) fn count_unknown_option(&mut self, component: &str) -> Result<(), LoginError> {
        self.unknown_options = self.unknown_options.saturating_add(1);
        if self.unknown_options < MAX_UNKNOWN_OPTIONS {
            return Ok(());
        }
        Err(LoginError::AnswersUsedUp {
            question: component.to_owned(),
            tries: MAX_UNKNOWN_OPTIONS,
        })
    }

    /// Counts a password that was given as a code. It was not sent.
    ///
    /// # Errors
    /// As [`Codes::count_wrong`].
    pub(super) fn count_password(&mut self, attempts: u32) -> Result<(), LoginError> {
        self.repeated = true;
        self.count_wrong(attempts)
    }

    /// Counts a code that the server has refused. Measured: after it the server
    /// refuses even a right one for a second, then for two, four and so on. The stage's
    /// throttling factor multiplies these times, and no challenge says which it is.
    pub(super) fn refused_by_server(&mut self, prompts: &Prompts) -> Result<(), LoginError> {
        const MARGIN: Duration = Duration::from_millis(250);
        let times = 1_u32
            .checked_shl(self.refused_by_server)
            .unwrap_or(u32::MAX);
        self.refused_by_server = self.refused_by_server.saturating_add(1);
        let pause = prompts.code_pause.saturating_mul(times);
        self.throttled_until = Instant::now()
            .checked_add(pause)
            .and_then(|until| until.checked_add(MARGIN));
        self.count_wrong(prompts.attempts)
    }

    /// Counts a message that the server could not send, for the reason that it gives.
    ///
    /// # Errors
    /// [`LoginError::MessageNotSent`] if too many have failed.
    pub(super) fn message_failed(
        &mut self,
        words: Option<String>,
        attempts: u32,
    ) -> Result<(), LoginError> {
        self.chosen = None;
        self.failed_messages = self.failed_messages.saturating_add(1);
        if self.failed_messages >= attempts {
            return Err(LoginError::MessageNotSent { words });
        }
        self.not_sent = Some(words.unwrap_or_default());
        Ok(())
    }

    /// Notes that the flow went back because of an answer. The choice of a device is
    /// forgotten.
    ///
    /// # Errors
    /// [`LoginError::PushRefused`] after a push, because no second push is sent. Otherwise
    /// as [`Codes::count_wrong`].
    pub(in crate::stages) fn sent_back(&mut self, prompts: &Prompts) -> Result<(), LoginError> {
        self.chosen = None;
        if std::mem::take(&mut self.sent) == Sent::Push {
            return Err(LoginError::PushRefused { words: None });
        }
        self.refused_by_server(prompts)
    }

    /// How long to wait before a code is sent: as long as the server refuses even a right
    /// one.
    pub(super) fn pause(&mut self) -> Duration {
        self.throttled_until.take().map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }
}
