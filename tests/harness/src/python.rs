//! The Python that `scripts/python-packages` makes, with packages of PyPI.

use crate::module::workspace;
use std::path::PathBuf;

/// Where it is.
///
/// # Errors
///
/// The reason, for [`skip!`](crate::skip!).
pub fn python() -> Result<PathBuf, String> {
    let target = crate::skip::target_directory().unwrap_or_else(|| workspace().join("target"));
    let directory = target.join("python");
    if directory.join("complete").is_file() {
        return Ok(directory.join("bin/python"));
    }
    Err(format!(
        "there is no Python with py_webauthn in {}",
        directory.display()
    ))
}

/// The Python with packages from PyPI. Skips the test if it is not available.
#[macro_export]
macro_rules! require_python {
    () => {
        match $crate::python::python() {
            ::std::result::Result::Ok(python) => python,
            ::std::result::Result::Err(reason) => $crate::skip!("{reason}"),
        }
    };
}
