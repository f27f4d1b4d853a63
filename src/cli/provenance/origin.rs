//! Where a value of the configuration comes from.

use pam_authentik_flow::config::{Arguments, FirstPass};
use toml::de::{DeTable, DeValue};

/// Where a value comes from.
pub(super) enum Origin {
    Default,
    /// A line of the file, at the top.
    Line(usize),
    /// A line of the file, in the section of this service.
    Section(String, usize),
    Argument,
}

impl Origin {
    pub(super) fn words(&self, service: &str) -> String {
        match self {
            Self::Default => "default".into(),
            Self::Line(line) => format!("line {line}"),
            Self::Section(name, line) if name == service => {
                format!("line {line}, [services.{name}]")
            }
            Self::Section(name, line) => {
                format!("line {line}, [services.{name}], which {service} follows")
            }
            Self::Argument => "argument of the module in the PAM stack".into(),
        }
    }
}

pub(super) struct Origins<'a> {
    pub(super) document: DeTable<'a>,
    pub(super) text: &'a str,
    pub(super) service: &'a str,
    pub(super) arguments: &'a Arguments,
}

impl Origins<'_> {
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
        let section = self.section();
        if let Some((name, table)) = section {
            if let Some(line) = self.line(table, key) {
                return Origin::Section(name.into(), line);
            }
            // [access] is one decision: a service's own replaces it whole.
            let own_access = ["groups", "application", "allow_any_user"]
                .iter()
                .any(|own| self.line(table, &["access", own]).is_some());
            if key.first() == Some(&"access") && own_access {
                return Origin::Default;
            }
        }
        self.line(&self.document, key)
            .map_or(Origin::Default, Origin::Line)
    }

    /// The section that the service goes by: its own, or that of `sudo` for `sudo-i`.
    fn section(&self) -> Option<(&str, &DeTable<'_>)> {
        let services = table(&self.document, "services")?;
        let family = self
            .service
            .rsplit_once('-')
            .filter(|(_, kind)| matches!(*kind, "i" | "l"))
            .map(|(family, _)| family);
        [Some(self.service), family]
            .into_iter()
            .flatten()
            .find_map(|name| Some((name, table(services, name)?)))
    }

    /// The line of a key below `within`.
    fn line(&self, within: &DeTable<'_>, key: &[&str]) -> Option<usize> {
        let (last, tables) = key.split_last()?;
        let mut within = within;
        for name in tables {
            within = table(within, name)?;
        }
        let (found, _) = within.iter().find(|(name, _)| name.get_ref() == last)?;
        let before = self.text.as_bytes().iter().take(found.span().start);
        let ends = before.filter(|&&byte| byte == b'\n').count();
        Some(ends.saturating_add(1))
    }
}

fn table<'a, 'b>(within: &'a DeTable<'b>, name: &str) -> Option<&'a DeTable<'b>> {
    match within.get(name)?.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}
