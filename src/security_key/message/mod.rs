//! The messages of CTAP2 (CTAP 2.1, section 6): maps in CBOR, whose keys are small
//! numbers in ascending order.

mod assertion;
mod cbor;
mod client_pin;
mod credential;
mod info;

pub(super) use assertion::{
    AssertionReply, AssertionRequest, bytes_of_credential, bytes_without_list, get_assertion,
};
pub(super) use client_pin::{
    PinReply, PublicKey, get_key_agreement, get_pin_token, get_retries, permission,
};
pub(super) use credential::{CredentialReply, CredentialRequest, algorithm_of, make_credential};
pub(super) use info::Info;

/// The commands.
pub(super) mod command {
    pub(in crate::security_key) const MAKE_CREDENTIAL: u8 = 0x01;
    pub(in crate::security_key) const GET_ASSERTION: u8 = 0x02;
    pub(in crate::security_key) const GET_INFO: u8 = 0x04;
    pub(in crate::security_key) const CLIENT_PIN: u8 = 0x06;
    pub(in crate::security_key) const GET_NEXT_ASSERTION: u8 = 0x08;
    pub(in crate::security_key) const SELECTION: u8 = 0x0b;
}

/// `getInfo`.
pub(super) fn get_info() -> Vec<u8> {
    vec![command::GET_INFO]
}

/// `authenticatorSelection`: the key that is touched answers.
pub(super) fn selection() -> Vec<u8> {
    vec![command::SELECTION]
}

/// `getNextAssertion`.
pub(super) fn get_next_assertion() -> Vec<u8> {
    vec![command::GET_NEXT_ASSERTION]
}
