//! See `login_invariant::targets::arguments`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| login_invariant::targets::arguments(bytes));
