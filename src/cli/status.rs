//! `status`: the state of this host on one screen.

use std::io::Write;

use super::arguments::{Folders, Status as Options};
use super::logins;
use super::report::{Page, Status};
use super::setup::{Setup, find_module};
use super::sshd::Settings;
use super::stack::{Entry, Kind, Stacks};
use super::ways::{WayIn, kept_out, to_authentik, while_down};
use super::{CommandError, Exit, printed, sudo};
use pam_authentik_flow::config::Config;

/// The number of today's failed logins that are shown.
const FAILURES: usize = 3;

/// The lines to print.
struct Screen {
    page: Page,
    text: String,
    is_well: bool,
}

impl Screen {
    fn row(&mut self, status: Status, name: &str, text: &str) {
        self.is_well &= status != Status::Wrong;
        let row = self.page.marked(status, name, text);
        self.text.push_str(&row);
    }

    fn pointed(&mut self, text: &str) {
        self.text.push_str(&self.page.pointed_below(text));
    }
}

/// Prints the state.
pub(crate) fn run(options: &Options) -> Result<Exit, CommandError> {
    let mut screen = Screen {
        page: Page::of_stdout(),
        text: String::new(),
        is_well: true,
    };
    let stacks = Stacks::at(&options.folders.pam_dir);
    let services = stacks.naming_module();
    configuration(&mut screen, &services, &stacks)?;
    for service in &services {
        one(&mut screen, service, &stacks, &options.folders)?;
    }
    if services.is_empty() {
        screen.row(Status::Ok, "services", "none asks authentik");
        screen.pointed("authentik-flow enable sshd --dry-run shows what would change");
    }
    if services.iter().any(|service| service == "sshd") {
        sshd(&mut screen, &options.folders);
    }
    today(&mut screen);
    if let Some(pending) = super::switch::pending(&options.state.state_dir) {
        screen.row(Status::Warning, "trial", &pending);
    }
    printed(anstream::stdout().write_all(screen.text.as_bytes()))?;
    Ok(match screen.is_well {
        true => Exit::Success,
        false => Exit::Failure,
    })
}

/// The configuration of sshd, or of the first service that names the module.
fn configuration(
    screen: &mut Screen,
    services: &[String],
    stacks: &Stacks,
) -> Result<(), CommandError> {
    let is_sshd = |service: &&String| *service == "sshd";
    let service = services.iter().find(is_sshd).or(services.first());
    let service = service.map_or("sshd", String::as_str);
    let setup = Setup::for_service(service, None, stacks)?;
    let path = setup.path();
    match setup.config() {
        Ok(config) => screen.row(
            Status::Ok,
            "configuration",
            &format!(
                "{}: {}, flow {}",
                path.display(),
                config.url,
                config.flow.as_str()
            ),
        ),
        Err(error) => {
            let status = match services.is_empty() {
                true => Status::Warning,
                false => Status::Wrong,
            };
            screen.row(status, "configuration", &error.to_string());
            screen.pointed("authentik-flow check says what to do");
        }
    }
    Ok(())
}

