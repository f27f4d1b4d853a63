//! A rate limiter that a user floods.

use super::programs::{Network, lets_in, lines_of, start, with_fallback};
use super::{NOT_IN_SETUID, PINNED};
use crate::case::LOCAL;
use crate::front::{free_port, start_nginx};
use crate::matrix::write_table;
use authentik_double::Double;
use pam_harness::host::{RealHost, configuration};
use std::fmt::Write;

/// nginx's `limit_req` answers 503 to everyone when one user floods it, without Retry-After.
const LIMIT: &str = "limit_req zone=clients burst=5 nodelay;";

/// Sends requests as fast as one process can until it is told to stop, and reports when the
/// limit is reached.
const FLOOD: &str = r#"
told=
for ((i = 0; i < 50000; i++)); do
    [ ! -e /tmp/stop ] || break
    exec 3<>/dev/tcp/127.0.0.1/PORT || exit 1
    printf 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
    read -r -t 5 line <&3
    exec 3>&-
    case $line in
    *' 503 '*) [ -n "$told" ] || { told=1; echo limited; } ;;
    esac
done
echo "asked $i times"
"#;

#[test]
fn a_rate_limiter_that_somebody_floods_opens_nothing_in_sudo_and_su() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo", "su", "bash");
    let packages = pam_harness::require_packages!("nginx");
    let double = Double::start();
    let host = with_fallback(RealHost::new(&double).packages(&packages)).start();
    let plain = free_port();
    let http = format!(
        "limit_req_zone $binary_remote_addr zone=clients:1m rate=6r/m;\n\
         server {{ listen 127.0.0.1:{plain}; {LIMIT} location / {{ proxy_pass {{authentik}}; }} }}"
    );
    let server = format!("    {LIMIT}\n    location / {{ proxy_pass {{authentik}}; }}");
    let url = start_nginx(&host, &double, &http, &server);
    let text = configuration(&double, "linux-login").replace(&double.url(), &url);
    host.config(&format!("{PINNED}{text}"));

    let script = FLOOD.replace("PORT", &plain.to_string());
    let mut flood = host.terminal("mallory", &["bash", "-c", &script]);
    flood.expect("limited");
    let mut table = String::new();
    for (program, code, expected) in [
        ("su", "PAM_AUTH_ERR", false),
        ("sudo", "PAM_AUTH_ERR", false),
        // Documented: outside set-uid programs such an answer counts.
        ("sshd", "PAM_AUTHINFO_UNAVAIL", true),
    ] {
        host.new_lines();
        let (is_in, seen) = lets_in(start(&host, program, Network::Machine), program, LOCAL);
        let log = lines_of(&host.new_lines(), program);
        assert!(log.contains("HTTP status 503"), "{program}: {seen}\n{log}");
        assert!(
            log.contains(&format!("auth): {code}: ")),
            "{program}: {seen}\n{log}"
        );
        assert_eq!(log.contains(NOT_IN_SETUID), !expected, "{program}: {log}");
        assert_eq!(is_in, expected, "{program}: {seen}\n{log}");
        let name = "nginx's limit_req, flooded, `addresses`";
        let result = if is_in {
            "in by the local password"
        } else {
            "not in"
        };
        let _ = writeln!(table, "{program:<6} {name:<44} {code:<20} {result}");
    }
    host.write("/tmp/stop", "");
    flood.expect("asked ");
    write_table("unavailable-flooded", &table);
}
