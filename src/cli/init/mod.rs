//! `init`: a first configuration.

mod questions;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap::error::ErrorKind;
use pam_authentik_flow::config::{AbsolutePath, Config, ConfigError, ServerUrl, Slug};
use pam_authentik_flow::host::{FileKind, read_trusted_file};

use ring::digest::{SHA256, digest};

use super::arguments::{Arguments, Init};
use super::files::{self, Existing, failed};
use super::remedy::of_config;
use super::setup::Setup;
use super::stack::Stacks;
use super::{CommandError, Exit, printed};

/// The example, with every key and its default.
const EXAMPLE: &str = include_str!("../../../conf/pam_authentik_flow.toml");

/// SHA-256 of the example that version 0.1.0 installed as the configuration.
const EARLIER_EXAMPLE: [u8; 32] = [
    0x19, 0xf4, 0x11, 0x9d, 0x28, 0x89, 0x27, 0xeb, 0x81, 0x47, 0xd9, 0x0b, 0xb3, 0x26, 0x78, 0x02,
    0x7f, 0xfb, 0x12, 0x63, 0x03, 0x49, 0x17, 0x1b, 0xa6, 0x64, 0x4d, 0x7e, 0x48, 0xec, 0xe4, 0x9c,
];

/// Screen lockers do not run as root and must read it. It holds no secret.
const MODE: u32 = 0o644;

const FLOW: &str = "linux-login";
const GROUP: &str = "linux-users";

/// The values to write.
struct Values {
    url: ServerUrl,
    flow: Slug,
    groups: Vec<String>,
    ca_file: Option<String>,
    outpost_token_file: Option<String>,
}

/// Writes the file, and reads it back as the module would.
pub(crate) fn run(options: &Init) -> Result<Exit, CommandError> {
    let path = std::path::absolute(&options.config)
        .map_err(|error| format!("{}: {error}", options.config.display()))?;
    let is_new = !path.exists() || is_untouched(&path);
    if !is_new && !options.force {
        return Err(format!(
            "{0} is there already, and stays as it is: edit it, or write it again with --force, which keeps it as {0}.before",
            path.display()
        ));
    }
    let values = match (&options.url, std::io::stdin().is_terminal()) {
        (Some(address), _) => Values {
            url: address.url.clone(),
            flow: match options.flow.clone().or(address.flow.clone()) {
                Some(flow) => flow,
                None => Slug::parse(FLOW)?,
            },
            groups: groups_of(options),
            ca_file: ca_file_of(options)?,
            outpost_token_file: token_file_of(options)?,
        },
        (None, true) => match questions::ask(options)? {
            Some(values) => values,
            None => return Ok(Exit::Interrupted),
        },
        (None, false) => Arguments::command()
            .error(
                ErrorKind::MissingRequiredArgument,
                "--url is missing; write: authentik-flow init --url https://authentik.example.com",
            )
            .exit(),
    };
    let text = fill(&values);
    // Services may use the file that is there.
    let before = std::fs::read(&path).ok();
    read_first(&path, &text)?;
    let existing = match is_new {
        true if path.exists() => Existing::Replace,
        true => Existing::Keep,
        false => {
            keep(&path)?;
            Existing::Replace
        }
    };
    files::write(&path, &text, MODE, None, existing)?;
    read_back(&path, before.as_deref())?;
    printed(said(options, &path, &values))?;
    Ok(Exit::Success)
}

fn groups_of(options: &Init) -> Vec<String> {
    match options.group.is_empty() {
        true => vec![GROUP.to_owned()],
        false => options.group.clone(),
    }
}

fn ca_file_of(options: &Init) -> Result<Option<String>, CommandError> {
    let path = options.ca_file.as_ref();
    path_of(path, "--ca-file", FileKind::Certificates)
}

fn token_file_of(options: &Init) -> Result<Option<String>, CommandError> {
    let path = options.outpost_token_file.as_ref();
    path_of(path, "--outpost-token-file", FileKind::Secret)
}

/// A path that the configuration may name. The file must be one that the module uses.
fn path_of(
    path: Option<&PathBuf>,
    option: &str,
    kind: FileKind,
) -> Result<Option<String>, CommandError> {
    let Some(path) = path else {
        return Ok(None);
    };
    let path = std::path::absolute(path).map_err(|error| format!("{option}: {error}"))?;
    let text = path
        .to_str()
        .ok_or_else(|| format!("{option}: the path is not UTF-8; give the file another name"))?;
    AbsolutePath::parse(text).map_err(|problem| format!("{option}: {problem}"))?;
    if !path.is_file() {
        return Err(format!(
            "{option}: there is no file {text}; put it there first"
        ));
    }
    read_trusted_file(&path, kind).map_err(|fault| match fault.command() {
        Some(command) => format!("{option}: {text} {fault}; run {command} {text}"),
        None => format!("{option}: {text} {fault}"),
    })?;
    Ok(Some(text.to_owned()))
}

