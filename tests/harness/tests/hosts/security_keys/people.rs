//! What a person at the host sees of a login with a security key, program by program. The
//! transcripts are in `snapshots`.

use super::{AT_SEAT, Bench, PIN};
use crate::case::PASSWORD;
use authentik_double::{Device, Validate};
use pam_harness::host::{RealHost, Terminal};
use pam_harness::virtual_key::{Event, Settings, Touch};

const TOUCH: &str = "touch your security key: ";
const ASK_PIN: &str = "PIN of your security key (then touch it): ";
const INSERT: &str = "Insert your security key and press Enter: ";
/// Where the kernel lists the key, and a name that no key has.
const LISTED: &str = "/sys/class/hidraw/hidraw7";
const UNLISTED: &str = "/sys/class/hidraw/unplugged";

/// A refusal ends sudo and login.
const SUDOERS: &str = "Defaults !lecture\nDefaults passwd_tries=1\nALL ALL=(ALL:ALL) ALL\n";

/// What kay does before and after the password.
struct Scenario {
    name: &'static str,
    before: fn(&RealHost),
    answers: fn(&RealHost, &mut Terminal),
    gets_in: bool,
}

fn scenario(name: &'static str, answers: fn(&RealHost, &mut Terminal)) -> Scenario {
    Scenario {
        name,
        before: |_| {},
        answers,
        gets_in: true,
    }
}

const PROGRAMS: [&str; 4] = ["sudo", "su", "login", "a locker without root"];

fn start(host: &RealHost, program: &str) -> Terminal {
    match program {
        "sudo" => host.sudo("kay", &["-k", "id", "-un"]),
        "su" => host.su("carol", &["kay", "-c", "id -un"]),
        "login" => {
            let mut terminal = host.login();
            terminal.expect("login: ").send_line("kay");
            terminal
        }
        _ => host.locker("kay"),
    }
}

/// The text of the program after a login.
fn welcome(program: &str) -> &'static str {
    match program {
        "sudo" => "\nroot\n",
        "su" => "\nkay\n",
        "login" => "$ ",
        _ => "unlocked: PAM_SUCCESS",
    }
}

/// Runs it with each program, and keeps the transcript.
#[track_caller]
fn keep(bench: &Bench, scenario: &Scenario) {
    let gets_in = scenario.gets_in;
    let host = bench.host().file("/etc/sudoers", SUDOERS, 0o440).start();
    host.session(AT_SEAT);
    let mut seen = Vec::new();
    for program in PROGRAMS {
        (scenario.before)(&host);
        let mut terminal = start(&host, program);
        terminal.answer("assword", PASSWORD);
        (scenario.answers)(&host, &mut terminal);
        if program == "login" && gets_in {
            terminal.expect("$ ").send_line("id -un; exit");
        }
        let transcript = if program == "login" && !gets_in {
            // It asks again until the user disconnects, or gives up itself.
            terminal.expect_or_end(&["login: ", "Maximum number of tries exceeded"]);
            terminal.transcript()
        } else {
            terminal.finish().transcript
        };
        let is_in = transcript.contains(welcome(program));
        assert_eq!(is_in, gets_in, "{program}:\n{transcript}");
        let lines: Vec<&str> = transcript.lines().map(str::trim_end).collect();
        seen.push(format!("=== {program}\n{}", lines.join("\n").trim_end()));
    }
    let lines = host.new_lines();
    let right = if gets_in {
        "PAM_SUCCESS"
    } else {
        "PAM_AUTH_ERR"
    };
    let wrong = if gets_in {
        "PAM_AUTH_ERR"
    } else {
        "PAM_SUCCESS"
    };
    let said = |code: &str| lines.iter().filter(|line| line.contains(code)).count();
    assert!(said(right) >= PROGRAMS.len(), "{lines:#?}");
    assert_eq!(said(wrong), 0, "{lines:#?}");
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(scenario.name, seen.join("\n\n"));
    });
}

fn touched(bench: &Bench) -> usize {
    let events = bench.key.events();
    events.iter().filter(|it| **it == Event::Touched).count()
}

#[test]
fn a_password_and_a_touch_log_in() {
    pam_harness::require_real_host!("sudo", "su", "login");
    let bench = Bench::new(Validate::new(), Settings::default());
    let touch = scenario("touch", |_, terminal| {
        terminal.answer(TOUCH, "");
    });
    keep(&bench, &touch);
    assert_eq!(touched(&bench), PROGRAMS.len());
}

#[test]
fn a_pin_is_asked_for_where_the_stage_requires_it() {
    pam_harness::require_real_host!("sudo", "su", "login");
    let settings = Settings {
        pin: Some(PIN.into()),
        ..Settings::default()
    };
    let bench = Bench::new(Validate::new().user_verification_required(), settings);
    let pin = scenario("pin", |_, terminal| {
        terminal.answer(ASK_PIN, "4712");
        terminal.expect("7 tries are left.").answer(ASK_PIN, PIN);
    });
    keep(&bench, &pin);
    assert_eq!(touched(&bench), PROGRAMS.len());
}

#[test]
fn a_key_may_be_inserted_when_it_is_asked_for() {
    pam_harness::require_real_host!("sudo", "su", "login");
    let bench = Bench::new(Validate::new(), Settings::default());
    let insert = scenario("insert", |host, terminal| {
        // There is none yet.
        terminal.answer(INSERT, "");
        terminal.expect(INSERT);
        rename(host, UNLISTED, LISTED);
        terminal.send_secret("");
        terminal.answer(TOUCH, "");
    });
    let insert = Scenario {
        before: |host| rename(host, LISTED, UNLISTED),
        ..insert
    };
    keep(&bench, &insert);
    assert_eq!(touched(&bench), PROGRAMS.len());
}

/// Plugs the key in or pulls it out: the kernel lists it or does not.
#[track_caller]
fn rename(host: &RealHost, from: &str, to: &str) {
    let output = host.output("root", &["mv", from, to]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_key_that_declines_three_times_ends_it() {
    pam_harness::require_real_host!("sudo", "su", "login");
    let settings = Settings {
        touch: Touch::Declines,
        ..Settings::default()
    };
    let bench = Bench::new(Validate::new(), settings);
    let declined = scenario("declined", |_, terminal| {
        for _ in 0..3 {
            terminal.answer(TOUCH, "");
        }
    });
    let declined = Scenario {
        gets_in: false,
        ..declined
    };
    keep(&bench, &declined);
    assert_eq!(touched(&bench), 0);
}

#[test]
fn a_key_stands_in_the_menu_beside_a_code() {
    pam_harness::require_real_host!("sudo", "su", "login");
    let bench = Bench::new(Validate::new(), Settings::default());
    bench.double.world(|world| {
        let user = world.user_mut("kay");
        *user = user.clone().device(Device::totp(b"12345678901234567890"));
    });
    let menu = scenario("menu", |_, terminal| {
        terminal.answer("Code or option (1-2): ", "1");
    });
    keep(&bench, &menu);
    assert_eq!(touched(&bench), PROGRAMS.len());
}
