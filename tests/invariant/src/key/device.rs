//! A simulated security key whose answers a fuzzer chooses.
//!
//! An empty input is a key that behaves correctly. Every byte is a deviation.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

use pam_authentik_flow::security_key::{Device, Request};
use ring::digest;

use super::cbor::{Value, named, numbered, text};
use super::pin;
use super::wire::{self, Inbox, Report, report, reports};
use super::world::World;

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The clock, which the key moves forward.
#[allow(
    clippy::unnecessary_wraps,
    reason = "what a deadline takes for a clock"
)]
pub(super) fn now() -> Option<Duration> {
    Some(NOW.get())
}

fn pass(time: Duration) {
    NOW.set(NOW.get() + time);
}

/// How long one look at an empty queue takes.
const IDLE: Duration = Duration::from_millis(100);

/// The information that a key gives, unless it lies.
struct Profile {
    options: Vec<(&'static str, bool)>,
    versions: &'static [&'static str],
    protocols: &'static [i128],
    max_list: Option<i128>,
    extensions: &'static [&'static str],
    retries: i128,
    token: usize,
    /// The credential that it has: by its place in a list.
    has: usize,
    names_it: bool,
    flags: u8,
}

/// The key.
pub(super) struct FuzzedKey<'a> {
    world: Rc<RefCell<World<'a>>>,
    profile: Profile,
    channel: u32,
    inbox: Inbox,
    queue: VecDeque<Report>,
    /// A message that is sent again and again, with this pause.
    endless: Option<(Report, Duration)>,
    gone: bool,
    takes_nothing: bool,
    /// It answers "busy" to everything.
    always_busy: bool,
    /// The last reply to a key agreement: its x coordinate, if known.
    agreement: Option<Option<Vec<u8>>>,
    /// The number of tries that the host was told, if known.
    told_tries: Option<i128>,
    /// The last command may have been answered with "busy". Then it was not executed, and is
    /// repeated.
    may_be_busy: bool,
    /// The last command had the PIN.
    had_pin: bool,
    /// The host waits for an answer, and only gets keepalives.
    unanswered: bool,
}

impl<'a> FuzzedKey<'a> {
    pub(super) fn new(world: &Rc<RefCell<World<'a>>>) -> Self {
        let mut it = world.borrow_mut();
        let choices = &mut it.choices;
        let bits = choices.byte();
        let mut options = vec![("rk", bits & 1 == 0), ("up", true)];
        for (bit, name) in [
            (2, "clientPin"),
            (4, "uv"),
            (8, "alwaysUv"),
            (16, "pinUvAuthToken"),
            (32, "makeCredUvNotRqd"),
        ] {
            if bits & bit != 0 {
                options.push((name, true));
            }
        }
        if bits & 64 != 0 {
            options.push(("clientPin", false));
        }
        let profile = Profile {
            options,
            versions: choices.one_of(&[&["FIDO_2_0", "FIDO_2_1"], &["FIDO_2_0"], &["U2F_V2"], &[]]),
            protocols: choices.one_of(&[&[2, 1], &[1], &[], &[2], &[3], &[0, 300, 1]]),
            max_list: choices.one_of(&[Some(8), None, Some(1), Some(0), Some(1 << 40)]),
            extensions: choices.one_of(&[&["hmac-secret"], &["credProtect"], &[]]),
            retries: choices.one_of(&[8, 3, 2, 0, 1, 1 << 33]),
            token: choices.one_of(&[32, 16, 48, 64, 0, 15, 33]),
            has: usize::from(choices.byte()),
            names_it: choices.byte() % 2 == 0,
            flags: choices.one_of(&[0, 0, 0, 1, 4, 0x45, 0xff, 0x41]),
        };
        let takes_nothing = choices.byte() == 255;
        drop(it);
        Self {
            world: Rc::clone(world),
            profile,
            channel: wire::BROADCAST,
            inbox: Inbox::default(),
            queue: VecDeque::new(),
            endless: None,
            gone: false,
            takes_nothing,
            always_busy: false,
            agreement: None,
            told_tries: None,
            may_be_busy: false,
            had_pin: false,
            unanswered: false,
        }
    }

    /// Handles a report from the host.
    fn heard(&mut self, channel: u32, command: u8, message: &[u8]) {
        match command {
            wire::INIT => {
                assert_eq!(
                    (channel, message.len()),
                    (wire::BROADCAST, 8),
                    "the host sends an INIT of a wrong form"
                );
                let mut answer = message.to_vec();
                answer.extend([0, 0, 1, 7, 2, 5, 1, 0, 0x0c]);
                self.channel = 0x107;
                self.reply_as(wire::BROADCAST, wire::INIT, &answer);
            }
            wire::CANCEL => {
                assert!(message.is_empty(), "the host sends a CANCEL with content");
                self.endless = None;
                if std::mem::take(&mut self.unanswered) {
                    self.queue
                        .extend(reports(self.channel, wire::CBOR, &[0x2d]));
                }
            }
            wire::CBOR => {
                assert_ne!(
                    channel,
                    wire::BROADCAST,
                    "the host sends a command on the broadcast channel"
                );
                self.told(message);
            }
            other => panic!("the host sends the command {other:#x}"),
        }
    }

