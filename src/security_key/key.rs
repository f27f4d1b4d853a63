//! One key: its channel, its commands, and what is asked of it.

use std::io;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use super::device::{Device, pause, wait_for_report, wait_for_room};
use super::fault::{KeyFault, Trouble, status};
use super::hid::{self, Assembly, Event, command};
use super::message::{self, AssertionReply, Info, PinReply};
use super::pin::{Agreement, Protocol, Token};
use crate::deadline::Deadline;
use crate::secret::Secret;

/// How many reports one answer may take, those for other channels and keepalives
/// included: a key that sends more is not at work.
const MAX_REPORTS: u32 = 20_000;
/// How long a key that another program uses is left alone before it is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(50);
/// How long a cancelled key may take to say so.
const CANCEL_LIMIT: Duration = Duration::from_millis(500);

/// What a command ends with.
type Reply = Result<Vec<u8>, Trouble>;

/// A key with a channel of its own, that has said what it can do.
pub(super) struct Key<D: Device> {
    device: D,
    channel: u32,
    assembly: Assembly,
    /// How many reports the command under way has taken; `None`: there is none.
    under_way: Option<u32>,
    /// Whose clock a cancelled key is waited for by.
    deadline: Deadline,
    /// What the key says of itself.
    pub(super) info: Info,
}

impl<D: Device> Key<D> {
    /// Gets a channel and asks what the key can do.
    ///
    /// # Errors
    /// A key that does not speak CTAP2, or not in time.
    pub(super) fn open(device: D, deadline: &Deadline) -> Result<Self, KeyFault> {
        let mut key = Self {
            device,
            channel: hid::BROADCAST,
            assembly: Assembly::default(),
            under_way: None,
            deadline: deadline.clone(),
            info: Info::default(),
        };
        key.channel = key.new_channel(deadline)?;
        let reply = key.command(&message::get_info(), deadline)?;
        key.info = Info::read(&reply)?;
        Ok(key)
    }

