//! A control group for the test, of version 1 or 2, if one can be made.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const ROOT: &str = "/sys/fs/cgroup";

/// A control group. It is removed when this is dropped.
pub(crate) struct ControlGroup {
    path: PathBuf,
    is_version_2: bool,
}

impl ControlGroup {
    /// A group for this controller (`freezer`, `memory`, `pids`).
    pub(crate) fn make(controller: &str) -> Result<ControlGroup, String> {
        let root = Path::new(ROOT);
        let (parent, is_version_2) = if root.join("cgroup.controllers").exists() {
            (root.to_owned(), true)
        } else {
            (root.join(controller), false)
        };
        // Each process of the tests has its own, and each test in it.
        let name = format!("pam-harness-{}-{controller}", std::process::id());
        let path = parent.join(name);
        if is_version_2 && controller != "freezer" {
            // Without it the group has no file for the limit.
            let _ = fs::write(
                parent.join("cgroup.subtree_control"),
                format!("+{controller}"),
            );
        }
        fs::create_dir(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let group = ControlGroup { path, is_version_2 };
        let file = match controller {
            "freezer" => group.pick("freezer.state", "cgroup.freeze"),
            "memory" => group.pick("memory.limit_in_bytes", "memory.max"),
            _ => "pids.max",
        };
        match group.path.join(file).exists() {
            true => Ok(group),
            false => Err(format!("{} has no {file}", group.path.display())),
        }
    }

    fn pick(&self, version_1: &'static str, version_2: &'static str) -> &'static str {
        if self.is_version_2 {
            version_2
        } else {
            version_1
        }
    }

    /// The file by which a process joins.
    pub(crate) fn processes(&self) -> String {
        self.path.join("cgroup.procs").display().to_string()
    }

    #[track_caller]
    fn write(&self, file: &str, text: &str) {
        let path = self.path.join(file);
        // The kernel says EBUSY while it still reclaims memory.
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Err(e) = fs::write(&path, text) {
            assert!(Instant::now() < deadline, "{}: {e}", path.display());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops all processes of the group, or lets them go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        match (self.is_version_2, frozen) {
            (true, true) => self.write("cgroup.freeze", "1"),
            (true, false) => self.write("cgroup.freeze", "0"),
            (false, true) => self.write("freezer.state", "FROZEN"),
            (false, false) => self.write("freezer.state", "THAWED"),
        }
    }

    /// How many bytes the group's processes may use in all.
    pub(crate) fn limit_memory(&self, bytes: u64) {
        let file = self.pick("memory.limit_in_bytes", "memory.max");
        self.write(file, &bytes.to_string());
    }

    /// How many processes the group may have.
    pub(crate) fn limit_processes(&self, count: u32) {
        self.write("pids.max", &count.to_string());
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        // Busy until the last process is gone.
        while fs::remove_dir(&self.path).is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
