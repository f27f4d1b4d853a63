//! `explain`: what would happen if somebody logged in, and why. Asks for no password.

mod authentik;
mod faillock;
mod lines;

use pam_authentik_flow::account_status::{self, AccountStatus};
use pam_authentik_flow::config::Config;
use pam_authentik_flow::host;

use super::arguments::Explain;
use super::local;
use super::logins;
use super::remedy::of_config;
use super::report::{Report, Status, Step};
use super::setup::Setup;
use super::sshd::Settings;
use super::stack::{Kind, Stacks};
use super::suggest::nearest;
use super::{CommandError, Exit, printed};

/// How many lines of the log are shown.
const LINES: usize = 3;

/// The question.
struct Question<'a> {
    options: &'a Explain,
    name: &'a str,
    service: &'a str,
    stacks: Stacks,
}

/// What the module does for a name.
enum Treatment {
    /// It asks authentik about this name.
    Asks(String),
    /// It ignores them.
    Ignores,
    /// It refuses them without asking.
    Refuses,
}

/// Looks at everything that takes part in a login of this name.
pub(crate) fn run(options: &Explain) -> Result<Exit, CommandError> {
    let name = options.name.as_str();
    let service = options.service.service.as_str();
    let setup = Setup::of(&options.service)?;
    let mut report = Report::titled(&format!("{name}, by the service {service}"), service);
    let question = Question {
        options,
        name,
        service,
        stacks: Stacks::at(&options.service.folders.pam_dir),
    };
    if let Some(reason) = host::impossible_name(name.as_bytes()) {
        report.wrong(
            "account.impossible",
            format!("no account can have this name: {reason}"),
            "write the name as getent passwd shows it",
        );
        return finish(report, &question);
    }
    account(&mut report, name);
    let config = setup.config();
    let treatment = match &config {
        Ok(config) => module(&mut report, name, config),
        Err(error) => {
            let (found, remedy) = of_config(error);
            report.wrong(
                "module.configuration",
                format!("the module refuses everybody: {found}"),
                remedy,
            );
            Treatment::Refuses
        }
    };
    let names_module = lines::look(&mut report, &question, &treatment);
    if service == "sshd" {
        sshd(&mut report, &question);
        with_a_key(&mut report, &question, config.as_ref().ok());
    }
    faillock::look(&mut report, &question);
    if let (Ok(config), Treatment::Asks(theirs), true) = (&config, &treatment, names_module) {
        authentik::look(&mut report, &question, config, theirs);
    }
    log(&mut report, name);
    finish(report, &question)
}

/// The host's account.
fn account(report: &mut Report, name: &str) {
    let Some(user) = nix::unistd::User::from_name(name).ok().flatten() else {
        let accounts = local::accounts();
        let near = nearest(name, accounts.iter().map(|(name, _)| name.as_str()));
        let remedy = match near {
            Some(near) => format!("if you mean {near}: authentik-flow explain {near}"),
            None => {
                format!(
                    "create it (useradd {name}), or find out why getent passwd {name} does not find it"
                )
            }
        };
        report.wrong(
            "account.missing",
            "this host has no such account (getent passwd)",
            remedy,
        );
        return;
    };
    let from = match local::is_in_passwd(name) {
        Some(true) => "/etc/passwd",
        Some(false) => "a directory, through NSS",
        None => "NSS",
    };
    let shell = user.shell.display();
    report.ok(
        "account.found",
        format!("uid {}, shell {shell} (from {from})", user.uid),
    );
    match local::kept_out(name) {
        Some(why) => report.wrong(
            "account.kept-out",
            format!("it cannot log in: {}", fact(&why)),
            remedy_in(&why),
        ),
        None if !host::runs_as_root() => report.unknown(
            "account.expiry",
            "unknown whether it has expired or has a local password: only root can read /etc/shadow",
            Some("run this as root".into()),
        ),
        None => {}
    }
    match local::has_password(name) {
        Some(true) => report.ok("account.password", "it has a local password (/etc/shadow)"),
        Some(false) => report.ok(
            "account.password",
            "it has no local password that can be used (/etc/shadow)",
        ),
        None if host::runs_as_root() => report.unknown(
            "account.password",
            "unknown whether it has a local password: it is not in /etc/shadow",
            None,
        ),
        None => {}
    }
}

/// The first part of "it has expired (chage -E -1 NAME)".
fn fact(why: &str) -> &str {
    why.rsplit_once(" (").map_or(why, |(fact, _)| fact)
}

/// The part in parentheses.
fn remedy_in(why: &str) -> String {
    let remedy = why.rsplit_once(" (").map(|(_, remedy)| remedy);
    remedy.map_or_else(
        || why.to_owned(),
        |text| text.trim_end_matches(')').to_owned(),
    )
}

