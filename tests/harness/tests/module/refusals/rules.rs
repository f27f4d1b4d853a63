//! Applications and groups, accounts of users who logged in without this module, tokens, and
//! passwords that were not changed.

use authentik_double::{Double, Fault, Match, Version};
use pam_harness::Outcome;

use super::row::*;
use crate::bench::{Bench, PASSWORD};

const MAY_NOT: &str = "may not log in to this host";

/// A user with a key, where `[account]` contains `more`.
fn key(user: &str, access: &str, more: &str, token: &str) -> Outcome {
    let section = format!("[account]\ntoken_file = \"{{dir}}/token\"\n{more}");
    let bench = Bench::new().access(access).section(&section);
    let pam = bench.pam("linux-login", user).file("token", token);
    pam.acct_mgmt().run()
}

const GROUP: &str = "groups = [\"linux-admins\"]";
const TOKEN: &str = "view-user-token";

/// The same with a server that answers in this way.
fn struck(more: &str, strike: impl FnOnce(Fault) -> Fault) -> Outcome {
    let section = format!("[account]\ntoken_file = \"{{dir}}/token\"\n{more}");
    let bench = Bench::new().access(GROUP).section(&section);
    bench
        .double
        .inject(strike(Fault::on(Match::path("core/users"))));
    let pam = bench.pam("linux-login", "alice").file("token", TOKEN);
    pam.acct_mgmt().run()
}

/// A user who changes the password and types these.
fn change(section: &str, arguments: &str, typed: &[&str]) -> Outcome {
    let bench = Bench::new().section(section).arguments(arguments);
    let pam = bench.pam("linux-login", "alice");
    let pam = typed.iter().fold(pam, |pam, text| pam.answer_secret(text));
    pam.chauthtok().run()
}

const CHANGE: &str = "[password]\nflow = \"default-password-change\"\n";

