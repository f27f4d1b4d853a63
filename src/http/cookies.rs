//! The cookies of one login at one server.
//!
//! This jar serves one origin for the time of one login. It needs only the name, the
//! value and whether the server deletes the cookie. A general cookie library would add
//! 0.3 MB of address parsing to every sshd, and would not wipe the values.

use std::time::Duration;

use ureq::http::HeaderValue;
use zeroize::Zeroizing;

/// The cookies that the server has set. They are wiped when dropped.
#[derive(Default)]
pub struct Cookies {
    jar: Vec<Cookie>,
}

struct Cookie {
    name: String,
    value: Zeroizing<String>,
}

/// authentik sets four cookies. A proxy in front of it may add its own, for example for
/// sticky sessions.
const MAX_COOKIES: usize = 20;
/// Browsers accept 4096 bytes for a name and its value.
const MAX_COOKIE_BYTES: usize = 4096;

impl Cookies {
    /// Stores the cookie of one `Set-Cookie` header. A cookie that no browser would
    /// accept is ignored.
    pub fn set(&mut self, header: &[u8]) {
        let Ok(header) = std::str::from_utf8(header) else {
            return;
        };
        let mut parts = header.split(';');
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let (name, value) = (name.trim(), value.trim());
        let token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        let octet = |byte: u8| byte.is_ascii_graphic() && byte != b';';
        if name.is_empty()
            || !name.bytes().all(token)
            || !value.bytes().all(octet)
            || name.len().saturating_add(value.len()) > MAX_COOKIE_BYTES
        {
            return;
        }
        self.jar.retain(|cookie| cookie.name != name);
        let taken_back = parts.any(|attribute| {
            attribute.split_once('=').is_some_and(|(key, value)| {
                key.trim().eq_ignore_ascii_case("max-age")
                    && value
                        .trim()
                        .parse::<i64>()
                        .is_ok_and(|seconds| seconds <= 0)
            })
        });
        if !taken_back && self.jar.len() < MAX_COOKIES {
            self.jar.push(Cookie {
                name: name.to_owned(),
                value: Zeroizing::new(value.to_owned()),
            });
        }
    }

    /// The value of the `Cookie` header, if there is anything to send.
    #[must_use]
    pub fn header(&self) -> Option<HeaderValue> {
        let room = self.jar.iter().fold(0_usize, |room, cookie| {
            room.saturating_add(cookie.name.len())
                .saturating_add(cookie.value.len())
                .saturating_add(3)
        });
        let mut line = Zeroizing::new(String::with_capacity(room));
        for cookie in &self.jar {
            if !line.is_empty() {
                line.push_str("; ");
            }
            line.push_str(&cookie.name);
            line.push('=');
            line.push_str(&cookie.value);
        }
        if line.is_empty() {
            return None;
        }
        let mut header = HeaderValue::from_str(&line).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// Adds a cookie that the server has set in another login.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.set(format!("{name}={value}").as_bytes());
    }

    /// The value of one cookie, to be sent in a header of its own, as CSRF needs.
    pub(super) fn value(&self, name: &str) -> Option<HeaderValue> {
        let cookie = self.jar.iter().find(|cookie| cookie.name == name)?;
        let mut header = HeaderValue::from_str(&cookie.value).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// For how long a server keeps the cookie `name`, by the values of an answer's
/// `Set-Cookie` headers: exactly one of them sets it, with exactly one `Max-Age` above 0.
pub(super) fn lifetime<'a>(
    headers: impl Iterator<Item = &'a HeaderValue>,
    name: &str,
) -> Option<Duration> {
    let mut found = headers
        .filter_map(|header| std::str::from_utf8(header.as_bytes()).ok())
        .filter_map(|header| header.split_once('='))
        .filter(|(own, _)| own.trim() == name);
    let (Some((_, rest)), None) = (found.next(), found.next()) else {
        return None;
    };
    let mut ages = rest
        .split(';')
        .skip(1)
        .filter_map(|attribute| attribute.split_once('='))
        .filter(|(key, _)| key.trim().eq_ignore_ascii_case("max-age"));
    let (Some((_, age)), None) = (ages.next(), ages.next()) else {
        return None;
    };
    let seconds = age.trim().parse().ok().filter(|seconds| *seconds > 0)?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(headers: &[&str]) -> String {
        let mut cookies = Cookies::default();
        for header in headers {
            cookies.set(header.as_bytes());
        }
        cookies
            .header()
            .map(|h| h.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    #[test]
    fn the_newest_value_counts_and_can_be_taken_back() {
        let session = "authentik_session=one; HttpOnly; Path=/; SameSite=None; Secure";
        assert_eq!(jar(&[session]), "authentik_session=one");
        assert_eq!(
            jar(&[session, "authentik_session=two; Path=/", "authentik_csrf=c"]),
            "authentik_session=two; authentik_csrf=c"
        );
        assert_eq!(
            jar(&[session, "authentik_session=\"\"; Max-Age=0; Path=/"]),
            ""
        );
        assert_eq!(jar(&[session, "authentik_session=x; max-age=-1"]), "");
    }

    #[test]
    fn a_lifetime_is_said_once_or_not_at_all() {
        let lifetime = |headers: &[&str]| {
            let headers: Vec<HeaderValue> = headers
                .iter()
                .map(|header| HeaderValue::from_str(header).unwrap())
                .collect();
            super::lifetime(headers.iter(), "s").map(|age| age.as_secs())
        };
        assert_eq!(lifetime(&["s=v; HttpOnly; Max-Age=59; Path=/"]), Some(59));
        assert_eq!(lifetime(&["t=v; Max-Age=9", "s=v; max-age = 59"]), Some(59));
        for headers in [
            &[][..],
            &["s=v; Path=/"],
            &["t=v; Max-Age=59"],
            &["s=v; Max-Age=0"],
            &["s=v; Max-Age=-1"],
            &["s=v; Max-Age=59s"],
            &["s=v; Max-Age="],
            &["s=v; Max-Age=59; Max-Age=9999"],
            &["s=v; Max-Age=59", "s=v"],
            &["s=Max-Age=59"],
            &["s=v; X-Max-Age=59"],
        ] {
            assert_eq!(lifetime(headers), None, "{headers:?}");
        }
    }

    #[test]
    fn nothing_forges_a_header() {
        for header in ["=x", "novalue", "a b=c", "a=b\r\nX: y", "a=\u{e4}", "a=b c"] {
            assert_eq!(jar(&[header]), "", "{header:?}");
        }
        assert_eq!(jar(&[&format!("a={}", "x".repeat(5000))]), "");
        let many: Vec<String> = (0..100).map(|n| format!("c{n}=x")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(jar(&many).matches('=').count(), MAX_COOKIES);
    }
}
