//! What authentik is asked about a host: to register it, and whether it accepts a token.

use std::time::Duration;

use pam_authentik_flow::audit::Audit;
use pam_authentik_flow::config::{Config, ServerUrl};
use pam_authentik_flow::deadline::Deadline;
use pam_authentik_flow::host;
use pam_authentik_flow::http::{Answer, Authorization, HttpsTransport, Transport};
use pam_authentik_flow::login_context::LoginContext;
use pam_authentik_flow::secret::Secret;
use pam_authentik_flow::text;
use serde::{Deserialize, Serialize};

use crate::cli::CommandError;

const ENROL: &str = "/api/v3/endpoints/agents/connectors/enroll/";
const CONFIG: &str = "/api/v3/endpoints/agents/connectors/agent_config/";
/// How long one question may take.
const LONGEST: Duration = Duration::from_secs(60);

/// Asks one authentik about this host.
pub(crate) struct Client<'a> {
    config: &'a Config,
    service: &'a str,
}

/// Whether authentik accepts the token of a host.
pub(crate) enum Verdict {
    /// It does.
    Accepted {
        /// The key of the device in the API.
        device: Option<String>,
    },
    /// It does not.
    Refused,
    /// It has not said, and why.
    Unknown(String),
}

#[derive(Serialize)]
struct Enrolment<'a> {
    device_serial: &'a str,
    device_name: &'a str,
}

#[derive(Deserialize)]
struct Enrolled {
    token: String,
}

#[derive(Deserialize)]
struct AgentConfig {
    device_id: Option<String>,
}

impl<'a> Client<'a> {
    /// Asks the server of `config`, in the name of `service`.
    pub(crate) fn new(config: &'a Config, service: &'a str) -> Self {
        Self { config, service }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &ServerUrl {
        &self.config.url
    }

    /// Registers a host, and returns its token. A host of this identifier loses the token
    /// that it had.
    ///
    /// # Errors
    /// What authentik has refused, and what to do.
    pub(super) fn enrol(
        &self,
        token: &[u8],
        identifier: &str,
        name: &str,
    ) -> Result<Secret, CommandError> {
        let body = serde_json::to_vec(&Enrolment {
            device_serial: identifier,
            device_name: name,
        })
        .map_err(|error| error.to_string())?;
        let mut transport = self.transport("Bearer", token)?;
        let answer = transport
            .post(ENROL, &body, None)
            .map_err(|error| format!("{}; nothing is written", error.fault()))?;
        if answer.status == 200 {
            let Enrolled { token } = serde_json::from_slice(&answer.body)
                .map_err(|_| "authentik's answer has no token".to_owned())?;
            let is_token = (1..=4096).contains(&token.len())
                && token.bytes().all(|byte| byte.is_ascii_graphic());
            return match is_token {
                true => Ok(Secret::new(token)),
                false => Err("authentik's answer has no token".into()),
            };
        }
        Err(self.refusal(&answer))
    }

    fn refusal(&self, answer: &Answer) -> CommandError {
        let url = self.url();
        match answer.status {
            401 | 403 => "authentik does not accept the enrolment token: it is wrong or has expired, or its connector is disabled; nothing is written".into(),
            404 | 405 => format!(
                "{url} has no API to register hosts; authentik 2025.12 or newer has one; nothing is written"
            ),
            400 => format!(
                "authentik refused to register the host: {}; nothing is written",
                complaints(&answer.body)
            ),
            _ => format!("{}; nothing is written", answer.fault_of_status()),
        }
    }

    /// Asks whether authentik accepts the token of this host.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub(crate) fn ask(&self, token: &[u8]) -> Result<Verdict, CommandError> {
        let mut transport = self.transport("Bearer+agent", token)?;
        Ok(match transport.get(CONFIG) {
            Err(error) => Verdict::Unknown(error.fault().to_string()),
            Ok(answer) => match answer.status {
                200 => match serde_json::from_slice::<AgentConfig>(&answer.body) {
                    Ok(config) => Verdict::Accepted {
                        device: config.device_id.filter(|id| is_id(id)),
                    },
                    Err(_) => Verdict::Unknown("its answer is not what was expected".into()),
                },
                401 | 403 => Verdict::Refused,
                404 | 405 => Verdict::Unknown(
                    "this authentik has no API for hosts (it has one since 2025.12)".into(),
                ),
                _ => Verdict::Unknown(answer.fault_of_status().to_string()),
            },
        })
    }

    fn transport(
        &self,
        scheme: &'static str,
        token: &[u8],
    ) -> Result<HttpsTransport, CommandError> {
        let context = LoginContext {
            service: self.service.to_owned(),
            host: host::host_name(),
            ..LoginContext::default()
        };
        let trace = Audit::trial(self.service, "enrol-host").trace(false);
        let deadline = Deadline::after(LONGEST);
        let authorization = Authorization { scheme, token };
        HttpsTransport::with_token(self.config, &authorization, &context, deadline, trace)
            .map_err(|error| error.to_string())
    }
}

/// The key of a device: it becomes part of an address that people copy.
fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=64).contains(&text.len()) && text.chars().all(plain)
}

/// What the server says is wrong, field by field, cleaned.
fn complaints(body: &[u8]) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(body) else {
        return "HTTP 400".into();
    };
    let words = fields.iter().map(|(field, said)| {
        let said: Vec<String> = match said {
            serde_json::Value::Array(all) => all.iter().map(plain_text).collect(),
            other => vec![plain_text(other)],
        };
        format!("{field}: {}", said.join(" "))
    });
    text::one_line(&words.collect::<Vec<_>>().join("; "), 400)
}

fn plain_text(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
