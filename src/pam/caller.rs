//! Who started this process.

/// Whether the program has more rights than whoever started it: sudo, su,
/// passwd, and other set-uid programs.
///
/// They decide when it runs: they can stop it, freeze its control group, or keep
/// its processor busy, so that time which passes in it says nothing of a server.
/// The kernel noted it when the program began (`AT_SECURE`, `getauxval(3)`); what
/// the program makes of its user IDs since does not change it.
#[must_use]
pub fn is_held_by_its_caller() -> bool {
    // SAFETY: the function reads a table that the kernel made, and takes any number.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}
