//! The QR code of an authenticator app: it fits a terminal of 80 columns and 24 lines,
//! and a reader of QR codes finds it on a dark and on a light background.

use crate::case::PASSWORD;
use authentik_double::{Double, Enrolment, Flow, Validate};
use pam_harness::host::{RealHost, Terminal, configuration};
use std::path::Path;

const COLUMNS: usize = 80;
const LINES: usize = 24;
const RENDER: &str = include_str!("render_screen.py");
/// How much a picture is blurred, in pixels; a letter is 10 wide.
const SHARP: u8 = 0;
const BLURRED: u8 = 5;
const PROMPT: &str = "First code from the app";

/// A double whose flow `enrol` sets up an authenticator app.
pub(crate) fn enrolling() -> Double {
    let double = Double::builder().without_pause().start();
    double.world(|world| {
        world.add_flow(
            Flow::new("enrol")
                .identification()
                .password()
                .bind(Validate::new().configure(&[Enrolment::Totp]))
                .user_login(),
        );
    });
    double
}

fn host(packages: Option<&Path>) -> (Double, RealHost) {
    let double = enrolling();
    let mut host = RealHost::new(&double)
        .config(&configuration(&double, "enrol"))
        .file("/root/render_screen.py", RENDER, 0o644);
    if let Some(packages) = packages {
        host = host.packages(packages);
    }
    let host = host.start();
    (double, host)
}

/// Everything that the terminal shows or has shown, in lines of 80 columns.
fn lines(transcript: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in transcript.replace("[hidden]", "").lines() {
        let line: Vec<char> = line.chars().collect();
        match line.chunks(COLUMNS).map(|part| part.iter().collect()) {
            parts if parts.len() == 0 => lines.push(String::new()),
            parts => lines.extend(parts),
        }
    }
    lines
}

/// The QR codes in these lines, read on a background that is `dark` or `light`.
///
/// With `blur` the picture resembles that of a camera, which cannot see the strokes of a
/// letter.
fn read(host: &RealHost, lines: &[String], background: &str, blur: u8) -> Vec<String> {
    host.write("/root/screen", &lines.join("\n"));
    let command = format!(
        "cd /root && python3 render_screen.py screen {background} {blur} screen.pgm && zbarimg --quiet --raw -Sdisable -Sqrcode.enable screen.pgm"
    );
    let output = host.output("root", &["sh", "-c", &command]);
    let said = String::from_utf8_lossy(&output.stderr);
    // Status 4: there is no code in the picture.
    assert!(matches!(output.status.code(), Some(0 | 4)), "{said}");
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    found.lines().map(str::to_owned).collect()
}

/// The address that must be in the code, with the secret that is printed below it.
fn address(transcript: &str, user: &str) -> String {
    let secret = transcript
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("Secret: "));
    let secret = secret.expect("the secret as text").trim();
    assert_eq!(secret.len(), 32, "{secret}");
    format!("otpauth://totp/authentik%3A{user}?secret={secret}&issuer=authentik")
}

/// Presses Enter, and returns the lines that are on the screen then.
fn another_way(terminal: &mut Terminal) -> Vec<String> {
    terminal.send_secret("");
    terminal.expect(PROMPT);
    terminal.expect(": ");
    lines(&terminal.transcript())
}

fn last(lines: &[String], number: usize) -> &[String] {
    &lines[lines.len().saturating_sub(number)..]
}

#[test]
fn the_code_fits_the_screen_and_is_read_on_dark_and_light() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let packages =
        pam_harness::require_packages!("zbarimg", "python3", "python3/dist-packages/PIL/Image.py");
    let (double, host) = host(Some(&packages));
    let by_ssh = || host.ssh("alice").run(&["true"]);
    let by_sudo = || host.sudo("alice", &["-k", "true"]);
    let ways: [(&str, &dyn Fn() -> Terminal); 2] = [("ssh", &by_ssh), ("sudo", &by_sudo)];
    for (program, start) in ways {
        let mut terminal = start();
        terminal.answer("assword", PASSWORD);
        terminal.expect(PROMPT);
        terminal.expect(": ");
        let expected = [address(&terminal.transcript(), "alice")];

        let dark = lines(&terminal.transcript());
        let screen = last(&dark, LINES);
        assert_eq!(read(&host, screen, "dark", SHARP), expected, "{program}");
        let text = screen.join("\n");
        // Its text is on the same screen.
        for part in ["Scan this", "Secret: ", PROMPT] {
            assert!(text.contains(part), "{program}, {part}:\n{text}");
        }

        let light = another_way(&mut terminal);
        assert_eq!(read(&host, last(&light, LINES), "light", SHARP), expected);
        // The other drawing is on a background for which it was not made.
        let reversed = [(&dark, "light"), (&light, "dark")];
        assert!(reversed.iter().all(|(lines, background)| {
            read(&host, last(lines, LINES), background, SHARP).is_empty()
        }));

        // Then without Unicode: too high for one screen, but not too wide.
        for background in ["dark", "light"] {
            let ascii = another_way(&mut terminal);
            let shown = last(&ascii, 42);
            assert!(shown.iter().all(|line| line.is_ascii()), "{shown:#?}");
            assert_eq!(
                read(&host, shown, background, BLURRED),
                expected,
                "{program}"
            );
        }
        let code = double.totp_of_secret(
            expected[0]
                .split("secret=")
                .nth(1)
                .and_then(|rest| rest.split('&').next())
                .expect("a secret"),
        );
        terminal.send_secret(&code);
        assert_eq!(terminal.finish().status, 0);
        // The next program sets up another app.
        double.world(|world| world.user_mut("alice").devices.clear());
    }
}

#[test]
fn without_a_utf8_locale_ascii_comes_first() {
    pam_harness::require_real_host!("sudo");
    let (_double, host) = host(None);
    for (locale, ascii) in [("C", true), ("C.UTF-8", false)] {
        let variable = format!("LC_ALL={locale}");
        let mut terminal = host.terminal("alice", &["env", &variable, "sudo", "-k", "true"]);
        terminal.answer("assword", PASSWORD);
        terminal.expect(PROMPT);
        let shown = terminal.transcript();
        assert_eq!(shown.contains("@@@@@@@@"), ascii, "{locale}:\n{shown}");
        assert_eq!(shown.is_ascii(), ascii, "{locale}:\n{shown}");
    }
}
