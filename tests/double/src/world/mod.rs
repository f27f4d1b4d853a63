//! Everything the double knows: users, their devices, flows.

mod account;
mod clock;
mod default;
mod device;
mod host;

use std::collections::{BTreeMap, BTreeSet};

pub use account::{Access, Application, Group, Permission, Phone, Token, User, UserType};
pub use clock::Clock;
pub use device::{Device, DeviceKind};
pub use host::{CONNECTOR, EnrolmentToken, HostDevice, HostToken};

use crate::flow::{Flow, Identification};

/// The state that a test reads and changes through [`Double::world`](crate::Double::world).
#[derive(Debug, Clone, Default)]
pub struct World {
    /// People and service accounts.
    pub users: Vec<User>,
    /// Groups, each with at most one parent.
    pub groups: Vec<Group>,
    /// Applications that `check_access` knows, by slug.
    pub applications: Vec<Application>,
    /// Bearer and outpost tokens.
    pub tokens: Vec<Token>,
    /// Hosts that can prove which one they are.
    pub hosts: Vec<HostDevice>,
    /// Tokens with which hosts are enrolled.
    pub enrolment_tokens: Vec<EnrolmentToken>,
    /// The connectors that are switched off: their hosts get no answer from the API.
    pub disabled_connectors: BTreeSet<String>,
    /// Flows by slug.
    pub flows: BTreeMap<String, Flow>,
    /// Which outside services answer. A stage crashes if it needs one that does not.
    pub providers: Providers,
    /// What the stage that sets up security keys requires.
    pub registration: Registration,
    /// How many requests an anonymous client may make in a minute; `None` is unlimited.
    pub anonymous_requests_per_minute: Option<u32>,
    /// The server's clock.
    pub clock: Clock,
}

/// The services outside authentik that stages talk to.
#[derive(Debug, Clone, Copy)]
pub struct Providers {
    /// Sends text messages.
    pub sms: bool,
    /// Sends mail.
    pub email: bool,
    /// Duo's API.
    pub duo: bool,
}

impl Default for Providers {
    fn default() -> Self {
        Providers {
            sms: true,
            email: true,
            duo: true,
        }
    }
}

/// The requirements for a security key that is set up.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    /// Whether the key stores the credential: `required`, `preferred`, `discouraged`.
    pub resident_key: &'static str,
    /// Whether the user is verified, in the same words.
    pub user_verification: &'static str,
    /// The attestation that is requested. The server itself always asks for `direct`.
    pub attestation: &'static str,
    /// Whether the request excludes the user's other keys. The server itself excludes none.
    pub excludes: bool,
}

impl Default for Registration {
    fn default() -> Self {
        Registration {
            resident_key: "preferred",
            user_verification: "preferred",
            attestation: "direct",
            excludes: false,
        }
    }
}

impl World {
    /// The user of exactly this name.
    ///
    /// # Panics
    /// If there is none: the test is wrong.
    pub fn user(&self, username: &str) -> &User {
        self.find_user(username)
            .unwrap_or_else(|| panic!("the double's world has no user {username:?}"))
    }

    /// As [`World::user`], to change them.
    ///
    /// # Panics
    /// If there is none.
    pub fn user_mut(&mut self, username: &str) -> &mut User {
        self.find_user_mut(username)
            .unwrap_or_else(|| panic!("the double's world has no user {username:?}"))
    }

    /// Adds a user, or replaces the one with the same name. A user without a number gets one.
    pub fn add_user(&mut self, mut user: User) {
        self.remove_user(&user.username);
        if user.pk == 0 {
            user.pk = self.users.iter().map(|u| u.pk).max().unwrap_or(0).max(99) + 1;
        }
        self.users.push(user);
    }

    /// Removes a user. Their sessions end at once.
    pub fn remove_user(&mut self, username: &str) {
        self.users.retain(|u| u.username != username);
    }

    /// Adds a group, replacing one of the same name.
    pub fn add_group(&mut self, group: Group) {
        self.groups.retain(|g| g.name != group.name);
        self.groups.push(group);
    }

    /// Adds a flow, replacing one of the same slug.
    pub fn add_flow(&mut self, flow: Flow) {
        self.flows.insert(flow.slug.clone(), flow);
    }

    /// The flow of this slug, to change it. Logins in progress keep their plan.
    ///
    /// # Panics
    /// If there is none.
    pub fn flow_mut(&mut self, slug: &str) -> &mut Flow {
        self.flows
            .get_mut(slug)
            .unwrap_or_else(|| panic!("the double's world has no flow {slug:?}"))
    }

    /// Adds an application, replacing one of the same slug.
    pub fn add_application(&mut self, application: Application) {
        self.applications.retain(|a| a.slug != application.slug);
        self.applications.push(application);
    }

    /// The application of this slug, to change it.
    ///
    /// # Panics
    /// If there is none.
    pub fn application_mut(&mut self, slug: &str) -> &mut Application {
        self.applications
            .iter_mut()
            .find(|a| a.slug == slug)
            .unwrap_or_else(|| panic!("the double's world has no application {slug:?}"))
    }

    /// Adds a token, replacing one of the same key.
    pub fn add_token(&mut self, token: Token) {
        self.tokens.retain(|t| t.key != token.key);
        self.tokens.push(token);
    }

    /// Adds a host, replacing one of the same identifier.
    pub fn add_host(&mut self, host: HostDevice) {
        self.hosts.retain(|h| h.identifier != host.identifier);
        self.hosts.push(host);
    }

    /// The groups of a user *with* all ancestors, each once, direct ones first.
    pub fn groups_with_ancestors(&self, user: &User) -> Vec<&Group> {
        let mut found: Vec<&Group> = Vec::new();
        let mut names: Vec<&str> = user.groups.iter().map(String::as_str).collect();
        while !names.is_empty() {
            let mut parents = Vec::new();
            for name in names {
                let Some(group) = self.groups.iter().find(|g| g.name == name) else {
                    continue;
                };
                if found.iter().any(|g| g.name == group.name) {
                    continue;
                }
                found.push(group);
                parents.extend(group.parent.as_deref());
            }
            names = parents;
        }
        found
    }

    pub(crate) fn find_user(&self, username: &str) -> Option<&User> {
        self.users.iter().find(|u| u.username == username)
    }

    pub(crate) fn find_user_mut(&mut self, username: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|u| u.username == username)
    }

    pub(crate) fn find_group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|g| g.name == name)
    }

    pub(crate) fn find_token(&self, key: &str) -> Option<&Token> {
        self.tokens.iter().find(|t| t.key == key)
    }

    /// How identification looks users up: it ignores case, as authentik does by default.
    pub(crate) fn identify(&self, identifier: &str, options: &Identification) -> Option<&User> {
        let same = |value: &str| match options.case_sensitive {
            true => value == identifier,
            false => value.to_lowercase() == identifier.to_lowercase(),
        };
        self.users.iter().find(|user| {
            options
                .user_fields
                .iter()
                .any(|field| match field.as_str() {
                    "username" => same(&user.username),
                    "email" => same(&user.email),
                    "upn" => user.upn.as_deref().is_some_and(same),
                    _ => false,
                })
        })
    }
}
