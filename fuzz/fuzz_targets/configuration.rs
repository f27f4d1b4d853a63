//! See `login_invariant::targets::configuration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| login_invariant::targets::configuration(bytes));
