//! `sudo -p`, which replaces every prompt of a module with the person's own text.

use crate::case::PASSWORD;
use authentik_double::Double;
use pam_harness::host::{RealHost, Terminal, configuration};

const TEXT: &str = "TEXT:";

fn host(double: &Double, flow: &str, sudoers: &str, prompt: &str) -> RealHost {
    let config = configuration(double, flow);
    RealHost::new(double)
        .config(&format!("{config}\n[prompt]\n{prompt}\n"))
        .file(
            "/etc/sudoers",
            &format!("Defaults !lecture,{sudoers}passwd_tries=1\nALL ALL=(ALL:ALL) ALL\n"),
            0o440,
        )
        .start()
}

/// The terminal's output between the password and the end.
fn end(terminal: Terminal) -> String {
    let ended = terminal.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
    ended.transcript
}

fn times(seen: &str, words: &str) -> usize {
    seen.matches(words).count()
}

#[test]
fn a_prompt_that_sudo_p_replaces_is_shown_above_it() {
    pam_harness::require_real_host!("sudo");
    let double = Double::builder().without_pause().start();
    let mfa = host(&double, "linux-mfa", "", "");
    for (options, code) in [
        (["-p", TEXT], "zoe000000000"),
        (["-kp", TEXT], "zoe000000001"),
        (["--prompt", TEXT], "zoe000000002"),
    ] {
        let mut terminal = mfa.sudo("zoe", &[&options[..], &["id", "-un"]].concat());
        terminal.answer(TEXT, PASSWORD);
        terminal
            .expect("4) code by text message")
            .expect("Code or option (1-5):");
        terminal.answer(TEXT, "1");
        terminal.expect("Recovery code:");
        terminal.answer(TEXT, code);
        let seen = end(terminal);
        // The password needs no text of the module.
        assert_eq!(times(&seen, "assword"), 0, "{seen}");
        assert_eq!(times(&seen, "Second factor:"), 1, "{seen}");
    }

    // Prompts with echo are replaced too.
    let consent = host(&double, "linux-consent", "", "");
    let mut terminal = consent.sudo("alice", &["-p", TEXT, "id", "-un"]);
    terminal.answer(TEXT, PASSWORD);
    terminal
        .expect("Allow this? [y/N]")
        .expect(TEXT)
        .send_line("y");
    assert!(end(terminal).contains("root\n"));
}

#[test]
fn sudo_alone_shows_each_question_once() {
    pam_harness::require_real_host!("sudo");
    let double = Double::builder().without_pause().start();
    let mfa = host(&double, "linux-mfa", "", "");
    let mut terminal = mfa.sudo("carol", &["id", "-un", "-p"]);
    terminal.answer("password for carol:", PASSWORD);
    terminal.answer("Authentication code:", "carol0000000");
    let ended = terminal.finish();
    assert_eq!(
        times(&ended.transcript, "Authentication code:"),
        1,
        "{}",
        ended.transcript
    );
}

/// The module cannot see this setting of sudoers. `style = "short"` exists for it.
#[test]
fn with_passprompt_override_the_short_style_shows_what_is_asked() {
    pam_harness::require_real_host!("sudo");
    let double = Double::builder().without_pause().start();
    let mfa = host(
        &double,
        "linux-mfa",
        "passprompt_override,",
        "style = \"short\"",
    );
    let mut terminal = mfa.sudo("carol", &["id", "-un"]);
    terminal.answer("password for carol:", PASSWORD);
    terminal.expect("Authentication code:");
    terminal.answer("password for carol:", "carol0000000");
    let seen = end(terminal);
    assert!(seen.contains("root\n"), "{seen}");
}