/// Keeps a copy of the file that is overwritten.
fn keep(path: &Path) -> Result<(), CommandError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".before");
    std::fs::copy(path, &name)
        .map(drop)
        .map_err(failed(Path::new(&name)))
}

fn setup_of(path: &Path) -> Result<Setup, CommandError> {
    let none = Stacks::at(Path::new("/nonexistent"));
    Setup::for_service("sshd", Some(path), &none)
}

fn unusable(path: &Path, problem: &ConfigError, end: &str) -> CommandError {
    let (found, remedy) = of_config(problem);
    format!(
        "the module would not use {}: {found}; {remedy}; {end}",
        path.display()
    )
}

/// Reads a text as the module would, before it is written.
fn read_first(path: &Path, text: &str) -> Result<(), CommandError> {
    let refused = |problem| unusable(path, &problem, "nothing is written");
    let arguments = setup_of(path)?.arguments().map_err(refused)?;
    Config::from_bytes(text.as_bytes(), "sshd", &arguments)
        .map(drop)
        .map_err(refused)
}

/// Reads the file as the module would, with its drop-ins. If they do not fit, the earlier
/// file is there again.
fn read_back(path: &Path, before: Option<&[u8]>) -> Result<(), CommandError> {
    let Err(problem) = setup_of(path)?.config() else {
        return Ok(());
    };
    let end = match before.map(std::str::from_utf8) {
        Some(Ok(before)) => {
            files::write(path, before, MODE, None, Existing::Replace)?;
            "the earlier file is there again"
        }
        _ => "it is written nevertheless",
    };
    Err(unusable(path, &problem, end))
}

/// Says what is done, and what to do next.
fn said(options: &Init, path: &Path, values: &Values) -> std::io::Result<()> {
    let shown = path.display();
    let config = match options.config.to_str() {
        Some("/etc/security/pam_authentik_flow.toml") => String::new(),
        _ => format!(" --config {shown}"),
    };
    let groups = values.groups.join(", ");
    writeln!(
        anstream::stdout(),
        "{shown} is written. In authentik, add the people who may log in to the group {groups}.\n\nNext:\n  1. authentik-flow check{config}\n  2. authentik-flow login{config} --user SOMEBODY",
    )
}

/// The example with these values in place of its own.
fn fill(values: &Values) -> String {
    let Values {
        url,
        flow,
        groups,
        ca_file,
        outpost_token_file,
    } = values;
    // A JSON string is also a TOML string, except for characters that these values
    // cannot hold.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let groups: Vec<String> = groups.iter().map(|group| quoted(group)).collect();
    let mut text = EXAMPLE
        .replace(
            "\nurl = \"https://authentik.example.com\"\n",
            &format!("\nurl = {}\n", quoted(&url.to_string())),
        )
        .replace(
            "\nflow = \"linux-login\"\n",
            &format!("\nflow = {}\n", quoted(flow.as_str())),
        )
        .replace(
            "\ngroups = [\"linux-users\"]\n",
            &format!("\ngroups = [{}]\n", groups.join(", ")),
        );
    if let Some(ca_file) = ca_file {
        let example = "\n#ca_file = \"/etc/ssl/certs/authentik-ca.pem\"\n";
        text = text.replace(example, &format!("\nca_file = {}\n", quoted(ca_file)));
    }
    if let Some(token_file) = outpost_token_file {
        let example = "\n#[outpost]\n#token_file = \"/etc/security/authentik-outpost.token\"\n";
        let own = format!("\n[outpost]\ntoken_file = {}\n", quoted(token_file));
        text = text.replace(example, &own);
    }
    text
}

/// Whether the file is an unchanged example: the one that packages install, or the one
/// of version 0.1.0.
fn is_untouched(path: &Path) -> bool {
    let is_file = path
        .symlink_metadata()
        .is_ok_and(|metadata| metadata.is_file());
    is_file
        && std::fs::read(path).is_ok_and(|bytes| {
            bytes == EXAMPLE.as_bytes()
                || digest(&SHA256, &bytes).as_ref() == EARLIER_EXAMPLE.as_slice()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If the example changes, `init` must still replace its values.
    #[test]
    fn every_value_finds_its_place() {
        let text = fill(&Values {
            url: ServerUrl::parse("https://x.example").unwrap(),
            flow: Slug::parse("my-flow").unwrap(),
            groups: vec!["a".to_owned(), "b \"c\"".to_owned()],
            ca_file: Some("/ca.pem".into()),
            outpost_token_file: Some("/token".into()),
        });
        for line in [
            "url = \"https://x.example\"",
            "flow = \"my-flow\"",
            "groups = [\"a\", \"b \\\"c\\\"\"]",
            "ca_file = \"/ca.pem\"",
            "[outpost]",
            "token_file = \"/token\"",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}");
        }
        assert!(!text.contains("\nurl = \"https://authentik.example.com\""));
    }
}
