//! Ctrl-C, a lost terminal and `kill`: a run stops after the current login, and removes what it
//! has created.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SigSet, Signal};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Handles these signals from now on. Threads and children that start later inherit that, so
/// the current login can end.
pub(crate) fn watch() -> Result<(), String> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals
        .thread_block()
        .map_err(|e| format!("signals: {e}"))?;
    std::thread::spawn(move || {
        while signals.wait().is_ok() {
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                crate::tell(format_args!(
                    "This is still removing what it has made. Please wait."
                ));
            } else {
                crate::tell(format_args!("Interrupted. This removes what it has made."));
            }
        }
    });
    Ok(())
}

/// Whether a signal has arrived.
pub(crate) fn came() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}
