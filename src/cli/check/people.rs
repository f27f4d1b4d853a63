//! Whether authentik knows the groups of `[access]` and the people of this host. This
//! needs the token of `[account]`.

use pam_authentik_flow::access::is_uuid;
use pam_authentik_flow::account_status;
use pam_authentik_flow::config::Config;
use pam_authentik_flow::error::LoginError;
use pam_authentik_flow::http::{HttpsTransport, Transport};
use pam_authentik_flow::login_context::percent_encoded;
use pam_authentik_flow::text;
use serde::Deserialize;

use super::Way;
use crate::cli::remedy::of_config;
use crate::cli::report::{Measure, Report};

/// At most this many users are looked up, because each costs a request.
pub(super) const MAX_PEOPLE: usize = 200;
/// `nobody`, and the highest uid of an account.
const NOBODY: u32 = 65534;

/// Looks up groups and people if there is a token.
pub(super) fn look(report: &mut Report, way: &Way<'_>, mut is_new: impl FnMut(&str, &str) -> bool) {
    let config = way.config;
    let mut wanted = config.access.groups().unwrap_or_default().to_vec();
    wanted.retain(|group| is_new("group", group));
    let wants_people = is_new("people", "");
    if wanted.is_empty() && !wants_people {
        return;
    }
    let mut transport = match way.lookup() {
        Some(Ok(transport)) => transport,
        Some(Err(error)) => {
            let (found, remedy) = of_config(&error);
            report.wrong("token.wrong", found, remedy);
            return;
        }
        None => {
            report.unknown(
                "people.no-token",
                format!(
                    "no token for {}: groups and local users are not looked up",
                    way.setup.service
                ),
                Some("to look them up, set [account] token_file and services; see pam_authentik_flow.toml(5)".into()),
            );
            return;
        }
    };
    if sees_nobody(report, config, &mut transport) {
        return;
    }
    groups(report, &wanted, &mut transport);
    if wants_people {
        people(report, config, &mut transport);
    }
}

#[derive(Deserialize)]
struct Page {
    pagination: Pagination,
}

#[derive(Deserialize)]
struct Pagination {
    count: u64,
}

/// The result of a look-up.
enum Found {
    Count(u64),
    Forbidden(u16),
    Failed(String),
}

fn count(transport: &mut HttpsTransport, path: &str) -> Found {
    match transport.get(path) {
        Ok(answer) => match answer.status {
            200 => match serde_json::from_slice::<Page>(&answer.body) {
                Ok(page) => Found::Count(page.pagination.count),
                // A single object, requested by its primary key.
                Err(_) if answer.is_json => Found::Count(1),
                Err(_) => Found::Failed("the answer is not JSON".into()),
            },
            404 => Found::Count(0),
            status @ (401 | 403) => Found::Forbidden(status),
            status => Found::Failed(format!("HTTP {status}")),
        },
        Err(error) => Found::Failed(error.fault().to_string()),
    }
}

/// Whether authentik shows this token only empty lists, as it does for an outpost's.
/// Then lists of groups and people prove nothing.
fn sees_nobody(report: &mut Report, config: &Config, transport: &mut HttpsTransport) -> bool {
    let found = count(transport, "/api/v3/core/users/?page_size=1");
    let accepted = match found {
        Found::Count(people) => Some(people > 0),
        Found::Forbidden(_) => Some(false),
        Found::Failed(_) => None,
    };
    if let Some(accepted) = accepted {
        report.measure_of_server(
            Measure::LookupTokenAccepted,
            &config.url.to_string(),
            accepted,
        );
    }
    let blind = matches!(found, Found::Count(0));
    if blind {
        report.wrong(
            "token.sees-nobody",
            LoginError::LookupSeesNobody.to_string(),
            "put that account's token into the file; with this one, the module refuses everybody who comes with an SSH key",
        );
    }
    blind
}

