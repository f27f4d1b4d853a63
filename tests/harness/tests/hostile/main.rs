//! What an attacker controls: the caller's environment, the network and the server, typed text,
//! and the process. None of it causes a login, a crash, a hang or a leak.

#[path = "../module/bench.rs"]
#[allow(
    dead_code,
    reason = "made for the module's own tests, which use all of it"
)]
mod bench;
mod environment;
mod faults;
mod input;
mod memory;
mod process;
mod secrets;
