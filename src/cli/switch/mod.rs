//! `enable` and `disable` put the module into the stack of a service and take it out.

mod block;
mod disable;
mod drop_in;
mod names;
mod plan;
pub(crate) mod proofs;
mod rest;
pub(crate) mod services;
mod store;
pub(crate) mod trial;

use std::io::Write;
use std::path::Path;

use anstyle::AnsiColor;
use similar::{ChangeTag, TextDiff};

use super::arguments::Enable;
use super::fallback;
use super::login_shells::{self, LoginShell};
use super::setup::{Setup, find_ours};
use super::sshd::{Missing, Settings};
use super::stack::{Entry, Kind, Stacks};
use super::{CommandError, Exit, printed, sudo};
use block::{Found, Stays};
pub(crate) use disable::disable;
use drop_in::DropIn;
use names::Proof;
use plan::{Plan, Wish};
use store::{Copies, PamFile};
use trial::Trial;
use trial::pending::{Made, Stack};

/// Whether `enable` has kept anything about a service.
pub(crate) fn kept(state: &Path, service: &str) -> bool {
    Copies::at(state).has(service)
}

/// The numbers of the lines of `enable` in the text of a stack.
pub(crate) fn block_in(text: &str) -> Option<std::ops::Range<usize>> {
    let found = block::find(text).ok().flatten()?;
    Some(found.lines)
}

/// The change that `enable --try` has made and nobody has confirmed yet.
pub(crate) fn pending(state: &Path) -> Option<String> {
    let (services, seconds) = trial::waiting(state).ok().flatten()?;
    Some(format!(
        "{services}: takes itself back in {seconds} s unless you run authentik-flow confirm in a second login"
    ))
}

/// A planned change.
struct Change {
    service: String,
    file: PamFile,
    /// The file without a block of `enable`.
    before: String,
    /// The block that is in it now.
    now: Option<String>,
    plan: Plan,
    proof: Proof,
    /// The accounts that skip the module.
    names: Vec<String>,
    /// Accounts with a local password that will now be asked by authentik.
    asked: Vec<String>,
    /// The accounts that the configuration ignores.
    left_alone: String,
}

impl Change {
    /// The command that takes it back.
    fn stack(&self) -> Stack {
        Stack {
            service: self.service.clone(),
            before: self.file.text.clone(),
            after: self.plan.after.clone(),
            block: self.plan.block.clone(),
        }
    }
}

/// Puts the module into stacks. Writes nothing before every change is planned and
/// judged.
pub(crate) fn enable(options: &Enable) -> Result<Exit, CommandError> {
    let mut stacks = Stacks::at(&options.folders.pam_dir);
    is_installed(options)?;
    let mut changes = Vec::new();
    for service in &options.services {
        let refused = |why: String| format!("{service}: {why}; nothing is changed");
        match consider(options, &stacks, service).map_err(refused)? {
            Some(change) => changes.push(change),
            None => {
                say(&format!(
                    "{service}: its stack names the module already; nothing to do"
                ))?;
                let stack = proofs::Stack::read(&options.folders.pam_dir, service)?;
                let names = stack.names().unwrap_or_default();
                say_what_is_proved(&options.state.state_dir, &stack, &names)?;
            }
        }
    }
    for change in &changes {
        let path = stacks.path(&change.service);
        show(&path, &change.file.text, &change.plan.after)?;
    }
    for change in &changes {
        say_what_changes(&options.state.state_dir, change)?;
        say_what_a_fallback_needs(options, &stacks, &change.service)?;
    }
    for change in &changes {
        stacks.plan(&change.service, &change.plan.after);
    }
    let settings = sshd_settings(options, &stacks)?;
    if let Some(drop_in) = &settings {
        drop_in.show()?;
    }
    for service in &options.services {
        say_what_is_left_out(options, &stacks, service)?;
    }
    say_who_cannot_become_root(options, &stacks)?;
    if options.dry_run {
        say("This was a dry run: nothing is written.")?;
        return Ok(Exit::Success);
    }
    make(options, &changes, settings.as_ref())
}

