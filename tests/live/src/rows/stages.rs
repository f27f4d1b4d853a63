//! The stages between the password and the login.

use super::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    let browser = "it needs a web browser";
    vec![
        row("consent", "yes", "consent", "ann")
            .password()
            .visible("y"),
        row("consent", "no", "consent", "ann")
            .password()
            .visible("n")
            .gives("PAM_AUTH_ERR", "declined"),
        row("consent", "Enter alone", "consent", "ann")
            .password()
            .visible("")
            .gives("PAM_AUTH_ERR", "declined"),
        row("dummy", "one", "dummy", "ann").password(),
        row("dummy", "between all stages", "dummies", "ann").password(),
        row("dummy", "one that fails", "error", "ann")
            .password()
            .gives("PAM_AUTH_ERR", "a flow error"),
        row("form", "every kind of field", "form", "ann")
            .password()
            .visible("OPS-7")
            .at("Ticket")
            .visible("")
            .at("Reason")
            .visible("45")
            .at("Minutes")
            .visible("yes")
            .at("I agree")
            .visible("2")
            .at("network"),
        row("form", "fields to read, and a date", "form-read", "ann")
            .password()
            .visible("2026-12-01")
            .at("build-7"),
        row(
            "form",
            "a date that does not exist, then one that does",
            "form-read",
            "ann",
        )
        .password()
        .visible("2026-02-30")
        .visible("2026-02-28"),
        row(
            "form",
            "an address that authentik refuses, then a right one",
            "form-mail",
            "ann",
        )
        .password()
        .visible("nowhere")
        .visible("ann@example.com")
        .at("Mail"),
        row("form", "no number, three times", "form-number", "ann")
            .password()
            .visible("a")
            .visible("b")
            .visible("c")
            .gives("PAM_MAXTRIES", "answers to ak-stage-prompt were wrong"),
        row(
            "login stage",
            "asks whether to stay signed in",
            "remember",
            "ann",
        )
        .password(),
        row(
            "login stage",
            "a session that ends by itself",
            "short",
            "brief",
        )
        .password(),
        row(
            "login stage",
            "a session of two hours, which is ended",
            "long",
            "ann",
        )
        .password(),
        row("login stage", "a session that is kept", "long", "keeper")
            .top("end_session = false")
            .keeping_its_session()
            .password(),
        row("deny", "with words", "deny", "ann")
            .password()
            .gives("PAM_PERM_DENIED", "Go away, please."),
        row("deny", "without words", "deny-silent", "ann")
            .password()
            .gives("PAM_PERM_DENIED", "authentik denied access"),
        row(
            "redirect",
            "to a web page, which is refused",
            "redirect",
            "ann",
        )
        .password()
        .gives("PAM_SERVICE_ERR", "skip_redirects"),
        row(
            "redirect",
            "to a web page, which is skipped",
            "redirect",
            "ann",
        )
        .section("[prompt]\nskip_redirects = true")
        .password(),
        row(
            "redirect",
            "behind the login, which is refused",
            "redirect-after",
            "ann",
        )
        .password()
        .gives("PAM_SERVICE_ERR", "skip_redirects"),
        row(
            "redirect",
            "behind the login, which is skipped",
            "redirect-after",
            "ann",
        )
        .section("[prompt]\nskip_redirects = true")
        .password(),
        row("captcha", "a stage of its own", "captcha", "ann").gives("PAM_SERVICE_ERR", browser),
        row("captcha", "with the name", "ident-captcha", "ann").gives("PAM_SERVICE_ERR", browser),
        row("query", "a flow for sudo, in sudo", "for-sudo", "ann")
            .service("sudo")
            .password(),
        row("query", "a flow for sudo, in sshd", "for-sudo", "ann")
            .gives("PAM_PERM_DENIED", "does not apply to current user"),
        row(
            "query",
            "a second factor that sudo need not show",
            "factor-for-others",
            "ann",
        )
        .service("sudo")
        .password(),
        row(
            "query",
            "a second factor that sshd must show",
            "factor-for-others",
            "ann",
        )
        .password()
        .gives("PAM_PERM_DENIED", "authentik denied access"),
        row(
            "query",
            "a flow for this module's User-Agent",
            "for-agent",
            "ann",
        )
        .password(),
    ]
}

impl Row {
    /// The session exists afterwards.
    fn keeping_its_session(mut self) -> Row {
        self.keeps_session = true;
        self
    }
}
