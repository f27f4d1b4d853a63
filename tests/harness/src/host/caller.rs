//! What the caller of a set-uid program can set before the program starts: limits, descriptors,
//! priority. It is set between fork and exec.

use super::batch::Run;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;

/// The settings, in a form that needs no allocation.
pub(super) struct Settings {
    user: u32,
    limits: Vec<(Resource, u64)>,
    soft_only: bool,
    closed: Vec<i32>,
    full: Vec<i32>,
    /// `/dev/full`, if a descriptor must be open on it.
    full_device: Option<File>,
    nice: i32,
    sched_idle: bool,
    used_cpu: libc::timeval,
    control_group: Option<File>,
}

impl Settings {
    /// Opens the files that the run needs.
    pub(super) fn of(run: &Run) -> io::Result<Settings> {
        let write = |path: &str| File::options().write(true).open(path);
        let full_device = match run.full.is_empty() {
            true => None,
            false => Some(write("/dev/full")?),
        };
        let control_group = run.control_group.as_deref().map(write).transpose()?;
        let limits = run.limits.iter();
        Ok(Settings {
            user: run.user,
            limits: limits
                .map(|(limit, value)| (limit.resource(), *value))
                .collect(),
            soft_only: run.soft_only,
            closed: run.closed.clone(),
            full: run.full.clone(),
            full_device,
            nice: run.nice,
            sched_idle: run.sched_idle,
            used_cpu: libc::timeval {
                tv_sec: libc::time_t::try_from(run.used_cpu.as_secs()).unwrap_or(0),
                tv_usec: libc::suseconds_t::from(run.used_cpu.subsec_micros()),
            },
            control_group,
        })
    }

    /// Applies all settings to the calling process.
    pub(super) fn apply(&self) -> io::Result<()> {
        // The first two need root's rights.
        if let Some(mut group) = self.control_group.as_ref() {
            group.write_all(b"0")?;
        }
        if self.user != 0 {
            setgroups(&[])?;
            setgid(Gid::from_raw(self.user))?;
            setuid(Uid::from_raw(self.user))?;
        }
        // SAFETY: setsid takes nothing. The new process leads no group.
        if unsafe { libc::setsid() } < 0 {
            return Err(io::Error::last_os_error());
        }
        self.schedule()?;
        use_cpu(&self.used_cpu);
        for number in &self.full {
            let device = self.full_device.as_ref().map_or(-1, AsRawFd::as_raw_fd);
            // SAFETY: dup2 takes two numbers, and closes the second if it is open.
            if unsafe { libc::dup2(device, *number) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        for number in &self.closed {
            // SAFETY: this process is about to become another program, and does not use its
            // standard descriptors any more.
            unsafe { libc::close(*number) };
        }
        for (resource, value) in &self.limits {
            // A caller cannot raise a hard limit.
            let (_, hard) = getrlimit(*resource)?;
            let value = (*value).min(hard);
            let hard = if self.soft_only { hard } else { value };
            setrlimit(*resource, value, hard)?;
        }
        Ok(())
    }

    fn schedule(&self) -> io::Result<()> {
        // SAFETY: setpriority takes numbers alone.
        if self.nice != 0 && unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, self.nice) } < 0 {
            return Err(io::Error::last_os_error());
        }
        if !self.sched_idle {
            return Ok(());
        }
        let priority = libc::sched_param { sched_priority: 0 };
        // SAFETY: the parameter lives as long as the call.
        let set = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const priority) };
        Errno::result(set).map(drop).map_err(io::Error::from)
    }
}

/// Works until the process has used this much processor time.
fn use_cpu(wanted: &libc::timeval) {
    let wanted = (wanted.tv_sec, wanted.tv_usec);
    if wanted == (0, 0) {
        return;
    }
    loop {
        let mut now = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the time is written to a value that lives as long as the call.
        unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut now) };
        if (now.tv_sec, now.tv_nsec / 1000) >= wanted {
            return;
        }
    }
}
