//! How a look-up reads authentik's answers: names, groups and their ancestors, types,
//! permissions.

use authentik_double::{Fault, Group, Match, Permission, Token, User, UserType, Version};
use serde_json::json;

use crate::account::{self, deep, expect, key, key_with};

const ADMINS: &str = "7cb3ed34-07b9-4aa3-afb1-d1ec626fa8e4";

#[test]
fn a_user_unknown_to_authentik_may_be_a_local_account() {
    pam_harness::require_isolation!();
    for (more, code, part) in [
        ("", "PAM_PERM_DENIED", "knows nobody with this name"),
        ("unknown = \"deny\"\n", "PAM_PERM_DENIED", "knows nobody"),
        // The login's line is silent, because other modules decide.
        ("unknown = \"ignore\"\n", "", ""),
        (
            "on_unavailable = \"ignore\"\n",
            "PAM_PERM_DENIED",
            "knows nobody",
        ),
    ] {
        let bench = account::bench(more);
        let outcome = key(&bench, "localadmin").run();
        if code.is_empty() {
            assert!(outcome.log().is_empty(), "{outcome}");
            assert_eq!(outcome.code(), "PAM_PERM_DENIED");
            let stack = "account required {module} {arguments}\naccount required pam_permit.so\n";
            let outcome = key(&bench, "localadmin").stack(stack).run();
            assert_eq!(outcome.code(), "PAM_SUCCESS", "{outcome}");
            // It is only for unknown users.
            let outcome = key(&bench, "dave").stack(stack).run();
            assert_eq!(outcome.code(), "PAM_ACCT_EXPIRED", "{outcome}");
        } else {
            expect(&outcome, code, part);
        }
    }
}

#[test]
fn ancestors_count_however_far_up() {
    pam_harness::require_isolation!();
    // Exactly as many requests for groups as are needed to find it.
    let lists_parents = Version::asked_for().lists_parents();
    for (depth, wanted, code, listed, unlisted) in [
        (1, "level-1", "PAM_SUCCESS", 0, 0),
        (2, "level-2", "PAM_SUCCESS", 0, 2),
        (3, "level-3", "PAM_SUCCESS", 1, 3),
        (6, "level-6", "PAM_SUCCESS", 4, 6),
        (6, "level-1", "PAM_SUCCESS", 0, 0),
        (6, "elsewhere", "PAM_PERM_DENIED", 5, 6),
        (60, "level-60", "PAM_PERM_DENIED", 32, 33),
    ] {
        let requests = if lists_parents { listed } else { unlisted };
        let bench = account::bench("").access(&format!("groups = [\"{wanted}\"]"));
        deep(&bench, depth);
        let outcome = key(&bench, "eve").run();
        expect(&outcome, code, "user=eve");
        let groups = bench
            .requests()
            .iter()
            .filter(|r| r.contains("/core/groups/"))
            .count();
        assert_eq!(groups, requests, "{depth} {wanted}");
        for request in bench.double.requests() {
            if request.path.contains("/core/groups/") {
                assert_eq!(request.query, "include_users=false");
            }
        }
    }
    // A group that is its own ancestor ends too.
    let bench = account::bench("").access("groups = [\"elsewhere\"]");
    deep(&bench, 4);
    bench.double.world(|world| {
        world.add_group(Group::new("level-4").parent("level-1"));
    });
    expect(
        &key(&bench, "eve").run(),
        "PAM_PERM_DENIED",
        "in none of the groups",
    );
    // A UUID counts as one step too.
    let bench = account::bench("").access(&format!("groups = [\"{ADMINS}\"]"));
    expect(&key(&bench, "frank").run(), "PAM_SUCCESS", "user=frank");
}

/// The limit is for what is above them. A directory may put people into hundreds.
#[test]
fn a_person_may_have_many_groups_of_their_own() {
    pam_harness::require_isolation!();
    for (wanted, code) in [
        ("above", "PAM_SUCCESS"),
        ("own-0", "PAM_SUCCESS"),
        ("elsewhere", "PAM_PERM_DENIED"),
    ] {
        let bench = account::bench("").access(&format!("groups = [\"{wanted}\"]"));
        bench.double.world(|world| {
            world.add_group(Group::new("above"));
            let mut eve = User::new("eve");
            for number in 0..100 {
                let name = format!("own-{number}");
                let group = Group::new(&name);
                world.add_group(match number {
                    50 => group.parent("above"),
                    _ => group,
                });
                eve = eve.group(&name);
            }
            world.add_user(eve);
        });
        let outcome = key(&bench, "eve").run();
        expect(&outcome, code, "user=eve");
    }
}

