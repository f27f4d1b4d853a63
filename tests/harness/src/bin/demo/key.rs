//! The security key of a demo: a virtual one, plugged in for this login only.

use authentik_double::{Device, DeviceKind, Double};
use pam_harness::namespace;
use pam_harness::virtual_key::{Credential, Event, Settings, Touch, VirtualKey};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

/// The flows that use it.
const FLOWS: [&str; 3] = ["linux-key", PASSKEY_FLOW, ENROL_FLOW];
/// The flow in which the key is set up. Until then authentik does not know it.
const ENROL_FLOW: &str = "linux-key-enrol";
const PASSKEY_FLOW: &str = "linux-passkey";
const PIN: &str = "4711";
/// The host of the double's address is the relying party.
const RP_ID: &str = "localhost";

/// Whether the flow is one in which a key is plugged in.
pub(crate) fn is_for(flow: &str) -> bool {
    FLOWS.contains(&flow)
}

/// Gives this process mounts of its own, where a key can be plugged in that no other
/// program sees. There must be no second thread yet.
pub(crate) fn prepare() -> Result<(), String> {
    namespace::separate().map_err(|why| {
        format!(
            "a virtual security key needs mounts of its own, and {why}.\n\
             Run the demo as root, or let ordinary users have user namespaces. A container \
             needs the capability CAP_SYS_ADMIN."
        )
    })
}

/// A key that is plugged in, and tells what happens to it.
pub(crate) struct Key {
    teller: Arc<Teller>,
    is_over: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
    /// What sysfs says of the key is read from here.
    _scratch: TempDir,
}

/// Tells each event once.
struct Teller {
    key: VirtualKey,
    told: Mutex<usize>,
}

impl Key {
    /// Plugs in a key of this user's, which the double knows from now on, unless the flow
    /// sets it up.
    pub(crate) fn plug_in(double: &Double, login: &str, flow: &str) -> Result<Key, String> {
        let credential = (flow != ENROL_FLOW).then(|| Credential::new(RP_ID, login).passkey());
        let device = |it: &Credential| Device::security_key(&it.id, &it.point());
        let device = credential.as_ref().map(device);
        double.world(|world| {
            let mut users = world.users.iter_mut();
            if let Some(user) = users.find(|user| user.username == login) {
                let is_key = |device: &Device| matches!(device.kind, DeviceKind::Webauthn { .. });
                user.devices.retain(|device| !is_key(device));
                if let Some(device) = device {
                    *user = user.clone().device(device);
                }
            }
        });
        let key = VirtualKey::plug_in(Settings {
            credentials: credential.into_iter().collect(),
            pin: (flow == PASSKEY_FLOW).then(|| PIN.to_owned()),
            touch: Touch::After(Duration::from_secs(1)),
            ..Settings::default()
        });
        let scratch = tempfile::tempdir().map_err(|e| format!("a temporary directory: {e}"))?;
        namespace::plug_in_here(&key, scratch.path())?;
        let teller = Arc::new(Teller {
            key,
            told: Mutex::new(0),
        });
        let is_over = Arc::new(AtomicBool::new(false));
        let watcher = {
            let (teller, is_over) = (Arc::clone(&teller), Arc::clone(&is_over));
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    teller.tell();
                    std::thread::sleep(Duration::from_millis(20));
                }
            })
        };
        Ok(Key {
            teller,
            is_over,
            watcher: Some(watcher),
            _scratch: scratch,
        })
    }

    /// Tells what has happened to the key and was not told yet.
    pub(crate) fn tell(&self) {
        self.teller.tell();
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

impl Teller {
    fn tell(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let events = self.key.events();
        for event in events.iter().skip(*told) {
            if let Some(words) = words(event) {
                println!("[{words}]");
            }
        }
        *told = events.len();
    }
}

/// What somebody at the host sees of an event. What a key is asked in silence shows
/// nobody.
fn words(event: &Event) -> Option<&'static str> {
    const MAKE_CREDENTIAL: u8 = 1;
    const CLIENT_PIN: u8 = 6;
    match event {
        Event::Blinks => Some("the security key blinks: it waits to be touched"),
        Event::Touched => Some("it is touched, and gives its answer for authentik"),
        Event::Command(MAKE_CREDENTIAL, _) => {
            Some("the key is asked to make a pair of keys for this account alone")
        }
        Event::Cancelled => Some("the module has cancelled it; it blinks no more"),
        // The request that has the PIN, encrypted for this key.
        Event::Command(CLIENT_PIN, Some(request)) if request.at(6).is_some() => {
            Some("the key is given the PIN, which authentik never sees")
        }
        _ => None,
    }
}

/// How many security keys authentik knows of a user.
pub(crate) fn of_the_user(double: &Double, login: &str) -> String {
    let is_key = |device: &&Device| matches!(device.kind, DeviceKind::Webauthn { .. });
    let number = double.world(|world| world.user(login).devices.iter().filter(is_key).count());
    match number {
        1 => format!("authentik knows one security key of {login}."),
        number => format!("authentik knows {number} security keys of {login}."),
    }
}

/// What is said of the key before the login.
pub(crate) fn introduction(flow: &str) -> String {
    let pin = match flow {
        PASSKEY_FLOW => format!("Its PIN is {PIN}."),
        ENROL_FLOW => String::from("It has no PIN, and authentik does not know it yet."),
        _ => String::from("It has no PIN."),
    };
    format!(
        "A virtual security key is plugged in, which this login alone sees.\n{pin}\n\
         One second after it begins to blink, it is touched."
    )
}

/// What the module's configuration says of keys.
pub(crate) fn configuration(flow: &str) -> String {
    // The module cannot get a proof that the user of the demo sits at this host.
    let passkey = flow == PASSKEY_FLOW;
    format!("\n[security_key]\nwhere = \"any\"\npasskey = {passkey}\n")
}
