//! `disable`: takes the block of `enable` out of each service, whatever else has
//! changed in its file.

use std::path::Path;

use super::block::{self, Bare, Stays};
use super::store::{Copies, PamFile};
use super::{rest, say, show, trial};
use crate::cli::arguments::Disable;
use crate::cli::stack::{Entry, Kind, Stacks};
use crate::cli::{CommandError, Exit};

/// What happens to one service.
enum Verdict {
    /// The block is taken out.
    Out { file: PamFile, bare: Bare },
    /// Nothing of `enable` is in the file.
    Nothing { says: String, forget: bool },
    /// The block stays, for this reason.
    Refused(String),
}

/// Takes the module out of the stacks that `enable` has changed, one service after the
/// other. If one cannot be changed, the others still are.
pub(crate) fn disable(options: &Disable) -> Result<Exit, CommandError> {
    let stacks = Stacks::at(&options.folders.pam_dir);
    let copies = Copies::at(&options.state.state_dir);
    let services = match options.all {
        true => enabled(&stacks),
        false => options.services.clone(),
    };
    if services.is_empty() {
        say("No stack has lines of enable; nothing to do.")?;
    }
    let _lock = lock(options)?;
    // Services whose lines stay.
    let mut left: Vec<&str> = Vec::new();
    for service in &services {
        let path = stacks.path(service);
        match consider(&stacks, &copies, service, options.force) {
            Ok(Verdict::Out { file, bare }) => {
                show(&path, &file.text, &bare.text)?;
                if options.dry_run {
                    continue;
                }
                match file.replace(&bare.text) {
                    Ok(()) => say_done(&copies, service, &options.state.state_dir)?,
                    Err(why) => {
                        left.push(service);
                        say(&format!("{service}: {why}; nothing is changed"))?;
                    }
                }
            }
            Ok(Verdict::Nothing { says, forget }) => {
                say(&format!("{service}: {says}"))?;
                if forget && !options.dry_run {
                    copies.forget(service)?;
                }
            }
            Ok(Verdict::Refused(why)) | Err(why) => {
                left.push(service);
                say(&format!("{service}: {why}; nothing is changed in it"))?;
            }
        }
    }
    // sshd keeps its settings while the module is in its stack.
    let leaves_sshd = match options.all {
        true => !left.contains(&"sshd"),
        false => services.iter().any(|service| service == "sshd") && !left.contains(&"sshd"),
    };
    if let (true, false, Some(drop_in)) = (leaves_sshd, options.dry_run, copies.drop_in()?) {
        say(&drop_in.take_away(&copies)?)?;
    }
    if options.dry_run {
        say("This was a dry run: nothing is written.")?;
    }
    Ok(match left.is_empty() {
        true => Exit::Success,
        false => Exit::Failure,
    })
}

/// Waits for other commands. If the lock cannot be made, as in a `/var` that is mounted
/// read-only, no other command gets it either, and the way back stays open.
fn lock(options: &Disable) -> Result<Option<trial::pending::Lock>, CommandError> {
    let state = &options.state.state_dir;
    if options.dry_run || !state.is_dir() {
        return Ok(None);
    }
    match trial::pending::lock(state) {
        Ok(lock) => Ok(Some(lock)),
        Err(why) => {
            say(&format!(
                "Without a lock: {why}. The lines are still removed."
            ))?;
            Ok(None)
        }
    }
}

/// Says that the lines are out, and forgets what was kept about them.
fn say_done(copies: &Copies, service: &str, state: &Path) -> Result<(), CommandError> {
    say(&format!(
        "{service}: the lines of enable are out; nothing else is changed."
    ))?;
    let forgotten = trial::forget(state, service).and(copies.forget(service));
    match forgotten {
        Ok(()) => Ok(()),
        Err(why) => say(&format!(
            "{service}: the data that enable kept about it stays: {why}"
        )),
    }
}

/// The services with a block of `enable` in their file, or with one of its marks.
fn enabled(stacks: &Stacks) -> Vec<String> {
    let mut services = stacks.services();
    services.retain(|service| !matches!(block::find(&stacks.text(service)), Ok(None)));
    services
}

fn consider(
    stacks: &Stacks,
    copies: &Copies,
    service: &str,
    force: bool,
) -> Result<Verdict, CommandError> {
    let path = &stacks.path(service);
    let file = PamFile::read(path)?;
    let written = copies.find(service)?;
    let bare = match block::take_out(&file.text, &written) {
        Ok(Some(bare)) => bare,
        Ok(None) => return Ok(without_block(stacks, copies, service)),
        Err(Stays::Half(line)) => return Ok(Verdict::Refused(half_a_block(path, line))),
        Err(Stays::Changed(found)) => {
            let wrote = match written.last() {
                Some(written) => {
                    let lines: String = written.lines().map(|line| format!("  {line}\n")).collect();
                    format!("enable had written:\n{lines}")
                }
                None => String::new(),
            };
            return Ok(Verdict::Refused(format!(
                "somebody has changed the lines of enable in {}:\n{}{wrote}remove the module's lines there, down to the line with END, and run this again",
                path.display(),
                found.shown(path)
            )));
        }
    };
    let change = rest::Change {
        stacks,
        service,
        before: &file.text,
        after: &bare.text,
        names: &bare.first.names(),
    };
    Ok(match change.harm().filter(|_| !force) {
        Some(harm) => Verdict::Refused(format!(
            "{harm}; correct the other lines of {}, or add --force if you want this",
            path.display()
        )),
        None => Verdict::Out { file, bare },
    })
}

/// A file without a block.
fn without_block(stacks: &Stacks, copies: &Copies, service: &str) -> Verdict {
    if let Some(refusal) = by_hand(stacks, service) {
        return Verdict::Refused(refusal);
    }
    match copies.has(service) {
        true => Verdict::Nothing {
            says: "the lines of enable are gone: somebody removed them, or another program rewrote the file; nothing to do".into(),
            forget: true,
        },
        false => Verdict::Nothing {
            says: "enable has not changed it; nothing to do".into(),
            forget: false,
        },
    }
}

/// One of the two marks is gone.
pub(super) fn half_a_block(path: &Path, line: usize) -> String {
    format!(
        "{}:{line}: this mark of enable is there, but the other one is gone: remove the lines of the module there (pam_succeed_if.so, pam_localuser.so file=/dev/null, pam_authentik_flow.so) together with the mark",
        path.display()
    )
}

/// Why `disable` does not change a stack that names the module.
fn by_hand(stacks: &Stacks, service: &str) -> Option<CommandError> {
    let read = stacks.load(service);
    let places: Vec<String> = Kind::ALL
        .iter()
        .flat_map(|kind| read.own(*kind))
        .filter(|entry| entry.is_ours())
        .map(Entry::place)
        .collect();
    (!places.is_empty()).then(|| {
        format!(
            "enable did not put the module in ({}); remove it there, together with the lines that jump over it",
            places.join(", ")
        )
    })
}
