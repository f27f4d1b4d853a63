//! Users who came with a key, and passwd.

use pam_harness::Call;

use super::{Act, Name, Row, row};

const NEW: &str = "battery-staple-9-new";
const FLOW: &str = "[password]\nflow = \"<flow:change>\"";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = lookups();
    rows.extend(passwd());
    rows
}

fn lookups() -> Vec<Row> {
    let key = |what, person| {
        row("key", what, "password", person)
            .calls(&[Call::AcctMgmt])
            .access("groups = [\"<group:admins>\"]")
    };
    let found = |what, person| key(what, person).lookup("api:finder");
    let forbidden = "HTTP 403";
    vec![
        found("a member", "ann"),
        found("a member of a group below", "frank"),
        found("not a member", "bob").gives("PAM_PERM_DENIED", "none of the groups"),
        found("an account that is not active", "off").gives("PAM_ACCT_EXPIRED", "not active"),
        found("an external account", "extern").gives("PAM_PERM_DENIED", "external"),
        found("a service account", "robot").gives("PAM_PERM_DENIED", "service_account"),
        found("a person that authentik does not know", "ann")
            .named(Name::OfTheHostAlone)
            .gives("PAM_PERM_DENIED", "knows nobody with this name"),
        found("a name with a capital letter", "ann")
            .named(Name::Capital)
            .gives("PAM_PERM_DENIED", "knows nobody with this name"),
        key("a token without permissions", "ann")
            .lookup("api:nothing")
            .gives("PAM_SERVICE_ERR", forbidden),
        key("a token that nobody has given out", "ann")
            .lookup("bogus")
            .gives("PAM_SERVICE_ERR", forbidden),
        key("a token that may see people alone, a member", "ann").lookup("api:user-finder"),
        key(
            "a token that may see people alone, a member of a group below",
            "frank",
        )
        .lookup("api:user-finder")
        .only(|version| version >= (2025, 12, 0))
        .gives("PAM_SERVICE_ERR", forbidden),
        row(
            "key",
            "a login with a password before it",
            "password",
            "ann",
        )
        .lookup("api:finder")
        .access("groups = [\"<group:admins>\"]")
        .calls(&[Call::Authenticate, Call::AcctMgmt])
        .password(),
        row(
            "key",
            "an application, which only a login can ask for",
            "password",
            "ann",
        )
        .lookup("api:finder")
        .access("application = \"<app:open>\"")
        .calls(&[Call::AcctMgmt])
        .gives("PAM_PERM_DENIED", "in the session of a login"),
    ]
}

fn passwd() -> Vec<Row> {
    let passwd = |what, person| {
        row("passwd", what, "password", person)
            .service("passwd")
            .calls(&[Call::Chauthtok])
            .section(FLOW)
    };
    vec![
        passwd("changes the password", "passwd1")
            .password()
            .secret(NEW)
            .secret(NEW),
        row("passwd", "then the new one logs in", "password", "passwd1").secret(NEW),
        row("passwd", "then the old one does not", "password", "passwd1")
            .password()
            .gives("PAM_AUTH_ERR", "refused the password"),
        passwd("the old one is wrong", "passwd2")
            .secret("nope")
            .gives("PAM_AUTHTOK_RECOVERY_ERR", "refused the password"),
        passwd("too short at first", "passwd2")
            .password()
            .secret("short")
            .secret("short")
            .secret(NEW)
            .at("too short")
            .secret(NEW),
        passwd("two that differ at first", "passwd3")
            .password()
            .secret(NEW)
            .secret("another-staple-9")
            .secret(NEW)
            .secret(NEW),
        passwd("given up at the new one", "ann")
            .password()
            .act(Act::Abort)
            .gives("PAM_CONV_ERR", ""),
        row(
            "passwd",
            "then the password is still the old one",
            "password",
            "ann",
        )
        .password(),
        row("passwd", "a flow that does not exist", "password", "ann")
            .service("passwd")
            .calls(&[Call::Chauthtok])
            .section("[password]\nflow = \"no-such-flow-here\"")
            .password()
            .gives("PAM_SERVICE_ERR", "no flow with the slug"),
    ]
}
