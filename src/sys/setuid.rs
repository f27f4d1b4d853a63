//! Whether this program is set-uid.

/// Whether the program has more rights than the user who started it: sudo, su,
/// passwd, and other set-uid programs.
///
/// Its caller decides when it runs: they can stop it, freeze its control group,
/// limit its memory, or keep the processor busy. The kernel notes the fact when
/// the program starts (`AT_SECURE`, `getauxval(3)`); it stays true whatever the
/// program does with its user IDs later. It is false where root itself calls sudo.
#[must_use]
pub fn is_setuid() -> bool {
    // SAFETY: the function reads a table that the kernel made, and takes any number.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}
