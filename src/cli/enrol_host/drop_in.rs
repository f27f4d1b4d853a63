//! The drop-in with `[host]`. Its file name is free for administrators to use, so it is
//! replaced only if it holds nothing else, and only if nothing else changes by it.

use std::io;
use std::path::Path;

use pam_authentik_flow::config::{AbsolutePath, Config, HostRules, read_sources};
use zeroize::Zeroizing;

use crate::cli::CommandError;
use crate::cli::files::{self, Existing};
use crate::cli::remedy::of_config;
use crate::cli::setup::Setup;

/// It holds no secret, and screen lockers must read it.
const MODE: u32 = 0o644;

/// What the drop-in holds; `None` if there is none.
///
/// # Errors
/// It holds more than `[host]`, with what to do.
pub(super) fn held(
    path: &Path,
    rules: &HostRules,
    setup: &Setup,
) -> Result<Option<Zeroizing<Vec<u8>>>, CommandError> {
    let sources = read_sources(&setup.path()).map_err(|error| {
        let (found, remedy) = of_config(&error);
        format!("{found}; {remedy}")
    })?;
    let Some(source) = sources.into_iter().find(|source| source.path == path) else {
        return Ok(None);
    };
    match is_host_alone(&source.bytes) {
        true => Ok(Some(source.bytes)),
        false => Err(format!(
            "{} holds more than [host], and this command would replace it; rename it to another name that ends in .toml, such as 51-site.toml, or write into its [host] token_file = {} and identifier = {}, and add --replace",
            path.display(),
            quoted_path(&rules.token_file),
            quoted(rules.identifier.as_str()),
        )),
    }
}

/// Whether the text of a drop-in sets `[host]` and nothing else. Comments are not settings.
fn is_host_alone(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse::<toml::Table>().ok())
        .is_some_and(|table| table.keys().all(|key| key == "host"))
}

/// The text of the drop-in.
pub(super) fn text(rules: &HostRules) -> String {
    format!(
        "# Written by authentik-flow enrol-host.\n[host]\ntoken_file = {}\nidentifier = {}\n",
        quoted_path(&rules.token_file),
        quoted(rules.identifier.as_str())
    )
}

/// A JSON string is also a TOML string, except for characters that these values cannot hold.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn quoted_path(path: &AbsolutePath) -> String {
    quoted(&path.as_path().display().to_string())
}

/// Writes the drop-in.
///
/// # Errors
/// It cannot be written, or holds more than `[host]` by now. Or the module cannot use the
/// configuration with it, or another setting has changed: then the file is as before.
pub(super) fn write(path: &Path, rules: &HostRules, setup: &Setup) -> Result<(), CommandError> {
    let before = held(path, rules, setup)?;
    let before = before.as_ref().map(|bytes| bytes.as_slice());
    replace(path, before, &text(rules), || {
        setup.config().map_err(|error| {
            let (found, remedy) = of_config(&error);
            format!("the module cannot use the configuration: {found}; {remedy}")
        })
    })
}

/// Replaces the file, and compares what `read` finds before and after.
fn replace(
    path: &Path,
    before: Option<&[u8]>,
    text: &str,
    read: impl Fn() -> Result<Config, CommandError>,
) -> Result<(), CommandError> {
    let earlier = read()?;
    let existing = match before {
        Some(_) => Existing::Replace,
        // Somebody may write it just now.
        None => Existing::Keep,
    };
    files::write(path, text, MODE, None, existing)?;
    let wrong = match read() {
        Ok(found) if differs_in_host_alone(&found, &earlier) => return Ok(()),
        Ok(_) => "with it, other settings than [host] differ from before".to_owned(),
        Err(why) => why,
    };
    let shown = path.display();
    match put_back(path, before) {
        Ok(()) => Err(format!(
            "{shown} was written: {wrong}; the file is as before"
        )),
        Err(why) => Err(format!(
            "{shown} is written: {wrong}; it cannot be put back: {why}"
        )),
    }
}

fn differs_in_host_alone(found: &Config, earlier: &Config) -> bool {
    let without_host = |config: &Config| Config {
        host: None,
        ..config.clone()
    };
    without_host(found) == without_host(earlier)
}

fn put_back(path: &Path, before: Option<&[u8]>) -> Result<(), CommandError> {
    match before {
        Some(bytes) => files::write(path, bytes, MODE, None, Existing::Replace),
        None => match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(files::failed(path)(error))
            }
            _ => {
                files::sync(path.parent().unwrap_or(Path::new("/")));
                Ok(())
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use pam_authentik_flow::config::Arguments;

    use super::*;

    const TOP: &str = "url = \"https://localhost\"\nflow = \"linux-login\"\n";
    const GROUP: &str = "[access]\ngroups = [\"db-admins\"]\n";
    const HOST: &str = "[host]\ntoken_file = \"/etc/token\"\nidentifier = \"this\"\n";

    fn config(text: &str) -> Result<Config, CommandError> {
        let arguments = Arguments::parse(&[]).unwrap();
        Config::from_bytes(text.as_bytes(), "sshd", &arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn only_host_is_host_alone() {
        for (text, alone) in [
            (HOST.to_owned(), true),
            (format!("# A comment.\n{HOST}"), true),
            (String::new(), true),
            ("host.identifier = \"x\"\n".into(), true),
            (format!("{HOST}{GROUP}"), false),
            ("override = true\n".into(), false),
            (format!("flow = \"x\"\n{HOST}"), false),
            ("[services.sudo.host]\nidentifier = \"x\"\n".into(), false),
            ("[host".into(), false),
        ] {
            assert_eq!(is_host_alone(text.as_bytes()), alone, "{text}");
        }
        assert!(!is_host_alone(b"# \xff\n"));
    }

    /// The file stays written only if nothing but `[host]` differs.
    #[test]
    fn the_file_is_put_back_if_another_setting_differs() {
        let earlier = format!("{TOP}{GROUP}");
        for (after, stays) in [
            (format!("{TOP}{GROUP}{HOST}"), true),
            (format!("{TOP}{GROUP}"), true),
            (
                format!("{TOP}[access]\nallow_any_user = true\n{HOST}"),
                false,
            ),
            (format!("{TOP}end_session = false\n{GROUP}{HOST}"), false),
            (
                format!("{TOP}{GROUP}[user]\nallow_root = true\n{HOST}"),
                false,
            ),
            ("flow = \"x\"\n".into(), false),
        ] {
            for before in [None, Some(&b"[host]\n"[..])] {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("50-host.toml");
                if let Some(before) = before {
                    std::fs::write(&path, before).unwrap();
                }
                let is_first = Cell::new(true);
                let read = || {
                    config(if is_first.replace(false) {
                        &earlier
                    } else {
                        &after
                    })
                };
                let result = replace(&path, before, HOST, read);
                assert_eq!(result.is_ok(), stays, "{after}: {result:?}");
                let expected = if stays { Some(HOST.as_bytes()) } else { before };
                assert_eq!(std::fs::read(&path).ok().as_deref(), expected, "{after}");
            }
        }
    }

    #[test]
    fn a_file_that_appears_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("50-host.toml");
        std::fs::write(&path, GROUP).unwrap();
        let read = || config(&format!("{TOP}{GROUP}"));
        assert!(replace(&path, None, HOST, read).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), GROUP);
    }
}
