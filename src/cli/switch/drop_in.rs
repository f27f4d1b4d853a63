//! `--sshd`: the settings of sshd that the module needs, in a separate file.

mod blocks;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::say;
use super::store::{Copies, PamFile};
use crate::cli::arguments::SshdConfig;
use crate::cli::files::{self, Existing, failed};
use crate::cli::sshd::{self, Missing, Settings};
use crate::cli::{CommandError, local, programs};
use blocks::{Block, Written};

/// sshd reads these files in the order of their names, and the first value of a setting
/// counts.
const NAME: &str = "00-authentik-flow.conf";
const HEAD: &str =
    "# By authentik-flow enable --sshd; authentik-flow disable sshd takes this file away.\n";

/// The file of settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DropIn {
    path: PathBuf,
    text: String,
    /// The earlier text.
    before: Option<String>,
    /// The configuration that includes it, if that is not sshd's own.
    config: Option<PathBuf>,
}

impl DropIn {
    /// The file that is needed. `None` if no setting is missing.
    ///
    /// # Errors
    /// The file would let in somebody new, or `enable` did not write the existing one.
    pub(super) fn plan(
        config: &SshdConfig,
        longest: u64,
        copies: &Copies,
    ) -> Result<Option<Self>, CommandError> {
        let needed = needed(config, longest)?;
        if needed.is_empty() {
            return Ok(None);
        }
        let path = path_of(config);
        let folder = path.parent().unwrap_or(Path::new("/"));
        if !folder.is_dir() {
            return Err(format!(
                "--sshd: {} is not there, so sshd_config includes nothing from it; write into sshd_config: {}",
                folder.display(),
                needed.join(", ")
            ));
        }
        let before = match path.symlink_metadata() {
            Err(_) => None,
            Ok(_) => {
                let there = PamFile::read(&path)?.text;
                if copies.drop_in()?.is_none_or(|kept| kept.text != there) {
                    return Err(format!(
                        "--sshd: {} is there already, and enable did not write its content; it stays as it is. Write there: {}",
                        path.display(),
                        needed.join(", ")
                    ));
                }
                Some(there)
            }
        };
        let mut text = before.clone().unwrap_or_else(|| HEAD.to_owned());
        for line in &needed {
            text.push_str(&format!("{line}\n"));
        }
        Ok(Some(Self {
            path,
            text,
            before,
            config: match config {
                SshdConfig::Own => None,
                SshdConfig::File(path) => Some(path.clone()),
            },
        }))
    }

    pub(super) fn show(&self) -> Result<(), CommandError> {
        super::show(
            &self.path,
            self.before.as_deref().unwrap_or_default(),
            &self.text,
        )
    }

    fn config(&self) -> SshdConfig {
        match &self.config {
            None => SshdConfig::Own,
            Some(path) => SshdConfig::File(path.clone()),
        }
    }

    /// Writes it, and asks sshd itself whether the settings hold.
    ///
    /// # Errors
    /// The settings do not hold. The file is then as before.
    pub(super) fn write(&self, copies: &Copies) -> Result<(), CommandError> {
        copies.keep_drop_in(Some(self))?;
        files::write(&self.path, &self.text, 0o644, None, Existing::Replace)?;
        let config = self.config();
        let wrong = test(&config)
            .err()
            .or_else(|| match without_effect(&config, &self.text) {
                Ok(left) if left.is_empty() => None,
                Ok(left) => Some(format!(
                    "{} still does not hold with {}: sshd_config does not include that folder before its own settings (Include {}/*.conf, as its first line), or another file decides first",
                    left.join(", "),
                    self.path.display(),
                    self.path.parent().unwrap_or(Path::new("/")).display(),
                )),
                Err(why) => Some(why),
            });
        let Some(wrong) = wrong else {
            return Ok(());
        };
        self.restore(copies)?;
        Err(format!("--sshd: {wrong}; nothing is changed"))
    }

    /// Makes the running sshd read it, or says how to do that.
    pub(super) fn reload(&self) -> Result<(), CommandError> {
        say(&match self.read_again() {
            Ok(how) => format!("sshd: {} is read ({how}).", self.path.display()),
            Err(why) => format!(
                "sshd: the running sshd has not read {} ({why}); reload it yourself: systemctl reload ssh (sshd on other systems than Debian)",
                self.path.display()
            ),
        })
    }

