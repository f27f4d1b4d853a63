//! A configuration, and its meaning in simple terms.

use pam_authentik_flow::config::{Arguments, Config};

use crate::choices::Choices;

/// The user who logs in.
pub const USER: &str = "alice";
/// The group whose members may use the host.
pub const GROUP: &str = "linux-admins";
/// Its key.
pub const GROUP_PK: &str = "7cb3ed34-07b9-4aa3-afb1-d1ec626fa8e4";
/// The application.
pub const APPLICATION: &str = "linux";
/// The flow.
pub const FLOW: &str = "linux-login";
/// The address of authentik.
pub const SERVER: &str = "https://authentik.example.com";

/// The requirements for a login, as the author of the configuration means them.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The name that authentik must confirm.
    pub name: String,
    /// The types of account.
    pub types: &'static [&'static str],
    /// Whether membership of [`GROUP`] is required, and whether it is named by its key.
    pub group: Option<ByKey>,
    /// Whether [`APPLICATION`] must be open.
    pub application: bool,
    /// The configuration for it, including the prompts.
    pub text: String,
    /// The module's arguments.
    pub argument: Option<&'static str>,
}

/// Whether a group is named by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByKey {
    /// By its name.
    No,
    /// By its key.
    Yes,
}

impl Rules {
    /// Random rules. The first choice is only a group.
    #[must_use]
    pub fn choose(choices: &mut Choices<'_>) -> Self {
        let (access, group, application) = choices.one_of(&[
            ("groups = [\"linux-admins\"]", Some(ByKey::No), false),
            ("application = \"linux\"", None, true),
            (
                "groups = [\"linux-admins\"]\napplication = \"linux\"",
                Some(ByKey::No),
                true,
            ),
            (
                "groups = [\"7cb3ed34-07b9-4aa3-afb1-d1ec626fa8e4\"]",
                Some(ByKey::Yes),
                false,
            ),
            ("allow_any_user = true", None, false),
        ]);
        let (name_key, name) = choices.one_of(&[
            ("", USER),
            ("name = \"{user}@example.com\"\n", "alice@example.com"),
        ]);
        let (types_key, types): (&str, &'static [&'static str]) = choices.one_of(&[
            ("", &["internal"] as &[&str]),
            (
                "types = [\"internal\", \"external\"]\n",
                &["internal", "external"],
            ),
            ("types = [\"service_account\"]\n", &["service_account"]),
        ]);
        let prompt = choices.one_of(&[
            "",
            "code_separator = \",\"\n",
            "skip_redirects = true\n",
            "attempts = 1\n",
            "single = true\ncode_separator = \",\"\n",
            "second_factor = [\"duo\", \"totp\"]\n",
            "language = \"de\"\n",
        ]);
        let argument = choices.one_of(&[None, Some("try_first_pass"), Some("use_first_pass")]);
        Self {
            name: name.to_owned(),
            types,
            group,
            application,
            text: format!(
                "url = \"{SERVER}\"\nflow = \"{FLOW}\"\n[access]\n{access}\n[user]\n{name_key}{types_key}[prompt]\n{prompt}"
            ),
            argument,
        }
    }

    /// The configuration, read as the module reads it.
    #[must_use]
    pub fn config(&self) -> Config {
        let argument = self.argument.map(std::ffi::CString::new);
        let argument = argument.map(|argument| argument.expect("no NUL"));
        let arguments: Vec<_> = argument.iter().map(|a| a.as_c_str()).collect();
        let arguments = Arguments::parse(&arguments).expect("known arguments");
        Config::from_bytes(self.text.as_bytes(), "sshd", &arguments)
            .unwrap_or_else(|error| panic!("{error}\n{}", self.text))
    }
}
