//! CTAP2 to a security key that is plugged into this host (FIDO Client to
//! Authenticator Protocol 2.1): what a browser does elsewhere.
//!
//! [`place`] proves that the person sits here, [`node`] finds the keys, [`look`] asks
//! which of them has a credential, and [`sign`] has one of them sign, or make a
//! credential, when it is touched. Below are the channel of one [`key`], the reports of CTAPHID in [`hid`],
//! the CBOR of CTAP2 in [`message`], and in [`pin`] what keeps a PIN secret.
//!
//! Every wait ends with the login's deadline and with CTAPHID_CANCEL. A key may send
//! any bytes: they end in a [`KeyFault`].

mod device;
mod fault;
mod hid;
mod key;
mod look;
mod message;
mod node;
mod pin;
mod place;
mod request;
mod sign;

pub use device::{Device, REPORT_BYTES, Report};
pub use fault::{KeyFault, NotOpened};
pub use look::{Look, Wanted};
pub use node::{Node, PluggedIn, describes_key, plugged_in};
pub use place::{AtThisHost, NotHere};
pub use request::{Given, Keep, KeyAnswer, NewCredential, Request};
pub use sign::{NotSigned, Pin};
