//! May a person use this host without a login through this module?
//!
//! sshd also asks about the account of people who log in with a key: they may have been
//! deactivated in authentik. A user that this module has logged in, in the same
//! transaction, has already been checked.

use std::collections::BTreeSet;
use std::ffi::CStr;

use pam::constants::PamResultCode;
use serde::Deserialize;

use crate::access::{self, Admitted, Membership, Verified, is_uuid};
use crate::account_status::{self, AccountStatus, OTHER_SPELLING};
use crate::binding::BoundAccount;
use crate::call::Call;
use crate::config::{Config, Fallback};
use crate::deadline::Deadline;
use crate::error::LoginError;
use crate::fault::ServerFault;
use crate::host::Uid;
use crate::http::{Answer, HttpsTransport, Transport};
use crate::identity::Group;
use crate::json::Object;
use crate::login;
use crate::login_context::percent_encoded;
use crate::pam::{self as pam_handle, Transaction, UserName};
use crate::text;

/// How many groups above the user's own are requested: more than any organisation has
/// above one person. The user's own groups, of which a directory may give hundreds, are
/// bounded by the login's deadline alone.
const MAX_ANCESTORS: usize = 32;

const NOBODY_LOOKED_UP: &str = "nobody is looked up for this service";

const VIEW_USER: &str = "authentik_core.view_user";
const VIEW_GROUP: &str = "authentik_core.view_group";

/// Answers `pam_sm_acct_mgmt`.
///
/// It never answers `PAM_SUCCESS` for an unknown user. If nobody is to
/// be looked up, the other modules of the stack decide.
pub fn manage(transaction: &mut Transaction<'_>, arguments: &[&CStr]) -> PamResultCode {
    let mut call = Call::begin(transaction, "account");
    let result = pam_handle::guarded(|| {
        transaction.check_memory()?;
        let config = call.config(arguments)?;
        let judged = judge(transaction, &config, &mut call);
        // The login has already written its line, and cron would write one every
        // minute.
        let has_news = !matches!(
            judged,
            Ok(Judged::LoggedIn(_)) | Err(LoginError::Skipped(_))
        );
        call.quiet(!has_news && !config.debug);
        judged
    });
    match result {
        Ok(judged) => {
            let code = match judged {
                Judged::LoggedIn(proof) => pam_handle::success(proof),
                Judged::LookedUp(admitted) => pam_handle::admitted(admitted),
            };
            call.finish(&code, None);
            code
        }
        Err(error) => {
            let code = pam_handle::code(&error);
            call.finish(&code, Some(&error));
            // Nobody typed a password here that could be wrong.
            if !error.is_about_the_name() {
                call.explain(transaction, &error);
            }
            code
        }
    }
}

/// Who may use the host.
enum Judged {
    /// This module has logged them in.
    LoggedIn(Verified),
    /// They were looked up.
    LookedUp(Admitted),
}

/// # Errors
/// [`LoginError::Skipped`] for users that the configuration leaves to the other
/// modules.
fn judge(
    transaction: &mut Transaction<'_>,
    config: &Config,
    call: &mut Call,
) -> Result<Judged, LoginError> {
    let deadline = Deadline::after(config.login_timeout);
    let name = transaction.user_item();
    let mark = match &name {
        UserName::Possible(user) => {
            transaction.kept_proof(&login::subject(config, &call.service, user))
        }
        UserName::Impossible(_) => None,
    };
    let rules = match (&mark, &config.account) {
        (None, None) => return Err(LoginError::Skipped(NOBODY_LOOKED_UP)),
        (_, rules) => rules.as_ref(),
    };
    let (user, status) = call.user(name, &config.user)?;
    let is_account = match status {
        AccountStatus::Person => true,
        AccountStatus::NoAccount => false,
        AccountStatus::LeftAlone { reason, .. } => return Err(LoginError::Skipped(reason)),
        AccountStatus::OtherSpelling => return Err(LoginError::ImpossibleName(OTHER_SPELLING)),
    };
    match (mark, rules) {
        (Some(proof), _) => Ok(Judged::LoggedIn(proof)),
        _ if !is_account && config.user.require_account => Err(LoginError::UnknownAccount),
        (None, None) => Err(LoginError::Skipped(NOBODY_LOOKED_UP)),
        (None, Some(rules)) => {
            let name = account_status::name_in_authentik(&user, &config.user)?;
            let local = user.as_str();
            let context = call.context(transaction, is_account.then(|| user.clone()));
            let trace = call.audit.trace(config.debug);
            let mut transport =
                HttpsTransport::for_lookup(config, &rules.token_file, &context, deadline, trace)?;
            let account = BoundAccount {
                name: local,
                rule: config.user.bind,
            };
            match look_up(&mut transport, &name, config, &account) {
                Err(LoginError::NotInAuthentik) => {
                    Err(nobody_with_the_name(rules.unknown, account.bound()?))
                }
                Err(LoginError::Unavailable(proof)) => Err(match rules.on_unavailable {
                    Fallback::Ignore => LoginError::LookupSkipped(proof),
                    Fallback::Deny => LoginError::LookupFailed(proof.fault().clone()),
                }),
                // A doubt is no reason to let anyone in.
                Err(LoginError::Server { fault, .. }) => Err(LoginError::LookupFailed(fault)),
                result => result.map(Judged::LookedUp),
            }
        }
    }
}

