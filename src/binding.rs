//! Does an account of this host belong to this person?
//!
//! A name in authentik can change hands: somebody is renamed or removed, and the next
//! one takes the name. With `[user] bind = "uid"` the first login binds the account to
//! the person's `uid`, and then only this person gets in under the name.

use crate::audit::Audit;
use crate::config::Binding;
use crate::error::LoginError;
use crate::fault::ServerFault;
use crate::host::{self, Bindings, FileFault, Lookup, Uid};

/// The account that somebody logs in to, and whether it is bound to a person.
pub struct BoundAccount<'a> {
    /// Its name on this host.
    pub name: &'a str,
    /// What the configuration says.
    pub rule: Binding,
}

impl BoundAccount<'_> {
    /// Whether the account belongs to the person with this `uid`, who has just logged in
    /// and may use this host. Binds it to them if it belongs to nobody.
    ///
    /// # Errors
    /// [`LoginError::AnotherPerson`]; [`LoginError::Binding`] if that cannot be told, or
    /// if the binding cannot be written; and [`LoginError::Server`] if authentik gives
    /// no `uid`.
    pub fn hold(&self, uid: Option<&str>, audit: &mut Audit) -> Result<(), LoginError> {
        let Some(actual) = self.asked_for(uid)? else {
            return Ok(());
        };
        let bindings = Bindings::of_this_host();
        if let Some(bound) = find(&bindings, self.name)? {
            return same(bound, actual);
        }
        let user_id = self.user_id()?;
        if self.rule == Binding::Uid && host::runs_as_root() {
            for file in user_id.iter().map(String::as_str).chain([self.name]) {
                // The account may have another name, too, and somebody else's first login may
                // have been a moment faster.
                let bound = bindings.add(file, &actual).map_err(failed)?;
                same(bound, actual.clone())?;
            }
            audit.set_bound(actual.as_str());
            return Ok(());
        }
        match find_user_id(&bindings, user_id)? {
            Some(bound) => same(bound, actual),
            // Otherwise a locker could let in a person whose binding is recorded nowhere.
            None if self.rule == Binding::Uid => Err(LoginError::NotBound),
            None => Ok(()),
        }
    }

    /// Whether the account may belong to the person with this `uid`, who was only looked
    /// up. Binds nobody: the look-up proves nothing about the person at the prompt.
    ///
    /// # Errors
    /// As [`BoundAccount::hold`].
    pub fn compare(&self, uid: Option<&str>) -> Result<(), LoginError> {
        let Some(actual) = self.asked_for(uid)? else {
            return Ok(());
        };
        match self.bound()? {
            Some(bound) => same(bound, actual),
            None => Ok(()),
        }
    }

    /// The `uid` of the person who owns the account, by its name or its user ID; `None` if it
    /// belongs to nobody, or if the configuration does not ask for one.
    ///
    /// # Errors
    /// [`LoginError::Binding`] if that cannot be told.
    pub fn bound(&self) -> Result<Option<Uid>, LoginError> {
        match self.rule {
            Binding::Never => Ok(None),
            Binding::Uid | Binding::Compare => {
                let bindings = Bindings::of_this_host();
                match find(&bindings, self.name)? {
                    Some(bound) => Ok(Some(bound)),
                    None => find_user_id(&bindings, self.user_id()?),
                }
            }
        }
    }

    /// The file of the account's user ID, which the account keeps when it is renamed here.
    fn user_id(&self) -> Result<Option<String>, LoginError> {
        match host::find_account(self.name) {
            Ok(Lookup::Account { uid }) => Ok(Some(host::binding_of(uid))),
            Ok(Lookup::OtherSpelling | Lookup::Unknown) => Ok(None),
            Err(error) => Err(LoginError::Host(error.to_string())),
        }
    }

    /// The `uid` to compare; `None` if the configuration does not ask for one.
    fn asked_for(&self, uid: Option<&str>) -> Result<Option<Uid>, LoginError> {
        if self.rule == Binding::Never {
            return Ok(None);
        }
        uid.and_then(Uid::parse).map(Some).ok_or_else(|| {
            ServerFault::UnexpectedAnswer("it does not give the user's uid".into()).into()
        })
    }
}

fn find(bindings: &Bindings, account: &str) -> Result<Option<Uid>, LoginError> {
    bindings.find(account).map_err(failed)
}

fn find_user_id(bindings: &Bindings, file: Option<String>) -> Result<Option<Uid>, LoginError> {
    file.map_or(Ok(None), |file| find(bindings, &file))
}

fn failed(fault: FileFault) -> LoginError {
    LoginError::Binding(fault)
}

fn same(bound: Uid, actual: Uid) -> Result<(), LoginError> {
    if bound == actual {
        return Ok(());
    }
    Err(LoginError::AnotherPerson {
        bound: bound.to_string(),
        actual: Some(actual.to_string()),
    })
}
