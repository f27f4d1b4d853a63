//! What authentik answers before a login.

use std::time::{Duration, Instant, SystemTime};

use pam_authentik_flow::audit::Audit;
use pam_authentik_flow::config::{Config, Slug};
use pam_authentik_flow::conversation::Conversation;
use pam_authentik_flow::deadline::Deadline;
use pam_authentik_flow::error::{LoginError, Obstacle};
use pam_authentik_flow::fault::ServerFault;
use pam_authentik_flow::first_answer::FirstAnswer;
use pam_authentik_flow::flow::{self, Answerer, Challenge, HostAnswer, Response};
use pam_authentik_flow::http::{HttpsTransport, Transport};
use pam_authentik_flow::login_context::LoginContext;
use pam_authentik_flow::secret::Secret;
use pam_authentik_flow::stages::Stages;
use serde::Deserialize;

use crate::cli::report::{Measure, Report};

/// A cheap request that needs no login.
pub(super) const ANONYMOUS: &str = "/api/v3/root/config/";

/// Round trips cannot explain a larger difference of the clocks, in seconds.
const SLIGHT: u64 = 5;
/// How long an authenticator app shows a code, in seconds.
const CODE: u64 = 30;

/// Whether authentik is what answers, and its clock.
pub(super) fn answers(
    report: &mut Report,
    config: &Config,
    transport: &mut HttpsTransport,
) -> bool {
    #[derive(Deserialize)]
    struct Root {
        #[expect(dead_code, reason = "only authentik says how long it keeps its flows")]
        cache_timeout_flows: serde_json::Number,
    }
    let url = &config.url;
    let (sent, before) = (SystemTime::now(), Instant::now());
    let answer = transport.get(ANONYMOUS);
    let took = before.elapsed();
    let is_root = |body: &[u8]| serde_json::from_slice::<Root>(body).is_ok();
    match answer {
        Ok(answer) if answer.status == 200 && answer.is_json && is_root(&answer.body) => {
            report.ok(
                "authentik.good",
                format!("{url} answers, {} ms", took.as_millis()),
            );
            report.value("took_milliseconds", took.as_millis());
            report.measure_of_server(Measure::ServerResponse, &url.to_string(), took);
            clock(
                report,
                (config, &*transport),
                sent.checked_add(took.checked_div(2).unwrap_or(took))
                    .unwrap_or(sent),
            );
            true
        }
        Ok(answer) if answer.asks_to_wait || answer.status >= 500 => {
            broken(report, config, &answer.fault_of_status());
            false
        }
        Ok(answer) => {
            report.wrong(
                "authentik.other-server",
                format!(
                    "the server at {url} is not authentik: HTTP {}",
                    answer.status
                ),
                "correct `url`; if authentik is below a path, write the path, too",
            );
            false
        }
        Err(error) => {
            match error.fault() {
                fault @ (ServerFault::Status(_) | ServerFault::NotReady) => {
                    broken(report, config, fault);
                }
                fault => report.wrong("authentik.fails", fault.to_string(), what_to_do(fault)),
            }
            false
        }
    }
}

fn broken(report: &mut Report, config: &Config, fault: &ServerFault) {
    let found = match fault {
        ServerFault::Status(status) => format!("HTTP {status}"),
        fault => fault.to_string(),
    };
    report.wrong(
        "authentik.broken",
        format!("{} is starting or broken: {found}", config.url),
        "wait a minute and try again; then look at authentik's own log, and at the proxy in front of it",
    );
}

/// What to do about a network fault.
fn what_to_do(fault: &ServerFault) -> &'static str {
    match fault {
        ServerFault::Timeout(_) | ServerFault::LoginTimeout => {
            "find out why it is slow; or raise that limit, below what sshd allows (LoginGraceTime)"
        }
        ServerFault::Throttled => {
            "exempt this host from the rate limit, or wait; too many attempts come from it"
        }
        ServerFault::Host(_) => "fix this host first: descriptors, memory, SELinux, a firewall",
        _ => "look at authentik's own log, and at the proxy in front of it",
    }
}

