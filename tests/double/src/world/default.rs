//! The world of the recordings, and a few more users.

use std::time::Duration;

use super::{Access, Application, Device, Group, Permission, Phone, Token, User, UserType, World};
use crate::catalogue;
use crate::flow::Policy;

/// The address that the recorded application `linux-expr` is open to.
const OPEN_TO: &str = "203.0.113.7";

impl World {
    /// A world without users, groups, applications, tokens and flows.
    pub fn empty() -> World {
        World::default()
    }

    /// The world of the recordings, with their users, groups, applications and flows, and with
    /// further users, flows and tokens for tests.
    pub fn recorded() -> World {
        let mut world = World::empty();
        world.groups = groups();
        for user in recorded_users().into_iter().chain(more_users()) {
            world.add_user(user);
        }
        world.applications = vec![
            Application::new("linux-open"),
            Application::new("linux-ssh").bind(Access::Group("linux-admins".to_owned())),
            Application::new("linux-expr").bind(Access::Policy(Policy::check(|request| {
                request.client_ip == OPEN_TO
            }))),
            Application::new("linux-closed")
                .bind(Access::Policy(Policy::deny_with(&["This host is closed."]))),
        ];
        world.tokens = vec![
            Token::new("view-user-token", "svc-lookup").allow(Permission::ViewUser),
            Token::new("view-user-group-token", "svc-lookup")
                .allow(Permission::ViewUser)
                .allow(Permission::ViewGroup),
            Token::new("plain-service-token", "svc-plain"),
            Token::new("internal-service-token", "svc-internal"),
            Token::new("outpost-token", "outpost").outpost(),
            Token::new("alice-api-token", "alice"),
        ];
        for flow in catalogue::flows() {
            world.add_flow(flow);
        }
        world
    }
}

fn groups() -> Vec<Group> {
    let mut admins = Group::new("linux-admins");
    admins.pk = "7cb3ed34-07b9-4aa3-afb1-d1ec626fa8e4".to_owned();
    admins.num_pk = 16575;
    let mut child = Group::new("ops-child").parent("linux-admins");
    child.pk = "a4374138-053d-4efc-aabe-a4a313c08193".to_owned();
    child.num_pk = 21828;
    vec![admins, child]
}

fn recorded_users() -> Vec<User> {
    let mut alice = User::new("alice").group("linux-admins").numbered(
        5,
        "cc65c495b196393d8483a60ce23c3adce7d299dff53b4a868d4de7ce1ed05f9f",
    );
    alice.uuid = "0146db87-7bfd-484e-8f46-c5456a88ac08".to_owned();
    alice.app_password = Some("alice-app-password-0001".to_owned());
    alice.last_login = Some("2026-11-23T16:46:08.016433Z".to_owned());
    let bob = User::new("bob")
        .group("linux-admins")
        .device(Device::totp(b"bob's secret, shared"))
        .numbered(
            6,
            "c9c7a972cb7a4fd433965a4cdfa023593bda113f0061334856972067ba64d21c",
        );
    let carol = User::new("carol")
        .device(Device::static_codes(numbered_codes("carol", 10)))
        .numbered(
            7,
            "dcfd0608a8807a871c5d8be1e36552b0b980d4be276d669f8309ee744fe42eb0",
        );
    let mut dave = User::new("dave").numbered(
        8,
        "118acc4d541f6a6d77fb418a43d23d466a4bdfe8e31916c8f6c4970273886560",
    );
    dave.active = false;
    dave.uuid = "83fa0ea1-e9c4-47eb-b99d-5e699d7cfc19".to_owned();
    let erin = User::new("erin")
        .device(Device::static_codes(numbered_codes("erin0", 10)).numbered(2))
        .device(Device::totp(b"erin's secret, share").numbered(2))
        .numbered(
            9,
            "7a43c000d57bb74eee30a5596a4e3c1a6f354ca6b588697e25b884ce919d2bbf",
        );
    let mut frank = User::new("frank").group("ops-child").numbered(
        10,
        "2ea5bd1634c42b0eea6130288e3b27a346d59ccb333bb2a6a43e09e33a355242",
    );
    frank.uuid = "7ad41982-7537-4050-82f8-181b5c2436ba".to_owned();
    frank.last_login = Some("2026-11-23T17:08:33.261107Z".to_owned());
    let plain = |name: &str, pk: u32| {
        let mut user = User::new(name);
        user.pk = pk;
        user
    };
    vec![
        alice,
        bob,
        carol,
        dave,
        erin,
        frank,
        plain("gina", 11).device(Device::email("gina@example.com")),
        plain("hank", 12).device(Device::webauthn("aGFua2NyZWRlbnRpYWwwMQ")),
        plain("ivan", 13).device(Device::sms("+15550100")),
        User::new("judy").numbered(
            14,
            "9c1bbbb5a85be2d351dbf8f4a2ded0961044ba2a991d461ba8a7debaa4685252",
        ),
        plain("duke", 15).device(Device::duo()),
        User::new("spacey").password("  lead and trail  ").numbered(
            16,
            "009f806fffc99c69c23cb8da7622781a17379e7aed8d27fd8bff006939286600",
        ),
        User::new("pwch").numbered(
            17,
            "8eae0c26354eee96e2b33379cba26d7102547b262be90ca8c38be9ae4174f063",
        ),
    ]
}

fn more_users() -> Vec<User> {
    let mut akadmin = User::new("akadmin");
    akadmin.pk = 4;
    akadmin.superuser = true;
    let mut zoe = User::new("zoe")
        .group("linux-admins")
        .device(Device::static_codes(numbered_codes("zoe00", 10)))
        .device(Device::totp(b"zoe's secret, shared"))
        .device(Device::webauthn("em9lY3JlZGVudGlhbDAx"))
        .device(Device::duo())
        .device(Device::sms("+15550199"))
        .device(Device::email("zoe@example.com"));
    zoe.phone = Phone::Approve(Duration::from_secs(2));
    vec![
        akadmin,
        zoe,
        User::new("eve"),
        User::new("mallory").kind(UserType::External),
        User::new("robot").kind(UserType::ServiceAccount),
        User::new("svc-lookup").kind(UserType::ServiceAccount),
        User::new("svc-plain").kind(UserType::ServiceAccount),
        User::new("svc-internal").kind(UserType::InternalServiceAccount),
        User::new("outpost").kind(UserType::InternalServiceAccount),
    ]
}

/// `carol0000000`, `carol0000001`, …: twelve characters each.
fn numbered_codes(prefix: &str, count: usize) -> Vec<String> {
    let width = 12 - prefix.len();
    (0..count)
        .map(|number| format!("{prefix}{number:0width$}"))
        .collect()
}
