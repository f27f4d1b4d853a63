//! The pseudo-terminal that replaces a hidraw node.

use super::ctap::State;
use super::frames::{Frames, Out};
use super::{Event, Settings, VirtualKey};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) fn start(settings: Settings) -> io::Result<VirtualKey> {
    let pty = openpty(None, None)?;
    let mut raw = tcgetattr(&pty.slave)?;
    cfmakeraw(&mut raw);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &raw)?;
    let node = nix::unistd::ttyname(&pty.slave)?;
    let number = std::fs::metadata(&node)?.rdev();
    let reads = settings.reads;
    let log = Arc::new(Mutex::new(Vec::new()));
    let pulled_out = Arc::new(AtomicBool::new(false));
    let pump = {
        let (log, pulled_out) = (Arc::clone(&log), Arc::clone(&pulled_out));
        let frames = Frames::new(State::new(settings));
        // The key keeps its own end open, so that nothing is lost between two programs.
        let (master, slave) = (File::from(pty.master), File::from(pty.slave));
        std::thread::spawn(move || {
            let _slave = slave;
            let _ = run(frames, master, reads, &log, &pulled_out);
        })
    };
    Ok(VirtualKey {
        node,
        number,
        log,
        pulled_out,
        pump: Some(pump),
    })
}

fn run(
    mut frames: Frames,
    mut master: File,
    reads: Option<usize>,
    log: &Mutex<Vec<Event>>,
    pulled_out: &AtomicBool,
) -> io::Result<()> {
    let mut taken = Vec::new();
    let mut read_reports = 0;
    while !pulled_out.load(Ordering::Relaxed) {
        if reads == Some(read_reports) {
            std::thread::sleep(std::time::Duration::from_millis(10));
            continue;
        }
        let mut waits = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut waits, PollTimeout::from(10_u8))? > 0;
        let mut outs = Vec::new();
        if ready {
            let mut bytes = [0; 65];
            let read = master.read(&mut bytes)?;
            taken.extend_from_slice(&bytes[..read]);
            while taken.len() >= 65 {
                let report: Vec<u8> = taken.drain(..65).skip(1).collect();
                read_reports += 1;
                if let Ok(report) = <[u8; 64]>::try_from(report) {
                    outs.push(frames.take(&report));
                }
            }
        }
        outs.push(frames.tick());
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(&mut frames.events);
        for out in outs {
            match out {
                Out::Reports(reports) => {
                    for report in reports {
                        master.write_all(&report)?;
                    }
                }
                Out::PulledOut => return Ok(()),
            }
        }
    }
    Ok(())
}
