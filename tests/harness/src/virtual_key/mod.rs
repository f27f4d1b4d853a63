//! A FIDO2 security key without hardware. It speaks CTAPHID over a pseudo-terminal, which is
//! bound over `/dev/hidraw7` in a namespace of the test.
//!
//! A host cannot distinguish it from a key behind the kernel's hidraw: the host writes 65 bytes
//! with the number of the report first, and reads 64. Debian's libfido2 accepts it (see
//! `tests/module/security_keys.rs`).

mod cbor;
mod crypto;
mod ctap;
mod frames;
mod make;
mod pty;

use crate::script::PluggedKey;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use cbor::Value;
use crypto::SigningKey;

/// One credential of a key.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its ID.
    pub id: Vec<u8>,
    /// Its relying party.
    pub rp_id: String,
    /// The user, as the relying party names them.
    pub user_handle: Vec<u8>,
    /// The user's name.
    pub user_name: String,
    /// Whether it is shown only after verification (`credProtect` 3).
    pub is_hidden: bool,
    /// Whether it is found without its ID.
    pub is_passkey: bool,
    key: SigningKey,
    /// How often it has signed. Clones are the same credential.
    count: Arc<AtomicU32>,
}

impl Credential {
    /// A new one that is always shown and is not a passkey.
    pub fn new(rp_id: &str, user_name: &str) -> Credential {
        Credential {
            id: crypto::random(48),
            rp_id: rp_id.to_owned(),
            user_handle: crypto::random(32),
            user_name: user_name.to_owned(),
            is_hidden: false,
            is_passkey: false,
            key: SigningKey::new(),
            count: Arc::default(),
        }
    }

    /// The same as a passkey.
    pub fn passkey(self) -> Credential {
        Credential {
            is_passkey: true,
            ..self
        }
    }

    /// The same, shown only after verification.
    pub fn hidden(self) -> Credential {
        Credential {
            is_hidden: true,
            ..self
        }
    }

    /// The public key, as a point in uncompressed form.
    pub fn point(&self) -> Vec<u8> {
        self.key.point()
    }

    /// The public key as COSE has it, in CBOR.
    pub fn cose(&self) -> Vec<u8> {
        ctap::cose_key(-7, &self.point()).write()
    }
}

/// When somebody touches a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// After this time.
    After(Duration),
    /// Never.
    Never,
    /// The person declines at once.
    Declines,
    /// The key is pulled out while it waits.
    PulledOut,
}

/// The attestation of a key that is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attestation {
    /// Nothing.
    None,
    /// A signature of the new credential itself.
    Own,
}

/// The properties of a key.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its credentials.
    pub credentials: Vec<Credential>,
    /// Its PIN.
    pub pin: Option<String>,
    /// Its PIN protocols, in order of preference.
    pub protocols: Vec<i64>,
    /// Whether PIN tokens have permissions. Otherwise they are those of CTAP 2.0.
    pub token_permissions: bool,
    /// How many tries the PIN has.
    pub tries: u32,
    /// When it is touched.
    pub touch: Touch,
    /// Whether it leaves out the name of the only credential.
    pub omits_credential: bool,
    /// How many credentials one list may hold.
    pub max_list: usize,
    /// Whether it requires user verification for every signature.
    pub always_verifies: bool,
    /// Whether it verifies people itself, with a fingerprint.
    pub own_verification: bool,
    /// Whether it signs without a touch.
    pub hurried: bool,
    /// Its attestation when it is set up.
    pub attestation: Attestation,
    /// Whether it has no room for another passkey.
    pub is_full: bool,
    /// Answers that replace all others, report by report. The last one is repeated.
    pub noise: Option<Vec<Vec<u8>>>,
    /// How many reports it reads before it stops; `None`: all.
    pub reads: Option<usize>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            credentials: Vec::new(),
            pin: None,
            protocols: vec![2, 1],
            token_permissions: true,
            tries: 8,
            touch: Touch::After(Duration::from_millis(100)),
            omits_credential: false,
            max_list: 8,
            always_verifies: false,
            own_verification: false,
            hurried: false,
            attestation: Attestation::Own,
            is_full: false,
            noise: None,
            reads: None,
        }
    }
}

/// An event at a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A program got a channel.
    Channel,
    /// A command: its number and its data.
    Command(u8, Option<Value>),
    /// It began to blink.
    Blinks,
    /// It was touched.
    Touched,
    /// The host cancelled the wait.
    Cancelled,
}

/// A key that is plugged in. It is pulled out when this is dropped.
pub struct VirtualKey {
    node: PathBuf,
    number: u64,
    log: Arc<Mutex<Vec<Event>>>,
    pulled_out: Arc<std::sync::atomic::AtomicBool>,
    pump: Option<std::thread::JoinHandle<()>>,
}

impl VirtualKey {
    /// Plugs a key in.
    ///
    /// # Panics
    ///
    /// When there is no pseudo-terminal.
    #[track_caller]
    pub fn plug_in(settings: Settings) -> VirtualKey {
        match pty::start(settings) {
            Ok(key) => key,
            Err(e) => panic!("no pseudo-terminal for a virtual key: {e}"),
        }
    }

    /// The pseudo-terminal that stands for the hidraw node.
    pub fn node(&self) -> &Path {
        &self.node
    }

    /// What a namespace needs to know about it.
    pub fn plugged(&self) -> PluggedKey {
        PluggedKey {
            node: self.node.clone(),
            device: self.number,
        }
    }

    /// Gives the node to a user, as udev does for the person at the seat (uaccess).
    ///
    /// # Panics
    ///
    /// When the owner cannot be changed: only root can do that.
    #[track_caller]
    pub fn belongs_to(&self, uid: u32) {
        if let Err(e) = std::os::unix::fs::chown(&self.node, Some(uid), None) {
            panic!("{}: {e}", self.node.display());
        }
    }

    /// The events so far.
    pub fn events(&self) -> Vec<Event> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clone()
    }

    /// The commands so far, by number.
    pub fn commands(&self) -> Vec<u8> {
        let number = |event: Event| match event {
            Event::Command(number, _) => Some(number),
            _ => None,
        };
        self.events().into_iter().filter_map(number).collect()
    }
}

impl Drop for VirtualKey {
    fn drop(&mut self) {
        let order = std::sync::atomic::Ordering::Relaxed;
        self.pulled_out.store(true, order);
        if let Some(pump) = self.pump.take() {
            let _ = pump.join();
        }
    }
}
