//! The machine is unchanged: what a host writes and runs is removed with it.

use crate::case::PASSWORD;
use authentik_double::Double;
use pam_harness::host::RealHost;
use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Each file below a directory, with its contents, its owner and its time of change.
fn look_at(directory: &Path, seen: &mut BTreeMap<String, u64>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(about) = path.symlink_metadata() else {
            continue;
        };
        let mut digest = DefaultHasher::new();
        (about.mode(), about.uid(), about.gid()).hash(&mut digest);
        if about.is_file() {
            (fs::read(&path).ok(), about.mtime(), about.ctime()).hash(&mut digest);
        } else if about.is_symlink() {
            fs::read_link(&path).ok().hash(&mut digest);
        }
        seen.insert(path.display().to_string(), digest.finish());
        if about.is_dir() {
            look_at(&path, seen);
        }
    }
}

fn state() -> BTreeMap<String, u64> {
    let mut seen = BTreeMap::new();
    look_at(Path::new("/etc"), &mut seen);
    for directory in ["/usr/lib", "/lib", "/lib64", "/usr/lib64"] {
        for path in fs::read_dir(directory).into_iter().flatten().flatten() {
            look_at(&path.path().join("security"), &mut seen);
        }
        look_at(&Path::new(directory).join("security"), &mut seen);
    }
    // Records of logins. Others may log in meanwhile, but not these users.
    for path in [
        "/var/log/lastlog",
        "/var/log/faillog",
        "/var/lib/sudo",
        "/run/sudo/ts",
    ] {
        look_at(Path::new(path), &mut seen);
    }
    seen
}

/// The processes in this mount namespace.
fn processes_in(namespace: &Path) -> Vec<String> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| fs::read_link(entry.path().join("ns/mnt")).is_ok_and(|ns| ns == namespace))
        .map(|entry| fs::read_to_string(entry.path().join("comm")).unwrap_or_default())
        .collect()
}

#[test]
fn a_host_leaves_nothing_behind() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo");
    let before = state();
    assert!(before.len() > 100, "{} files", before.len());
    let host_name = fs::read("/proc/sys/kernel/hostname").unwrap_or_default();

    let double = Double::start();
    let host = RealHost::new(&double).start();
    let mut ssh = host.ssh("alice").run(&[]);
    ssh.answer("Password:", PASSWORD).expect("$ ");
    let mut sudo = host.sudo(
        "alice",
        &["sh", "-c", "echo x >/etc/left-behind; echo done"],
    );
    sudo.answer("assword for", PASSWORD).expect("done\r\n");
    assert_eq!(sudo.finish().status, 0);
    assert_eq!(host.read("/etc/left-behind").as_deref(), Some("x\n"));
    let namespace = host.mount_namespace();
    // A session is open, and sshd runs.
    assert!(processes_in(&namespace).len() > 3, "{:?}", host.processes());
    drop(host);

    assert_eq!(processes_in(&namespace), [""; 0]);
    drop(ssh);
    let after = state();
    let changed: Vec<_> = before
        .iter()
        .filter(|(path, digest)| after.get(*path) != Some(digest))
        .map(|(path, _)| path)
        .chain(after.keys().filter(|path| !before.contains_key(*path)))
        .collect();
    assert!(
        changed.is_empty(),
        "these files of the machine changed: {changed:?}"
    );
    assert_eq!(
        fs::read("/proc/sys/kernel/hostname").unwrap_or_default(),
        host_name
    );
}
