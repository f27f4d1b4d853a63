//! Hosts that prove which one they are.

use serde_json::{Value, json};

use super::{Maker, MakerError};
use crate::api::ApiError;
use crate::clean::id_of;

impl Maker<'_> {
    /// A connector that signs its challenges, with a key that authentik has.
    pub(super) fn connector(&mut self) -> Result<Value, MakerError> {
        let pairs = self.api.get("crypto/certificatekeypairs/?has_key=true")?;
        let pair = pairs["results"][0]["pk"].clone();
        if pair.is_null() {
            return Err("authentik has no certificate with a key".to_owned().into());
        }
        let fields = json!({"challenge_key": pair});
        self.object("endpoints/agents/connectors", "agent", fields)
    }

    /// Enrols the host, as `authentik-flow enrol-host` does. Returns its token.
    pub(super) fn host(&mut self) -> Result<String, MakerError> {
        let connector = self.connector()?;
        let name = self.name("host");
        let fields = json!({"connector": connector, "expiring": false});
        let path = "endpoints/agents/enrollment_tokens";
        let enrolment = self.object(path, "enrolment", fields)?;
        let enrolment = format!("{path}/{}", enrolment.as_str().unwrap_or_default());
        let key = self.api.get(&format!("{enrolment}/view_key/"))?;
        let who = format!("Bearer {}", key["key"].as_str().unwrap_or_default());
        let place = "endpoints/devices";
        let number = self.ledger.will(place, Some(("name", &name)))?;
        let body = json!({"device_serial": name, "device_name": name});
        let path = "endpoints/agents/connectors";
        let answer = self.api.post_as(&who, &format!("{path}/enroll/"), &body);
        if let Err(ApiError::Refused { .. }) = &answer {
            self.ledger.refused(number)?;
        }
        // With it anybody could take the place of a host, so it goes at once.
        self.api.delete(&format!("{enrolment}/"))?;
        let secret = answer?["token"].as_str().unwrap_or_default().to_owned();
        let who = format!("Bearer+agent {secret}");
        let config = self.api.get_as(&who, &format!("{path}/agent_config/"))?;
        let device = json!({"device_uuid": config["device_id"]});
        self.ledger.made(number, &id_of(place, &device))?;
        Ok(secret)
    }
}
