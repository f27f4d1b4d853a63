//! `config`, `init` and `completions`.

use std::os::unix::fs::PermissionsExt;

use crate::bench::{Bench, README_STACK, hold_against_transcript};

/// The line of a key.
#[track_caller]
fn row(text: &str, key: &str) -> String {
    let line = text
        .lines()
        .find(|line| line.split(' ').next() == Some(key));
    let line = line.unwrap_or_else(|| panic!("no {key} in\n{text}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_value_of_a_drop_in_says_which_one() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let shell = "url = \"{url}\"\nflow = \"top\"\nca_file = \"{dir}/ca.pem\"\n[access]\napplication = \"app\"\n[services.sudo]\nflow = \"of-sudo\"\n";
    bench.write("config.toml", shell, 0o644);
    std::fs::create_dir(bench.path("config.d")).expect("a directory");
    bench.write(
        "config.d/10-site.toml",
        "override = true\nflow = \"ten\"\nlogin_timeout = \"30s\"\n[access]\ngroups = [\"a\"]\n",
        0o644,
    );
    bench.write("config.d/20.toml", "\nlogin_timeout = \"40s\"\n", 0o644);
    bench.write("config.d/20.toml.bak", "login_timeout = \"50s\"\n", 0o644);
    bench.stack("sudo", README_STACK);
    let run = bench.run(&["config", "--service", "sudo"]);
    assert_eq!(run.status, 0, "{}", run.text);
    for expected in [
        "url https://localhost:PORT line 1",
        "flow of-sudo line 7, [services.sudo]",
        "login_timeout 40s 20.toml, line 2",
        "access.groups a 10-site.toml, line 5",
        "access.application - default",
    ] {
        let key = expected.split(' ').next().expect("a key");
        assert_eq!(row(&run.text, key), expected);
    }
    assert!(run.text.contains("config.d/20.toml\n"), "{}", run.text);
    assert!(!run.text.contains("20.toml.bak"), "{}", run.text);
}

/// A host's name has dots, and so may the name of a file for it.
#[test]
fn a_file_that_was_meant_to_be_a_drop_in_is_named() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.config("flow = \"linux-login\"", "groups = [\"linux-users\"]", "");
    std::fs::create_dir(bench.path("config.d")).expect("a directory");
    for name in ["50-web.example.com.toml", "60.TOML", "a.toml~", ".b.c.toml"] {
        let text = "override = true\n[access]\ngroups = [\"web-admins\"]\n";
        bench.write(&format!("config.d/{name}"), text, 0o644);
    }
    let run = bench.run(&["config", "--config", "{config}"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert!(row(&run.text, "access.groups").contains("linux-users"));
    let check = bench.run(&["check", "--offline", "--config", "{config}"]);
    assert_eq!(check.status, 1, "{}", check.text);
    for run in [run, check] {
        for (name, is_named) in [
            ("50-web.example.com.toml", true),
            ("60.TOML", true),
            ("a.toml~", false),
            (".b.c.toml", false),
        ] {
            assert_eq!(run.text.contains(name), is_named, "{name}: {}", run.text);
        }
        assert!(run.text.contains("rename it"), "{}", run.text);
    }
}

/// What sudo-i does not set itself, sudo decides.
#[test]
fn a_login_shell_follows_its_service_key_by_key() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let text = "url = \"{url}\"\nflow = \"top\"\nca_file = \"{dir}/ca.pem\"\n[access]\ngroups = [\"all\"]\n\
                [services.sudo]\nflow = \"of-sudo\"\n[services.sudo.access]\ngroups = [\"admins\"]\n\
                [services.sudo-i.prompt]\nstyle = \"short\"\n";
    bench.write("config.toml", text, 0o644);
    let run = bench.run(&["config", "--service", "sudo-i", "--config", "{config}"]);
    assert_eq!(run.status, 0, "{}", run.text);
    for expected in [
        "flow of-sudo line 7, [services.sudo], which sudo-i follows",
        "access.groups admins line 9, [services.sudo], which sudo-i follows",
        "prompt.style short line 11, [services.sudo-i]",
    ] {
        let key = expected.split(' ').next().expect("a key");
        assert_eq!(row(&run.text, key), expected);
    }
}

#[test]
fn every_value_says_where_it_comes_from() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.write(
        "config.toml",
        "# a comment\nurl = \"{url}\"\nflow = \"top\"\nca_file = \"{dir}/ca.pem\"\nrequest_timeout = \"7s\"\n[access]\ngroups = [\"a\", \"b\"]\n[outpost]\ntoken_file = \"{dir}/outpost.token\"\n[services.sudo]\nflow = \"of-sudo\"\n[services.sudo.access]\napplication = \"app\"\n[services.sudo.prompt]\nattempts = 5\n",
        0o644,
    );
    bench.write("outpost.token", "outpost-token", 0o600);
    bench.stack(
        "sudo",
        &README_STACK.replace("config={config}", "config={config} nodelay use_first_pass"),
    );
    bench.stack("sudo-i", "@include sudo\n");
    let run = bench.run(&["config", "--service", "sudo-i"]);
    assert_eq!(run.status, 0, "{}", run.text);
    for (key, expected) in [
        ("url", "url https://localhost:PORT line 2"),
        (
            "flow",
            "flow of-sudo line 11, [services.sudo], which sudo-i follows",
        ),
        ("request_timeout", "request_timeout 7s line 5"),
        ("connect_timeout", "connect_timeout 5s default"),
        (
            "fail_delay",
            "fail_delay 0s argument of the module in the PAM stack",
        ),
        ("access.groups", "access.groups - default"),
        (
            "access.application",
            "access.application app line 13, [services.sudo], which sudo-i follows",
        ),
        (
            "prompt.attempts",
            "prompt.attempts 5 line 15, [services.sudo], which sudo-i follows",
        ),
        (
            "(first_pass)",
            "(first_pass) use_first_pass argument of the module in the PAM stack",
        ),
    ] {
        assert_eq!(row(&run.text, key), expected);
    }
    assert!(!run.text.contains("outpost-token"), "{}", run.text);
    let run = bench.run(&["config", "--service", "sshd", "--config", "{config}"]);
    assert_eq!(row(&run.text, "flow"), "flow top line 3");
    assert_eq!(row(&run.text, "access.groups"), "access.groups a, b line 7");
    assert_eq!(
        row(&run.text, "prompt.attempts"),
        "prompt.attempts 3 default"
    );
}

#[test]
fn a_configuration_that_is_wrong_is_not_shown() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.write("config.toml", "flwo = \"x\"\n", 0o644);
    let run = bench.run(&["config", "--config", "{config}"]);
    assert_eq!(run.status, 1);
    assert!(run.text.contains("config.toml:1:"), "{}", run.text);
}

