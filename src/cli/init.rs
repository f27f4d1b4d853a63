//! `init`: a first configuration.

use std::io::Write;
use std::path::Path;

use pam_authentik_flow::config::{AbsolutePath, ServerUrl, Slug};
use ring::digest::{SHA256, digest};

use super::arguments::Init;
use super::files::{self, Existing};
use super::setup::Setup;
use super::stack::Stacks;
use super::{CommandError, Exit, printed};

/// The example, with every key and its default.
const EXAMPLE: &str = include_str!("../../conf/pam_authentik_flow.toml");

/// SHA-256 of the example that version 0.1.0 installed as the configuration.
const EARLIER_EXAMPLE: [u8; 32] = [
    0x19, 0xf4, 0x11, 0x9d, 0x28, 0x89, 0x27, 0xeb, 0x81, 0x47, 0xd9, 0x0b, 0xb3, 0x26, 0x78, 0x02,
    0x7f, 0xfb, 0x12, 0x63, 0x03, 0x49, 0x17, 0x1b, 0xa6, 0x64, 0x4d, 0x7e, 0x48, 0xec, 0xe4, 0x9c,
];

/// Screen lockers, which do not run as root, read it as well; it holds no secret.
const MODE: u32 = 0o644;

/// Writes the file, and reads it back as the module would.
pub(crate) fn run(options: &Init) -> Result<Exit, CommandError> {
    let url = ServerUrl::parse(&options.url).map_err(|problem| format!("--url: {problem}"))?;
    let flow = Slug::parse(&options.flow).map_err(|problem| format!("--flow: {problem}"))?;
    let ca_file = match &options.ca_file {
        None => None,
        Some(path) => {
            let text = path.to_str().ok_or("--ca-file: the path is not UTF-8")?;
            AbsolutePath::parse(text).map_err(|problem| format!("--ca-file: {problem}"))?;
            if !path.is_file() {
                return Err(format!("--ca-file: {text} is not there"));
            }
            Some(text)
        }
    };
    let text = fill(&url.to_string(), flow.as_str(), &options.group, ca_file);
    let path = std::path::absolute(&options.config)
        .map_err(|error| format!("{}: {error}", options.config.display()))?;
    let existing = match is_untouched(&path) {
        true => Existing::Replace,
        false => Existing::Keep,
    };
    files::write(&path, &text, MODE, None, existing)?;
    let none = Stacks::at(Path::new("/nonexistent"));
    let setup = Setup::for_service("sshd", Some(&path), &none)?;
    if let Err(problem) = setup.config() {
        return Err(format!(
            "written, but the module will not use it: {problem}"
        ));
    }
    let shown = path.display();
    let config = match options.config.to_str() {
        Some("/etc/security/pam_authentik_flow.toml") => String::new(),
        _ => format!(" --config {shown}"),
    };
    let groups = options.group.join(", ");
    printed(writeln!(
        anstream::stdout(),
        "{shown} is written. In authentik, the people who may log in belong to the group {groups}.\n\n\
         Next:\n  1. authentik-flow check{config}\n  2. authentik-flow login{config} --user SOMEBODY",
    ))?;
    Ok(Exit::Success)
}

/// The example with these values in place of its own.
fn fill(url: &str, flow: &str, groups: &[String], ca_file: Option<&str>) -> String {
    // A string of JSON is one of TOML, too, but for what no path here holds.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let groups: Vec<String> = groups.iter().map(|group| quoted(group)).collect();
    let mut text = EXAMPLE
        .replace(
            "\nurl = \"https://authentik.example.com\"\n",
            &format!("\nurl = {}\n", quoted(url)),
        )
        .replace(
            "\nflow = \"linux-login\"\n",
            &format!("\nflow = {}\n", quoted(flow)),
        )
        .replace(
            "\ngroups = [\"linux-users\"]\n",
            &format!("\ngroups = [{}]\n", groups.join(", ")),
        );
    if let Some(ca_file) = ca_file {
        let example = "\n#ca_file = \"/etc/ssl/certs/authentik-ca.pem\"\n";
        text = text.replace(example, &format!("\nca_file = {}\n", quoted(ca_file)));
    }
    text
}

/// Whether a file is there that nobody has written anything into: the example, as
/// packages install it, or as version 0.1.0 did.
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

    /// A changed example must not make `init` write the example's own values.
    #[test]
    fn every_value_finds_its_place() {
        let groups = ["a".to_owned(), "b \"c\"".to_owned()];
        let text = fill("https://x.example", "my-flow", &groups, Some("/ca.pem"));
        for line in [
            "url = \"https://x.example\"",
            "flow = \"my-flow\"",
            "groups = [\"a\", \"b \\\"c\\\"\"]",
            "ca_file = \"/ca.pem\"",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}");
        }
        assert!(!text.contains("\nurl = \"https://authentik.example.com\""));
    }
}