/// A service: the lines by which it asks authentik, and who gets in while authentik is
/// down.
fn one(
    screen: &mut Screen,
    service: &str,
    stacks: &Stacks,
    folders: &Folders,
) -> Result<(), CommandError> {
    let how = to_authentik(stacks, service).unwrap_or_default();
    let read = stacks.load(service);
    let auth = read.stack(Kind::Auth);
    let lines = || Kind::ALL.iter().flat_map(|kind| read.stack(*kind));
    let missing = lines()
        .filter(|entry| entry.is_ours())
        .find(|entry| find_module(&entry.module, folders).is_err());
    if let Some(entry) = missing {
        screen.row(
            Status::Wrong,
            service,
            &format!(
                "{}: the module is not there: nobody gets in who needs it",
                entry.place()
            ),
        );
        screen.pointed("install the package again, or: authentik-flow disable --all");
        return Ok(());
    }
    let config = Setup::for_service(service, None, stacks)?.config();
    if !auth.iter().any(Entry::is_ours) {
        let kinds: Vec<&str> = Kind::ALL
            .iter()
            .filter(|kind| read.stack(**kind).iter().any(Entry::is_ours))
            .map(|kind| kind.name())
            .collect();
        let text = format!("{how}; {} lines alone", kinds.join(" and "));
        screen.row(Status::Ok, service, &text);
        return Ok(());
    }
    let (status, down) = while_authentik_is_down(service, auth, config.as_ref().ok(), folders);
    let (status, problem) = match &config {
        Ok(_) => (status, String::new()),
        Err(_) => (
            Status::Wrong,
            "; its configuration is wrong, so the module refuses everybody".into(),
        ),
    };
    screen.row(
        status,
        service,
        &format!("{how}{problem}; while authentik is down: {down}"),
    );
    if status == Status::Wrong {
        screen.pointed(&format!("authentik-flow check --service {service}"));
    }
    if let Some(left_out) = sudo::left_out(stacks, service) {
        screen.row(Status::Warning, service, &left_out.what());
        screen.pointed(&left_out.remedy(stacks));
    }
    Ok(())
}

fn while_authentik_is_down(
    service: &str,
    auth: &[Entry],
    config: Option<&Config>,
    folders: &Folders,
) -> (Status, String) {
    match while_down(service, auth, config.map(|config| &config.user)) {
        WayIn::Everybody => (
            Status::Warning,
            "everybody with a local password gets in with it".into(),
        ),
        WayIn::HangsOn(line) => (Status::Unknown, format!("unknown: it depends on {line}")),
        WayIn::Names(names) if names.is_empty() => (Status::Wrong, "nobody gets in".into()),
        WayIn::Names(names) => {
            let mut open = false;
            let shown: Vec<String> = names
                .iter()
                .map(|name| {
                    let kept_out = kept_out(name, service, folders);
                    open |= kept_out.is_none();
                    match kept_out {
                        Some(why) => format!("{name} (kept out: {why})"),
                        None => name.clone(),
                    }
                })
                .collect();
            let status = match open {
                true => Status::Ok,
                false => Status::Warning,
            };
            (
                status,
                format!("{}, with the local password", shown.join(", ")),
            )
        }
    }
}

/// The settings of sshd that matter to the module.
fn sshd(screen: &mut Screen, folders: &Folders) {
    const SHOWN: [(&str, &str); 5] = [
        ("usepam", "UsePAM"),
        (
            "kbdinteractiveauthentication",
            "KbdInteractiveAuthentication",
        ),
        ("passwordauthentication", "PasswordAuthentication"),
        ("authenticationmethods", "AuthenticationMethods"),
        ("logingracetime", "LoginGraceTime"),
    ];
    let Some(source) = folders.sshd() else {
        return;
    };
    match Settings::of("nobody", &source) {
        Ok(settings) => {
            let shown: Vec<String> = SHOWN
                .iter()
                .filter_map(|(key, name)| Some(format!("{name} {}", settings.get(key)?)))
                .collect();
            let wrong = !settings.asks();
            let status = match wrong {
                true => Status::Warning,
                false => Status::Ok,
            };
            screen.row(status, "sshd settings", &shown.join(", "));
            if wrong {
                screen.pointed("authentik-flow check says what to write");
            }
        }
        Err(why) => screen.row(
            Status::Unknown,
            "sshd settings",
            &format!("not known: {why}"),
        ),
    }
}

/// The logins of today.
fn today(screen: &mut Screen) {
    match logins::today() {
        Err(why) => screen.row(Status::Unknown, "today", &format!("not readable: {why}")),
        Ok(today) => {
            let text = format!("{} (from {})", today.outcomes(), today.source);
            screen.row(Status::Ok, "today", &text);
            let failed = today
                .lines
                .iter()
                .filter(|line| line.entry == "auth" && line.code != "PAM_SUCCESS");
            let mut failed: Vec<String> = failed.map(ToString::to_string).collect();
            let last = failed.split_off(failed.len().saturating_sub(FAILURES));
            for line in last {
                screen.pointed(&line);
            }
        }
    }
}