    fn told(&mut self, message: &[u8]) {
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

    /// Sends this answer, or a version that the fuzzer changed. Returns the message if it is
    /// sent as one.
    fn reply_as(&mut self, channel: u32, command: u8, message: &[u8]) -> Option<Vec<u8>> {
        let mut message = message.to_vec();
        self.queue.clear();
        self.endless = None;
        self.unanswered = false;
        let world = Rc::clone(&self.world);
        let choices = &mut world.borrow_mut().choices;
        let deed = match self.always_busy {
            true => 17,
            false => choices.byte(),
        };
        self.may_be_busy = matches!(deed, 4 | 12 | 14 | 17);
        match deed {
            1 => message = vec![choices.byte()],
            2 => {
                for _ in 0..choices.byte() {
                    let at = usize::from(choices.byte()) * 256 + usize::from(choices.byte());
                    let at = at % message.len();
                    message[at] ^= choices.byte();
                }
            }
            3 => message = [&[0], choices.bytes()].concat(),
            4 => {
                for _ in 0..choices.byte() % 16 {
                    let head = choices.byte();
                    self.queue
                        .push_back(report(channel, &[head], choices.bytes()));
                }
                return None;
            }
            5 => {
                self.unanswered = command == wire::CBOR;
                return None;
            }
            6 => {
                let keepalive = reports(channel, wire::KEEPALIVE, &[2])[0];
                let time = choices.one_of(&[100_000, 1_000, 10]);
                self.endless = Some((keepalive, Duration::from_micros(time)));
                self.unanswered = command == wire::CBOR;
                return None;
            }
            7 => message.truncate(usize::from(choices.byte())),
            8 => {
                self.queue.extend(reports(channel, wire::KEEPALIVE, &[1]));
                self.queue.extend(reports(channel ^ 5, command, &[0; 200]));
            }
            9 => {
                let mut sent = reports(channel, command, &message);
                let (one, other) = (usize::from(choices.byte()), usize::from(choices.byte()));
                let length = sent.len();
                sent.swap(one % length, other % length);
                self.queue.extend(sent);
                return None;
            }
            10 => {
                let mut sent = reports(channel, command, &message);
                sent[0][5] = choices.byte();
                sent[0][6] = choices.byte();
                self.queue.extend(sent);
                return None;
            }
            11 => {
                self.gone = true;
                return None;
            }
            12 => {
                let code = choices.one_of(&[6, 1, 5, 0x7f]);
                self.queue.extend(reports(channel, wire::ERROR, &[code]));
                return None;
            }
            13 => {
                self.queue.extend(reports(channel, command, &message));
            }
            14 => {
                let other = choices.byte() & 0x7f;
                self.queue.extend(reports(channel, other, &message));
                return None;
            }
            15 => {
                let keepalive = reports(channel, wire::KEEPALIVE, &[2])[0];
                let time = Duration::from_micros(100);
                self.endless = Some((keepalive, time));
                self.queue.extend(reports(channel, command, &message));
            }
            16 => message.extend(choices.bytes()),
            17 => {
                let busy = reports(channel, wire::ERROR, &[6])[0];
                self.endless = Some((busy, Duration::from_millis(1)));
                self.always_busy = true;
                return None;
            }
            18 => {
                self.queue.extend(reports(channel, wire::KEEPALIVE, &[2]));
            }
            _ => {}
        }
        self.may_be_busy |= message.first() == Some(&6);
        self.queue.extend(reports(channel, command, &message));
        Some(message)
    }
}

impl Device for FuzzedKey<'_> {
    fn send(&mut self, report: &Report) -> io::Result<()> {
        pass(Duration::from_millis(1));
        if self.gone {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if self.takes_nothing {
            pass(IDLE);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.world.borrow_mut().count();
        if let Some((channel, command, message)) = self.inbox.take(report) {
            self.heard(channel, command, &message);
        }
        Ok(())
    }

    fn receive(&mut self) -> io::Result<Option<Report>> {
        if self.gone {
            return Err(io::ErrorKind::NotConnected.into());
        }
        self.world.borrow_mut().count();
        let (report, time) = match (self.queue.pop_front(), self.endless) {
            (Some(report), _) => (report, Duration::from_millis(1)),
            (None, Some(again)) => again,
            (None, None) => {
                pass(IDLE);
                return Ok(None);
            }
        };
        pass(time);
        self.world.borrow_mut().delivered(&report);
        Ok(Some(report))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Drop for FuzzedKey<'_> {
    /// Whatever ended the wait, the key stops blinking.
    fn drop(&mut self) {
        if self.unanswered && !self.gone && !std::thread::panicking() {
            panic!("the host left a command without an answer and without a CANCEL");
        }
    }
}
