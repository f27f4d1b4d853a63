//! A simulated security key whose answers a fuzzer chooses.
//!
//! An empty input is a key that behaves correctly. Every byte is a deviation.

mod commands;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

use pam_authentik_flow::security_key::Device;

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
