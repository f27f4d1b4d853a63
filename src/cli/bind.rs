//! `bind`: which person of authentik an account of this host belongs to.

use std::io::Write;

use pam_authentik_flow::account;
use pam_authentik_flow::account_status::{self, AccountStatus};
use pam_authentik_flow::audit::Audit;
use pam_authentik_flow::config::{Binding, Config};
use pam_authentik_flow::deadline::Deadline;
use pam_authentik_flow::host::{self, Bindings, Lookup, Uid};
use pam_authentik_flow::http::HttpsTransport;
use pam_authentik_flow::login_context::LoginContext;

use super::arguments::Bind;
use super::setup::Setup;
use super::{CommandError, Exit, printed};

/// Binds accounts, or removes their bindings, one after the other.
pub(crate) fn run(options: &Bind) -> Result<Exit, CommandError> {
    let bindings = Bindings::at(&options.state.state_dir);
    let accounts = match options.all {
        true => bindings
            .accounts()
            .map_err(|fault| format!("{} {fault}", options.state.state_dir.display()))?,
        false => options.accounts.clone(),
    };
    if accounts.is_empty() {
        say("No account is bound; nothing to do.")?;
    }
    let work = Work {
        options,
        bindings,
        config: match options.remove {
            true => None,
            false => Some(config(options)?),
        },
    };
    let mut exit = Exit::Success;
    for account in &accounts {
        match work.on(account) {
            Ok(done) => say(&format!("{account}: {done}"))?,
            Err(why) => {
                exit = Exit::Failure;
                say(&format!("{account}: {why}; nothing is changed"))?;
            }
        }
    }
    if options.dry_run {
        say("This was a dry run: nothing is written.")?;
    }
    Ok(exit)
}

fn config(options: &Bind) -> Result<(Setup, Config), CommandError> {
    let setup = Setup::of(&options.service)?;
    let config = setup.config().map_err(|error| error.to_string())?;
    if config.user.bind == Binding::Never {
        say(&format!(
            "[user] bind = \"uid\" is not set for {}: its logins ignore the bindings.",
            setup.service
        ))?;
    }
    Ok((setup, config))
}

struct Work<'a> {
    options: &'a Bind,
    bindings: Bindings,
    config: Option<(Setup, Config)>,
}

impl Work<'_> {
    fn on(&self, account: &str) -> Result<String, CommandError> {
        let bound = self
            .bindings
            .find(account)
            .map_err(|fault| format!("its file {fault}"));
        let Some((setup, config)) = &self.config else {
            return self.remove(account);
        };
        // A damaged file can only be replaced.
        let bound = match bound {
            Err(_) if self.options.replace => None,
            bound => bound?,
        };
        let uid = match &self.options.uid {
            Some(uid) => {
                Uid::parse(uid).ok_or("--uid has characters other than letters, digits and -")?
            }
            None => look_up(account, setup, config)?,
        };
        match bound {
            Some(bound) if bound == uid => Ok(format!("already bound to uid {uid}")),
            Some(bound) if !self.options.replace && !self.options.all => Err(format!(
                "bound to uid {bound}, but in authentik the name belongs to uid {uid}; if that is the person you mean, add --replace"
            )),
            Some(bound) => {
                self.write(account, &uid)?;
                Ok(format!("bound to uid {uid}, and no longer to uid {bound}"))
            }
            None => {
                self.refuse_shared(account, &uid)?;
                self.write(account, &uid)?;
                Ok(format!("bound to uid {uid}"))
            }
        }
    }

    /// Two accounts with one user ID, or an account that was renamed here, belong to one
    /// person.
    fn refuse_shared(&self, account: &str, uid: &Uid) -> Result<(), CommandError> {
        let Some(file) = file_of_user_id(account)?.filter(|_| !self.options.replace) else {
            return Ok(());
        };
        match self.bindings.find(&file) {
            Ok(Some(bound)) if bound != *uid => Err(format!(
                "its user ID is bound to uid {bound}, by an earlier name or by another account: is uid {uid} the person you mean? Then add --replace"
            )),
            Ok(_) => Ok(()),
            Err(fault) => Err(format!("the file of its user ID {fault}")),
        }
    }

    fn write(&self, account: &str, uid: &Uid) -> Result<(), CommandError> {
        if self.options.dry_run {
            return Ok(());
        }
        for file in file_of_user_id(account)?
            .iter()
            .map(String::as_str)
            .chain([account])
        {
            self.bindings
                .replace(file, uid)
                .map_err(|fault| format!("its file {fault}"))?;
        }
        Ok(())
    }

    fn remove(&self, account: &str) -> Result<String, CommandError> {
        const REMOVED: &str = "bound to nobody now: the next login binds it";
        let found = match self.options.dry_run {
            true => self.bindings.find(account).map(|bound| bound.is_some()),
            false => self.bindings.remove(account),
        };
        match found {
            Ok(true) => Ok(REMOVED.into()),
            Ok(false) => Ok("bound to nobody already".into()),
            Err(fault) => Err(format!("its file {fault}")),
        }
    }
}

fn file_of_user_id(account: &str) -> Result<Option<String>, CommandError> {
    match host::find_account(account) {
        Ok(Lookup::Account { uid }) => Ok(Some(host::binding_of(uid))),
        Ok(Lookup::OtherSpelling | Lookup::Unknown) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// The `uid` of the person who has the account's name in authentik.
fn look_up(account: &str, setup: &Setup, config: &Config) -> Result<Uid, CommandError> {
    match account_status::of(account, &config.user).map_err(|error| error.to_string())? {
        AccountStatus::Person => {}
        AccountStatus::LeftAlone { reason, .. } => return Err(reason.into()),
        AccountStatus::OtherSpelling => return Err(account_status::OTHER_SPELLING.into()),
        AccountStatus::NoAccount if config.user.require_account => {
            return Err("this host has no such account".into());
        }
        AccountStatus::NoAccount => {}
    }
    let rules = config.account.as_ref().ok_or_else(|| {
        format!(
            "{} has no [account] token_file for the look-up; name the person with --uid",
            setup.service
        )
    })?;
    let context = LoginContext {
        service: setup.service.clone(),
        host: host::host_name(),
        ..LoginContext::default()
    };
    let trace = Audit::trial(&setup.service, "bind").trace(false);
    let deadline = Deadline::after(config.login_timeout);
    let name = account_status::name_in_authentik(account, &config.user)
        .map_err(|error| error.to_string())?;
    let uid = HttpsTransport::for_lookup(config, &rules.token_file, &context, deadline, trace)
        .map_err(|error| error.to_string())
        .and_then(|mut transport| {
            account::uid_of(&mut transport, &name).map_err(|error| error.to_string())
        })?;
    uid.as_deref()
        .and_then(Uid::parse)
        .ok_or_else(|| "authentik does not give the user's uid".into())
}

fn say(line: &str) -> Result<(), CommandError> {
    printed(writeln!(anstream::stdout(), "{line}"))
}
