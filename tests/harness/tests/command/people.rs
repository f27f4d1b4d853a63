//! `check` on data in authentik: applications, groups and users.

use authentik_double::{Access, Application, Group};

use crate::bench::Bench;
use crate::check::{FLOW, GROUPS, TOKEN, check, require_host, with_token};

#[test]
fn applications_and_groups() {
    require_host!();
    let bench = Bench::new();
    bench.config(FLOW, "application = \"no-such-app\"", "");
    check(
        &bench,
        "application-missing",
        1,
        &["no application", "[access] application"],
    );
    bench.double.world(|world| {
        world.add_application(Application::new("wide-open"));
        world.add_application(Application::new("bound").bind(Access::User("alice".into())));
    });
    bench.config(FLOW, "application = \"wide-open\"", "");
    check(
        &bench,
        "application-open",
        0,
        &["open to anybody", "bind to it the groups"],
    );

    let bench = with_token(FLOW, "groups = [\"linux-amdins\"]");
    check(
        &bench,
        "group-missing",
        1,
        &["no group \"linux-amdins\"", "letter by letter"],
    );
    bench.double.world(|world| {
        world.groups.push(Group::new("linux-admins"));
    });
    bench.config(FLOW, GROUPS, TOKEN);
    check(&bench, "group-twice", 1, &["2 groups", "write the UUID"]);
}

#[test]
fn tokens_and_people() {
    require_host!();
    let bench = with_token(FLOW, GROUPS);
    bench.token("plain-service-token");
    check(
        &bench,
        "token-forbidden",
        1,
        &["HTTP 403", "authentik_core.view_user"],
    );
    bench.token("outpost-token");
    check(
        &bench,
        "token-of-an-outpost",
        1,
        &["shows no user to the token", "that account's token"],
    );
    bench.write("account.token", "view-user-token", 0o644);
    check(
        &bench,
        "token-readable",
        1,
        &["read by others", "chmod 600"],
    );
    let bench = with_token(FLOW, GROUPS);
    bench.double.world(|world| world.remove_user("bob"));
    check(
        &bench,
        "local-user-unknown",
        0,
        &["does not know bob", "takes the name"],
    );
}
