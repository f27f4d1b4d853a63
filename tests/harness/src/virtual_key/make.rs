//! `makeCredential`, on the key's side.

use super::cbor::Value;
use super::ctap::{State, Status, Step, cose_key};
use super::{Attestation, Credential, crypto};

impl State {
    /// Creates a credential, and stores it if requested.
    pub(super) fn make_credential(&mut self, request: &Value) -> Step {
        match self.judge_new(request) {
            Err(status) => Step::Done(Err(status)),
            Ok(verified) => Step::Touch(self.make(request, verified)),
        }
    }

    fn judge_new(&mut self, request: &Value) -> Result<bool, Status> {
        let verified = self.is_verified(request, [1, 7, 8, 9])?;
        if request.at(8).is_some() && !self.may_make {
            return Err(0x33);
        }
        // A key with a PIN does not create one without it (CTAP 2.1, section 6.1.2).
        let must = self.settings.always_verifies || self.settings.pin.is_some();
        if must && !verified {
            return Err(0x36);
        }
        let offered = request.at(4).map(Value::list).unwrap_or_default();
        let mut algorithms = offered.iter().filter_map(|entry| entry.named("alg")?.int());
        if !algorithms.any(|algorithm| algorithm == -7) {
            return Err(0x26);
        }
        let keeps = request.at(7).and_then(|options| options.named("rk"));
        if keeps.is_some_and(Value::is_true) && self.settings.is_full {
            return Err(0x28);
        }
        let excluded = request.at(5).map(Value::list).unwrap_or_default();
        let has = |entry: &Value| {
            let id = entry.named("id").and_then(Value::bytes);
            let mut own = self.settings.credentials.iter();
            own.any(|credential| id == Some(&credential.id))
        };
        match excluded.iter().any(has) {
            true => Err(0x19),
            false => Ok(verified),
        }
    }

    fn make(&mut self, request: &Value, verified: bool) -> Result<Value, Status> {
        let named = |key: i64, name: &str| request.at(key).and_then(|map| map.named(name));
        let hash = request.at(1).and_then(Value::bytes).ok_or(0x14)?;
        let rp = named(2, "id").and_then(Value::text).ok_or(0x14)?;
        let name = named(3, "name").and_then(Value::text).ok_or(0x14)?;
        let handle = named(3, "id").and_then(Value::bytes).ok_or(0x14)?;
        let mut credential = Credential::new(rp, name);
        credential.user_handle = handle.to_vec();
        credential.is_passkey = named(7, "rk").is_some_and(Value::is_true);
        let mut data = crypto::sha256(rp.as_bytes());
        data.push(0x41 | if verified { 4 } else { 0 });
        data.extend([0; 4]);
        data.extend([0xaa; 16]);
        data.extend(
            u16::try_from(credential.id.len())
                .map_err(|_| 0x7f)?
                .to_be_bytes(),
        );
        data.extend(&credential.id);
        data.extend(cose_key(-7, &credential.point()).write());
        let text = |text: &str| Value::Text(text.to_owned());
        let (format, statement) = match self.settings.attestation {
            Attestation::Own => {
                let signature = credential.key.sign(&[&data[..], hash].concat());
                let statement = vec![
                    (text("alg"), Value::Int(-7)),
                    (text("sig"), Value::Bytes(signature)),
                ];
                ("packed", statement)
            }
            Attestation::None => ("none", Vec::new()),
        };
        self.settings.credentials.push(credential);
        Ok(Value::Map(vec![
            (Value::Int(1), text(format)),
            (Value::Int(2), Value::Bytes(data)),
            (Value::Int(3), Value::Map(statement)),
        ]))
    }
}
