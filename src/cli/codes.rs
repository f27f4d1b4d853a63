//! What the module's PAM codes mean, for people.

/// The meaning of a code by its name, as in docs/troubleshoot.md.
pub(crate) fn meaning(code: &str) -> &'static str {
    match code {
        "PAM_SUCCESS" => "the login is proved",
        "PAM_AUTH_ERR" => {
            "a wrong or empty secret; nobody or somebody else was logged in; or authentik failed after something was typed"
        }
        "PAM_PERM_DENIED" => "authentik knows the person, and they may not use this host",
        "PAM_MAXTRIES" => "too many wrong answers",
        "PAM_IGNORE" => {
            "the configuration leaves this user alone: the other modules of the stack decide"
        }
        "PAM_USER_UNKNOWN" => "this host has no such account, or no account can have that name",
        "PAM_AUTHINFO_UNAVAIL" => {
            "authentik cannot be reached or is broken, before anything was typed"
        }
        "PAM_SERVICE_ERR" => {
            "the configuration is missing or wrong, there is no such flow, or a stage cannot be done in a terminal"
        }
        "PAM_SYSTEM_ERR" => "this host failed: memory, descriptors, the account database",
        "PAM_CONV_ERR" => "nobody answered, or the login was interrupted",
        "PAM_ABORT" => "a defect in the module",
        _ => "see pam(3)",
    }
}
