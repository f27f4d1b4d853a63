//! The commands of CTAP2, on the key's side.

use super::cbor::Value;
use super::crypto::{self, Agreement};
use super::{Credential, Settings};
use std::sync::atomic::Ordering;

/// The status of a command that failed (CTAP 2.1, section 8.2).
pub(super) type Status = u8;

/// What a command needs before it continues.
pub(super) enum Step {
    /// Nothing: here is the reply or the status.
    Done(Result<Value, Status>),
    /// A touch. Then here is the reply or the status.
    Touch(Result<Value, Status>),
}

/// The key's memory.
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) tries: u32,
    /// How many wrong PINs were given since it was plugged in.
    wrong_in_a_row: u32,
    token: Vec<u8>,
    /// Whether the token may create a credential.
    pub(super) may_make: bool,
    /// Whether it may sign with one.
    may_sign: bool,
    agreement: Option<Agreement>,
    /// The credentials that `getNextAssertion` has not returned yet.
    next: Vec<(Value, bool)>,
}

impl State {
    pub(super) fn new(settings: Settings) -> State {
        State {
            tries: settings.tries,
            settings,
            wrong_in_a_row: 0,
            token: crypto::random(32),
            may_make: false,
            may_sign: false,
            agreement: None,
            next: Vec::new(),
        }
    }

    /// Answers one message.
    pub(super) fn answer(&mut self, message: &[u8]) -> Step {
        let Some((command, rest)) = message.split_first() else {
            return Step::Done(Err(0x03));
        };
        let request = match rest {
            [] => Value::Map(Vec::new()),
            _ => match Value::read(rest) {
                Some(request) => request,
                None => return Step::Done(Err(0x12)),
            },
        };
        match command {
            0x01 => self.make_credential(&request),
            0x02 => self.get_assertion(&request),
            0x04 => Step::Done(Ok(self.info())),
            0x06 => Step::Done(self.client_pin(&request)),
            0x08 => Step::Done(self.next_assertion()),
            0x0b => Step::Touch(Ok(Value::Map(Vec::new()))),
            _ => Step::Done(Err(0x01)),
        }
    }

    fn info(&self) -> Value {
        let it = &self.settings;
        let text = |text: &str| Value::Text(text.to_owned());
        let mut options = vec![
            (text("rk"), Value::Bool(true)),
            (text("up"), Value::Bool(true)),
        ];
        if it.own_verification {
            options.push((text("uv"), Value::Bool(true)));
        }
        options.push((text("plat"), Value::Bool(false)));
        if it.always_verifies {
            options.push((text("alwaysUv"), Value::Bool(true)));
        }
        options.push((text("clientPin"), Value::Bool(it.pin.is_some())));
        if it.token_permissions {
            options.push((text("pinUvAuthToken"), Value::Bool(true)));
        }
        let versions = match it.token_permissions {
            true => vec![text("FIDO_2_0"), text("FIDO_2_1")],
            false => vec![text("FIDO_2_0")],
        };
        let number = |number: usize| Value::Int(number as i64);
        Value::Map(vec![
            (Value::Int(1), Value::Array(versions)),
            (Value::Int(2), Value::Array(vec![text("credProtect")])),
            (Value::Int(3), Value::Bytes(vec![0; 16])),
            (Value::Int(4), Value::Map(options)),
            (Value::Int(5), Value::Int(1200)),
            (
                Value::Int(6),
                Value::Array(it.protocols.iter().map(|p| Value::Int(*p)).collect()),
            ),
            (Value::Int(7), number(it.max_list)),
            (Value::Int(8), number(128)),
        ])
    }

