//! journald's own protocol, which keeps the fields of a line apart.
//!
//! What is sent there is the same line with more beside it: journald hands it on to a
//! syslog daemon as it hands on what came by `/dev/log`. So a line goes one of the two
//! ways and never both.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use super::syslog::LOG_SOCKET;

const SOCKET: &str = "/run/systemd/journal/socket";
/// What `/dev/log` is a link to where journald reads it.
const DEV_LOG: &str = "/run/systemd/journal/dev-log";

/// Connects to journald, where it is what reads `/dev/log`. If an administrator has put
/// another daemon there, that one gets the lines.
pub(super) fn connect() -> Option<UnixDatagram> {
    let target = std::fs::read_link(LOG_SOCKET).ok()?;
    if target != Path::new(DEV_LOG) {
        return None;
    }
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect(SOCKET).ok()?;
    Some(socket)
}

/// A datagram with the fields of one entry.
#[derive(Default)]
pub(super) struct Entry(Vec<u8>);

impl Entry {
    /// Adds a field. Its value goes in the form with a length, so nothing in it can begin
    /// another field.
    pub(super) fn put(&mut self, prefix: &str, name: &str, value: &str) {
        self.0.extend_from_slice(prefix.as_bytes());
        self.0
            .extend(name.bytes().map(|byte| byte.to_ascii_uppercase()));
        self.0.push(b'\n');
        self.0
            .extend_from_slice(&(value.len() as u64).to_le_bytes());
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'\n');
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_begin_another_field() {
        let mut entry = Entry::default();
        entry.put("X_", "user", "a\nX_CODE=PAM_SUCCESS");
        let expected = b"X_USER\n\x14\0\0\0\0\0\0\0a\nX_CODE=PAM_SUCCESS\n";
        assert_eq!(entry.bytes(), expected);
    }
}
