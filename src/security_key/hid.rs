//! CTAPHID: messages in reports of 64 bytes (CTAP 2.1, section 11.2).

use super::device::{REPORT_BYTES, Report};
use super::fault::KeyFault;

/// The channel that every key listens on until it has given another.
pub(super) const BROADCAST: u32 = 0xffff_ffff;

/// The commands, without the bit that marks the first report.
pub(super) mod command {
    pub(in crate::security_key) const INIT: u8 = 0x06;
    pub(in crate::security_key) const CBOR: u8 = 0x10;
    pub(in crate::security_key) const CANCEL: u8 = 0x11;
    pub(in crate::security_key) const KEEPALIVE: u8 = 0x3b;
    pub(in crate::security_key) const ERROR: u8 = 0x3f;
}

/// The flag of the answer to INIT: the key speaks CTAP2.
pub(super) const CAPABILITY_CBOR: u8 = 0x04;

const FIRST: u8 = 0x80;
const FIRST_DATA: usize = REPORT_BYTES - 7;
const NEXT_DATA: usize = REPORT_BYTES - 5;
const MAX_NEXT: usize = 128;
/// The longest message that fits into the reports.
pub(super) const MAX_MESSAGE: usize = FIRST_DATA + MAX_NEXT * NEXT_DATA;

/// The reports of one message.
///
/// # Errors
/// [`KeyFault::Failed`] when it is longer than [`MAX_MESSAGE`].
pub(super) fn reports(channel: u32, command: u8, message: &[u8]) -> Result<Vec<Report>, KeyFault> {
    let length = u16::try_from(message.len())
        .ok()
        .filter(|_| message.len() <= MAX_MESSAGE)
        .ok_or(KeyFault::Failed("a message to it is too long"))?;
    let [high, low] = length.to_be_bytes();
    let (first, rest) = message.split_at(message.len().min(FIRST_DATA));
    let mut reports = Vec::new();
    reports.push(report(channel, &[command | FIRST, high, low], first));
    for (sequence, data) in (0_u8..).zip(rest.chunks(NEXT_DATA)) {
        reports.push(report(channel, &[sequence], data));
    }
    Ok(reports)
}

fn report(channel: u32, head: &[u8], data: &[u8]) -> Report {
    let mut report = [0; REPORT_BYTES];
    let channel = channel.to_be_bytes();
    let bytes = channel.iter().chain(head).chain(data);
    for (place, byte) in report.iter_mut().zip(bytes) {
        *place = *byte;
    }
    report
}

/// What a report has brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Nothing yet, or something for another channel.
    Nothing,
    /// The key is at work, or waits for a touch.
    Keepalive,
    /// The key's answer.
    Message(u8, Vec<u8>),
}

/// Puts the reports of one answer together.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    command: u8,
    length: usize,
    bytes: Vec<u8>,
    next: u8,
}

impl Assembly {
    /// Takes one report. What is for another channel than `channel` is left out:
    /// the kernel gives each reader of a node all that the key sends.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where the reports do not follow each other.
    pub(super) fn take(&mut self, channel: u32, report: &Report) -> Result<Event, KeyFault> {
        let [c0, c1, c2, c3, head, rest @ ..] = report;
        if u32::from_be_bytes([*c0, *c1, *c2, *c3]) != channel {
            return Ok(Event::Nothing);
        }
        if head & FIRST == 0 {
            return self.take_next(*head, rest);
        }
        let [high, low, data @ ..] = rest;
        let command = head & !FIRST;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if command == command::KEEPALIVE {
            return Ok(Event::Keepalive);
        }
        if self.begun.is_some() {
            return Err(KeyFault::Failed("a message begins within another"));
        }
        if length > MAX_MESSAGE {
            return Err(KeyFault::Failed("a message is too long"));
        }
        let mut bytes = Vec::with_capacity(length);
        bytes.extend(data.iter().take(length));
        self.begun = Some(Begun {
            command,
            length,
            bytes,
            next: 0,
        });
        Ok(self.finished())
    }

    fn take_next(&mut self, sequence: u8, data: &[u8]) -> Result<Event, KeyFault> {
        let Some(begun) = &mut self.begun else {
            // The rest of an answer that an earlier program has not awaited.
            return Ok(Event::Nothing);
        };
        if sequence != begun.next {
            return Err(KeyFault::Failed("a part of a message is missing"));
        }
        begun.next = begun.next.saturating_add(1);
        let missing = begun.length.saturating_sub(begun.bytes.len());
        begun.bytes.extend(data.iter().take(missing));
        Ok(self.finished())
    }

    fn finished(&mut self) -> Event {
        match self.begun.take() {
            Some(begun) if begun.bytes.len() >= begun.length => {
                Event::Message(begun.command, begun.bytes)
            }
            unfinished => {
                self.begun = unfinished;
                Event::Nothing
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembled(reports: &[Report]) -> Result<Vec<Event>, KeyFault> {
        let mut assembly = Assembly::default();
        reports
            .iter()
            .map(|report| assembly.take(7, report))
            .collect()
    }

    #[test]
    fn a_message_of_any_length_comes_back_as_it_was() {
        for length in [0, 1, 56, 57, 58, 116, 117, 1200, MAX_MESSAGE] {
            let message: Vec<u8> = (0..length)
                .map(|n| u8::try_from(n % 251).unwrap())
                .collect();
            let reports = reports(7, command::CBOR, &message).unwrap();
            let mut events = assembled(&reports).unwrap();
            let Some(Event::Message(command, bytes)) = events.pop() else {
                panic!("a message of {length} bytes is not put together");
            };
            assert_eq!((command, bytes.as_slice()), (command::CBOR, &*message));
            assert!(events.iter().all(|event| *event == Event::Nothing));
        }
        assert!(reports(7, command::CBOR, &[0; MAX_MESSAGE + 1]).is_err());
    }

    #[test]
    fn a_gap_is_an_error_and_other_channels_are_ignored() {
        let message = reports(7, command::CBOR, &[1; 200]).unwrap();
        let other = reports(8, command::CBOR, &[2; 200]).unwrap();
        let [first, second, third, ..] = message.as_slice() else {
            panic!("a message of 200 bytes has too few reports");
        };
        let mixed = [*first, *other.first().unwrap(), *second];
        assert!(assembled(&mixed).is_ok());
        assert!(assembled(&[*first, *third]).is_err());
        assert!(assembled(&[*first, *first]).is_err());
        assert_eq!(assembled(&[*second]), Ok(vec![Event::Nothing]));
        let keepalive = reports(7, command::KEEPALIVE, &[2]).unwrap();
        let kept = assembled(&[*first, *keepalive.first().unwrap(), *second]).unwrap();
        assert_eq!(kept.get(1), Some(&Event::Keepalive));
        let mut too_long = *first;
        too_long[5..7].copy_from_slice(&u16::MAX.to_be_bytes());
        assert!(assembled(&[too_long]).is_err());
    }
}
