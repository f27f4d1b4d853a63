//! The configuration, the flow, and the host.

use super::row::*;
use crate::bench::{Bench, PASSWORD};

pub(super) const ROWS: &[Row] = &[
    // The configuration and the flow.
    Row {
        cause: "an unknown slug",
        code: "PAM_SERVICE_ERR",
        line: "no flow with the slug",
        words: NOT_SET_UP,
        run: || flow("no-such-flow", &[]),
    },
    Row {
        cause: "a component nobody knows",
        code: "PAM_SERVICE_ERR",
        line: "unknown to this version of the module",
        words: "cannot go on here",
        run: || flow("linux-unknown-component", &[]),
    },
    Row {
        cause: "a captcha",
        code: "PAM_SERVICE_ERR",
        line: "ak-stage-captcha",
        words: "needs a web browser",
        run: || flow("component-ak-stage-captcha", &[]),
    },
    Row {
        cause: "a second factor that needs a browser",
        code: "PAM_SERVICE_ERR",
        line: "a security key of this host works only for a user who sits at it, and this service is for logins over a network",
        words: "a security key",
        run: || Bench::new().log_in("linux-mfa", "hank", &[PASSWORD]),
    },
    Row {
        cause: "a wrong key in the configuration",
        code: "PAM_SERVICE_ERR",
        line: "config.toml:2: unknown key",
        words: NOT_SET_UP,
        run: || configured("flow = \"x\"\nulr = \"y\"\n"),
    },
    Row {
        cause: "no file of the configuration",
        code: "PAM_SERVICE_ERR",
        line: "cannot be read",
        words: NOT_SET_UP,
        run: || {
            Bench::new()
                .pam("linux-login", "alice")
                .arguments("config={dir}/none.toml")
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "a configuration that others can write",
        code: "PAM_SERVICE_ERR",
        line: "can be written by others (mode 0666); run chmod go-w ",
        words: NOT_SET_UP,
        run: || {
            Bench::new()
                .pam("linux-login", "alice")
                .config_mode(0o666)
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "an unknown argument",
        code: "PAM_SERVICE_ERR",
        line: "\\\"nullok\\\" is unknown",
        words: NOT_SET_UP,
        run: || {
            Bench::new()
                .arguments("nullok")
                .log_in("linux-login", "alice", &[])
        },
    },
    Row {
        cause: "a CA file without a certificate",
        code: "PAM_SERVICE_ERR",
        line: "holds no certificate",
        words: NOT_SET_UP,
        run: || {
            Bench::new()
                .top("ca_file = \"{dir}/config.toml\"")
                .log_in("linux-login", "alice", &[])
        },
    },
    // The host.
    Row {
        cause: "no descriptor left",
        code: "PAM_SYSTEM_ERR",
        line: NO_LINE,
        words: "This host could not complete the login",
        run: || {
            let bench = Bench::new();
            let process = pam_harness::script::ProcessOptions {
                limits: vec![(pam_harness::Limit::OpenFiles, 3)],
                ..Default::default()
            };
            in_process(&bench, process)
        },
    },
    Row {
        cause: "a defect in the module",
        code: "PAM_ABORT",
        line: "panic at src/login.rs",
        words: "This host could not complete the login",
        run: || {
            let bench = Bench::new();
            let module = pam_harness::Module::panicking();
            bench
                .pam_with(&module, "linux-login", "panic")
                .authenticate()
                .run()
        },
    },
];
