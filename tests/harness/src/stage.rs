//! Prepares a transaction, runs it, and collects the results.

use crate::accounts;
use crate::builder::{Log, Pam};
use crate::isolation::{Isolation, give_away, isolation_as};
use crate::outcome::Outcome;
use crate::runner::{self, HarnessError};
use crate::script::{Answer, IsolationPlan, Report, Script, ScriptedAnswer};
use crate::stack::{self, Placeholders};
use crate::syslog::LogSocket;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) fn play(pam: &Pam) -> Result<Outcome, HarnessError> {
    if pam.isolated {
        if let Isolation::Unavailable(why) = isolation_as(pam.uid) {
            return Err(HarnessError::Isolation(why));
        }
    }
    let directory = tempfile::Builder::new()
        .prefix("pam-")
        .tempdir()
        .map_err(runner::setup("a temporary directory"))?;
    let dir = directory.path();
    let module = install_module(pam, dir)?;
    let pam_run = install_runner(pam, dir)?;
    let captures = write_files(pam, dir, &module)?;
    let socket = open_log(pam, dir)?;
    let script = script(pam, dir, socket.is_some())?;
    if let Some(uid) = pam.uid {
        give_away(dir, uid)?;
    }
    let json =
        serde_json::to_vec(&script).map_err(|e| HarnessError::Setup(format!("the script: {e}")))?;
    let mut command = Command::new(pam_run);
    // The variables of the user who runs the tests must not affect them.
    command
        .env_clear()
        .envs(pam.environment.iter().map(|(name, value)| (name, value)));
    if let Some(uid) = pam.uid {
        command.uid(uid).gid(uid);
    }
    let over = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        for (number, later) in &pam.later {
            let path = later_path(dir, *number);
            let over = &over;
            scope.spawn(move || later.serve(&path, over));
        }
        if let Some(scan) = &pam.scan {
            let (path, over) = (dir.join("scan"), &over);
            scope.spawn(move || scan.serve(&path, over));
        }
        let output = runner::run(command, &json, pam.timeout);
        over.store(true, Ordering::Relaxed);
        output
    })?;
    let report: Report = serde_json::from_slice(&output)
        .map_err(|e| HarnessError::Setup(format!("pam-run's report: {e}")))?;
    let read = |name: &str| {
        fs::read(dir.join(name))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .ok()
    };
    Ok(Outcome {
        report,
        answers: pam.answers.clone(),
        log: socket.map(LogSocket::finish).unwrap_or_default(),
        stdout: read("stdout").unwrap_or_default(),
        stderr: read("stderr").unwrap_or_default(),
        // pam_exec ends what it writes with a NUL byte.
        authtok: captures.then(|| read("authtok").map(|t| t.trim_end_matches('\0').to_owned())),
    })
}

/// Puts the module beside its configuration under its installed name: a link, or a copy for a
/// user who cannot read the original.
fn install_module(pam: &Pam, dir: &Path) -> Result<PathBuf, HarnessError> {
    let (true, Some(name)) = (pam.module.is_absolute(), pam.module.file_name()) else {
        return Ok(pam.module.clone());
    };
    let name = name.to_string_lossy();
    let target = dir.join(name.strip_prefix("lib").unwrap_or(&name));
    let made = match pam.uid {
        None => symlink(&pam.module, &target),
        Some(_) => fs::copy(&pam.module, &target).map(drop),
    };
    made.map_err(runner::setup(target.display()))?;
    Ok(target)
}

/// `pam-run` itself, or a copy for a user who cannot read it.
fn install_runner(pam: &Pam, dir: &Path) -> Result<PathBuf, HarnessError> {
    let original = runner::pam_run()?;
    if pam.uid.is_none() {
        return Ok(original);
    }
    let copy = dir.join("pam-run");
    fs::copy(&original, &copy).map_err(runner::setup(copy.display()))?;
    Ok(copy)
}

