//! What one anonymous request for a flow tells about the flow and the server.

use pam_authentik_flow::config::{Config, Slug};
use pam_authentik_flow::flow::{self, Challenge};
use pam_authentik_flow::http::{Answer, HttpsTransport, Transport};
use pam_authentik_flow::login_context::LoginContext;
use serde::Deserialize;

use crate::cli::report::{Measure, Report};

/// The least versions with the fixes that docs/security/advisories.md names.
const LEAST: &str = "2026.2.7, 2026.5.7 or 2026.8.2";

/// Checks that the flows exist that run besides the login's. A login works without
/// them, so no other step would notice.
pub(super) fn others(
    report: &mut Report,
    config: &Config,
    transport: &mut HttpsTransport,
    mut is_new: impl FnMut(&str) -> bool,
) {
    let password = config.password_flow.as_ref();
    if let Some(slug) = password.filter(|slug| is_new(slug.as_str())) {
        exists(
            report,
            PASSWORD,
            slug,
            ("[password] flow", "nobody can change a password"),
            transport,
        );
    }
    if config.end_session && is_new(config.invalidation_flow.as_str()) {
        exists(
            report,
            LOGOUT,
            &config.invalidation_flow,
            (
                "invalidation_flow",
                "each login leaves a session in authentik until it expires",
            ),
            transport,
        );
    }
}

/// The ids for a flow that exists, that is missing, and that could not be asked for; and for
/// one that asks for something although it must not.
const PASSWORD: ([&str; 3], Option<&str>) = (
    [
        "password-flow.good",
        "password-flow.missing",
        "password-flow.unknown",
    ],
    None,
);
const LOGOUT: ([&str; 3], Option<&str>) = (
    [
        "logout-flow.good",
        "logout-flow.missing",
        "logout-flow.unknown",
    ],
    Some("logout-flow.asks"),
);

/// `key` is the key that names the flow, with what happens to a login if the flow is
/// missing.
fn exists(
    report: &mut Report,
    ([good, missing, unknown], asks): ([&'static str; 3], Option<&'static str>),
    slug: &Slug,
    key: (&str, &str),
    transport: &mut HttpsTransport,
) {
    let (key, without) = key;
    let slug_text = slug.as_str();
    match transport.get(&flow::path(slug, "")) {
        Ok(answer) if answer.status == 404 => report.wrong(
            missing,
            format!("authentik has no flow with the slug {slug_text:?}: {without}"),
            format!(
                "correct {key}: authentik's admin interface shows the slug under Flows and Stages, Flows"
            ),
        ),
        Ok(answer) if matches!(answer.status, 200..=399) => {
            match asks.zip(asked_first(answer)) {
                None => report.ok(good, format!("authentik has the flow {slug_text}")),
                // It may be for people who are logged in.
                Some((_, stage)) if stage == "ak-stage-access-denied" => report.unknown(
                    unknown,
                    format!("{slug_text} refuses somebody who is not logged in: whether it ends sessions cannot be told"),
                    None,
                ),
                Some((asks, stage)) => report.wrong(
                    asks,
                    format!("{slug_text} asks for something first ({stage}): {without}"),
                    format!("name a flow in {key} that has a user logout stage and asks for nothing"),
                ),
            }
        }
        Ok(answer) => report.unknown(unknown, format!("{slug_text}: HTTP {}", answer.status), None),
        Err(error) => report.unknown(unknown, format!("{slug_text}: {}", error.fault()), None),
    }
}

/// The stage with which a flow begins; `None` if it ends at once.
fn asked_first(answer: Answer) -> Option<String> {
    match Challenge::read(answer.body) {
        Ok(challenge) if challenge.is_end() => None,
        Ok(challenge) => Some(challenge.component().to_owned()),
        Err(_) => Some("no challenge".into()),
    }
}

/// The fields of a challenge that tell about the flow and the version.
#[derive(Deserialize)]
struct FirstChallenge {
    component: String,
    #[serde(default, deserialize_with = "pam_authentik_flow::json::is_present")]
    passkey_challenge: bool,
    #[serde(default, deserialize_with = "pam_authentik_flow::json::is_present")]
    pending_user_identifier: bool,
}

fn first_challenge(
    config: &Config,
    context: &LoginContext,
    transport: &mut HttpsTransport,
) -> Option<FirstChallenge> {
    let answer = transport.get(&flow::path(&config.flow, &context.query()));
    serde_json::from_slice(&answer.ok()?.body).ok()
}

/// The server's version, as far as its first challenge shows it: authentik tells its
/// number only to administrators.
pub(super) fn version(
    report: &mut Report,
    config: &Config,
    context: &LoginContext,
    transport: &mut HttpsTransport,
) {
    let Some(challenge) = first_challenge(config, context, transport) else {
        return;
    };
    if challenge.component != "ak-stage-identification" {
        return;
    }
    let advice = format!(
        "update to at least {LEAST}: older versions have vulnerabilities that affect hosts"
    );
    match (
        challenge.passkey_challenge,
        challenge.pending_user_identifier,
    ) {
        (true, true) => report.unknown(
            "version.current",
            "authentik is 2026.2 or newer; it shows its exact version only to administrators",
            Some(advice),
        ),
        (true, false) => report.warn("version.old", "authentik is 2025.12", advice),
        (false, _) => report.warn("version.old", "authentik is 2025.10 or older", advice),
    }
}

/// Whether the flow refuses a token that belongs to no outpost. authentik silently
/// ignores such a token and then takes the host's address for the person's, so a
/// revoked token would go unnoticed. `forged` sends a token that is wrong on purpose.
pub(super) fn outpost(
    report: &mut Report,
    config: &Config,
    context: &LoginContext,
    forged: &mut HttpsTransport,
) {
    let slug = config.flow.as_str();
    match first_challenge(config, context, forged) {
        Some(challenge) if challenge.component == "ak-stage-access-denied" => {
            report.ok("outpost.required", format!("{slug} refuses a token that belongs to no outpost"));
            report.measure_of_server(Measure::OutpostTokenAccepted, &config.url.to_string(), true);
        }
        Some(_) => report.wrong(
            "outpost.not-required",
            format!(
                "{slug} accepts a token that belongs to no outpost: once your token is revoked or expires, authentik sees the host's address and not the person's"
            ),
            "set the flow's Authentication to Require outpost",
        ),
        None => report.unknown(
            "outpost.unknown",
            "authentik did not answer a request with a deliberately wrong token",
            None,
        ),
    }
}