    /// Restores the earlier state, if the file is as it was written. `false`: somebody
    /// has changed it, and it stays.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(super) fn restore(&self, copies: &Copies) -> Result<bool, CommandError> {
        match std::fs::read_to_string(&self.path) {
            Ok(there) if there == self.text => match &self.before {
                Some(before) => {
                    files::write(&self.path, before, 0o644, None, Existing::Replace)?;
                }
                None => remove(&self.path)?,
            },
            Ok(there) if Some(&there) != self.before.as_ref() => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(failed(&self.path)(error));
            }
            Err(_) if self.before.is_some() => return Ok(false),
            Err(_) => {}
        }
        let before = self.before.as_ref().map(|before| Self {
            text: before.clone(),
            before: None,
            ..self.clone()
        });
        copies.keep_drop_in(before.as_ref())?;
        Ok(true)
    }

    /// Removes the file, whatever its earlier text was.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub(super) fn take_away(&self, copies: &Copies) -> Result<String, CommandError> {
        let path = self.path.display();
        match std::fs::read_to_string(&self.path) {
            Ok(there) if there == self.text => remove(&self.path)?,
            Ok(_) => {
                copies.keep_drop_in(None)?;
                return Ok(format!(
                    "sshd: somebody has changed {path}, which enable --sshd had written; it stays as it is"
                ));
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(failed(&self.path)(error));
            }
            Err(_) => {
                copies.keep_drop_in(None)?;
                return Ok(format!("sshd: {path} is not there any more"));
            }
        }
        copies.keep_drop_in(None)?;
        Ok(match self.read_again() {
            Ok(how) => format!("sshd: {path} is removed ({how})."),
            Err(why) => format!(
                "sshd: {path} is removed, but sshd has not read that ({why}): run sshd -t, then systemctl reload ssh (sshd on other systems than Debian)"
            ),
        })
    }

    /// Makes the running sshd read its settings again. Returns how.
    ///
    /// # Errors
    /// Why it has not.
    pub(super) fn read_again(&self) -> Result<String, CommandError> {
        let config = self.config();
        test(&config).and_then(|()| sshd::reload(&config))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn remove(path: &Path) -> Result<(), CommandError> {
    std::fs::remove_file(path).map_err(failed(path))?;
    files::sync(path.parent().unwrap_or(Path::new("/")));
    Ok(())
}

/// sshd's configuration, which includes the file.
fn main_file(config: &SshdConfig) -> &Path {
    match config {
        SshdConfig::Own => Path::new("/etc/ssh/sshd_config"),
        SshdConfig::File(path) => path,
    }
}

/// The path of the file.
fn path_of(config: &SshdConfig) -> PathBuf {
    main_file(config).with_file_name("sshd_config.d").join(NAME)
}

/// The lines that are missing.
fn needed(config: &SshdConfig, longest: u64) -> Result<Vec<String>, CommandError> {
    let settings = Settings::of("nobody", config)?;
    let uses_pam = settings.get("usepam") == Some("yes");
    let asks = settings.asks() && uses_pam;
    if !asks && !settings.takes_passwords() {
        return Err(KEYS_ALONE.into());
    }
    let missing = settings.missing(longest).into_iter();
    let mut lines: Vec<String> = missing.map(|Missing { line, .. }| line).collect();
    if settings.takes_passwords() && !settings.asks() {
        lines.push("PasswordAuthentication no".into());
    }
    if !lines.is_empty() {
        opens_nothing(config, &lines)?;
    }
    Ok(lines)
}

const KEYS_ALONE: &str = "--sshd: sshd asks nobody for a password now (keys alone). With KbdInteractiveAuthentication yes, root and the accounts of --local could log in with their local passwords, which they cannot now. If you want that, write the line into sshd_config yourself";

/// Refuses lines with which a password becomes enough for somebody, from anywhere, who
/// needs a key now, and lines that keep somebody out.
fn opens_nothing(config: &SshdConfig, lines: &[String]) -> Result<(), CommandError> {
    let adds = |wanted: &str| lines.iter().any(|line| line == wanted);
    let turns_pam_on = adds("UsePAM yes");
    if turns_pam_on {
        let locked = opened_by_pam();
        if !locked.is_empty() {
            return Err(format!(
                "--sshd: sshd does not use PAM now, and refuses accounts with a locked password, also with a key. With UsePAM yes a key is enough for {}. If you want that, write the line into sshd_config yourself",
                locked.join(", ")
            ));
        }
    }
    let written = Written::read(main_file(config)).map_err(|why| format!("--sshd: {why}"))?;
    let opens = adds("KbdInteractiveAuthentication yes") || turns_pam_on;
    let is_off = |value: Option<bool>| value == Some(false);
    // The settings for nobody may be those of a Match block.
    let global = &written.global;
    if opens && is_off(global.password()) && is_off(global.questions()) {
        return Err(KEYS_ALONE.into());
    }
    let blocks = |chosen: &dyn Fn(&Block) -> bool| -> String {
        let found = written.blocks.iter().filter(|block| chosen(block));
        found.map(Block::shown).collect::<Vec<_>>().join(", ")
    };
    let opened = blocks(&|block| {
        let questions = block.settings.questions();
        // Without PAM, a yes has no effect.
        let is_closed = match turns_pam_on {
            true => is_off(questions),
            false => questions.is_some(),
        };
        is_off(block.settings.password()) && !is_closed
    });
    if opens && !opened.is_empty() {
        return Err(format!(
            "--sshd: people of these blocks need a key now, because PasswordAuthentication is no there: {opened}. With KbdInteractiveAuthentication yes a password would be enough. Write KbdInteractiveAuthentication no into these blocks, or yes if you want that"
        ));
    }
    let kept_out = blocks(&|block| {
        block.settings.needs_password_method() && block.settings.password() != Some(true)
    });
    if adds("PasswordAuthentication no") && !kept_out.is_empty() {
        return Err(format!(
            "--sshd: with PasswordAuthentication no nobody of these blocks could log in, because AuthenticationMethods asks for the method password there: {kept_out}. Write keyboard-interactive in place of password"
        ));
    }
    Ok(())
}

/// The accounts with a locked password and a login shell.
fn opened_by_pam() -> Vec<String> {
    let accounts = local::accounts().into_iter().map(|(name, _)| name);
    accounts
        .filter(|name| local::has_password(name) == Some(false) && local::kept_out(name).is_none())
        .collect()
}

/// The lines that do not hold according to sshd.
fn without_effect<'a>(config: &SshdConfig, text: &'a str) -> Result<Vec<&'a str>, CommandError> {
    let settings = Settings::of("nobody", config)?;
    let holds = |line: &str| {
        line.split_once(' ').is_none_or(|(key, value)| {
            settings.get(&key.to_ascii_lowercase()) == Some(value.trim())
        })
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    Ok(lines.filter(|line| !holds(line)).collect())
}

