//! Searches the memory of its own process for secrets without holding them itself.
//!
//! The secrets arrive masked and stay so. Each byte that is read is masked for the comparison,
//! and the buffer is wiped before the next read.

use crate::later;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// No byte of a text is unchanged by it.
const MASK: u8 = 0xa5;
/// How much is read at once.
const CHUNK: usize = 1 << 16;

/// A secret's name, and the secret masked.
pub type Needle = (String, Vec<u8>);

/// These bytes masked, or unmasked if they were masked.
pub fn masked(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ MASK).collect()
}

/// Gets the secrets to search for through the files at `path`.
///
/// # Errors
///
/// When nobody provides them.
pub fn needles(path: &Path) -> Result<Vec<Needle>, String> {
    let text = later::ask(path, "")?;
    serde_json::from_str(&text).map_err(|e| format!("these are no needles: {e}"))
}

/// The names of the secrets in a writable mapping of this process, with the mapping.
///
/// # Errors
///
/// When `/proc` does not show the memory.
pub fn scan(needles: &[Needle]) -> Result<Vec<String>, String> {
    let failed = |e: std::io::Error| format!("/proc/self: {e}");
    let maps = fs::read_to_string("/proc/self/maps").map_err(failed)?;
    let memory = File::open("/proc/self/mem").map_err(failed)?;
    let overlap = needles.iter().map(|(_, n)| n.len()).max().unwrap_or(1) - 1;
    let mut buffer = vec![0; CHUNK + overlap];
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(range), Some(rights)) = (fields.next(), fields.next()) else {
            continue;
        };
        if !rights.starts_with("rw") {
            continue;
        }
        let ends = range.split_once('-').and_then(|(from, to)| {
            let hex = |text| u64::from_str_radix(text, 16).ok();
            Some((hex(from)?, hex(to)?))
        });
        let Some((mut at, end)) = ends else { continue };
        while at < end {
            let length = usize::try_from(end - at).map_or(buffer.len(), |n| n.min(buffer.len()));
            let part = &mut buffer[..length];
            // Pages that cannot be read contain nothing.
            if memory.read_exact_at(part, at).is_ok() {
                for (name, needle) in needles {
                    if holds(part, needle) {
                        let place = fields.clone().nth(3).unwrap_or("anonymous");
                        found.push(format!("{name} in {place}"));
                    }
                }
            }
            part.fill(0);
            at += CHUNK as u64;
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether `part` contains the text with the masked form `needle`.
fn holds(part: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first().map(|byte| byte ^ MASK) else {
        return false;
    };
    part.windows(needle.len()).any(|window| {
        window.first() == Some(&first)
            && window
                .iter()
                .zip(needle)
                .all(|(read, wanted)| read ^ MASK == *wanted)
    })
}
