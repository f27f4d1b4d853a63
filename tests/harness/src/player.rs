//! The person in front of the application: gives a script's answers and records the
//! conversation.

use crate::codes::{Code, Style};
use crate::host_state;
use crate::later;
use crate::script::{Answer, MessageReport, Script, ScriptedAnswer};
use crate::stack::Marker;
use crate::transaction::{Converse, Message, Reply};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A scripted conversation.
pub struct Player {
    answers: VecDeque<ScriptedAnswer>,
    every_secret: Option<String>,
    marker: Option<PathBuf>,
    preset_authtok: Option<String>,
    call: usize,
    batch: usize,
    begun: Instant,
    messages: Vec<MessageReport>,
    problems: Vec<String>,
    fail_delays: Vec<u32>,
    /// Descriptors of the application that a child program would inherit.
    before: BTreeSet<i32>,
    /// Those of modules.
    inheritable: BTreeSet<i32>,
    /// The limit of the address space. It does not apply while the application's own code runs.
    address_space: Option<u64>,
    no_array_for_texts: bool,
    replaces_user: Option<String>,
}

impl Player {
    /// A player of this script's answers.
    pub fn new(script: &Script) -> Player {
        Player {
            answers: script.answers.clone().into(),
            every_secret: script.every_secret.clone(),
            marker: script.marker.clone(),
            preset_authtok: script.preset_authtok.clone(),
            call: 0,
            batch: 0,
            begun: Instant::now(),
            messages: Vec::new(),
            problems: Vec::new(),
            fail_delays: Vec::new(),
            before: host_state::inheritable(),
            inheritable: BTreeSet::new(),
            address_space: None,
            no_array_for_texts: script.process.no_array_for_texts,
            replaces_user: script.process.replaces_user.clone(),
        }
    }

    /// The address space that the module may use from now on; `None` is unlimited.
    pub fn limit_address_space(&mut self, limit: Option<u64>) {
        self.address_space = limit;
        self.apply(limit);
    }

    fn apply(&self, limit: Option<u64>) {
        if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_AS) {
            // Up to the hard limit, a soft one can always be set.
            let _ = setrlimit(Resource::RLIMIT_AS, limit.unwrap_or(hard), hard);
        }
    }

    /// From now on messages belong to this call.
    pub fn begin(&mut self, call: usize) {
        self.call = call;
        self.begun = Instant::now();
    }

    /// The delays that were requested since the last call.
    pub fn take_fail_delays(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.fail_delays)
    }

    /// Messages, problems, and the number of answers left.
    pub fn result(&mut self) -> (Vec<MessageReport>, Vec<String>, usize) {
        (
            std::mem::take(&mut self.messages),
            std::mem::take(&mut self.problems),
            self.answers.len(),
        )
    }

    fn write_down(&mut self, message: &Message, answer: Option<Answer>) {
        self.messages.push(MessageReport {
            call: self.call,
            batch: self.batch,
            style: message.style,
            text: String::from_utf8_lossy(&message.text).into_owned(),
            raw: message.text.clone(),
            answer,
            at_millis: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
    }

    /// The descriptors that a program would have inherited if it had started while a module
    /// asked.
    pub fn take_inheritable(&mut self) -> Vec<i32> {
        std::mem::take(&mut self.inheritable).into_iter().collect()
    }

    /// Another thread of the application may start a program at any time. It must not inherit a
    /// descriptor of the module.
    fn look_for_descriptors(&mut self) {
        let now = host_state::inheritable();
        self.inheritable.extend(now.difference(&self.before));
    }

    /// An answer that is known only now. It is recorded as if it was always known.
    fn later(&mut self, path: &std::path::Path) -> Option<String> {
        let shown: Vec<&str> = self.messages.iter().map(|m| m.text.as_str()).collect();
        match later::ask(path, &shown.join("\n")) {
            Ok(text) => {
                if let Some(message) = self.messages.last_mut() {
                    message.answer = Some(Answer::Text(text.clone()));
                }
                Some(text)
            }
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// The next answer, or why this prompt has none.
    fn answer_to(&mut self, prompt: &Message) -> Result<(Answer, Duration), String> {
        let text = String::from_utf8_lossy(&prompt.text);
        let Some(next) = self.answers.front() else {
            return match (&self.every_secret, prompt.style) {
                (Some(secret), Style::EchoOff) => {
                    Ok((Answer::Text(secret.clone()), Duration::ZERO))
                }
                _ => Err(format!("nobody expected this prompt: {text:?}")),
            };
        };
        if let Some(style) = next.style {
            if style != prompt.style {
                return Err(format!(
                    "the prompt {text:?} is {:?}, the script expects {style:?}",
                    prompt.style
                ));
            }
        }
        if let Some(part) = &next.contains {
            if !text.contains(part.as_str()) {
                return Err(format!("the prompt {text:?} does not contain {part:?}"));
            }
        }
        let delay = Duration::from_millis(next.delay_ms);
        let answer = next.answer.clone();
        self.answers.pop_front();
        Ok((answer, delay))
    }
}

impl Converse for Player {
    fn converse(&mut self, messages: &[Message]) -> Result<Vec<Reply>, Code> {
        match Marker::read(self.marker.as_deref()) {
            // The helper that sets PAM_AUTHTOK asks us for it.
            Marker::Preset => {
                let secret = self.preset_authtok.clone().ok_or(Code::PAM_CONV_ERR)?;
                return Ok(vec![Reply::Text(secret.into_bytes()); messages.len()]);
            }
            // The helper that reads PAM_AUTHTOK asks for one if none is set.
            Marker::Capture => return Err(Code::PAM_CONV_ERR),
            Marker::None => {}
        }
        self.look_for_descriptors();
        let mut replies = Vec::with_capacity(messages.len());
        for message in messages {
            if !message.style.is_prompt() {
                self.write_down(message, None);
                replies.push(Reply::Nothing);
                continue;
            }
            let (answer, delay) = match self.answer_to(message) {
                Ok(found) => found,
                Err(problem) => {
                    self.problems.push(problem);
                    self.write_down(message, None);
                    return Err(Code::PAM_CONV_ERR);
                }
            };
            // Recorded when it is shown, before the person takes time.
            self.write_down(message, Some(answer.clone()));
            std::thread::sleep(delay);
            replies.push(match answer {
                Answer::Later(path) => match self.later(&path) {
                    Some(text) => Reply::Text(text.into_bytes()),
                    None => return Err(Code::PAM_CONV_ERR),
                },
                Answer::Text(text) => Reply::Text(text.into_bytes()),
                Answer::Masked(bytes) => Reply::Text(crate::memory::masked(&bytes)),
                Answer::Bytes(bytes) => Reply::Text(bytes),
                Answer::Null => Reply::Nothing,
                Answer::Fail(code) => return Err(code),
            });
        }
        self.batch += 1;
        Ok(replies)
    }

    fn gives_array_for_texts(&self) -> bool {
        !self.no_array_for_texts
    }

    fn replaces_user(&self) -> Option<&str> {
        self.replaces_user.as_deref()
    }

    fn runs(&mut self, begins: bool) {
        if self.address_space.is_some() {
            self.apply(self.address_space.filter(|_| !begins));
        }
    }

    fn fail_delay(&mut self, _status: Code, microseconds: u32) {
        self.fail_delays.push(microseconds);
    }
}
