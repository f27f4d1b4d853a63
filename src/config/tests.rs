//! Valid and invalid configurations, as administrators write them.

use super::*;

pub(super) const LEAST: &str = "url = \"https://authentik.example.com\"\nflow = \"linux-login\"\n[access]\ngroups = [\"linux\"]\n";

fn load(text: &str, service: &str) -> Result<Config, ConfigError> {
    load_bytes(text.as_bytes(), service, &[])
}

fn load_bytes(bytes: &[u8], service: &str, arguments: &[&CStr]) -> Result<Config, ConfigError> {
    let arguments = [&[c"config=/f.toml"], arguments].concat();
    Config::from_bytes(bytes, service, &Arguments::parse(&arguments).unwrap())
}

fn error(text: &str) -> String {
    load(text, "sshd").unwrap_err().to_string()
}

#[test]
fn the_least_configuration_has_safe_defaults() {
    let config = load(LEAST, "sshd").unwrap();
    assert_eq!(config.connect_timeout, Duration::from_secs(5));
    assert_eq!(config.request_timeout, Duration::from_secs(30));
    assert_eq!(config.login_timeout, Duration::from_secs(100));
    assert_eq!(config.fail_delay, Duration::from_secs(2));
    assert_eq!(config.user.min_uid, 1000);
    assert!(!config.user.allow_root);
    assert!(config.user.require_account);
    assert!(config.user.ignore.is_empty());
    assert_eq!(config.access, AccessRules::Groups(vec!["linux".into()]));
    assert_eq!(config.prompt.password, "Password:");
    assert!(config.end_session);
    assert_eq!(
        config.invalidation_flow.as_str(),
        "default-invalidation-flow"
    );
    assert_eq!(config.account, None);
    assert_eq!(config.outpost_token, None);
    assert_eq!(config.password_flow, None);
    assert_eq!(config.ca_file, None);
}

#[test]
fn login_itself_hangs_up_after_a_minute() {
    assert_eq!(
        load(LEAST, "login").unwrap().login_timeout,
        Duration::from_secs(50)
    );
    let own = format!("login_timeout = \"20s\"\n{LEAST}");
    assert_eq!(
        load(&own, "login").unwrap().login_timeout,
        Duration::from_secs(20)
    );
}

#[test]
fn a_services_keys_lie_over_those_at_the_top() {
    let text = format!(
        "{LEAST}[services.sudo]\nflow = \"linux-sudo\"\n[services.sudo.access]\nallow_any_user = true\n[services.sudo.user]\nmin_uid = 500\n"
    );
    let sudo = load(&text, "sudo").unwrap();
    assert_eq!(sudo.flow.as_str(), "linux-sudo");
    assert_eq!(sudo.access, AccessRules::AnyUser);
    assert_eq!(sudo.user.min_uid, 500);
    let sshd = load(&text, "sshd").unwrap();
    assert_eq!(sshd.flow.as_str(), "linux-login");
    assert_eq!(sshd.access, AccessRules::Groups(vec!["linux".into()]));
}

#[test]
fn login_shells_follow_their_service() {
    let text = format!("{LEAST}[services.sudo]\nflow = \"strict\"\n");
    for (service, flow) in [
        ("sudo", "strict"),
        ("sudo-i", "strict"),
        ("sudo-x", "linux-login"),
        ("su-l", "linux-login"),
    ] {
        assert_eq!(
            load(&text, service).unwrap().flow.as_str(),
            flow,
            "{service}"
        );
    }
    let text = format!("{text}[services.sudo-i]\nflow = \"own\"\n");
    assert_eq!(load(&text, "sudo-i").unwrap().flow.as_str(), "own");
    // What sudo-i does not set itself is still that of sudo.
    let text = format!(
        "{LEAST}[services.sudo]\nflow = \"strict\"\n[services.sudo.access]\ngroups = [\"sudo\"]\n\
         [services.sudo.user]\nmin_uid = 7\nallow = [\"a\"]\n\
         [services.sudo-i.user]\nmin_uid = 8\n[services.su-l.prompt]\nstyle = \"short\"\n"
    );
    let shell = load(&text, "sudo-i").unwrap();
    assert_eq!(shell.flow.as_str(), "strict");
    assert_eq!(shell.access, AccessRules::Groups(vec!["sudo".into()]));
    assert_eq!(shell.user.min_uid, 8);
    assert_eq!(load(&text, "sudo").unwrap().user.min_uid, 7);
    assert_eq!(load(&text, "su-l").unwrap().flow.as_str(), "linux-login");
    let shown = error(&format!("{LEAST}[services.Sudo]\nflow = \"strict\"\n"));
    assert_eq!(
        shown,
        "/f.toml:5: services.Sudo: libpam knows only services in lower case; write [services.sudo]"
    );
}

