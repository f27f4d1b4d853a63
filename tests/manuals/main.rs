//! The manual pages name every key, argument and PAM code of the sources, and the links of the
//! other pages have a target.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end like this"
)]

mod markdown;

use std::path::Path;

fn source(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The words after `.It` and `.Cm` in a page, one line each.
fn page(name: &str) -> String {
    source(&format!("packaging/man/{name}"))
}

/// The fields of a struct of keys: its lines `name: Option<…>`.
fn fields(text: &str, of: &str) -> Vec<String> {
    let start = text
        .find(&format!("struct {of} {{"))
        .unwrap_or_else(|| panic!("there is no struct {of}"));
    let body = text.get(start..).unwrap_or_default();
    let body = body.split("\n}").next().unwrap_or_default();
    let found: Vec<String> = body
        .lines()
        .filter_map(|line| line.trim().split_once(": Option<"))
        .map(|(name, _)| name.trim_start_matches("pub(super) "))
        // A key that is a keyword of Rust is in parentheses.
        .map(|name| name.split('"').nth(1).unwrap_or(name).to_owned())
        .collect();
    assert!(!found.is_empty(), "{of} has no keys");
    found
}

/// The part of a page between `.Sh NAME` and the next section.
fn section<'a>(page: &'a str, name: &str) -> &'a str {
    let heading = format!(".Sh {name}\n");
    let start = page
        .find(&heading)
        .unwrap_or_else(|| panic!("the page has no section {name}"));
    let rest = page
        .get(start.saturating_add(heading.len())..)
        .unwrap_or_default();
    rest.split("\n.Sh ").next().unwrap_or_default()
}

/// The text below each `.It Cm NAME` of a section, by the names in that line.
fn items(section: &str) -> Vec<(Vec<&str>, &str)> {
    section
        .split("\n.It Cm ")
        .skip(1)
        .map(|item| {
            let (names, text) = item.split_once('\n').unwrap_or((item, ""));
            (names.split(" , ").collect(), text)
        })
        .collect()
}

/// The tables of keys: their heading in the manual page, and their keys.
fn tables_of_keys() -> Vec<(&'static str, Vec<String>)> {
    let keys = source("src/config/keys.rs");
    let prompt = source("src/config/prompt.rs");
    let second_factor = source("src/config/second_factor.rs");
    let security_key = source("src/config/security_key.rs");
    let host = source("src/config/host_rules.rs");
    // A new table of keys needs a new section.
    let is_table = |line: &&str| line.ends_with("Keys,") && !line.ends_with(": Keys,");
    let tables = keys.lines().filter(is_table).count();
    assert_eq!(tables, 9, "the tables of Keys have sections in the page");
    [
        (&keys, "Keys", "AT THE TOP"),
        (&keys, "UserKeys", "[user]"),
        (&keys, "AccessKeys", "[access]"),
        (&keys, "AccountKeys", "[account]"),
        (&keys, "OutpostKeys", "[outpost]"),
        (&host, "HostKeys", "[host]"),
        (&keys, "PasswordKeys", "[password]"),
        (&prompt, "PromptKeys", "[prompt]"),
        (&second_factor, "FactorKeys", "[second_factor]"),
        (&security_key, "SecurityKeyKeys", "[security_key]"),
    ]
    .into_iter()
    .map(|(text, of, heading)| (heading, fields(text, of)))
    .collect()
}

/// Their keys as people write them: `url`, `[user] ignore`.
fn all_keys() -> Vec<String> {
    let of_table = |(heading, fields): (&str, Vec<String>)| {
        let lead = match heading.starts_with('[') {
            true => format!("{heading} "),
            false => String::new(),
        };
        let full = move |field| format!("{lead}{field}");
        fields.into_iter().map(full).collect::<Vec<String>>()
    };
    tables_of_keys().into_iter().flat_map(of_table).collect()
}

#[test]
fn every_key_has_its_place_and_its_default() {
    let page = page("pam_authentik_flow.toml.5");
    for (heading, fields) in tables_of_keys() {
        let items = items(section(&page, heading));
        for field in &fields {
            let (_, text) = items
                .iter()
                .find(|(names, _)| names.contains(&field.as_str()))
                .unwrap_or_else(|| panic!("{heading} of the page lacks {field}"));
            assert!(
                text.contains("Default:") || text.to_lowercase().contains("no default"),
                "{heading} {field}: the page does not say its default"
            );
        }
        for name in items.iter().flat_map(|(names, _)| names) {
            assert!(
                fields.iter().any(|field| field == name),
                "{heading} of the page has {name}, which is not a key"
            );
        }
    }
    assert!(page.contains(".Sh [services.NAME]\n"));
}

