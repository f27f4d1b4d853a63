//! The person at this host. A key that is plugged in here is only for them: a remote user with
//! somebody's password could make it blink, and its owner might touch it.

use std::io::Read;
use std::path::Path;

use crate::config::KeyPlace;
use crate::host::{self, FileKind, read_trusted_file};
use crate::login_context::LoginContext;
use crate::sys::is_setuid;

/// The proof that the person sits at this host, or that the configuration takes
/// everybody for such a one. [`AtThisHost::prove`] alone makes it.
#[derive(Debug)]
pub struct AtThisHost(());

/// Why somebody does not count as sitting at this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotHere {
    /// The service is there for logins over a network.
    #[error("this service is for logins over a network")]
    RemoteService,
    /// The application says that the person is at another host.
    #[error("the application names a remote host (PAM_RHOST)")]
    RemoteHost,
    /// The process belongs to no session of logind.
    #[error("this process belongs to no session that logind knows")]
    NoSession,
    /// The session is of a class without a person in front of it.
    #[error("logind's session is of another class than user, greeter and lock-screen")]
    OtherClass,
    /// The session's person is elsewhere.
    #[error("logind says that the session is remote, or does not say that it is not")]
    RemoteSession,
    /// The session has no seat.
    #[error("logind's session has no seat")]
    NoSeat,
    /// Another session is in the foreground of the seat.
    #[error("logind's session is not in the foreground of its seat")]
    Background,
}

/// Services over a network: their users are never here, whatever the session is that
/// somebody started the daemon from.
const REMOTE_SERVICES: [&str; 8] = [
    "sshd",
    "remote",
    "rlogin",
    "rsh",
    "cockpit",
    "xrdp-sesman",
    "vsftpd",
    "tigervnc",
];
/// The services of programs that ask for a login where there is no session yet.
const GREETERS: [&str; 9] = [
    "gdm-password",
    "sddm",
    "lightdm",
    "greetd",
    "lxdm",
    "xdm",
    "ly",
    "plasmalogin",
    "cosmic-greeter",
];

/// What the host says of this process.
#[derive(Debug, Clone, Default)]
struct Facts {
    /// This host's own name.
    host: String,
    /// What logind has written of the session that this process belongs to.
    session: Option<String>,
    /// The audit ID of that session.
    session_id: Option<u32>,
    /// Whether the process has root's rights, and not by way of a set-uid bit.
    is_root: bool,
    /// The terminal that controls the process is a virtual one of the console.
    is_on_console: bool,
    /// logind has a seat.
    has_seat: bool,
}

impl AtThisHost {
    /// Judges where the person of this login is.
    ///
    /// # Errors
    /// Why it is not proved that they sit here.
    pub fn prove(context: &LoginContext, place: KeyPlace) -> Result<Self, NotHere> {
        judge(context, place, Facts::gather).map(|()| Self(()))
    }
}

fn judge(
    context: &LoginContext,
    place: KeyPlace,
    gather: impl FnOnce() -> Facts,
) -> Result<(), NotHere> {
    if REMOTE_SERVICES
        .iter()
        .any(|service| is_of(&context.service, service))
    {
        return Err(NotHere::RemoteService);
    }
    let facts = gather();
    // sudo can be told to set the name of this very host (pam_rhost in sudoers).
    let is_elsewhere = |rhost: &String| !rhost.is_empty() && *rhost != facts.host;
    if context.rhost.as_ref().is_some_and(is_elsewhere) {
        return Err(NotHere::RemoteHost);
    }
    if place == KeyPlace::Any || is_first_login(context, &facts) {
        return Ok(());
    }
    let session = facts.session.as_deref().ok_or(NotHere::NoSession)?;
    judge_session(session, facts.session_id)
}

/// Whether the service is this one or one of its variants: `sshd`, `sshd-session`.
fn is_of(service: &str, family: &str) -> bool {
    service
        .strip_prefix(family)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-') || rest.starts_with('@'))
}

/// Whether somebody logs in at the console itself, where no session is yet. `login`
/// also runs below telnetd and in a terminal of anybody's: there the terminal is
/// another one.
fn is_first_login(context: &LoginContext, facts: &Facts) -> bool {
    if !facts.is_root || !facts.has_seat {
        return false;
    }
    let terminal = context.tty.as_deref().unwrap_or_default();
    let terminal = terminal.strip_prefix("/dev/").unwrap_or(terminal);
    match context.service.as_str() {
        "login" => facts.is_on_console && is_virtual_terminal(terminal),
        service => GREETERS.contains(&service) && is_virtual_terminal(terminal),
    }
}

/// `tty1` to `tty63`.
fn is_virtual_terminal(name: &str) -> bool {
    let number = name.strip_prefix("tty").unwrap_or_default();
    number
        .parse::<u32>()
        .is_ok_and(|parsed| (1..=63).contains(&parsed) && number == parsed.to_string())
}

