//! sshd's configuration as it is written, with the files that it includes.
//!
//! `sshd -T` answers for one user from one address. What a `Match` block changes for others
//! is only in the files.

use std::fs;
use std::path::{Path, PathBuf};

/// Relative paths in `Include` belong to this folder, wherever the file is.
const FOLDER: &str = "/etc/ssh";
/// sshd's own limit.
const DEEPEST: usize = 16;

/// The settings of one part of the configuration. The first value of a setting counts.
#[derive(Debug, Default)]
pub(super) struct Part {
    pairs: Vec<(String, String)>,
}

impl Part {
    /// The value of a setting that has several names.
    fn first(&self, names: &[&str]) -> Option<&str> {
        let found = self.pairs.iter().find(|(key, _)| names.contains(&&**key));
        found.map(|(_, value)| value.as_str())
    }

    /// `PasswordAuthentication`.
    pub(super) fn password(&self) -> Option<bool> {
        self.first(&["passwordauthentication"]).map(is_on)
    }

    /// `KbdInteractiveAuthentication`, also by its older names.
    pub(super) fn questions(&self) -> Option<bool> {
        const NAMES: [&str; 3] = [
            "kbdinteractiveauthentication",
            "challengeresponseauthentication",
            "skeyauthentication",
        ];
        self.first(&NAMES).map(is_on)
    }

    /// Whether `AuthenticationMethods` lets in nobody without the method `password`.
    pub(super) fn needs_password_method(&self) -> bool {
        let has_it = |list: &str| list.split(',').any(|method| method == "password");
        self.first(&["authenticationmethods"])
            .is_some_and(|lists| lists.split_whitespace().all(has_it))
    }
}

/// sshd also accepts `true`, and refuses a configuration with other words.
fn is_on(value: &str) -> bool {
    value.eq_ignore_ascii_case("yes") || value.eq_ignore_ascii_case("true")
}

/// A `Match` block.
#[derive(Debug)]
pub(super) struct Block {
    /// Its file and line.
    place: String,
    /// The people that it is about, as the line says it.
    who: String,
    pub(super) settings: Part,
}

impl Block {
    /// For people.
    pub(super) fn shown(&self) -> String {
        format!("Match {} ({})", self.who, self.place)
    }
}

/// The whole configuration.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The settings outside of `Match` blocks.
    pub(super) global: Part,
    pub(super) blocks: Vec<Block>,
}

impl Written {
    /// Reads a configuration of sshd.
    ///
    /// # Errors
    /// A file that cannot be read or understood.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let mut written = Self::default();
        written.add(path, None, 0)?;
        Ok(written)
    }

    /// Adds a file. `block` is the one in which it is included.
    fn add(&mut self, path: &Path, block: Option<usize>, depth: usize) -> Result<(), String> {
        let shown = path.display();
        if depth > DEEPEST {
            return Err(format!("{shown}: includes are nested too deeply"));
        }
        let bytes = fs::read(path).map_err(|error| format!("{shown}: {error}"))?;
        let text = String::from_utf8_lossy(&bytes);
        // A Match line holds until the end of its file.
        let mut block = block;
        for (number, line) in (1_usize..).zip(text.lines()) {
            let place = format!("{shown}, line {number}");
            let Some((key, value)) = setting(line) else {
                continue;
            };
            match key.as_str() {
                "include" => {
                    for pattern in words(value).ok_or_else(|| unclear(&place, line))? {
                        for file in files(&pattern).ok_or_else(|| unclear(&place, line))? {
                            self.add(&file, block, depth.saturating_add(1))?;
                        }
                    }
                }
                "match" => {
                    block = Some(self.blocks.len());
                    self.blocks.push(Block {
                        place,
                        who: value.to_owned(),
                        settings: Part::default(),
                    });
                }
                _ => {
                    let part = block.and_then(|block| self.blocks.get_mut(block));
                    let part = part.map_or(&mut self.global, |block| &mut block.settings);
                    let value = words(value).ok_or_else(|| unclear(&place, line))?;
                    part.pairs.push((key, value.join(" ")));
                }
            }
        }
        Ok(())
    }
}

fn unclear(place: &str, line: &str) -> String {
    format!("{place}: this line is not understood: {}", line.trim())
}

/// The name of a setting in lower case, and what follows it. `None` if a line has none.
fn setting(line: &str) -> Option<(String, &str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let ends = |c: char| c.is_whitespace() || c == '=';
    let (key, rest) = line.split_once(ends).unwrap_or((line, ""));
    let rest = rest.trim_start();
    let key = key.trim_matches('"').to_ascii_lowercase();
    Some((key, rest.strip_prefix('=').unwrap_or(rest).trim_start()))
}

