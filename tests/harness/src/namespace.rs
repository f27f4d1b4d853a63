//! A private mount namespace for this process: its own accounts and its own
//! `/dev/log`, while the machine's `/etc` and `/dev` stay as they are.

use crate::script::IsolationPlan;
use crate::virtual_key::VirtualKey;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::{Gid, Uid};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// What `/dev` needs: enough for libc, the modules of a stack, and a terminal.
const NODES: [&str; 10] = [
    "null", "zero", "full", "random", "urandom", "tty", "console", "pts", "shm", "mqueue",
];

/// Moves this process into its own namespace and sets it up.
///
/// Call it before there is a second thread. The text of an error says which step was refused.
/// The process may then be half set up: do not continue with it.
pub fn enter(plan: &IsolationPlan) -> Result<(), String> {
    new_namespace()?;
    private_mounts()?;
    if Uid::effective().is_root() {
        cover_run(&plan.scratch)?;
        if let Some(session) = &plan.session {
            join_session(session)?;
        }
    }
    if let Some(state) = &plan.state {
        cover_state(&plan.scratch, state)?;
    }
    for directory in ["/run/nscd", "/var/run/nscd", "/run/systemd/userdb"] {
        hide_directory(Path::new(directory), &plan.scratch)?;
    }
    for (source, target) in &plan.files {
        // A file that does not exist cannot be mounted over, and nothing needs it.
        if target.exists() {
            bind(source, target)?;
        }
    }
    private_dev(plan)
}

/// Gives this process mounts of its own, for [`plug_in_here`].
///
/// Call it before there is a second thread.
///
/// # Errors
///
/// What the kernel refused.
pub fn separate() -> Result<(), String> {
    new_namespace()?;
    private_mounts()
}

/// Plugs a key in, in this process's own mounts. `scratch` is an empty directory, which
/// stays as long as the key.
///
/// # Errors
///
/// Which step was refused.
pub fn plug_in_here(key: &VirtualKey, scratch: &Path) -> Result<(), String> {
    let log = PathBuf::from("/dev/log");
    private_dev(&IsolationPlan {
        files: Vec::new(),
        dev_log: log.exists().then_some(log),
        keys: vec![key.plugged()],
        session: None,
        state: None,
        scratch: scratch.to_owned(),
    })?;
    // It stays at /dev.
    let dev = scratch.join("dev");
    umount2(&dev, MntFlags::MNT_DETACH).map_err(|e| format!("{}: {e}", dev.display()))
}

/// Root needs only a mount namespace. Other users also need a user namespace, in which they
/// keep their IDs.
fn new_namespace() -> Result<(), String> {
    let mounts = CloneFlags::CLONE_NEWNS;
    if Uid::effective().is_root() && unshare(mounts).is_ok() {
        return Ok(());
    }
    let (uid, gid) = (Uid::effective(), Gid::effective());
    unshare(mounts | CloneFlags::CLONE_NEWUSER)
        .map_err(|e| format!("the kernel refuses a private mount namespace: {e}"))?;
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("{uid} {uid} 1"))?;
    write("/proc/self/gid_map", &format!("{gid} {gid} 1"))
}

pub(crate) fn private_mounts() -> Result<(), String> {
    mount(
        None::<&Path>,
        "/",
        None::<&Path>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&Path>,
    )
    .map_err(|e| format!("mounts cannot be made private: {e}"))
}

fn write(path: &str, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("{path} cannot be written: {e}"))
}

pub(crate) fn bind(source: &Path, target: &Path) -> Result<(), String> {
    mount(
        Some(source),
        target,
        None::<&Path>,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        None::<&Path>,
    )
    .map_err(|e| {
        format!(
            "{} cannot be bound over {}: {e}",
            source.display(),
            target.display()
        )
    })
}

/// Mounts an empty directory over this one. Otherwise a name service cache would answer with
/// the machine's accounts.
fn hide_directory(directory: &Path, scratch: &Path) -> Result<(), String> {
    if !directory.is_dir() {
        return Ok(());
    }
    let empty = scratch.join("empty");
    make(fs::create_dir_all(&empty), &empty)?;
    bind(&empty, directory)
}

/// Mounts our own layer over `/run`, where the module counts lines that the log refused. What
/// root writes there is removed with this process.
fn cover_run(scratch: &Path) -> Result<(), String> {
    let run = Path::new("/run");
    let layers = scratch.join("run");
    make(fs::create_dir_all(&layers), &layers)?;
    mount(
        Some("tmpfs"),
        &layers,
        Some("tmpfs"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some("mode=0755,size=1m"),
    )
    .map_err(|e| format!("a tmpfs cannot be mounted: {e}"))?;
    let [upper, work] = ["upper", "work"].map(|name| layers.join(name));
    make(fs::create_dir(&upper), &upper)?;
    make(fs::create_dir(&work), &work)?;
    let options = format!(
        "lowerdir=/run,upperdir={},workdir={}",
        upper.display(),
        work.display()
    );
    mount(
        Some("overlay"),
        run,
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    )
    // Without overlayfs, tests run without the machine's files there.
    .or_else(|_| bind(&upper, run))?;
    // Lines that the machine itself has counted do not belong to the test.
    match fs::remove_dir_all("/run/pam_authentik_flow") {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(format!("/run/pam_authentik_flow: {e}"))
        }
        _ => Ok(()),
    }
}

