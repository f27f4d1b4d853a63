//! A server that runs a flow like authentik, or gives other answers.

use std::time::Duration;

use pam_authentik_flow::fault::ServerFault;
use pam_authentik_flow::http::{Answer, Redirect, RequestError, Transport};

use crate::json::Object;
use crate::log::{Event, Place, Reply, World};
use crate::person::{CODE, PASSWORD};
use crate::rules::{GROUP, GROUP_PK, Rules};
use crate::stages::{BROKEN, DENIED, END, ENDS, FLOWS, catalogue, with_errors};

/// One server, with the session of one login.
pub struct Server<'a, 'b> {
    world: &'a World<'b>,
    name: String,
    kind: &'static str,
    flow: &'static [&'static str],
    at: usize,
    /// The answer to the next GET instead of the flow's stage.
    pending: Option<String>,
}

/// The reactions of a server to a request to the executor.
#[derive(Clone, Copy)]
enum Deed {
    AsItShould,
    Refuses,
    SaysItSent,
    AsksAgain,
    GoesOnAtOnce,
    GoesOnComplaining,
    BeginsAnew,
    GoesBack,
    JumpsToTheEnd,
    EndsSomehow,
    Denies,
    DeniesByRedirect,
    Breaks,
    ShowsAnyStage,
    Redirects,
    SendsElsewhere,
    HasStatus,
    IsNotJson,
    SaysAnything,
    Fails,
}

const DEEDS: [Deed; 20] = [
    Deed::AsItShould,
    Deed::Refuses,
    Deed::SaysItSent,
    Deed::AsksAgain,
    Deed::GoesOnAtOnce,
    Deed::GoesOnComplaining,
    Deed::BeginsAnew,
    Deed::GoesBack,
    Deed::JumpsToTheEnd,
    Deed::EndsSomehow,
    Deed::Denies,
    Deed::DeniesByRedirect,
    Deed::Breaks,
    Deed::ShowsAnyStage,
    Deed::Redirects,
    Deed::SendsElsewhere,
    Deed::HasStatus,
    Deed::IsNotJson,
    Deed::SaysAnything,
    Deed::Fails,
];

impl<'a, 'b> Server<'a, 'b> {
    /// A server with a random flow, and the user of `rules`.
    #[must_use]
    pub fn new(world: &'a World<'b>, rules: &Rules) -> Self {
        Self {
            world,
            name: rules.name.clone(),
            kind: rules.types[0],
            flow: world.one_of(&FLOWS),
            at: 0,
            pending: None,
        }
    }

