//! A person at the prompt, who answers as they should, or otherwise.

use pam_authentik_flow::conversation::Conversation;
use pam_authentik_flow::error::LoginError;
use pam_authentik_flow::secret::Secret;

use crate::log::{Event, World};
use crate::rules::{FLOW, SERVER};
use crate::unseen;

/// The person's password.
pub const PASSWORD: &str = "correct-horse";
/// Their code.
pub const CODE: &str = "123456";
const TOKEN: &str = "abcDEF012-_xyz";

/// Somebody at the prompt.
pub struct Person<'a, 'b>(pub &'a World<'b>);

/// What somebody may do at a prompt instead of what they should.
#[derive(Clone, Copy)]
enum Deed {
    AsTheyShould,
    Types(&'static str),
    TypesTheLinkOf(&'static str),
    TypesAnything,
    TypesForever,
    BreaksOff,
    TypesWhatCannotBeSent,
}

const DEEDS: [Deed; 24] = [
    Deed::AsTheyShould,
    Deed::Types(""),
    Deed::Types(" "),
    Deed::Types("1"),
    Deed::Types("2"),
    Deed::Types("3"),
    Deed::Types("y"),
    Deed::Types("n"),
    Deed::Types(CODE),
    Deed::Types("123 456"),
    Deed::Types("000000"),
    Deed::Types(PASSWORD),
    Deed::Types("correct-horse,123456"),
    Deed::Types(",123456"),
    Deed::Types("wrong"),
    Deed::Types("alice"),
    Deed::Types("2026-02-30"),
    Deed::Types("alice@example.com"),
    Deed::TypesTheLinkOf("https://evil.example"),
    Deed::TypesTheLinkOf(SERVER),
    Deed::TypesAnything,
    Deed::TypesForever,
    Deed::BreaksOff,
    Deed::TypesWhatCannotBeSent,
];

impl Person<'_, '_> {
    fn reply(&self, prompt: &str, what: &'static str) -> Result<Secret, LoginError> {
        shown(prompt);
        assert!(prompt.len() < 511, "the prompt has no room: {prompt:?}");
        let typed = match self.0.one_of(&DEEDS) {
            Deed::AsTheyShould => match what {
                "password" => PASSWORD.to_owned(),
                "code" => CODE.to_owned(),
                "link" => link(SERVER),
                _ => "y".to_owned(),
            },
            Deed::Types(text) => text.to_owned(),
            Deed::TypesTheLinkOf(server) => link(server),
            Deed::TypesAnything => self.0.choices.borrow_mut().text(),
            Deed::TypesForever => "x".repeat(Secret::MAX_BYTES),
            Deed::BreaksOff => {
                self.0.note(Event::Aborted);
                return Err(LoginError::Conversation);
            }
            Deed::TypesWhatCannotBeSent => {
                self.0.note(Event::Aborted);
                return Err(LoginError::Unsendable {
                    what,
                    reason: "it is not UTF-8",
                });
            }
        };
        self.0.note(Event::Prompt {
            typed: typed.clone(),
        });
        Ok(Secret::new(typed))
    }
}

fn link(server: &str) -> String {
    format!("{server}/if/flow/{FLOW}/?flow_token={TOKEN}")
}

/// A terminal obeys what it is sent: nothing may reach it that it would.
fn shown(text: &str) {
    let bad = text.chars().find(|&c| c != '\n' && unseen(c));
    assert_eq!(bad, None, "shown to a person: {text:?}");
}

impl Conversation for Person<'_, '_> {
    fn ask_secret(&mut self, prompt: &str, what: &'static str) -> Result<Secret, LoginError> {
        self.reply(prompt, what)
    }

    fn ask(&mut self, prompt: &str, what: &'static str) -> Result<Secret, LoginError> {
        self.reply(prompt, what)
    }

    fn tell(&mut self, text: &str) -> Result<(), LoginError> {
        shown(text);
        if self.0.byte() < 0xf0 {
            return Ok(());
        }
        self.0.note(Event::Aborted);
        Err(LoginError::Conversation)
    }

    fn tell_error(&mut self, text: &str) {
        shown(text);
    }

    fn shows_unicode(&self) -> bool {
        true
    }

    /// As the PAM handle, which gives no empty one.
    fn stack_authtok(&mut self) -> Option<Secret> {
        let left = [
            Some(PASSWORD),
            None,
            Some("wrong"),
            Some("correct-horse,123456"),
        ];
        self.0
            .one_of(&left)
            .map(|text| Secret::new(text.to_owned()))
    }

    fn leave_authtok(&mut self, _password: &Secret) {}
}
