//! What a person sees at the real sshd, sudo and login, for each kind of stage. The transcripts
//! are in `snapshots`: `cargo insta review` shows the effect of a change.

mod demo;
mod person;
mod scenarios;
mod sudo_rs;

use authentik_double::{Double, Version};
use pam_harness::host::{RealHost, configuration};
use person::tidy;
use scenarios::{SCENARIOS, Scenario};
use std::path::Path;

/// One question and one try: a refusal ends sudo.
const SUDOERS: &str = "Defaults !lecture\nDefaults passwd_tries=1\nALL ALL=(ALL:ALL) ALL\n";

const PROGRAMS: [&str; 3] = ["ssh", "sudo", "login"];
/// For the most common cases: code, menu, push, enrolment, refusal.
const ALL_PROGRAMS: [&str; 5] = ["ssh", "sudo", "sudo -p", "login", "su"];
const IN_ALL_PROGRAMS: [&str; 5] = ["code", "menu", "push", "set_up_an_app", "denied"];
/// The text of `sudo -p`, which replaces each prompt.
const OWN_PROMPT: &str = "My own prompt: ";

/// Runs a scenario with one program, which may be among `packages`, and returns the transcript.
fn see(program: &str, scenario: &Scenario, packages: Option<&Path>) -> String {
    let double = Double::builder().without_pause().start();
    double.world(scenario.world);
    let config = format!(
        "{}\n[prompt]\n{}\n",
        configuration(&double, scenario.flow),
        scenario.prompt
    );
    let mut host = RealHost::new(&double)
        .config(&config)
        .file("/etc/sudoers", SUDOERS, 0o440)
        .file("/etc/sudoers-rs", sudo_rs::SUDOERS, 0o440);
    if let Some(packages) = packages {
        host = host.packages(packages);
    }
    let host = host.start();
    if packages.is_some() {
        sudo_rs::install(&host);
    }
    let user = scenario.user;
    let mut terminal = match program {
        "ssh" => host
            .ssh(user)
            .option("NumberOfPasswordPrompts=1")
            .option("PreferredAuthentications=keyboard-interactive")
            .run(&["id", "-un"]),
        "sudo" => host.sudo(user, &["id", "-un"]),
        "sudo-rs" => host.terminal(user, &[sudo_rs::PROGRAM, "id", "-un"]),
        "sudo-rs -p" => host.terminal(
            user,
            &[sudo_rs::PROGRAM, "-p", OWN_PROMPT.trim_end(), "id", "-un"],
        ),
        "sudo -p" => host.sudo(user, &["-p", OWN_PROMPT, "id", "-un"]),
        // Everyone may use su. Its questions are for the target account.
        "su" => host.su("operator", &[user, "-c", "id -un"]),
        _ => host.login(),
    };
    if program == "login" {
        terminal.expect("login: ").send_line(user);
    }
    for (number, step) in (scenario.steps)().into_iter().enumerate() {
        let own = (program == "sudo -p").then_some(OWN_PROMPT);
        // Only that text asks for the password.
        step.take(&mut terminal, &double, own, number == 0);
    }
    if program == "login" {
        if !scenario.gets_in {
            // It asks for the next one, until somebody hangs up; or gives up itself.
            terminal.expect_or_end(&["login: ", "Maximum number of tries exceeded"]);
            return tidy(&terminal.transcript(), &double);
        }
        terminal.expect("$ ").send_line("id -un; exit");
    }
    let ended = terminal.finish();
    let text = tidy(&ended.transcript, &double);
    format!("{text}\n[exit status {}]", ended.status)
}

fn named(name: &str) -> &'static Scenario {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
    scenario.unwrap_or_else(|| panic!("there is no scenario {name}"))
}

fn keep(name: &str) {
    let scenario = named(name);
    let programs: &[&str] = if IN_ALL_PROGRAMS.contains(&name) {
        &ALL_PROGRAMS
    } else {
        &PROGRAMS
    };
    let seen: Vec<String> = programs
        .iter()
        .map(|program| format!("=== {program}\n{}", see(program, scenario, None)))
        .collect();
    let newer = name == "link_by_mail" && Version::asked_for().confirms_links();
    let name = if newer {
        "link_by_mail_confirmed"
    } else {
        name
    };
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, seen.join("\n\n"));
    });
}

macro_rules! transcripts {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                pam_harness::require_real_host!("sshd", "ssh", "sudo", "login");
                keep(stringify!($name));
            }
        )*

        #[test]
        fn every_scenario_is_kept() {
            let kept = [$(stringify!($name)),*];
            for scenario in SCENARIOS {
                assert!(kept.contains(&scenario.name), "{}", scenario.name);
            }
        }
    };
}

transcripts!(
    password,
    combined,
    code,
    menu,
    message,
    push,
    push_refused,
    everything,
    set_up_an_app,
    set_up_recovery_codes,
    set_up_by_message,
    set_up_duo,
    link_by_mail,
    consent_declined,
    needs_a_browser,
    security_key_alone,
    denied,
    redirect_stage,
    german,
);