/// In 2026.8 groups have several parents, and only the group itself names them.
#[test]
fn ancestors_count_in_the_newer_form_too() {
    pam_harness::require_isolation!();
    let (a, b) = (
        "11111111-2222-3333-4444-555555555555",
        "66666666-7777-8888-9999-000000000000",
    );
    for (wanted, code) in [
        ("linux-admins", "PAM_SUCCESS"),
        ("other", "PAM_SUCCESS"),
        ("a", "PAM_SUCCESS"),
        ("none", "PAM_PERM_DENIED"),
    ] {
        let bench = account::bench("").access(&format!("groups = [\"{wanted}\"]"));
        let user = json!({
            "username": "eve", "is_active": true, "type": "internal",
            "groups_obj": [{"pk": a, "name": "a"}],
        });
        let page = json!({"pagination": {"count": 1}, "results": [user]});
        let group = |pk: &str, name: &str, parents: &[&str]| {
            let body = json!({"pk": pk, "name": name, "parents": parents, "parents_obj": null});
            Fault::on(Match::path(&format!("core/groups/{pk}"))).json(200, &body)
        };
        bench
            .double
            .inject(Fault::on(Match::path("core/users")).json(200, &page));
        bench.double.inject(group(a, "a", &[b, ADMINS]));
        bench.double.inject(group(b, "other", &[a]));
        expect(&key(&bench, "eve").run(), code, "user=eve");
    }
}

#[test]
fn a_token_that_may_not_look_is_a_mistake_of_the_configuration() {
    pam_harness::require_isolation!();
    for (token, user, code, part) in [
        (
            "no-such-token",
            "alice",
            "PAM_SERVICE_ERR",
            "authentik_core.view_user",
        ),
        (
            "plain-service-token",
            "alice",
            "PAM_SERVICE_ERR",
            "authentik_core.view_user",
        ),
        // An outpost's token gets empty lists, which do not make a user unknown.
        (
            "outpost-token",
            "alice",
            "PAM_SERVICE_ERR",
            "shows no user to the token of [account] token_file",
        ),
        // One permission is enough for groups and their parents …
        ("view-user-token", "alice", "PAM_SUCCESS", "user=alice"),
        ("view-user-token", "dave", "PAM_ACCT_EXPIRED", "not active"),
        ("view-user-token", "localadmin", "PAM_PERM_DENIED", "nobody"),
        ("view-user-token", "mallory", "PAM_PERM_DENIED", "external"),
        (
            "view-user-token",
            "frank",
            match Version::asked_for().lists_parents() {
                true => "PAM_SUCCESS",
                false => "PAM_SERVICE_ERR",
            },
            "user=frank",
        ),
        // … and another for further ancestors, and since 2025.12 for all ancestors.
        (
            "view-user-token",
            "eve",
            "PAM_SERVICE_ERR",
            "authentik_core.view_group",
        ),
    ] {
        for ignore in ["", "on_unavailable = \"ignore\"\nunknown = \"deny\"\n"] {
            let bench = account::bench(ignore);
            deep(&bench, 3);
            expect(&key_with(&bench, user, token).run(), code, part);
        }
    }
    // If unknown users are let in, disabled ones must not count as unknown.
    let bench = account::bench("unknown = \"ignore\"\n");
    let outcome = key_with(&bench, "dave", "outpost-token").run();
    expect(&outcome, "PAM_SERVICE_ERR", "shows no user to the token");
    let bench = account::bench("");
    let pam = bench.pam("linux-login", "alice");
    expect(
        &pam.clone().acct_mgmt().run(),
        "PAM_SERVICE_ERR",
        "cannot be read",
    );
    let loose = pam.file_with_mode("account.token", "view-user-token", 0o644);
    expect(
        &loose.acct_mgmt().run(),
        "PAM_SERVICE_ERR",
        "can be read by others",
    );
    assert_eq!(bench.requests(), [""; 0]);
}