/// The file that `--sshd` must write.
fn sshd_settings(options: &Enable, stacks: &Stacks) -> Result<Option<DropIn>, CommandError> {
    if !options.sshd {
        return Ok(None);
    }
    if !options.services.iter().any(|service| service == "sshd") {
        return Err("--sshd belongs to the service sshd: name it, too; nothing is changed".into());
    }
    let Some(sshd) = options.folders.sshd() else {
        return Err(
            "--sshd: name the configuration of sshd with --sshd-config; nothing is changed".into(),
        );
    };
    let setup = Setup::for_service("sshd", options.config.as_deref(), stacks)?;
    let config = setup.config().map_err(|error| error.to_string())?;
    let longest = config.login_timeout.as_secs();
    let copies = Copies::at(&options.state.state_dir);
    let planned = DropIn::plan(&sshd, longest, &copies)
        .map_err(|why| format!("{why}; nothing is changed"))?;
    if planned.is_none() {
        say("sshd: its settings are right; --sshd writes nothing.")?;
    }
    Ok(planned)
}

/// Makes the changes. With `--try`, first arranges that they are taken back.
fn make(
    options: &Enable,
    changes: &[Change],
    settings: Option<&DropIn>,
) -> Result<Exit, CommandError> {
    let state = &options.state.state_dir;
    if changes.is_empty() && settings.is_none() {
        return Ok(Exit::Success);
    }
    let _lock = trial::pending::lock(state)?;
    trial::none_waits(state)?;
    let trial = match options.trial {
        Some(patience) => Some(Trial::begin(
            state,
            &options.folders.pam_dir,
            patience,
            Made {
                stacks: changes.iter().map(Change::stack).collect(),
                sshd: settings.cloned(),
            },
        )?),
        None => None,
    };
    let copies = Copies::at(state);
    let write = || -> Result<(), CommandError> {
        // First, because sshd may reject it.
        if let Some(drop_in) = settings {
            drop_in.write(&copies)?;
        }
        for change in changes {
            let Change { service, file, .. } = change;
            // Another enable may have been faster.
            file.is_unchanged()?;
            let block = &change.plan.block;
            if let Err(why) = copies
                .announce(service, &change.before, change.now.as_deref(), block)
                .and_then(|()| file.replace(&change.plan.after))
            {
                copies.withdraw(service);
                return Err(why);
            }
            copies.written(service);
            say(&format!(
                "{service}: done. The file as it was is kept in {}.",
                copies.before(service).display()
            ))?;
        }
        if let Some(drop_in) = settings {
            drop_in.reload()?;
        }
        trial.as_ref().map_or(Ok(()), Trial::made)
    };
    if let Err(why) = write() {
        if let Some(trial) = &trial {
            trial.give_up(&why);
        }
        return Err(why);
    }
    if let Some(change) = changes.first() {
        say(&format!(
            "Keep this root shell open until a second login has worked. To undo this: authentik-flow disable {}",
            change.service
        ))?;
    }
    Ok(Exit::Success)
}

fn is_installed(options: &Enable) -> Result<(), CommandError> {
    let Err(places) = find_ours(&options.folders) else {
        return Ok(());
    };
    let places: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
    let places = match places.is_empty() {
        true => "no folder of PAM modules was found".into(),
        false => format!("{} is not there", places.join(", ")),
    };
    Err(format!(
        "the module is not installed: {places}; nothing is changed"
    ))
}