#[test]
fn init_writes_what_the_module_takes_and_overwrites_nothing() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let arguments = [
        "init",
        "--url",
        "{url}",
        "--flow",
        "my-flow",
        "--group",
        "ops",
        "--ca-file",
        "{dir}/ca.pem",
        "--config",
        "{dir}/new.toml",
    ];
    let run = bench.run(&arguments);
    assert_eq!(run.status, 0, "{}", run.text);
    for part in ["1. authentik-flow check", "2. authentik-flow login"] {
        assert!(run.text.contains(part), "{}", run.text);
    }
    let mode = std::fs::metadata(bench.path("new.toml"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o644);
    let shown = bench.run(&["config", "--config", "{dir}/new.toml"]);
    assert!(
        row(&shown.text, "flow").starts_with("flow my-flow line"),
        "{}",
        shown.text
    );
    assert!(row(&shown.text, "access.groups").starts_with("access.groups ops line"));
    assert!(
        bench.double.requests().is_empty(),
        "the command asked the server"
    );

    let before = bench.read("new.toml");
    let again = bench.run(&[
        "init",
        "--url",
        "https://other.example",
        "--config",
        "{dir}/new.toml",
    ]);
    assert_eq!(again.status, 1);
    assert!(again.text.contains("is there already"), "{}", again.text);
    assert_eq!(bench.read("new.toml"), before);
    for (url, part) in [
        ("http://a.example", "only https"),
        ("a.example", "must begin with https://"),
    ] {
        let run = bench.run(&["init", "--url", url, "--config", "{dir}/third.toml"]);
        assert!(run.status == 2 && run.text.contains(part), "{}", run.text);
        assert!(!bench.path("third.toml").exists());
    }
}

/// The example as a package installs it.
const EXAMPLE: &str = include_str!("../../../../conf/pam_authentik_flow.toml");

