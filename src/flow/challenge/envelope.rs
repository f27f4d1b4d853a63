//! The fields of a challenge that every component may have: how the flow ends, the errors,
//! and what tells stages apart.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::Deserializer;

use super::{Ending, FieldError, MAX_WORDS};
use crate::json::is_present;
use crate::text;

/// How many errors of one answer are read.
const MAX_ERRORS: usize = 16;
/// About how many bytes are kept to tell stages apart.
const MAX_IDENTITY: usize = 4096;

#[derive(Deserialize)]
pub(super) struct Envelope {
    pub(super) component: Option<String>,
    #[serde(default)]
    response_errors: Option<BTreeMap<String, Vec<WireError>>>,
    #[serde(default, deserialize_with = "is_present")]
    flow_info: bool,
    #[serde(default, deserialize_with = "is_final")]
    final_redirect: FinalRedirect,
    error_message: Option<String>,
    request_id: Option<String>,
    pub(super) error: Option<String>,
    /// Tells apart two stages of one component: a dummy's name, a prompt's fields, the
    /// device classes, the object of a consent.
    name: Option<String>,
    /// The target of a redirect.
    to: Option<String>,
    fields: Option<Vec<FieldKey>>,
    device_challenges: Option<Vec<DeviceClass>>,
    header_text: Option<String>,
    permissions: Option<Vec<PermissionId>>,
}

/// The field that says whether a redirect is final, since 2026.2.5 and 2026.5.5.
#[derive(Clone, Copy, Default)]
enum FinalRedirect {
    #[default]
    Missing,
    Value(bool),
}

/// `null` does not mean "final".
fn is_final<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FinalRedirect, D::Error> {
    let said = Option::<bool>::deserialize(deserializer)?;
    Ok(FinalRedirect::Value(said.unwrap_or(false)))
}

#[derive(Deserialize)]
struct WireError {
    string: String,
    #[serde(default)]
    code: String,
}

#[derive(Deserialize)]
struct FieldKey {
    field_key: String,
}

#[derive(Deserialize)]
struct DeviceClass {
    device_class: String,
}

#[derive(Deserialize)]
struct PermissionId {
    id: String,
}

impl Envelope {
    /// Whether and how the flow ends with this challenge.
    pub(super) fn ending(&mut self, component: &str) -> Ending {
        match component {
            "xak-flow-redirect" => {
                // Older versions do not have the field. There the challenge of a redirect
                // stage carries flow_info, and the end of the flow does not. A flow that
                // was denied with *continue* is not final and carries no flow_info.
                match (self.final_redirect, self.flow_info) {
                    (FinalRedirect::Value(true), _) | (FinalRedirect::Missing, false) => {
                        Ending::FinalRedirect
                    }
                    (FinalRedirect::Value(false), false) => Ending::DeniedWithContinue,
                    (FinalRedirect::Value(false) | FinalRedirect::Missing, true) => {
                        Ending::RedirectStage
                    }
                }
            }
            "ak-stage-access-denied" => Ending::AccessDenied(
                self.error_message
                    .take()
                    .map(|words| text::for_person(&words, MAX_WORDS))
                    .filter(|words| !words.is_empty()),
            ),
            "ak-stage-flow-error" => {
                let request_id = self.request_id.take();
                Ending::FlowError(request_id.map(|id| text::one_line(&id, 64)))
            }
            _ => Ending::None,
        }
    }

    /// The errors of the last answer.
    pub(super) fn errors(&mut self) -> Vec<FieldError> {
        self.response_errors
            .take()
            .into_iter()
            .flatten()
            .flat_map(|(field, errors)| {
                errors.into_iter().map(move |error| FieldError {
                    field: text::one_line(&field, 64),
                    words: text::for_person(&error.string, MAX_WORDS),
                    code: text::one_line(&error.code, 64),
                })
            })
            .take(MAX_ERRORS)
            .collect()
    }

    /// What identifies this stage when it comes back with an error.
    pub(super) fn identity(self, component: &str, ending: &Ending) -> String {
        let mut identity = component.to_owned();
        if *ending == Ending::RedirectStage {
            // The end of the flow has the same component, and does not count as going back.
            identity.push_str("\nstage\n");
            identity.push_str(&text::one_line(
                self.to.as_deref().unwrap_or_default(),
                MAX_WORDS,
            ));
        }
        let fields = self.fields.into_iter().flatten();
        let permissions = self.permissions.into_iter().flatten();
        let devices = self.device_challenges.into_iter().flatten();
        // The device that was used last comes first, so the order may change.
        let mut classes: Vec<String> = devices.map(|device| device.device_class).collect();
        classes.sort_unstable();
        let parts = self
            .name
            .into_iter()
            .chain(fields.map(|field| field.field_key))
            .chain(classes)
            .chain(self.header_text)
            .chain(permissions.map(|permission| permission.id));
        for part in parts {
            if identity.len() > MAX_IDENTITY {
                break;
            }
            identity.push('\n');
            identity.push_str(&text::one_line(&part, MAX_WORDS));
        }
        identity
    }
}
