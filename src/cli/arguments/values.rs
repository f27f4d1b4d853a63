//! What the values of options may be.

use std::time::Duration;

use pam_authentik_flow::config::{ServerUrl, Slug};

/// An address of authentik, and the flow that it shows.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) url: ServerUrl,
    pub(crate) flow: Option<Slug>,
}

/// An address as people have it: of the server, or what the browser shows of it.
///
/// # Errors
/// What is wrong with it, and what to write.
pub(crate) fn address(text: &str) -> Result<Address, String> {
    let text = text.trim();
    let Some((server, rest)) = text.split_once("/if/") else {
        let url = ServerUrl::parse(text)?;
        return Ok(Address { url, flow: None });
    };
    let url = ServerUrl::parse(server)?;
    let slug = rest.strip_prefix("flow/").unwrap_or_default();
    let slug = slug.split(['/', '?', '#']).next().unwrap_or_default();
    let flow = Slug::parse(slug).ok();
    Ok(Address { url, flow })
}

/// A name that a file in `/etc/pam.d` can have: never a way out of it.
pub(super) fn service_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.@+".contains(c);
    if text.is_empty() || text.starts_with('.') || !text.chars().all(plain) {
        return Err("write the name of a file in /etc/pam.d, in lower case".into());
    }
    Ok(text.into())
}

/// A name that an account can have, and so the name of its file.
pub(super) fn bound_name(text: &str) -> Result<String, String> {
    match pam_authentik_flow::host::impossible_name(text.as_bytes()) {
        Some(reason) => Err(format!("no account can have this name: {reason}")),
        None => Ok(text.into()),
    }
}

/// A name that people see in authentik.
pub(super) fn device_name(text: &str) -> Result<String, String> {
    let is_shown = text.chars().all(|c| !c.is_control());
    match (1..=128).contains(&text.len()) && text.trim() == text && is_shown {
        true => Ok(text.into()),
        false => Err("a name has 1 to 128 bytes, without a space at either end".into()),
    }
}

/// A time such as `90s`, `10m` or `1h`.
pub(super) fn patience(text: &str) -> Result<Duration, String> {
    let (number, seconds) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) if text.ends_with('m') => (number, 60),
        Some(number) if text.ends_with('h') => (number, 3600),
        Some(number) => (number, 1),
        None => return Err("write a number with s, m or h, such as 10m".into()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "write a number with s, m or h, such as 10m")?;
    let time = number.saturating_mul(seconds);
    match (5..=86_400).contains(&time) {
        true => Ok(Duration::from_secs(time)),
        false => Err("the time must be between 5s and 24h".into()),
    }
}

/// A name that can stand in a list of pam_succeed_if, colons between.
pub(super) fn account_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(plain) {
        return Err("an account name has only letters, digits and -_.@".into());
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_browser_is_understood() {
        for (text, url, flow) in [
            ("https://a.example", "https://a.example", None),
            (
                "https://a.example/if/flow/linux-login/?next=%2F",
                "https://a.example",
                Some("linux-login"),
            ),
            (
                "https://a.example:8443/idp/if/flow/x#y",
                "https://a.example:8443/idp",
                Some("x"),
            ),
            (
                "https://a.example/if/admin/#/core",
                "https://a.example",
                None,
            ),
            ("https://a.example/if/user/", "https://a.example", None),
        ] {
            let read = address(text).unwrap();
            assert_eq!(read.url.to_string(), url, "{text}");
            assert_eq!(read.flow.as_ref().map(Slug::as_str), flow, "{text}");
        }
        for wrong in ["a.example", "http://a.example", "https://", ""] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_has_a_unit_and_bounds() {
        for (text, seconds) in [
            ("5s", Some(5)),
            ("10m", Some(600)),
            ("24h", Some(86_400)),
            ("10", None),
            ("4s", None),
            ("25h", None),
            ("m", None),
            ("-1m", None),
            ("99999999999999999999h", None),
            ("18446744073709551615h", None),
        ] {
            let read = patience(text).ok().map(|time| time.as_secs());
            assert_eq!(read, seconds, "{text}");
        }
    }

    #[test]
    fn no_service_leads_out_of_its_folder() {
        for name in ["", "..", "../x", "/etc/passwd", ".hidden", "a b", "SSHD"] {
            assert!(service_name(name).is_err(), "{name}");
        }
        assert!(service_name("sudo-i").is_ok() && service_name("systemd-user").is_ok());
    }
}
