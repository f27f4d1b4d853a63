//! The ids of findings: a section, a dot, and what was found there.

/// The sections, with their names for people.
const SECTIONS: [(&str, &str); 31] = [
    ("account", "account"),
    ("application", "application"),
    ("authentik", "authentik"),
    ("bindings", "bindings"),
    ("certificate", "certificate"),
    ("clock", "clock"),
    ("configuration", "configuration"),
    ("connection", "connection"),
    ("dns", "DNS"),
    ("faillock", "faillock"),
    ("files", "files"),
    ("flow", "flow"),
    ("groups", "groups"),
    ("host", "host"),
    ("local-users", "local users"),
    ("log", "log"),
    ("logout-flow", "logout flow"),
    ("module", "module"),
    ("outpost", "outpost"),
    ("password-flow", "password flow"),
    ("password-prompt", "password prompt"),
    ("people", "groups, people"),
    ("proxy", "proxy"),
    ("second-factor", "second factor"),
    ("security-keys", "security keys"),
    ("sshd", "sshd"),
    ("stack", "PAM stacks"),
    ("stages", "stages"),
    ("token", "token"),
    ("users-me", "users/me"),
    ("version", "version"),
];

/// The name of an id's section, for people.
pub(super) fn name_of(id: &'static str) -> &'static str {
    let section = id.split('.').next().unwrap_or(id);
    SECTIONS
        .iter()
        .find(|(known, _)| *known == section)
        .map_or(section, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    const SCHEMA: &str = include_str!("../../../docs/check.schema.json");

    /// The literals of a file that are ids.
    fn ids_in(text: &str) -> impl Iterator<Item = String> {
        let is_id = |word: &&str| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            word.split_once('.').is_some_and(|(section, rest)| {
                SECTIONS.iter().any(|(known, _)| *known == section)
                    && !rest.is_empty()
                    && rest.chars().all(plain)
            })
        };
        text.split('"').filter(is_id).map(str::to_owned)
    }

    fn collect(path: &Path, found: &mut BTreeSet<String>) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                collect(&entry.unwrap().path(), found);
            }
        } else {
            found.extend(ids_in(&std::fs::read_to_string(path).unwrap()));
        }
    }

    /// A program that reads the JSON finds every id in the schema, and no other.
    #[test]
    fn the_schema_lists_the_ids_that_check_uses() {
        let cli = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
        let mut used = BTreeSet::new();
        for place in ["check", "judge", "fallback.rs"] {
            collect(&cli.join(place), &mut used);
        }
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let listed = &schema["$defs"]["finding"]["properties"]["id"]["enum"];
        let listed: Vec<String> = serde_json::from_value(listed.clone()).unwrap();
        let sorted: BTreeSet<String> = listed.iter().cloned().collect();
        assert_eq!(sorted, used);
        assert_eq!(listed, sorted.into_iter().collect::<Vec<_>>(), "sorted");
    }
}