/// What the configuration says about the name.
fn module(report: &mut Report, name: &str, config: &Config) -> Treatment {
    let status = match account_status::of(name, &config.user) {
        Ok(status) => status,
        Err(error) => {
            report.unknown("module.host-failed", error.to_string(), None);
            return Treatment::Refuses;
        }
    };
    match status {
        AccountStatus::LeftAlone { reason, .. } => {
            report.ok(
                "module.ignores",
                format!("it ignores {name}: {reason}; the other lines of the stack decide"),
            );
            return Treatment::Ignores;
        }
        AccountStatus::OtherSpelling => {
            report.wrong(
                "module.other-spelling",
                format!("it refuses {name}: the account database spells the name differently"),
                format!("write the name as getent passwd {name} shows it"),
            );
            return Treatment::Refuses;
        }
        AccountStatus::NoAccount if config.user.require_account => {
            report.wrong(
                "module.no-account",
                "it refuses names without an account ([user] require_account)",
                "create the account first",
            );
            return Treatment::Refuses;
        }
        AccountStatus::NoAccount | AccountStatus::Person => {}
    }
    match account_status::name_in_authentik(name, &config.user) {
        Ok(theirs) => {
            let called = match theirs == name {
                true => "under the same name".into(),
                false => format!("under the name {theirs} ([user])"),
            };
            report.ok(
                "module.asks",
                format!(
                    "it asks authentik {called}, with the flow {}",
                    config.flow.as_str()
                ),
            );
            Treatment::Asks(theirs)
        }
        Err(error) => {
            report.wrong(
                "module.name",
                format!("it refuses {name}: {error}"),
                "change [user] domain or lowercase, or the account's name",
            );
            Treatment::Refuses
        }
    }
}

/// sshd's own rules.
fn sshd(report: &mut Report, question: &Question<'_>) {
    let Some(source) = question.options.service.folders.sshd() else {
        return;
    };
    let name = question.name;
    let settings = match Settings::of(name, &source) {
        Ok(settings) => settings,
        Err(why) => {
            report.unknown(
                "sshd.unknown",
                format!("its settings are not known: {why}"),
                Some("run this as root".into()),
            );
            return;
        }
    };
    match settings.keeps_out(&local::groups(name)) {
        Some(why) => report.wrong(
            "sshd.keeps-out",
            format!("it lets {name} in with no password: {why} (sshd -T -C user={name})"),
            "change that in sshd_config, then sshd -t, and systemctl reload ssh",
        ),
        None => report.ok(
            "sshd.lets-in",
            format!("its own rules let {name} in (sshd -T -C user={name}, from this host)"),
        ),
    }
    let is = |key: &str| settings.get(key) == Some("yes");
    let mut methods = Vec::new();
    for (is_on, method) in [
        (is("pubkeyauthentication"), "a key"),
        (settings.asks(), "questions, a code among them"),
        (is("passwordauthentication"), "a password in one piece"),
    ] {
        if is_on {
            methods.push(method);
        }
    }
    let wanted = settings.get("authenticationmethods").unwrap_or("any");
    report.ok(
        "sshd.methods",
        format!(
            "it accepts {}; AuthenticationMethods {wanted}",
            methods.join(", or ")
        ),
    );
}

/// Whether authentik is asked about a login with an SSH key.
fn with_a_key(report: &mut Report, question: &Question<'_>, config: Option<&Config>) {
    let account = question.stacks.entries(question.service, Kind::Account);
    let account = account.unwrap_or_default();
    let ours = account.iter().find(|entry| entry.is_ours());
    let looks_up = config.is_some_and(|config| config.account.is_some());
    let found = match ours.filter(|_| looks_up) {
        Some(entry) => format!(
            "with a key, {} looks them up in authentik ([account])",
            entry.place()
        ),
        None => "with a key, they get in without authentik".into(),
    };
    report.ok("sshd.key", found);
}

/// Today's lines of the log.
fn log(report: &mut Report, name: &str) {
    match logins::today() {
        Err(why) => report.unknown("log.unreadable", format!("not readable: {why}"), None),
        Ok(today) => {
            let own: Vec<String> = today
                .lines
                .iter()
                .filter(|line| line.user == name)
                .map(|line| match &line.reason {
                    Some(reason) => format!("{line}: {reason}"),
                    None => line.to_string(),
                })
                .collect();
            let source = today.source;
            if own.is_empty() {
                report.ok(
                    "log.nothing",
                    format!("no login of {name} today (from {source})"),
                );
            }
            let skipped = own.len().saturating_sub(LINES);
            for line in own.iter().skip(skipped) {
                report.ok("log.line", line.as_str());
            }
        }
    }
}

/// What to do about the first problem.
fn finish(report: Report, question: &Question<'_>) -> Result<Exit, CommandError> {
    let Question { name, service, .. } = question;
    let first = |status: Status| {
        let mut steps = report.steps().iter();
        // A missing log changes nothing about the rest.
        steps
            .find(|step| step.status == status && !step.id.starts_with("log."))
            .cloned()
    };
    let page = report.page();
    let wrong = first(Status::Wrong);
    let conclusion = match (&wrong, first(Status::Unknown)) {
        (
            Some(Step {
                name: about,
                remedy,
                ..
            }),
            _,
        ) => {
            let remedy = remedy.clone().unwrap_or_default();
            format!("{name} does not get in by {service}, because of: {about}. First: {remedy}")
        }
        (None, Some(Step { found, .. })) => format!(
            "Nothing that is known here keeps {name} out of {service}. Not known: {found}. To try it: authentik-flow login --user {name} --service {service}"
        ),
        (None, None) => format!(
            "Nothing here keeps {name} out of {service}. To try it: authentik-flow login --user {name} --service {service}"
        ),
    };
    let end = format!("\n{}\n", page.wrapped(&conclusion, 0));
    printed(report.finish_with(&end))?;
    Ok(match wrong {
        None => Exit::Success,
        Some(_) => Exit::Failure,
    })
}
