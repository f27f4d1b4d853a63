use pam_authentik_flow::config::ServerUrl;
use pam_authentik_flow::http::Redirect;
use pam_authentik_flow::http::{Cookies, judge_redirect};
use pam_authentik_flow::login_context::LoginContext;

use crate::unseen;

/// Headers from a server, one per line: cookies and the target of a redirect.
///
/// # Panics
/// If a cookie forges a header, or another place counts as the same.
pub fn wire(bytes: &[u8]) {
    let mut cookies = Cookies::default();
    for line in bytes.split(|&byte| byte == b'\n') {
        cookies.set(line);
    }
    if let Some(header) = cookies.header() {
        let header = header.to_str().expect("a header of ASCII");
        let pairs: Vec<&str> = header.split("; ").collect();
        assert!(pairs.len() <= 20, "{header}");
        let visible = |byte: u8| byte.is_ascii_graphic() && byte != b';';
        assert!(
            pairs.iter().all(|pair| pair.bytes().all(visible)),
            "{header}"
        );
        assert!(pairs.iter().all(|pair| pair.contains('=')), "{header}");
    }
    let path = "/api/v3/flows/executor/linux-login/?query=";
    for url in ["https://a.example", "https://a.example:9443/sso"] {
        let url = ServerUrl::parse(url).expect("an address");
        for line in bytes.split(|&byte| byte == b'\n') {
            let Ok(location) = std::str::from_utf8(line) else {
                continue;
            };
            match judge_redirect(&url, path, location) {
                Redirect::SamePlace => {
                    let asked = format!("{}{}", url.prefix(), path.trim_end_matches("?query="));
                    let place = location.strip_prefix(&url.origin()).unwrap_or(location);
                    let rest = place.strip_prefix(&asked);
                    let rest = rest.expect("the place that was asked");
                    assert!(
                        rest.is_empty() || rest.starts_with(['?', '#']),
                        "{location:?}"
                    );
                }
                Redirect::Elsewhere(to) => {
                    assert!(to.len() <= 120 && !to.chars().any(unseen), "{to:?}");
                }
            }
        }
    }
}

/// The values that the application passes for a login: service, host, user, rhost, tty and
/// ruser, one per line.
///
/// # Panics
/// If a value ends its parameter or starts another.
pub fn login_context(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split('\n').map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    let context = LoginContext {
        service: next(),
        host: next(),
        user: Some(next()),
        rhost: Some(next()),
        tty: Some(next()),
        ruser: Some(next()),
    };
    let query = context.query();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%=&".contains(c);
    assert!(query.chars().all(plain), "{query:?}");
    let names = ["service", "host", "user", "rhost", "tty", "ruser"];
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').expect("a name and a value");
        let name = name.strip_prefix("pam_").expect("a name of ours");
        assert!(names.contains(&name) && !value.contains('='), "{query:?}");
    }
    if let Some(address) = context.address() {
        assert!(!address.to_string().contains('%'));
    }
}
