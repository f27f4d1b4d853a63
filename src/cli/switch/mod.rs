//! `enable` and `disable`: the module in the stack of a service, and out of it.

mod edit;
mod names;
mod store;

use std::io::Write;
use std::path::Path;

use anstyle::AnsiColor;
use similar::{ChangeTag, TextDiff};

use super::arguments::{Disable, Enable};
use super::fallback;
use super::judge::{LeftAlone, has_local_way_in};
use super::login_shells::{self, LoginShell};
use super::setup::{Setup, find_ours};
use super::stack::{Entry, Kind, Stacks, readable};
use super::{Exit, Refusal, printed};
use edit::Guard;
use store::{Copies, PamFile};

/// A change that is thought through and not made yet.
struct Change {
    service: String,
    file: PamFile,
    after: String,
}

/// Puts the module into stacks. Nothing is written before all of it is known to
/// be right.
pub(crate) fn enable(options: &Enable) -> Result<Exit, Refusal> {
    let mut stacks = Stacks::at(&options.folders.pam_dir);
    let copies = Copies::at(&options.state.state_dir);
    if let Err(places) = find_ours(&options.folders) {
        let places: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
        let places = match places.is_empty() {
            true => "no folder of PAM modules is found".into(),
            false => format!("{} is not there", places.join(", ")),
        };
        return Err(format!(
            "the module is not installed: {places}; nothing is changed"
        ));
    }
    let mut changes = Vec::new();
    for service in &options.services {
        let refused = |why: String| format!("{service}: {why}; nothing is changed");
        match plan(options, &stacks, service).map_err(refused)? {
            Some(change) => changes.push(change),
            None => say(&format!(
                "{service}: its stack names the module already; nothing to do"
            ))?,
        }
    }
    for change in &changes {
        show(
            &stacks.path(&change.service),
            &change.file.text,
            &change.after,
        )?;
    }
    for Change { service, .. } in &changes {
        if let Some(doubt) = names::doubt(service, &options.local) {
            say(&doubt)?;
        }
        say_what_a_fallback_needs(options, &stacks, service)?;
    }
    for Change { service, after, .. } in &changes {
        stacks.plan(service, after);
    }
    for service in &options.services {
        say_what_is_left_out(options, &stacks, service)?;
    }
    if options.dry_run {
        say("This was a dry run: nothing is written.")?;
        return Ok(Exit::Well);
    }
    for Change {
        service,
        file,
        after,
    } in &changes
    {
        copies.keep(service, &file.text, after)?;
        file.replace(after)?;
        say(&format!(
            "{service}: done. The file as it was is kept in {}.",
            copies.before(service).display()
        ))?;
    }
    if !changes.is_empty() {
        let first = changes.first().map(|change| change.service.as_str());
        say(&format!(
            "Keep this root shell open until a second login has worked. Back again: authentik-flow disable {}",
            first.unwrap_or_default()
        ))?;
    }
    Ok(Exit::Well)
}

/// While authentik is down, the lines that are written here let nobody in but those
/// of `--local`. Who wants local passwords to be enough then must know what it takes.
fn say_what_a_fallback_needs(
    options: &Enable,
    stacks: &Stacks,
    service: &str,
) -> Result<(), Refusal> {
    let config = Setup::for_service(service, options.config.as_deref(), stacks)?.config();
    if config.is_ok_and(|config| fallback::is_without_effect(service, &config)) {
        say(&format!(
            "{service}: while authentik is down, only {} and root get in by it. A fallback to local passwords (the stack authentik-fallback) would need `addresses` in the configuration here: the caller of {service} can disturb the resolver.",
            options.local.join(", ")
        ))?;
    }
    Ok(())
}

/// Names the login shell that goes on without the module, and how to take it along.
fn say_what_is_left_out(options: &Enable, stacks: &Stacks, service: &str) -> Result<(), Refusal> {
    let Some(shell) = login_shells::left_out(stacks, service) else {
        return Ok(());
    };
    let mut along = String::from("authentik-flow enable");
    for name in &options.local {
        along.push_str(&format!(" --local {name}"));
    }
    if let Some(path) = &options.config {
        along.push_str(&format!(" --config {}", path.display()));
    }
    let LoginShell { service, typed, .. } = shell;
    say(&format!(
        "{service}: `{typed}` goes by this stack of its own, which asks authentik nothing; take it along: {along} {service}"
    ))
}

