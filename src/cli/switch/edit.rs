//! The module's line and its guards, and where they go.

use std::path::PathBuf;

use crate::cli::Refusal;
use crate::cli::stack::{Action, Entry, MODULE, Role};

/// Who skips the module, and what stands behind its name.
pub(super) struct Guard<'a> {
    pub(super) names: &'a [String],
    pub(super) config: Option<PathBuf>,
    pub(super) service: &'a str,
}

/// Modules that ask for a local or a directory's password.
const PASSWORD: [&str; 9] = [
    "pam_unix.so",
    "pam_tcb.so",
    "pam_pwdfile.so",
    "pam_userdb.so",
    "pam_systemd_home.so",
    "pam_sss.so",
    "pam_ldap.so",
    "pam_krb5.so",
    "pam_winbind.so",
];

/// `text` with the lines in front of the one that brings the first password,
/// whether it names the module itself or includes a file that does.
///
/// # Errors
/// A stack that asks for no password, and one in which a line jumps over the place.
pub(super) fn insert(text: &str, auth: &[Entry], guard: &Guard<'_>) -> Result<String, Refusal> {
    let first = auth
        .iter()
        .find(|entry| entry.role == Role::Module && PASSWORD.contains(&entry.name()))
        .ok_or(
            "its stack asks for no local password, so no local way in would remain; write the lines by hand, as pam_authentik_flow(8) has them",
        )?;
    if let Some(jump) = jump_over(auth, first.own_line) {
        return Err(format!(
            "line {} of {} jumps over the place of the module's lines, and would land among them; write the lines by hand, and count its jump anew",
            jump.line,
            jump.file.display()
        ));
    }
    let names = guard.names.join(":");
    let config = match &guard.config {
        Some(path) => format!(" config={}", path.display()),
        None => String::new(),
    };
    let service = guard.service;
    let added = [
        format!("# By authentik-flow enable; authentik-flow disable {service} takes it back."),
        format!(
            "auth  [success=2 default=ignore]                pam_succeed_if.so quiet user in {names}"
        ),
        // sshd asks for credentials on a handle of its own, where pam_succeed_if
        // says nothing: this one says yes, and leaves the module out, for a
        // module that is missing would keep out root as well. It knows nobody in
        // /dev/null, so it never counts at a login.
        "auth  [success=1 default=ignore]                pam_localuser.so file=/dev/null"
            .to_owned(),
        format!("auth  [success=done default=die ignore=ignore]  {MODULE}{config}"),
    ];
    let ahead = first.own_line.saturating_sub(1);
    let mut after = String::with_capacity(text.len().saturating_add(400));
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if index == ahead {
            for line in &added {
                after.push_str(line);
                after.push('\n');
            }
        }
        after.push_str(line);
    }
    Ok(after)
}

/// A module in front of line `own_line` that a result leads over that line: with
/// lines more there it would lead to another module than before.
fn jump_over(auth: &[Entry], own_line: usize) -> Option<&Entry> {
    // What stands in a substack is not counted, nor can it lead out of there.
    let ahead: Vec<&Entry> = auth
        .iter()
        .filter(|entry| entry.level == 0 && entry.own_line < own_line)
        .collect();
    let far = |(index, entry): (usize, &&Entry)| {
        let between = ahead.len().saturating_sub(index.saturating_add(1));
        let longest = entry.control.actions().map(|action| match action {
            Action::Jump(over) if entry.role == Role::Module => over,
            _ => 0,
        });
        (longest.max() > Some(between)).then(|| ahead.get(index).copied())?
    };
    ahead.iter().enumerate().find_map(far)
}