#[test]
fn an_application_alone_keeps_keys_out() {
    pam_harness::require_isolation!();
    for (access, user, code, part) in [
        (
            "application = \"linux-open\"",
            "alice",
            "PAM_PERM_DENIED",
            "also name groups",
        ),
        (
            "application = \"linux-open\"",
            "dave",
            "PAM_ACCT_EXPIRED",
            "not active",
        ),
        (
            "application = \"linux-closed\"\ngroups = [\"linux-admins\"]",
            "alice",
            "PAM_SUCCESS",
            "",
        ),
        (
            "application = \"linux-open\"\ngroups = [\"linux-admins\"]",
            "eve",
            "PAM_PERM_DENIED",
            "",
        ),
        ("allow_any_user = true", "eve", "PAM_SUCCESS", ""),
        ("allow_any_user = true", "dave", "PAM_ACCT_EXPIRED", ""),
    ] {
        let bench = account::bench("").access(access);
        expect(&key(&bench, user).run(), code, part);
        assert!(!bench.requests().iter().any(|r| r.contains("check_access")));
    }
}

#[test]
fn only_the_very_name_in_an_answer_without_doubt_counts() {
    pam_harness::require_isolation!();
    let good = json!({
        "username": "alice", "is_active": true, "type": "internal",
        "groups_obj": [{"pk": ADMINS, "name": "linux-admins", "parent": null, "parent_name": null}],
    });
    let with = |key: &str, value: serde_json::Value| {
        let mut user = good.clone();
        user[key] = value;
        user
    };
    let mut without_groups = good.clone();
    without_groups["groups_obj"] = serde_json::Value::Null;
    for (count, results, code) in [
        (1, json!([good]), "PAM_SUCCESS"),
        (
            2,
            json!([good, with("username", json!("Alice"))]),
            "PAM_SUCCESS",
        ),
        (2, json!([good, good]), "PAM_PERM_DENIED"),
        (
            1,
            json!([with("username", json!("Alice"))]),
            "PAM_PERM_DENIED",
        ),
        (
            1,
            json!([with("username", json!("alice "))]),
            "PAM_PERM_DENIED",
        ),
        (
            1,
            json!([with("is_active", json!("true"))]),
            "PAM_PERM_DENIED",
        ),
        (1, json!([with("is_active", json!(1))]), "PAM_PERM_DENIED"),
        (1, json!([with("type", json!(null))]), "PAM_PERM_DENIED"),
        (1, json!([without_groups]), "PAM_PERM_DENIED"),
        (1, json!([]), "PAM_PERM_DENIED"),
        (
            1,
            json!([["alice", true, "internal", []]]),
            "PAM_PERM_DENIED",
        ),
    ] {
        for more in ["", "unknown = \"ignore\"\non_unavailable = \"ignore\"\n"] {
            let bench = account::bench(more);
            let page = json!({"pagination": {"count": count}, "results": results});
            bench
                .double
                .inject(Fault::on(Match::path("core/users")).json(200, &page));
            let outcome = key(&bench, "alice").run();
            expect(&outcome, code, "user=alice");
        }
    }
}

#[test]
fn names_are_mapped_and_encoded_as_for_a_login() {
    pam_harness::require_isolation!();
    let bench =
        account::bench("").section("[user]\nname = \"{user}+x&is_superuser=true@example.com\"\n");
    bench.double.world(|world| {
        let name = "alice+x&is_superuser=true@example.com";
        world.add_user(User::new(name).group("linux-admins"));
    });
    expect(&key(&bench, "alice").run(), "PAM_SUCCESS", "user=alice");
    assert_eq!(
        bench.double.requests()[0].query,
        "username=alice%2Bx%26is_superuser%3Dtrue%40example.com"
    );
}

#[test]
fn the_configured_types_apply() {
    pam_harness::require_isolation!();
    let bench = account::bench("").section("[user]\ntypes = [\"external\"]\n");
    bench.double.world(|world| {
        let external = User::new("mallory").kind(UserType::External);
        world.add_user(external.group("linux-admins"));
        world.add_token(Token::new("other", "svc-lookup").allow(Permission::ViewUser));
    });
    expect(
        &key_with(&bench, "mallory", "other").run(),
        "PAM_SUCCESS",
        "",
    );
    expect(&key(&bench, "alice").run(), "PAM_PERM_DENIED", "internal");
}