/// The accounts that skip the module. Root always does, so that no configuration keeps
/// it out. Without `--local` the list in the file stays.
fn names_of(options: &Enable, already: &[String]) -> Vec<String> {
    let named = match options.local.is_empty() {
        true => already,
        false => &options.local,
    };
    let mut names = vec!["root".to_owned()];
    for name in named {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The change for one service. `None` if the file already has it.
fn consider(
    options: &Enable,
    stacks: &Stacks,
    service: &str,
) -> Result<Option<Change>, CommandError> {
    let path = stacks.path(service);
    services::hold(service, path.exists())?;
    services::exists(service, stacks)?;
    let file = PamFile::read(&path)?;
    let copies = Copies::at(&options.state.state_dir);
    let found =
        block::take_out(&file.text, &copies.find(service)?).map_err(|stays| match stays {
            Stays::Half(line) => disable::half_a_block(&path, line),
            Stays::Changed(found) => format!(
                "somebody has changed the lines of enable in {}:\n{}remove them by hand first",
                path.display(),
                found.shown(&path)
            ),
        })?;
    let (before, first) = match found {
        Some(bare) => (bare.text, Some(bare.first)),
        None => (file.text.clone(), None),
    };
    let already = first.as_ref().map(Found::names).unwrap_or_default();
    let read = stacks.with(service, &before).load(service);
    let named = |kind: &Kind| read.own(*kind).iter().any(Entry::is_ours);
    if Kind::ALL.iter().any(named) {
        return Ok(None);
    }
    if let Some(path) = &options.config {
        block::can_name(path)?;
    }
    let names = names_of(options, &already);
    let sudo = stacks.load("sudo");
    let asks_sudo = sudo.is_there && !options.services.iter().any(|service| service == "sudo");
    let sudo = asks_sudo.then(|| sudo.stack(Kind::Auth));
    let proof = names::hold(&names, service, options.folders.sshd().as_ref(), sudo)?;
    let setup = Setup::for_service(service, options.config.as_deref(), stacks)?;
    let config = setup.config().map_err(|error| {
        format!("the module could not use its configuration: {error}; see authentik-flow check")
    })?;
    let wish = Wish {
        stacks,
        service,
        text: &before,
        names: &names,
        config: options.config.as_ref().map(|_| setup.path()),
        min_uid: config.user.min_uid,
    };
    let plan = wish.plan()?;
    plan.names_config(&wish)?;
    if plan.after == file.text {
        return Ok(None);
    }
    let mut proof = proof;
    let asked = service == "sshd" && !options.sshd;
    if let (true, Some(sshd)) = (asked, options.folders.sshd()) {
        let missing =
            Settings::of("nobody", &sshd).map(|s| s.missing(config.login_timeout.as_secs()));
        for Missing { what, line, .. } in missing.unwrap_or_default() {
            proof.doubts.push(format!(
                "sshd: {what}; enable --sshd writes {line} into /etc/ssh/sshd_config.d/00-authentik-flow.conf, and reloads sshd"
            ));
        }
    }
    let rules = &config.user;
    let is_left_alone = |name: &str, uid: u32| {
        uid < rules.min_uid || rules.ignore.iter().any(|ignored| ignored == name)
    };
    Ok(Some(Change {
        service: service.into(),
        asked: names::asked_from_now_on(&names, is_left_alone),
        left_alone: format!("accounts below uid {}", rules.min_uid),
        file,
        before,
        now: first.map(|found| found.text),
        plan,
        proof,
        names,
    }))
}

/// The people that the change concerns.
fn say_what_changes(state: &Path, change: &Change) -> Result<(), CommandError> {
    let Change {
        service,
        plan,
        proof,
        names,
        ..
    } = change;
    say(&format!(
        "{service}: a login that authentik accepts skips {}; every other line works as before.",
        plan.skipped.join(", ")
    ))?;
    if !plan.repeated.is_empty() {
        say(&format!(
            "{service}: it would also skip {}, so the new lines run it first.",
            plan.repeated.join(", ")
        ))?;
    }
    if !change.asked.is_empty() {
        say(&format!(
            "{service}: {} have a local password here, and authentik is asked about them from now on; to keep one as it is, name it with --local.",
            change.asked.join(", ")
        ))?;
    }
    say(&format!(
        "{service}: while authentik is down, {} get in with their local password, and so do {}.",
        names.join(" and "),
        change.left_alone
    ))?;
    if !proof.root.is_empty() {
        say(&format!(
            "{service}: these can become root then: {}.",
            proof.root.join("; ")
        ))?;
    }
    for doubt in &proof.doubts {
        say(doubt)?;
    }
    let stack = proofs::Stack::with(service, &plan.after);
    say_what_is_proved(state, &stack, names)
}

/// Says which of the local accounts have already logged in through exactly this stack.
fn say_what_is_proved(
    state: &Path,
    stack: &proofs::Stack,
    names: &[String],
) -> Result<(), CommandError> {
    let service = stack.service();
    let proved = stack.proved(state);
    for name in names.iter().filter(|name| *name != "root") {
        match proved.contains(name) {
            true => say(&format!(
                "{service}: proved by login --local: {name} gets in."
            ))?,
            false => say(&format!(
                "{service}: not proved: whether {name} gets in with the local password. Try it: authentik-flow login --local {name} --service {service}"
            ))?,
        }
    }
    Ok(())
}

/// While authentik is down, these lines let in only the accounts of `--local`. Says
/// what it takes to allow local passwords then.
fn say_what_a_fallback_needs(
    options: &Enable,
    stacks: &Stacks,
    service: &str,
) -> Result<(), CommandError> {
    let config = Setup::for_service(service, options.config.as_deref(), stacks)?.config();
    if config.is_ok_and(|config| fallback::is_without_effect(service, &config)) {
        say(&format!(
            "{service}: a fallback to local passwords (the stack authentik-fallback) would need `addresses` in the configuration here: the caller of {service} can disturb the resolver."
        ))?;
    }
    Ok(())
}

/// Names the login shell whose stack lacks the module, and how to add it.
fn say_what_is_left_out(
    options: &Enable,
    stacks: &Stacks,
    service: &str,
) -> Result<(), CommandError> {
    let Some(shell) = login_shells::left_out(stacks, service) else {
        return Ok(());
    };
    let mut along = String::from("authentik-flow enable");
    for name in &options.local {
        along.push_str(&format!(" --local {name}"));
    }
    along.push_str(&config_argument(options));
    let LoginShell { service, typed, .. } = shell;
    say(&format!(
        "{service}: `{typed}` has its own stack, which does not ask authentik; to include it: {along} {service}"
    ))
}

/// Names the local accounts of other stacks that sudo's does not let in while authentik
/// is down. What a change of those stacks means for sudo's, `names` has said.
fn say_who_cannot_become_root(options: &Enable, stacks: &Stacks) -> Result<(), CommandError> {
    for service in sudo::SERVICES {
        let is_said = service == "sudo" && !options.services.iter().any(|name| name == service);
        if is_said {
            continue;
        }
        if let Some(left_out) = sudo::left_out(stacks, service) {
            say(&format!(
                "{service}: {}; to let them in here, too: {}{}",
                left_out.what(),
                left_out.command(),
                config_argument(options)
            ))?;
        }
    }
    Ok(())
}

/// The configuration that was named, for another command.
fn config_argument(options: &Enable) -> String {
    match &options.config {
        Some(path) => format!(" --config {}", path.display()),
        None => String::new(),
    }
}

fn say(text: &str) -> Result<(), CommandError> {
    printed(writeln!(anstream::stdout(), "{text}"))
}

/// A unified diff.
fn show(path: &Path, before: &str, after: &str) -> Result<(), CommandError> {
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
            let line = store::shown(change.value().trim_end_matches('\n'));
            text.push_str(&format!("{style}{sign}{line}{style:#}\n"));
        }
    }
    printed(writeln!(out, "{text}"))
}
