//! The C library and the kernel: what no safe crate offers. With [`crate::pam`]
//! this is the only folder with `unsafe` code; its interface is safe.

mod clock;
mod command_line;
mod connect;
mod dns;
mod limits;
mod locale;
mod memory;
mod network;
mod nsswitch;
mod proc;
mod resolved;
mod setuid;
mod stopped;

pub use clock::since_boot;
pub use command_line::command_line;
pub use connect::{Refusal, refusal_of};
pub use dns::{Family, LookupError, look_up};
pub use limits::{RaisedLimits, RestoredLimits, has_stack, may_write};
pub use locale::locale_is_utf8;
pub use memory::{MemoryReserve, ReservedMemory};
pub use network::HostNetwork;
pub use nsswitch::{AsksResolve, addresses_in, asks_resolve};
pub use proc::{AuditSession, ProcessMark, boot_id};
pub use resolved::SOCKET as RESOLVED_SOCKET;
pub use setuid::is_setuid;
pub use stopped::StopWatch;