#[test]
fn a_mistake_in_any_service_shows_in_every_service() {
    let text = format!("{LEAST}[services.sudo]\nflwo = \"x\"\n");
    assert_eq!(
        error(&text),
        "/f.toml:6: unknown key \"flwo\"; allowed here: url, flow, ca_file, client_cert, client_key, proxy, addresses, connect_timeout, request_timeout, login_timeout, push_timeout, fail_delay, end_session, invalidation_flow, user, access, account, outpost, host, password, prompt, second_factor, security_key"
    );
}

#[test]
fn errors_name_the_line_and_what_to_write() {
    for (text, line, part) in [
        (
            "url = \"https://a.example\"\nflwo = \"x\"\n",
            2,
            "unknown key \"flwo\"; allowed here: url, flow",
        ),
        (
            "url = \"http://a.example\"",
            1,
            "only https is used, never http; write url = ",
        ),
        ("\n\nurl = 5", 3, "expected a string"),
        (
            "connect_timeout = 5",
            1,
            "a duration in quotes, such as \"5s\"",
        ),
        ("connect_timeout = \"5\"", 1, "write a number and s or m"),
        ("login_timeout = \"0s\"", 1, "above zero"),
        ("flow = \"../x\"", 1, "no slug"),
        ("ca_file = \"ca.pem\"", 1, "write it in full"),
        ("[user]\nmin_uid = -1", 2, "-1"),
        ("[user]\nallow_root = \"yes\"", 2, "expected a boolean"),
        ("[user]\nignore = \"root\"", 2, "expected an array"),
        ("[acess]\n", 1, "unknown key \"acess\""),
        (
            "url = \"https://a.example\"\nurl = \"https://b.example\"",
            2,
            "duplicate key",
        ),
        ("url = ", 1, ""),
        ("proxy = \"https://p\"", 1, "write proxy = "),
        ("addresses = [\"localhost\"]", 1, "IP address"),
        ("[user]\nname = \"x\"", 2, "{user} exactly once"),
        ("[user]\ntypes = [\"human\"]", 2, "internal"),
        (
            "[services.sudo.services.x]\n",
            1,
            "unknown key \"services\"",
        ),
    ] {
        let shown = error(text);
        assert!(
            shown.starts_with(&format!("/f.toml:{line}: ")),
            "{text:?}: {shown}"
        );
        assert!(shown.contains(part), "{text:?}: {shown}");
        assert!(!shown.contains('\n'), "{shown}");
    }
}

#[test]
fn a_missing_part_is_named() {
    assert!(error("flow = \"x\"").contains("write url = "));
    assert!(error("url = \"https://a.example\"").contains("flow = \"linux-login\""));
    let head = "url = \"https://a.example\"\nflow = \"x\"\n";
    for access in [
        "",
        "[access]\n",
        "[access]\nallow_any_user = false\n",
        "[access]\ngroups = []\n",
        "[access]\ngroups = [\" \"]\n",
        "[access]\ngroups = [\"a\"]\nallow_any_user = true\n",
    ] {
        let shown = error(&format!("{head}{access}"));
        assert!(shown.contains("write groups = "), "{access:?}: {shown}");
    }
}

#[test]
fn bytes_that_are_not_text_are_refused_at_their_line() {
    let bytes = b"url = \"https://a.example\"\n# \xff\n";
    let error = load_bytes(bytes, "sshd", &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/f.toml:2: is not UTF-8; save the file as UTF-8"
    );
}

#[test]
fn contradicting_settings_are_refused() {
    for (head, part) in [
        ("client_cert = \"/c.pem\"", "belong together"),
        ("client_key = \"/c.pem\"", "belong together"),
        (
            "proxy = \"http://p:1\"\naddresses = [\"192.0.2.1\"]",
            "leave one out",
        ),
        ("prompt.attempts = 0", "from 1 to 10"),
        ("prompt.password = \" \"", "[prompt] password is empty"),
        ("user.types = []", "[user] types is empty"),
    ] {
        let shown = error(&format!("{head}\n{LEAST}"));
        assert!(shown.contains(part), "{head}: {shown}");
    }
}

