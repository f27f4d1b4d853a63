//! Second factors: set up, used, used twice, mistyped.

use super::{Act, Row, row};

pub(super) fn rows() -> Vec<Row> {
    let one_try = "[prompt]\nattempts = 1";
    let app = |what, person| row("app", what, "set-up-totp", person).password();
    let factor = |what, person| row("second factor", what, "mfa", person).password();
    vec![
        app("is set up", "totp1").act(Act::SetUpApp),
        factor("a code of the app", "totp1").act(Act::Code),
        factor("the same code again", "totp1")
            .section(one_try)
            .act(Act::UsedCode)
            .gives("PAM_MAXTRIES", "attempts allows"),
        app("is set up, and the first code is wrong", "totp2")
            .secret("000000")
            .act(Act::SetUpApp),
        factor("a wrong code, then the right one", "totp2")
            .secret("000000")
            .act(Act::Code),
        row(
            "app",
            "is chosen from a menu and set up",
            "mfa-configure",
            "totp3",
        )
        .password()
        .act(Act::Choose("authenticator app"))
        .act(Act::SetUpApp),
        factor("a code in two groups", "totp3").act(Act::CodeInGroups),
        app("is set up by another person", "totp4").act(Act::SetUpApp),
        row(
            "second factor",
            "password and code in one answer",
            "mfa",
            "totp4",
        )
        .section("[prompt]\ncode_separator = \";\"")
        .act(Act::PasswordAndCode),
        factor("three wrong codes", "totp4")
            .secret("000000")
            .secret("000001")
            .secret("000002")
            .gives("PAM_MAXTRIES", "attempts allows"),
        app("is set up for the step before the password", "totp5").act(Act::SetUpApp),
        row("second factor", "before the password", "mfa-first", "totp5")
            .act(Act::Code)
            .password(),
        row("recovery codes", "are set up", "set-up-static", "codes1")
            .password()
            .visible(""),
        factor("a recovery code", "codes1").act(Act::Recovery(0)),
        factor("the same recovery code again", "codes1")
            .section(one_try)
            .act(Act::Recovery(0))
            .gives("PAM_MAXTRIES", "attempts allows"),
        factor("another recovery code", "codes1")
            .pause()
            .act(Act::Recovery(1)),
        factor("a wrong recovery code, then a right one", "codes1")
            .pause()
            .secret("aaaaaaaaaaaa")
            .act(Act::Recovery(2)),
        factor("the password again in the place of a code", "codes1")
            .section(one_try)
            .pause()
            .password()
            .gives("PAM_MAXTRIES", "attempts allows"),
        factor("given up at the code", "codes1")
            .act(Act::Abort)
            .gives("PAM_CONV_ERR", ""),
        row(
            "recovery codes",
            "are set up where nothing else is",
            "mfa-static",
            "codes2",
        )
        .password()
        .visible(""),
        factor("a recovery code that was set up on the way", "codes2").act(Act::Recovery(0)),
        row(
            "second factor",
            "a code without a password",
            "code-alone",
            "codes2",
        )
        .act(Act::Recovery(1)),
        row(
            "second factor",
            "of a class that the stage does not take",
            "mfa-totp",
            "codes2",
        )
        .password()
        .gives("PAM_PERM_DENIED", "authentik denied access"),
        row(
            "second factor",
            "of a class that the host does not take",
            "mfa",
            "codes2",
        )
        .section("[prompt]\nsecond_factor = [\"totp\"]")
        .password()
        .gives("PAM_SERVICE_ERR", ""),
        factor("none, where one is needed", "none")
            .gives("PAM_PERM_DENIED", "authentik denied access"),
        row(
            "second factor",
            "none, where none is needed",
            "mfa-skip",
            "none",
        )
        .password(),
        row(
            "second factor",
            "a wrong password before it",
            "mfa",
            "codes2",
        )
        .secret("nope")
        .gives("PAM_AUTH_ERR", "refused the password"),
        row(
            "security key",
            "to be set up where there is none",
            "key-set-up",
            "none",
        )
        .password()
        .gives("PAM_SERVICE_ERR", ""),
    ]
}

impl Row {
    /// After a wrong code authentik refuses every code for a moment.
    fn pause(mut self) -> Row {
        self.waits = true;
        self
    }
}
