//! Questions to the person, with the parts that each of them needs: text to read first,
//! the prompt, numbered choices, and a limit for asking again.

use crate::config::Prompts;
use crate::conversation::Conversation;
pub(super) use crate::display::join;
use crate::display::{Asked, Display, PromptStyle};
use crate::error::{LoginError, Obstacle};
use crate::first_answer::{FirstAnswer, Question};
use crate::secret::Secret;
use crate::words::{Words, fill};

/// The name of a choice, or of a yes or no, in an error.
const ANSWER: &str = "answer";

/// What Enter alone means at a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enter {
    /// Nothing: the question is asked again.
    Asks,
    /// It takes the choice with this index.
    Takes(usize),
    /// It skips the question.
    Skips,
}

/// The conversation of one login.
pub(super) struct Dialogue<'a> {
    conversation: &'a mut dyn Conversation,
    display: Display,
    style: PromptStyle,
    words: &'a Words,
    attempts: u32,
    /// Whether the application can ask only one question, and whether it has asked it.
    single: bool,
    asked: bool,
    /// The component that asks, for an error.
    component: String,
    /// The text that is shown above the next question.
    heading: Option<String>,
    /// Whether the person has answered any question in this login.
    first: &'a mut FirstAnswer,
}

impl<'a> Dialogue<'a> {
    pub(super) fn new(
        conversation: &'a mut dyn Conversation,
        prompts: &'a Prompts,
        first: &'a mut FirstAnswer,
    ) -> Self {
        Self {
            display: conversation.display(),
            conversation,
            style: prompts.style,
            words: &prompts.words,
            attempts: prompts.attempts,
            single: prompts.single,
            // The question with the late answer counts as one.
            asked: first.came_late(),
            first,
            component: String::new(),
            heading: None,
        }
    }

    /// The password that an earlier module of the stack left.
    pub(super) fn stack_authtok(&mut self) -> Option<Secret> {
        self.conversation.stack_authtok()
    }

    /// Whether the screen shows more than ASCII, as far as the host knows.
    pub(super) fn shows_unicode(&self) -> bool {
        self.conversation.shows_unicode()
    }

    pub(super) fn leave_authtok(&mut self, password: &Secret) {
        self.conversation.leave_authtok(password);
    }

    /// Sets the component that asks the next questions.
    pub(super) fn set_component(&mut self, component: &str) {
        component.clone_into(&mut self.component);
    }

    /// Shows `heading` above the next question.
    pub(super) fn set_heading(&mut self, heading: Option<String>) {
        let before = self.heading.take().unwrap_or_default();
        let both = join(&before, &heading.unwrap_or_default());
        self.heading = Some(both).filter(|heading| !heading.is_empty());
    }

    /// Asks for text that is not echoed, after the text `lead`.
    pub(super) fn ask_secret(
        &mut self,
        lead: &str,
        prompt: &str,
        what: &'static str,
    ) -> Result<Secret, LoginError> {
        self.question(lead, prompt, what, true)
    }

    /// Asks for text that is echoed, after the text `lead`.
    pub(super) fn ask(
        &mut self,
        lead: &str,
        prompt: &str,
        what: &'static str,
    ) -> Result<Secret, LoginError> {
        self.question(lead, prompt, what, false)
    }

    fn question(
        &mut self,
        lead: &str,
        prompt: &str,
        what: &'static str,
        is_hidden: bool,
    ) -> Result<Secret, LoginError> {
        let heading = self.heading.take().unwrap_or_default();
        let before = join(&heading, lead);
        let question = Question {
            component: self.component.clone(),
            text: join(&before, prompt),
            what,
            is_hidden,
        };
        if let Some(typed) = self.first.take_late(&question) {
            return Ok(typed);
        }
        let prompt = self.prepare(Asked {
            before: &before,
            question: prompt,
            is_password: what == "password",
        })?;
        let typed = if is_hidden {
            self.conversation.ask_secret(&prompt, what)
        } else {
            self.conversation.ask(&prompt, what)
        }?;
        self.first.note(question, typed)
    }

    /// Notes that the flow sends the person a message, to which the next question belongs.
    pub(super) fn message_sent(&mut self) {
        self.first.message_sent();
    }

    /// Whether a late password waits for its question.
    pub(super) fn has_late_password(&self) -> bool {
        self.first.has_late_password()
    }

