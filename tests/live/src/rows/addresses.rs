//! An outpost, and the address that authentik sees. The office is 198.51.100.0/24.

use super::{Row, row};

const INSIDE: &str = "198.51.100.9";
const OUTSIDE: &str = "203.0.113.66";

pub(super) fn rows() -> Vec<Row> {
    let no = "does not apply to current user";
    let flow = |what| row("flow for the office", what, "office", "ann").outpost("outpost");
    let without = |what| row("flow for the office", what, "office", "ann").rhost(INSIDE);
    let app = |what| {
        row("application for the office", what, "password", "ann")
            .outpost("outpost")
            .access("application = \"<app:by-office>\"")
    };
    let required = |what| row("flow for an outpost", what, "outpost", "ann");
    let closed = "is not open to the user";
    vec![
        flow("from inside").rhost(INSIDE).password(),
        flow("from inside, as an IPv6 address")
            .rhost("::ffff:198.51.100.9")
            .password(),
        flow("from outside")
            .rhost(OUTSIDE)
            .gives("PAM_PERM_DENIED", no),
        flow("from outside by IPv6")
            .rhost("2001:db8::66")
            .gives("PAM_PERM_DENIED", no),
        flow("from a host with a name")
            .rhost("elsewhere.example")
            .gives("PAM_PERM_DENIED", no),
        flow("from the console")
            .rhost("")
            .gives("PAM_PERM_DENIED", no),
        without("without an outpost").gives("PAM_PERM_DENIED", no),
        without("with a token that nobody has given out")
            .outpost("bogus")
            .gives("PAM_PERM_DENIED", no),
        without("with the token of a service account")
            .outpost("api:nothing")
            .gives("PAM_PERM_DENIED", no),
        without("with a token of the person")
            .outpost("api:ann")
            .gives("PAM_PERM_DENIED", no),
        row(
            "login stage for the office",
            "from inside",
            "office-login",
            "ann",
        )
        .outpost("outpost")
        .rhost(INSIDE)
        .password(),
        row(
            "login stage for the office",
            "from outside",
            "office-login",
            "ann",
        )
        .outpost("outpost")
        .rhost(OUTSIDE)
        .password()
        .gives("PAM_AUTH_ERR", "nobody is logged in"),
        app("from inside").rhost(INSIDE).password(),
        app("from outside")
            .rhost(OUTSIDE)
            .password()
            .gives("PAM_PERM_DENIED", closed),
        app("from a host with a name")
            .rhost("elsewhere.example")
            .password()
            .gives("PAM_PERM_DENIED", closed),
        required("with one").outpost("outpost").password(),
        required("with one, from the console")
            .outpost("outpost")
            .rhost("")
            .password(),
        required("without one").gives("PAM_PERM_DENIED", no),
        required("with a token that nobody has given out")
            .outpost("bogus")
            .gives("PAM_PERM_DENIED", no),
        row(
            "session bound to its address",
            "with an outpost",
            "bound",
            "ann",
        )
        .outpost("outpost")
        .rhost(OUTSIDE)
        .access("groups = [\"<group:admins>\"]")
        .password(),
        row(
            "session bound to its address",
            "without an outpost",
            "bound",
            "ann",
        )
        .password(),
    ]
}
