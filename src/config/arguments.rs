//! What stands behind the module's name in a PAM stack.

use std::ffi::CStr;

use super::error::{ConfigError, Place};
use super::values::AbsolutePath;

/// The file that is read where no argument names another.
pub const DEFAULT_FILE: &str = "/etc/security/pam_authentik_flow.toml";

/// The module's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// `config=PATH`: the configuration file.
    pub config: AbsolutePath,
    /// `debug`: more lines in the log, never a secret.
    pub debug: bool,
}

impl Arguments {
    /// Reads the arguments of one line of a PAM stack.
    ///
    /// # Errors
    /// An argument that is unknown, given twice, or without its value. One that
    /// was ignored could be one that its author relied on.
    pub fn parse(arguments: &[&CStr]) -> Result<Self, ConfigError> {
        let mut config = None;
        let mut debug = false;
        for argument in arguments {
            let argument = argument
                .to_str()
                .map_err(|_| refused("an argument is not UTF-8".into()))?;
            match argument.split_once('=') {
                Some(("config", path)) if config.is_none() => {
                    config = Some(
                        AbsolutePath::parse(path).map_err(|p| refused(format!("config: {p}")))?,
                    );
                }
                Some(("config", _)) => {
                    return Err(refused("config is given twice; leave one out".into()));
                }
                None if argument == "debug" => debug = true,
                _ => {
                    return Err(refused(format!(
                        "{argument:?} is unknown; there are config=PATH and debug"
                    )));
                }
            }
        }
        let config = match config {
            Some(config) => config,
            None => AbsolutePath::parse(DEFAULT_FILE).map_err(refused)?,
        };
        Ok(Self { config, debug })
    }
}

fn refused(problem: String) -> ConfigError {
    ConfigError {
        place: Place::Argument,
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_both_arguments() {
        let none = Arguments::parse(&[]).unwrap();
        assert_eq!(none.config.as_path().to_str(), Some(DEFAULT_FILE));
        assert!(!none.debug);
        let both = Arguments::parse(&[c"debug", c"config=/a/b=c.toml"]).unwrap();
        assert_eq!(both.config.as_path().to_str(), Some("/a/b=c.toml"));
        assert!(both.debug);
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for wrong in [
            &[c"debugg"] as &[&CStr],
            &[c"debug=1"],
            &[c"config"],
            &[c"config="],
            &[c"config=rel.toml"],
            &[c"config=/a", c"config=/b"],
            &[c"nullok"],
            &[c""],
            &[c"\xff"],
        ] {
            assert!(Arguments::parse(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
