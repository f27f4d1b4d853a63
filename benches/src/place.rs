//! The place where the bench runs: a private directory and, if the kernel allows it, a mount
//! namespace with its own accounts and `/dev/log`. So the module works as on a host, and the
//! host's log stays empty.

use crate::{Result, at};
use pam_harness::namespace;
use pam_harness::script::{IsolationPlan, PluggedKey};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The private directory, as long as this lives.
pub struct Place {
    directory: TempDir,
    /// Why there is no namespace.
    pub shared: Option<String>,
}

/// Accounts for `/etc/passwd`: those that log in, and those that programs need.
const PASSWD: &str = "\
root:*:0:0:root:/root:/bin/sh
daemon:*:1:1:daemon:/nonexistent:/usr/sbin/nologin
sshd:*:102:65534:sshd:/nonexistent:/usr/sbin/nologin
alice:*:2001:2001:alice:/:/bin/sh
bob:*:2002:2002:bob:/:/bin/sh
coder:*:2003:2003:coder:/:/bin/sh
kay:*:2004:2004:kay:/:/bin/sh
nobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
";

const GROUP: &str = "\
root:x:0:
tty:x:5:
shadow:x:42:
alice:x:2001:
bob:x:2002:
coder:x:2003:
kay:x:2004:
nogroup:x:65534:
";

const NSSWITCH: &str = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n";

/// The configuration of `sudo`: alice goes through the module, bob through `pam_permit`.
const SUDOERS: &str = "\
Defaults timestamp_timeout=0, lecture=never, !use_pty, !fqdn
Defaults:alice pam_service=bench-module
Defaults:bob pam_service=bench-permit
root ALL=(ALL:ALL) ALL
alice ALL=(ALL:ALL) ALL
bob ALL=(ALL:ALL) ALL
";

impl Place {
    /// A new one, with a security key in it, if any. Call it before there is a second thread.
    pub fn new(key: Option<PluggedKey>) -> Result<Place> {
        let directory = tempfile::Builder::new()
            .prefix("authentik-bench-")
            .tempdir()
            .map_err(at("a private directory"))?;
        // Users who log in by sudo read their files in it.
        mode(directory.path(), 0o755)?;
        let mut place = Place {
            directory,
            shared: None,
        };
        place.shared = place.enter(key).err();
        Ok(place)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A new directory in it.
    pub fn directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::create_dir_all(&path).map_err(at(path.display()))?;
        Ok(path)
    }

    fn enter(&self, key: Option<PluggedKey>) -> Result<()> {
        let files = self.directory("etc")?;
        let mut plan = IsolationPlan {
            scratch: self.directory("scratch")?,
            files: Vec::new(),
            dev_log: Some(self.path("log")),
            keys: key.into_iter().collect(),
            session: None,
            state: None,
        };
        for (name, text, bits) in [
            ("passwd", PASSWD, 0o644),
            ("group", GROUP, 0o644),
            ("nsswitch.conf", NSSWITCH, 0o644),
            ("sudoers", SUDOERS, 0o440),
        ] {
            let path = files.join(name);
            write(&path, text, bits)?;
            plan.files.push((path, Path::new("/etc").join(name)));
        }
        plan.files
            .push((self.directory("pam.d")?, PathBuf::from("/etc/pam.d")));
        self.fill_pam_d()?;
        // A probe in its own process: if it fails half way, this process is not affected.
        let me = std::env::current_exe().map_err(at("this program"))?;
        let probe = Command::new(me)
            .arg("probe")
            .arg(self.directory("probe")?)
            .output()
            .map_err(at("the probe"))?;
        if !probe.status.success() {
            return Err(String::from_utf8_lossy(&probe.stderr).trim().to_owned());
        }
        let log = UnixDatagram::bind(self.path("log")).map_err(at("/dev/log"))?;
        mode(&self.path("log"), 0o666)?;
        namespace::enter(&plan)?;
        std::thread::spawn(move || while log.recv(&mut [0; 4096]).is_ok() {});
        Ok(())
    }

    /// The machine's own stacks, for programs that use them. Our stacks are added later.
    fn fill_pam_d(&self) -> Result<()> {
        for entry in fs::read_dir("/etc/pam.d").into_iter().flatten().flatten() {
            if let Ok(text) = fs::read(entry.path()) {
                let _ = fs::write(self.path("pam.d").join(entry.file_name()), text);
            }
        }
        Ok(())
    }
}

/// Writes a file with these permissions.
pub fn write(path: &Path, text: &str, bits: u32) -> Result<()> {
    fs::write(path, text).map_err(at(path.display()))?;
    mode(path, bits)
}

/// Sets permissions.
pub fn mode(path: &Path, bits: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).map_err(at(path.display()))
}
