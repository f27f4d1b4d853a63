//! What the simulated key answers to each CTAP2 command, and what it checks of the command.

use pam_authentik_flow::security_key::Request;
use ring::digest;

use super::super::cbor::{Value, named, numbered, text};
use super::super::{pin, wire};
use super::FuzzedKey;

impl FuzzedKey<'_> {
    /// Executes a command, and sends the answer.
    pub(super) fn told(&mut self, message: &[u8]) {
        self.world.borrow_mut().judge_written(message);
        let (command, rest) = message.split_first().expect("a command");
        let body = match rest {
            [] => Value::Map(Vec::new()),
            _ => Value::read(rest).expect("CBOR"),
        };
        if let Value::Map(entries) = &body {
            let keys: Vec<_> = entries.iter().map(|(key, _)| key.int()).collect();
            assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
        }
        let asked = self.world.borrow().person_was_asked;
        let reply = match command {
            0x04 => self.info(),
            0x06 => {
                assert!(asked, "the host sends a PIN before the person was asked");
                self.client_pin(&body)
            }
            0x02 => self.assertion(&body),
            0x08 => self.signed(&[], 1),
            0x0b => {
                assert!(asked, "the key blinks before the person was asked");
                Value::Map(Vec::new())
            }
            0x01 => {
                assert!(asked, "the key blinks before the person was asked");
                self.credential(&body)
            }
            other => panic!("the host sends the CTAP2 command {other:#x}"),
        };
        let mut bytes = vec![0];
        bytes.extend(reply.write());
        let replied = self.reply_as(self.channel, wire::CBOR, &bytes);
        let known = replied.as_deref().and_then(|bytes| match bytes {
            [0, rest @ ..] => Value::read(rest),
            _ => None,
        });
        let subcommand = body.at(2).and_then(Value::int);
        self.had_pin = *command == 0x06 && matches!(subcommand, Some(5 | 9));
        match (command, subcommand) {
            (0x06, Some(1)) => {
                self.told_tries = known.and_then(|reply| reply.at(3)?.int());
            }
            (0x06, Some(2)) => {
                let x = |reply: Value| Some(reply.at(1)?.at(-2)?.bytes()?.to_vec());
                self.agreement = Some(known.and_then(x));
            }
            _ => {}
        }
    }

    fn info(&self) -> Value {
        let it = &self.profile;
        let options = it
            .options
            .iter()
            .map(|(name, on)| (*name, Value::Bool(*on)));
        let texts = |all: &[&str]| Value::List(all.iter().map(|name| text(name)).collect());
        let mut entries = vec![
            (1, texts(it.versions)),
            (2, texts(it.extensions)),
            (3, Value::Bytes(vec![0; 16])),
            (4, named(options.collect())),
            (5, Value::Int(1200)),
            (
                6,
                Value::List(it.protocols.iter().map(|n| Value::Int(*n)).collect()),
            ),
        ];
        entries.extend(it.max_list.map(|most| (7, Value::Int(most))));
        numbered(entries)
    }

    fn client_pin(&mut self, body: &Value) -> Value {
        let protocol = body.at(1).and_then(Value::int).expect("a protocol");
        match body.at(2).and_then(Value::int) {
            Some(1) => numbered(vec![(3, Value::Int(self.profile.retries))]),
            Some(2) => {
                let mut x = pin::X.to_vec();
                if self.world.borrow_mut().choices.byte() == 1 {
                    // Not a point of the curve.
                    x[31] ^= 1;
                }
                let key = vec![
                    (1, Value::Int(2)),
                    (3, Value::Int(-25)),
                    (-1, Value::Int(1)),
                    (-2, Value::Bytes(x)),
                    (-3, Value::Bytes(pin::Y.to_vec())),
                ];
                numbered(vec![(1, numbered(key))])
            }
            Some(5 | 9) => {
                self.judge_pin(protocol, body);
                numbered(vec![(2, Value::Bytes(vec![7; self.profile.token]))])
            }
            other => panic!("the host sends the subcommand {other:?}"),
        }
    }

    /// A PIN is sent only to a key that has agreed on a secret, within the allowed tries, once,
    /// and encrypted with that secret.
    fn judge_pin(&mut self, protocol: i128, body: &Value) {
        let mut world = self.world.borrow_mut();
        let is_again = self.had_pin && self.may_be_busy;
        world.pins_written += u32::from(!is_again);
        assert_eq!(
            world.pins_written, 1,
            "one typed PIN cost more than one try"
        );
        if let Some(left) = self.told_tries {
            assert!(
                left > i128::from(world.reserve),
                "the host used a try that pin_reserve keeps: {left} are left"
            );
        }
        let agreed = self
            .agreement
            .as_ref()
            .expect("the host sends a PIN before the key agreement");
        let Some(theirs) = agreed else { return };
        assert_eq!(
            theirs[..],
            pin::X,
            "the host agreed with a point outside the curve"
        );
        let x = body.at(3).and_then(|key| key.at(-2)?.bytes());
        let encrypted = body.at(6).and_then(Value::bytes).expect("a PIN");
        let plain = pin::decrypted(protocol, x.expect("a public key"), encrypted);
        assert_eq!(plain, Some(pin::half_hash(world.pin.expose().as_bytes())));
    }

    fn assertion(&mut self, body: &Value) -> Value {
        let list: Vec<Vec<u8>> = body
            .at(3)
            .map(|list| list.list().to_vec())
            .unwrap_or_default()
            .iter()
            .map(|entry| {
                entry
                    .named("id")
                    .and_then(Value::bytes)
                    .expect("an ID")
                    .to_vec()
            })
            .collect();
        let silent =
            body.at(5).and_then(|options| options.named("up")) == Some(&Value::Bool(false));
        {
            let world = self.world.borrow();
            let request: &Request = &world.request;
            let known = request
                .new
                .as_ref()
                .map_or(&request.allow, |new| &new.exclude);
            assert!(
                list.iter().all(|id| known.contains(id)),
                "the host sends a credential that the server did not name"
            );
            assert_eq!(body.at(1), Some(&text(&request.rp_id)));
            assert!(
                silent || world.person_was_asked,
                "the key blinks before the person was asked"
            );
            assert!(
                silent || request.new.is_none(),
                "the host asks for a signature while it sets up the key"
            );
        }
        self.signed(&list, u8::from(!silent))
    }

    fn signed(&mut self, list: &[Vec<u8>], present: u8) -> Value {
        let of_list = list.get(self.profile.has).cloned();
        let mut id = of_list.unwrap_or_else(|| vec![self.profile.has as u8; 16]);
        if present == 1 && self.world.borrow_mut().choices.byte() == 1 {
            // Another one than it has shown.
            id = vec![0xee; 16];
        }
        let mut entries = Vec::new();
        if self.profile.names_it {
            let entry = vec![("id", Value::Bytes(id)), ("type", text("public-key"))];
            entries.push((1, named(entry)));
        }
        entries.push((2, Value::Bytes(self.auth_data(present))));
        entries.push((3, Value::Bytes(vec![0x30; 70])));
        if list.is_empty() {
            let user = vec![("id", Value::Bytes(vec![9; 8])), ("name", text("alice"))];
            entries.push((4, named(user)));
            entries.push((
                5,
                Value::Int(i128::from(self.world.borrow_mut().choices.byte()) + 1),
            ));
        }
        numbered(entries)
    }

    fn auth_data(&self, present: u8) -> Vec<u8> {
        let world = self.world.borrow();
        let mut data = digest::digest(&digest::SHA256, world.request.rp_id.as_bytes())
            .as_ref()
            .to_vec();
        let verified = 4 * u8::from(world.pins_written > 0);
        data.push((present | verified) ^ self.profile.flags);
        data.extend([0, 0, 0, 1]);
        data
    }

    fn credential(&mut self, body: &Value) -> Value {
        {
            let world = self.world.borrow();
            let new = world
                .request
                .new
                .as_ref()
                .expect("the host sets up a key without a request");
            let handle = body.at(3).and_then(|user| user.named("id")?.bytes());
            assert_eq!(handle, Some(&new.user_handle[..]));
        }
        let algorithm = self.world.borrow_mut().choices.one_of(&[-7, -257, 0, -8]);
        let id = vec![self.profile.has as u8; self.profile.token];
        let mut data = self.auth_data(0x41);
        data.extend([3; 16]);
        data.extend((id.len() as u16).to_be_bytes());
        data.extend(id);
        let key = vec![(1, Value::Int(2)), (3, Value::Int(algorithm))];
        data.extend(numbered(key).write());
        let statement = vec![
            ("alg", Value::Int(-7)),
            ("sig", Value::Bytes(vec![0x30; 70])),
        ];
        numbered(vec![
            (1, text("packed")),
            (2, Value::Bytes(data)),
            (3, named(statement)),
        ])
    }
}
