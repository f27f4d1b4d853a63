//! What carries reports to a key and back.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::deadline::Deadline;

/// How many bytes a report of a FIDO key has, in both directions.
pub const REPORT_BYTES: usize = 64;

/// One report.
pub type Report = [u8; REPORT_BYTES];

/// The way to one key: a hidraw node, or a key that a test has in memory.
pub trait Device {
    /// Writes one report. It does not wait for room: [`io::ErrorKind::WouldBlock`] says
    /// that there is none yet. A hidraw node waits until the key has read the report, at
    /// most five seconds (`USB_CTRL_SET_TIMEOUT`).
    ///
    /// # Errors
    /// The key is gone, the kernel refuses, or [`io::ErrorKind::TimedOut`]: the key does
    /// not read.
    fn send(&mut self, report: &Report) -> io::Result<()>;

    /// Takes one report, if there is one. It does not wait.
    ///
    /// # Errors
    /// The key is gone, or the kernel refuses.
    fn receive(&mut self) -> io::Result<Option<Report>>;

    /// What to poll for the next report. `None`: the device is asked again at once.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}

/// Waits until one of the devices has a report, or the deadline has passed. A
/// signal ends the wait early.
pub(super) fn wait_for_report<D: Device>(devices: &[&D], deadline: &Deadline) {
    wait(devices, PollFlags::POLLIN, deadline.remaining());
}

/// Waits until the device takes a report.
pub(super) fn wait_for_room<D: Device>(device: &D, deadline: &Deadline) {
    wait(&[device], PollFlags::POLLOUT, deadline.remaining());
}

/// Leaves the device alone for this long, or until it is unplugged.
pub(super) fn pause<D: Device>(device: &D, limit: Duration) {
    wait(&[device], PollFlags::empty(), limit);
}

fn wait<D: Device>(devices: &[&D], events: PollFlags, limit: Duration) {
    let mut waits = Vec::with_capacity(devices.len());
    for device in devices {
        match device.descriptor() {
            Some(descriptor) => waits.push(PollFd::new(descriptor, events)),
            None => return,
        }
    }
    let limit = limit.min(Duration::from_secs(60));
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::ZERO);
    match poll(&mut waits, limit) {
        Ok(_) | Err(Errno::EINTR) => {}
        // The next send or receive says what is wrong; nothing spins meanwhile.
        Err(_) => std::thread::sleep(Duration::from_millis(20)),
    }
}
