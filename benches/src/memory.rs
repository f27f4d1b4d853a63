//! How much of a process is resident.

use serde::{Deserialize, Serialize};
use std::fs;

/// Kilobytes of this process.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Resident pages, those of files included, as the kernel counts them one by one.
    pub resident: u64,
    /// The share of them that no file backs: heap, stacks, and what was written to.
    pub anonymous: u64,
    /// The most that was resident since [`forget_peak`].
    pub peak: u64,
}

/// What is resident now.
pub fn now() -> Memory {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    Memory {
        resident: field(&rollup, "Rss:"),
        anonymous: field(&rollup, "Anonymous:"),
        peak: field(&status, "VmHWM:"),
    }
}

/// Resets the peak.
pub fn forget_peak() {
    // An old kernel does not know "5", and the peak stays: it is only too high.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}