fn groups(report: &mut Report, wanted: &[String], transport: &mut HttpsTransport) {
    let mut known = Vec::new();
    for group in wanted {
        let path = match is_uuid(group) {
            true => format!("/api/v3/core/groups/{group}/?include_users=false"),
            false => format!(
                "/api/v3/core/groups/?name={}&include_users=false",
                percent_encoded(group)
            ),
        };
        let shown = text::one_line(group, 80);
        match count(transport, &path) {
            Found::Count(0) => report.wrong(
                "groups.missing",
                format!("authentik has no group {shown:?}: it lets nobody in"),
                "create it, or correct [access] groups: names are compared letter by letter",
            ),
            Found::Count(1) => known.push(shown),
            Found::Count(several) => report.wrong(
                "groups.ambiguous",
                format!(
                    "authentik has {several} groups {shown:?}: the module refuses a member of two of them"
                ),
                "write the UUID of the one you mean, from the address of its page",
            ),
            Found::Forbidden(status) => {
                report.unknown(
                    "groups.forbidden",
                    format!("HTTP {status}: the token may not look up groups"),
                    Some(
                        "to check this, give its account's role the permission authentik_core.view_group"
                            .into(),
                    ),
                );
                return;
            }
            Found::Failed(problem) => {
                report.unknown("groups.failed", problem, None);
                return;
            }
        }
    }
    if !known.is_empty() {
        report.ok(
            "groups.good",
            format!("authentik knows {}", known.join(", ")),
        );
    }
}

fn people(report: &mut Report, config: &Config, transport: &mut HttpsTransport) {
    let mut locals = local_people(config);
    let all = locals.len();
    locals.truncate(MAX_PEOPLE);
    let mut unknown = Vec::new();
    for local in &locals {
        let name = match account_status::name_in_authentik(local, &config.user) {
            Ok(name) => name,
            Err(LoginError::NameOfAnotherAccount) => {
                unknown.push(format!("{local} (in lower case another account's name)"));
                continue;
            }
            Err(LoginError::ShortName(reason)) => {
                unknown.push(format!("{local} ([user] domain: {reason})"));
                continue;
            }
            Err(error) => {
                report.unknown("local-users.failed", error.to_string(), None);
                return;
            }
        };
        let path = format!("/api/v3/core/users/?username={}", percent_encoded(&name));
        match count(transport, &path) {
            Found::Count(0) => unknown.push(local.clone()),
            Found::Count(_) => {}
            Found::Forbidden(status) => {
                let error = LoginError::LookupForbidden {
                    status,
                    permission: "authentik_core.view_user",
                };
                report.wrong(
                    "local-users.forbidden",
                    error.to_string(),
                    "use the token of a service account whose role has that permission; without it, the module refuses everybody who comes with an SSH key",
                );
                return;
            }
            Found::Failed(problem) => {
                report.unknown("local-users.failed", problem, None);
                return;
            }
        }
    }
    let more = match all.saturating_sub(locals.len()) {
        0 => String::new(),
        more => format!("; {more} more were not looked up"),
    };
    if unknown.is_empty() {
        report.ok(
            "local-users.good",
            format!(
                "authentik knows all {} from uid {} up{more}",
                locals.len(),
                config.user.min_uid
            ),
        );
    } else {
        report.warn(
            "local-users.unknown",
            format!("authentik does not know {}{more}", unknown.join(", ")),
            "create them there before anybody else takes the name; or, if they log in locally, name them in [user] ignore",
        );
    }
}

/// The accounts of /etc/passwd that the module asks authentik about.
fn local_people(config: &Config) -> Vec<String> {
    let rules = &config.user;
    let text = std::fs::read("/etc/passwd").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let uid: u32 = fields.nth(1)?.parse().ok()?;
            let shell = fields.nth(3).unwrap_or_default();
            let is_person = uid >= rules.min_uid
                && uid != 0
                && uid < NOBODY
                && !shell.ends_with("/nologin")
                && !shell.ends_with("/false");
            let is_ours = !rules.ignore.iter().any(|ignored| ignored == name)
                && rules
                    .allow
                    .as_ref()
                    .is_none_or(|allow| allow.iter().any(|allowed| allowed == name));
            (is_person && is_ours).then(|| name.to_owned())
        })
        .collect()
}
