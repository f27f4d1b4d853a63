//! The kinds of objects: their paths, the field that names them, and the fields that refer to
//! other objects.

/// One kind of object.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its path below `/api/v3/`.
    pub(super) path: &'static str,
    /// The field that stands in the path of one object.
    pub(super) id: &'static str,
    /// Whether its key is a number.
    pub(super) number: bool,
    /// The fields of which no two objects have the same value.
    pub(super) unique: &'static [&'static str],
    /// The parameters of its list that compare exactly, and the field that each compares.
    pub(super) filters: &'static [(&'static str, &'static str)],
    /// What the server calls it.
    pub(super) model: &'static str,
}

const fn kind(path: &'static str, model: &'static str) -> Kind {
    Kind {
        path,
        id: "pk",
        number: false,
        unique: &["name"],
        filters: &[("name", "name")],
        model,
    }
}

const fn binding(path: &'static str, model: &'static str) -> Kind {
    Kind {
        unique: &[],
        filters: &[],
        ..kind(path, model)
    }
}

/// A kind whose list ignores case in names.
const fn by_iexact(path: &'static str, number: bool, model: &'static str) -> Kind {
    Kind {
        number,
        filters: &[("name__iexact", "name")],
        ..kind(path, model)
    }
}

/// All kinds.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        number: true,
        unique: &["username"],
        filters: &[("username", "username")],
        ..kind("core/users", "User")
    },
    kind("core/groups", "Group"),
    Kind {
        id: "slug",
        unique: &["slug"],
        filters: &[("slug", "slug")],
        ..kind("core/applications", "Application")
    },
    Kind {
        id: "identifier",
        unique: &["identifier"],
        filters: &[("identifier", "identifier")],
        ..kind("core/tokens", "Token")
    },
    kind("rbac/roles", "Role"),
    Kind {
        id: "slug",
        unique: &["slug"],
        filters: &[("slug", "slug")],
        ..kind("flows/instances", "Flow")
    },
    binding("flows/bindings", "FlowStageBinding"),
    binding("policies/bindings", "PolicyBinding"),
    kind("policies/expression", "ExpressionPolicy"),
    kind("policies/password", "PasswordPolicy"),
    by_iexact("providers/ldap", true, "LDAPProvider"),
    by_iexact("outposts/instances", false, "Outpost"),
    kind("stages/identification", "IdentificationStage"),
    kind("stages/password", "PasswordStage"),
    kind("stages/user_login", "UserLoginStage"),
    kind("stages/user_logout", "UserLogoutStage"),
    kind("stages/user_write", "UserWriteStage"),
    kind(
        "stages/authenticator/validate",
        "AuthenticatorValidateStage",
    ),
    kind("stages/authenticator/totp", "AuthenticatorTOTPStage"),
    kind("stages/authenticator/static", "AuthenticatorStaticStage"),
    kind(
        "stages/authenticator/webauthn",
        "AuthenticatorWebAuthnStage",
    ),
    kind("stages/authenticator/duo", "AuthenticatorDuoStage"),
    kind("stages/consent", "ConsentStage"),
    kind("stages/prompt/prompts", "Prompt"),
    kind("stages/prompt/stages", "PromptStage"),
    kind("stages/deny", "DenyStage"),
    kind("stages/dummy", "DummyStage"),
    kind("stages/redirect", "RedirectStage"),
    kind("stages/captcha", "CaptchaStage"),
    kind("stages/endpoints", "EndpointStage"),
    Kind {
        id: "connector_uuid",
        ..kind("endpoints/agents/connectors", "AgentConnector")
    },
    Kind {
        id: "token_uuid",
        unique: &[],
        filters: &[("token_uuid", "token_uuid"), ("connector", "connector")],
        ..kind("endpoints/agents/enrollment_tokens", "EnrollmentToken")
    },
];

/// The kinds that a field may refer to, by the start of their paths. A field that is not listed
/// refers to nothing.
pub(super) fn targets(path: &str, field: &str) -> &'static [&'static str] {
    match (path, field) {
        ("flows/bindings", "target") => &["flows/instances"],
        ("policies/bindings", "target") => {
            &["flows/instances", "flows/bindings", "core/applications"]
        }
        ("flows/bindings", "stage") => &["stages/"],
        (_, "authorization_flow" | "invalidation_flow") => &["flows/instances"],
        (_, "password_stage") => &["stages/password"],
        (_, "captcha_stage") => &["stages/captcha"],
        (_, "connector") => &["endpoints/agents/connectors"],
        (_, "configuration_stages") => &["stages/authenticator/"],
        ("stages/prompt/stages", "fields") => &["stages/prompt/prompts"],
        (_, "validation_policies" | "policy") => &["policies/"],
        (_, "groups" | "parent" | "parents") | ("policies/bindings", "group") => &["core/groups"],
        (_, "roles") => &["rbac/roles"],
        (_, "user") => &["core/users"],
        (_, "providers") => &["providers/"],
        _ => &[],
    }
}

/// The kind whose list is at this path.
pub(super) fn of(path: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.path == path)
}

/// The kind and the id of one object's path.
pub(super) fn with_id<'a>(path: &[&'a str]) -> Option<(&'static Kind, &'a str)> {
    let (id, rest) = path.split_last()?;
    Some((of(&rest.join("/"))?, id))
}
