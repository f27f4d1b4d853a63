//! `disable`: takes the block of `enable` out of each service, whatever else has
//! changed in its file.

use std::path::Path;

use super::block::{self, Found};
use super::store::{Copies, PamFile};
use super::{say, show, trial};
use crate::cli::arguments::Disable;
use crate::cli::stack::{Entry, Kind, Stacks};
use crate::cli::{CommandError, Exit};

/// What happens to one service.
enum Verdict {
    /// The block is taken out.
    Out { file: PamFile, found: Found },
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
    let state = &options.state.state_dir;
    let _lock = match state.is_dir() && !options.dry_run {
        true => Some(trial::pending::lock(state)?),
        false => None,
    };
    // Services whose lines stay.
    let mut left: Vec<&str> = Vec::new();
    for service in &services {
        let path = stacks.path(service);
        match consider(&stacks, &copies, service, &path) {
            Ok(Verdict::Out { file, found }) => {
                let after = found.without(&file.text);
                show(&path, &file.text, &after)?;
                if options.dry_run {
                    continue;
                }
                let done = file
                    .replace(&after)
                    .and_then(|()| trial::forget(state, service))
                    .and_then(|()| copies.forget(service));
                match done {
                    Ok(()) => say(&format!(
                        "{service}: the lines of enable are out; nothing else is changed."
                    ))?,
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

/// The services with a block of `enable` in their file.
fn enabled(stacks: &Stacks) -> Vec<String> {
    let mut services = stacks.services();
    services.retain(|service| {
        let text = std::fs::read_to_string(stacks.path(service)).unwrap_or_default();
        !matches!(block::find(&text), Ok(None))
    });
    services
}

fn consider(
    stacks: &Stacks,
    copies: &Copies,
    service: &str,
    path: &Path,
) -> Result<Verdict, CommandError> {
    let file = PamFile::read(path)?;
    let found = match block::find(&file.text) {
        Ok(found) => found,
        Err(line) => return Ok(Verdict::Refused(half_a_block(path, line))),
    };
    let written = copies.find(service)?;
    let Some(found) = found else {
        if let Some(refusal) = by_hand(stacks, service) {
            return Ok(Verdict::Refused(refusal));
        }
        return Ok(match copies.has(service) {
            true => Verdict::Nothing {
                says: "the lines of enable are not in it any more: somebody has taken them out, or another program has written the file again; nothing to do".into(),
                forget: true,
            },
            false => Verdict::Nothing {
                says: "enable has not changed it; nothing to do".into(),
                forget: false,
            },
        });
    };
    if found.is_whole(written.as_deref()) {
        return Ok(Verdict::Out { file, found });
    }
    let wrote = match written {
        Some(written) => {
            let lines: String = written.lines().map(|line| format!("  {line}\n")).collect();
            format!("enable had written:\n{lines}")
        }
        None => String::new(),
    };
    Ok(Verdict::Refused(format!(
        "somebody has changed the lines of enable in {}:\n{}{wrote}take out what belongs to the module there, down to the line with END, and run this again",
        path.display(),
        found.shown(path)
    )))
}

/// One of the two marks is gone.
pub(super) fn half_a_block(path: &Path, line: usize) -> String {
    format!(
        "{}:{line}: this mark of enable stands alone, and the other one is gone: take out the lines of the module there (pam_succeed_if.so, pam_localuser.so file=/dev/null, pam_authentik_flow.so) together with the mark",
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
            "somebody else than enable has put the module in ({}); take it out there, together with the lines that jump over it",
            places.join(", ")
        )
    })
}