    fn new_channel(&mut self, deadline: &Deadline) -> Result<u32, KeyFault> {
        let mut nonce = [0_u8; 8];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| KeyFault::Failed("this host has no random numbers"))?;
        self.send(command::INIT, &nonce, deadline)?;
        loop {
            let (command, answer) = self.answer(deadline)?;
            if command == command::ERROR && answer.first() == Some(&status::CHANNEL_BUSY) {
                if deadline.remaining().is_zero() {
                    return Err(KeyFault::Failed("it is busy"));
                }
                pause(&self.device, BUSY_PAUSE.min(deadline.remaining()));
                self.send(command::INIT, &nonce, deadline)?;
                continue;
            }
            // Another program may ask the same key for a channel at the same time.
            let ours = answer.split_first_chunk::<8>();
            if let (command::INIT, Some((theirs, rest))) = (command, ours) {
                if *theirs == nonce {
                    self.under_way = None;
                    return channel_of(rest);
                }
            }
        }
    }

    /// Sends a command and waits for its reply.
    pub(super) fn command(&mut self, message: &[u8], deadline: &Deadline) -> Reply {
        self.begin(message, deadline)?;
        loop {
            match self.reply(deadline) {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => wait_for_report(&[&self.device], deadline),
                Err(Trouble::Status(status::CHANNEL_BUSY)) => self.begin(message, deadline)?,
                Err(trouble) => return Err(trouble),
            }
            if deadline.remaining().is_zero() {
                self.cancel();
                return Err(KeyFault::Failed("it does not answer in time").into());
            }
        }
    }

    /// Sends a command whose reply [`Key::reply`] takes.
    pub(super) fn begin(&mut self, message: &[u8], deadline: &Deadline) -> Result<(), KeyFault> {
        self.send(command::CBOR, message, deadline)
    }

    /// The reply to the command under way, where it is there. It does not wait.
    pub(super) fn reply(&mut self, deadline: &Deadline) -> Result<Option<Vec<u8>>, Trouble> {
        let Some((command, mut answer)) = self.message(deadline)? else {
            return Ok(None);
        };
        let Some(code) = answer.first().copied() else {
            return Err(KeyFault::Failed("its answer is empty").into());
        };
        self.under_way = None;
        match (command, code) {
            (command::CBOR, 0) => {
                answer.remove(0);
                Ok(Some(answer))
            }
            (command::CBOR, code) => Err(Trouble::Status(code)),
            (command::ERROR, code) => {
                if code == status::CHANNEL_BUSY {
                    pause(&self.device, BUSY_PAUSE.min(deadline.remaining()));
                }
                Err(Trouble::Status(code))
            }
            _ => Err(KeyFault::Failed("it answers something else").into()),
        }
    }

    fn send(&mut self, command: u8, message: &[u8], deadline: &Deadline) -> Result<(), KeyFault> {
        self.assembly = Assembly::default();
        self.under_way = Some(0);
        let reports = hid::reports(self.channel, command, message)?;
        for (at, report) in reports.iter().enumerate() {
            // The kernel takes up to five seconds for a report, whatever O_NONBLOCK says.
            // The first one is always sent: it may be a CANCEL, after the deadline.
            if at > 0 && deadline.remaining().is_zero() {
                return Err(self.takes_no_request());
            }
            loop {
                match self.device.send(report) {
                    Ok(()) => break,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if deadline.remaining().is_zero() {
                            return Err(self.takes_no_request());
                        }
                        wait_for_room(&self.device, deadline);
                    }
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                        return Err(self.takes_no_request());
                    }
                    Err(_) => return Err(KeyFault::Removed),
                }
            }
        }
        Ok(())
    }

    /// The key has not read a whole request, so there is nothing to cancel.
    fn takes_no_request(&mut self) -> KeyFault {
        self.give_up();
        KeyFault::Failed("it takes no request")
    }

    /// The next message on this key's channel, waited for.
    fn answer(&mut self, deadline: &Deadline) -> Result<(u8, Vec<u8>), KeyFault> {
        loop {
            if let Some(message) = self.message(deadline)? {
                return Ok(message);
            }
            if deadline.remaining().is_zero() {
                return Err(KeyFault::Failed("it does not answer"));
            }
            wait_for_report(&[&self.device], deadline);
        }
    }

    /// The next message on this key's channel, where it is there. A key that sends one
    /// report after the other is not read for longer than one that sends none.
    fn message(&mut self, deadline: &Deadline) -> Result<Option<(u8, Vec<u8>)>, KeyFault> {
        loop {
            let taken = self.under_way.unwrap_or(0).saturating_add(1);
            if taken > MAX_REPORTS {
                return Err(KeyFault::Failed("it sends without an end"));
            }
            let Some(report) = self.device.receive().map_err(|_| KeyFault::Removed)? else {
                return Ok(None);
            };
            self.under_way = self.under_way.map(|_| taken);
            if let Event::Message(command, bytes) = self.assembly.take(self.channel, &report)? {
                return Ok(Some((command, bytes)));
            }
            if deadline.remaining().is_zero() {
                return Ok(None);
            }
        }
    }

    /// Whether a command is under way.
    pub(super) fn is_waiting(&self) -> bool {
        self.under_way.is_some()
    }

    /// Forgets the command under way: the key has failed, or is gone.
    pub(super) fn give_up(&mut self) {
        self.under_way = None;
    }

    /// Ends the command under way, so that the key does not go on to blink.
    pub(super) fn cancel(&mut self) {
        if self.under_way.is_none() || self.channel == hid::BROADCAST {
            return;
        }
        let deadline = self.deadline.nested(CANCEL_LIMIT);
        let assembly = std::mem::take(&mut self.assembly);
        if self.send(command::CANCEL, &[], &deadline).is_err() {
            self.under_way = None;
            return;
        }
        self.assembly = assembly;
        // The reply belongs to this channel: left unread, it would be the first thing
        // that the next one to open the node finds.
        while !deadline.remaining().is_zero() {
            match self.reply(&deadline) {
                Ok(None) => wait_for_report(&[&self.device], &deadline),
                _ => break,
            }
        }
        self.under_way = None;
    }

    /// The assertion of the next account, behind one that has named how many there are.
    pub(super) fn next_account(&mut self, deadline: &Deadline) -> Result<AssertionReply, KeyFault> {
        let reply = self.command(&message::get_next_assertion(), deadline)?;
        AssertionReply::read(&reply)
    }

    /// How many tries for the PIN the key has left, and whether it takes one at all.
    pub(super) fn retries(&mut self, deadline: &Deadline) -> Result<u32, KeyFault> {
        let protocol = self.protocol()?;
        let reply = self.command(&message::get_retries(protocol.number())?, deadline)?;
        let reply = PinReply::read(&reply)?;
        if reply.power_cycle {
            return Err(KeyFault::PinPaused);
        }
        match reply.retries {
            Some(0) => Err(KeyFault::PinBlocked),
            Some(left) => Ok(left),
            None => Err(KeyFault::Failed("it does not say how many tries are left")),
        }
    }

    /// A token for the PIN, with its permissions for this relying party. A wrong PIN
    /// costs a try.
    pub(super) fn token(
        &mut self,
        pin: &Secret,
        permissions: (u8, &str),
        deadline: &Deadline,
    ) -> Result<Token, KeyFault> {
        let protocol = self.protocol()?;
        let reply = self.command(&message::get_key_agreement(protocol.number())?, deadline)?;
        let theirs = PinReply::read(&reply)?
            .public_key
            .ok_or(KeyFault::Failed("it gives no public key"))?;
        let agreement = Agreement::with(protocol, &theirs)?;
        let encrypted = agreement.encrypted_pin(pin)?;
        let request = message::get_pin_token(
            protocol.number(),
            &agreement.ours,
            &encrypted,
            self.info.has_permissions.then_some(permissions),
        )?;
        let reply = match self.command(&request, deadline) {
            Err(Trouble::Status(status::PIN_INVALID)) => {
                // The key's own number, and no guess.
                let left = match self.retries(deadline) {
                    Ok(left) => Some(left),
                    Err(fault) if fault.is_about_tries() => return Err(fault),
                    Err(_) => None,
                };
                return Err(KeyFault::WrongPin { left });
            }
            other => other?,
        };
        let encrypted = PinReply::read(&reply)?
            .token
            .ok_or(KeyFault::Failed("it gives no PIN token"))?;
        agreement.token(&encrypted)
    }

    fn protocol(&self) -> Result<Protocol, KeyFault> {
        Protocol::choose(&self.info.protocols).ok_or(KeyFault::Failed(
            "it has no PIN protocol that is known here",
        ))
    }
}

