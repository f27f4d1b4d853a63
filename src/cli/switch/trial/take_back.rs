//! Takes a change back that nobody has confirmed.

use std::path::Path;
use std::time::Duration;

use super::pending::{self, Pending, Stack};
use super::{end, keeper};
use crate::cli::arguments::TakeBack;
use crate::cli::files::{self, Existing};
use crate::cli::switch::block;
use crate::cli::switch::drop_in::DropIn;
use crate::cli::switch::store::{Copies, PamFile};
use crate::cli::{CommandError, Exit, programs};

/// How often the waiting process looks.
const TICK: Duration = Duration::from_millis(200);
/// When the waiting process tries again.
const AGAIN: Duration = Duration::from_secs(5);
/// Shown at each login, by pam_motd.
const NOTE: &str = "/run/motd.d/90-authentik-flow";

/// The outcome for one stack.
struct Fate {
    what: String,
    /// Whether its lines are still there.
    is_left: bool,
}

/// The command `take-back`, which a unit or the waiting process runs.
pub(crate) fn run(options: &TakeBack) -> Result<Exit, CommandError> {
    let state = &options.state.state_dir;
    if options.wait {
        keeper::detach()?;
        if !wait(state) {
            return Ok(Exit::Success);
        }
    }
    let mut tries: usize = match options.wait {
        true => 12,
        // The timer starts it again.
        false => 3,
    };
    loop {
        tries = tries.saturating_sub(1);
        match at_the_end(state) {
            // A disk that is full may have room again.
            Err(_) if tries > 0 => std::thread::sleep(AGAIN),
            done => return done,
        }
    }
}

/// Waits until the time of the change is over. `false` if it was confirmed, or if
/// another change waits now.
fn wait(state: &Path) -> bool {
    let mut id = None;
    loop {
        // A record that cannot be read now is still there. Only one that was read ends
        // the wait.
        match Pending::load(state) {
            Ok(Some(pending)) if id.is_none_or(|id| id == pending.id) => {
                id = Some(pending.id);
                match pending.left() {
                    Ok(Duration::ZERO) => return true,
                    left => std::thread::sleep(left.unwrap_or(TICK).min(TICK)),
                }
            }
            Ok(_) => return false,
            Err(_) => std::thread::sleep(TICK),
        }
    }
}

/// Takes the change back if its time is over.
fn at_the_end(state: &Path) -> Result<Exit, CommandError> {
    let _lock = pending::lock(state)?;
    let Some(pending) = Pending::load(state)? else {
        let _ = std::fs::remove_dir(state);
        return Ok(Exit::Success);
    };
    // systemd starts the service also for other reasons.
    if !pending.left()?.is_zero() {
        return Ok(Exit::Success);
    }
    take_back(state, &pending, "nobody has confirmed it in time")
}

/// Takes it back now, and reports it in the log, on the terminals and, if lines are
/// left, at each login. The caller has the lock.
///
/// # Errors
/// A file cannot be written. The change stays pending, and the next start of the
/// machine tries again.
pub(super) fn take_back(state: &Path, pending: &Pending, why: &str) -> Result<Exit, CommandError> {
    let copies = Copies::at(state);
    let mut fates = Vec::new();
    let mut failures = Vec::new();
    for stack in &pending.made.stacks {
        match restore(&pending.pam_dir, &copies, stack) {
            Ok(fate) => fates.push(fate),
            Err(failure) => failures.push(format!("{}: {failure}", stack.service)),
        }
    }
    if let Some(drop_in) = &pending.made.sshd {
        match restore_settings(&copies, drop_in, pending.is_of_this_boot()) {
            Ok(fate) => fates.push(fate),
            Err(failure) => failures.push(format!("sshd: {failure}")),
        }
    }
    let is_left = !failures.is_empty() || fates.iter().any(|fate| fate.is_left);
    let mut lines = vec![format!(
        "The change of authentik-flow enable --try ({}) is taken back: {why}.",
        pending.services()
    )];
    lines.extend(fates.into_iter().map(|fate| fate.what));
    lines.extend(failures.iter().cloned());
    if is_left {
        lines.push("THE LINES OF THE MODULE ARE STILL THERE: look at them as root (authentik-flow check), while you can.".into());
    }
    let text = lines.join("\n");
    tell(pending, &text, is_left);
    if let Some(failure) = failures.first() {
        return Err(failure.clone());
    }
    pending::remember(state, &text);
    end(state, pending)?;
    Ok(match is_left {
        true => Exit::Failure,
        false => Exit::Success,
    })
}

