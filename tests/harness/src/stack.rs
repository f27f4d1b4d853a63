//! The text of a PAM stack, and two helpers in it.
//!
//! libpam lets only modules read and set `PAM_AUTHTOK`. If a test needs its value or wants to
//! set it, the stack has lines with `pam_exec.so expose_authtok`. They are marked
//! `[default=ignore]`, so that they never count. If nothing is set, `pam_exec` asks for it and
//! sets the answer. A marker file tells our conversation when such a helper asks.

use std::fs;
use std::io;
use std::path::Path;

/// The contents of the marker file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// A module of the stack is running.
    None,
    /// The helper that sets `PAM_AUTHTOK` is.
    Preset,
    /// The helper that reads `PAM_AUTHTOK` is.
    Capture,
}

impl Marker {
    pub(crate) fn read(path: Option<&Path>) -> Marker {
        match path
            .and_then(|path| fs::read_to_string(path).ok())
            .as_deref()
        {
            Some("preset") => Marker::Preset,
            Some("capture") => Marker::Capture,
            _ => Marker::None,
        }
    }
}

/// The stack if the test sets none with `.stack(…)`.
pub(crate) const DEFAULT: &str = "\
{preset?}
auth     required {module} {arguments}
{capture?}
account  required {module} {arguments}
password required {module} {arguments}
{capture_password?}
session  required {module} {arguments}
";

/// The stack of a service without one.
pub(crate) const OTHER: &str = "\
auth     required pam_deny.so
account  required pam_deny.so
password required pam_deny.so
session  required pam_deny.so
";

/// The values of the placeholders in a stack or a configuration.
pub(crate) struct Placeholders<'a> {
    pub(crate) module: &'a str,
    pub(crate) arguments: &'a str,
    pub(crate) config: &'a str,
    pub(crate) dir: &'a str,
    pub(crate) preset: bool,
    pub(crate) capture: bool,
}

impl Placeholders<'_> {
    /// The text with every placeholder replaced.
    pub(crate) fn fill(&self, text: &str) -> String {
        let helper = |kind: &str, word: &str, what: &str| {
            let run = format!("{kind} [default=ignore] pam_exec.so quiet seteuid");
            let dir = self.dir;
            format!(
                "{run} /bin/sh {dir}/mark {word}\n\
                 {run} expose_authtok /bin/sh {dir}/{what}\n\
                 {run} /bin/sh {dir}/mark none"
            )
        };
        let preset = helper("auth", "preset", "swallow");
        let capture = helper("auth", "capture", "capture");
        let capture_password = helper("password", "capture", "capture");
        let wanted = |yes: bool, lines: &str| if yes { lines.to_owned() } else { String::new() };
        text.replace("{arguments}", self.arguments)
            .replace("{preset?}", &wanted(self.preset, &preset))
            .replace("{capture?}", &wanted(self.capture, &capture))
            .replace(
                "{capture_password?}",
                &wanted(self.capture, &capture_password),
            )
            .replace("{preset}", &preset)
            .replace("{capture}", &capture)
            .replace("{capture_password}", &capture_password)
            .replace("{module}", self.module)
            .replace("{config}", self.config)
            .replace("{dir}", self.dir)
    }
}

/// Writes the helpers' shell scripts into the directory.
pub(crate) fn write_helpers(dir: &Path) -> io::Result<()> {
    let at = dir.display();
    // The result of an earlier authentication must not be read for this one.
    let mark =
        format!("[ \"$1\" = capture ] && rm -f {at}/authtok\nprintf %s \"$1\" >{at}/marker\n");
    fs::write(dir.join("mark"), mark)?;
    fs::write(dir.join("swallow"), "cat >/dev/null\n")?;
    fs::write(
        dir.join("capture"),
        format!("umask 077\ncat >{at}/authtok\n"),
    )
}