fn clock(report: &mut Report, (config, transport): (&Config, &HttpsTransport), here: SystemTime) {
    let date = transport.server_date();
    let Some(there) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        report.unknown("clock.unknown", "the answer has no time", None);
        return;
    };
    let (seconds, direction) = match there.duration_since(here) {
        Ok(ahead) => (ahead.as_secs(), "ahead of"),
        Err(behind) => (behind.duration().as_secs(), "behind"),
    };
    let found = format!("authentik's is {seconds} s {direction} this host's");
    let off = i64::try_from(seconds).unwrap_or(i64::MAX);
    let off = match direction {
        "behind" => off.saturating_neg(),
        _ => off,
    };
    match seconds {
        0..SLIGHT => report.ok("clock.good", "this host's and authentik's agree"),
        SLIGHT..CODE => report.warn(
            "clock.off",
            found,
            "set both by NTP: a code of an authenticator app is valid for 30 s",
        ),
        _ => report.wrong(
            "clock.wrong",
            found,
            "set both by NTP (timedatectl): if authentik's clock is wrong, it refuses codes of authenticator apps; if this host's clock is wrong, certificates look expired",
        ),
    }
    report.value("ahead_seconds", off);
    report.measure_of_server(Measure::ClockAhead, &config.url.to_string(), off);
}

/// Fetches the first challenge with the module's own code, and reports whether a login
/// can start with it.
pub(super) fn flow(
    report: &mut Report,
    config: &Config,
    context: &LoginContext,
    transport: &mut HttpsTransport,
) -> bool {
    let slug = config.flow.as_str();
    let mut audit = Audit::trial(&context.service, "check");
    let mut nobody = Nobody;
    let mut first_answer = FirstAnswer::within(Deadline::after(Duration::from_secs(60)));
    let mut first = First {
        stages: Stages::new(&mut nobody, config, "", &mut first_answer),
        seen: None,
        host: None,
        fits: false,
    };
    let end = flow::run(
        transport,
        &config.flow,
        &context.query(),
        &mut first,
        &mut audit,
    );
    let seen = first.seen.clone().unwrap_or_default();
    let error = match end {
        Err(LoginError::Conversation) if first.fits => {
            let begins = match first.host {
                None => "begins",
                Some(HostAnswer::Signed) => "goes on after this host's answer, and begins",
                Some(HostAnswer::NotConfigured | HostAnswer::Unreadable) => {
                    "asks which host this is, goes on without an answer, and begins"
                }
            };
            let found = format!("{slug} {begins} with {seen}, which a terminal can do");
            if seen.starts_with("ak-stage-identification") {
                report.ok("flow.good", found);
            } else {
                report.warn(
                    "flow.no-identification",
                    found,
                    "flows that log people in begin with an identification stage: is this the flow you mean?",
                );
            }
            return true;
        }
        Ok(_) => {
            report.wrong(
                "flow.empty",
                format!("{slug} ends at once and asks for nothing, so it logs nobody in"),
                "bind stages to it: identification, password, user login",
            );
            return false;
        }
        Err(error) => error,
    };
    let remedy = remedy_of_flow(&error, config);
    let captcha = matches!(
        &error,
        LoginError::Unsupported { component, .. } if component == "ak-stage-identification"
    );
    let found = match captcha {
        true => format!(
            "{slug}: its identification stage asks for a captcha, which needs a web browser"
        ),
        false => format!("{slug}: {error}"),
    };
    report.wrong("flow.wrong", found, remedy);
    if matches!(&error, LoginError::Denied { .. }) && config.outpost_token.is_some() {
        report.measure_of_server(
            Measure::OutpostTokenAccepted,
            &config.url.to_string(),
            false,
        );
    }
    false
}

/// What to do about a flow with which no login can begin.
fn remedy_of_flow(error: &LoginError, config: &Config) -> &'static str {
    match error {
        LoginError::UnknownFlow { .. } => {
            "correct `flow`: authentik's admin interface shows the slug under Flows and Stages, Flows"
        }
        LoginError::Unsupported {
            reason: Obstacle::RedirectStage,
            ..
        } => {
            "unbind the redirect stage, or name another flow in `flow`; [prompt] skip_redirects = true skips it"
        }
        LoginError::Unsupported { .. } => {
            "name a flow without that stage in `flow`: a separate one for terminals, which requires an outpost"
        }
        LoginError::HostNotProved { .. } => {
            "register this host: authentik-flow enrol-host, with --replace if it has a token"
        }
        LoginError::DeniedWithContinue => {
            "look at the flow's policies: they refuse everybody who is not logged in yet; set its denied action to Message"
        }
        LoginError::Denied { .. } if config.outpost_token.is_some() => {
            "look at the flow's Authentication and policies; if it requires an outpost, the token of [outpost] is not an outpost's"
        }
        LoginError::Denied { .. } => {
            "look at the flow's Authentication and policies; if it requires an outpost, [outpost] token_file must name its token"
        }
        LoginError::Server { fault, .. } => what_to_do(fault),
        LoginError::Unavailable(proof) => what_to_do(proof.fault()),
        _ => "look at authentik's own log",
    }
}

