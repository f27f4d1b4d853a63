//! Transactions under stress: many of them, signals, and searches of memory.

use crate::builder::Pam;
use crate::codes::Style;
use crate::later::Later;
use crate::memory::{self, masked};
use crate::script::Answer;

impl Pam {
    /// Answers the next prompt, which must be hidden. The process that runs the transaction
    /// holds the answer only while it gives it.
    pub fn answer_masked(self, text: &str) -> Pam {
        let bytes = masked(text.as_bytes());
        self.answers_with(Some(Style::EchoOff), Answer::Masked(bytes))
    }

    /// Searches the process's memory after the last call and after the end, for the names and
    /// secrets that `secrets` returns then. See
    /// [`Outcome::found_in_memory`](crate::Outcome::found_in_memory).
    pub fn scan_memory(
        mut self,
        secrets: impl Fn() -> Vec<(String, Vec<u8>)> + Send + Sync + 'static,
    ) -> Pam {
        self.scan = Some(Later::new(move |_| {
            let needles: Vec<memory::Needle> = secrets()
                .into_iter()
                .map(|(name, secret)| (name, masked(&secret)))
                .collect();
            // Strings and numbers can be serialised.
            serde_json::to_string(&needles).ok()
        }));
        self
    }

    /// Runs the transaction this many times in one process.
    pub fn rounds(mut self, rounds: u32) -> Pam {
        self.process.rounds = rounds;
        self
    }

    /// The application returns no array of responses for a text, as MariaDB does.
    pub fn no_array_for_texts(mut self) -> Pam {
        self.process.no_array_for_texts = true;
        self
    }

    /// The application sets `PAM_USER` to this name whenever the module asks.
    pub fn replaces_user(mut self, user: &str) -> Pam {
        self.process.replaces_user = Some(user.to_owned());
        self
    }

    /// A signal interrupts the process every millisecond.
    pub fn signal_storm(mut self) -> Pam {
        self.process.signal_storm = true;
        self
    }

    /// The process's working directory was removed.
    pub fn cwd_removed(mut self) -> Pam {
        self.process.cwd_removed = true;
        self
    }
}
