//! `login`: the module's login, in this terminal.

use std::cell::{OnceCell, RefCell};
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use anstyle::AnsiColor;
use pam_authentik_flow::access::Verified;
use pam_authentik_flow::account_status::{self, AccountStatus, OTHER_SPELLING};
use pam_authentik_flow::audit::{Audit, Observer};
use pam_authentik_flow::config::{Binding, Config, FirstPass};
use pam_authentik_flow::conversation::Conversation;
use pam_authentik_flow::error::LoginError;
use pam_authentik_flow::first_answer::{FirstAnswer, once_more_if_late};
use pam_authentik_flow::login_context::LoginContext;
use pam_authentik_flow::refusal::{self, Wording};
use pam_authentik_flow::{host, login, pam};

use super::arguments::Login;
use super::codes::meaning;
use super::remedy::of_login;
use super::report::arrow;
use super::setup::Setup;
use super::terminal::Terminal;
use super::{CommandError, Exit, printed};

/// Runs a login and shows its course.
pub(crate) fn run(options: &Login) -> Result<Exit, CommandError> {
    let setup = Setup::of(&options.service)?;
    let mut terminal = Terminal::new();
    let steps = Rc::new(Steps::default());
    let config = setup.config();
    let wording = config
        .as_ref()
        .map_or_else(|_| Wording::unknown(), Wording::of);
    let result = config
        .map_err(LoginError::from)
        .and_then(|_| log_in(options, &setup, &mut terminal, &steps));
    let user = steps.user.get().cloned();
    printed(show(&result, &steps, &wording))?;
    if let Err(error) = &result {
        let remedy = of_login(error, user.as_deref().unwrap_or("the user"));
        printed(writeln!(anstream::stdout(), "{}", arrow(&remedy)))?;
    }
    Ok(match result {
        Ok(_) => Exit::Success,
        Err(_) if terminal.was_interrupted() => Exit::Interrupted,
        Err(_) => Exit::Failure,
    })
}

fn log_in(
    options: &Login,
    setup: &Setup,
    terminal: &mut Terminal,
    steps: &Rc<Steps>,
) -> Result<Verified, LoginError> {
    let user = match &options.user {
        Some(user) => user.clone(),
        None => caller(terminal)?,
    };
    let _ = steps.user.set(user.clone());
    if let Some(reason) = host::impossible_name(user.as_bytes()) {
        return Err(LoginError::ImpossibleName(reason));
    }
    let trial = Trial {
        service: &options.service.service,
        user: &user,
        steps,
    };
    once_more_if_late(|first| {
        let config = setup.config()?;
        attempt(&trial, config, terminal, first)
    })
}

/// The user, the service, and the observer of the login.
struct Trial<'a> {
    service: &'a str,
    user: &'a str,
    steps: &'a Rc<Steps>,
}

fn attempt(
    trial: &Trial<'_>,
    mut config: Config,
    terminal: &mut Terminal,
    first: &mut FirstAnswer,
) -> Result<Verified, LoginError> {
    let Trial {
        service,
        user,
        steps,
    } = *trial;
    let mut audit = Audit::trial(service, "auth").observed_by(Rc::clone(steps) as Rc<dyn Observer>);
    // No earlier module can have left a password.
    config.first_pass = FirstPass::Ask;
    if config.user.bind == Binding::Uid {
        config.user.bind = Binding::Compare;
    }
    let _ = steps.flow.set(config.flow.as_str().to_owned());
    let known = match account_status::of(user, &config.user)? {
        AccountStatus::Person => true,
        AccountStatus::LeftAlone { reason, .. } => return Err(LoginError::Skipped(reason)),
        AccountStatus::OtherSpelling => {
            return Err(LoginError::ImpossibleName(OTHER_SPELLING));
        }
        // The module asks for a password first, and does not send it.
        AccountStatus::NoAccount if config.user.require_account => {
            return Err(LoginError::UnknownAccount);
        }
        AccountStatus::NoAccount => false,
    };
    let context = LoginContext {
        service: service.to_owned(),
        host: host::host_name(),
        user: known.then(|| user.to_owned()),
        ruser: None,
        rhost: None,
        tty: nix::unistd::ttyname(std::io::stdin())
            .ok()
            .map(|path| path.display().to_string()),
    };
    let login = login::Login {
        config: &config,
        context: &context,
        user,
        first,
    };
    login::run(terminal, login, &mut audit).map(|login| login.proof)
}

/// The caller's name; root must name the user.
fn caller(terminal: &mut Terminal) -> Result<String, LoginError> {
    let uid = nix::unistd::getuid();
    match nix::unistd::User::from_uid(uid) {
        Ok(Some(user)) if !uid.is_root() => Ok(user.name),
        _ => terminal
            .ask("User name:", "user name")
            .map(|name| name.expose().trim().to_owned()),
    }
}

/// The requests to authentik, with the time that each took.
#[derive(Default)]
struct Steps {
    taken: RefCell<Vec<(String, Duration)>>,
    /// The login's flow, to tell its requests from those that end the session.
    flow: OnceCell<String>,
    /// Who logs in.
    user: OnceCell<String>,
}

impl Steps {
    fn add(&self, name: &str, took: Duration) {
        let mut steps = self.taken.borrow_mut();
        match steps.last_mut().filter(|(last, _)| last == name) {
            Some((_, sum)) => *sum = sum.saturating_add(took),
            None => steps.push((name.to_owned(), took)),
        }
    }
}

impl Observer for Steps {
    fn stage(&self, component: &str, _rejected: usize) {
        let name = component.strip_prefix("ak-stage-").unwrap_or(component);
        self.add(name, Duration::ZERO);
    }

    fn request(&self, path: &str, took: Duration) {
        let own = match path {
            path if path.contains("/users/me/") => Some("whose session"),
            path if path.contains("/check_access/") => Some("application"),
            _ => None,
        };
        let executor = self
            .flow
            .get()
            .map(|slug| format!("/flows/executor/{slug}/"));
        let own = own.or_else(|| {
            let of_login = executor.is_some_and(|executor| path.contains(&executor));
            (!of_login).then_some("end of session")
        });
        let last = self.taken.borrow().last().map(|(name, _)| name.clone());
        match (own, last) {
            (Some(own), _) => self.add(own, took),
            (None, last) => self.add(last.as_deref().unwrap_or("first request"), took),
        }
    }
}

fn show(
    result: &Result<Verified, LoginError>,
    steps: &Steps,
    wording: &Wording,
) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    let steps = steps.taken.borrow();
    if !steps.is_empty() {
        writeln!(out)?;
        let width = steps
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or_default();
        for (name, took) in steps.iter() {
            writeln!(out, "  {name:width$}  {:>6} ms", took.as_millis())?;
        }
        let sum: Duration = steps.iter().map(|(_, took)| *took).sum();
        writeln!(
            out,
            "  {:width$}  {:>6} ms in authentik",
            "together",
            sum.as_millis()
        )?;
    }
    writeln!(out)?;
    let (code, colour) = match result {
        Ok(verified) => (pam::success(verified.clone()), AnsiColor::Green),
        Err(error) => (pam::code(error), AnsiColor::Red),
    };
    let code = format!("{code:?}");
    let style = colour.on_default().bold();
    writeln!(out, "{style}{code}{style:#}: {}", meaning(&code))?;
    if let Err(error) = result {
        writeln!(out, "  why: {error}")?;
        if let Some(text) = refusal::message(error, wording) {
            writeln!(out, "  what the person reads: {text}")?;
        }
    }
    Ok(())
}
