//! See `login_invariant::targets::html`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| login_invariant::targets::html(bytes));