/// Judges a file of `/run/systemd/sessions`.
fn judge_session(text: &str, id: Option<u32>) -> Result<(), NotHere> {
    let value = |key: &str| {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value.trim())
    };
    let is_empty = |key: &str| value(key).is_none_or(str::is_empty);
    // A session that logind has given another audit ID than this process has.
    if let (Some(audit), Some(id)) = (value("AUDIT"), id) {
        if audit != id.to_string() {
            return Err(NotHere::NoSession);
        }
    }
    if !matches!(value("CLASS"), Some("user" | "greeter" | "lock-screen")) {
        return Err(NotHere::OtherClass);
    }
    let by_network = |service: &str| REMOTE_SERVICES.iter().any(|it| is_of(service, it));
    if value("REMOTE") != Some("0")
        || !is_empty("REMOTE_HOST")
        || value("SERVICE").is_some_and(by_network)
    {
        return Err(NotHere::RemoteSession);
    }
    if is_empty("SEAT") {
        return Err(NotHere::NoSeat);
    }
    // Who sits at the seat sees the session in its foreground. One that goes on in the
    // background, or outlives its logout, may be shown elsewhere (tmux).
    if value("ACTIVE") != Some("1") || value("STATE") != Some("active") {
        return Err(NotHere::Background);
    }
    Ok(())
}

impl Facts {
    fn gather() -> Self {
        let session_id = read_short("/proc/self/sessionid")
            .and_then(|text| text.trim().parse::<u32>().ok())
            // "No session" is written as the largest number.
            .filter(|id| !matches!(*id, 0 | u32::MAX));
        let session = session_id.and_then(|id| {
            let path = format!("/run/systemd/sessions/{id}");
            let bytes = read_trusted_file(Path::new(&path), FileKind::Configuration).ok()?;
            String::from_utf8(bytes.to_vec()).ok()
        });
        Self {
            host: host::host_name(),
            session,
            session_id,
            is_root: host::runs_as_root() && !is_setuid(),
            is_on_console: read_short("/proc/self/stat").is_some_and(|stat| is_console(&stat)),
            has_seat: Path::new("/run/systemd/seats/seat0").is_file(),
        }
    }
}

/// Whether `/proc/PID/stat` names a virtual terminal as the controlling one
/// (proc_pid_stat(5), `tty_nr`).
fn is_console(stat: &str) -> bool {
    // The program's name is in front, and may hold blanks and brackets.
    let Some((_, fields)) = stat.rsplit_once(')') else {
        return false;
    };
    // State, parent, group, session, terminal.
    let Some(number) = fields.split_whitespace().nth(4) else {
        return false;
    };
    let Ok(number) = number.parse::<u32>() else {
        return false;
    };
    let major = (number >> 8) & 0xfff;
    let minor = (number & 0xff) | ((number >> 12) & 0xfff00);
    major == 4 && (1..=63).contains(&minor)
}