/// Lets the module's stage try to answer the first challenge, without a person and
/// without sending anything, except the proof of which host this is.
struct First<'a> {
    stages: Stages<'a>,
    seen: Option<String>,
    /// The answer to a stage in front of it that asks which host this is.
    host: Option<HostAnswer>,
    fits: bool,
}

impl Answerer for First<'_> {
    fn answer(&mut self, challenge: &Challenge, rejected: usize) -> Result<Response, LoginError> {
        self.seen = Some(match challenge.title() {
            Some(title) => format!("{} ({title:?})", challenge.component()),
            None => challenge.component().to_owned(),
        });
        match self.stages.answer(challenge, rejected) {
            // The person comes behind this stage.
            Ok(response) if response.host().is_some() => {
                self.host = response.host();
                Ok(response)
            }
            // The stage has an answer, or would ask for one.
            Ok(_) | Err(LoginError::Conversation) => {
                self.fits = true;
                Err(LoginError::Conversation)
            }
            Err(error) => Err(error),
        }
    }

    fn code_sent_back(&mut self) -> Result<(), LoginError> {
        Ok(())
    }
}

/// A conversation without a person.
struct Nobody;

impl Conversation for Nobody {
    fn ask_secret(&mut self, _: &str, _: &'static str) -> Result<Secret, LoginError> {
        Err(LoginError::Conversation)
    }

    fn ask(&mut self, _: &str, _: &'static str) -> Result<Secret, LoginError> {
        Err(LoginError::Conversation)
    }

    fn tell(&mut self, _: &str) -> Result<(), LoginError> {
        Ok(())
    }

    fn tell_error(&mut self, _: &str) {}

    fn shows_unicode(&self) -> bool {
        false
    }

    fn stack_authtok(&mut self) -> Option<Secret> {
        None
    }

    fn leave_authtok(&mut self, _: &Secret) {}
}

/// Whether authentik says who owns a session. This one has no owner yet.
pub(super) fn users_me(report: &mut Report, transport: &mut HttpsTransport) {
    const BLOCKED: &str = "the module asks for it after every login: let /api/v3/core/users/me/ through in the proxy in front of authentik";
    match transport.get("/api/v3/core/users/me/") {
        Ok(answer) if matches!(answer.status, 401 | 403) && answer.is_json => {
            report.ok("users-me.good", "says correctly that nobody is logged in");
        }
        Ok(answer) => report.wrong(
            "users-me.blocked",
            format!(
                "HTTP {} in place of 403, although nobody is logged in",
                answer.status
            ),
            BLOCKED,
        ),
        Err(error) => report.wrong("users-me.blocked", error.fault().to_string(), BLOCKED),
    }
}

/// Whether the application exists, as far as an anonymous request can tell.
pub(super) fn application(report: &mut Report, slug: &Slug, transport: &mut HttpsTransport) {
    #[derive(Deserialize)]
    struct Verdict {
        passing: bool,
    }
    let slug = slug.as_str();
    let path = format!("/api/v3/core/applications/{slug}/check_access/");
    let answer = match transport.get(&path) {
        Ok(answer) => answer,
        Err(error) => {
            let fault = error.fault();
            report.wrong("application.failed", fault.to_string(), what_to_do(fault));
            return;
        }
    };
    let verdict = serde_json::from_slice::<Verdict>(&answer.body);
    match (answer.status, verdict) {
        (404, _) => report.wrong(
            "application.missing",
            format!("authentik has no application with the slug {slug:?}: everybody is refused"),
            "create it, or correct [access] application",
        ),
        (200, Ok(Verdict { passing: true })) => report.warn(
            "application.open",
            format!("{slug} is open to anybody, logged in or not: does it have no bindings?"),
            "bind to it the groups or users that may log in here",
        ),
        (200, Ok(_)) => report.ok(
            "application.good",
            format!("{slug} exists, and is closed to users who are not logged in"),
        ),
        (status, _) => report.unknown(
            "application.unknown",
            format!("{slug}: HTTP {status}"),
            Some("to find out: authentik-flow login".into()),
        ),
    }
}

/// What `check` cannot find out.
pub(super) fn what_cannot_be_told(report: &mut Report) {
    report.unknown(
        "stages.unknown",
        "only a login shows the stages after the first",
        Some("authentik-flow login --user SOMEBODY".into()),
    );
}
