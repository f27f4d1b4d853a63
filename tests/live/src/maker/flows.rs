//! Flows: their stages, policies and bindings.

use serde_json::{Value, json};

use super::{Maker, MakerError};
use crate::plan;

impl Maker<'_> {
    fn stage(&mut self, key: &str) -> Result<Value, MakerError> {
        let Some((path, mut fields)) = plan::stage(key) else {
            return Err(format!("there is no stage {key:?}").into());
        };
        self.point(&mut fields)?;
        self.object(path, key, fields)
    }

    /// Replaces `@kind:key` by ids.
    fn point(&mut self, value: &mut Value) -> Result<(), MakerError> {
        match value {
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.point(item)),
            Value::Object(fields) => fields.values_mut().try_for_each(|item| self.point(item)),
            Value::String(text) => {
                let Some((kind, key)) = text.strip_prefix('@').and_then(|t| t.split_once(':'))
                else {
                    return Ok(());
                };
                let key = key.to_owned();
                *value = match kind {
                    "stage" => self.stage(&key)?,
                    "policy" => self.policy(&key)?,
                    "connector" => self.connector()?,
                    _ => {
                        let fields = plan::prompt(&key);
                        let fields = fields.ok_or_else(|| format!("there is no field {key:?}"))?;
                        self.object("stages/prompt/prompts", &key, fields)?
                    }
                };
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn policy(&mut self, key: &str) -> Result<Value, MakerError> {
        if key == "length" {
            let fields = json!({
                "password_field": "password",
                "length_min": 12,
                "error_message": "The password is too short.",
            });
            return self.object("policies/password", key, fields);
        }
        let text = plan::expression(key).ok_or_else(|| format!("there is no policy {key:?}"))?;
        let text = self.fill(&text)?;
        self.object("policies/expression", key, json!({"expression": text}))
    }

    /// Binds a policy, a group or a user to an object.
    pub(super) fn bind(
        &mut self,
        what: (&str, Value),
        to: (&str, &Value),
        order: usize,
    ) -> Result<(), MakerError> {
        let (field, id) = what;
        let (place, target) = to;
        let (field, negate) = match field.strip_prefix('!') {
            Some(field) => (field, true),
            None => (field, false),
        };
        let fields = json!({
            field: id,
            "target": target,
            "order": order,
            "negate": negate,
            "enabled": true,
            "timeout": 30,
        });
        self.object("policies/bindings", &format!("{place} {order}"), fields)
            .map(drop)
    }

    pub(super) fn flow(&mut self, key: &str) -> Result<Value, MakerError> {
        if let Some(id) = self.made.get(&format!("whole flow {key}")) {
            return Ok(id.clone());
        }
        let found = plan::FLOWS.iter().find(|(name, ..)| *name == key);
        let Some((_, special, stages)) = found else {
            return Err(format!("there is no flow {key:?}").into());
        };
        let value = |word: &str| {
            let mut words = special.split_whitespace();
            words.find_map(|found| found.strip_prefix(word))
        };
        let fields = json!({
            "title": format!("Test {key}"),
            "designation": value("for=").unwrap_or("authentication"),
            "authentication": value("auth=").unwrap_or("none"),
            "denied_action": value("denied=").unwrap_or("message"),
            "policy_engine_mode": value("engine=").unwrap_or("any"),
        });
        let id = self.object("flows/instances", key, fields)?;
        let policies = special
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("if="));
        for (order, policy) in policies.enumerate() {
            let policy = self.policy(policy)?;
            self.bind(("policy", policy), (&format!("flow {key}"), &id), order)?;
        }
        for (order, word) in stages.split_whitespace().enumerate() {
            self.bind_stage(key, &id, word, order)?;
        }
        self.made.insert(format!("whole flow {key}"), id.clone());
        Ok(id)
    }

    fn bind_stage(
        &mut self,
        flow: &str,
        id: &Value,
        word: &str,
        order: usize,
    ) -> Result<(), MakerError> {
        let end = word.find(['?', '!', '/']).unwrap_or(word.len());
        let (stage, more) = word.split_at(end);
        let stage = self.stage(stage)?;
        let action = if more == "/restart" {
            "restart"
        } else {
            "retry"
        };
        let fields = json!({
            "target": id,
            "stage": stage,
            "order": order,
            "evaluate_on_plan": false,
            "re_evaluate_policies": true,
            "invalid_response_action": action,
        });
        let place = format!("{flow} {order}");
        let binding = self.object("flows/bindings", &place, fields)?;
        let policy = match more.split_at(more.len().min(1)) {
            ("?", policy) => Some(("policy", policy)),
            ("!", policy) => Some(("!policy", policy)),
            _ => None,
        };
        if let Some((field, policy)) = policy {
            let policy = self.policy(policy)?;
            self.bind((field, policy), (&format!("stage {place}"), &binding), 0)?;
        }
        Ok(())
    }
}