    fn stage(&self) -> &'static str {
        self.flow.get(self.at).copied().unwrap_or(END)
    }

    /// Whether the answer contains what this stage asks for, if it asks for a secret.
    fn is_right(&self, body: &[u8]) -> bool {
        let sent = Object::read(body);
        let text = |name: &str| sent.as_ref().and_then(|sent| sent.text(name));
        let stage = self.stage();
        if stage.contains("ak-stage-password") || stage.contains("\"password_fields\":true") {
            return text("password").as_deref() == Some(PASSWORD);
        }
        if stage.contains("ak-stage-authenticator-validate") {
            let pushed = String::from_utf8_lossy(body).contains("\"duo\":4");
            return pushed || text("code").as_deref() == Some(CODE);
        }
        true
    }

    fn executor(&mut self, path: &str, body: Option<&[u8]>) -> Option<Reply> {
        let is_answer = body.is_some() || path.contains("flow_token");
        let refusal = || with_errors(self.stage(), "non_field_errors", "invalid");
        Some(match self.world.one_of(&DEEDS) {
            Deed::AsItShould if !is_answer => {
                let stage = self.pending.take().unwrap_or_else(|| self.stage().into());
                Reply::json(stage)
            }
            Deed::AsItShould if body.is_some_and(|body| !self.is_right(body)) => {
                Reply::json(refusal())
            }
            Deed::AsItShould => {
                self.at = self.at.saturating_add(1);
                Reply::again()
            }
            Deed::Refuses => Reply::json(refusal()),
            Deed::SaysItSent => Reply::json(with_errors(self.stage(), "x", "email-sent")),
            Deed::AsksAgain => Reply::json(self.stage()),
            Deed::GoesOnAtOnce => {
                self.at = self.at.saturating_add(1);
                Reply::json(self.stage())
            }
            Deed::GoesOnComplaining => {
                self.at = self.at.saturating_add(1);
                Reply::json(with_errors(self.stage(), "code", "invalid"))
            }
            Deed::BeginsAnew => {
                self.at = 0;
                Reply::again()
            }
            Deed::GoesBack => {
                self.at = self.at.saturating_sub(1);
                Reply::again()
            }
            Deed::JumpsToTheEnd => {
                self.at = self.flow.len();
                Reply::again()
            }
            Deed::EndsSomehow => Reply::json(self.world.one_of(&ENDS)),
            Deed::Denies => Reply::json(DENIED),
            Deed::DeniesByRedirect => {
                self.pending = Some(DENIED.into());
                Reply::again()
            }
            Deed::Breaks => Reply::json(BROKEN),
            Deed::ShowsAnyStage => {
                let all: Vec<&String> = catalogue().iter().collect();
                Reply::json(self.world.one_of(&all).clone())
            }
            Deed::Redirects => Reply::again(),
            Deed::SendsElsewhere => Reply {
                place: self.world.one_of(&[Place::Elsewhere, Place::Nowhere]),
                ..Reply::again()
            },
            Deed::HasStatus => Reply::status(self.world.one_of(&STATUSES)),
            Deed::IsNotJson => Reply {
                is_json: false,
                ..Reply::json(self.stage())
            },
            Deed::SaysAnything => Reply::json(self.world.choices.borrow_mut().bytes()),
            Deed::Fails => return None,
        })
    }

    /// The owner of the session.
    fn users_me(&self) -> Option<Reply> {
        let (name, kind) = (&self.name, self.kind);
        let group = format!(r#"{{"name":"{GROUP}","pk":"{GROUP_PK}"}}"#);
        let other = r#"{"name":"linux-admins","pk":"a4374138-053d-4efc-aabe-a4a313c08193"}"#;
        let user = format!(r#""username":"{name}","is_active":true,"type":"{kind}""#);
        let whole = format!(r#"{{"user":{{{user},"groups":[{group}]}}}}"#);
        let change = |old: &str, new: &str| Reply::json(whole.replacen(old, new, 1));
        Some(match self.world.byte() {
            0 => Reply::json(whole),
            1 => change(name, "bob"),
            2 => change("alice", "Alice"),
            3 => change("alice", "alice "),
            4 => change("alice", "alice\\u0000"),
            5 => change("alice", "al\u{456}ce"),
            6 => change("true", "false"),
            7 => change("true", "\"true\""),
            8 => change("true", "1"),
            9 => change("\"is_active\":true,", ""),
            10 => change(kind, "external"),
            11 => change(kind, "internal_service_account"),
            12 => change(
                "{\"user\"",
                "{\"original\":{\"username\":\"root\"},\"user\"",
            ),
            13 => change("{\"user\"", "{\"original\":null,\"user\""),
            14 => change("{\"user\"", "{\"original\":false,\"user\""),
            15 => change(GROUP, "others"),
            16 => change(&group, ""),
            17 => change(&group, &format!("{group},{other}")),
            18 => change(&group, other),
            19 => change(&group, "[\"linux-admins\",\"x\"]"),
            20 => change(&format!(",\"groups\":[{group}]"), ""),
            21 => change(&user, &format!("{user},\"username\":\"bob\"")),
            22 => change(&user, &format!("\"username\":\"bob\",{user}")),
            23 => change(&user, &format!("{user},\"is_active\":false")),
            24 => Reply::json(format!(r#"{{"user":["{name}",true,"{kind}",[{group}]]}}"#)),
            25 => Reply::json(format!("[{whole}]")),
            26 => change(GROUP, "Linux-Admins"),
            27 => change("{\"user\"", "{\"user\":{},\"user\""),
            28 => Reply::status(403),
            29 => Reply::status(self.world.one_of(&STATUSES)),
            30 => Reply {
                is_json: false,
                ..Reply::json(whole)
            },
            31 => Reply::json(&whole.as_bytes()[..whole.len() / 2]),
            32 => Reply {
                status: 302,
                place: Place::Same,
                ..Reply::json(whole)
            },
            33 => Reply::json("{}"),
            34 => Reply::json(self.world.choices.borrow_mut().bytes()),
            35 => return None,
            _ => change(name, "mallory"),
        })
    }

    /// Whether the application is open.
    fn check_access(&self) -> Option<Reply> {
        Some(match self.world.byte() {
            0 => Reply::json(r#"{"passing":true,"messages":[]}"#),
            1 => Reply::json(r#"{"passing":false,"messages":["No."]}"#),
            2 => Reply::json(r#"{"passing":"true","messages":[]}"#),
            3 => Reply::json(r#"{"passing":1,"messages":[]}"#),
            4 => Reply::json(r#"{"messages":[]}"#),
            5 => Reply::json(r#"{"passing":true}"#),
            6 => Reply::json(r#"[true,[]]"#),
            7 => Reply::json(r#"{"passing":false,"messages":[],"passing":true}"#),
            8 => Reply::json(r#"{"passing":true,"messages":["\u001b[2J",1]}"#),
            9 => Reply {
                is_json: false,
                ..Reply::json(r#"{"passing":true,"messages":[]}"#)
            },
            10 => Reply {
                status: 201,
                ..Reply::json(r#"{"passing":true,"messages":[]}"#)
            },
            11 => Reply::status(404),
            12 => Reply::status(self.world.one_of(&STATUSES)),
            13 => Reply::json(self.world.choices.borrow_mut().bytes()),
            14 => return None,
            _ => Reply::json(r#"{"passing":null,"messages":[]}"#),
        })
    }

    fn request(&mut self, path: &str, body: Option<&[u8]>) -> Result<Answer, RequestError> {
        let path = path.split("?nocache=").next().unwrap_or_default();
        let reply = if path.starts_with("/api/v3/flows/executor/") {
            self.executor(path, body)
        } else if path == "/api/v3/core/users/me/" {
            self.users_me()
        } else {
            self.check_access()
        };
        self.world.note(Event::Request {
            path: path.to_owned(),
            body: body.map(<[u8]>::to_vec),
            answer: reply.clone(),
        });
        let Some(reply) = reply else {
            return Err(self.world.one_of(&[
                ServerFault::Connection as fn(String) -> ServerFault,
                ServerFault::Dns,
                ServerFault::Tls,
                |_| ServerFault::Timeout("request_timeout"),
                |_| ServerFault::LoginTimeout,
            ])("as it happens".into())
            .into());
        };
        Ok(Answer {
            status: reply.status,
            redirect: match reply.place {
                Place::Nowhere => None,
                Place::Same => Some(Redirect::SamePlace),
                Place::Elsewhere => Some(Redirect::Elsewhere("//evil.example".into())),
            },
            request_id: Some("id".into()),
            is_json: reply.is_json,
            asks_to_wait: reply.status == 503,
            body: reply.body.into(),
            ..Answer::default()
        })
    }
}

const STATUSES: [u16; 12] = [500, 400, 401, 403, 404, 405, 429, 502, 503, 204, 304, 100];

impl Transport for Server<'_, '_> {
    fn get(&mut self, path: &str) -> Result<Answer, RequestError> {
        self.request(path, None)
    }

    fn post(
        &mut self,
        path: &str,
        body: &[u8],
        _limit: Option<Duration>,
    ) -> Result<Answer, RequestError> {
        self.request(path, Some(body))
    }
}