/// The same file of version 0.1.0, whose package installed it as the configuration.
const EARLIER_EXAMPLE: &str = include_str!("../../../distros/0.1.0/pam_authentik_flow.toml");

/// A package's configuration without changes may be overwritten. One changed letter makes it
/// the administrator's.
#[test]
fn init_fills_in_the_example_of_a_package_and_nothing_else() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let arguments = ["init", "--url", "{url}", "--config", "{dir}/package.toml"];
    bench.write("package.toml", EXAMPLE, 0o644);
    let run = bench.run(&arguments);
    let kept = format!("{}exit {}\n", run.text, run.status);
    hold_against_transcript("init/example-of-a-package", &kept);
    assert_eq!(run.status, 0);
    let text = bench.read("package.toml");
    assert!(text.contains(&bench.double.url()), "{text}");
    assert_eq!(text.lines().count(), EXAMPLE.lines().count());

    // The one that version 0.1.0 installed may be overwritten too.
    bench.write("package.toml", EARLIER_EXAMPLE, 0o644);
    let run = bench.run(&arguments);
    assert_eq!(run.status, 0, "{}", run.text);
    assert_eq!(bench.read("package.toml"), text);

    for changed in [
        EARLIER_EXAMPLE.replace("linux-login", "linux-logon"),
        EXAMPLE.replace("linux-login", "linux-logon"),
        EXAMPLE.trim_end().to_owned(),
        String::new(),
    ] {
        bench.write("package.toml", &changed, 0o644);
        let run = bench.run(&arguments);
        let kept = format!("{}exit {}\n", run.text, run.status);
        hold_against_transcript("init/changed", &kept);
        assert_eq!(run.status, 1);
        assert_eq!(bench.read("package.toml"), changed);
    }

    // A link may point to a file that does not belong to the package.
    std::fs::remove_file(bench.path("package.toml")).unwrap();
    bench.write("elsewhere.toml", EXAMPLE, 0o644);
    std::os::unix::fs::symlink("elsewhere.toml", bench.path("package.toml")).unwrap();
    let run = bench.run(&arguments);
    assert_eq!(run.status, 1, "{}", run.text);
    assert_eq!(bench.read("elsewhere.toml"), EXAMPLE);
}

#[test]
fn usage_has_a_code_of_its_own_and_shells_complete() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let run = bench.run(&["check", "--service", "../shadow"]);
    assert_eq!(run.status, 2, "{}", run.text);
    for shell in ["bash", "zsh", "fish"] {
        let run = bench.run(&["completions", shell]);
        assert_eq!(run.status, 0);
        assert!(
            run.text.contains("authentik-flow") && run.text.contains("enable"),
            "{shell}"
        );
    }
}

/// Services may use the configuration that is there.
#[test]
fn init_replaces_no_file_with_one_that_the_module_refuses() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let live = "url = \"https://live.example\"\nflow = \"x\"\n[access]\ngroups = [\"a\"]\n";
    bench.write("live.toml", live, 0o644);
    bench.write("loose.pem", &bench.read("ca.pem"), 0o666);
    bench.write("loose.token", "secret", 0o644);
    let init = |more: &[&str]| {
        let arguments = ["init", "--force", "--url", "{url}", "--config"];
        bench.run(&[&arguments[..], &["{dir}/live.toml"], more].concat())
    };
    for (option, value, part) in [
        ("--group", "a\u{7f}b", "nothing is written"),
        ("--ca-file", "{dir}/loose.pem", "chmod"),
        ("--outpost-token-file", "{dir}/loose.token", "chmod"),
    ] {
        let run = init(&[option, value]);
        assert_eq!(run.status, 1, "{option}: {}", run.text);
        assert!(run.text.contains(part), "{option}: {}", run.text);
        assert_eq!(bench.read("live.toml"), live, "{option}");
    }
    // A drop-in that does not fit is found only beside the file.
    std::fs::create_dir(bench.path("live.d")).unwrap();
    bench.write("live.d/10-own.toml", "nonsense = 1\n", 0o644);
    let run = init(&[]);
    assert_eq!(run.status, 1, "{}", run.text);
    assert!(
        run.text.contains("the earlier file is there again"),
        "{}",
        run.text
    );
    assert_eq!(bench.read("live.toml"), live);
}