    fn client_pin(&mut self, request: &Value) -> Result<Value, Status> {
        let one = |key: i64, value: Value| Ok(Value::Map(vec![(Value::Int(key), value)]));
        let protocol = request.at(1).and_then(Value::int).unwrap_or(0);
        if !self.settings.protocols.contains(&protocol) {
            return Err(0x02);
        }
        match request.at(2).and_then(Value::int) {
            Some(1) => one(3, Value::Int(i64::from(self.tries))),
            Some(2) => {
                let agreement = Agreement::new();
                let cose = cose_key(-25, agreement.point());
                self.agreement = Some(agreement);
                one(1, cose)
            }
            Some(sub @ (5 | 9)) => {
                if sub == 9 && !self.settings.token_permissions {
                    return Err(0x3e);
                }
                let permissions = request.at(9).and_then(Value::int).unwrap_or(0);
                if sub == 9
                    && (permissions & 3 == 0 || request.at(10).and_then(Value::text).is_none())
                {
                    return Err(0x02);
                }
                self.may_make = sub == 5 || permissions & 1 != 0;
                self.may_sign = sub == 5 || permissions & 2 != 0;
                self.pin_token(protocol, request)
            }
            _ => Err(0x3e),
        }
    }

    fn pin_token(&mut self, protocol: i64, request: &Value) -> Result<Value, Status> {
        let Some(pin) = self.settings.pin.clone() else {
            return Err(0x35);
        };
        if self.tries == 0 {
            return Err(0x32);
        }
        if self.wrong_in_a_row >= 3 {
            return Err(0x34);
        }
        let theirs = request.at(3).and_then(point_of).ok_or(0x14)?;
        let agreement = self.agreement.take().ok_or(0x33)?;
        let key = agreement.shared(protocol, &theirs).ok_or(0x02)?;
        let encrypted = request.at(6).and_then(Value::bytes).ok_or(0x14)?;
        let typed = crypto::decrypt(protocol, &key, encrypted);
        self.tries -= 1;
        if crypto::sha256(pin.as_bytes()).get(..16) != Some(&typed) {
            self.wrong_in_a_row += 1;
            return Err(match (self.tries, self.wrong_in_a_row) {
                (0, _) => 0x32,
                (_, 3) => 0x34,
                _ => 0x31,
            });
        }
        self.tries = self.settings.tries;
        self.wrong_in_a_row = 0;
        let token = crypto::encrypt(protocol, &key, &self.token);
        Ok(Value::Map(vec![(Value::Int(2), Value::Bytes(token))]))
    }

    fn get_assertion(&mut self, request: &Value) -> Step {
        match self.judge(request) {
            Err(status) => Step::Done(Err(status)),
            Ok((verified, silent)) => {
                let reply = self.sign(request, verified, silent);
                match (silent, self.settings.hurried) {
                    (true, _) | (_, true) => Step::Done(reply),
                    _ => Step::Touch(reply),
                }
            }
        }
    }

    /// Whether the person is verified, and whether no touch is needed.
    fn judge(&mut self, request: &Value) -> Result<(bool, bool), Status> {
        let options = request.at(5);
        let silent = options.and_then(|it| it.named("up")) == Some(&Value::Bool(false));
        let verified = self.is_verified(request, [2, 5, 6, 7])?;
        if request.at(6).is_some() && !self.may_sign {
            return Err(0x33);
        }
        if self.settings.always_verifies && !verified && !silent {
            return Err(0x36);
        }
        let list = request.at(3).map(Value::list).unwrap_or_default();
        if list.len() > self.settings.max_list {
            return Err(0x15);
        }
        Ok((verified, silent))
    }

    /// Whether the person is verified, by the token or by the key itself. The arguments say
    /// where the request has the hash, the options, the proof, and the number of its protocol.
    pub(super) fn is_verified(&self, request: &Value, keys: [i64; 4]) -> Result<bool, Status> {
        let [hash, options, proof, protocol] = keys.map(|key| request.at(key));
        let mut verified = false;
        if let Some(proof) = proof.and_then(Value::bytes) {
            let hash = hash.and_then(Value::bytes).ok_or(0x14)?;
            let tag = crypto::hmac_sha256(&self.token, hash);
            let right = match protocol.and_then(Value::int) {
                Some(1) => tag.get(..16).unwrap_or_default().to_vec(),
                _ => tag,
            };
            if proof != right {
                return Err(0x33);
            }
            verified = true;
        }
        let itself = options.and_then(|options| options.named("uv"));
        if itself.is_some_and(Value::is_true) {
            if !self.settings.own_verification {
                return Err(0x2c);
            }
            verified = true;
        }
        Ok(verified)
    }

