//! sshd's effective settings, as `sshd -T` prints them.

use pam_authentik_flow::host::{FileKind, read_trusted_file};

use super::arguments::SshdConfig;
use super::programs;

/// The settings that hold for one user.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    user: String,
    pairs: Vec<(String, String)>,
}

impl Settings {
    /// Asks sshd for the settings of a login by `user` from this host.
    ///
    /// # Errors
    /// Why sshd cannot be asked.
    pub(crate) fn of(user: &str, config: &SshdConfig) -> Result<Self, String> {
        let connection = format!("user={user},host=localhost,addr=127.0.0.1");
        let mut arguments = vec!["-T", "-C", &connection];
        if let SshdConfig::File(path) = config {
            let path = path
                .to_str()
                .ok_or("the path of --sshd-config is not UTF-8")?;
            arguments.extend(["-f", path]);
        }
        let said = programs::ask("sshd", &arguments)?;
        if !said.succeeded {
            return Err(format!("sshd -T: {}", said.complaint));
        }
        Ok(Self::parse(user, &said.text))
    }

    fn parse(user: &str, text: &str) -> Self {
        let pairs = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(key, value)| (key.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self {
            user: user.into(),
            pairs,
        }
    }

    /// The value of a setting.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }

    fn is(&self, key: &str, value: &str) -> bool {
        self.get(key).is_some_and(|found| found == value)
    }

    /// The words of a setting that is printed once for each.
    fn list(&self, key: &str) -> Vec<&str> {
        let lines = self.pairs.iter().filter(|(known, _)| known == key);
        lines
            .flat_map(|(_, value)| value.split_whitespace())
            .collect()
    }

    /// Why sshd accepts no password from this user, whatever PAM says.
    pub(crate) fn keeps_out(&self, groups: &[String]) -> Option<String> {
        let user = self.user.as_str();
        let users = |key| self.list(key);
        let matches_user = |patterns: &[&str]| {
            patterns
                .iter()
                .any(|pattern| matches(of_user(pattern), user))
        };
        let matches_group = |patterns: &[&str]| {
            let one = |pattern: &&str| groups.iter().any(|group| matches(pattern, group));
            patterns.iter().any(one)
        };
        if matches_user(&users("denyusers")) {
            return Some("DenyUsers names them".into());
        }
        let allowed = users("allowusers");
        if !allowed.is_empty() && !matches_user(&allowed) {
            return Some("AllowUsers does not name them".into());
        }
        if matches_group(&users("denygroups")) {
            return Some("DenyGroups names a group of theirs".into());
        }
        let allowed = users("allowgroups");
        if !allowed.is_empty() && !matches_group(&allowed) {
            return Some("AllowGroups names no group of theirs".into());
        }
        if user == "root" && !self.is("permitrootlogin", "yes") {
            return Some(format!(
                "PermitRootLogin is {}",
                self.get("permitrootlogin").unwrap_or("unknown")
            ));
        }
        let by_password = self.takes_passwords() || self.asks();
        if !by_password {
            return Some(
                "PasswordAuthentication and KbdInteractiveAuthentication are both no".into(),
            );
        }
        self.ways_in().is_empty().then(|| {
            format!(
                "AuthenticationMethods is {}, and none of these asks for a password",
                self.list("authenticationmethods").join(" ")
            )
        })
    }

    /// The lists of methods of which each is enough and asks for a password.
    fn ways_in(&self) -> Vec<Vec<&str>> {
        let lists = self.list("authenticationmethods");
        let lists = match lists.as_slice() {
            // Any one method is enough.
            [] | ["any"] => vec!["password", "keyboard-interactive"],
            lists => lists.to_vec(),
        };
        let is_on = |method: &&str| match *method {
            "password" => self.takes_passwords(),
            "keyboard-interactive" => self.asks(),
            _ => false,
        };
        lists
            .into_iter()
            // A method can name its submethod: keyboard-interactive:pam.
            .map(|list| {
                list.split(',')
                    .map(|method| method.split(':').next().unwrap_or(method))
            })
            .map(Iterator::collect)
            .filter(|list: &Vec<&str>| list.iter().any(is_on))
            .collect()
    }

    /// What each way in by a password asks for beside it, if all of them do.
    pub(crate) fn asks_for_more(&self) -> Option<&str> {
        let mut first = None;
        for list in self.ways_in() {
            let is_more = |method: &&str| !["password", "keyboard-interactive"].contains(method);
            let more = list.into_iter().find(is_more)?;
            first = first.or(Some(more));
        }
        first
    }

    /// Whether keyboard-interactive is on.
    pub(crate) fn asks(&self) -> bool {
        self.is("kbdinteractiveauthentication", "yes")
            || self.is("challengeresponseauthentication", "yes")
    }

    /// Whether the `password` method is on.
    pub(crate) fn takes_passwords(&self) -> bool {
        self.is("passwordauthentication", "yes")
    }

    /// Settings that the module needs and that are different. `longest` is the longest
    /// time of a login in seconds.
    pub(crate) fn missing(&self, longest: u64) -> Vec<Missing> {
        let mut missing = Vec::new();
        let by_password = self.takes_passwords();
        if !self.is("usepam", "yes") {
            missing.push(Missing::wrong(
                "sshd does not use PAM: the module is never asked".to_owned(),
                "UsePAM yes".to_owned(),
            ));
        }
        if !self.asks() {
            missing.push(Missing {
                // A login that asks for a password alone still works.
                is_wrong: !by_password,
                what: "sshd cannot ask a second question: nobody with a second factor gets in"
                    .to_owned(),
                line: "KbdInteractiveAuthentication yes".to_owned(),
            });
        } else if by_password {
            missing.push(Missing::minor(
                "sshd also takes a password in one piece, which can answer no second question and shows no message".to_owned(),
                "PasswordAuthentication no".to_owned(),
            ));
        }
        let grace = self
            .get("logingracetime")
            .and_then(|text| text.parse().ok());
        // 0 is no limit.
        if grace.is_some_and(|grace: u64| grace > 0 && grace <= longest) {
            missing.push(Missing::wrong(
                format!(
                    "sshd hangs up after {} s, before login_timeout ({longest} s) is over",
                    grace.unwrap_or_default()
                ),
                format!("LoginGraceTime {}", longest.saturating_add(20)),
            ));
        }
        missing
    }
}

/// A setting that should be different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Whether logins fail because of it.
    pub(crate) is_wrong: bool,
    pub(crate) what: String,
    /// The line to write.
    pub(crate) line: String,
}

