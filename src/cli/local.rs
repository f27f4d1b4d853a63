//! The accounts of this host, as far as a local way in goes by them.

use pam_authentik_flow::host::{Lookup, find_account};

/// The uid of an account of this host.
pub(crate) fn uid(name: &str) -> Option<u32> {
    match find_account(name) {
        Ok(Lookup::Account { uid }) => Some(uid),
        _ => None,
    }
}

/// Whether an account can log in with a local password. `None`: that cannot be
/// told from here, without root's rights or for an account of a directory.
pub(crate) fn has_password(name: &str) -> Option<bool> {
    let user = nix::unistd::User::from_name(name).ok()?;
    let Some(user) = user.filter(|user| user.name == name) else {
        return Some(false);
    };
    if user.passwd.to_bytes() != b"x" {
        return Some(is_usable(&user.passwd.to_string_lossy()));
    }
    let shadow = zeroize::Zeroizing::new(std::fs::read_to_string("/etc/shadow").ok()?);
    let mut fields = shadow
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    fields.next().map(is_usable)
}

/// Whether a field of passwd or shadow is a password: `!` and `*` lock one, and
/// an empty one lets in nobody whom sshd or sudo asks.
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
