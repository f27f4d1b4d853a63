//! The logins that are measured, and the files that each needs.

use crate::job::{Client, Job, Played};
use crate::place::{Place, write};
use crate::server::Server;
use crate::{Result, at};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The password of everybody at the server.
pub const PASSWORD: &str = "correct-horse";

/// A login.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What the table calls it.
    pub name: String,
    /// The flow's slug.
    pub flow: String,
    /// Who logs in.
    pub user: String,
    /// The answers to hidden prompts.
    pub secrets: Vec<String>,
    /// What the configuration's `[access]` says.
    pub access: String,
    /// Further sections of the configuration.
    pub more: String,
    /// The PAM code that it must end with.
    pub expected: i32,
    /// How long an answer takes, in milliseconds.
    pub typing_ms: u64,
    /// Whether it is somebody at this host, and not from afar.
    pub is_here: bool,
    /// A CA bundle to use instead of the server's own CA.
    pub ca_file: Option<PathBuf>,
}

impl Scenario {
    /// Identification, password, user-login, proof of identity.
    pub fn password() -> Scenario {
        Scenario {
            name: "password".into(),
            flow: "linux-login".into(),
            user: "alice".into(),
            secrets: vec![PASSWORD.into()],
            access: "groups = [\"linux-admins\"]".into(),
            more: String::new(),
            expected: 0,
            typing_ms: 0,
            is_here: false,
            ca_file: None,
        }
    }

    /// The same with a session that lasts a minute, so the module does not end it.
    pub fn short_session() -> Scenario {
        Scenario {
            name: "password, a session of a minute".into(),
            flow: "short-session".into(),
            ..Scenario::password()
        }
    }

    /// All scenarios that are compared.
    pub fn all() -> Vec<Scenario> {
        let base = Scenario::password;
        vec![
            base(),
            Scenario {
                name: "password and code".into(),
                flow: "linux-mfa".into(),
                user: "coder".into(),
                secrets: vec![PASSWORD.into(), "{code}".into()],
                access: "allow_any_user = true".into(),
                ..base()
            },
            Scenario {
                name: "combined identification".into(),
                flow: "linux-combined".into(),
                ..base()
            },
            Scenario {
                name: "wrong password".into(),
                secrets: vec!["wrong-horse".into()],
                more: "[prompt]\nattempts = 1\n".into(),
                expected: 7,
                ..base()
            },
            Scenario {
                name: "with application".into(),
                access: "application = \"linux-ssh\"".into(),
                ..base()
            },
        ]
    }

    /// A person who types for longer than the module keeps an idle connection.
    pub fn typed() -> Scenario {
        Scenario {
            name: "password, typed in 1.2 s".into(),
            typing_ms: 1200,
            ..Scenario::password()
        }
    }

    /// A password, and a touch of a security key.
    pub fn key() -> Scenario {
        Scenario {
            name: "password and security key".into(),
            flow: "key".into(),
            user: crate::key::USER.into(),
            secrets: vec![PASSWORD.into(), String::new()],
            access: "allow_any_user = true".into(),
            more: "[security_key]\nwhere = \"any\"\n".into(),
            is_here: true,
            ..Scenario::password()
        }
    }

    /// The scenarios whose instructions `make test` counts.
    pub fn counted() -> Vec<Scenario> {
        let all = Scenario::all().into_iter();
        all.filter(|scenario| ["password", "password and code"].contains(&&*scenario.name))
            .collect()
    }

    /// The same with another flow that hides nothing more.
    pub fn with_flow(flow: &str) -> Scenario {
        Scenario {
            name: flow.into(),
            flow: flow.into(),
            ..Scenario::password()
        }
    }
}

/// How processes that log in are started.
pub struct Bench<'a> {
    /// This program.
    pub program: PathBuf,
    /// The module.
    pub module: PathBuf,
    /// Where the files are.
    pub place: &'a Place,
}

