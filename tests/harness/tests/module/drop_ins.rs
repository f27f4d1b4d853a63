//! Drop-ins beside the configuration file, which is called `config.toml` here.

use pam_harness::{Outcome, Pam};

use crate::bench::{Bench, PASSWORD, expect, line};

/// Alice, who is in the group `linux-users`, with the drop-ins that `add` makes.
fn log_in(bench: &Bench, add: impl FnOnce(Pam) -> Pam) -> Outcome {
    add(bench.pam("linux-login", "alice"))
        .answer_every_secret(PASSWORD)
        .authenticate()
        .run()
}

/// A directory for drop-ins, and a drop-in that refuses everyone.
fn refusing(pam: Pam, directory_mode: u32, file_mode: u32) -> Pam {
    pam.file_with_mode("config.d/", "", directory_mode)
        .file_with_mode(
            "config.d/50-site.toml",
            "override = true\n[access]\ngroups = [\"nobody-is-in-it\"]\n",
            file_mode,
        )
}

#[test]
fn a_drop_in_decides() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    expect(&log_in(&bench, |pam| pam), "PAM_SUCCESS", &[]);
    // An empty directory and a file with another name change nothing.
    let empty = log_in(&bench, |pam| {
        pam.file_with_mode("config.d/", "", 0o755).file_with_mode(
            "config.d/50-site.toml.dpkg-old",
            "no TOML at all",
            0o666,
        )
    });
    expect(&empty, "PAM_SUCCESS", &[]);
    let refused = log_in(&bench, |pam| refusing(pam, 0o755, 0o644));
    expect(&refused, "PAM_PERM_DENIED", &[]);
}

#[test]
fn a_drop_in_that_cannot_be_used_refuses_the_login() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let with = |name: &'static str, text: &'static str| {
        move |pam: Pam| {
            pam.file_with_mode("config.d/", "", 0o755)
                .file_with_mode(name, text, 0o644)
        }
    };
    type Change = Box<dyn Fn(Pam) -> Pam>;
    let cases: [(&str, Change); 9] = [
        (
            "config.d: can be written by others (mode 0775)",
            Box::new(|pam| refusing(pam, 0o775, 0o644)),
        ),
        (
            "50-site.toml: can be written by others (mode 0664)",
            Box::new(|pam| refusing(pam, 0o755, 0o664)),
        ),
        (
            "config.d: is not a directory",
            Box::new(|pam| pam.file("config.d", "")),
        ),
        (
            "1.toml: is not a regular file",
            Box::new(with("config.d/1.toml/", "")),
        ),
        ("1.toml:1: ", Box::new(with("config.d/1.toml", "= 1\n"))),
        (
            "1.toml:2: unknown key",
            Box::new(with("config.d/1.toml", "\nfow = \"x\"\n")),
        ),
        (
            "1.toml: [access] is set by an earlier file",
            Box::new(with(
                "config.d/1.toml",
                "[access]\ngroups = [\"linux-users\"]\n",
            )),
        ),
        (
            "1.toml:2: ",
            Box::new(with(
                "config.d/1.toml",
                "[services.login]\nflow = \"a b\"\n",
            )),
        ),
        (
            "config.toml: ",
            Box::new(with("config.d/1.toml", "client_key = \"/k\"\n")),
        ),
    ];
    for (wanted, add) in cases {
        let outcome = log_in(&bench, add);
        expect(&outcome, "PAM_SERVICE_ERR", &[]);
        let line = line(&outcome);
        assert!(line.contains(wanted), "{wanted:?} is not in {line}");
    }
    assert_eq!(
        bench.double.connections(),
        0,
        "the module asked authentik with a wrong configuration"
    );
}

/// A drop-in with a prompt for `sudo -i` takes none of the rules for sudo away.
#[test]
fn a_setting_for_a_login_shell_keeps_the_rules_of_its_service() {
    pam_harness::require_isolation!();
    for more in [None, Some("[services.sudo-i.prompt]\nstyle = \"short\"\n")] {
        let bench =
            Bench::new().section("[services.sudo.access]\ngroups = [\"nobody-is-in-it\"]\n");
        let pam = bench.pam_for("sudo-i", "linux-login").user("alice");
        let pam = match more {
            Some(text) => pam.file_with_mode("config.d/", "", 0o755).file_with_mode(
                "config.d/50-prompt.toml",
                text,
                0o644,
            ),
            None => pam,
        };
        let outcome = pam.answer_every_secret(PASSWORD).authenticate().run();
        assert_eq!(outcome.code(), "PAM_PERM_DENIED", "{outcome}");
        assert!(line(&outcome).contains("cause=not-in-group"));
    }
}