    fn sign(&mut self, request: &Value, verified: bool, silent: bool) -> Result<Value, Status> {
        let rp = request.at(1).and_then(Value::text).ok_or(0x14)?;
        let hash = request.at(2).and_then(Value::bytes).ok_or(0x14)?;
        let list = request.at(3).map(Value::list);
        let is_listed = |credential: &Credential| match list {
            Some(list) => list.iter().any(|entry| {
                entry.named("id").and_then(Value::bytes) == Some(&credential.id)
                    && entry.named("type").and_then(Value::text) == Some("public-key")
            }),
            None => credential.is_passkey,
        };
        let hits: Vec<Credential> = self
            .settings
            .credentials
            .iter()
            .filter(|credential| credential.rp_id == rp && is_listed(credential))
            .filter(|credential| verified || !credential.is_hidden)
            .cloned()
            .collect();
        let most = match list {
            Some(_) => hits.len().min(1),
            None => hits.len(),
        };
        let mut replies = Vec::new();
        for credential in hits.iter().take(most) {
            let count = credential.count.fetch_add(1, Ordering::Relaxed) + 1;
            let flags = u8::from(!silent) | if verified { 4 } else { 0 };
            let mut data = crypto::sha256(rp.as_bytes());
            data.push(flags);
            data.extend(count.to_be_bytes());
            let signature = credential.key.sign(&[&data[..], hash].concat());
            let mut reply = Vec::new();
            let omits = self.settings.omits_credential && list.is_some_and(|list| list.len() == 1);
            if !omits {
                reply.push((Value::Int(1), descriptor(&credential.id)));
            }
            reply.push((Value::Int(2), Value::Bytes(data)));
            reply.push((Value::Int(3), Value::Bytes(signature)));
            if list.is_none() {
                reply.push((Value::Int(4), user(credential, verified && most > 1)));
            }
            replies.push((Value::Map(reply), silent));
        }
        replies.reverse();
        let (mut first, _) = replies.pop().ok_or(0x2e)?;
        if let (Value::Map(entries), true) = (&mut first, most > 1) {
            entries.push((Value::Int(5), Value::Int(most as i64)));
        }
        self.next = replies;
        Ok(first)
    }

    fn next_assertion(&mut self) -> Result<Value, Status> {
        self.next.pop().map(|(reply, _)| reply).ok_or(0x30)
    }
}

fn descriptor(id: &[u8]) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    Value::Map(vec![
        (text("id"), Value::Bytes(id.to_vec())),
        (text("type"), text("public-key")),
    ])
}

fn user(credential: &Credential, with_name: bool) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut entries = vec![(text("id"), Value::Bytes(credential.user_handle.clone()))];
    if with_name {
        entries.push((text("name"), text(&credential.user_name)));
    }
    Value::Map(entries)
}

/// A public key as COSE has it.
pub(super) fn cose_key(algorithm: i64, point: &[u8]) -> Value {
    let half = |from: usize| Value::Bytes(point.get(from..from + 32).unwrap_or_default().to_vec());
    Value::Map(vec![
        (Value::Int(1), Value::Int(2)),
        (Value::Int(3), Value::Int(algorithm)),
        (Value::Int(-1), Value::Int(1)),
        (Value::Int(-2), half(1)),
        (Value::Int(-3), half(33)),
    ])
}

fn point_of(cose: &Value) -> Option<Vec<u8>> {
    let x = cose.at(-2)?.bytes()?;
    let y = cose.at(-3)?.bytes()?;
    Some([&[4], x, y].concat())
}