/// Waits until one of these keys that is at work has something to say, or the deadline
/// has passed.
pub(super) fn wait_for_any<'a, D: Device + 'a>(
    keys: impl Iterator<Item = &'a Key<D>>,
    deadline: &Deadline,
) {
    let waiting = keys.filter(|key| key.is_waiting());
    let devices: Vec<&D> = waiting.map(|key| &key.device).collect();
    if !devices.is_empty() {
        wait_for_report(&devices, deadline);
    }
}

impl<D: Device> Drop for Key<D> {
    /// Whatever ended the wait: the key does not go on to blink.
    fn drop(&mut self) {
        self.cancel();
    }
}

/// The channel that the key has given, behind the nonce of the answer to INIT.
fn channel_of(answer: &[u8]) -> Result<u32, KeyFault> {
    let Some((channel, [_, _, _, _, capabilities, ..])) = answer.split_first_chunk::<4>() else {
        return Err(KeyFault::Failed("its answer to INIT is too short"));
    };
    if capabilities & hid::CAPABILITY_CBOR == 0 {
        return Err(KeyFault::Failed("it does not speak CTAP2"));
    }
    let channel = u32::from_be_bytes(*channel);
    if matches!(channel, 0 | hid::BROADCAST) {
        return Err(KeyFault::Failed("it gives no channel"));
    }
    Ok(channel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security_key::device::Report;
    use std::os::fd::BorrowedFd;

    /// A key that reads one report in this time, or none of them.
    struct Slow {
        each: Duration,
        stops: bool,
        sent: usize,
    }

    impl Device for Slow {
        fn send(&mut self, _: &Report) -> io::Result<()> {
            std::thread::sleep(self.each);
            self.sent = self.sent.saturating_add(1);
            match self.stops {
                true => Err(io::ErrorKind::TimedOut.into()),
                false => Ok(()),
            }
        }

        fn receive(&mut self) -> io::Result<Option<Report>> {
            Ok(None)
        }

        fn descriptor(&self) -> Option<BorrowedFd<'_>> {
            None
        }
    }

    fn key(stops: bool, limit: Duration) -> Key<Slow> {
        Key {
            device: Slow {
                each: Duration::from_millis(20),
                stops,
                sent: 0,
            },
            channel: 7,
            assembly: Assembly::default(),
            under_way: None,
            deadline: Deadline::after(limit),
            info: Info::default(),
        }
    }

    #[test]
    fn a_key_that_reads_slowly_takes_no_longer_than_the_deadline() {
        let limit = Duration::from_millis(100);
        let mut key = key(false, limit);
        let deadline = Deadline::after(limit);
        let begun = key.begin(&[0; hid::MAX_MESSAGE], &deadline);
        assert_eq!(begun, Err(KeyFault::Failed("it takes no request")));
        assert!((1..=6).contains(&key.device.sent), "{}", key.device.sent);
        // It has no whole request, so no CANCEL is sent to it.
        let sent = key.device.sent;
        key.cancel();
        assert_eq!(key.device.sent, sent);
    }

    #[test]
    fn a_key_that_reads_nothing_is_not_said_to_be_removed() {
        let mut key = key(true, Duration::from_secs(60));
        let deadline = Deadline::after(Duration::from_secs(60));
        let begun = key.begin(&[0; 200], &deadline);
        assert_eq!(begun, Err(KeyFault::Failed("it takes no request")));
        assert_eq!(key.device.sent, 1);
    }

    /// The time of a request is over when the key is cancelled.
    #[test]
    fn a_key_is_cancelled_after_the_deadline_too() {
        let mut key = key(false, Duration::ZERO);
        key.under_way = Some(1);
        key.cancel();
        assert_eq!(key.device.sent, 1);
    }
}