/// Writes the stack, the configuration and the test's files. Returns whether the stack reads
/// `PAM_AUTHTOK`.
fn write_files(pam: &Pam, dir: &Path, module: &Path) -> Result<bool, HarnessError> {
    let module = module.display().to_string();
    let config = dir.join("config.toml");
    let placeholders = Placeholders {
        module: &module,
        arguments: &pam.arguments,
        config: &config.display().to_string(),
        dir: &dir.display().to_string(),
        preset: pam.preset_authtok.is_some(),
        capture: pam.capture_authtok,
    };
    for (name, text, mode) in &pam.files {
        write(&dir.join(name), &placeholders.fill(text), *mode)?;
    }
    if let Some(text) = &pam.config {
        write(&config, &placeholders.fill(text), pam.config_mode)?;
    }
    let confdir = dir.join("pam.d");
    fs::create_dir(&confdir).map_err(runner::setup(confdir.display()))?;
    stack::write_helpers(dir).map_err(runner::setup("the stack's helpers"))?;
    write(&confdir.join("other"), stack::OTHER, 0o644)?;
    let text = placeholders.fill(pam.stack.as_deref().unwrap_or(stack::DEFAULT));
    // libpam uses the name in lower case.
    write(&confdir.join(pam.service.to_lowercase()), &text, 0o644)?;
    Ok(text.contains("/capture\n"))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), HarnessError> {
    let made = match path.to_string_lossy().ends_with('/') {
        true => fs::create_dir(path),
        false => fs::write(path, text),
    };
    made
        // Independent of the umask.
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
        .map_err(runner::setup(path.display()))
}

fn open_log(pam: &Pam, dir: &Path) -> Result<Option<LogSocket>, HarnessError> {
    let path = dir.join("log");
    let socket = match pam.log {
        _ if !pam.isolated => return Ok(None),
        Log::Missing => return Ok(None),
        Log::Captured => LogSocket::listen(&path),
        Log::Stuck => LogSocket::stuck(&path),
    };
    socket.map(Some).map_err(runner::setup(path.display()))
}

fn script(pam: &Pam, dir: &Path, has_log: bool) -> Result<Script, HarnessError> {
    let isolation = if pam.isolated {
        Some(isolation_plan(pam, dir, has_log)?)
    } else {
        None
    };
    Ok(Script {
        service: pam.service.clone(),
        user: pam.user.clone(),
        confdir: dir.join("pam.d"),
        items: pam.items.clone(),
        steps: pam.steps.clone(),
        answers: answers(pam, dir),
        every_secret: pam.every_secret.clone(),
        scan: pam.scan.as_ref().map(|_| dir.join("scan")),
        isolation,
        process: pam.process.clone(),
        marker: Some(dir.join("marker")),
        preset_authtok: pam.preset_authtok.clone(),
        output: Some((dir.join("stdout"), dir.join("stderr"))),
    })
}

/// The answers. Those that are known later get the files that carry them.
fn answers(pam: &Pam, dir: &Path) -> Vec<ScriptedAnswer> {
    let mut answers = pam.answers.clone();
    for (number, answer) in answers.iter_mut().enumerate() {
        if let Answer::Later(path) = &mut answer.answer {
            *path = later_path(dir, number);
        }
    }
    answers
}

fn later_path(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("later-{number}"))
}

fn isolation_plan(pam: &Pam, dir: &Path, has_log: bool) -> Result<IsolationPlan, HarnessError> {
    let scratch = dir.join("namespace");
    fs::create_dir(&scratch).map_err(runner::setup(scratch.display()))?;
    let mut texts = vec![
        (
            PathBuf::from("/etc/passwd"),
            accounts::passwd(&pam.accounts),
        ),
        (PathBuf::from("/etc/group"), accounts::group(&pam.accounts)),
        (
            PathBuf::from("/etc/nsswitch.conf"),
            accounts::NSSWITCH.to_owned(),
        ),
    ];
    texts.extend(pam.overlays.iter().cloned());
    let mut files = Vec::new();
    for (number, (target, text)) in texts.into_iter().enumerate() {
        let source = scratch.join(number.to_string());
        write(&source, &text, 0o644)?;
        files.push((source, target));
    }
    Ok(IsolationPlan {
        scratch,
        files,
        dev_log: has_log.then(|| dir.join("log")),
        keys: pam.keys.clone(),
        session: pam.session.clone(),
        state: pam.state.clone(),
    })
}
