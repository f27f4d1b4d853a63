//! May this person use this host?

use crate::config::AccessRules;
use crate::error::LoginError;
use crate::identity::Identity;

/// A login that is proved: the flow ended, a secret was accepted, the server
/// confirmed whose session it is, and that person may use this host.
///
/// Its field is private and only [`permit`] makes one, from an [`Identity`]
/// that only [`crate::identity::confirm`] makes. The one place that answers
/// `PAM_SUCCESS` to a login takes one.
#[must_use]
pub struct Verified(());

/// Applies the configuration's `[access]` to somebody whose identity is confirmed.
///
/// # Errors
/// [`LoginError::NotInGroup`].
pub fn permit(identity: &Identity, rules: &AccessRules) -> Result<Verified, LoginError> {
    let permitted = match rules {
        AccessRules::AnyUser => true,
        AccessRules::Groups(wanted) => identity
            .groups()
            .iter()
            .any(|group| wanted.contains(&group.name)),
    };
    if permitted {
        Ok(Verified(()))
    } else {
        Err(LoginError::NotInGroup)
    }
}
