//! What a terminal cannot do of a flow.

use crate::security_key::NotHere;

/// Why a flow cannot go on here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// What only a browser can do.
    #[error("it needs a web browser")]
    Browser,
    /// A security key is the only second factor, or the one to be set up, and
    /// `[security_key]` switches those of this host off.
    #[error("a security key needs a web browser")]
    SecurityKey,
    /// A security key is the only second factor, and it is not proved that the person
    /// sits at this host.
    #[error("a security key of this host works only for a user who sits at it, and {0}")]
    KeyNotHere(NotHere),
    /// The credentials are for another relying party than the configuration says.
    #[error(
        "the security key is asked for the relying party {0:?}, which is not [security_key] rp_id"
    )]
    ForeignRelyingParty(String),
    /// Any passkey may answer, and the configuration does not say that one may.
    #[error("it asks for a passkey, and [security_key] passkey = true is not set")]
    Passkey,
    /// All that can be set up needs a browser.
    #[error("the second factors that can be set up need a web browser")]
    SetUpInBrowser,
    /// A redirect stage in mid-flow.
    #[error("a redirect stage sends people to a web page; [prompt] skip_redirects = true skips it")]
    RedirectStage,
    /// A source stage, which has people log in elsewhere.
    #[error("it sends people to a source, in a web browser")]
    Source,
    /// A redirect stage that leads into another flow.
    #[error("it leads into another flow, in a web browser: name that flow instead")]
    OtherFlow,
    /// The same challenge again, when it was answered.
    #[error("it does not move on when it is answered")]
    Stuck,
    /// No device of a class that can be used here, and nothing to set up.
    #[error("it offers no second factor that works at a terminal")]
    NoFactor,
    /// `[prompt] second_factor` leaves none of the person's devices.
    #[error("[prompt] second_factor allows none of the person's second factors")]
    FactorNotAllowed,
    /// A required field that takes a file.
    #[error("the required field {0:?} takes a file")]
    File(String),
    /// An invalidation flow instead of a login flow.
    #[error("it ends a session instead of beginning one: is `flow` an invalidation flow?")]
    EndsSession,
    /// A second prompt where `[prompt] single = true`.
    #[error(
        "it needs a second prompt, and [prompt] single = true allows only one: set [prompt] code_separator, or give this service a flow that asks once"
    )]
    SecondPrompt,
    /// A component, or a type of field, that this version does not know.
    #[error("it is unknown to this version of the module")]
    Unknown,
}
