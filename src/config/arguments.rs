//! The arguments after the module's name in a PAM stack.

use std::ffi::CStr;

use super::error::{ConfigError, Place};
use super::url::ServerUrl;
use super::values::{AbsolutePath, Slug};

/// The file that is read if no argument names another.
const DEFAULT_FILE: &str = "/etc/security/pam_authentik_flow.toml";

/// The module's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// `config=PATH`: the configuration file.
    pub config: AbsolutePath,
    /// `url=`, instead of the file's.
    pub url: Option<ServerUrl>,
    /// `flow=`, instead of the file's.
    pub flow: Option<Slug>,
    /// `ca_file=`, instead of the file's.
    pub ca_file: Option<AbsolutePath>,
    /// Where the password comes from.
    pub first_pass: FirstPass,
    /// `use_authtok`: a new password comes only from an earlier module of the stack.
    pub use_authtok: bool,
    /// `nodelay`: libpam is not asked to wait after a failure.
    pub nodelay: bool,
    /// `debug`: more lines in the log, never a secret.
    pub debug: bool,
}

/// Where the password comes from: the person, or an earlier module of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstPass {
    /// The person is asked.
    Ask,
    /// `try_first_pass`: the stack's password once; if it is refused, or there is none,
    /// the person is asked.
    Try,
    /// `use_first_pass`: only the stack's password; the person is never asked for one.
    Use,
}

impl Arguments {
    /// Reads the arguments of one line of a PAM stack.
    ///
    /// # Errors
    /// An argument that is unknown, given twice, or without its value. An administrator
    /// could rely on an argument that was silently ignored.
    pub fn parse(arguments: &[&CStr]) -> Result<Self, ConfigError> {
        let mut seen = Vec::new();
        let mut parsed = Self {
            config: AbsolutePath::parse(DEFAULT_FILE).map_err(refused)?,
            url: None,
            flow: None,
            ca_file: None,
            first_pass: FirstPass::Ask,
            use_authtok: false,
            nodelay: false,
            debug: false,
        };
        for argument in arguments {
            let argument = argument
                .to_str()
                .map_err(|_| refused("an argument is not UTF-8".into()))?;
            let name = argument.split('=').next().unwrap_or_default();
            if seen.contains(&name) {
                return Err(refused(format!("{name} is given twice; leave one out")));
            }
            seen.push(name);
            let named = |problem: String| refused(format!("{name}: {problem}"));
            match argument.split_once('=') {
                Some(("config", path)) => {
                    parsed.config = AbsolutePath::parse(path).map_err(named)?
                }
                Some(("url", url)) => parsed.url = Some(ServerUrl::parse(url).map_err(named)?),
                Some(("flow", flow)) => parsed.flow = Some(Slug::parse(flow).map_err(named)?),
                Some(("ca_file", path)) => {
                    parsed.ca_file = Some(AbsolutePath::parse(path).map_err(named)?);
                }
                None if argument == "try_first_pass" || argument == "use_first_pass" => {
                    if parsed.first_pass != FirstPass::Ask {
                        return Err(refused(
                            "try_first_pass and use_first_pass contradict each other; leave one out".into(),
                        ));
                    }
                    let tries = argument == "try_first_pass";
                    parsed.first_pass = if tries {
                        FirstPass::Try
                    } else {
                        FirstPass::Use
                    };
                }
                None if argument == "use_authtok" => parsed.use_authtok = true,
                None if argument == "nodelay" => parsed.nodelay = true,
                None if argument == "debug" => parsed.debug = true,
                _ => {
                    return Err(refused(format!(
                        "{argument:?} is unknown; there are {KNOWN}"
                    )));
                }
            }
        }
        Ok(parsed)
    }
}

const KNOWN: &str = "config=PATH, url=, flow=, ca_file=PATH, try_first_pass, use_first_pass, use_authtok, nodelay and debug";

fn refused(problem: String) -> ConfigError {
    ConfigError::new(Place::Argument, problem)
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
        let all = Arguments::parse(&[
            c"url=https://a.example/x",
            c"flow=f",
            c"ca_file=/c",
            c"use_first_pass",
            c"nodelay",
        ])
        .unwrap();
        assert_eq!(all.url.unwrap().to_string(), "https://a.example/x");
        assert_eq!(all.flow.unwrap().as_str(), "f");
        assert_eq!(all.first_pass, FirstPass::Use);
        assert!(all.nodelay && !all.debug);
    }

    #[test]
    fn unknown_values_are_refused() {
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
            &[c"try_first_pass", c"use_first_pass"],
            &[c"url=http://a.example"],
            &[c"flow=a/b"],
            &[c"ca_file=ca.pem"],
            &[c"debug", c"debug"],
        ] {
            assert!(Arguments::parse(wrong).is_err(), "{wrong:?} was accepted");
        }
    }
}
