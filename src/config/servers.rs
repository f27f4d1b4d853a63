//! At which servers accounts are bound to persons: a `uid` means nothing at another one.

use super::keys::{Keys, family};
use super::user::Binding;

/// What to write instead.
pub(super) const SEVERAL: &str = "[user] bind = \"uid\" needs one server, because a uid of one means nothing at another: write one url, or bind = \"never\" for the services with another url";

/// The servers of a file's sections, or of several files that lie over one another. The
/// top has the name "".
#[derive(Debug, Default)]
pub(super) struct Servers(Vec<(String, Server)>);

#[derive(Debug, Default)]
struct Server {
    url: Option<String>,
    bind: Option<Binding>,
}

impl Servers {
    /// Adds a section.
    pub(super) fn add(&mut self, section: &str, keys: &Keys) {
        let server = Server {
            url: keys.url.as_ref().map(ToString::to_string),
            bind: keys.user.bind,
        };
        self.0.push((section.to_owned(), server));
    }

    /// Lays them over those of the files before.
    pub(super) fn over(mut self, below: Self) -> Self {
        // The first one that sets a key counts.
        self.0.extend(below.0);
        self
    }

    /// Whether services of several servers bind accounts.
    pub(super) fn bind_at_several(&self) -> bool {
        let mut urls = self.0.iter().filter_map(|(section, _)| {
            let bind = self.first(section, |server| server.bind)?;
            let url = self.first(section, |server| server.url.as_deref())?;
            (bind == Binding::Uid).then_some(url)
        });
        let first = urls.next();
        urls.any(|url| Some(url) != first)
    }

    /// What a section says, or its family, or the top.
    fn first<'a, T>(&'a self, section: &str, key: impl Fn(&'a Server) -> Option<T>) -> Option<T> {
        let places = [Some(section), family(section), Some("")];
        places.into_iter().flatten().find_map(|place| {
            let of_place = self.0.iter().filter(|(section, _)| section == place);
            of_place.map(|(_, server)| server).find_map(&key)
        })
    }
}
