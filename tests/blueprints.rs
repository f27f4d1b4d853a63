//! The structure of the blueprints in `conf/blueprints/`: mistakes that authentik reports only
//! on import, or never.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may end like this"
)]

use std::collections::BTreeMap;
use std::path::Path;

use saphyr::{LoadableYamlNode, YamlOwned};

/// One entry of a blueprint.
struct Entry {
    model: String,
    id: Option<String>,
    state: Option<String>,
    identifiers: YamlOwned,
    attrs: YamlOwned,
}

impl Entry {
    /// The value of a key, which may be among the identifiers or the attributes.
    fn get(&self, key: &str) -> Option<&YamlOwned> {
        [&self.identifiers, &self.attrs]
            .into_iter()
            .find_map(|part| part.as_mapping_get(key))
    }

    fn text(&self, key: &str) -> &str {
        self.get(key).and_then(YamlOwned::as_str).unwrap_or("")
    }

    fn is(&self, key: &str, wanted: bool) -> bool {
        self.get(key).and_then(YamlOwned::as_bool) == Some(wanted)
    }

    /// The name that a `!KeyOf` uses for this entry.
    fn refers(&self, key: &str) -> String {
        let mut found = Vec::new();
        if let Some(value) = self.get(key) {
            references(value, &mut found);
        }
        found.pop().unwrap_or_default()
    }
}

/// Everything that `!KeyOf` names within a value.
fn references(value: &YamlOwned, into: &mut Vec<String>) {
    match value {
        YamlOwned::Tagged(tag, inner) => {
            if tag.suffix == "KeyOf" {
                into.push(inner.as_str().unwrap_or_default().to_owned());
            } else {
                assert_eq!(tag.suffix, "Find", "the blueprint has an unknown tag");
            }
        }
        YamlOwned::Mapping(map) => map.values().for_each(|part| references(part, into)),
        YamlOwned::Sequence(list) => list.iter().for_each(|part| references(part, into)),
        _ => {}
    }
}

fn blueprints() -> BTreeMap<String, Vec<Entry>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/blueprints");
    let mut found = BTreeMap::new();
    for file in std::fs::read_dir(directory).expect("conf/blueprints can be read") {
        let path = file.expect("conf/blueprints can be read").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let name = path.file_name().expect("a file has a name");
        let name = name.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a blueprint can be read");
        let mut documents =
            YamlOwned::load_from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(documents.len(), 1, "{name} is not exactly one document");
        let document = documents.pop().expect("there is one");
        let version = document
            .as_mapping_get("version")
            .and_then(YamlOwned::as_integer);
        assert_eq!(version, Some(1), "{name}: version");
        let entries = document.as_mapping_get("entries");
        let entries = entries
            .and_then(YamlOwned::as_sequence)
            .expect("a blueprint has entries");
        let read = entries.iter().map(|entry| {
            let text = |key: &str| {
                let value = entry.as_mapping_get(key).and_then(YamlOwned::as_str);
                value.map(ToOwned::to_owned)
            };
            let part = |key: &str| entry.as_mapping_get(key).cloned();
            Entry {
                model: text("model").expect("an entry has a model"),
                id: text("id"),
                state: text("state"),
                identifiers: part("identifiers").expect("an entry has identifiers"),
                attrs: part("attrs").expect("an entry has attributes"),
            }
        });
        found.insert(name, read.collect());
    }
    found
}

/// The stages of a flow in their order: the binding, and the stage itself.
fn stages<'a>(entries: &'a [Entry], flow: &str) -> Vec<(&'a Entry, &'a Entry)> {
    let mut bindings: Vec<&Entry> = entries
        .iter()
        .filter(|entry| {
            entry.model == "authentik_flows.flowstagebinding" && entry.refers("target") == flow
        })
        .collect();
    bindings.sort_by_key(|entry| entry.get("order").and_then(YamlOwned::as_integer));
    bindings
        .into_iter()
        .map(|binding| {
            let id = binding.refers("stage");
            let stage = entries
                .iter()
                .find(|entry| entry.id.as_deref() == Some(&id));
            (binding, stage.expect("a binding's stage is there"))
        })
        .collect()
}

fn flows(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries
        .iter()
        .filter(|entry| entry.model == "authentik_flows.flow")
}

#[test]
fn all_three_are_there() {
    let names: Vec<String> = blueprints().into_keys().collect();
    assert_eq!(
        names,
        ["linux-hosts.yaml", "linux-login.yaml", "linux-sudo.yaml"]
    );
}

#[test]
fn references_name_entries_further_up() {
    for (file, entries) in blueprints() {
        let mut seen: Vec<&str> = Vec::new();
        for entry in &entries {
            let mut named = Vec::new();
            references(&entry.identifiers, &mut named);
            references(&entry.attrs, &mut named);
            for name in named {
                assert!(
                    seen.contains(&name.as_str()),
                    "{file}: {} refers to {name}, which is not further up",
                    entry.model
                );
            }
            if let Some(id) = &entry.id {
                assert!(!seen.contains(&id.as_str()), "{file}: {id} appears twice");
                seen.push(id);
            }
        }
    }
}

