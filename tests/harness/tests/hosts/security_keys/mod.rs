//! Security keys with the real sudo, su and login, and with a locker without root: a virtual
//! key that is plugged into the test's own host.

mod afar;
mod libfido2;
mod people;
mod traced;

use authentik_double::{Device, Double, Flow, User, Validate};
use pam_harness::accounts::Account;
use pam_harness::host::{RealHost, RealHostBuilder, configuration};
use pam_harness::virtual_key::{Credential, Settings, VirtualKey};

const KAY: u32 = 2200;
const PIN: &str = "4711";
/// What logind says about a person who sits at this host.
const AT_SEAT: &str = "UID=2200\nUSER=kay\nACTIVE=1\nSTATE=active\nREMOTE=0\n\
    TYPE=tty\nCLASS=user\nSEAT=seat0\nVTNR=1\nSERVICE=login\nAUDIT={id}\n";

/// The key that a test plugs in, and the server that knows its credential.
struct Bench {
    double: Double,
    key: VirtualKey,
    credential: Credential,
}

impl Bench {
    /// kay with a key with these settings, and a flow with a password and this stage.
    fn new(validate: Validate, settings: Settings) -> Bench {
        Bench::with(validate, settings, Credential::new("localhost", "kay"))
    }

    /// The same with a credential that is found without its ID.
    fn with_passkey(validate: Validate, settings: Settings) -> Bench {
        let credential = Credential::new("localhost", "kay").passkey();
        Bench::with(validate, settings, credential)
    }

    fn with(validate: Validate, settings: Settings, credential: Credential) -> Bench {
        let device = Device::security_key(&credential.id, &credential.point());
        let user = User::new("kay").device(device);
        let flow = Flow::new("key")
            .identification()
            .password()
            .bind(validate)
            .user_login();
        let double = Double::builder()
            .without_pause()
            .world(move |world| {
                world.add_user(user);
                world.add_flow(flow);
            })
            .start();
        let key = VirtualKey::plug_in(Settings {
            credentials: vec![credential.clone()],
            ..settings
        });
        // The locker runs as kay, and udev gives keys to the person at the seat.
        key.belongs_to(KAY);
        Bench {
            double,
            key,
            credential,
        }
    }

    /// A host with the key and kay's account.
    fn host(&self) -> RealHostBuilder {
        RealHost::new(&self.double)
            .config(&configuration(&self.double, "key"))
            .account(Account::new("kay", KAY))
            .security_key(&self.key)
    }
}
