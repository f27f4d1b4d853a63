//! How programs show what this module says: the one place that knows them, by the PAM
//! service. docs/programs.md has the same for people, with how each was tried.

/// How one program shows what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Display {
    /// Whether what is not ASCII is escaped (`\303\251`) in the text that ends a login.
    pub escapes_refusals: bool,
}

impl Display {
    /// The display of the program that asks by `service`.
    #[must_use]
    pub fn of(service: &str) -> Self {
        Self {
            // OpenSSH's client writes this one text to its log.
            escapes_refusals: service.starts_with("ssh"),
        }
    }
}
