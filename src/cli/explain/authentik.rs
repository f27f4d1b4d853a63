//! What the token of `[account]` can find out about a person.

use std::time::Duration;

use pam_authentik_flow::account;
use pam_authentik_flow::audit::Audit;
use pam_authentik_flow::binding::BoundAccount;
use pam_authentik_flow::config::Config;
use pam_authentik_flow::deadline::Deadline;
use pam_authentik_flow::error::LoginError;
use pam_authentik_flow::host;
use pam_authentik_flow::http::{HttpsTransport, Transport};
use pam_authentik_flow::login_context::{LoginContext, percent_encoded};
use pam_authentik_flow::text;
use serde::Deserialize;

use super::Question;
use crate::cli::remedy::of_login;
use crate::cli::report::Report;

/// The limit for all requests together.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Page {
    results: Vec<Person>,
}

#[derive(Deserialize)]
struct Person {
    username: String,
    is_active: bool,
    #[serde(rename = "type")]
    kind: String,
    groups_obj: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
}

/// Looks up the person with the name `theirs` in authentik.
pub(super) fn look(report: &mut Report, question: &Question<'_>, config: &Config, theirs: &str) {
    if question.options.offline {
        report.unknown("authentik.not-asked", "not asked, with --offline", None);
        return;
    }
    let Some(rules) = &config.account else {
        report.unknown(
            "authentik.no-token",
            format!(
                "groups are not known: no token for {} ([account] token_file)",
                question.service
            ),
            Some(format!(
                "to find out: authentik-flow login --user {}",
                question.name
            )),
        );
        return application(report, question, config);
    };
    report.waits_for(&format!("asking {}", config.url));
    let context = LoginContext {
        service: question.service.to_owned(),
        host: host::host_name(),
        ..LoginContext::default()
    };
    let trace = Audit::trial(question.service, "explain").trace(false);
    let deadline = Deadline::after(LONGEST);
    let transport =
        HttpsTransport::for_lookup(config, &rules.token_file, &context, deadline, trace);
    let mut transport = match transport {
        Ok(transport) => transport,
        Err(error) => {
            report.unknown("authentik.token", error.to_string(), None);
            return;
        }
    };
    let shown = person(&mut transport, theirs);
    let account = BoundAccount {
        name: question.name,
        rule: config.user.bind,
    };
    match account::look_up(&mut transport, theirs, config, &account) {
        Ok(_) => report.ok(
            "authentik.admits",
            match shown {
                Some(shown) => format!("{shown}; [access] lets them in"),
                None => "[access] lets them in".into(),
            },
        ),
        Err(LoginError::ApplicationNeedsPerson) => {
            if let Some(shown) = shown {
                report.ok("authentik.found", shown);
            }
        }
        Err(
            error @ (LoginError::Unavailable(_) | LoginError::Server { .. } | LoginError::Host(_)),
        ) => {
            report.wrong("authentik.fails", error.to_string(), "authentik-flow check");
        }
        Err(error) => {
            let remedy = of_login(&error, question.name);
            // That error names the groups itself.
            let names_groups = matches!(error, LoginError::NotInGroup { .. });
            let shown = match names_groups {
                true => {
                    shown.and_then(|s| s.split_once(", in the groups ").map(|s| s.0.to_owned()))
                }
                false => shown,
            };
            let found = match shown {
                Some(shown) => format!("{shown}; {error}"),
                None => error.to_string(),
            };
            report.wrong("authentik.refuses", found, remedy);
        }
    }
    application(report, question, config);
}

/// Only the person's own session shows that.
fn application(report: &mut Report, question: &Question<'_>, config: &Config) {
    if let Some(slug) = config.access.application() {
        report.unknown(
            "application.unknown",
            format!(
                "only a login shows whether {} is open to them",
                slug.as_str()
            ),
            Some(format!("authentik-flow login --user {}", question.name)),
        );
    }
}

/// A description of the person in authentik.
fn person(transport: &mut HttpsTransport, theirs: &str) -> Option<String> {
    let path = format!("/api/v3/core/users/?username={}", percent_encoded(theirs));
    let answer = transport.get(&path).ok()?;
    let page: Page = serde_json::from_slice(&answer.body).ok()?;
    let mut people = page.results.into_iter();
    let person = people.find(|person| person.username == theirs)?;
    let active = match person.is_active {
        true => "active",
        false => "not active",
    };
    let groups: Vec<String> = person
        .groups_obj
        .iter()
        .map(|group| text::one_line(&group.name, 60))
        .collect();
    let groups = match groups.is_empty() {
        true => "in no group".into(),
        false => format!("in the groups {}", groups.join(", ")),
    };
    Some(format!(
        "{theirs} is {active}, of the type {}, {groups}",
        text::one_line(&person.kind, 40)
    ))
}
