//! Configurations that are wrong, or in which a part is missing.

use std::process::Command;

use super::{FLOW, GROUPS, TOKEN, check, require_host};
use crate::bench::{Bench, README_STACK};

/// nss-resolve waits two minutes for systemd-resolved. The module asks it first where that
/// says something about the name.
#[test]
fn a_look_up_by_nss_resolve_is_a_warning_where_nothing_bounds_it() {
    require_host!();
    let none = "true";
    let old = "mkdir -p /run/systemd/resolve";
    let new = "mkdir -p /run/systemd/resolve && touch /run/systemd/resolve/io.systemd.Resolve";
    for (hosts, resolved, warns) in [
        // The machine's hosts file has localhost.
        ("resolve [!UNAVAIL=return] files dns", new, true),
        ("files resolve [!UNAVAIL=return] dns", new, false),
        ("dns resolve", new, true),
        ("resolve [!UNAVAIL=return] dns", new, false),
        ("resolve [!UNAVAIL=return] dns", old, true),
        ("resolve [!UNAVAIL=return] dns", none, false),
        ("files dns", old, false),
    ] {
        let bench = Bench::new();
        let text = format!("passwd: files\ngroup: files\nshadow: files\nhosts: {hosts}\n");
        bench.write("nsswitch.conf", &text, 0o644);
        let script = format!(
            "mount --bind \"$1/nsswitch.conf\" /etc/nsswitch.conf && mount -t tmpfs tmpfs /run && {resolved}"
        );
        for more in [&[][..], &["--offline"]] {
            let arguments = [&["check", "--config", "{config}"], more].concat();
            let run = bench.run_after(&script, &arguments);
            let said = run.text.contains("it waits two minutes for localhost");
            assert_eq!(said, warns, "{hosts}, {resolved}\n{}", run.text);
        }
    }
}

/// A program that has loaded the module keeps the old one when a package replaces it.
#[test]
fn a_process_with_the_replaced_module_is_named() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", README_STACK);
    let module = bench.path("pam_authentik_flow.so");
    let mut install = Command::new("install");
    install.args(["-m", "755", "/bin/sleep"]).arg(&module);
    assert!(install.status().unwrap().success());
    let mut old = Command::new(&module).arg("60").spawn().unwrap();
    let named = format!("(process {}", old.id());
    let run = bench.check(&[]);
    assert!(!run.text.contains(&named), "{}", run.text);
    std::fs::remove_file(&module).unwrap();
    bench.write("pam_authentik_flow.so", "not a module", 0o644);
    let run = bench.check(&["--offline"]);
    let json = bench.run(&["check", "--json", "--config", "{config}"]);
    old.kill().unwrap();
    old.wait().unwrap();
    run.has(&["still run the version that was replaced", &named, "restart"]);
    json.has(&["module.replaced"]);
    let run = bench.check(&[]);
    assert!(!run.text.contains("was replaced"), "{}", run.text);
}

/// sshpass and similar programs wait for an English word in the prompt.
#[test]
fn a_prompt_without_its_word_is_warned_of() {
    require_host!();
    const WARNING: &str = "programs that wait for the word";
    let with = |prompt: &str| {
        let bench = Bench::new();
        bench.token("view-user-group-token\n");
        bench.config(FLOW, GROUPS, &format!("{TOKEN}\n[prompt]\n{prompt}\n"));
        bench.run(&["check", "--config", "{config}"])
    };
    for (prompt, warned) in [
        ("language = \"de\"", true),
        ("password = \"Secret:\"", true),
        ("language = \"en\"", false),
        ("language = \"de\"\npassword = \"Password:\"", false),
    ] {
        let run = with(prompt);
        let text = run.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.contains(WARNING), warned, "{prompt}:\n{}", run.text);
    }
}

#[test]
fn check_says_what_a_remembered_second_factor_needs() {
    require_host!();
    const LOGINUID: &str = "session optional pam_loginuid.so\n";
    const OURS: &str = "-session optional {module}\n";
    let right = format!("{LOGINUID}{OURS}");
    let says = |session: &str, more: &str| {
        let bench = Bench::new();
        bench.token("view-user-group-token\n");
        let factor = "[second_factor]\nremember = \"session\"\n";
        bench.config(FLOW, GROUPS, &format!("{TOKEN}\n{factor}{more}"));
        let stack = format!("{}{session}", crate::bench::README_STACK);
        bench.stack("sshd", &stack);
        let run = bench.run(&["check", "--offline", "--config", "{config}"]);
        run.text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let own = |key: &str| format!("[services.sudo{key}\n");
    for (session, more, part) in [
        ("", String::new(), "no session line of"),
        (LOGINUID, String::new(), "no session line of"),
        (OURS, String::new(), "comes before pam_loginuid.so"),
        (
            &format!("{OURS}{LOGINUID}"),
            String::new(),
            "comes before pam_loginuid.so",
        ),
        (
            &right,
            String::new(),
            "sudo does not ask again in a session of sshd, for 3600 s at most",
        ),
        (
            &right,
            own(".second_factor]\nremember_for = \"5m\""),
            "in a session of sshd, for 300 s at most",
        ),
        (
            &right,
            own(".second_factor]\nremember = \"never\""),
            "sudo asks for it each time",
        ),
        (
            &right,
            own("]\nflow = \"linux-mfa\""),
            "sudo uses the flow linux-mfa, and sshd uses linux-login",
        ),
    ] {
        let text = says(session, &more);
        assert!(text.contains(part), "{session:?} {more:?}:\n{text}");
    }
}

#[test]
fn configurations() {
    require_host!();
    let bench = Bench::new();
    let text = bench.read("config.toml");
    bench.write("config.toml", &text, 0o666);
    check(
        &bench,
        "file-rights",
        1,
        &["written by others (mode 0666)", "run chmod go-w"],
    );
    bench.write(
        "config.toml",
        "url = \"{url}\"\nflow = \"linux-login\n",
        0o644,
    );
    check(&bench, "broken-toml", 1, &["config.toml:2:"]);
    bench.write(
        "config.toml",
        "url = \"{url}\"\nflwo = \"linux-login\"\n",
        0o644,
    );
    check(
        &bench,
        "unknown-key",
        1,
        &["config.toml:2:", "flwo", "flow"],
    );
    bench.write(
        "config.toml",
        "url = \"{url}\"\nflow = \"linux-login\"\n",
        0o644,
    );
    check(
        &bench,
        "access-missing",
        1,
        &["does not say who may log in", "groups ="],
    );
    std::fs::remove_file(bench.path("config.toml")).unwrap();
    check(
        &bench,
        "config-missing",
        1,
        &["No such file", "authentik-flow init"],
    );
}
