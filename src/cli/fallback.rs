//! Stacks with a fallback for the time when authentik is unavailable, in programs where
//! this needs `addresses`.

use pam_authentik_flow::config::Config;

use std::path::Path;

use super::judge::Finding;
use super::report::Status;
use super::sandbox;
use super::stack::{Action, Code, Entry};

/// Services of set-uid programs. In these the module treats a server as unavailable
/// only if its addresses do not come from a resolver: see pam_authentik_flow(8).
const SETUID: [&str; 5] = ["sudo", "sudo-i", "su", "su-l", "doas"];

/// Whether a fallback of this service can never take effect, because its program is
/// set-uid and the configuration names no addresses.
pub(crate) fn is_without_effect(service: &str, config: &Config) -> bool {
    SETUID.contains(&service) && !config.has_fixed_addresses()
}

/// Findings about stacks and account rules with an exception for an unavailable
/// authentik.
pub(crate) fn findings(
    service: &str,
    auth: &[Entry],
    account: &[Entry],
    config: &Config,
) -> Vec<Finding> {
    if !SETUID.contains(&service) {
        return Vec::new();
    }
    let places = exceptions(auth, account, config);
    if is_without_effect(service, config) {
        return places
            .into_iter()
            .map(|place| without_addresses(service, &place))
            .collect();
    }
    let sandbox = (!places.is_empty()).then(|| sandbox::find(Path::new("/")));
    sandbox
        .flatten()
        .map(|program| beside_sandbox(&places.join(", "), &program))
        .into_iter()
        .collect()
}

/// The places that make an exception for an unavailable authentik.
fn exceptions(auth: &[Entry], account: &[Entry], config: &Config) -> Vec<String> {
    let mut places: Vec<String> = auth
        .iter()
        .filter(|entry| entry.is_ours() && goes_on(entry))
        .map(Entry::place)
        .collect();
    let ignores = config
        .account
        .as_ref()
        .is_some_and(|rules| rules.on_unavailable == pam_authentik_flow::config::Fallback::Ignore);
    if ignores && account.iter().any(Entry::is_ours) {
        places.push("[account] on_unavailable = \"ignore\"".into());
    }
    places
}

fn without_addresses(service: &str, place: &str) -> Finding {
    Finding {
        id: "stack.fallback-without-addresses",
        status: Status::Warning,
        what: format!(
            "{place}: in {service} this exception for an authentik that is down never applies: the caller can disturb the resolver, so it needs `addresses`, or an IP address in `url`, and no `proxy`"
        ),
        remedy:
            "write the server's own addresses into the configuration: addresses = [\"192.0.2.10\"]"
                .into(),
    }
}

/// The finding about a set-uid program whose caller can forge that authentik is down.
fn beside_sandbox(place: &str, program: &Path) -> Finding {
    let program = program.display();
    Finding {
        id: "stack.fallback-with-sandbox",
        status: Status::Warning,
        what: format!(
            "{place}: {program} is set-uid, and any user can use it to make a network in which authentik seems to be down: then the local password is enough here"
        ),
        remedy: format!(
            "chmod u-s {program}; or write restricted-network yes into firejail.config; or make no exception in this stack"
        ),
    }
}

/// Whether the stack continues after the module has returned `PAM_AUTHINFO_UNAVAIL`.
fn goes_on(entry: &Entry) -> bool {
    !matches!(
        entry.control.action(Code::AUTHINFO_UNAVAIL),
        Action::Die | Action::Bad
    )
}
