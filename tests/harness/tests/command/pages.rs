//! The stacks in the manual pages: each keeps a way in, as `check` reports it.

use std::fs;
use std::path::Path;

use pam_harness::accounts::LOCAL_ADMIN_PASSWORD;
use pam_harness::{Module, Pam};

use crate::bench::{Bench, COMMON_ACCOUNT, COMMON_AUTH};
use crate::check::require_host;

/// A stack in a page.
struct Printed {
    /// The file that the page names; sshd's if it names none.
    service: String,
    text: String,
}

fn page(name: &str) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(here.join("../../packaging/man").join(name)).unwrap()
}

fn is_of_a_stack(line: &str) -> bool {
    ["auth ", "account ", "password ", "session ", "@include "]
        .iter()
        .any(|start| line.trim_start_matches('-').starts_with(start))
}

/// The displays of a page that contain lines of a stack.
fn printed(page: &str) -> Vec<Printed> {
    let mut found = Vec::new();
    // Each piece except the last ends in a display, after the text that introduces it.
    let mut pieces: Vec<&str> = page.split("\n.Ed\n").collect();
    pieces.pop();
    for piece in pieces {
        let (before, text) = piece.rsplit_once("\n.Bd -literal").unwrap();
        let (_, text) = text.split_once('\n').unwrap();
        if !text.lines().any(is_of_a_stack) {
            continue;
        }
        let heading = before.rfind("\n.Ss ").unwrap_or_default();
        let service = before[heading..]
            .lines()
            .filter_map(|line| line.strip_prefix(".Pa /etc/pam.d/"))
            .next();
        let service = service
            .unwrap_or("sshd")
            .trim_end_matches([' ', ',', '.', ':']);
        found.push(Printed {
            service: service.to_owned(),
            text: format!("{text}\n"),
        });
    }
    found
}

/// The lines as the whole stack of a service. `check` judges logins, so lines of `password` are
/// judged as `auth`: a jump has the same length in both.
fn whole(text: &str) -> String {
    let mut text = text
        .replace("password ", "auth ")
        .replace("common-password", "common-auth")
        .replace("pam_authentik_flow.so", "{module} config={config}");
    let asks = |text: &str| {
        ["pam_unix.so", "@include common-auth", " substack "]
            .iter()
            .any(|word| text.contains(word))
    };
    if !asks(&text) {
        text.push_str("@include common-auth\n");
    }
    text + "account required pam_nologin.so\n@include common-account\n"
}

#[test]
fn every_stack_that_a_page_prints_keeps_a_way_in() {
    require_host!();
    for (name, expected) in [
        ("pam_authentik_flow.8", 9),
        ("pam_authentik_flow.toml.5", 1),
    ] {
        let page = page(name);
        let stacks = printed(&page);
        assert_eq!(
            stacks.len(),
            expected,
            "{name} prints another number of stacks"
        );
        let in_stacks: usize = stacks
            .iter()
            .map(|stack| stack.text.matches("pam_authentik_flow.so").count())
            .sum();
        let is_of_the_module = |line: &&str| {
            line.contains("pam_authentik_flow.so")
                && ["required ", "default=die"]
                    .iter()
                    .any(|control| line.contains(control))
        };
        assert_eq!(
            page.lines().filter(is_of_the_module).count(),
            in_stacks,
            "{name} has a line of the module outside a stack, without its guard"
        );
        for stack in &stacks {
            let bench = Bench::new();
            for other in &stacks {
                if stack
                    .text
                    .contains(&format!("substack {}\n", other.service))
                {
                    bench.stack(&other.service, &whole(&other.text));
                }
            }
            bench.stack(&stack.service, &whole(&stack.text));
            let run = bench.run(&["check", "--service", &stack.service]);
            let judged: Vec<&str> = run
                .text
                .lines()
                .filter(|line| line.contains("PAM stacks"))
                .collect();
            let is_named = |line: &&str| line.contains(&stack.service);
            assert!(
                judged.iter().any(is_named) && !judged.iter().any(|line| line.starts_with('✗')),
                "{name} prints\n{}of which check says\n{}",
                stack.text,
                run.text
            );
        }
    }
}

/// The same through the real libpam, where a jump may end beyond the stack: with a broken
/// configuration the local account logs in with its password.
#[test]
fn the_way_in_works() {
    pam_harness::require_isolation!();
    let page = page("pam_authentik_flow.8");
    let stacks = printed(&page)
        .into_iter()
        .filter(|stack| stack.text.starts_with("auth ") && !stack.text.contains(" substack "));
    let mut count = 0;
    for stack in stacks {
        let text = whole(&stack.text)
            .replace("@include common-auth\n", COMMON_AUTH)
            .replace("@include common-account\n", COMMON_ACCOUNT);
        for (password, code) in [
            (LOCAL_ADMIN_PASSWORD, "PAM_SUCCESS"),
            ("not-his", "PAM_AUTH_ERR"),
        ] {
            let run = Pam::new(&Module::built())
                .service(&stack.service)
                .user("localadmin")
                .stack(&text)
                .config("flwo = \"x\"\n")
                .authenticate()
                .answer_secret_to("Password", password)
                .run();
            assert_eq!(run.code().to_string(), code, "with\n{}", stack.text);
        }
        count += 1;
    }
    assert_eq!(
        count, 6,
        "not these six: sshd, sudo, login, a display manager, and two others"
    );
}
