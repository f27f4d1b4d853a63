//! Threads that belong to a test.

use std::thread::{Builder, Scope, ScopedJoinHandle, current};

/// Starts a thread under the name of the present one, which the test runner has named after the
/// test: a double knows by it whose it is.
///
/// # Panics
/// If the system has no thread left.
pub fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    let name = current().name().unwrap_or_default().to_owned();
    let started = Builder::new().name(name).spawn_scoped(scope, work);
    started.unwrap_or_else(|why| panic!("no thread: {why}"))
}