/// The words of a line, up to a comment. `None` if a quote does not end.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '#' {
            break;
        }
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Some(words)
}

/// The files of a pattern, in the order in which sshd reads them. `None` for a pattern that
/// has more than `*` and `?`.
fn files(pattern: &str) -> Option<Vec<PathBuf>> {
    if pattern.contains(['[', '\\', '{', '~']) {
        return None;
    }
    let mut found = vec![PathBuf::from("/")];
    let path = Path::new(FOLDER).join(pattern);
    for name in path.components().skip(1) {
        let name = name.as_os_str().to_str()?;
        found = match name.contains(['*', '?']) {
            false => found.into_iter().map(|path| path.join(name)).collect(),
            true => {
                let inside = found.iter().flat_map(|folder| matching(folder, name));
                inside.collect()
            }
        };
    }
    // sshd passes over a file that is not there.
    found.retain(|path| path.symlink_metadata().is_ok());
    found.sort();
    Some(found)
}

/// The entries of a folder that match a pattern.
fn matching(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names
        .filter(|name| {
            let name = name.to_string_lossy();
            let is_hidden = name.starts_with('.') && !pattern.starts_with('.');
            !is_hidden && matches(pattern.as_bytes(), name.as_bytes())
        })
        .map(|name| folder.join(name))
        .collect()
}

fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            let longer = name.split_first();
            matches(rest, name) || longer.is_some_and(|(_, name)| matches(pattern, name))
        }
        (Some((b'?', pattern)), Some((_, name))) => matches(pattern, name),
        (Some((a, pattern)), Some((b, name))) => a == b && matches(pattern, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &[(&str, &str)]) -> Result<Written, String> {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().to_str().unwrap();
        for (name, text) in files {
            let text = text.replace("HERE", here);
            fs::write(folder.path().join(name), text).unwrap();
        }
        Written::read(&folder.path().join("main"))
    }

    #[test]
    fn each_setting_is_in_its_block() {
        let read = written(&[
            (
                "main",
                "passwordauthentication=yes\nInclude HERE/*.conf\nPasswordAuthentication no\n\
                 Match User root\n  Include \"HERE/in a block\" # more\n  X11Forwarding no\n\
                 match all\n\tChallengeResponseAuthentication \"no\"\n",
            ),
            ("b.conf", "UsePAM yes\n"),
            ("a.conf", "Match Group=keys\nPasswordAuthentication = no\n"),
            (
                "in a block",
                "PasswordAuthentication no\nMatch Address 10.0.0.0/8\nPasswordAuthentication yes\n",
            ),
            (".hidden.conf", "Match User nobody\n"),
        ])
        .unwrap();
        assert_eq!(read.global.password(), Some(true));
        assert_eq!(read.global.first(&["usepam"]), Some("yes"));
        let blocks = read.blocks.iter().map(|block| {
            (
                block.who.as_str(),
                block.settings.password(),
                block.settings.questions(),
            )
        });
        assert_eq!(
            blocks.collect::<Vec<_>>(),
            [
                ("Group=keys", Some(false), None),
                ("User root", Some(false), None),
                ("Address 10.0.0.0/8", Some(true), None),
                ("all", None, Some(false)),
            ]
        );
        // What follows the include belongs to the block around it.
        let root = read.blocks.get(1).unwrap();
        assert_eq!(root.settings.first(&["x11forwarding"]), Some("no"));
        assert!(root.shown().ends_with("main, line 4)"), "{}", root.shown());
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        assert!(written(&[("main", "Include HERE/main\n")]).is_err());
        assert!(written(&[("main", "Include HERE/[ab].conf\n")]).is_err());
        assert!(written(&[("main", "Include \"HERE/a\n")]).is_err());
        assert!(written(&[("main", "Include HERE\n")]).is_err());
        // sshd does not mind that.
        assert!(written(&[("main", "Include HERE/none HERE/none/*\n")]).is_ok());
    }

    #[test]
    fn methods_that_need_the_password_method_are_known() {
        for (lists, needs) in [
            ("publickey,password", true),
            ("password publickey,password", true),
            ("publickey,password publickey", false),
            ("publickey,keyboard-interactive", false),
            ("any", false),
        ] {
            let text = format!("AuthenticationMethods {lists}\n");
            let read = written(&[("main", &text)]).unwrap();
            assert_eq!(read.global.needs_password_method(), needs, "{lists}");
        }
    }
}
