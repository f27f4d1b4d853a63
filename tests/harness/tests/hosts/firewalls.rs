//! A message of a firewall or a router does not count as a refusal by the server. Every local
//! user can cause it, by many connections or by filling the network.

use authentik_double::Double;
use pam_harness::host::{RealHost, configuration, packages, stacks};

use crate::case::LOCAL;

/// A separate network, in which nobody listens at 127.0.0.1.
const LOOPBACK: &str = "ip link set lo up";
const RULES: &str = "nft add table inet guard; \
    nft add chain inet guard input '{ type filter hook input priority 0; }'; \
    nft add rule inet guard input tcp dport 943";
/// A network with one neighbour that does not exist.
const NEIGHBOUR: &str = "ip link add near type veth peer name far; \
    ip address add 192.0.2.2/24 dev near; ip link set near up; ip link set far up";

#[test]
fn a_message_of_a_firewall_or_a_router_opens_nothing() {
    pam_harness::require_real_host!("su", "sudo", "unshare", "setpriv", "ip");
    let unpacked = match packages(&["nft"]) {
        Ok(unpacked) => unpacked,
        Err(reason) => pam_harness::skip!("{reason}"),
    };
    let double = Double::start();
    let mut builder = RealHost::new(&double)
        .packages(&unpacked)
        .local_password("alice");
    for service in ["sudo", "su"] {
        builder = builder.stack(service, &stacks::with_way(service, "authentik-fallback"));
    }
    let host = builder.start();
    let reject = format!("{LOOPBACK}; {RULES} reject with icmpx type port-unreachable");
    let drop = format!("{LOOPBACK}; {RULES} drop");
    for (name, network, address, opens) in [
        ("nobody listens", LOOPBACK, "127.0.0.1", true),
        ("a firewall rejects", &reject, "127.0.0.1", false),
        ("a firewall drops", &drop, "127.0.0.1", false),
        ("nobody answers ARP", NEIGHBOUR, "192.0.2.1", false),
    ] {
        let text =
            configuration(&double, "linux-login").replace(&double.url(), "https://localhost:943");
        // The kernel gives up an address resolution after three seconds.
        host.config(&format!(
            "addresses = [\"{address}\"]\nconnect_timeout = \"5s\"\n{text}"
        ));
        for (caller, command) in [
            ("carol", "su alice -c 'echo in'"),
            ("alice", "sudo -k echo in"),
        ] {
            host.new_lines();
            let id = host.uid(caller);
            let script = format!(
                "{network}; exec setpriv --reuid={id} --regid={id} --clear-groups {command}"
            );
            let mut terminal = host.terminal("root", &["unshare", "--net", "sh", "-c", &script]);
            let asked = terminal.expect_or_end(&["assword: ", "assword for "]);
            if asked.is_some() {
                terminal.send_secret(LOCAL);
            }
            let ended = terminal.finish();
            let log = host.new_lines().join("\n");
            let context = format!("{command}, {name}:\n{}\n{log}", ended.transcript);
            let code = match opens {
                true => "PAM_AUTHINFO_UNAVAIL",
                false => "PAM_AUTH_ERR",
            };
            assert!(log.contains(code), "{context}");
            assert_eq!(asked.is_some(), opens, "{context}");
            assert_eq!(ended.transcript.ends_with("in\n"), opens, "{context}");
        }
    }
}
