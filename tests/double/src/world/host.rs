//! Hosts that prove which one they are: devices of authentik's endpoints.

use crate::random;

/// The connector that hosts are enrolled with unless a test names another.
pub const CONNECTOR: &str = "agent";

/// A host that authentik knows.
#[derive(Debug, Clone)]
pub struct HostDevice {
    /// Its key in the API.
    pub uuid: String,
    /// What the host says it is.
    pub identifier: String,
    /// What administrators see.
    pub name: String,
    /// Its group, for policies.
    pub access_group: Option<String>,
    /// Whether its time is over.
    pub expired: bool,
    /// Its tokens, each with the connector that it was enrolled with.
    pub tokens: Vec<HostToken>,
}

/// A token of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostToken {
    /// The connector that it was enrolled with.
    pub connector: String,
    /// The token itself.
    pub key: String,
}

impl HostDevice {
    /// A host with a token of the usual connector.
    pub fn new(identifier: &str, key: &str) -> HostDevice {
        HostDevice {
            uuid: random::uuid(),
            identifier: identifier.to_owned(),
            name: format!("name of {identifier}"),
            access_group: None,
            expired: false,
            tokens: vec![HostToken {
                connector: CONNECTOR.to_owned(),
                key: key.to_owned(),
            }],
        }
    }

    /// Puts it into a group.
    #[must_use]
    pub fn access_group(mut self, name: &str) -> HostDevice {
        self.access_group = Some(name.to_owned());
        self
    }
}

/// A token with which hosts are enrolled.
#[derive(Debug, Clone)]
pub struct EnrolmentToken {
    /// The token itself.
    pub key: String,
    /// The connector that it enrols with.
    pub connector: String,
    /// The group of the hosts that it enrols.
    pub access_group: Option<String>,
    /// Whether its time is over.
    pub expired: bool,
}

impl EnrolmentToken {
    /// A token of the usual connector.
    pub fn new(key: &str) -> EnrolmentToken {
        EnrolmentToken {
            key: key.to_owned(),
            connector: CONNECTOR.to_owned(),
            access_group: None,
            expired: false,
        }
    }
}
