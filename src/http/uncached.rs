//! Request paths that no cache can know.

use std::hash::{BuildHasher, Hasher, RandomState};

/// `path` with a query that no earlier request had. A cache in front of authentik that
/// compares only the URL and ignores cookies would otherwise return another person's
/// response.
#[must_use]
pub fn uncached(path: &str) -> String {
    // Each `RandomState` has its own keys, seeded by the kernel's random numbers.
    let number = RandomState::new().build_hasher().finish();
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}nocache={number:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_comes_twice() {
        let first = uncached("/api/v3/core/users/me/");
        assert!(
            first.starts_with("/api/v3/core/users/me/?nocache="),
            "{first}"
        );
        assert_ne!(first, uncached("/api/v3/core/users/me/"));
        assert!(uncached("/x?a=b").starts_with("/x?a=b&nocache="));
    }
}