impl Missing {
    fn wrong(what: String, line: String) -> Self {
        Self {
            is_wrong: true,
            what,
            line,
        }
    }

    fn minor(what: String, line: String) -> Self {
        Self {
            is_wrong: false,
            what,
            line,
        }
    }
}

/// Makes the running sshd read its configuration again. Returns how.
///
/// # Errors
/// Why that failed.
pub(crate) fn reload(config: &SshdConfig) -> Result<String, String> {
    let own = matches!(config, SshdConfig::Own);
    if own && std::path::Path::new("/run/systemd/system").is_dir() {
        let is_active = |unit| {
            programs::ask("systemctl", &["is-active", unit]).is_ok_and(|said| said.succeeded)
        };
        for unit in ["ssh.service", "sshd.service"] {
            if is_active(unit) {
                let said = programs::ask("systemctl", &["reload", unit])?;
                return match said.succeeded {
                    true => Ok(format!("systemctl reload {unit}")),
                    false => Err(format!("systemctl reload {unit}: {}", said.complaint)),
                };
            }
        }
        for unit in ["ssh.socket", "sshd.socket"] {
            if is_active(unit) {
                return Ok(format!("{unit} starts an sshd for each connection"));
            }
        }
    }
    let settings = Settings::of("nobody", config)?;
    let path = settings.get("pidfile").unwrap_or("none");
    let path = std::path::Path::new(path);
    let bytes = read_trusted_file(path, FileKind::Configuration)
        .map_err(|fault| format!("{} {fault}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let process: i32 = text
        .trim()
        .parse()
        .map_err(|_| format!("{} names no process", path.display()))?;
    // The pid file may be stale, and the pid may belong to another process by now.
    let program = std::fs::read_link(format!("/proc/{process}/exe"))
        .map_err(|_| format!("the sshd of {} does not run", path.display()))?;
    if process < 2 || program.file_name().is_none_or(|name| name != "sshd") {
        return Err(format!("the process of {} is not sshd", path.display()));
    }
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(process),
        nix::sys::signal::Signal::SIGHUP,
    )
    .map_err(|error| format!("sshd, process {process}: {error}"))?;
    Ok(format!("SIGHUP to process {process}"))
}

/// The user part of a pattern, which may also name a host.
fn of_user(pattern: &str) -> &str {
    pattern.split('@').next().unwrap_or_default()
}

/// sshd's patterns: `*` matches any text, `?` one character; a pattern that starts with
/// `!` never matches here.
fn matches(pattern: &str, text: &str) -> bool {
    fn glob(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => {
                glob(rest, text)
                    || text
                        .split_first()
                        .is_some_and(|(_, text)| glob(pattern, text))
            }
            (Some((b'?', pattern)), Some((_, text))) => glob(pattern, text),
            (Some((a, pattern)), Some((b, text))) => a == b && glob(pattern, text),
            _ => false,
        }
    }
    !pattern.starts_with('!') && glob(pattern.as_bytes(), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "usepam yes\nlogingracetime 120\npermitrootlogin without-password\npasswordauthentication yes\nkbdinteractiveauthentication no\n";

    #[test]
    fn settings_are_judged_as_sshd_prints_them() {
        let of = |more: &str, user: &str| Settings::parse(user, &format!("{more}{DEBIAN}"));
        let groups = ["ops".to_owned()];
        assert_eq!(of("", "alice").keeps_out(&groups), None);
        assert!(of("", "root").keeps_out(&groups).is_some());
        for (line, kept_out) in [
            ("denyusers alice\n", true),
            ("denyusers al*\ndenyusers bob\n", true),
            ("allowusers bob\n", true),
            ("allowusers bob\nallowusers alice@10.0.0.*\n", false),
            ("allowgroups ops wheel\n", false),
            ("allowgroups wheel\n", true),
            ("denygroups o?s\n", true),
            ("passwordauthentication no\n", true),
            (
                "passwordauthentication no\nkbdinteractiveauthentication yes\n",
                false,
            ),
            ("authenticationmethods any\n", false),
            ("authenticationmethods publickey\n", true),
            ("authenticationmethods publickey hostbased\n", true),
            ("authenticationmethods publickey,password\n", false),
            ("authenticationmethods publickey password\n", false),
            // Keyboard-interactive is off.
            ("authenticationmethods keyboard-interactive:pam\n", true),
        ] {
            let found = of(line, "alice").keeps_out(&groups);
            assert_eq!(found.is_some(), kept_out, "{line}: {found:?}");
        }
        for (methods, more) in [
            ("any", None),
            ("publickey,password", Some("publickey")),
            ("publickey,password password", None),
            ("publickey", None),
        ] {
            let settings = of(&format!("authenticationmethods {methods}\n"), "alice");
            assert_eq!(settings.asks_for_more(), more, "{methods}");
        }
        let lines = |more: &str, longest| -> Vec<String> {
            let missing = of(more, "alice").missing(longest);
            missing.into_iter().map(|missing| missing.line).collect()
        };
        assert_eq!(lines("", 100), ["KbdInteractiveAuthentication yes"]);
        let asks = "kbdinteractiveauthentication yes\npasswordauthentication no\n";
        assert!(lines(asks, 100).is_empty());
        assert_eq!(lines(asks, 200), ["LoginGraceTime 220"]);
        assert_eq!(lines(&format!("{asks}usepam no\n"), 100), ["UsePAM yes"]);
    }
}
