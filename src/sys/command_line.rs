//! The command line of this program.

use std::io::Read;

/// More than any options in front of a command.
const MOST: u64 = 32 * 1024;

/// The command line of the program that the module runs in, with a NUL behind each
/// argument; `None` where the kernel does not show it, or it is longer than 32 KiB.
///
/// The user who started the program chose it. It may only affect what they see.
#[must_use]
pub fn command_line() -> Option<Vec<u8>> {
    let file = std::fs::File::open("/proc/self/cmdline").ok()?;
    let mut text = Vec::new();
    let read = file
        .take(MOST.saturating_add(1))
        .read_to_end(&mut text)
        .ok()?;
    let is_whole = u64::try_from(read).is_ok_and(|read| read <= MOST);
    is_whole.then_some(text)
}
