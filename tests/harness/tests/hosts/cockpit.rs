//! Cockpit's `cockpit-session`, which asks PAM for its login page by the service
//! `cockpit`.

use crate::case::PASSWORD;
use authentik_double::Double;
use pam_harness::host::{RealHost, configuration};

const STACK: &str = "\
auth     required  pam_authentik_flow.so
account  required  pam_permit.so
session  required  pam_permit.so
";

/// What the page shows for a login with these answers, starting with the password.
fn page(host: &RealHost, user: &str, answers: &[&str]) -> String {
    let words = [&["python3", "/etc/cockpit.py", user], answers].concat();
    let output = host.output("root", &words);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn cockpit_asks_all_questions_and_shows_why_a_login_is_refused() {
    pam_harness::require_real_host!("python3");
    let packages = pam_harness::require_packages!("cockpit/cockpit-session", "cockpit-bridge");
    let double = Double::builder().without_pause().start();
    let host = RealHost::new(&double)
        .packages(&packages)
        .config(&configuration(&double, "linux-mfa"))
        .file("/etc/cockpit.py", include_str!("cockpit.py"), 0o644)
        .stack("cockpit", STACK)
        .start();

    let seen = page(&host, "zoe", &[PASSWORD, "1", "zoe000000000"]);
    assert!(
        seen.contains("prompt: Second factor:\n  1) recovery code\n"),
        "{seen}"
    );
    assert!(seen.contains("prompt: Recovery code: \n"), "{seen}");
    assert!(seen.ends_with("end: logged in \n"), "{seen}");
    // The page shows a text only with the next prompt, so the push has its own prompt.
    let seen = page(&host, "zoe", &[PASSWORD, "3", ""]);
    assert!(
        seen.contains("prompt: Press Enter, then approve the push"),
        "{seen}"
    );
    assert!(seen.ends_with("end: logged in \n"), "{seen}");

    let seen = page(&host, "zoe", &["wrong"]);
    assert_eq!(
        seen,
        "end: authentication-failed That password was not accepted.\n"
    );
    let lines = host.new_lines();
    let logins = lines
        .iter()
        .filter(|line| line.contains("cockpit:auth): PAM_SUCCESS: user=zoe"));
    assert_eq!(logins.count(), 2, "{lines:#?}");
}
