//! A login's steps while they happen: for the command, and for `debug`.

use std::rc::Rc;
use std::time::Duration;

use syslog::Severity as SyslogSeverity;

use super::line::{Line, quoted};
use super::syslog::Log;
use crate::fault::ServerFault;

/// Gets the steps of a login while they happen: the command shows them in the terminal.
pub trait Observer {
    /// A stage was reached; it has refused an answer `rejected` times before.
    fn stage(&self, component: &str, rejected: usize);

    /// A request for `path` (without its query) was answered or failed after this time.
    fn request(&self, path: &str, took: Duration);
}

/// Writes the lines for `debug`, and calls the observer.
#[derive(Clone)]
pub struct Trace {
    pub(super) log: Option<Log>,
    pub(super) observer: Option<Rc<dyn Observer>>,
}

impl Trace {
    /// Notes one request: its path without the query, its time, and its status
    /// with the length of the body, or its fault.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        took: Duration,
        outcome: Result<(u16, usize), &ServerFault>,
    ) {
        let path = path.split('?').next().unwrap_or_default();
        if let Some(observer) = &self.observer {
            observer.request(path, took);
        }
        let Some(log) = &self.log else { return };
        let outcome = match outcome {
            Ok((status, bytes)) => format!("status={status} bytes={bytes}"),
            Err(fault) => format!("fault={}", quoted(&fault.to_string())),
        };
        let text = format!("debug: {method} {path} {outcome} ms={}", took.as_millis());
        log.write(SyslogSeverity::LOG_DEBUG, &Line::text(text));
    }
}