/// What it means that authentik has nobody with the account's name. An account that is
/// `bound` belongs to a person who was renamed or removed: it is not an account of this
/// host alone.
fn nobody_with_the_name(unknown: Fallback, bound: Option<Uid>) -> LoginError {
    match (bound, unknown) {
        (Some(bound), _) => LoginError::AnotherPerson {
            bound: bound.to_string(),
            actual: None,
        },
        (None, Fallback::Ignore) => {
            LoginError::Skipped("authentik knows nobody with this name ([account] unknown)")
        }
        (None, Fallback::Deny) => LoginError::NotInAuthentik,
    }
}

/// Looks `name` up in authentik, and applies the configuration to the user found. The
/// `account` of this host must not belong to another person.
///
/// # Errors
/// Everything that is in doubt, or a reason to refuse them.
pub fn look_up(
    transport: &mut dyn Transport,
    name: &str,
    config: &Config,
    account: &BoundAccount<'_>,
) -> Result<Admitted, LoginError> {
    let person = find(transport, name)?;
    if !person.is_active {
        return Err(LoginError::Deactivated);
    }
    if !config
        .user
        .types
        .iter()
        .any(|kind| kind.as_str() == person.kind)
    {
        return Err(LoginError::AccountType {
            actual: text::one_line(&person.kind, 40),
        });
    }
    let membership = match config.access.groups() {
        Some(wanted) => membership(transport, person.groups_obj, wanted)?,
        None => Membership::None(String::new()),
    };
    let admitted = access::admit(&membership, &config.access)?;
    account.compare(person.uid.as_deref())?;
    Ok(admitted)
}

/// The `uid` of the person with this name in authentik, active or not and in any group; `None`
/// if authentik returns none.
///
/// # Errors
/// Every doubt.
pub fn uid_of(transport: &mut dyn Transport, name: &str) -> Result<Option<String>, LoginError> {
    find(transport, name).map(|person| person.uid)
}

#[derive(Deserialize)]
struct Page {
    pagination: Object<Pagination>,
    results: Vec<Object<Person>>,
}

#[derive(Deserialize)]
struct Pagination {
    count: u64,
}

#[derive(Deserialize)]
struct Person {
    username: String,
    is_active: bool,
    #[serde(rename = "type")]
    kind: String,
    groups_obj: Vec<Object<GroupEntry>>,
    #[serde(default)]
    uid: Option<String>,
}

/// A group in a list of a person's, or asked for by its UUID.
///
/// 2025.10 gives each at most one `parent`, in both places; 2025.12 and later several
/// `parents`, and only to who asks for the group itself.
#[derive(Deserialize)]
struct GroupEntry {
    name: String,
    pk: String,
    /// `None` if the field is missing, which is not the same as null.
    #[serde(default, deserialize_with = "said")]
    parent: Option<Option<String>>,
    #[serde(default)]
    parent_name: Option<String>,
    #[serde(default)]
    parents: Option<Vec<String>>,
}

fn said<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn find(transport: &mut dyn Transport, name: &str) -> Result<Person, LoginError> {
    let path = format!("/api/v3/core/users/?username={}", percent_encoded(name));
    let page: Page = ask(transport, &path, VIEW_USER)?;
    let (Object(pagination), results) = (page.pagination, page.results);
    if results.is_empty() && pagination.count == 0 {
        return Err(nobody_of_this_name(transport));
    }
    let mut found = results
        .into_iter()
        .map(|Object(person)| person)
        .filter(|person| person.username == name);
    // The answer has another user, or two users: that is not the same as none.
    match (found.next(), found.next()) {
        (Some(person), None) => Ok(person),
        _ => Err(unexpected_answer(
            "it names another user than the requested one, or several",
        )),
    }
}

