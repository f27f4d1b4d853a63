//! The *authentik double*: an HTTPS server for tests that behaves like authentik's flow
//! executor, as far as a client can see. Its behaviour was recorded from a real server, and
//! `tests/replay.rs` compares the two.
//!
//! ```
//! use authentik_double::{Double, Flow};
//!
//! let double = Double::start();
//! double.world(|world| {
//!     world.user_mut("alice").password = "other".to_owned();
//!     world.add_flow(Flow::new("mine").combined().user_login());
//! });
//! println!("curl --cacert … {}/api/v3/flows/executor/mine/", double.url());
//! assert!(double.requests().is_empty());
//! ```

mod api;
mod catalogue;
mod certificate;
mod csrf;
mod double;
mod exchange;
mod executor;
mod fault;
mod flow;
mod random;
mod served;
mod server;
mod session;
mod state;
mod totp;
mod version;
mod words;
mod world;

pub use catalogue::{FlowSummary, list_flows};
pub use certificate::{Certificate, KeyKind, TlsOffer, TlsVersion, stranger_pem};
pub use double::{Double, DoubleBuilder};
pub use executor::JudgedAssertion;
pub use fault::{Fault, Match};
pub use flow::{
    Authentication, Binding, ConfigurationStage, DeniedAction, Enrolment, Field, Flow,
    Identification, InvalidResponseAction, NotConfigured, Policy, PolicyRequest, Prompt,
    PromptCheck, Stage, UserLogin, Validate, Verdict,
};
pub use server::SeenRequest;
pub use totp::totp_code;
pub use version::Version;
pub use world::{
    Access, Application, CONNECTOR, Clock, Device, DeviceKind, EnrolmentToken, Group, HostDevice,
    HostToken, Permission, Phone, Providers, Registration, Token, User, UserType, World,
};