#[test]
fn every_key_is_in_the_table_of_the_docs_with_its_default() {
    let docs = source("docs/configure.md");
    let (_, table) = docs
        .split_once("\n## Every key\n")
        .expect("a section with every key");
    let table = table.split("\n## ").next().unwrap_or_default();
    let page = page("pam_authentik_flow.toml.5").replace("\\&", "");
    let rows: Vec<(&str, &str)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .collect();
    let keys = all_keys();
    for key in &keys {
        let row = rows.iter().find(|(name, _)| name == key);
        let (_, rest) = row.unwrap_or_else(|| panic!("docs/configure.md lacks {key}"));
        let default = rest.trim_end_matches(" |").rsplit(" | ").next();
        let default = default.unwrap_or_default().trim_matches('`');
        // Values must match the manual page; the text may be shorter here.
        if default.starts_with(['"', '[']) || default.chars().all(|c| c.is_ascii_digit()) {
            let value = default.split('`').next().unwrap_or_default();
            let (heading, field) = key.split_once("] ").unwrap_or(("AT THE TOP", key));
            let heading = match heading.starts_with('[') {
                true => format!("{heading}]"),
                false => heading.to_owned(),
            };
            let section = section(&page, &heading);
            let items = items(section);
            let item = items.iter().find(|(names, _)| names.contains(&field));
            let text = item.map_or("", |(_, text)| text);
            let (_, text) = text.rsplit_once("Default:").unwrap_or_default();
            assert!(text.contains(value), "{key}: {value} is not in {text}");
        }
    }
    for (name, _) in rows {
        let is_known = keys.iter().any(|key| key == name) || name == "override";
        assert!(is_known, "docs/configure.md has {name}, which is not a key");
    }
}

#[test]
fn every_key_is_in_the_example() {
    let example = source("conf/pam_authentik_flow.toml");
    let mut heading = String::new();
    let mut shown = Vec::new();
    for line in example.lines() {
        // A comment in words has a blank after its sign.
        let line = line.strip_prefix('#').unwrap_or(line);
        if line.starts_with('[') {
            heading = format!("{line} ");
        } else if let Some((key, _)) = line.split_once(" = ") {
            if !key.contains(' ') && !key.is_empty() {
                shown.push(format!("{heading}{key}"));
            }
        }
    }
    let keys = all_keys();
    for key in &keys {
        assert!(shown.contains(key), "the example lacks {key}");
    }
    for key in &shown {
        let is_known = keys.contains(key) || key.starts_with("[services.");
        assert!(is_known, "the example has {key}, which is not a key");
    }
}

#[test]
fn every_argument_is_explained() {
    let text = source("src/config/arguments.rs");
    let known = text
        .split_once("const KNOWN: &str = \"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .expect("arguments.rs lists what it knows")
        .0;
    let page = page("pam_authentik_flow.8");
    let items = items(section(&page, "OPTIONS"));
    let mut count = 0_usize;
    for argument in known.replace(" and ", ", ").split(", ") {
        let name = argument.split('=').next().unwrap_or_default();
        let found = items.iter().any(|(names, _)| {
            names
                .iter()
                .any(|item| item.split(' ').next() == Some(name))
        });
        assert!(found, "the page lacks the argument {name}");
        let synopsis = section(&page, "SYNOPSIS");
        assert!(synopsis.contains(name), "the synopsis lacks {name}");
        count = count.saturating_add(1);
    }
    assert_eq!(
        count,
        items.len(),
        "the page explains arguments that do not exist"
    );
}

#[test]
fn every_code_is_explained_and_no_other() {
    let table = source("src/pam/codes.rs");
    let page = page("pam_authentik_flow.8");
    let codes = section(&page, "PAM CODES");
    let mut known: Vec<&str> = table
        .match_indices("P::PAM_")
        .filter_map(|(at, _)| table.get(at.saturating_add(3)..))
        .filter_map(|rest| {
            rest.split(|c: char| !c.is_ascii_uppercase() && c != '_')
                .next()
        })
        .collect();
    known.sort_unstable();
    known.dedup();
    assert!(known.len() > 12, "codes.rs holds the table: {known:?}");
    let explained: Vec<&str> = codes
        .lines()
        .filter_map(|line| line.strip_prefix(".It Dv "))
        .collect();
    for code in &known {
        assert!(explained.contains(code), "the page lacks {code}");
    }
    for code in &explained {
        assert!(known.contains(code), "the page explains {code}, not a code");
    }
}

#[test]
fn the_packages_ship_every_page() {
    let install = source("packaging/install");
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/man");
    let mut count = 0_usize;
    for file in std::fs::read_dir(directory).expect("packaging/man can be read") {
        let name = file.expect("packaging/man can be read").file_name();
        let name = name.to_string_lossy().into_owned();
        let (page, section) = name.rsplit_once('.').expect("a page has a section");
        assert!(
            install.contains(&format!("page {page} {section}\n")),
            "packaging/install does not install {name}"
        );
        count = count.saturating_add(1);
    }
    assert_eq!(count, 3);
}

/// Each arm of a match that returns a value: the variants on its left, and the value.
fn arms(text: &str) -> Vec<(Vec<String>, String)> {
    let mut arms = Vec::new();
    let mut variants = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("//") {
            continue;
        }
        let (left, right) = line.split_once(" => ").unwrap_or((line, ""));
        for part in left.split("::").skip(1) {
            let name: String = part
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric())
                .collect();
            variants.push(name);
        }
        if !right.is_empty() {
            let value = right.trim_end_matches(',').trim_matches('"');
            arms.push((std::mem::take(&mut variants), value.to_owned()));
        }
    }
    arms
}

