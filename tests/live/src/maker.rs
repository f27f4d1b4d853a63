//! Creates the objects in the tables of `plan.rs` when they are first needed, and records each
//! in the ledger before it is created.

mod flows;
mod hosts;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::{Api, ApiError};
use crate::clean::{id_of, in_query};
use crate::interrupt;
use crate::ledger::Ledger;
use crate::plan;

/// How many times the token of an outpost is requested, once a second.
const OUTPOST_TRIES: u32 = 60;

/// Why an object is missing.
#[derive(Debug, Clone)]
pub(crate) enum MakerError {
    /// A signal has arrived.
    Interrupted,
    /// The server did not create it, or it is not in the tables.
    Failed(String),
}

impl From<String> for MakerError {
    fn from(words: String) -> MakerError {
        MakerError::Failed(words)
    }
}

impl From<ApiError> for MakerError {
    fn from(error: ApiError) -> MakerError {
        MakerError::Failed(error.to_string())
    }
}

/// Creates objects, each once.
pub(crate) struct Maker<'a> {
    api: &'a Api,
    ledger: &'a mut Ledger,
    /// The prefix of every name.
    prefix: String,
    /// The password of all users without their own.
    password: String,
    has_many_parents: bool,
    /// The ids of existing objects, by kind and key.
    made: BTreeMap<String, Value>,
    tokens: BTreeMap<String, String>,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(
        api: &'a Api,
        ledger: &'a mut Ledger,
        (prefix, password): (&str, &str),
        version: (u32, u32, u32),
    ) -> Maker<'a> {
        Maker {
            api,
            ledger,
            prefix: prefix.to_owned(),
            password: password.to_owned(),
            has_many_parents: version >= (2025, 12, 0),
            made: BTreeMap::new(),
            tokens: BTreeMap::new(),
        }
    }

    /// The name of an object.
    pub(crate) fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The password of a person.
    pub(crate) fn password(&self, key: &str) -> String {
        plan::special_password(key).unwrap_or_else(|| self.password.clone())
    }

    /// The server's clock, ahead of this one in seconds.
    pub(crate) fn ahead(&self) -> i64 {
        self.api.ahead()
    }

    /// Replaces `<kind:key>` in a text by the name, slug or uuid of the object.
    pub(crate) fn fill(&mut self, text: &str) -> Result<String, MakerError> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('<') {
            let (inside, after) = behind.split_once('>').unwrap_or((behind, ""));
            filled.push_str(before);
            let (kind, key) = inside.split_once(':').unwrap_or((inside, ""));
            match kind {
                "user" => self.person(key).map(drop)?,
                "group" => self.group(key).map(drop)?,
                "app" => self.application(key)?,
                "flow" => self.flow(key).map(drop)?,
                "host" => {}
                "uuid" => {
                    let uuid = self.group(key)?;
                    filled.push_str(uuid.as_str().unwrap_or_default());
                }
                _ => return Err(format!("{inside:?} stands for nothing").into()),
            }
            if kind != "uuid" {
                filled.push_str(&self.name(key));
            }
            rest = after;
        }
        Ok(filled + rest)
    }

    /// The slug of a flow.
    pub(crate) fn slug(&mut self, key: &str) -> Result<String, MakerError> {
        self.flow(key)?;
        Ok(self.name(key))
    }

    /// Creates an object of this kind with this key, or returns the existing one.
    fn object(&mut self, path: &str, key: &str, fields: Value) -> Result<Value, MakerError> {
        let place = format!("{path} {key}");
        if let Some(id) = self.made.get(&place) {
            return Ok(id.clone());
        }
        if interrupt::came() {
            return Err(MakerError::Interrupted);
        }
        let mut body = fields;
        let name = self.name(key);
        let field = match path {
            "core/users" => Some("username"),
            "core/tokens" => Some("identifier"),
            "flows/instances" | "core/applications" => Some("slug"),
            "flows/bindings" | "policies/bindings" | "endpoints/agents/enrollment_tokens" => None,
            _ => Some("name"),
        };
        if let Some(field) = field {
            body[field] = json!(name);
        }
        if !["core/tokens", "flows/bindings", "policies/bindings"].contains(&path) {
            body["name"] = json!(name);
        }
        let number = self
            .ledger
            .will(path, field.map(|field| (field, name.as_str())))?;
        let object = match self.api.post(&format!("{path}/"), &body) {
            Ok(object) => object,
            Err(error) => {
                if matches!(error, ApiError::Refused { .. }) {
                    self.ledger.refused(number)?;
                }
                return Err(error.into());
            }
        };
        self.ledger.made(number, &id_of(path, &object))?;
        let id = match path {
            "endpoints/agents/connectors" | "endpoints/agents/enrollment_tokens" => {
                json!(id_of(path, &object))
            }
            _ => object["pk"].clone(),
        };
        if id.is_null() || id == "null" {
            return Err(format!("POST {path}/: the answer has no id").into());
        }
        self.made.insert(place, id.clone());
        if path == "outposts/instances" {
            self.made.insert(
                "token of the outpost".to_owned(),
                object["token_identifier"].clone(),
            );
        }
        Ok(id)
    }

    fn group(&mut self, key: &str) -> Result<Value, MakerError> {
        let found = plan::GROUPS.iter().find(|(name, ..)| *name == key);
        let Some((_, parent, permissions)) = found else {
            return Err(format!("there is no group {key:?}").into());
        };
        let mut fields = json!({});
        if !parent.is_empty() {
            let parent = self.group(parent)?;
            match self.has_many_parents {
                true => fields["parents"] = json!([parent]),
                false => fields["parent"] = parent,
            }
        }
        if !permissions.is_empty() && !self.made.contains_key(&format!("core/groups {key}")) {
            let role = self.object("rbac/roles", key, json!({}))?;
            let role = role.as_str().unwrap_or_default();
            let path = format!("rbac/permissions/assigned_by_roles/{role}/assign/");
            self.api.post(&path, &json!({"permissions": permissions}))?;
            fields["roles"] = json!([role]);
        }
        self.object("core/groups", key, fields)
    }

    /// Creates a user with a password. Returns its number.
    pub(crate) fn person(&mut self, key: &str) -> Result<Value, MakerError> {
        if let Some(id) = self.made.get(&format!("core/users {key}")) {
            return Ok(id.clone());
        }
        let found = plan::PEOPLE.iter().find(|(name, ..)| *name == key);
        let Some((_, kind, groups)) = found else {
            return Err(format!("there is no person {key:?}").into());
        };
        let mut uuids = Vec::new();
        for group in *groups {
            uuids.push(self.group(group)?);
        }
        let fields = json!({
            "type": kind,
            "is_active": key != "off",
            "groups": uuids,
            "email": format!("{}@example.com", self.name(key)),
        });
        let id = self.object("core/users", key, fields)?;
        if *kind != "service_account" || key == "robot" {
            let password = self.password(key);
            let path = format!("core/users/{id}/set_password/");
            self.api.post(&path, &json!({"password": password}))?;
        }
        Ok(id)
    }

    fn application(&mut self, key: &str) -> Result<(), MakerError> {
        if self.made.contains_key(&format!("whole application {key}")) {
            return Ok(());
        }
        let found = plan::APPLICATIONS.iter().find(|(name, ..)| *name == key);
        let Some((_, mode, bindings)) = found else {
            return Err(format!("there is no application {key:?}").into());
        };
        let fields = json!({"policy_engine_mode": mode});
        let id = self.object("core/applications", key, fields)?;
        for (order, binding) in bindings.iter().enumerate() {
            let (kind, of) = binding.split_once(':').unwrap_or_default();
            let what = match kind {
                "group" => self.group(of)?,
                "user" => self.person(of)?,
                _ => self.policy(of)?,
            };
            self.bind((kind, what), (&format!("application {key}"), &id), order)?;
        }
        self.made.insert(format!("whole application {key}"), id);
        Ok(())
    }

    /// The secret of a token: `app:PERSON` for an app password, `api:PERSON`, `outpost`,
    /// `host`, or `bogus`, which authentik never issued.
    pub(crate) fn token(&mut self, what: &str) -> Result<String, MakerError> {
        if what == "bogus" {
            return Ok("0".repeat(60));
        }
        if let Some(secret) = self.tokens.get(what) {
            return Ok(secret.clone());
        }
        if what == "host" {
            let secret = self.host()?;
            self.tokens.insert(what.to_owned(), secret.clone());
            return Ok(secret);
        }
        let identifier = match what.split_once(':') {
            Some((intent, key)) => {
                let user = self.person(key)?;
                let intent = if intent == "app" {
                    "app_password"
                } else {
                    "api"
                };
                let name = format!("{intent}-{key}");
                let fields = json!({"intent": intent, "user": user, "expiring": false});
                self.object("core/tokens", &name, fields)?;
                self.name(&name)
            }
            None => self.outpost()?,
        };
        let path = format!("core/tokens/{identifier}/view_key/");
        let mut tries = 0;
        let answer = loop {
            tries += 1;
            match self.api.get(&path) {
                // A worker of authentik creates the outpost's token, a moment after the
                // outpost.
                Err(ApiError::Refused { status: 404, .. }) if tries < OUTPOST_TRIES => {
                    if interrupt::came() {
                        return Err(MakerError::Interrupted);
                    }
                    std::thread::sleep(Duration::from_secs(1));
                }
                answer => break answer?,
            }
        };
        let secret = answer["key"].as_str().unwrap_or_default().to_owned();
        self.tokens.insert(what.to_owned(), secret.clone());
        Ok(secret)
    }

    /// An outpost that nothing deploys. Returns the identifier of its token.
    fn outpost(&mut self) -> Result<String, MakerError> {
        let flow = self.flow("authorization")?;
        let logout = self.flow("logout")?;
        let fields = json!({"authorization_flow": flow, "invalidation_flow": logout});
        let provider = self.object("providers/ldap", "provider", fields)?;
        let settings = self.api.get("outposts/instances/default_settings/")?;
        let mut config = settings["config"].clone();
        config["authentik_host"] = json!(self.api.url());
        let fields = json!({
            "type": "ldap",
            "providers": [provider],
            "service_connection": null,
            "config": config,
        });
        self.object("outposts/instances", "outpost", fields)?;
        let identifier = self
            .made
            .get("token of the outpost")
            .and_then(Value::as_str);
        let identifier = identifier.ok_or_else(|| "the outpost has no token".to_owned())?;
        Ok(identifier.to_owned())
    }

    /// How many sessions a person has now.
    pub(crate) fn sessions(&self, name: &str) -> Result<u64, MakerError> {
        let path = format!(
            "core/authenticated_sessions/?user__username={}",
            in_query(name)
        );
        let list = self.api.get(&path)?;
        let count = list["pagination"]["count"].as_f64();
        let count = count.ok_or_else(|| format!("GET {path}: no count"))?;
        Ok(count as u64)
    }
}