/// What an empty list of users means. An outpost's token is not a token for lookups:
/// authentik answers it with empty lists, not with 403.
fn nobody_of_this_name(transport: &mut dyn Transport) -> LoginError {
    #[derive(Deserialize)]
    struct All {
        pagination: Object<Pagination>,
    }
    match ask::<All>(transport, "/api/v3/core/users/?page_size=1", VIEW_USER) {
        Ok(All { pagination }) if pagination.0.count == 0 => LoginError::LookupSeesNobody,
        Ok(_) => LoginError::NotInAuthentik,
        Err(error) => error,
    }
}

/// Whether a person whose direct groups are `direct` is in one of `wanted`. Ancestors
/// count, as users/me counts them for a login. Groups are requested only while none of
/// the known ones is wanted.
fn membership(
    transport: &mut dyn Transport,
    direct: Vec<Object<GroupEntry>>,
    wanted: &[String],
) -> Result<Membership, LoginError> {
    let mut search = Search::default();
    for Object(entry) in direct {
        search.add_listed(entry);
    }
    let mut ancestors = 0_usize;
    loop {
        let membership = Membership::of(&search.known, wanted);
        if membership == Membership::Member {
            return Ok(membership);
        }
        let above = search.above.pop();
        let is_ancestor = above.is_some();
        let Some(uuid) = above.or_else(|| search.unlisted.pop()) else {
            return Ok(membership);
        };
        if search.visited.contains(&uuid) {
            continue;
        }
        if !is_uuid(&uuid) {
            return Err(unexpected_answer("a group's key is no UUID"));
        }
        ancestors = ancestors.saturating_add(usize::from(is_ancestor));
        if ancestors > MAX_ANCESTORS {
            return Err(unexpected_answer(
                "the user's groups have too many groups above them",
            ));
        }
        let path = format!("/api/v3/core/groups/{uuid}/?include_users=false");
        let entry: GroupEntry = ask(transport, &path, VIEW_GROUP)?;
        if !entry.pk.eq_ignore_ascii_case(&uuid) {
            return Err(unexpected_answer(
                "it shows another group than the requested one",
            ));
        }
        search.visited.insert(uuid);
        search.add(entry);
    }
}

/// The groups that are known, and those that are still to be requested, by their UUIDs.
#[derive(Default)]
struct Search {
    known: Vec<Group>,
    /// The user's own groups whose parents the list does not name.
    unlisted: Vec<String>,
    /// Parents of known groups.
    above: Vec<String>,
    visited: BTreeSet<String>,
}

impl Search {
    /// Adds a group of the user's own list.
    fn add_listed(&mut self, entry: GroupEntry) {
        if entry.parents.is_none() && entry.parent.is_none() {
            self.unlisted.push(entry.pk.clone());
        } else {
            self.visited.insert(entry.pk.clone());
        }
        self.add(entry);
    }

    fn add(&mut self, entry: GroupEntry) {
        let parent = entry.parent.flatten();
        let parents = entry.parents.into_iter().flatten();
        self.above.extend(parent.clone().into_iter().chain(parents));
        if let (Some(pk), Some(name)) = (parent, entry.parent_name) {
            self.known.push(Group { name, pk });
        }
        self.known.push(Group {
            name: entry.name,
            pk: entry.pk,
        });
    }
}

fn ask<T: for<'a> Deserialize<'a>>(
    transport: &mut dyn Transport,
    path: &str,
    permission: &'static str,
) -> Result<T, LoginError> {
    read(&transport.get(path)?, permission)
}

fn read<T: for<'a> Deserialize<'a>>(
    answer: &Answer,
    permission: &'static str,
) -> Result<T, LoginError> {
    match answer.status {
        _ if answer.is_starting => Err(ServerFault::NotReady.into()),
        200 if answer.is_json => serde_json::from_slice(&answer.body)
            .map(|Object(read)| read)
            .map_err(|_| unexpected_answer("a field is missing, repeated, or of a wrong type")),
        200 => Err(unexpected_answer(
            "its Content-Type is not application/json",
        )),
        status @ (401 | 403) => Err(LoginError::LookupForbidden { status, permission }),
        301..=399 => Err(unexpected_answer("it redirects")),
        _ => Err(answer.fault_of_status().into()),
    }
}

fn unexpected_answer(problem: &str) -> LoginError {
    ServerFault::UnexpectedAnswer(problem.into()).into()
}

#[cfg(test)]
mod tests;