fn test(config: &SshdConfig) -> Result<(), CommandError> {
    let mut arguments = vec!["-t"];
    if let SshdConfig::File(path) = config {
        arguments.extend(["-f", path.to_str().unwrap_or_default()]);
    }
    let said = programs::ask("sshd", &arguments)?;
    match said.succeeded {
        true => Ok(()),
        false => Err(format!("sshd -t: {}", said.complaint)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_file_is_reported_only_if_it_was_restored() {
        let dir = tempfile::tempdir().unwrap();
        let copies = Copies::at(&dir.path().join("state"));
        std::fs::create_dir(dir.path().join("state")).unwrap();
        let path = dir.path().join(NAME);
        let drop_in = |before: Option<&str>| DropIn {
            path: path.clone(),
            text: "new\n".into(),
            before: before.map(Into::into),
            config: None,
        };
        // There was none, and there is none.
        assert_eq!(drop_in(None).restore(&copies), Ok(true));
        // There was one, and somebody has removed it.
        assert_eq!(drop_in(Some("old\n")).restore(&copies), Ok(false));
        for (there, before, is_restored) in [
            ("new\n", Some("old\n"), true),
            ("old\n", Some("old\n"), true),
            ("other\n", Some("old\n"), false),
            ("new\n", None, true),
        ] {
            std::fs::write(&path, there).unwrap();
            assert_eq!(drop_in(before).restore(&copies), Ok(is_restored), "{there}");
        }
        assert!(!path.exists());
        // What cannot be read may be anything.
        std::fs::write(&path, b"\xff\n").unwrap();
        assert!(drop_in(None).restore(&copies).is_err());
        assert!(drop_in(None).take_away(&copies).is_err());
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(drop_in(Some("old\n")).restore(&copies).is_err());
    }

    /// Keeping none removes the folder, if nothing else is in it.
    #[test]
    fn settings_are_kept_where_there_is_no_folder_yet() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("not/yet");
        let copies = Copies::at(&state);
        let drop_in = DropIn {
            path: dir.path().join(NAME),
            text: "new\n".into(),
            before: None,
            config: None,
        };
        for _ in 0..2 {
            assert_eq!(copies.keep_drop_in(Some(&drop_in)), Ok(()));
            let kept = copies.drop_in().unwrap();
            assert_eq!(kept.map(|kept| kept.text).as_deref(), Some("new\n"));
            let mode = state.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "lockers read the bindings in it");
            assert_eq!(copies.keep_drop_in(None), Ok(()));
            assert!(!state.exists());
        }
    }
}