/// The text of a file of the kernel's.
fn read_short(path: &str) -> Option<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_SEAT: &str = "UID=1000\nUSER=alice\nACTIVE=1\nSTATE=active\nREMOTE=0\n\
        TYPE=wayland\nCLASS=user\nSEAT=seat0\nVTNR=2\nSERVICE=gdm-password\nAUDIT=3\n";

    fn context(service: &str, tty: &str, rhost: &str) -> LoginContext {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        LoginContext {
            service: service.into(),
            host: "host".into(),
            tty: some(tty),
            rhost: some(rhost),
            ..LoginContext::default()
        }
    }

    fn in_session(text: &str) -> Facts {
        Facts {
            host: "host".into(),
            session: Some(text.into()),
            session_id: Some(3),
            has_seat: true,
            ..Facts::default()
        }
    }

    fn local(context: &LoginContext, facts: &Facts) -> Result<(), NotHere> {
        judge(context, KeyPlace::Local, || facts.clone())
    }

    #[test]
    fn a_session_at_a_seat_is_here_and_every_other_one_is_not() {
        let sudo = context("sudo", "/dev/pts/1", "");
        assert_eq!(local(&sudo, &in_session(AT_SEAT)), Ok(()));
        for class in ["greeter", "lock-screen"] {
            let text = AT_SEAT.replace("CLASS=user", &format!("CLASS={class}"));
            assert_eq!(local(&sudo, &in_session(&text)), Ok(()), "{class}");
        }
        for (from, to, why) in [
            ("REMOTE=0", "REMOTE=1", NotHere::RemoteSession),
            ("REMOTE=0\n", "", NotHere::RemoteSession),
            // `ssh localhost`, whose session logind does not call remote.
            (
                "REMOTE=0",
                "REMOTE=0\nREMOTE_HOST=::1",
                NotHere::RemoteSession,
            ),
            (
                "SERVICE=gdm-password",
                "SERVICE=sshd",
                NotHere::RemoteSession,
            ),
            (
                "SERVICE=gdm-password",
                "SERVICE=xrdp-sesman",
                NotHere::RemoteSession,
            ),
            ("SEAT=seat0\n", "", NotHere::NoSeat),
            ("SEAT=seat0", "SEAT=", NotHere::NoSeat),
            ("CLASS=user", "CLASS=manager", NotHere::OtherClass),
            ("CLASS=user", "CLASS=background", NotHere::OtherClass),
            ("CLASS=user\n", "", NotHere::OtherClass),
            ("ACTIVE=1", "ACTIVE=0", NotHere::Background),
            ("ACTIVE=1\n", "", NotHere::Background),
            ("STATE=active\n", "", NotHere::Background),
            ("STATE=active", "STATE=online", NotHere::Background),
            ("STATE=active", "STATE=closing", NotHere::Background),
            ("AUDIT=3", "AUDIT=4", NotHere::NoSession),
        ] {
            let text = AT_SEAT.replace(from, to);
            assert_eq!(local(&sudo, &in_session(&text)), Err(why), "{to}");
        }
        assert_eq!(local(&sudo, &in_session("")), Err(NotHere::OtherClass));
        assert_eq!(local(&sudo, &Facts::default()), Err(NotHere::NoSession));
    }

    #[test]
    fn a_remote_service_or_host_outranks_the_session_and_any() {
        let facts = in_session(AT_SEAT);
        for service in ["sshd", "sshd-session", "sshd@x", "cockpit", "xrdp-sesman"] {
            for place in [KeyPlace::Local, KeyPlace::Any] {
                let judged = judge(&context(service, "ssh", ""), place, || facts.clone());
                assert_eq!(judged, Err(NotHere::RemoteService), "{service}");
            }
        }
        for place in [KeyPlace::Local, KeyPlace::Any] {
            let there = context("sudo", "", "10.0.0.1");
            let judged = judge(&there, place, || facts.clone());
            assert_eq!(judged, Err(NotHere::RemoteHost));
            let here = context("sudo", "", "host");
            assert_eq!(judge(&here, place, || facts.clone()), Ok(()));
        }
        let nothing = judge(&context("sudo", "", ""), KeyPlace::Any, Facts::default);
        assert_eq!(nothing, Ok(()));
    }

    #[test]
    fn a_first_login_is_one_at_a_virtual_terminal_of_the_console() {
        let console = Facts {
            host: "host".into(),
            is_root: true,
            is_on_console: true,
            has_seat: true,
            ..Facts::default()
        };
        let greeter = Facts {
            is_on_console: false,
            ..console.clone()
        };
        assert_eq!(local(&context("login", "tty1", ""), &console), Ok(()));
        assert_eq!(local(&context("login", "/dev/tty63", ""), &console), Ok(()));
        assert_eq!(
            local(&context("gdm-password", "/dev/tty1", ""), &greeter),
            Ok(())
        );
        for (service, tty, facts) in [
            // Below telnetd, on a serial line, in a terminal of somebody's.
            ("login", "pts/1", &greeter),
            ("login", "ttyS0", &greeter),
            ("login", "tty1", &greeter),
            ("login", "pts/1", &console),
            ("gdm-password", ":1", &greeter),
            ("gdm-password", "tty64", &greeter),
            ("gdm-password", "tty01", &greeter),
            ("su", "tty1", &console),
            ("anything", "tty1", &console),
        ] {
            let judged = local(&context(service, tty, ""), facts);
            assert_eq!(judged, Err(NotHere::NoSession), "{service} {tty}");
        }
        for facts in [
            Facts {
                is_root: false,
                ..console.clone()
            },
            Facts {
                has_seat: false,
                ..console.clone()
            },
        ] {
            let judged = local(&context("login", "tty1", ""), &facts);
            assert_eq!(judged, Err(NotHere::NoSession));
        }
        let telnet = context("login", "tty1", "far.example");
        assert_eq!(local(&telnet, &console), Err(NotHere::RemoteHost));
    }

    #[test]
    fn the_terminal_is_read_after_the_name() {
        let stat = |number: u32| format!("1 (a b) (c) S 1 1 1 {number} 1 0 0");
        assert!(is_console(&stat(0x0401)));
        assert!(is_console(&stat(0x043f)));
        for number in [0, 0x0400, 0x0440, 0x8800, 0x8801, 0x0501] {
            assert!(!is_console(&stat(number)), "{number:x}");
        }
        assert!(!is_console("1 (login) S 1 1 1"));
        assert!(!is_console(""));
    }
}