impl Bench<'_> {
    /// Writes the stacks and the configuration for a scenario at `port`, and
    /// gives the job of logging in once.
    pub fn job(&self, scenario: &Scenario, server: &Server, port: u16) -> Result<Job> {
        let name = scenario.name.replace(' ', "-");
        let dir = self.place.directory(&format!("{name}-{port}"))?;
        let ca_file = scenario.ca_file.as_ref().unwrap_or(&server.ca_file);
        let config = dir.join("pam_authentik_flow.toml");
        let account = match self.place.shared {
            None => "",
            Some(_) => "[user]\nrequire_account = false\n",
        };
        let text = format!(
            "url = \"https://localhost:{port}\"\nflow = \"{}\"\nca_file = \"{}\"\n\
             fail_delay = \"0s\"\n{account}[access]\n{}\n{}",
            scenario.flow,
            ca_file.display(),
            scenario.access,
            scenario.more
        );
        write(&config, &text, 0o600)?;
        let script = dir.join("log-in.sh");
        write(&script, &curl_script(scenario, ca_file, port), 0o700)?;
        let stacks = [
            (
                "module",
                format!("{} config={}", self.module.display(), config.display()),
            ),
            (
                "script",
                format!("pam_exec.so quiet expose_authtok {}", script.display()),
            ),
            ("permit", "pam_permit.so".into()),
            ("other", "pam_deny.so".into()),
        ];
        for (service, module) in stacks {
            write(
                &dir.join(service),
                &format!("auth required {module}\n"),
                0o644,
            )?;
        }
        Ok(Job {
            client: Client::Pam,
            confdir: dir,
            service: "module".into(),
            user: scenario.user.clone(),
            is_here: scenario.is_here,
            secrets: scenario.secrets.clone(),
            typing_ms: scenario.typing_ms,
            expected: scenario.expected,
            takes_any_code: false,
            port,
            ca_file: ca_file.clone(),
            exchanges: Vec::new(),
            seen_port: port,
            logins: 1,
            memory_after: Vec::new(),
            at_a_signal: false,
        })
    }

    /// Has the module log in once, and gives the job with the requests that it made.
    pub fn recorded(&self, scenario: &Scenario, server: &mut Server) -> Result<Job> {
        let mut job = self.job(scenario, server, server.port)?;
        server.refill()?;
        server.clear()?;
        self.play(&job)?;
        job.exchanges = server.requests()?;
        Ok(job)
    }

    /// Plays a job in a process of its own.
    pub fn play(&self, job: &Job) -> Result<Played> {
        let child = self.spawn(job)?;
        finish(child)
    }

    /// The process of a job; its input stays open until [`finish`].
    pub fn spawn(&self, job: &Job) -> Result<Child> {
        let path = write_job(job)?;
        Command::new(&self.program)
            .arg("play")
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(at("a process"))
    }
}

/// Puts the job where its process reads it.
pub fn write_job(job: &Job) -> Result<PathBuf> {
    let path = job.confdir.join(format!("{:?}.json", job.client));
    let text = serde_json::to_string(job).map_err(at("a job"))?;
    fs::write(&path, text).map_err(at(path.display()))?;
    Ok(path)
}

/// Gives the signal, if the job waits for one, and reads the report.
pub fn finish(mut child: Child) -> Result<Played> {
    if let Some(mut input) = child.stdin.take() {
        // A job without a signal does not read.
        let _ = input.write_all(b"\n");
    }
    let output = child.wait_with_output().map_err(at("a process"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(errors.trim().to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(at("a report"))
}

/// What an administrator would write: four calls of curl.
fn curl_script(scenario: &Scenario, ca_file: &Path, port: u16) -> String {
    let Scenario { flow, user, .. } = scenario;
    let ca = ca_file.display();
    format!(
        r#"#!/bin/sh
set -eu
IFS= read -r password || :
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT
server=https://localhost:{port}
flow="$server/api/v3/flows/executor/{flow}/?query="
ask() {{
    curl -sS -L --cacert {ca} -b "$jar" -c "$jar" -H 'Accept: application/json' \
        -H 'Content-Type: application/json' -H "Referer: $server/" "$@"
}}
ask "$flow" >/dev/null
ask -d '{{"component": "ak-stage-identification", "uid_field": "{user}"}}' "$flow" >/dev/null
printf '{{"component": "ak-stage-password", "password": "%s"}}' "$password" |
    ask -d @- "$flow" | grep -q xak-flow-redirect
ask "$server/api/v3/core/users/me/" | grep -Eq '"username": ?"{user}"'
"#
    )
}
