//! The character set of the locale that the application has set.

use std::ffi::CStr;

/// Whether the application speaks UTF-8, as its locale says (`nl_langinfo(3)`).
///
/// `false` also if it never called `setlocale(3)`, as in sshd: then this says nothing
/// about the person's terminal. It may only decide how something is drawn, because
/// sudo's caller chooses the locale.
#[must_use]
pub fn locale_is_utf8() -> bool {
    // SAFETY: the function takes any item and reads the locale alone.
    let codeset = unsafe { libc::nl_langinfo(libc::CODESET) };
    if codeset.is_null() {
        return false;
    }
    // SAFETY: it is a string of the C library's own, ends in NUL, and is read before
    // anything else can change the locale.
    let codeset = unsafe { CStr::from_ptr(codeset) };
    codeset.to_bytes().eq_ignore_ascii_case(b"UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test program has called `setlocale` no more than sshd has.
    #[test]
    fn without_setlocale_it_is_not_known_to_be_utf8() {
        assert!(!locale_is_utf8());
    }
}
