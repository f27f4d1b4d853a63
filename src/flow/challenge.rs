//! The challenges that the flow executor sends.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use serde::Deserialize;
use serde::de::Deserializer;
use zeroize::Zeroizing;

use crate::fault::ServerFault;
use crate::json::{Object, is_present};
use crate::text;

/// One challenge: the component's name, the errors of the last answer, and the body, which
/// the component's stage reads itself.
pub struct Challenge {
    component: String,
    errors: Vec<FieldError>,
    ending: Ending,
    identity: String,
    body: Zeroizing<Vec<u8>>,
}

/// One error of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field, or `non_field_errors`; cleaned.
    pub field: String,
    /// The server's message in its language; cleaned.
    pub words: String,
    /// The error's code, which is the same in every language; cleaned.
    pub code: String,
}

/// Whether the challenge ends the flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// The flow continues: the stage waits for an answer.
    None,
    /// `xak-flow-redirect` at the end of the flow. It proves nothing.
    FinalRedirect,
    /// `xak-flow-redirect` from a redirect stage within the flow.
    RedirectStage,
    /// `xak-flow-redirect` from a flow that was denied, but whose *denied action* is
    /// *continue*, so that it redirects instead of saying so.
    DeniedWithContinue,
    /// `ak-stage-access-denied`, with its message, cleaned.
    AccessDenied(Option<String>),
    /// `ak-stage-flow-error`, with the request's id, cleaned.
    FlowError(Option<String>),
}

/// The longest name of a component, in bytes.
const MAX_NAME: usize = 64;
/// How many errors of one answer are read.
const MAX_ERRORS: usize = 16;
/// About how many bytes are kept to tell stages apart.
const MAX_IDENTITY: usize = 4096;
/// The longest text from the server that is kept, in bytes.
const MAX_WORDS: usize = 400;

