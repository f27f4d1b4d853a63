//! At which servers accounts are bound to persons: a `uid` means nothing at another one.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::{Keys, family};
use super::user::Binding;

/// What to write instead.
pub(super) const SEVERAL: &str = "[user] bind = \"uid\" needs one server, because a uid of one means nothing at another: write one url, or bind = \"never\" for the services with another url";

/// The servers of a file's sections, or of several files that lie over one another. The
/// top has the name "".
#[derive(Debug, Default)]
pub(super) struct Servers(BTreeMap<String, Server>);

#[derive(Debug, Default, Clone)]
struct Server {
    url: Option<String>,
    bind: Option<Binding>,
}

impl Server {
    fn over(self, below: &Self) -> Self {
        Self {
            url: self.url.or_else(|| below.url.clone()),
            bind: self.bind.or(below.bind),
        }
    }
}

impl Servers {
    /// Adds a section.
    pub(super) fn add(&mut self, section: &str, keys: &Keys) {
        let server = Server {
            url: keys.url.as_ref().map(ToString::to_string),
            bind: keys.user.bind,
        };
        self.0.insert(section.to_owned(), server);
    }

    /// Lays them over those of the files before.
    pub(super) fn over(self, mut below: Self) -> Self {
        for (section, server) in self.0 {
            let merged = server.over(below.0.get(&section).unwrap_or(&Server::default()));
            below.0.insert(section, merged);
        }
        below
    }

    /// Whether services of several servers bind accounts.
    pub(super) fn bind_at_several(&self) -> bool {
        let none = Server::default();
        let at = |section: &str| self.0.get(section).unwrap_or(&none);
        let urls: BTreeSet<String> = self
            .0
            .iter()
            .map(|(section, server)| {
                let family = family(section).map_or(&none, at);
                server.clone().over(family).over(at(""))
            })
            .filter(|server| server.bind == Some(Binding::Uid))
            .filter_map(|server| server.url)
            .collect();
        urls.len() > 1
    }
}
