//! Panics stop here, and nothing is written to the host's stderr.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::{Mutex, Once, PoisonError};

use crate::error::LoginError;
use crate::text;

static QUIET: Once = Once::new();
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Runs `call`; a panic in it becomes [`LoginError::Bug`] with its place in the
/// source. Its message is left out: it could hold a secret.
///
/// The panic hook belongs to this library's own copy of the standard library; programs
/// and modules in the same process keep theirs.
///
/// # Errors
/// [`LoginError::Bug`] for a panic, else as `call`.
pub fn guarded<T>(call: impl FnOnce() -> Result<T, LoginError>) -> Result<T, LoginError> {
    QUIET.call_once(|| {
        set_hook(Box::new(|panic| {
            let place = panic
                .location()
                .map(ToString::to_string)
                .unwrap_or_default();
            *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = place;
        }));
    });
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| {
        // Dropping a payload may panic itself; the hook boundary catches that.
        drop(payload);
        let place = LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner);
        Err(LoginError::Bug(format!(
            "panic at {}",
            text::one_line(&place, 120)
        )))
    })
}