#[derive(Deserialize)]
struct Envelope {
    component: Option<String>,
    #[serde(default)]
    response_errors: Option<BTreeMap<String, Vec<WireError>>>,
    #[serde(default, deserialize_with = "is_present")]
    flow_info: bool,
    #[serde(default, deserialize_with = "is_final")]
    final_redirect: FinalRedirect,
    error_message: Option<String>,
    request_id: Option<String>,
    error: Option<String>,
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
    fn ending(&mut self, component: &str) -> Ending {
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
    fn errors(&mut self) -> Vec<FieldError> {
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
    fn identity(self, component: &str, ending: &Ending) -> String {
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

impl Challenge {
    /// Reads the body of a response with status 200.
    ///
    /// # Errors
    /// [`ServerFault::UnexpectedAnswer`] if it is not a challenge: other JSON, a wrong type, a key
    /// that occurs twice.
    pub fn read(body: Zeroizing<Vec<u8>>) -> Result<Self, ServerFault> {
        let Object(mut envelope) =
            serde_json::from_slice::<Object<Envelope>>(&body).map_err(|e| no_challenge(&e))?;
        let Some(component) = envelope.component.take() else {
            return Err(match envelope.error {
                Some(error) => ServerFault::UnexpectedAnswer(format!(
                    "an error and no component in it: {:?}",
                    text::one_line(&error, MAX_WORDS)
                )),
                None => ServerFault::UnexpectedAnswer("no component in it".into()),
            });
        };
        if text::one_line(&component, MAX_NAME) != component {
            // After cleaning, it could be the name of another component.
            let problem = "its component has no name that could be one";
            return Err(ServerFault::UnexpectedAnswer(problem.into()));
        }
        let ending = envelope.ending(&component);
        let errors = envelope.errors();
        let identity = envelope.identity(&component, &ending);
        Ok(Self {
            component,
            errors,
            ending,
            identity,
            body,
        })
    }

    /// The component's name. It holds no character that would have to be cleaned.
    #[must_use]
    pub fn component(&self) -> &str {
        &self.component
    }

    /// The errors of the last answer to this stage.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The server's messages about the last answer, as one text.
    #[must_use]
    pub fn error_words(&self) -> Option<String> {
        let words: Vec<&str> = self
            .errors
            .iter()
            .map(|error| error.words.as_str())
            .filter(|words| !words.is_empty())
            .collect();
        (!words.is_empty()).then(|| text::for_person(&words.join(" "), MAX_WORDS))
    }

    /// The flow's title, cleaned.
    #[must_use]
    pub fn title(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Titled {
            flow_info: Info,
        }
        #[derive(Deserialize)]
        struct Info {
            title: String,
        }
        let titled: Titled = self.details().ok()?;
        let title = text::one_line(&titled.flow_info.title, 120);
        (!title.is_empty()).then_some(title)
    }

    /// The challenge in the type of its stage.
    ///
    /// # Errors
    /// [`ServerFault::UnexpectedAnswer`] if a field is missing or has the wrong type.
    pub fn details<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ServerFault> {
        serde_json::from_slice(&self.body).map_err(|error| no_challenge(&error))
    }

    pub(super) fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Whether this is the same stage of the flow as `other`, as far as a client can see.
    pub(super) fn is_same_stage(&self, other: &str) -> bool {
        self.identity == other
    }

    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// A digest that differs if two challenges differ in anything.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.body);
        hasher.finish()
    }
}

/// serde's message quotes the input. Only the kind and the place of the error are passed on.
fn no_challenge(error: &serde_json::Error) -> ServerFault {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "a field is missing, twice there, or of a wrong type",
        serde_json::error::Category::Eof => "it ends too early",
        _ => "it is not JSON",
    };
    ServerFault::UnexpectedAnswer(format!(
        "{kind} (line {}, column {})",
        error.line(),
        error.column()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Challenge, ServerFault> {
        Challenge::read(Zeroizing::new(body.as_bytes().to_vec()))
    }

    fn ending(body: &str) -> Ending {
        read(body).unwrap().ending
    }

    #[test]
    fn a_name_that_would_have_to_be_cleaned_is_no_components() {
        for name in ["ak-stage-password\\u0000", "ak-stage-\\u200bpassword", " x"] {
            let body = format!(r#"{{"component":"{name}"}}"#);
            assert!(
                matches!(read(&body).err(), Some(ServerFault::UnexpectedAnswer(_))),
                "{name}"
            );
        }
    }

    #[test]
    fn a_redirect_is_final_only_where_nothing_says_otherwise() {
        assert_eq!(
            ending(r#"{"component":"xak-flow-redirect","to":"/"}"#),
            Ending::FinalRedirect
        );
        for stage in [
            r#"{"component":"xak-flow-redirect","to":"/","flow_info":{}}"#,
            r#"{"component":"xak-flow-redirect","to":"/","flow_info":null}"#,
            r#"{"component":"xak-flow-redirect","to":"/","flow_info":{},"final_redirect":null}"#,
            r#"{"component":"xak-flow-redirect","to":"/","final_redirect":false,"flow_info":{}}"#,
        ] {
            assert_eq!(ending(stage), Ending::RedirectStage, "{stage}");
        }
        assert_eq!(
            ending(
                r#"{"component":"xak-flow-redirect","to":"/","final_redirect":true,"flow_info":{}}"#
            ),
            Ending::FinalRedirect
        );
        assert!(read(r#"{"component":"xak-flow-redirect","final_redirect":"true"}"#).is_err());
    }

    #[test]
    fn a_redirect_that_is_neither_final_nor_a_stages_is_a_denial() {
        for denied in [
            r#"{"component":"xak-flow-redirect","to":"/","final_redirect":null}"#,
            r#"{"component":"xak-flow-redirect","to":"/","final_redirect":false}"#,
        ] {
            assert_eq!(ending(denied), Ending::DeniedWithContinue, "{denied}");
        }
    }

    #[test]
    fn words_are_cleaned() {
        let denied = ending(
            "{\"component\":\"ak-stage-access-denied\",\"error_message\":\"\\u001b[1mNo\\u202e.\\nAsk.\"}",
        );
        assert_eq!(denied, Ending::AccessDenied(Some("[1mNo.\nAsk.".into())));
        let challenge = read(r#"{"component":"x","response_errors":{"a":[{"string":"One\u0007.","code":"c"}],"b":[{"string":"Two."}]}}"#).unwrap();
        assert_eq!(challenge.error_words().as_deref(), Some("One. Two."));
        assert_eq!(challenge.errors()[0].code, "c");
    }

    #[test]
    fn what_is_no_challenge_is_a_fault() {
        for body in [
            "",
            "[]",
            r#"["xak-flow-redirect",null,null,true]"#,
            "null",
            r#"{"error":"authentik starting"}"#,
            "{}",
            "<html>",
            r#"{"component":5}"#,
            r#"{"component":null}"#,
            r#"{"component":"a","component":"b"}"#,
            "{\"component\":\"\u{0}\"",
            r#"{"component":"x","response_errors":"y"}"#,
        ] {
            assert!(
                matches!(read(body).err(), Some(ServerFault::UnexpectedAnswer(_))),
                "{body}"
            );
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
