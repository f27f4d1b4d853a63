//! The reports of CTAPHID, on the key's side.

/// One report.
pub(super) type Report = [u8; 64];

pub(super) const INIT: u8 = 0x06;
pub(super) const CBOR: u8 = 0x10;
pub(super) const CANCEL: u8 = 0x11;
pub(super) const KEEPALIVE: u8 = 0x3b;
pub(super) const ERROR: u8 = 0x3f;
pub(super) const BROADCAST: u32 = 0xffff_ffff;

/// The reports of a message, as a correct key sends them.
pub(super) fn reports(channel: u32, command: u8, message: &[u8]) -> Vec<Report> {
    let length = message.len() as u16;
    let (first, rest) = message.split_at(message.len().min(57));
    let [high, low] = length.to_be_bytes();
    let mut reports = vec![report(channel, &[command | 0x80, high, low], first)];
    for (number, part) in rest.chunks(59).enumerate() {
        reports.push(report(channel, &[number as u8], part));
    }
    reports
}

pub(super) fn report(channel: u32, head: &[u8], data: &[u8]) -> Report {
    let mut report = [0; 64];
    let channel = channel.to_be_bytes();
    let bytes = channel.iter().chain(head).chain(data);
    report
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    report
}

/// Assembles the host's reports, and checks that it follows the protocol.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    partial: Option<(u32, u8, usize, Vec<u8>)>,
    next: u8,
}

impl Inbox {
    /// The message that this report completes: its channel, command and bytes.
    pub(super) fn take(&mut self, report: &Report) -> Option<(u32, u8, Vec<u8>)> {
        let channel = u32::from_be_bytes([report[0], report[1], report[2], report[3]]);
        let head = report[4];
        if head & 0x80 != 0 {
            let length = usize::from(u16::from_be_bytes([report[5], report[6]]));
            assert!(length <= 7609, "a message of {length} bytes");
            // A request that a failure interrupted is followed by another one.
            self.partial = Some((channel, head & 0x7f, length, report[7..].to_vec()));
            self.next = 0;
        } else {
            let (of, _, _, bytes) = self
                .partial
                .as_mut()
                .expect("a request begins with its head");
            assert_eq!(
                (*of, self.next),
                (channel, head),
                "the parts follow each other"
            );
            self.next += 1;
            bytes.extend(&report[5..]);
        }
        let (_, _, length, bytes) = self.partial.as_mut()?;
        if bytes.len() < *length {
            return None;
        }
        bytes.truncate(*length);
        self.partial
            .take()
            .map(|(channel, command, _, bytes)| (channel, command, bytes))
    }
}
