//! `play.toml`: how the module plays each recording, or why it cannot.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Sidecar {
    /// The logins of each recording.
    pub(crate) play: BTreeMap<String, Vec<Play>>,
    /// Recordings that cannot be played, each with one of `reasons`.
    pub(crate) not_played: BTreeMap<String, String>,
    /// Why a recording cannot be played.
    reasons: BTreeMap<String, String>,
}

/// One login.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Play {
    #[serde(default = "alice")]
    pub(crate) user: String,
    /// The hidden answer at the first prompt, for the password.
    password: Option<String>,
    #[serde(default)]
    pub(crate) answers: Vec<Reply>,
    /// The password that an earlier module of the stack has left.
    pub(crate) stack: Option<String>,
    /// Lines of the configuration, and arguments of the module.
    #[serde(default)]
    pub(crate) config: Vec<String>,
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    /// Looks the user up as if they came with an SSH key, without a login.
    #[serde(default)]
    pub(crate) lookup: bool,
    /// After the login, the flow that changes the password runs in its session.
    #[serde(default)]
    pub(crate) changes_password: bool,
    /// Also lets in users who are not in `linux-admins`.
    #[serde(default)]
    pub(crate) anyone: bool,
    /// The request that the login begins with.
    #[serde(default)]
    pub(crate) first: usize,
    /// Requests that the module does not make.
    #[serde(default)]
    pub(crate) skip: BTreeSet<usize>,
    /// The values that the module sends instead of the recorded ones, by the request's number
    /// and the field: `5.code`.
    #[serde(default)]
    pub(crate) sends: BTreeMap<String, Value>,
    /// Fields that are sent back as the server last sent them.
    #[serde(default)]
    pub(crate) echo: BTreeSet<String>,
    /// The recording does not contain the owner of the session at the end.
    #[serde(default)]
    pub(crate) without_users_me: bool,
    /// The result code of PAM.
    pub(crate) code: String,
    /// A part of the log line of a login that failed.
    pub(crate) why: Option<String>,
}

/// The answer at one prompt.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    /// Typed without echo.
    pub(crate) hidden: Option<String>,
    /// Typed with echo.
    pub(crate) seen: Option<String>,
    /// The conversation ends at this prompt.
    #[serde(default)]
    pub(crate) gives_up: bool,
    /// A part of the text that is shown before it.
    pub(crate) at: Option<String>,
}

fn alice() -> String {
    "alice".into()
}

impl Play {
    /// All answers, in order.
    pub(crate) fn replies(&self) -> Vec<Reply> {
        let password = self.password.iter().map(|password| Reply {
            hidden: Some(password.clone()),
            seen: None,
            gives_up: false,
            at: Some("Password:".into()),
        });
        password.chain(self.answers.iter().cloned()).collect()
    }

    /// Whether the login ends because the recording ends.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.without_users_me || self.answers.iter().any(|reply| reply.gives_up)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.hidden, &self.seen) {
            (Some(typed), _) => write!(f, "{typed:?}, hidden"),
            (_, Some(typed)) => write!(f, "{typed:?}, seen"),
            _ => f.write_str("anything: gives up"),
        }
    }
}

impl Sidecar {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("play.toml is readable");
        toml::from_str(&text).unwrap_or_else(|error| panic!("play.toml: {error}"))
    }

    /// Why this recording is not played.
    pub(crate) fn reason(&self, name: &str) -> Option<&str> {
        let reason = self.not_played.get(name)?;
        self.reasons.get(reason).map(String::as_str)
    }

    /// Recordings that are in no list or in two, and entries without a recording.
    pub(crate) fn complaints(&self, recordings: &BTreeSet<&String>) -> Vec<String> {
        let played: BTreeSet<&String> = self.play.keys().collect();
        let not_played: BTreeSet<&String> = self.not_played.keys().collect();
        let named: BTreeSet<&String> = played.union(&not_played).copied().collect();
        let mut complaints = Vec::new();
        let mut say = |name: &str, what: &str| complaints.push(format!("{name}: {what}"));
        for name in recordings.difference(&named) {
            say(name, "play.toml does not speak of this recording");
        }
        for name in named.difference(recordings) {
            say(name, "play.toml speaks of it, and it is not there");
        }
        for name in played.intersection(&not_played) {
            say(name, "played and not played");
        }
        for (name, plays) in &self.play {
            if plays.is_empty() {
                say(name, "played, and not once");
            }
            for reply in plays.iter().flat_map(|play| &play.answers) {
                let kinds = [reply.hidden.is_some(), reply.seen.is_some(), reply.gives_up];
                if kinds.iter().filter(|kind| **kind).count() != 1 {
                    say(name, "an answer is hidden, or seen, or gives up");
                }
            }
        }
        for name in self.not_played.keys() {
            if self.reason(name).is_none() {
                say(name, "its reason is none of those in play.toml");
            }
        }
        complaints
    }
}
