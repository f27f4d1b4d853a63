//! The stack that pam-auth-update(8) builds from the package's profile and that of pam_unix.

use std::path::Path;

/// The line of Debian's own profile `unix`.
const UNIX: &str = "[success=end default=ignore]\tpam_unix.so nullok try_first_pass";

/// A service's stack with the primary block of `common-auth`.
pub(crate) fn stack() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/deb/pam-configs");
    let profile = std::fs::read_to_string(&path).expect("packaging/deb/pam-configs");
    let mut lines = first_lines(&profile);
    lines.push(UNIX.to_owned());
    let count = lines.len();
    let mut text = String::new();
    for (index, line) in lines.into_iter().enumerate() {
        // `end` jumps over the rest of the block and over pam_deny.
        let jump = (count - index).to_string();
        text.push_str(&format!(
            "auth {}\n",
            line.replace("=end", &format!("={jump}"))
        ));
    }
    text + "auth requisite pam_deny.so\nauth required pam_permit.so\n\
            account required pam_unix.so\nsession required pam_unix.so\n"
}

/// The lines below `Auth-Initial:`, for the profile with the highest priority.
fn first_lines(profile: &str) -> Vec<String> {
    profile
        .lines()
        .skip_while(|line| *line != "Auth-Initial:")
        .skip(1)
        .take_while(|line| line.starts_with('\t'))
        .map(|line| line.trim().to_owned())
        .collect()
}

#[test]
fn jumps_lead_past_pam_deny() {
    // An ordinary user may not be able to read the checkout.
    pam_harness::require_root!();
    let text = stack();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[3].starts_with("auth [success=2 "), "{text}");
    assert!(lines[3].ends_with("pam_authentik_flow.so"), "{text}");
    assert!(lines[4].starts_with("auth [success=1 "), "{text}");
    assert!(lines[5].ends_with("pam_deny.so"), "{text}");
}
