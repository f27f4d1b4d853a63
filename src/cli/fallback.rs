//! Stacks with a fallback for the time when authentik is unavailable, in programs where
//! this needs `addresses`, and a proof of the host's own network.

use nix::unistd::{Gid, geteuid, setfsgid};
use pam_authentik_flow::config::Config;
use pam_authentik_flow::sys::HostNetwork;

use super::judge::Finding;
use super::report::Status;
use super::stack::{Action, Code, Entry};

/// Services of set-uid programs. In these the module treats a server as unavailable
/// only if its addresses do not come from a resolver: see pam_authentik_flow(8).
const SETUID: [&str; 5] = ["sudo", "sudo-i", "su", "su-l", "doas"];

/// A group that owns no process 1.
const NOBODY: u32 = 65534;

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
    if places.is_empty() || !is_unproved_here() {
        return Vec::new();
    }
    vec![without_host_network(service, &places.join(", "))]
}

/// Whether a set-uid program that starts here could not prove that it is in the host's
/// network. Only root can tell.
fn is_unproved_here() -> bool {
    if !geteuid().is_root() {
        return false;
    }
    // su keeps its caller's group, so it sees less of process 1 than root does.
    let group = setfsgid(Gid::from_raw(NOBODY));
    let proof = HostNetwork::prove();
    setfsgid(group);
    proof.is_none()
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

/// The finding about a host on which nothing proves its own network.
fn without_host_network(service: &str, place: &str) -> Finding {
    Finding {
        id: "stack.fallback-without-host-network",
        status: Status::Warning,
        what: format!(
            "{place}: in {service} this exception for an authentik that is down never applies here: nothing proves that this is the host's own network, and not one that the caller has made"
        ),
        remedy: "run check outside a sandbox and in the network of process 1; in a container, process 1 must be systemd, and root needs CAP_SYS_PTRACE; otherwise keep the password of a local administrator"
            .into(),
    }
}

/// Whether the stack continues after the module has returned `PAM_AUTHINFO_UNAVAIL`.
fn goes_on(entry: &Entry) -> bool {
    !matches!(
        entry.control.action(Code::AUTHINFO_UNAVAIL),
        Action::Die | Action::Bad
    )
}
