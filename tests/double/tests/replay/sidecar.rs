//! `replay.toml`: information that a recording does not contain.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// The whole file.
#[derive(Debug, Default)]
pub(crate) struct Sidecar {
    setups: BTreeMap<String, Setup>,
    /// Recordings that need no further information.
    plain: Vec<String>,
    /// Flows that the double's world lacks, each with its stages in a few words.
    pub(crate) flows: BTreeMap<String, Vec<String>>,
    /// Users that the world lacks, or that differ, each in a few words.
    pub(crate) people: BTreeMap<String, Vec<String>>,
    /// Groups that it lacks, parents first.
    pub(crate) groups: Vec<String>,
    /// Applications that the world lacks, each with the users who may use it.
    pub(crate) applications: BTreeMap<String, Vec<String>>,
    /// Recordings that cannot be replayed, and why.
    pub(crate) not_replayed: BTreeMap<String, String>,
}

/// What one recording needs.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    /// The user who is logged in at the start.
    pub(crate) login: Option<String>,
    /// Recorded without TLS, so cookies have other attributes.
    pub(crate) http: bool,
    /// Headers of every request.
    pub(crate) headers: BTreeMap<String, String>,
    /// Providers that did not answer.
    pub(crate) unreachable: Vec<String>,
    /// The members of groups.
    pub(crate) groups: BTreeMap<String, Vec<String>>,
    /// Users that differ in this recording only.
    pub(crate) people: BTreeMap<String, Vec<String>>,
    /// Flows that differ in this recording only.
    pub(crate) flows: BTreeMap<String, Vec<String>>,
    /// The user who typed a wrong code just before.
    pub(crate) wrong_code: Vec<String>,
    /// How many wrong passwords were tried for a name.
    pub(crate) wrong_passwords: BTreeMap<String, u32>,
    /// The user whose devices were used before.
    pub(crate) used: Vec<String>,
    /// The class of the used devices, if not all were used.
    pub(crate) used_only: Option<String>,
    /// The number of a user's first device.
    pub(crate) device_uid: BTreeMap<String, u32>,
    /// How long a flow's policy takes.
    pub(crate) pause_ms: BTreeMap<String, u64>,
    /// Anonymous requests per minute.
    pub(crate) anonymous_limit: Option<u32>,
    /// Keys whose values are not compared.
    pub(crate) ignore: Vec<String>,
    /// The ignored keys of this recording only.
    pub(crate) own_ignore: Vec<String>,
    /// The keys of `ignore` whose values have differed.
    pub(crate) differed: RefCell<BTreeSet<String>>,
    /// By the number of the request, counted from 0.
    pub(crate) steps: BTreeMap<String, StepSetup>,
}

impl Setup {
    pub(crate) fn used_class<'a>(&'a self, class: &'a str) -> &'a str {
        self.used_only.as_deref().unwrap_or(class)
    }
}

/// What one request needs.
#[derive(Debug, Default)]
pub(crate) struct StepSetup {
    pub(crate) new_client: bool,
    /// `dropped` or `garbage`.
    pub(crate) cookies: String,
    /// Uses the cookies from before an earlier request.
    pub(crate) cookies_of: Option<usize>,
    pub(crate) headers: BTreeMap<String, String>,
    /// Values of the body that differ between runs.
    pub(crate) set: BTreeMap<String, String>,
    /// Seconds to wait before the request.
    pub(crate) advance: u64,
    /// The fault: `close`, `bad-gateway`, `server-error`.
    pub(crate) fault: Option<String>,
    /// The body is sent as a form.
    pub(crate) form: bool,
    /// The user who is deactivated before it.
    pub(crate) deactivate: Option<String>,
    /// The user who logs in before it, with another client, and the flow.
    pub(crate) login: Option<(String, String)>,
    /// The user who got the link of the request by mail.
    pub(crate) link_of: Option<String>,
}

impl Sidecar {
    pub(crate) fn read(path: &Path) -> Sidecar {
        let text = std::fs::read_to_string(path).expect("replay.toml is readable");
        let value: Value = toml::from_str(&text).expect("replay.toml is TOML");
        let mut sidecar = Sidecar {
            plain: list(&value["plain"]),
            flows: lists(&value["flows"]),
            people: lists(&value["people"]),
            groups: list(&value["groups"]),
            applications: lists(&value["applications"]),
            not_replayed: texts(&value["not-replayed"]),
            ..Sidecar::default()
        };
        for (name, table) in value["recording"].as_object().into_iter().flatten() {
            sidecar.setups.insert(name.clone(), setup(table));
        }
        let everywhere = list(&value["ignore"]);
        for name in &sidecar.plain {
            if !sidecar.setups.contains_key(name) {
                sidecar.setups.insert(name.clone(), Setup::default());
            }
        }
        for setup in sidecar.setups.values_mut() {
            setup.ignore.extend(everywhere.iter().cloned());
        }
        sidecar
    }

