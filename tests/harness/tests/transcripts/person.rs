//! The person at the terminal, and the transcript.

use authentik_double::Double;
use pam_harness::host::Terminal;
use std::time::{Duration, Instant};

/// What the person types, known before or only then.
pub(crate) enum Typed {
    /// This text.
    Text(&'static str),
    /// The result of this function for the double and the screen.
    Then(fn(&Double, &str) -> Option<String>),
}

/// One question and its answer.
pub(crate) struct Step {
    waits_for: &'static str,
    hidden: bool,
    typed: Typed,
}

impl Step {
    /// Waits for these words, and types text that the screen must not show.
    pub(crate) const fn secret(waits_for: &'static str, typed: Typed) -> Step {
        Step {
            waits_for,
            hidden: true,
            typed,
        }
    }

    /// Waits for these words, and types text that the screen shows.
    pub(crate) const fn line(waits_for: &'static str, typed: &'static str) -> Step {
        Step {
            waits_for,
            hidden: false,
            typed: Typed::Text(typed),
        }
    }

    /// With `sudo -p`, `own` replaces each prompt, and the module's text is above it, except
    /// for the password.
    pub(crate) fn take(
        &self,
        terminal: &mut Terminal,
        double: &Double,
        own: Option<&str>,
        is_first: bool,
    ) {
        if own.is_none() || !is_first {
            terminal.expect(self.waits_for);
        }
        if let Some(own) = own {
            terminal.expect(own);
        }
        let text = match self.typed {
            Typed::Text(text) => text.to_owned(),
            Typed::Then(think) => {
                let deadline = Instant::now() + Duration::from_secs(20);
                loop {
                    if let Some(text) = think(double, &terminal.transcript()) {
                        break text;
                    }
                    assert!(Instant::now() < deadline, "{}", terminal.transcript());
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        };
        if self.hidden {
            terminal.send_secret(&text);
        } else {
            terminal.send_line(&text);
        }
    }
}

/// The transcript without the parts that always differ.
pub(crate) fn tidy(transcript: &str, double: &Double) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut drawn = 0;
    for line in transcript.lines() {
        // A QR code: half blocks and blanks in the whole line.
        let is_drawn = |c| matches!(c, ' ' | '\u{2580}' | '\u{2584}' | '\u{2588}');
        if line.chars().count() > 20 && line.chars().all(is_drawn) {
            drawn += 1;
            continue;
        }
        if drawn > 0 {
            lines.push(format!("[a QR code of {drawn} lines]"));
            drawn = 0;
        }
        lines.push(tidy_line(line, double));
    }
    lines.join("\n").trim_end().to_owned()
}

fn tidy_line(line: &str, double: &Double) -> String {
    let mut line = line.replace(&double.url(), "https://authentik");
    if let Some((before, after)) = line.split_once("secret=") {
        let rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        line = format!("{before}secret=[secret]{rest}");
    }
    if let Some((before, _)) = line.split_once("Secret: ") {
        line = format!("{before}Secret: [secret]");
    }
    if let Some((before, _)) = line.split_once("duo://") {
        line = format!("{before}duo://[activation]");
    }
    let code = line.trim_start();
    if line.starts_with("  ") && code.len() == 12 && code.chars().all(|c| c.is_ascii_alphanumeric())
    {
        line = "  [recovery code]".into();
    }
    line.trim_end().to_owned()
}