    /// Asks for one of `options`, which are numbered from one. Returns its index, or `None`
    /// if Enter skips the question.
    pub(super) fn choose(
        &mut self,
        lead: &str,
        options: &[String],
        enter: Enter,
    ) -> Result<Option<usize>, LoginError> {
        let range = range(options.len());
        let words = self.words;
        let mut prompt = match enter {
            Enter::Takes(index) => {
                let number = index.saturating_add(1).to_string();
                let prompt = fill(words.option_or_default, "range", &range);
                fill(&prompt, "default", &number)
            }
            Enter::Asks | Enter::Skips => fill(words.option, "range", &range),
        };
        if enter == Enter::Skips {
            prompt = format!("({}) {prompt}", words.optional);
        }
        let menu = join(lead, &numbered(options));
        self.ask_until(&menu, &prompt, |typed| {
            match enter {
                Enter::Takes(index) if typed.is_empty() => return Ok(Some(index)),
                Enter::Skips if typed.is_empty() => return Ok(None),
                _ => {}
            }
            // Some people type the option's text instead of its number.
            let named = || options.iter().position(|option| option == typed);
            option(typed, options.len())
                .or_else(named)
                .map(Some)
                .ok_or_else(|| join(&menu, &fill(words.option_unknown, "range", &range)))
        })
    }

    /// Shows a text that belongs to no question.
    pub(super) fn tell(&mut self, text: &str) -> Result<(), LoginError> {
        self.conversation.tell(text)
    }

    /// Whether the person sees a text while authentik waits for something.
    pub(super) fn shows_texts_at_once(&self) -> bool {
        self.display.shows_texts_at_once()
    }

    /// Asks yes or no. Enter means `default`.
    pub(super) fn yes_or_no(
        &mut self,
        lead: &str,
        question: &str,
        default: bool,
    ) -> Result<bool, LoginError> {
        let words = self.words;
        let choice = if default {
            words.yes_no_default_yes
        } else {
            words.yes_no
        };
        let prompt = format!("{question} {choice}");
        self.ask_until(lead, &prompt, |typed| {
            let typed = typed.to_lowercase();
            let is = |known: &str| known.split_whitespace().any(|word| word == typed);
            if typed.is_empty() {
                Ok(default)
            } else if is(words.no) || typed == "n" {
                Ok(false)
            } else if is(words.yes) || typed == "y" {
                Ok(true)
            } else {
                Err(words.answer_yes_or_no.to_owned())
            }
        })
    }

    /// Asks for one echoed line until it is not empty.
    pub(super) fn line(&mut self, lead: &str, prompt: &str) -> Result<Secret, LoginError> {
        let words = self.words;
        self.ask_until(lead, prompt, |typed| {
            let line = Secret::new(typed.to_owned());
            Some(line)
                .filter(|line| !line.is_empty())
                .ok_or_else(|| words.nothing_typed.to_owned())
        })
    }

    /// Asks for echoed text until `accept` accepts it, without the blanks around it. The
    /// message of `accept` is shown before the next try.
    pub(super) fn ask_until<T>(
        &mut self,
        lead: &str,
        prompt: &str,
        mut accept: impl FnMut(&str) -> Result<T, String>,
    ) -> Result<T, LoginError> {
        let mut lead = lead.to_owned();
        for _ in 0..self.attempts {
            let typed = self.ask(&lead, prompt, ANSWER)?;
            match accept(typed.expose().trim()) {
                Ok(accepted) => return Ok(accepted),
                Err(complaint) => lead = complaint,
            }
        }
        Err(self.used_up())
    }

    /// Checks whether the stage may refuse another answer.
    ///
    /// # Errors
    /// [`LoginError::AnswersUsedUp`] if it has refused too many.
    pub(super) fn may_ask_again(&self, rejected: usize) -> Result<(), LoginError> {
        match u32::try_from(rejected) {
            Ok(rejected) if rejected < self.attempts => Ok(()),
            _ => Err(self.used_up()),
        }
    }

    /// The error for one question that was answered wrongly too often.
    pub(super) fn used_up(&self) -> LoginError {
        LoginError::AnswersUsedUp {
            question: self.component.clone(),
            tries: self.attempts,
        }
    }

    /// Makes the prompt of a question, and shows its introduction in the way that suits this
    /// program.
    fn prepare(&mut self, asked: Asked<'_>) -> Result<String, LoginError> {
        if self.single && std::mem::replace(&mut self.asked, true) {
            return Err(LoginError::Unsupported {
                component: self.component.clone(),
                reason: Obstacle::SecondPrompt,
            });
        }
        let arranged = self.display.arrange(self.style, asked);
        for text in &arranged.texts {
            self.conversation.tell(text)?;
        }
        Ok(arranged.prompt)
    }
}

/// Options below each other, numbered from one.
pub(super) fn numbered(options: &[String]) -> String {
    let lines: Vec<String> = options
        .iter()
        .zip(1_usize..)
        .map(|(option, number)| format!("  {number}) {option}"))
        .collect();
    lines.join("\n")
}

/// `1` or `1-4`.
pub(super) fn range(count: usize) -> String {
    if count <= 1 {
        "1".into()
    } else {
        format!("1-{count}")
    }
}

/// The index of the option with the typed number.
pub(super) fn option(typed: &str, count: usize) -> Option<usize> {
    let number: usize = typed.parse().ok()?;
    // "+1" and "01" are numbers as well, but nobody types an option like this.
    let is_plain = typed == number.to_string();
    (is_plain && (1..=count).contains(&number)).then(|| number.saturating_sub(1))
}
