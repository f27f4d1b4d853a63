//! What the caller of su and sudo sets before they start: resource limits, and the
//! size of arguments and environment.
//!
//! `PAM_HARNESS_SOAK` asks for all of it. To try the sweep out on an old module,
//! name the module with `PAM_AUTHENTIK_FLOW_SO`, and set `PAM_HARNESS_EXPECT_HOLE`:
//! then the sweep must find a way in.

mod bench;
mod class;
mod ends;
mod limits;
mod table;
mod values;
