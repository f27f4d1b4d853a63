//! See `login_invariant::key::play`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| login_invariant::targets::key(bytes));
