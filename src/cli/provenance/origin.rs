//! Where a value of the configuration comes from.

use std::path::Path;

use pam_authentik_flow::config::{Arguments, FirstPass, Source};
use toml::de::{DeTable, DeValue};

/// Where a value comes from.
pub(super) enum Origin {
    Default,
    /// At the top of a file.
    Top(Place),
    /// In the section of this service.
    Section(String, Place),
    Argument,
}

/// A line of one of the files.
pub(super) struct Place {
    /// The name of the drop-in; `None` for the configuration file itself.
    drop_in: Option<String>,
    line: usize,
}

impl Place {
    fn words(&self) -> String {
        match &self.drop_in {
            None => format!("line {}", self.line),
            Some(name) => format!("{name}, line {}", self.line),
        }
    }
}

impl Origin {
    pub(super) fn words(&self, service: &str) -> String {
        match self {
            Self::Default => "default".into(),
            Self::Top(place) => place.words(),
            Self::Section(name, place) if name == service => {
                format!("{}, [services.{name}]", place.words())
            }
            Self::Section(name, place) => {
                let place = place.words();
                format!("{place}, [services.{name}], which {service} follows")
            }
            Self::Argument => "argument of the module in the PAM stack".into(),
        }
    }
}

/// One file of the configuration, parsed.
struct File<'a> {
    drop_in: Option<String>,
    text: &'a str,
    document: DeTable<'a>,
}

/// The files and arguments that values can come from.
pub(super) struct Origins<'a> {
    /// The first one wins.
    files: Vec<File<'a>>,
    service: &'a str,
    arguments: &'a Arguments,
}

impl<'a> Origins<'a> {
    /// The origins of files that the module accepts. The configuration file comes
    /// first.
    ///
    /// # Errors
    /// The module's error for a file that it does not accept.
    pub(super) fn of_files(
        sources: &'a [Source],
        service: &'a str,
        arguments: &'a Arguments,
    ) -> Result<Self, String> {
        let mut files = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            let text = std::str::from_utf8(&source.bytes).map_err(|error| error.to_string())?;
            files.push(File {
                drop_in: (number > 0).then(|| file_name(&source.path)),
                text,
                document: DeTable::parse(text)
                    .map_err(|error| error.to_string())?
                    .into_inner(),
            });
        }
        files.reverse();
        Ok(Self {
            files,
            service,
            arguments,
        })
    }

    pub(super) fn of(&self, key: &[&str]) -> Origin {
        let arguments = self.arguments;
        let argued = match key {
            ["url"] => arguments.url.is_some(),
            ["flow"] => arguments.flow.is_some(),
            ["ca_file"] => arguments.ca_file.is_some(),
            ["fail_delay"] => arguments.nodelay,
            ["(first_pass)"] => arguments.first_pass != FirstPass::Ask,
            ["(use_authtok)"] => arguments.use_authtok,
            ["(debug)"] => arguments.debug,
            _ => false,
        };
        if argued {
            return Origin::Argument;
        }
        for name in self.sections() {
            for file in &self.files {
                let Some(section) = file.section(name) else {
                    continue;
                };
                if let Some(place) = file.place(section, key) {
                    return Origin::Section(name.into(), place);
                }
                if replaces_access(section, key) {
                    return Origin::Default;
                }
            }
        }
        for file in &self.files {
            if let Some(place) = file.place(&file.document, key) {
                return Origin::Top(place);
            }
            if replaces_access(&file.document, key) {
                return Origin::Default;
            }
        }
        Origin::Default
    }

    /// The sections of the service: its own, and for `sudo-i` that of `sudo` below it.
    fn sections(&self) -> impl Iterator<Item = &'a str> {
        let family = self
            .service
            .rsplit_once('-')
            .filter(|(_, kind)| matches!(*kind, "i" | "l"))
            .map(|(family, _)| family);
        [Some(self.service), family].into_iter().flatten()
    }
}

impl File<'_> {
    fn section(&self, name: &str) -> Option<&DeTable<'_>> {
        table(table(&self.document, "services")?, name)
    }

    fn place(&self, within: &DeTable<'_>, key: &[&str]) -> Option<Place> {
        let before = self.text.as_bytes().iter().take(offset(within, key)?);
        let ends = before.filter(|&&byte| byte == b'\n').count();
        Some(Place {
            drop_in: self.drop_in.clone(),
            line: ends.saturating_add(1),
        })
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Whether `key` belongs to `[access]` and `within` has its own `[access]`. That table
/// is one decision, which replaces an earlier table as a whole.
fn replaces_access(within: &DeTable<'_>, key: &[&str]) -> bool {
    key.first() == Some(&"access")
        && ["groups", "application", "allow_any_user"]
            .iter()
            .any(|own| offset(within, &["access", own]).is_some())
}

/// The byte offset of a key below `within`.
fn offset(within: &DeTable<'_>, key: &[&str]) -> Option<usize> {
    let (last, tables) = key.split_last()?;
    let mut within = within;
    for name in tables {
        within = table(within, name)?;
    }
    let (found, _) = within.iter().find(|(name, _)| name.get_ref() == last)?;
    Some(found.span().start)
}

fn table<'a, 'b>(within: &'a DeTable<'b>, name: &str) -> Option<&'a DeTable<'b>> {
    match within.get(name)?.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}
