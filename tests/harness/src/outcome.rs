//! The result of a transaction.

use crate::codes::{Code, Style};
use crate::script::{Answer, MessageReport, Report, ScriptedAnswer};
use crate::syslog::LogLine;
use std::fmt::{self, Write};
use std::time::Duration;

/// The results of the calls, the conversation, and the log. Prints everything.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub(crate) report: Report,
    pub(crate) answers: Vec<ScriptedAnswer>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `None` if the stack does not read it.
    pub(crate) authtok: Option<Option<String>>,
}

impl Outcome {
    /// Whether the script fitted, and if not, how.
    ///
    /// # Errors
    ///
    /// A prompt that was not expected or differed, or answers that no prompt asked for.
    pub fn check(&self) -> Result<(), String> {
        let mut problems = self.report.problems.clone();
        let used = self.answers.len() - self.report.unused_answers.min(self.answers.len());
        for answer in &self.answers[used..] {
            problems.push(format!("nobody asked for {:?}", answer.answer));
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems.join("\n"))
        }
    }

    /// The code of the last call.
    ///
    /// # Panics
    ///
    /// When there was no call.
    #[track_caller]
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

    /// How many microseconds libpam would have slept after all calls. It varies the delay that
    /// a module asks for by up to half.
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

    /// The messages that were no prompts.
    pub fn shown(&self) -> Vec<&str> {
        self.texts(|style| !style.is_prompt())
    }

    /// The prompts.
    pub fn prompts(&self) -> Vec<&str> {
        self.texts(Style::is_prompt)
    }

    fn texts(&self, wanted: impl Fn(Style) -> bool) -> Vec<&str> {
        let messages = self.report.messages.iter();
        messages
            .filter(|message| wanted(message.style))
            .map(|message| message.text.as_str())
            .collect()
    }

    /// `PAM_USER` after the last call.
    pub fn user(&self) -> Option<&str> {
        self.report.user.as_deref()
    }

    /// `PAM_AUTHTOK` as modules after the tested one find it; `None` if it is not set.
    ///
    /// # Panics
    ///
    /// Without [`crate::Pam::capture_authtok`], or `{capture}` in the stack.
    #[track_caller]
    pub fn authtok(&self) -> Option<&str> {
        match &self.authtok {
            Some(authtok) => authtok.as_deref(),
            None => panic!("this test does not capture PAM_AUTHTOK"),
        }
    }

    /// The session's environment that modules set, each as `NAME=value`.
    pub fn environment(&self) -> &[String] {
        &self.report.environment
    }

    /// What reached `/dev/log`.
    pub fn log(&self) -> &[LogLine] {
        &self.log
    }

    /// What was written to standard output and to standard error.
    pub fn output(&self) -> (&str, &str) {
        (&self.stdout, &self.stderr)
    }

    /// All texts that came out of the calls: the log, what was shown and asked, the session's
    /// environment, standard output and standard error.
    pub fn all_texts(&self) -> String {
        let log: Vec<String> = self.log.iter().map(ToString::to_string).collect();
        let shown = self.texts(|_| true);
        let environment = &self.report.environment;
        [
            log.join("\n"),
            shown.join("\n"),
            environment.join("\n"),
            self.stdout.clone(),
            self.stderr.clone(),
        ]
        .join("\n")
    }

    /// How the process differs from its state before the start, after each call and after the
    /// end, and what a program would have inherited while a module asked. Empty if nothing
    /// changed.
    pub fn host_differences(&self) -> Vec<String> {
        let before = &self.report.before;
        let calls = self.report.calls.iter();
        let mut found: Vec<String> = calls
            .flat_map(|call| {
                let differences = before.differences(&call.state).into_iter();
                differences.map(move |what| format!("after {:?}: {what}", call.call))
            })
            .collect();
        let after = before.differences(&self.report.after).into_iter();
        found.extend(after.map(|what| format!("after the end: {what}")));
        let inheritable = self.report.inheritable.iter();
        found.extend(inheritable.map(|fd| format!("descriptor {fd} was not close-on-exec")));
        found
    }

    /// What [`Pam::scan_memory`](crate::Pam::scan_memory) found before the
    /// transaction's end, and after it.
    pub fn found_in_memory(&self) -> (&[String], &[String]) {
        let (before, after) = &self.report.found;
        (before, after)
    }

    /// The report as `pam-run` wrote it.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Prompts, answers and messages as the person sees them. A hidden answer is shown as
    /// `[hidden]`.
    pub fn transcript(&self) -> String {
        let mut text = String::new();
        for message in &self.report.messages {
            text.push_str(&message.text);
            match (&message.answer, message.style) {
                (Some(Answer::Masked(_)), _)
                | (Some(Answer::Text(_) | Answer::Bytes(_)), Style::EchoOff) => {
                    text.push_str("[hidden]");
                }
                (Some(Answer::Text(answer)), _) => text.push_str(answer),
                (Some(Answer::Bytes(bytes)), _) => text.push_str(&String::from_utf8_lossy(bytes)),
                (Some(Answer::Later(_)), _) => text.push_str("[never answered]"),
                (Some(Answer::Null), _) => text.push_str("[no answer]"),
                (Some(Answer::Fail(_)), _) => text.push_str("[aborted]"),
                (None, style) if style.is_prompt() => text.push_str("[not answered]"),
                (None, _) => {}
            }
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = |title: &str, text: &str| {
            if text.is_empty() {
                return Ok(());
            }
            writeln!(f, "{title}:")?;
            text.lines().try_for_each(|line| writeln!(f, "    {line}"))
        };
        section("conversation", &self.transcript())?;
        let mut calls = String::new();
        for call in &self.report.calls {
            writeln!(calls, "{:?}: {} ({} ms)", call.call, call.code, call.millis)?;
        }
        section("calls", &calls)?;
        let log: Vec<String> = self.log.iter().map(ToString::to_string).collect();
        section("log", &log.join("\n"))?;
        section("standard output", &self.stdout)?;
        section("standard error", &self.stderr)
    }
}
