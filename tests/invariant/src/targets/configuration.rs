use std::ffi::{CStr, CString};

use pam_authentik_flow::config::{AccessRules, Arguments, Config};

use crate::unseen;

/// A configuration file, for three services.
///
/// # Panics
/// If a configuration without a required value is accepted, or if an error is not one line of
/// text.
pub fn configuration(bytes: &[u8]) {
    let none = Arguments::parse(&[]).expect("no arguments");
    for service in ["sshd", "sudo-i", "login"] {
        let config = match Config::from_bytes(bytes, service, &none) {
            Ok(config) => config,
            Err(error) => {
                one_line(&error.to_string());
                continue;
            }
        };
        assert!(config.url.origin().starts_with("https://"));
        assert!(!config.user.types.is_empty());
        assert!(!config.request_timeout.is_zero() && !config.login_timeout.is_zero());
        assert!((1..=10).contains(&config.prompt.attempts));
        match &config.access {
            AccessRules::Groups(groups) | AccessRules::GroupsAndApplication(groups, _) => {
                assert!(!groups.is_empty() && groups.iter().all(|name| !name.is_empty()));
            }
            AccessRules::Application(_) => {}
            // A missing value lets nobody in.
            AccessRules::AnyUser => {
                let text = String::from_utf8_lossy(bytes);
                assert!(text.contains("allow_any_user") || text.contains('\\'));
            }
        }
        let path = format!("/{}/", config.flow.as_str());
        assert!(!path.contains("..") && path.matches('/').count() == 2);
    }
}

/// The arguments of a line of a PAM stack, one per line.
///
/// # Panics
/// If a wrong argument is accepted.
pub fn arguments(bytes: &[u8]) {
    let arguments: Vec<CString> = bytes
        .split(|&byte| byte == b'\n')
        .filter_map(|argument| CString::new(argument).ok())
        .collect();
    let arguments: Vec<&CStr> = arguments.iter().map(CString::as_c_str).collect();
    match Arguments::parse(&arguments) {
        Ok(parsed) => {
            assert!(parsed.config.as_path().is_absolute());
            assert!(
                parsed
                    .url
                    .is_none_or(|url| url.origin().starts_with("https://"))
            );
        }
        Err(error) => one_line(&error.to_string()),
    }
}

fn one_line(text: &str) {
    assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
    assert!(!text.chars().any(unseen), "{text:?}");
}
