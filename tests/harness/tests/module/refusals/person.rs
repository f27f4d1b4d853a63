//! Actions of the person, and the server's verdicts.

use super::row::*;
use crate::bench::{Bench, PASSWORD};

pub(super) const ROWS: &[Row] = &[
    // Actions of the person.
    Row {
        cause: "a wrong password",
        code: "PAM_AUTH_ERR",
        line: "authentik refused the password: \\\"Invalid password\\\"",
        words: NOT_ACCEPTED,
        run: || flow("linux-login", &["nope"]),
    },
    Row {
        cause: "a wrong password, with the name",
        code: "PAM_AUTH_ERR",
        line: "authentik refused the password",
        words: NOT_ACCEPTED,
        run: || flow("linux-combined", &["nope"]),
    },
    Row {
        cause: "an empty password",
        code: "PAM_AUTH_ERR",
        line: "the password was empty and was not sent",
        words: NOT_ACCEPTED,
        run: || {
            let bench = Bench::new();
            let outcome = bench.log_in("linux-login", "alice", &[""]);
            assert!(!bench.was_sent("ak-stage-password"));
            outcome
        },
    },
    Row {
        cause: "a password that is not UTF-8",
        code: "PAM_AUTH_ERR",
        line: "it is not UTF-8",
        words: "That password was not accepted.",
        run: || {
            Bench::new()
                .pam("linux-login", "alice")
                .answer_bytes(b"\xff\xfe")
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "a password of 5000 bytes",
        code: "PAM_AUTH_ERR",
        line: "it is too long",
        words: "That password was not accepted.",
        run: || Bench::new().log_in("linux-login", "alice", &[&"x".repeat(5000)]),
    },
    Row {
        cause: "a wrong password, and the flow begins again",
        code: "PAM_AUTH_ERR",
        line: "went back to ak-stage-identification after the password",
        words: "That password was not accepted.",
        run: || flow("linux-restart", &["nope"]),
    },
    Row {
        cause: "the last wrong password that the flow allows",
        code: "PAM_MAXTRIES",
        line: "ended the flow at the password: too many wrong tries for this name",
        words: "Invalid password",
        run: || {
            let bench = Bench::new();
            bench.double.world(|world| {
                world.add_flow(
                    authentik_double::Flow::new("one-try")
                        .identification()
                        .password_tries(1)
                        .user_login(),
                );
            });
            bench.log_in("one-try", "alice", &["nope"])
        },
    },
    Row {
        cause: "wrong codes, as many as allowed",
        code: "PAM_MAXTRIES",
        line: "attempts allows (2)",
        words: "Too many wrong codes.",
        run: || {
            Bench::new().section("[prompt]\nattempts = 2\n").log_in(
                "linux-mfa",
                "carol",
                &[PASSWORD, "000000000000", ""],
            )
        },
    },
    Row {
        cause: "an aborted prompt",
        code: "PAM_CONV_ERR",
        line: "conversation failed or was aborted",
        words: "",
        run: || {
            Bench::new()
                .pam("linux-login", "alice")
                .abort()
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "an application that answers nothing",
        code: "PAM_CONV_ERR",
        line: "conversation failed or was aborted",
        words: "",
        run: || {
            Bench::new()
                .pam("linux-login", "alice")
                .answer_null()
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "use_first_pass without a password in the stack",
        code: "PAM_AUTH_ERR",
        line: "no earlier module",
        words: "",
        run: || {
            Bench::new()
                .arguments("use_first_pass")
                .log_in("linux-login", "alice", &[])
        },
    },
    // The server's verdicts.
    Row {
        cause: "a deny stage",
        code: "PAM_PERM_DENIED",
        line: "authentik denied access: \\\"Go away, please.\\\"",
        words: "Access denied: Go away, please.",
        run: || flow("linux-deny", &[PASSWORD]),
    },
    Row {
        cause: "a flow that a policy closes",
        code: "PAM_PERM_DENIED",
        line: "authentik denied access",
        words: "Access denied: ",
        run: || flow("linux-closed", &[]),
    },
    Row {
        cause: "no allowed group",
        code: "PAM_PERM_DENIED",
        line: "in none of the groups",
        words: "may not log in to this host",
        run: || {
            Bench::new()
                .access("groups = [\"x\"]")
                .log_in("linux-login", "alice", &[PASSWORD])
        },
    },
    Row {
        cause: "an account of another type",
        code: "PAM_PERM_DENIED",
        line: "external",
        words: "may not log in to this host",
        run: || Bench::new().log_in("linux-login", "mallory", &[PASSWORD]),
    },
    Row {
        cause: "an account that is not active",
        code: "PAM_PERM_DENIED",
        line: "not active",
        words: "may not log in to this host",
        run: || flow("danger-inactive", &[PASSWORD]),
    },
    Row {
        cause: "a flow that logs nobody in",
        code: "PAM_AUTH_ERR",
        line: "nobody is logged in",
        words: UNCONFIRMED,
        run: || flow("danger-no-login", &[PASSWORD]),
    },
    Row {
        cause: "a flow that logs somebody else in",
        code: "PAM_AUTH_ERR",
        line: "another user: bob",
        words: UNCONFIRMED,
        run: || flow("danger-other-user", &[PASSWORD]),
    },
    Row {
        cause: "an impersonated session",
        code: "PAM_AUTH_ERR",
        line: "impersonates",
        words: UNCONFIRMED,
        run: || flow("danger-impersonated", &[PASSWORD]),
    },
    Row {
        cause: "a flow without a secret",
        code: "PAM_AUTH_ERR",
        line: "asked for no password and no code",
        words: UNCONFIRMED,
        run: || flow("danger-login-without-secret", &[]),
    },
    Row {
        cause: "a stage that crashes, first of all",
        code: "PAM_AUTH_ERR",
        line: "request_id=",
        words: "reported an error",
        run: || flow("linux-crash", &[]),
    },
    Row {
        cause: "a throttled host",
        code: "PAM_AUTH_ERR",
        line: "flow error",
        words: "reported an error",
        run: || {
            let bench = Bench::new();
            bench
                .double
                .world(|world| world.anonymous_requests_per_minute = Some(0));
            bench.log_in("linux-login", "alice", &[])
        },
    },
    Row {
        cause: "status 429, first of all",
        code: "PAM_AUTH_ERR",
        line: "throttles",
        words: "is busy",
        run: || first(|fault| fault.answer(429, "application/json", "{}")),
    },
    // Users.
    Row {
        cause: "a name in [user] ignore",
        code: "PAM_IGNORE",
        line: "the name is in [user] ignore",
        words: "",
        run: || {
            user(
                Bench::new().section("[user]\nignore = [\"alice\"]\n"),
                "alice",
                &[],
            )
        },
    },
    Row {
        cause: "a name that is not in [user] allow",
        code: "PAM_IGNORE",
        line: "not in [user] allow",
        words: "",
        run: || {
            user(
                Bench::new().section("[user]\nallow = [\"bob\"]\n"),
                "alice",
                &[],
            )
        },
    },
    Row {
        cause: "root",
        code: "PAM_IGNORE",
        line: "root is left alone",
        words: "",
        run: || user(Bench::new(), "root", &[]),
    },
    Row {
        cause: "a system account",
        code: "PAM_IGNORE",
        line: "below [user] min_uid",
        words: "",
        run: || user(Bench::new(), "daemon", &[]),
    },
    Row {
        cause: "no such account",
        code: "PAM_USER_UNKNOWN",
        line: "user=(unknown)",
        words: NOT_ACCEPTED,
        run: || user(Bench::new(), "hunter2", &["x"]),
    },
    Row {
        cause: "a name with a newline",
        code: "PAM_USER_UNKNOWN",
        line: "user=(unknown)",
        words: NOT_ACCEPTED,
        run: || user(Bench::new(), "alice\nforged", &["x"]),
    },
    Row {
        cause: "a name with look-alike letters",
        code: "PAM_USER_UNKNOWN",
        line: "it is not ASCII",
        words: NOT_ACCEPTED,
        run: || user(Bench::new(), "\u{430}lice", &["x"]),
    },
    Row {
        cause: "a path for a name",
        code: "PAM_USER_UNKNOWN",
        line: "it holds : or /",
        words: NOT_ACCEPTED,
        run: || user(Bench::new(), "../../etc/passwd", &[""]),
    },
    Row {
        cause: "a name of 64 KiB",
        code: "PAM_USER_UNKNOWN",
        line: "longer than 255 bytes",
        words: NOT_ACCEPTED,
        run: || user(Bench::new(), &"a".repeat(65_536), &["x"]),
    },
];