fn restore(pam_dir: &Path, copies: &Copies, stack: &Stack) -> Result<Fate, CommandError> {
    let Stack {
        service,
        before,
        after,
        block: written,
    } = stack;
    let done = |what: &str| Fate {
        what: format!("{service}: {what}"),
        is_left: false,
    };
    let left = |what: &str| Fate {
        what: format!("{service}: {what}"),
        is_left: true,
    };
    let path = pam_dir.join(service);
    if path.symlink_metadata().is_err() {
        return Ok(left("its file is not there any more; nothing is written"));
    }
    let file = PamFile::read(&path)?;
    let previous = block::find(before).ok().flatten();
    let keep = || match &previous {
        Some(found) => copies.keep(service, &found.without(before), &found.text),
        None => copies.forget(service),
    };
    if file.text == *before {
        keep()?;
        return Ok(done("the file is as it was before"));
    }
    if file.text == *after {
        file.replace(before)?;
        keep()?;
        return Ok(done("the file is as it was before, byte for byte"));
    }
    let found = match block::find(&file.text) {
        Ok(Some(found)) => found,
        Ok(None) => {
            return Ok(match previous {
                None => done("somebody has taken the lines out already"),
                Some(_) => left(
                    "somebody has taken the lines out, and those that were there before are not put in again",
                ),
            });
        }
        Err(_) => {
            return Ok(left(
                "one of the two marks of its lines is gone; nothing is taken out",
            ));
        }
    };
    if found.text != *written {
        return Ok(left("somebody has changed its lines; nothing is taken out"));
    }
    let without = found.without(&file.text);
    let candidate = match &previous {
        Some(previous) => block::insert(&without, &previous.text, found.lines.start),
        None => without,
    };
    if auth_lines(&candidate) != auth_lines(before) {
        return Ok(left(
            "other auth lines of the file have changed, too, so that taking the module out could let in or keep out the wrong people; nothing is taken out",
        ));
    }
    file.replace(&candidate)?;
    keep()?;
    Ok(done(
        "the auth lines are as they were; what else has changed in the file stays",
    ))
}

/// The settings of sshd. At the start of the machine, sshd has not read them yet.
fn restore_settings(
    copies: &Copies,
    drop_in: &DropIn,
    is_running: bool,
) -> Result<Fate, CommandError> {
    let path = drop_in.path().display();
    if !drop_in.restore(copies)? {
        return Ok(Fate {
            what: format!("sshd: somebody has changed {path}; it stays as it is"),
            is_left: true,
        });
    }
    let mut what = format!("sshd: {path} is as it was before");
    if is_running {
        what.push_str(&match drop_in.read_again() {
            Ok(how) => format!(" ({how})"),
            Err(why) => format!(", but the running sshd has not read that ({why})"),
        });
    }
    Ok(Fate {
        what,
        is_left: false,
    })
}

/// The lines of a stack that decide about a login: auth lines and includes, in a normal
/// form.
fn auth_lines(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
    let words = |line: &str| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    text.lines()
        .map(words)
        .filter(|line| {
            let first = line.split(' ').next().unwrap_or_default().to_lowercase();
            ["auth", "-auth", "@include"].contains(&first.as_str())
        })
        .collect()
}

/// Reports it in the log, on the terminals and, if lines are left, at each login.
fn tell(pending: &Pending, text: &str, is_left: bool) {
    let _ = super::super::say(text);
    // Tests with another folder tell nobody.
    if pending.pam_dir != Path::new("/etc/pam.d") {
        return;
    }
    let priority = match is_left {
        true => "authpriv.err",
        false => "authpriv.notice",
    };
    // Either program may be missing. Both say the same.
    let line = text.replace('\n', " ");
    let _ = programs::ask("logger", &["-t", "authentik-flow", "-p", priority, &line]);
    let _ = programs::ask("wall", &[text]);
    if is_left {
        let path = Path::new(NOTE);
        if let Some(folder) = path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        let _ = files::write(path, &format!("{text}\n"), 0o644, None, Existing::Replace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_decides_a_login_counts() {
        let before = "# a\nauth  required  pam_unix.so\naccount required x.so\n@include y\n";
        let same = "auth required \\\n pam_unix.so # b\n@include y\nsession optional z.so\n";
        assert_eq!(auth_lines(before), auth_lines(same));
        let other = "auth sufficient pam_unix.so\n@include y\n";
        assert_ne!(auth_lines(before), auth_lines(other));
    }
}
