//! The challenges that the flow executor sends.

mod envelope;

use std::hash::{DefaultHasher, Hasher};

use serde::Deserialize;
use zeroize::Zeroizing;

use envelope::Envelope;

use crate::fault::ServerFault;
use crate::json::Object;
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
/// The longest text from the server that is kept, in bytes.
const MAX_WORDS: usize = 400;

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
                    "it has an error and no component: {:?}",
                    text::one_line(&error, MAX_WORDS)
                )),
                None => ServerFault::UnexpectedAnswer("it has no component".into()),
            });
        };
        if text::one_line(&component, MAX_NAME) != component {
            // After cleaning, it could be the name of another component.
            let problem = "the name of its component is not valid";
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

    /// Whether the flow ends with it, and not in a denial.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.ending == Ending::FinalRedirect
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
        serde_json::error::Category::Data => "a field is missing, repeated, or of a wrong type",
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
    fn a_component_name_with_control_characters_is_refused() {
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
    fn a_body_that_is_not_a_challenge_is_a_fault() {
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
