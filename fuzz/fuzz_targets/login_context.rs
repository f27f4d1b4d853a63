//! See `login_invariant::targets::login_context`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| login_invariant::targets::login_context(bytes));