    pub(crate) fn setup(&self, name: &str) -> Option<&Setup> {
        self.setups.get(name)
    }

    /// All names, including duplicates.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        let plain = self.plain.iter();
        let special = self.setups.keys().filter(|name| !self.plain.contains(name));
        plain.chain(special).chain(self.not_replayed.keys())
    }

    /// Recordings that are not listed, and entries without a recording.
    pub(crate) fn complaints(&self, recordings: &BTreeSet<String>) -> Vec<String> {
        let named: BTreeSet<String> = self.names().cloned().collect();
        let unnamed = recordings.difference(&named);
        let missing = named.difference(recordings);
        unnamed
            .map(|name| format!("{name}: replay.toml does not speak of this recording"))
            .chain(missing.map(|name| format!("{name}: replay.toml speaks of it, and it is gone")))
            .collect()
    }
}

fn setup(table: &Value) -> Setup {
    known(
        table,
        &[
            "login",
            "http",
            "headers",
            "unreachable",
            "groups",
            "people",
            "flows",
            "wrong_code",
            "wrong_passwords",
            "used",
            "used_only",
            "device_uid",
            "pause_ms",
            "anonymous_limit",
            "ignore",
            "step",
        ],
    );
    let number = |value: &Value| u32::try_from(value.as_u64().unwrap_or_default()).ok();
    Setup {
        login: table["login"].as_str().map(str::to_owned),
        http: table["http"].as_bool().unwrap_or_default(),
        headers: texts(&table["headers"]),
        unreachable: list(&table["unreachable"]),
        groups: lists(&table["groups"]),
        people: lists(&table["people"]),
        flows: lists(&table["flows"]),
        wrong_code: list(&table["wrong_code"]),
        wrong_passwords: entries(&table["wrong_passwords"])
            .filter_map(|(k, v)| Some((k.clone(), number(v)?)))
            .collect(),
        used: list(&table["used"]),
        used_only: table["used_only"].as_str().map(str::to_owned),
        device_uid: entries(&table["device_uid"])
            .filter_map(|(k, v)| Some((k.clone(), number(v)?)))
            .collect(),
        pause_ms: entries(&table["pause_ms"])
            .map(|(k, v)| (k.clone(), v.as_u64().unwrap_or_default()))
            .collect(),
        anonymous_limit: number(&table["anonymous_limit"]).filter(|limit| *limit > 0),
        ignore: list(&table["ignore"]),
        own_ignore: list(&table["ignore"]),
        differed: RefCell::default(),
        steps: entries(&table["step"])
            .map(|(k, v)| (k.clone(), step(v)))
            .collect(),
    }
}

fn step(table: &Value) -> StepSetup {
    known(
        table,
        &[
            "new_client",
            "cookies",
            "cookies_of",
            "headers",
            "set",
            "advance",
            "fault",
            "form",
            "deactivate",
            "login",
            "link_of",
        ],
    );
    StepSetup {
        new_client: table["new_client"].as_bool().unwrap_or_default(),
        cookies: table["cookies"].as_str().unwrap_or_default().to_owned(),
        cookies_of: table["cookies_of"]
            .as_u64()
            .and_then(|n| usize::try_from(n).ok()),
        headers: texts(&table["headers"]),
        set: texts(&table["set"]),
        advance: table["advance"].as_u64().unwrap_or_default(),
        fault: table["fault"].as_str().map(str::to_owned),
        form: table["form"].as_bool().unwrap_or_default(),
        deactivate: table["deactivate"].as_str().map(str::to_owned),
        login: table["login"].as_str().and_then(|text| {
            let (user, flow) = text.split_once(' ')?;
            Some((user.to_owned(), flow.to_owned()))
        }),
        link_of: table["link_of"].as_str().map(str::to_owned),
    }
}

fn known(table: &Value, keys: &[&str]) {
    for (key, _) in entries(table) {
        assert!(
            keys.contains(&key.as_str()),
            "replay.toml: no such key: {key}"
        );
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn list(value: &Value) -> Vec<String> {
    let values = value.as_array().into_iter().flatten();
    values
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn lists(value: &Value) -> BTreeMap<String, Vec<String>> {
    entries(value).map(|(k, v)| (k.clone(), list(v))).collect()
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    entries(value)
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
