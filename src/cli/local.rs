//! The accounts of this host, and whether they can log in with a local password.

use pam_authentik_flow::host::{Lookup, find_account};

/// The uid of an account of this host.
pub(crate) fn uid(name: &str) -> Option<u32> {
    match find_account(name) {
        Ok(Lookup::Account { uid }) => Some(uid),
        _ => None,
    }
}

/// The lowest uid of a person: `UID_MIN` of `/etc/login.defs`, which pam_usertype reads.
pub(crate) fn first_person() -> u32 {
    let text = std::fs::read("/etc/login.defs").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let value = text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("UID_MIN")).then(|| words.next()?.parse().ok())?
    });
    value.unwrap_or(1000)
}

/// Whether an account can log in with a local password. `None` if that cannot be told:
/// without root's rights, or for an account of a directory.
pub(crate) fn has_password(name: &str) -> Option<bool> {
    let user = nix::unistd::User::from_name(name).ok()?;
    let Some(user) = user.filter(|user| user.name == name) else {
        return Some(false);
    };
    if user.passwd.to_bytes() != b"x" {
        return Some(is_usable(&user.passwd.to_string_lossy()));
    }
    shadow(name)?.first().map(|field| is_usable(field))
}

/// What follows an account's name in the shadow file.
fn shadow(name: &str) -> Option<Vec<zeroize::Zeroizing<String>>> {
    let text = zeroize::Zeroizing::new(std::fs::read_to_string("/etc/shadow").ok()?);
    let fields = text
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    Some(fields.map(|field| field.to_owned().into()).collect())
}

/// Why an account with a password cannot log in: it or its password has expired, or its
/// shell is no login shell.
pub(crate) fn kept_out(name: &str) -> Option<String> {
    let user = nix::unistd::User::from_name(name).ok().flatten()?;
    let shell = user.shell.to_string_lossy().into_owned();
    if shell.ends_with("/nologin") || shell.ends_with("/false") {
        return Some(format!(
            "its shell is {shell} (usermod -s /bin/bash {name})"
        ));
    }
    if !shell.is_empty() && !std::path::Path::new(&shell).exists() {
        return Some(format!(
            "its shell {shell} is not there (usermod -s /bin/bash {name})"
        ));
    }
    let fields = shadow(name)?;
    let days = |at: usize| -> Option<i64> { fields.get(at)?.parse().ok() };
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    let today = i64::try_from(now.as_secs() / 86_400).ok()?;
    if days(6).is_some_and(|end| end <= today) {
        return Some(format!("the account has expired (chage -E -1 {name})"));
    }
    // The day of the last change, the password's life in days, and the days of grace.
    let (last, most, inactive) = (days(1)?, days(3)?, days(5));
    if last == 0 {
        return Some(format!(
            "its password must be changed at the next login (passwd {name})"
        ));
    }
    let end = last.saturating_add(most);
    ((0..99_999).contains(&most) && end < today).then(|| match inactive {
        Some(_) => format!("its password has expired (passwd {name})"),
        None => {
            format!("its password is too old and must be changed at the next login (passwd {name})")
        }
    })
}

/// The names of an account's groups.
pub(crate) fn groups(name: &str) -> Vec<String> {
    let Some(user) = nix::unistd::User::from_name(name).ok().flatten() else {
        return Vec::new();
    };
    let Ok(c_name) = std::ffi::CString::new(name) else {
        return Vec::new();
    };
    let ids = nix::unistd::getgrouplist(&c_name, user.gid).unwrap_or_default();
    ids.into_iter()
        .filter_map(|id| nix::unistd::Group::from_gid(id).ok().flatten())
        .map(|group| group.name)
        .collect()
}

/// The accounts of `/etc/passwd`, each with its uid.
pub(crate) fn accounts() -> Vec<(String, u32)> {
    let text = std::fs::read("/etc/passwd").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            Some((name, fields.nth(1)?.parse().ok()?))
        })
        .collect()
}

/// Whether an account is in `/etc/passwd`. `None` if the file cannot be read.
pub(crate) fn is_in_passwd(name: &str) -> Option<bool> {
    let text = std::fs::read("/etc/passwd").ok()?;
    let text = String::from_utf8_lossy(&text);
    Some(
        text.lines()
            .any(|line| line.split(':').next() == Some(name)),
    )
}

/// The members of a group: those in its line, and the accounts of `/etc/passwd` with
/// this primary group.
pub(crate) fn members(group: &str) -> Vec<String> {
    let Some(group) = nix::unistd::Group::from_name(group).ok().flatten() else {
        return Vec::new();
    };
    let mut members = group.mem;
    for (name, _) in accounts() {
        let user = nix::unistd::User::from_name(&name).ok().flatten();
        if user.is_some_and(|user| user.gid == group.gid) && !members.contains(&name) {
            members.push(name);
        }
    }
    members
}

/// Whether a field of passwd or shadow is a usable password. `!` and `*` lock it; sshd
/// and sudo accept no empty one.
fn is_usable(field: &str) -> bool {
    !field.is_empty() && !field.starts_with(['!', '*'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locked_and_empty_passwords_are_none() {
        for locked in ["", "*", "!", "!!", "!$6$salt$hash", "*LK*"] {
            assert!(!is_usable(locked), "{locked:?}");
        }
        assert!(is_usable("$y$j9T$salt$hash") && is_usable("$6$salt$hash"));
        assert_eq!(has_password("no-such-account-here"), Some(false));
    }
}
