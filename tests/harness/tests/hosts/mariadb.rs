//! MariaDB's `auth_pam`, which asks the client for each prompt of the service `mariadb`.

use crate::case::PASSWORD;
use crate::qr::enrolling;
use authentik_double::Double;
use pam_harness::host::{RealHost, Terminal, configuration};
use std::time::{Duration, Instant};

const STACK: &str = "\
auth     required  pam_authentik_flow.so
account  required  pam_permit.so
";

/// A server that is used only for its logins.
const SERVER: &str = "\
mkdir -p /tmp/db /run/mysqld
chmod 4755 /usr/lib/mysql/plugin/auth_pam_tool_dir/auth_pam_tool
mariadb-install-db --no-defaults --user=root --datadir=/tmp/db --auth-root-authentication-method=normal \
  --skip-test-db >/tmp/install.log 2>&1 || { cat /tmp/install.log; exit 1; }
exec mariadbd --no-defaults --user=root --datadir=/tmp/db --socket=/tmp/db/sock --skip-networking --connect-timeout=120 \
  --plugin-dir=/usr/lib/mysql/plugin --plugin-load-add=auth_pam
";

const ACCOUNTS: &str = "\
CREATE USER alice IDENTIFIED VIA pam USING 'mariadb';
CREATE USER carol IDENTIFIED VIA pam USING 'mariadb';
";

fn client<'a>(user: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec![
        "mariadb",
        "--no-defaults",
        "--socket=/tmp/db/sock",
        "--user",
        user,
    ];
    words.extend(more);
    words
}

fn start(host: &RealHost) -> Terminal {
    let server = host.terminal("root", &["sh", "-c", SERVER]);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let made = host.output("root", &client("root", &["-e", ACCOUNTS]));
        if made.status.success() {
            return server;
        }
        assert!(Instant::now() < until, "{}\n{made:?}", server.transcript());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Its conversation function answers messages with a NULL array, and a message that is longer
/// than a prompt occurs: the QR code of an enrolment.
#[test]
fn mariadb_shows_what_an_enrolment_has_to_say() {
    pam_harness::require_real_host!();
    let packages =
        pam_harness::require_packages!("mariadbd", "mariadb", "mysql/plugin/auth_pam.so");
    let double = enrolling();
    let host = RealHost::new(&double)
        .packages(&packages)
        .config(&configuration(&double, "enrol"))
        .stack("mariadb", STACK)
        .start();
    let _server = start(&host);
    let mut terminal = host.terminal(
        "alice",
        &client("alice", &["-N", "-e", "SELECT CURRENT_USER()"]),
    );
    terminal.answer("Password:", PASSWORD);
    terminal.expect("First code from the app");
    let shown = terminal.transcript();
    let secret = shown
        .lines()
        .rev()
        .find_map(|line| line.split_once("Secret: "))
        .map(|(_, secret)| secret.trim().to_owned());
    let secret = secret.unwrap_or_else(|| panic!("no secret:\n{shown}"));
    terminal.send_secret(&double.totp_of_secret(&secret));
    let ended = terminal.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
    assert!(ended.transcript.contains("alice@%"), "{}", ended.transcript);
}

#[test]
fn mariadb_asks_the_client_for_password_and_code() {
    pam_harness::require_real_host!();
    let packages =
        pam_harness::require_packages!("mariadbd", "mariadb", "mysql/plugin/auth_pam.so");
    let double = Double::builder().without_pause().start();
    let host = RealHost::new(&double)
        .packages(&packages)
        .config(&configuration(&double, "linux-mfa"))
        .stack("mariadb", STACK)
        .start();
    let _server = start(&host);
    let who = ["-N", "-e", "SELECT CURRENT_USER()"];

    let mut terminal = host.terminal("carol", &client("carol", &who));
    terminal.answer("Password:", PASSWORD);
    // With the server's own connect_timeout of ten seconds it would have disconnected by now.
    terminal.expect("Authentication code:");
    std::thread::sleep(Duration::from_secs(12));
    terminal.send_secret("carol0000000");
    let ended = terminal.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
    assert!(ended.transcript.contains("carol@%"), "{}", ended.transcript);
    let lines = host.new_lines();
    assert!(
        lines
            .iter()
            .any(|line| line.contains("mariadb:auth): PAM_SUCCESS: user=carol")),
        "{lines:#?}"
    );

    let mut terminal = host.terminal("carol", &client("carol", &who));
    terminal.answer("Password:", "wrong");
    let ended = terminal.finish();
    assert_eq!(ended.status, 1, "{}", ended.transcript);
    assert!(
        !ended.transcript.contains("carol@%"),
        "{}",
        ended.transcript
    );
}
