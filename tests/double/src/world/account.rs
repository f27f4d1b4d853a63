//! Users, groups, applications and tokens.

use std::time::Duration;

use super::Device;
use crate::flow::Policy;
use crate::random;

/// authentik's user types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserType {
    /// An ordinary member of the organisation.
    Internal,
    /// A customer or guest.
    External,
    /// A program's account.
    ServiceAccount,
    /// An account that authentik created for itself or for an outpost.
    InternalServiceAccount,
}

impl UserType {
    /// The word the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            UserType::Internal => "internal",
            UserType::External => "external",
            UserType::ServiceAccount => "service_account",
            UserType::InternalServiceAccount => "internal_service_account",
        }
    }
}

/// What a Duo phone does after a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phone {
    /// Approves after this time.
    Approve(Duration),
    /// Refuses after this time.
    Deny(Duration),
    /// Never answers. The request stays open until this value changes.
    Never,
}

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// The numeric key of the API.
    pub pk: u32,
    /// The name. Identification ignores its case; everything else compares it exactly.
    pub username: String,
    /// The full name.
    pub name: String,
    /// The mail address.
    pub email: String,
    /// The user principal name, an attribute that identification can look at.
    pub upn: Option<String>,
    /// The password.
    pub password: String,
    /// An app password that the password stage also accepts.
    pub app_password: Option<String>,
    /// Whether the account is active.
    pub active: bool,
    /// What kind of account it is.
    pub user_type: UserType,
    /// Whether the user is a superuser.
    pub superuser: bool,
    /// Only the groups that the user is a *direct* member of.
    pub groups: Vec<String>,
    /// Second factors.
    pub devices: Vec<Device>,
    /// What the person's Duo phone does.
    pub phone: Phone,
    /// The user who impersonates: `users/me` shows this name as `original`.
    pub impersonated_by: Option<String>,
    /// The hash that authentik calls `uid`.
    pub uid: String,
    /// The uuid of the API.
    pub uuid: String,
    /// When the user last logged in, as the API prints it.
    pub last_login: Option<String>,
    /// The picture, as the API prints it; `None` for one made of initials.
    pub avatar: Option<String>,
}

impl User {
    /// An active internal user with the password `correct-horse` and no group.
    pub fn new(username: &str) -> User {
        let mut letters = username.chars();
        let name = letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect())
            .unwrap_or_default();
        User {
            pk: 0,
            username: username.to_owned(),
            name,
            email: format!("{username}@example.com"),
            upn: None,
            password: "correct-horse".to_owned(),
            app_password: None,
            active: true,
            user_type: UserType::Internal,
            superuser: false,
            groups: Vec::new(),
            devices: Vec::new(),
            phone: Phone::Approve(Duration::ZERO),
            impersonated_by: None,
            uid: random::hex(32),
            uuid: random::uuid(),
            last_login: None,
            avatar: None,
        }
    }

    /// Another password than the usual one.
    pub fn password(mut self, password: &str) -> User {
        self.password = password.to_owned();
        self
    }

    /// Makes the user a direct member of a group.
    pub fn group(mut self, name: &str) -> User {
        self.groups.push(name.to_owned());
        self
    }

    /// Gives the user a second factor, and numbers it if it has no number.
    pub fn device(mut self, mut device: Device) -> User {
        if device.pk == 0 {
            device.pk = 1;
        }
        self.devices.push(device);
        self
    }

    /// Another kind of account.
    pub fn kind(mut self, user_type: UserType) -> User {
        self.user_type = user_type;
        self
    }

    pub(crate) fn numbered(mut self, pk: u32, uid: &str) -> User {
        self.pk = pk;
        self.uid = uid.to_owned();
        self
    }
}

/// A group, with at most one parent as in authentik 2025.10.
#[derive(Debug, Clone)]
pub struct Group {
    /// The uuid of the API.
    pub pk: String,
    /// The number that the API derives from the uuid.
    pub num_pk: u32,
    /// The name.
    pub name: String,
    /// The parent's name.
    pub parent: Option<String>,
}

impl Group {
    /// A group without parent.
    pub fn new(name: &str) -> Group {
        let pk = random::uuid();
        Group {
            num_pk: u32::from_str_radix(&pk[..4], 16).unwrap_or(1),
            pk,
            name: name.to_owned(),
            parent: None,
        }
    }

    /// Puts the group below another.
    pub fn parent(mut self, name: &str) -> Group {
        self.parent = Some(name.to_owned());
        self
    }
}

/// One binding of an application.
#[derive(Debug, Clone)]
pub enum Access {
    /// Members of the group of this name, ancestors counted.
    Group(String),
    /// The one user of this name.
    User(String),
    /// A policy.
    Policy(Policy),
}

/// An application for `check_access`.
#[derive(Debug, Clone)]
pub struct Application {
    /// Its slug.
    pub slug: String,
    /// One matching binding is enough by default. Without bindings everyone passes, including
    /// anonymous callers.
    pub bindings: Vec<Access>,
    /// Whether every binding must match.
    pub needs_all: bool,
    /// The messages of the policies, which a refusal contains.
    pub messages: Vec<String>,
}

impl Application {
    /// An application without bindings: open to everybody.
    pub fn new(slug: &str) -> Application {
        Application {
            slug: slug.to_owned(),
            bindings: Vec::new(),
            needs_all: false,
            messages: Vec::new(),
        }
    }

    /// Adds a binding.
    pub fn bind(mut self, access: Access) -> Application {
        self.bindings.push(access);
        self
    }

    /// Adds a message to the refusal.
    pub fn message(mut self, message: &str) -> Application {
        self.messages.push(message.to_owned());
        self
    }
}

/// What a service account's role allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// `authentik_core.view_user`
    ViewUser,
    /// `authentik_core.view_group`
    ViewGroup,
}

/// A token of an account.
#[derive(Debug, Clone)]
pub struct Token {
    /// The secret itself.
    pub key: String,
    /// Its owner.
    pub username: String,
    /// The permissions of its owner's role.
    pub permissions: Vec<Permission>,
    /// Whether it belongs to a real outpost.
    pub outpost: bool,
}

impl Token {
    /// A token without permissions.
    pub fn new(key: &str, username: &str) -> Token {
        Token {
            key: key.to_owned(),
            username: username.to_owned(),
            permissions: Vec::new(),
            outpost: false,
        }
    }

    /// Adds a permission.
    pub fn allow(mut self, permission: Permission) -> Token {
        self.permissions.push(permission);
        self
    }

    /// Makes it the token of a real outpost.
    pub fn outpost(mut self) -> Token {
        self.outpost = true;
        self
    }
}
