use std::time::Duration;

use pam_authentik_flow::config::{Arguments, Config};
use pam_authentik_flow::conversation::Conversation;
use pam_authentik_flow::error::LoginError;
use pam_authentik_flow::fault::ServerFault;
use pam_authentik_flow::first_answer::FirstAnswer;
use pam_authentik_flow::http::{Answer, RequestError, Transport};
use pam_authentik_flow::login::{self, Login};
use pam_authentik_flow::secret::Secret;
use pam_authentik_flow::{audit::Audit, deadline::Deadline, login_context::LoginContext};

use crate::json::Object;
use crate::rules::{FLOW, SERVER};
use crate::stages::{IDENTIFY, MAIL, PASSWORD, TOTP};

/// A link that the person pastes.
///
/// # Panics
/// If the module requests anything other than a token, or a token of another server or flow.
pub fn link(bytes: &[u8]) {
    let pasted = String::from_utf8_lossy(bytes);
    let (gets, _) = play(&[MAIL], &pasted, "");
    let path = format!("/api/v3/flows/executor/{FLOW}/?query=");
    assert_eq!(gets[0], path);
    let Some(second) = gets.get(1) else { return };
    let token = second.strip_prefix(&format!("{path}flow_token%3D"));
    let token = token.expect("the flow goes on by a token alone");
    assert!((8..=256).contains(&token.len()), "{second}");
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    assert!(token.chars().all(plain), "{second}");
    let of_flow = format!("{SERVER}/if/flow/{FLOW}");
    assert!(pasted.trim().starts_with(&of_flow), "{pasted:?}");
    assert!(
        pasted.contains(&format!("flow_token={token}")),
        "{pasted:?}"
    );
}

/// A separator, a line, and the answer for a password and a code in one.
///
/// # Panics
/// If the module sends something other than the typed text, whole, or without the separator
/// between a password and a code.
pub fn code(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (separator, typed) = text.split_once('\n').unwrap_or((",", &text));
    let quoted = toml_string(separator);
    let (_, posts) = play(
        &[IDENTIFY, PASSWORD, TOTP],
        typed,
        &format!("code_separator = {quoted}\nsingle = true\n"),
    );
    let sent = |number: usize, name: &str| {
        let body = posts.get(number)?;
        Object::read(body).expect("an object is sent").text(name)
    };
    let Some(password) = sent(1, "password") else {
        return;
    };
    assert!(!password.is_empty());
    match sent(2, "code") {
        None if password == typed => {}
        None => {
            // The code was split off, and the stage could not use it.
            assert!(typed.starts_with(&format!("{password}{separator}")));
        }
        Some(code) => {
            assert_eq!(typed, format!("{password}{separator}{code}"));
            let digits = code.bytes().all(|byte| byte.is_ascii_digit());
            let is_code = (digits && (6..=8).contains(&code.len())) || code.len() == 12;
            assert!(is_code && code.is_ascii(), "{code:?}");
            assert!(!separator.is_empty());
        }
    }
}

/// `text` as a TOML value.
fn toml_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        quoted.push_str(&format!("\\U{:08X}", u32::from(c)));
    }
    quoted.push('"');
    quoted
}

/// Shows these challenges in turn to a person who types only this. Returns the requested paths
/// and the bodies that were sent.
fn play(challenges: &[&str], typed: &str, prompt: &str) -> (Vec<String>, Vec<Vec<u8>>) {
    let text = format!(
        "url = \"{SERVER}\"\nflow = \"{FLOW}\"\naccess.groups = [\"g\"]\n[prompt]\n{prompt}"
    );
    let none = Arguments::parse(&[]).expect("no arguments");
    let Ok(config) = Config::from_bytes(text.as_bytes(), "sshd", &none) else {
        return (
            vec![format!("/api/v3/flows/executor/{FLOW}/?query=")],
            Vec::new(),
        );
    };
    let mut wire = Wire {
        challenges: challenges
            .iter()
            .map(|body| body.as_bytes().to_vec())
            .collect(),
        gets: Vec::new(),
        posts: Vec::new(),
    };
    let result = login::prove(
        &mut wire,
        &mut Typist(typed.to_owned()),
        Login {
            config: &config,
            context: &LoginContext::default(),
            user: "alice",
            first: &mut FirstAnswer::within(Deadline::after(Duration::ZERO)),
        },
        &mut Audit::trial("fuzz", "auth"),
    );
    assert!(
        result.is_err(),
        "the module let in a person although nobody was logged in"
    );
    (wire.gets, wire.posts)
}

struct Wire {
    challenges: std::collections::VecDeque<Vec<u8>>,
    gets: Vec<String>,
    posts: Vec<Vec<u8>>,
}

impl Wire {
    fn next(&mut self) -> Result<Answer, RequestError> {
        let body = self.challenges.pop_front();
        let body = body.ok_or_else(|| ServerFault::Connection("there is no more".into()))?;
        Ok(Answer {
            status: 200,
            redirect: None,
            request_id: None,
            is_json: true,
            asks_to_wait: false,
            body: body.into(),
            ..Answer::default()
        })
    }
}

impl Transport for Wire {
    fn get(&mut self, path: &str) -> Result<Answer, RequestError> {
        self.gets.push(path.to_owned());
        self.next()
    }

    fn post(
        &mut self,
        _path: &str,
        body: &[u8],
        _limit: Option<Duration>,
    ) -> Result<Answer, RequestError> {
        self.posts.push(body.to_vec());
        self.next()
    }
}

struct Typist(String);

impl Conversation for Typist {
    fn ask_secret(&mut self, _prompt: &str, _what: &'static str) -> Result<Secret, LoginError> {
        Ok(Secret::new(self.0.clone()))
    }

    fn ask(&mut self, prompt: &str, what: &'static str) -> Result<Secret, LoginError> {
        self.ask_secret(prompt, what)
    }

    fn tell(&mut self, _text: &str) -> Result<(), LoginError> {
        Ok(())
    }

    fn tell_error(&mut self, _text: &str) {}

    fn shows_unicode(&self) -> bool {
        true
    }

    fn stack_authtok(&mut self) -> Option<Secret> {
        None
    }

    fn leave_authtok(&mut self, _password: &Secret) {}
}
