//! Names and passwords.

use super::{Act, Name, Row, row};

pub(super) fn rows() -> Vec<Row> {
    let plain = |what, person| row("password", what, "password", person);
    let combined = |what, person| row("password with the name", what, "combined", person);
    let invalid = "refused the password: \"Invalid password\"";
    let failed = "refused the password: \"Failed to authenticate.\"";
    vec![
        plain("right", "ann").password(),
        plain("wrong", "ann")
            .secret("nope")
            .gives("PAM_AUTH_ERR", invalid),
        plain("empty", "ann")
            .secret("")
            .gives("PAM_AUTH_ERR", "the password was empty"),
        plain("given up", "ann")
            .act(Act::Abort)
            .gives("PAM_CONV_ERR", ""),
        plain("a wrong one of the stack, then the right one", "ann")
            .preset("nope")
            .password(),
        plain("with blanks around it", "spacey").password(),
        plain("with blanks that are missing", "spacey")
            .secret("lead and trail")
            .gives("PAM_AUTH_ERR", invalid),
        plain("not ASCII", "umlaut").password(),
        plain("of 250 characters", "long").password(),
        plain("an app password", "ann").act(Act::AppPassword),
        plain("of an account that is not active", "off")
            .password()
            .gives("PAM_AUTH_ERR", invalid),
        plain("of a person that authentik does not know", "ann")
            .named(Name::OfTheHostAlone)
            .password()
            .gives("PAM_AUTH_ERR", invalid),
        plain("of a person that the host does not know", "ann")
            .named(Name::OfNobody)
            .password()
            .gives("PAM_USER_UNKNOWN", "(unknown)"),
        plain("a name with a capital letter", "ann")
            .named(Name::Capital)
            .password()
            .gives("PAM_AUTH_ERR", "another user"),
        plain("a name that the host lowers", "ann")
            .named(Name::Capital)
            .section("[user]\nlowercase = true")
            .password(),
        plain("a name with dots and dashes", "a.b-c_d").password(),
        plain("a name with a plus sign", "plus+tag").password(),
        plain("a name that the host ignores", "ann")
            .section("[user]\nignore = [\"<user:ann>\"]")
            // libpam gives no PAM_IGNORE to an application
            .gives("PAM_PERM_DENIED", "PAM_IGNORE"),
        plain("in German", "ann")
            .section("[prompt]\nlanguage = \"de\"")
            .password()
            .at("Passwort:"),
        row(
            "password",
            "an app password that the stage does not take",
            "own",
            "ann",
        )
        .act(Act::AppPassword)
        .gives("PAM_AUTH_ERR", invalid),
        row(
            "password",
            "an unknown name that the stage tells",
            "plain",
            "ann",
        )
        .named(Name::OfTheHostAlone)
        .gives("PAM_AUTH_ERR", "refused the user name"),
        row("password", "one try, which is wrong", "once", "wrong1")
            .secret("nope")
            .gives("PAM_MAXTRIES", "authentik ended the flow at the password"),
        row(
            "password",
            "wrong, and the flow starts again",
            "restart",
            "wrong2",
        )
        .secret("nope")
        .gives("PAM_AUTH_ERR", "went back to ak-stage-identification"),
        row(
            "password",
            "right where the flow could start again",
            "restart",
            "ann",
        )
        .password(),
        row(
            "password",
            "an e-mail address stands for the name",
            "email",
            "ann",
        )
        .section("[user]\nname = \"{user}@example.com\"")
        .password()
        .gives("PAM_AUTH_ERR", "another user"),
        combined("right", "ann").password(),
        combined("wrong", "ann")
            .secret("nope")
            .gives("PAM_AUTH_ERR", failed),
        combined("with blanks, which this stage cuts off", "spacey")
            .password()
            .gives("PAM_AUTH_ERR", failed),
        combined("not ASCII", "umlaut").password(),
        combined("an app password", "ann").act(Act::AppPassword),
        combined("of an account that is not active", "off")
            .password()
            .gives("PAM_AUTH_ERR", failed),
        combined("of a person that authentik does not know", "ann")
            .named(Name::OfTheHostAlone)
            .password()
            .gives("PAM_AUTH_ERR", failed),
    ]
}

impl Row {
    /// An earlier module of the stack has asked, and got this.
    fn preset(mut self, text: &'static str) -> Row {
        self.preset = Some(text);
        self.arguments = "config={config} try_first_pass";
        self
    }
}