pub(super) const ROWS: &[Row] = &[
    // Applications and groups.
    Row {
        cause: "an application that is not open to them, with its policy's words",
        code: "PAM_PERM_DENIED",
        line: "\\\"linux-closed\\\" is not open to the user: \\\"This host is closed.\\\"",
        words: "Access denied: This host is closed.",
        run: || {
            // 2026.8 shows these messages only to superusers.
            Bench::with(Double::builder().version(Version::V2026_5))
                .access("application = \"linux-closed\"")
                .log_in("linux-login", "alice", &[PASSWORD])
        },
    },
    Row {
        cause: "an application that is not open to them, without a word",
        code: "PAM_PERM_DENIED",
        line: "\\\"linux-ssh\\\" is not open to the user",
        words: MAY_NOT,
        run: || {
            Bench::new().access("application = \"linux-ssh\"").log_in(
                "linux-login",
                "eve",
                &[PASSWORD],
            )
        },
    },
    Row {
        cause: "an application that does not exist",
        code: "PAM_SERVICE_ERR",
        line: "no application with the slug \\\"none\\\"",
        words: NOT_SET_UP,
        run: || {
            Bench::new().access("application = \"none\"").log_in(
                "linux-login",
                "alice",
                &[PASSWORD],
            )
        },
    },
    Row {
        cause: "an application's answer that is no plain yes or no",
        code: "PAM_AUTH_ERR",
        line: "does not say whether the application is open",
        words: UNREACHABLE,
        run: || {
            let bench = Bench::new().access("application = \"linux-open\"");
            let body = serde_json::json!({"passing": "true", "messages": []});
            bench
                .double
                .inject(Fault::on(Match::path("check_access")).json(200, &body));
            bench.log_in("linux-login", "alice", &[PASSWORD])
        },
    },
    Row {
        cause: "two groups of the name that is asked for",
        code: "PAM_PERM_DENIED",
        line: "two groups of the user are named \\\"linux-admins\\\": write the UUID",
        words: MAY_NOT,
        run: || {
            let bench = Bench::new().access(GROUP);
            let groups = serde_json::json!([
                {"name": "linux-admins", "pk": "one"},
                {"name": "linux-admins", "pk": "two"},
            ]);
            let patch = serde_json::json!({"user": {"groups": groups}});
            let login = authentik_double::UserLogin::new().users_me(patch);
            bench.double.world(|world| {
                let flow = authentik_double::Flow::new("namesakes").identification();
                world.add_flow(flow.password().bind(login));
            });
            bench.log_in("namesakes", "alice", &[PASSWORD])
        },
    },
    Row {
        cause: "an outpost's token that others can read",
        code: "PAM_SERVICE_ERR",
        line: "outpost.token: can be read by others (mode 0644); run chmod 600 ",
        words: NOT_SET_UP,
        run: || {
            let bench = Bench::new().section("[outpost]\ntoken_file = \"{dir}/outpost.token\"\n");
            let pam = bench.pam("linux-login", "alice");
            pam.file_with_mode("outpost.token", "secret", 0o644)
                .authenticate()
                .run()
        },
    },
    // Accounts of users who came with a key.
    Row {
        cause: "a key of somebody who was deactivated",
        code: "PAM_ACCT_EXPIRED",
        line: "not active in authentik, and an SSH key",
        words: MAY_NOT,
        run: || key("dave", GROUP, "", TOKEN),
    },
    Row {
        cause: "a key of somebody outside the groups",
        code: "PAM_PERM_DENIED",
        line: "in none of the groups",
        words: MAY_NOT,
        run: || key("eve", GROUP, "", TOKEN),
    },
    Row {
        cause: "a key of a user that authentik does not know",
        code: "PAM_PERM_DENIED",
        line: "authentik knows nobody with this name",
        words: MAY_NOT,
        run: || key("localadmin", GROUP, "", TOKEN),
    },
    Row {
        cause: "the same, with [account] unknown = \"ignore\"",
        code: "PAM_IGNORE",
        line: NO_LINE,
        words: "",
        run: || key("localadmin", GROUP, "unknown = \"ignore\"", TOKEN),
    },
    Row {
        cause: "a key, where only an application is asked for",
        code: "PAM_PERM_DENIED",
        line: "[access] application can only be checked in the session of a login",
        words: MAY_NOT,
        run: || key("alice", "application = \"linux-open\"", "", TOKEN),
    },
    Row {
        cause: "a token that may not look users up",
        code: "PAM_SERVICE_ERR",
        line: "lacks the permission authentik_core.view_user",
        words: NOT_SET_UP,
        run: || key("alice", GROUP, "", "plain-service-token"),
    },
    Row {
        cause: "a key, while authentik is down",
        code: "PAM_PERM_DENIED",
        line: "HTTP status 502, and [account] on_unavailable",
        words: UNREACHABLE,
        run: || struck("", Fault::bad_gateway),
    },
    Row {
        cause: "the same, with [account] on_unavailable = \"ignore\"",
        code: "PAM_IGNORE",
        line: "HTTP status 502; left to the other modules",
        words: "",
        run: || struck("on_unavailable = \"ignore\"", Fault::bad_gateway),
    },
    Row {
        cause: "a key, while authentik throttles, which somebody can bring about",
        code: "PAM_PERM_DENIED",
        line: "throttles",
        words: "is busy",
        run: || {
            struck("on_unavailable = \"ignore\"", |fault| {
                fault.answer(429, "application/json", "{}")
            })
        },
    },
    Row {
        cause: "an account of no host user",
        code: "PAM_USER_UNKNOWN",
        line: "user=(unknown)",
        words: "",
        run: || key("hunter2", GROUP, "", TOKEN),
    },
    // Passwords that were not changed.
    Row {
        cause: "a password that has expired",
        code: "PAM_PERM_DENIED",
        line: "Password has expired.",
        words: "Access denied: Password has expired.\nThe login service is at https://localhost:",
        run: || {
            let bench = Bench::new();
            bench.double.world(|world| {
                let flow = authentik_double::Flow::new("expired").identification();
                world.add_flow(flow.password().deny("Password has expired."));
            });
            bench.log_in("expired", "alice", &[PASSWORD])
        },
    },
    Row {
        cause: "a wrong old password",
        code: "PAM_AUTHTOK_RECOVERY_ERR",
        line: "authentik refused the password",
        words: NOT_ACCEPTED,
        run: || change(CHANGE, "", &["nope"]),
    },
    Row {
        cause: "authentik down, before the old password",
        code: "PAM_TRY_AGAIN",
        line: "no connection",
        words: UNREACHABLE,
        run: || {
            let bench = Bench::new().section(CHANGE);
            let bench = bench.top("url = \"https://127.0.0.1:1\"");
            bench.pam("linux-login", "alice").chauthtok().run()
        },
    },
    Row {
        cause: "a new password that the policy refuses",
        code: "PAM_AUTHTOK_ERR",
        line: "authentik refused the new password: \\\"Password needs to be 8",
        words: "Password needs to be 8 characters or longer.",
        run: || {
            let section = format!("[prompt]\nattempts = 1\n{CHANGE}");
            change(&section, "", &[PASSWORD, "short", "short"])
        },
    },
    Row {
        cause: "a new password that was typed differently",
        code: "PAM_AUTHTOK_ERR",
        line: "not typed the same way twice",
        words: "The two were not the same.",
        run: || {
            let section = format!("[prompt]\nattempts = 1\n{CHANGE}");
            change(&section, "", &[PASSWORD, "long-enough-1", "long-enough-2"])
        },
    },
    Row {
        cause: "use_authtok without a new password in the stack",
        code: "PAM_AUTHTOK_ERR",
        line: "no earlier module of the stack left a new password",
        words: "",
        run: || change(CHANGE, "use_authtok", &[PASSWORD]),
    },
    Row {
        cause: "a flow for passwords that asks for none",
        code: "PAM_AUTHTOK_ERR",
        line: "without asking for a new password",
        words: "was not changed",
        run: || change("[password]\nflow = \"danger-empty\"\n", "", &[PASSWORD]),
    },
    Row {
        cause: "no flow for passwords",
        code: "PAM_IGNORE",
        line: NO_LINE,
        words: "",
        run: || change("", "", &[]),
    },
];
