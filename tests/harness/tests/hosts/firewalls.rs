//! A message of a firewall or a router does not count as a refusal by the server. Every local
//! user can cause it, by many connections or by filling the network.

use authentik_double::Double;
use pam_harness::host::{RealHost, configuration, packages, stacks};

use crate::case::LOCAL;
use crate::networks::Network;

const RULES: &str = "nft add table inet guard; \
    nft add chain inet guard input '{ type filter hook input priority 0; }'; \
    nft add rule inet guard input tcp dport 943";
/// A network with one neighbour that does not exist.
const NEIGHBOUR: &str = "ip link add near type veth peer name far; \
    ip address add 192.0.2.2/24 dev near; ip link set near up; ip link set far up";

#[test]
fn a_message_of_a_firewall_or_a_router_opens_nothing() {
    pam_harness::require_real_host!("su", "sudo", "ip");
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
    // The host has a network of its own, in which nobody listens at 127.0.0.1.
    let (network, host) = Network::make(|| builder.start());
    host.network(Some(&network.path()));
    let reject = format!("{RULES} reject with icmpx type port-unreachable");
    let drop = format!("nft flush ruleset; {RULES} drop");
    for (name, commands, address, opens) in [
        ("nobody listens", "true", "127.0.0.1", true),
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
        let made = host.output("root", &["sh", "-c", &format!("set -e; {commands}")]);
        assert!(made.status.success(), "{name}: {made:?}");
        for (caller, command) in [
            ("carol", "su alice -c 'echo in'"),
            ("alice", "sudo -k echo in"),
        ] {
            host.new_lines();
            let mut terminal = host.terminal(caller, &["sh", "-c", command]);
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