/// The text of one `match` in a file, which follows `start`.
fn match_behind<'a>(text: &'a str, start: &str) -> &'a str {
    let (_, rest) = text
        .split_once(start)
        .unwrap_or_else(|| panic!("no {start:?}"));
    let (_, rest) = rest.split_once("match ").expect("a match");
    rest.split_once("\n    }").map_or(rest, |(body, _)| body)
}

#[test]
fn every_cause_stands_in_the_page_of_the_log_with_its_code() {
    let causes = source("src/cause.rs");
    let codes = arms(match_behind(&source("src/pam/codes.rs"), "pub fn code("));
    let page = source("docs/log.md");
    let (_, table) = page.split_once("## Causes\n").expect("a table of causes");
    let rows: Vec<(Vec<&str>, &str)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once(" | "))
        .map(|(names, rest)| {
            let names = names.split(", ").map(|name| name.trim_matches('`'));
            let code = rest.split(" | ").next().unwrap_or_default();
            (names.collect(), code)
        })
        .collect();
    let mut known = Vec::new();
    let mut hold = |cause: &str, code: &str| {
        let row = rows.iter().find(|(names, _)| names.contains(&cause));
        let (_, codes) = row.unwrap_or_else(|| panic!("the page lacks the cause {cause}"));
        assert!(
            codes.contains(&format!("`{code}`")),
            "{cause}: {codes} lacks {code}"
        );
        known.push(cause.to_owned());
    };
    let of_login = arms(match_behind(&causes, "impl LoginError"));
    for (variants, cause) in &of_login {
        if cause.contains('(') {
            // The cause of a fault or an obstacle, which are below.
            continue;
        }
        for variant in variants {
            let code = codes
                .iter()
                .find(|(variants, _)| variants.contains(variant));
            let (_, code) = code.unwrap_or_else(|| panic!("codes.rs lacks {variant}"));
            hold(cause, code.trim_start_matches("P::"));
        }
    }
    for (of, code) in [
        ("impl ServerFault", "PAM_AUTH_ERR"),
        ("impl Obstacle", "PAM_SERVICE_ERR"),
        ("impl HostAnswer", "PAM_PERM_DENIED"),
    ] {
        for (_, cause) in arms(match_behind(&causes, of)) {
            // These two are not faults of the server, and have their own rows.
            if !matches!(cause.as_str(), "configuration" | "host-failed") {
                hold(&cause, code);
            }
        }
    }
    assert!(known.len() > 60, "{}", known.len());
    for name in rows.iter().flat_map(|(names, _)| names) {
        assert!(
            known.iter().any(|cause| cause == name),
            "the page has the cause {name}, which does not exist"
        );
    }
}

/// Whether a path fits a rule of AppArmor with `*`, `@{PROC}` and one pair of braces.
fn fits(rule: &str, path: &str) -> bool {
    if let Some((head, rest)) = rule.split_once('{') {
        let (words, tail) = rest.split_once('}').unwrap_or((rest, ""));
        return words
            .split(',')
            .any(|word| fits(&format!("{head}{word}{tail}"), path));
    }
    match rule.split_once('*') {
        None => rule == path,
        Some((head, tail)) => path
            .strip_prefix(head)
            .and_then(|rest| rest.strip_suffix(tail))
            .is_some_and(|middle| !middle.contains('/')),
    }
}

/// A file that the pages name and a confined program cannot read ends its logins.
#[test]
fn the_apparmor_lines_allow_each_file_that_the_pages_name() {
    let text = source("packaging/apparmor/pam_authentik_flow");
    let rules: Vec<String> = text
        .lines()
        .filter_map(|line| line.trim().strip_suffix(" r,"))
        .map(|rule| rule.replace("@{PROC}", "/proc").replace("@{pid}", "self"))
        .collect();
    let is_end = |c: char| !(c.is_ascii_alphanumeric() || "/._-*".contains(c));
    let mut named = vec![
        "/proc/self/cmdline".to_owned(),
        "/proc/sys/net/ipv4/ip_unprivileged_port_start".to_owned(),
        "/etc/security/pam_authentik_flow.d/".to_owned(),
    ];
    for page in [
        "packaging/man/pam_authentik_flow.8",
        "packaging/man/pam_authentik_flow.toml.5",
        "packaging/ansible/roles/pam_authentik_flow/tasks/configure.yml",
        "conf/pam_authentik_flow.toml",
        "docs/configure.md",
    ] {
        let text = source(page);
        let words = text.split(is_end);
        named.extend(
            words
                .filter(|word| word.starts_with("/etc/security/"))
                .map(|word| word.trim_end_matches('.').to_owned()),
        );
    }
    for path in named {
        let allowed = rules.iter().any(|rule| fits(rule, &path));
        assert!(
            allowed || path.contains(".trial") || path.ends_with(".d"),
            "no line allows {path}"
        );
    }
}
