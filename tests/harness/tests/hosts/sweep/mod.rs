//! What the caller of su and sudo sets before they start: resource limits, and the size of
//! arguments and environment.
//!
//! `PAM_HARNESS_SOAK` runs all of it. To test the sweep with an old module, name the module
//! with `PAM_AUTHENTIK_FLOW_SO`, and set `PAM_HARNESS_EXPECT_HOLE`: then the sweep must find a
//! way in.

pub(crate) mod bench;
pub(crate) mod class;
pub(crate) mod ends;
mod limits;
mod printed;
mod table;
mod twin;
mod values;
