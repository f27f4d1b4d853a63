//! Groups, applications and types of accounts.

use super::{Row, row};

pub(super) fn rows() -> Vec<Row> {
    let group = |what, person| row("group", what, "password", person).password();
    let app = |what, person| row("application", what, "password", person).password();
    let none = "none of the groups";
    let closed = "is not open to the user";
    vec![
        group("a member", "ann").access("groups = [\"<group:admins>\"]"),
        group("a member of a group above", "ann").access("groups = [\"<group:grand>\"]"),
        group("a member of a group below", "frank").access("groups = [\"<group:admins>\"]"),
        group("a member of a group two below", "frank").access("groups = [\"<group:grand>\"]"),
        group("not a member", "bob")
            .access("groups = [\"<group:admins>\"]")
            .gives("PAM_PERM_DENIED", none),
        group("a member of the group above alone", "ann")
            .access("groups = [\"<group:child>\"]")
            .gives("PAM_PERM_DENIED", none),
        group("one of two", "ann").access("groups = [\"<group:others>\", \"<group:admins>\"]"),
        group("by its UUID", "ann").access("groups = [\"<uuid:admins>\"]"),
        group("by the UUID of another", "ann")
            .access("groups = [\"<uuid:others>\"]")
            .gives("PAM_PERM_DENIED", none),
        group("one that does not exist", "ann")
            .access("groups = [\"no-such-group-here\"]")
            .gives("PAM_PERM_DENIED", none),
        app("open to everybody", "bob").access("application = \"<app:open>\""),
        app("for a group, a member", "ann").access("application = \"<app:by-group>\""),
        app("for a group, a member of one below", "frank")
            .access("application = \"<app:by-group>\""),
        app("for a group, not a member", "bob")
            .access("application = \"<app:by-group>\"")
            .gives("PAM_PERM_DENIED", closed),
        app("for a person", "bob").access("application = \"<app:by-user>\""),
        app("for another person", "ann")
            .access("application = \"<app:by-user>\"")
            .gives("PAM_PERM_DENIED", closed),
        app("a policy that passes", "bob").access("application = \"<app:by-yes>\""),
        app("a policy that does not pass", "ann")
            .access("application = \"<app:by-no>\"")
            .gives("PAM_PERM_DENIED", closed),
        app("one of two is enough", "ann").access("application = \"<app:by-any>\""),
        app("both are needed, and there", "ann").access("application = \"<app:by-all>\""),
        app("both are needed, the group is missing", "bob")
            .access("application = \"<app:by-all>\"")
            .gives("PAM_PERM_DENIED", closed),
        app("both are needed, the policy is missing", "ann")
            .access("application = \"<app:by-all-no>\"")
            .gives("PAM_PERM_DENIED", closed),
        app("one that does not exist", "ann")
            .access("application = \"no-such-application-here\"")
            .gives("PAM_SERVICE_ERR", "no application with the slug"),
        app("with a group, both", "ann")
            .access("groups = [\"<group:admins>\"]\napplication = \"<app:by-group>\""),
        app("with a group, the application alone", "bob")
            .access("groups = [\"<group:admins>\"]\napplication = \"<app:open>\"")
            .gives("PAM_PERM_DENIED", none),
        row("type", "external", "password", "extern")
            .password()
            .gives("PAM_PERM_DENIED", "external"),
        row(
            "type",
            "external, which the host allows",
            "password",
            "extern",
        )
        .section("[user]\ntypes = [\"internal\", \"external\"]")
        .password(),
        row("type", "service account", "password", "robot")
            .password()
            .gives("PAM_PERM_DENIED", "service_account"),
    ]
}