#[test]
fn a_flow_logs_in_last_and_behind_every_question() {
    let mut count = 0_usize;
    for (file, entries) in blueprints() {
        for flow in flows(&entries) {
            let id = flow.id.as_deref().expect("a flow has an id");
            let stages = stages(&entries, id);
            let models: Vec<&str> = stages.iter().map(|(_, s)| s.model.as_str()).collect();
            assert_eq!(
                models,
                [
                    "authentik_stages_identification.identificationstage",
                    "authentik_stages_password.passwordstage",
                    "authentik_stages_authenticator_validate.authenticatorvalidatestage",
                    "authentik_stages_deny.denystage",
                    "authentik_stages_user_login.userloginstage",
                ],
                "{file}"
            );
            let orders: Vec<_> = stages
                .iter()
                .map(|(binding, _)| binding.get("order").and_then(YamlOwned::as_integer))
                .collect();
            assert!(
                orders.is_sorted_by(|a, b| a.is_some() && a < b),
                "{file}: two stages have the same order: {orders:?}"
            );
            count = count.saturating_add(1);
        }
    }
    assert_eq!(count, 2, "the test did not look at both flows");
}

#[test]
fn a_flow_is_closed_to_browsers_and_never_ends_well_when_denied() {
    for (file, entries) in blueprints() {
        for flow in flows(&entries) {
            assert_eq!(flow.text("authentication"), "require_outpost", "{file}");
            assert_eq!(flow.text("denied_action"), "message", "{file}");
            assert_eq!(flow.text("designation"), "authentication", "{file}");
            assert_eq!(flow.text("slug"), file.trim_end_matches(".yaml"), "{file}");
        }
    }
}

#[test]
fn stages_are_safe_for_hosts() {
    for (file, entries) in blueprints() {
        for entry in &entries {
            match entry.model.as_str() {
                "authentik_stages_user_login.userloginstage" => {
                    // passwd continues in the session of a login, and the module does not wait
                    // for the end of a session that ends by itself.
                    let lasts = match file.as_str() {
                        "linux-sudo.yaml" => "seconds=60",
                        _ => "minutes=5",
                    };
                    assert_eq!(entry.text("session_duration"), lasts, "{file}");
                    assert_eq!(entry.text("remember_me_offset"), "seconds=0", "{file}");
                }
                "authentik_stages_password.passwordstage" => {
                    let backends = format!("{:?}", entry.get("backends"));
                    assert!(backends.contains("InbuiltBackend"), "{file}: {backends}");
                    assert!(!backends.contains("TokenBackend"), "{file}: {backends}");
                }
                "authentik_stages_authenticator_validate.authenticatorvalidatestage" => {
                    assert_eq!(entry.text("last_auth_threshold"), "seconds=0", "{file}");
                    // A user whose devices are all excluded counts as a user without devices.
                    let classes = format!("{:?}", entry.get("device_classes"));
                    assert!(
                        entry.text("not_configured_action") == "deny"
                            || (entry.text("not_configured_action") == "skip"
                                && classes.contains("webauthn")),
                        "{file}: a person who has only a security key needs no second factor"
                    );
                }
                _ => {}
            }
        }
    }
}

#[test]
fn policies_are_asked_at_run_time_and_refuse_when_they_fail() {
    for (file, entries) in blueprints() {
        for entry in &entries {
            if entry.model == "authentik_flows.flowstagebinding" {
                assert!(entry.is("evaluate_on_plan", false), "{file}");
                assert!(entry.is("re_evaluate_policies", true), "{file}");
            }
            if entry.model == "authentik_policies.policybinding" {
                assert!(entry.is("enabled", true), "{file}");
                assert!(entry.is("negate", false), "{file}");
                let target = entry.refers("target");
                let bound = entries
                    .iter()
                    .find(|other| other.id.as_deref() == Some(&target))
                    .expect("what a policy is bound to is there");
                // A policy on a deny stage refuses with True, all others with False.
                let denies = bound.model == "authentik_flows.flowstagebinding"
                    && bound.refers("stage") == "deny";
                assert!(
                    entry.is("failure_result", denies),
                    "{file}: a policy that fails lets people in"
                );
                assert!(
                    denies || bound.model == "authentik_core.application",
                    "{file}: a policy bound to {} can skip it",
                    bound.model
                );
            }
            if entry.model == "authentik_policies_expression.expressionpolicy" {
                let code = entry.text("expression");
                assert!(code.contains("authentik/flows/get"), "{file}");
                // No value of the query may let somebody in by itself: the first rules are
                // those that refuse.
                let first = code.find("return True").expect("it refuses");
                let last = code.rfind("return False").expect("it ends");
                assert!(first < last, "{file}");
                assert_eq!(code.matches("return False").count(), 1, "{file}");
            }
        }
    }
}

#[test]
fn an_application_has_bindings_and_no_secret_is_written_down() {
    for (file, entries) in blueprints() {
        for entry in &entries {
            if entry.model == "authentik_core.application" {
                let id = entry.id.as_deref().expect("an application has an id");
                let bound = entries.iter().filter(|other| {
                    other.model == "authentik_policies.policybinding"
                        && other.refers("target") == id
                });
                assert!(bound.count() > 0, "{file}: {id} would be open to everybody");
            }
            if entry.model == "authentik_core.token" {
                assert!(entry.get("key").is_none(), "{file}: the file has a token");
                assert_eq!(entry.state.as_deref(), Some("created"), "{file}");
            }
            assert!(
                entry.get("password").is_none(),
                "{file}: the file has a password"
            );
            if entry.model == "authentik_core.group" {
                assert!(entry.is("is_superuser", false), "{file}");
            }
        }
    }
}