#[test]
fn arguments_lie_over_the_file_and_its_services() {
    let text = format!("{LEAST}[services.sudo]\nflow = \"linux-sudo\"\n");
    let arguments: &[&CStr] = &[
        c"url=https://other.example",
        c"flow=mine",
        c"ca_file=/ca",
        c"nodelay",
        c"try_first_pass",
        c"debug",
    ];
    let config = load_bytes(text.as_bytes(), "sudo", arguments).unwrap();
    assert_eq!(config.url.host(), "other.example");
    assert_eq!(config.flow.as_str(), "mine");
    assert_eq!(config.ca_file.unwrap().as_path(), Path::new("/ca"));
    assert_eq!(config.fail_delay, Duration::ZERO);
    assert_eq!(config.first_pass, FirstPass::Try);
    assert!(config.debug);
}

#[test]
fn access_is_one_decision() {
    let head = "url = \"https://a.example\"\nflow = \"f\"\n";
    let rules = |access: &str| load(&format!("{head}[access]\n{access}"), "sshd");
    let slug = || Slug::parse("app").unwrap();
    let groups = || vec!["g".to_owned()];
    for (access, expected) in [
        ("groups = [\"g\"]", AccessRules::Groups(groups())),
        ("application = \"app\"", AccessRules::Application(slug())),
        (
            "application = \"app\"\ngroups = [\"g\"]\nallow_any_user = false",
            AccessRules::GroupsAndApplication(groups(), slug()),
        ),
        ("allow_any_user = true", AccessRules::AnyUser),
    ] {
        assert_eq!(rules(access).unwrap().access, expected, "{access}");
    }
    for wrong in [
        "",
        "allow_any_user = false",
        "groups = []",
        "groups = []\napplication = \"app\"",
        "application = \"\"",
        "application = \"a/../b\"",
        "application = \"app\"\nallow_any_user = true",
    ] {
        assert!(rules(wrong).is_err(), "{wrong:?} was accepted");
    }
    // A service with its own access rules replaces all of them.
    let both = format!("{LEAST}[services.sudo.access]\napplication = \"app\"\n");
    let sudo = load(&both, "sudo").unwrap().access;
    assert_eq!(sudo, AccessRules::Application(slug()));
}

#[test]
fn accounts_are_looked_up_for_the_listed_services() {
    let account = |more: &str, service: &str| {
        let text = format!("{LEAST}[account]\ntoken_file = \"/t\"\n{more}");
        load(&text, service).unwrap().account
    };
    let rules = account("", "sshd").unwrap();
    assert_eq!(rules.on_unavailable, Fallback::Deny);
    assert_eq!(rules.unknown, Fallback::Deny);
    for (more, service, asked) in [
        ("", "sshd", true),
        ("", "sudo", false),
        ("", "cron", false),
        ("services = [\"sudo\"]\n", "sudo", true),
        ("services = [\"sudo\"]\n", "sudo-i", true),
        ("services = [\"sudo\"]\n", "sshd", false),
    ] {
        assert_eq!(account(more, service).is_some(), asked, "{more} {service}");
    }
    // Each of them alone shows that somebody wanted accounts to be looked up.
    for key in [
        "services = [\"sshd\"]",
        "on_unavailable = \"ignore\"",
        "unknown = \"ignore\"",
    ] {
        let error = load(&format!("{LEAST}[account]\n{key}\n"), "sshd")
            .unwrap_err()
            .to_string();
        assert!(error.contains("no token_file"), "{key}: {error}");
    }
}

