//! See `login_invariant::targets::state`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| login_invariant::targets::state(bytes));
