//! Several files: the main one, and drop-ins beside it.

use super::tests::LEAST;
use super::*;

fn load_files(files: &[(&str, &str)], service: &str) -> Result<Config, String> {
    let files: Vec<(&Path, &[u8])> = files
        .iter()
        .map(|(path, text)| (Path::new(*path), text.as_bytes()))
        .collect();
    let arguments = Arguments::parse(&[c"config=/f.toml"]).unwrap();
    Config::from_files(&files, service, &arguments).map_err(|error| error.to_string())
}

#[test]
fn a_later_drop_in_outranks_an_earlier_one_key_by_key() {
    let config = load_files(
        &[
            ("/f.toml", LEAST),
            ("/f.d/10.toml", "flow = \"ten\"\nproxy = \"http://p:1\"\n[user]\nignore = [\"a\", \"b\"]\nmin_uid = 5\n"),
            ("/f.d/20.toml", "override = true\nflow = \"twenty\"\n[user]\nignore = [\"c\"]\n"),
        ],
        "sshd",
    )
    .unwrap();
    assert_eq!(config.flow.as_str(), "twenty");
    assert!(config.proxy.is_some());
    assert_eq!(
        config.user.ignore,
        ["c"],
        "a list of a later file is not the only one"
    );
    assert_eq!(config.user.min_uid, 5);
    assert_eq!(config.access, AccessRules::Groups(vec!["linux".into()]));
}

#[test]
fn a_services_keys_outrank_those_at_the_top_of_a_later_file() {
    let files = [
        ("/f.toml", LEAST),
        ("/f.d/10.toml", "[services.sudo]\nflow = \"linux-sudo\"\n"),
        (
            "/f.d/20.toml",
            "flow = \"twenty\"\n[services.sudo.user]\nmin_uid = 7\n",
        ),
    ];
    for (service, flow, min_uid) in [
        ("sudo", "linux-sudo", 7),
        ("sudo-i", "linux-sudo", 7),
        ("sshd", "twenty", 1000),
    ] {
        let config = load_files(&files, service).unwrap();
        assert_eq!(config.flow.as_str(), flow, "{service}");
        assert_eq!(config.user.min_uid, min_uid, "{service}");
    }
}

#[test]
fn two_files_that_decide_who_gets_in_are_refused() {
    let account = "[account]\ntoken_file = \"/t\"\n";
    let text = [LEAST, account].concat();
    for (first, second, key) in [
        ("", "[access]\nallow_any_user = true\n", "[access]"),
        // The application would be dropped.
        ("", "[access]\napplication = \"linux\"\n", "[access]"),
        (
            "[services.sshd.access]\ngroups = [\"a\"]\n",
            "[services.sshd.access]\ngroups = [\"b\"]\n",
            "[access]",
        ),
        (
            "[account]\non_unavailable = \"deny\"\n",
            "[account]\non_unavailable = \"ignore\"\n",
            "[account] on_unavailable",
        ),
        (
            "[account]\nunknown = \"ignore\"\n",
            "[account]\nunknown = \"ignore\"\n",
            "[account] unknown",
        ),
        (
            "[user]\nbind = \"uid\"\n",
            "[user]\nbind = \"never\"\n",
            "[user] bind",
        ),
        (
            "[services.sshd.user]\nmin_uid = 1000\n",
            "[services.sshd.user]\nmin_uid = 60000\n",
            "[user] min_uid",
        ),
        (
            "[account]\nservices = [\"sudo\"]\n",
            "[account]\nservices = [\"su\"]\n",
            "[account] services",
        ),
    ] {
        let load = |second: &str| {
            load_files(
                &[
                    ("/f.toml", &text),
                    ("/f.d/1.toml", first),
                    ("/f.d/2.toml", second),
                ],
                "sshd",
            )
        };
        let problem = load(second).unwrap_err();
        assert!(
            problem.starts_with(&format!("/f.d/2.toml: {key} is set by")),
            "{problem}"
        );
        let overriding = load(&format!("override = true\n{second}"));
        assert!(overriding.is_ok(), "{overriding:?}");
    }
    // A service may still decide for itself, in whatever file.
    let sudo = load_files(
        &[
            ("/f.toml", LEAST),
            (
                "/f.d/1.toml",
                "[services.sudo.access]\ngroups = [\"admins\"]\n",
            ),
        ],
        "sudo",
    );
    assert_eq!(
        sudo.unwrap().access,
        AccessRules::Groups(vec!["admins".into()])
    );
}

#[test]
fn a_wrong_drop_in_is_named_with_its_line() {
    for (text, wanted) in [
        ("url = 1\n", "/f.d/1.toml:1: "),
        (
            "\n[sevices.sudo]\n",
            "/f.d/1.toml:2: unknown key \"sevices\"",
        ),
        (
            "flow = \"a\"\n[services.su]\nurl = \"http://x\"\n",
            "/f.d/1.toml:3: ",
        ),
        ("override = \"yes\"\n", "/f.d/1.toml:1: expected a boolean"),
        (
            "client_cert = \"/c\"\n",
            "/f.toml: client_cert and client_key belong together",
        ),
    ] {
        let problem = load_files(&[("/f.toml", LEAST), ("/f.d/1.toml", text)], "sshd").unwrap_err();
        assert!(problem.starts_with(wanted), "{problem}");
    }
    let main = load_files(&[("/f.toml", &format!("override = true\n{LEAST}"))], "sshd");
    assert!(main.unwrap_err().contains("only in drop-ins"));
}

#[test]
fn accounts_are_bound_to_the_persons_of_one_server_in_all_files() {
    let bind = "[user]\nbind = \"uid\"\n";
    let other = "[services.sudo]\nurl = \"https://other.example\"\n";
    let never = "[services.sudo.user]\nbind = \"never\"\n";
    let at_login_shell = "[services.sudo-i.user]\nbind = \"uid\"\n";
    let files = |more: &str| {
        let least = format!("{LEAST}{bind}");
        load_files(&[("/f.toml", &least), ("/f.d/10.toml", more)], "sshd")
    };
    let shown = files(other).unwrap_err();
    assert!(shown.contains("needs one server"), "{shown}");
    assert!(files(&format!("{other}{never}")).is_ok());
    // sudo -i has the server of sudo.
    let shown = files(&format!("{other}{never}{at_login_shell}")).unwrap_err();
    assert!(shown.contains("needs one server"), "{shown}");
}
