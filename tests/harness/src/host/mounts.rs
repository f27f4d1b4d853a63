//! The machine's programs and libraries, as a host sees them. It cannot change them.

use super::inside::{PROGRAM, Plan};
use crate::namespace::{bind, make, private_dev, private_mounts};
use crate::script::IsolationPlan;
use nix::mount::{MsFlags, mount};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Directories that are empty in the host, so that what programs write there is removed with
/// it. A directory that the machine lacks is skipped.
const EMPTY: [(&str, &str); 8] = [
    ("/run", "mode=0755"),
    ("/var/log", "mode=0755"),
    ("/var/lib/sudo", "mode=0700"),
    ("/var/lib/lastlog", "mode=0755"),
    ("/var/mail", "mode=0775"),
    ("/home", "mode=0755"),
    ("/root", "mode=0700"),
    // Last, because the scratch directory may be in it.
    ("/tmp", "mode=1777"),
];

/// Sets up all mounts, in a namespace that belongs to this process.
pub(crate) fn arrange(plan: &Plan, program: &Path) -> Result<(), String> {
    private_mounts()?;
    mount_new("proc", Path::new("/proc"), "")?;
    let scratch = &plan.scratch;
    mount_new("tmpfs", scratch, "mode=0700,size=192m")?;
    private_dev(&IsolationPlan {
        scratch: scratch.clone(),
        files: Vec::new(),
        dev_log: Some(plan.dev_log.clone()),
        keys: plan.keys.clone(),
        session: None,
        state: None,
    })?;
    let below = |name: &str| plan.packages.as_ref().map(|packages| packages.join(name));
    overlay(Path::new("/etc"), &scratch.join("etc"), below("etc"))?;
    if plan.packages.is_some() {
        // The modules' directory is in it, and more than two layers may not be possible.
        overlay(Path::new("/usr"), &scratch.join("usr"), below("usr"))?;
        overlay(
            Path::new("/var/lib"),
            &scratch.join("var"),
            below("var/lib"),
        )?;
    } else {
        overlay(&plan.modules, &scratch.join("modules"), None)?;
        overlay(Path::new("/var/lib"), &scratch.join("var"), None)?;
    }
    // Files below a directory that becomes empty must be bound first, and where /run does not
    // exist yet.
    let holder = scratch.join("program");
    make(File::create(&holder), &holder)?;
    bind(program, &holder)?;
    for (directory, options) in EMPTY {
        let directory = Path::new(directory);
        let is_link = directory.symlink_metadata().is_ok_and(|m| m.is_symlink());
        if !directory.is_dir() || is_link {
            continue;
        }
        mount_new("tmpfs", directory, options)?;
        if directory == Path::new("/run") {
            let target = Path::new(PROGRAM);
            make(File::create(target), target)?;
            bind(&holder, target)?;
        }
    }
    accounting_files()
}

fn mount_new(kind: &str, target: &Path, options: &str) -> Result<(), String> {
    mount(
        Some(kind),
        target,
        Some(kind),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some(options),
    )
    .map_err(|e| format!("{kind} cannot be mounted at {}: {e}", target.display()))
}

/// Lays `directory` over the machine's directory, and `between` between the two.
fn overlay(directory: &Path, layers: &Path, between: Option<PathBuf>) -> Result<(), String> {
    let [upper, work] = ["upper", "work"].map(|name| layers.join(name));
    for layer in [&upper, &work] {
        make(fs::create_dir_all(layer), layer)?;
    }
    make(
        fs::set_permissions(&upper, Permissions::from_mode(0o755)),
        &upper,
    )?;
    let between = between.filter(|layer| layer.is_dir());
    let between = between.map(|layer| format!("{}:", layer.display()));
    let options = format!(
        "lowerdir={}{},upperdir={},workdir={}",
        between.unwrap_or_default(),
        directory.display(),
        upper.display(),
        work.display()
    );
    mount(
        Some("overlay"),
        directory,
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    )
    .map_err(|e| format!("an overlay over {} cannot be had: {e}", directory.display()))
}

/// The files in which programs record logins.
fn accounting_files() -> Result<(), String> {
    for path in [
        "/run/utmp",
        "/var/log/wtmp",
        "/var/log/btmp",
        "/var/log/lastlog",
        "/var/log/faillog",
    ] {
        let path = Path::new(path);
        make(File::create(path), path)?;
        make(
            fs::set_permissions(path, Permissions::from_mode(0o600)),
            path,
        )?;
    }
    for directory in ["/run/sshd", "/run/sudo", "/run/lock", "/run/faillock"] {
        let directory = Path::new(directory);
        make(fs::create_dir_all(directory), directory)?;
        make(
            fs::set_permissions(directory, Permissions::from_mode(0o755)),
            directory,
        )?;
    }
    Ok(())
}
