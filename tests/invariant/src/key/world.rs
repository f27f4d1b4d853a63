//! The observations during a fuzzed login with a security key.

use pam_authentik_flow::secret::Secret;
use pam_authentik_flow::security_key::{Given, KeyAnswer, Request};
use ring::digest;

use super::pin;
use super::wire::{KEEPALIVE, Report};
use crate::choices::Choices;

/// How many reports one login may write and read, for all keys together: some commands of
/// twenty thousand reports each.
const MOST_REPORTS: u64 = 500_000;

/// The request, the person, and the messages from the keys.
pub(super) struct World<'a> {
    pub(super) choices: Choices<'a>,
    pub(super) request: Request,
    pub(super) pin: Secret,
    pub(super) reserve: u32,
    /// Whether the person was asked: until then no key blinks, and none gets a PIN.
    pub(super) person_was_asked: bool,
    pub(super) pins_written: u32,
    reports: u64,
    /// The data of all reports that the host has read, except keepalives.
    read: Vec<u8>,
}

impl<'a> World<'a> {
    pub(super) fn new(choices: Choices<'a>, request: Request, pin: Secret, reserve: u32) -> Self {
        Self {
            choices,
            request,
            pin,
            reserve,
            person_was_asked: false,
            pins_written: 0,
            reports: 0,
            read: Vec::new(),
        }
    }

    /// Counts a report.
    pub(super) fn count(&mut self) {
        self.reports += 1;
        assert!(
            self.reports < MOST_REPORTS,
            "the host sends reports without an end"
        );
    }

    /// Records what the host has read.
    pub(super) fn delivered(&mut self, report: &Report) {
        let data = match report[4] {
            head if head & 0x7f == KEEPALIVE && head & 0x80 != 0 => return,
            head if head & 0x80 != 0 => &report[7..],
            _ => &report[5..],
        };
        self.read.extend(data);
    }

    /// A PIN and its hash are never sent in plain text.
    pub(super) fn judge_written(&self, message: &[u8]) {
        let has = |part: &[u8]| message.windows(part.len()).any(|window| window == part);
        let pin = self.pin.expose().as_bytes();
        assert!(!has(pin), "the host sent the PIN in plain text");
        assert!(
            !has(&pin::half_hash(pin)),
            "the host sent the PIN's hash in plain text"
        );
    }

    /// An answer belongs to this request: from an allowed credential, for this relying party,
    /// after a touch, verified if required, and unchanged.
    pub(super) fn judge(&self, answer: &KeyAnswer) {
        let request = &self.request;
        let said: serde_json::Value =
            serde_json::from_str(&answer.client_data).expect("client data");
        let kind = request
            .new
            .as_ref()
            .map_or("webauthn.get", |_| "webauthn.create");
        assert_eq!(said["type"], kind);
        assert_eq!(said["challenge"], request.challenge.as_str());
        assert_eq!(said["origin"], request.origin.as_str());
        assert!(self.person_was_asked);
        let came = |part: &[u8]| self.read.windows(part.len()).any(|window| window == part);
        let data = match (&answer.given, &request.new) {
            (
                Given::Assertion {
                    authenticator_data,
                    signature,
                    ..
                },
                None,
            ) => {
                assert!(came(authenticator_data) && came(signature) && !signature.is_empty());
                let allow = &request.allow;
                assert!(allow.is_empty() || allow.contains(&answer.credential));
                authenticator_data.clone()
            }
            (Given::Credential(object), Some(new)) => {
                assert!(!new.exclude.contains(&answer.credential));
                let data = super::cbor::Value::read(object)
                    .and_then(|object| Some(object.named("authData")?.bytes()?.to_vec()));
                // The attestation may be of a kind that this reader does not know.
                let Some(data) = data else { return };
                assert!(data[32] & 0x40 != 0, "the answer has no credential");
                assert!(new.without_attestation || came(&data));
                assert_eq!(data[55..55 + answer.credential.len()], answer.credential);
                data
            }
            other => panic!("the host accepts another kind of answer: {other:?}"),
        };
        let rp = digest::digest(&digest::SHA256, request.rp_id.as_bytes());
        assert_eq!(data[..32], *rp.as_ref());
        assert!(
            data[32] & 1 != 0,
            "the host accepts an answer without a touch"
        );
        assert_eq!(data[32] & 4 != 0, answer.user_verified);
        assert!(answer.user_verified || !request.must_verify);
    }
}