/// Provides the directory for data that outlives a login. The machine's data there is hidden.
fn cover_state(scratch: &Path, state: &Path) -> Result<(), String> {
    let lib = scratch.join("lib");
    let target = lib.join("authentik-flow");
    make(fs::create_dir_all(&target), &target)?;
    bind(&lib, Path::new("/var/lib"))?;
    bind(state, Path::new("/var/lib/authentik-flow"))
}

/// Our own `/dev`: nodes bound from the machine, and the given `/dev/log` or none.
pub(crate) fn private_dev(plan: &IsolationPlan) -> Result<(), String> {
    let dev = plan.scratch.join("dev");
    make(fs::create_dir_all(&dev), &dev)?;
    mount(
        Some("tmpfs"),
        &dev,
        Some("tmpfs"),
        MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC,
        Some("mode=0755,size=64k"),
    )
    .map_err(|e| format!("a tmpfs cannot be mounted: {e}"))?;
    for name in NODES {
        let source = Path::new("/dev").join(name);
        let Ok(kind) = fs::metadata(&source).map(|m| m.file_type()) else {
            continue;
        };
        let target = dev.join(name);
        if kind.is_dir() {
            make(fs::create_dir(&target), &target)?;
        } else if kind.is_char_device() {
            make(fs::File::create(&target), &target)?;
        } else {
            continue;
        }
        bind(&source, &target)?;
    }
    for (name, to) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        let link = dev.join(name);
        make(symlink(to, &link), &link)?;
    }
    multiplexer(&dev)?;
    plug_in(plan, &dev)?;
    if let Some(socket) = &plan.dev_log {
        let target = dev.join("log");
        make(fs::File::create(&target), &target)?;
        bind(socket, &target)?;
    }
    bind(&dev, Path::new("/dev"))
}

/// The device that creates pseudo-terminals. Often only root may use the machine's, so we
/// create our own if possible.
fn multiplexer(dev: &Path) -> Result<(), String> {
    let node = dev.join("ptmx");
    let everybody = Mode::from_bits_truncate(0o666);
    match mknod(&node, SFlag::S_IFCHR, everybody, makedev(5, 2)) {
        Ok(()) => make(
            fs::set_permissions(&node, PermissionsExt::from_mode(0o666)),
            &node,
        ),
        Err(_) => make(symlink("pts/ptmx", &node), &node),
    }
}

/// The number of the first key's node. Real machines do not use it.
const FIRST_KEY: usize = 7;
/// How the report descriptor of a key begins: usage page F1D0, usage 1, a collection.
const KEY_DESCRIPTOR: [u8; 9] = [0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01, 0x09, 0x20];

/// Binds the virtual keys into this `/dev`, and provides their entries in sysfs. The machine's
/// own keys are hidden.
fn plug_in(plan: &IsolationPlan, dev: &Path) -> Result<(), String> {
    let listed = Path::new("/sys/class/hidraw");
    if !listed.is_dir() {
        return match plan.keys.is_empty() {
            true => Ok(()),
            false => Err(String::from("this kernel has no hidraw")),
        };
    }
    let sysfs = plan.scratch.join("hidraw");
    make(fs::create_dir_all(&sysfs), &sysfs)?;
    for (number, key) in (FIRST_KEY..).zip(&plan.keys) {
        let name = format!("hidraw{number}");
        let entry = sysfs.join(&name);
        make(fs::create_dir_all(entry.join("device")), &entry)?;
        let device = format!(
            "{}:{}\n",
            nix::sys::stat::major(key.device),
            nix::sys::stat::minor(key.device)
        );
        make(fs::write(entry.join("dev"), device), &entry)?;
        let descriptor = entry.join("device/report_descriptor");
        make(fs::write(&descriptor, KEY_DESCRIPTOR), &descriptor)?;
        let target = dev.join(&name);
        make(fs::File::create(&target), &target)?;
        bind(&key.node, &target)?;
    }
    bind(&sysfs, listed)
}

/// Makes this process part of a session, and writes the file that logind would write about it;
/// `{id}` is replaced by the session's number.
pub(crate) fn join_session(text: &str) -> Result<(), String> {
    let number = || fs::read_to_string("/proc/self/sessionid").unwrap_or_default();
    if number() == u32::MAX.to_string() {
        // The kernel gives each login its own number.
        write("/proc/self/loginuid", "1000")?;
    }
    let id = number();
    let directory = Path::new("/run/systemd/sessions");
    make(fs::create_dir_all(directory), directory)?;
    let file = directory.join(&id);
    make(fs::write(&file, text.replace("{id}", &id)), &file)
}

pub(crate) fn make<T>(result: io::Result<T>, path: &Path) -> Result<(), String> {
    result
        .map(drop)
        .map_err(|e| format!("{} cannot be made: {e}", path.display()))
}

/// Tries everything that [`enter`] does, in this process. The scratch directory is not removed.
pub fn probe(scratch: PathBuf) -> Result<(), String> {
    let passwd = scratch.join("passwd");
    make(fs::write(&passwd, "probe:*:1:1::/:/bin/sh\n"), &passwd)?;
    enter(&IsolationPlan {
        files: vec![(passwd, PathBuf::from("/etc/passwd"))],
        dev_log: None,
        keys: Vec::new(),
        session: None,
        state: None,
        scratch,
    })?;
    match fs::read_to_string("/etc/passwd") {
        Ok(text) if text.starts_with("probe:") => Ok(()),
        _ => Err(String::from("/etc/passwd is still the machine's own")),
    }
}