/// The change for one service; `None` where it is made already.
fn plan(options: &Enable, stacks: &Stacks, service: &str) -> Result<Option<Change>, Refusal> {
    let path = stacks.path(service);
    let file = PamFile::read(&path)?;
    let before = stacks.load(service);
    readable(&before)?;
    let named = |kind: &Kind| before.own(*kind).iter().any(Entry::is_ours);
    if Kind::ALL.iter().any(named) {
        return Ok(None);
    }
    names::hold(&options.local)?;
    let setup = Setup::for_service(service, options.config.as_deref(), stacks)?;
    let config = setup.config().map_err(|error| {
        format!("the module could not use its configuration: {error}; see authentik-flow check")
    })?;
    let guard = Guard {
        names: &options.local,
        config: options.config.as_ref().map(|_| setup.path()),
        service,
    };
    let after = edit::insert(&file.text, before.own(Kind::Auth), &guard)?;
    let left_alone = LeftAlone {
        root: !config.user.allow_root,
        names: config.user.ignore,
    };
    let planned = stacks.with(service, &after).load(service);
    has_local_way_in(Kind::Auth, planned.own(Kind::Auth), &left_alone)?;
    Ok(Some(Change {
        service: service.into(),
        file,
        after,
    }))
}

/// Takes the module out of stacks into which `enable` has put it.
pub(crate) fn disable(options: &Disable) -> Result<Exit, Refusal> {
    let stacks = Stacks::at(&options.folders.pam_dir);
    let copies = Copies::at(&options.state.state_dir);
    let mut changes = Vec::new();
    for service in &options.services {
        let path = stacks.path(service);
        let file = PamFile::read(&path)?;
        let Some((before, after)) = copies.find(service)? else {
            if let Some(refusal) = by_hand(&stacks, service) {
                return Err(refusal);
            }
            say(&format!(
                "{service}: enable has not changed it; nothing to do"
            ))?;
            continue;
        };
        if file.text == before {
            say(&format!(
                "{service}: it is as it was before enable; nothing to do"
            ))?;
            if !options.dry_run {
                copies.forget(service)?;
            }
            continue;
        }
        if file.text != after {
            show(&path, &after, &file.text)?;
            return Err(format!(
                "{service}: {} was changed since enable, as shown, and stays as it is; take the lines with pam_authentik_flow.so and its guard out by hand, then remove {}; nothing is changed",
                path.display(),
                copies.before(service).display(),
            ));
        }
        changes.push(Change {
            service: service.clone(),
            file,
            after: before,
        });
    }
    for change in &changes {
        show(
            &stacks.path(&change.service),
            &change.file.text,
            &change.after,
        )?;
    }
    if options.dry_run {
        say("This was a dry run: nothing is written.")?;
        return Ok(Exit::Well);
    }
    for Change {
        service,
        file,
        after,
    } in &changes
    {
        file.replace(after)?;
        copies.forget(service)?;
        say(&format!("{service}: as it was before."))?;
    }
    Ok(Exit::Well)
}

/// Why a stack that names the module is not for `disable`.
fn by_hand(stacks: &Stacks, service: &str) -> Option<Refusal> {
    let entries = [Kind::Auth, Kind::Account, Kind::Session, Kind::Password]
        .into_iter()
        .filter_map(|kind| stacks.entries(service, kind).ok());
    let places: Vec<String> = entries
        .flatten()
        .filter(Entry::is_ours)
        .map(|entry| entry.place())
        .collect();
    (!places.is_empty()).then(|| {
        format!(
            "{service}: somebody else than enable has put the module in ({}); take it out there; nothing is changed",
            places.join(", ")
        )
    })
}

fn say(text: &str) -> Result<(), Refusal> {
    printed(writeln!(anstream::stdout(), "{text}"))
}

/// A unified diff.
fn show(path: &Path, before: &str, after: &str) -> Result<(), Refusal> {
    let mut out = anstream::stdout().lock();
    let diff = TextDiff::from_lines(before, after);
    let mut text = format!("--- {0}\n+++ {0}\n", path.display());
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        text.push_str(&format!("{}\n", hunk.header()));
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ("-", AnsiColor::Red.on_default()),
                ChangeTag::Insert => ("+", AnsiColor::Green.on_default()),
                ChangeTag::Equal => (" ", anstyle::Style::new()),
            };
            let line = change.value().trim_end_matches('\n');
            text.push_str(&format!("{style}{sign}{line}{style:#}\n"));
        }
    }
    printed(writeln!(out, "{text}"))
}
