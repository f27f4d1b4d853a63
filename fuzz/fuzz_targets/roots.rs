//! See `login_invariant::targets::roots`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| login_invariant::targets::roots(bytes));