#[test]
fn accounts_are_bound_to_the_persons_of_one_server() {
    let bind = "[user]\nbind = \"uid\"\n";
    let other = "[services.sudo]\nurl = \"https://other.example\"\n";
    let same = "[services.sudo]\nurl = \"https://authentik.example.com/\"\n";
    let never = "[services.sudo.user]\nbind = \"never\"\n";
    let at_sudo = "[services.sudo.user]\nbind = \"uid\"\n";
    for text in [
        format!("{LEAST}{other}"),
        format!("{LEAST}{bind}"),
        format!("{LEAST}{bind}{same}"),
        format!("{LEAST}{bind}{other}{never}"),
        format!("{LEAST}{other}{at_sudo}"),
    ] {
        for service in ["sshd", "sudo"] {
            assert!(load(&text, service).is_ok(), "{text}");
        }
    }
    let third = "[services.su]\nurl = \"https://third.example\"\nuser.bind = \"uid\"\n";
    for text in [
        format!("{LEAST}{bind}{other}"),
        format!("{LEAST}{other}{at_sudo}{third}"),
    ] {
        for service in ["sshd", "sudo"] {
            let shown = load(&text, service).unwrap_err().to_string();
            assert!(shown.contains("needs one server"), "{shown}");
        }
    }
    // What the stack says counts for its services alone.
    let with = |text: &str, argument| load_bytes(text.as_bytes(), "sshd", &[argument]);
    let bound = format!("{LEAST}{bind}");
    let shown = with(&bound, c"url=https://other.example").unwrap_err();
    assert!(shown.to_string().contains("needs one server"), "{shown}");
    assert!(with(&bound, c"url=https://authentik.example.com").is_ok());
    assert!(with(LEAST, c"url=https://other.example").is_ok());
}

#[test]
fn a_service_has_its_own_style_of_questions() {
    use crate::display::PromptStyle;
    let text =
        format!("{LEAST}[prompt]\nstyle = \"full\"\n[services.sudo.prompt]\nstyle = \"short\"\n");
    let style = |text: &str, service: &str| load(text, service).unwrap().prompt.style;
    assert_eq!(style(LEAST, "sudo"), PromptStyle::Auto);
    assert_eq!(style(&text, "sshd"), PromptStyle::Full);
    assert_eq!(style(&text, "sudo-i"), PromptStyle::Short);
    assert!(load(&format!("{LEAST}[prompt]\nstyle = \"long\"\n"), "sshd").is_err());
}

const HOST: &str =
    "[host]\ntoken_file = \"/etc/security/authentik-host.token\"\nidentifier = \"a-host\"\n";

#[test]
fn a_host_proves_itself_with_both_keys_or_none() {
    assert_eq!(load(LEAST, "sshd").unwrap().host, None);
    let host = load(&format!("{LEAST}{HOST}"), "sshd")
        .unwrap()
        .host
        .unwrap();
    assert_eq!(host.identifier.as_str(), "a-host");
    assert_eq!(
        host.token_file.as_path(),
        Path::new("/etc/security/authentik-host.token")
    );
    for (rest, missing) in [
        ("[host]\ntoken_file = \"/t\"\n", "identifier"),
        ("[host]\nidentifier = \"i\"\n", "token_file"),
    ] {
        assert_eq!(
            error(&format!("{LEAST}{rest}")),
            format!(
                "/f.toml: [host] {missing} is missing, and token_file and identifier belong together; authentik-flow enrol-host writes both"
            )
        );
    }
    // A service's own token is still that of this host.
    let own = format!("{LEAST}{HOST}[services.sudo.host]\ntoken_file = \"/own\"\n");
    let sudo = load(&own, "sudo").unwrap().host.unwrap();
    assert_eq!(sudo.token_file.as_path(), Path::new("/own"));
    assert_eq!(sudo.identifier.as_str(), "a-host");
}

#[test]
fn an_identifier_is_printable_and_short() {
    let with = |identifier: &str| {
        let text = HOST.replace("a-host", identifier);
        load(&format!("{LEAST}{text}"), "sshd")
    };
    for identifier in ["x", "VMware-56 4d 11", "~", &"x".repeat(128)] {
        assert!(with(identifier).is_ok(), "{identifier}");
    }
    for identifier in [
        "",
        " ",
        "x ",
        " x",
        "ä",
        "a\\u0007b",
        "a\\tb",
        &"x".repeat(129),
    ] {
        let shown = with(identifier).unwrap_err().to_string();
        assert!(
            shown.contains("1 to 128 printable ASCII characters without a blank at either end"),
            "{shown}"
        );
    }
    for wrong in ["5", "[\"x\"]", "true"] {
        let text = HOST.replace("\"a-host\"", wrong);
        assert!(load(&format!("{LEAST}{text}"), "sshd").is_err(), "{wrong}");
    }
    assert!(load(&format!("{LEAST}{HOST}name = \"x\"\n"), "sshd").is_err());
}
