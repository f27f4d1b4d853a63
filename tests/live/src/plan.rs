//! The objects that the logins need, as tables: stages, policies, flows, groups, users,
//! applications. Each is created when the first login needs it.

use serde_json::{Value, json};

/// The kind and the fields of a stage. `@stage`, `@policy` and `@prompt` with a key are
/// replaced by the id of that object.
pub(crate) fn stage(key: &str) -> Option<(&'static str, Value)> {
    let login = |fields: Value| Some(("stages/user_login", fields));
    let dummy = || Some(("stages/dummy", json!({})));
    let prompts = |fields: &[&str]| {
        let fields: Vec<String> = fields.iter().map(|key| format!("@prompt:{key}")).collect();
        Some(("stages/prompt/stages", json!({"fields": fields})))
    };
    let validate = |classes: &[&str], action: &str, set_up: &[&str]| {
        let set_up: Vec<String> = set_up.iter().map(|key| format!("@stage:{key}")).collect();
        let fields = json!({
            "device_classes": classes,
            "not_configured_action": action,
            "configuration_stages": set_up,
        });
        Some(("stages/authenticator/validate", fields))
    };
    let any = ["static", "totp", "webauthn"];
    match key {
        "ident" => ident(json!({})),
        "ident-email" => ident(json!({"user_fields": ["username", "email"]})),
        "ident-plain" => ident(json!({"pretend_user_exists": false})),
        "ident-password" => ident(json!({"password_stage": "@stage:password"})),
        "ident-captcha" => ident(json!({"captcha_stage": "@stage:captcha"})),
        "password" => password(5),
        "password-own" => Some((
            "stages/password",
            json!({"backends": ["authentik.core.auth.InbuiltBackend"]}),
        )),
        "password-once" => password(1),
        "login" => login(json!({})),
        "login-short" => login(json!({"session_duration": "seconds=30"})),
        "login-long" => login(json!({"session_duration": "hours=2"})),
        "login-remember" => login(json!({"remember_me_offset": "days=30"})),
        "login-bound" => login(json!({"network_binding": "bind_asn_network_ip"})),
        "logout" => Some(("stages/user_logout", json!({}))),
        "write" => Some((
            "stages/user_write",
            json!({"user_creation_mode": "never_create"}),
        )),
        "consent" => Some(("stages/consent", json!({"mode": "always_require"}))),
        "dummy" | "dummy2" | "dummy3" => dummy(),
        "error" => Some(("stages/dummy", json!({"throw_error": true}))),
        "deny" => Some(("stages/deny", json!({"deny_message": "Go away, please."}))),
        "deny-silent" => Some(("stages/deny", json!({}))),
        "redirect" => Some((
            "stages/redirect",
            json!({"mode": "static", "target_static": "https://example.com/"}),
        )),
        "host-optional" | "host-required" => Some((
            "stages/endpoints",
            json!({
                "connector": "@connector:agent",
                "mode": key.strip_prefix("host-"),
            }),
        )),
        "captcha" => Some((
            "stages/captcha",
            json!({"public_key": "none", "private_key": "none"}),
        )),
        "totp" => Some(("stages/authenticator/totp", json!({"digits": "6"}))),
        "static" => Some((
            "stages/authenticator/static",
            json!({"token_count": 6, "token_length": 12}),
        )),
        "webauthn" => Some(("stages/authenticator/webauthn", json!({}))),
        "mfa" => validate(&any, "deny", &[]),
        "mfa-skip" => validate(&any, "skip", &[]),
        "mfa-totp" => validate(&["totp"], "deny", &[]),
        "mfa-configure" => validate(&any, "configure", &["totp", "static"]),
        "mfa-configure-static" => validate(&any, "configure", &["static"]),
        "mfa-configure-key" => validate(&["webauthn"], "configure", &["webauthn"]),
        "form" => prompts(&["ticket", "reason", "minutes", "agree", "area", "note"]),
        "form-read" => prompts(&["shown", "hidden", "until"]),
        "form-mail" => prompts(&["mail"]),
        "form-number" => prompts(&["minutes"]),
        "form-secret" => prompts(&["secret"]),
        "change" => Some((
            "stages/prompt/stages",
            json!({
                "fields": ["@prompt:new", "@prompt:again"],
                "validation_policies": ["@policy:length"],
            }),
        )),
        _ => None,
    }
}

fn ident(more: Value) -> Option<(&'static str, Value)> {
    let mut fields = json!({"user_fields": ["username"], "case_insensitive_matching": true});
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    Some(("stages/identification", fields))
}

fn password(tries: u32) -> Option<(&'static str, Value)> {
    let fields = json!({
        "backends": ["authentik.core.auth.InbuiltBackend", "authentik.core.auth.TokenBackend"],
        "failed_attempts_before_cancel": tries,
    });
    Some(("stages/password", fields))
}

/// Key, type, label, and further properties of a field of a form.
pub(crate) fn prompt(key: &str) -> Option<Value> {
    let field = |name: &str, kind: &str, label: &str, order: u32| json!({"field_key": name, "type": kind, "label": label, "order": order, "required": true});
    let with = |mut field: Value, name: &str, value: Value| {
        field[name] = value;
        field
    };
    let optional = |prompt| with(prompt, "required", json!(false));
    let choice = |prompt| {
        let list = with(
            prompt,
            "placeholder",
            json!("return [\"network\", \"storage\"]"),
        );
        with(list, "placeholder_expression", json!(true))
    };
    match key {
        "ticket" => Some(field("ticket", "text", "Ticket", 1)),
        "reason" => Some(optional(field("reason", "text_area", "Reason", 2))),
        "minutes" => Some(field("minutes", "number", "Minutes", 3)),
        "agree" => Some(field("agree", "checkbox", "I agree", 4)),
        "area" => Some(choice(field("area", "dropdown", "Area", 5))),
        "note" => Some(optional(field("note", "static", "Note", 6))),
        "shown" => Some(with(
            field("shown", "text_read_only", "Host", 1),
            "initial_value",
            json!("build-7"),
        )),
        "hidden" => Some(with(
            field("hidden", "hidden", "Trace", 2),
            "initial_value",
            json!("trace-1"),
        )),
        "until" => Some(field("until", "date", "Until", 3)),
        "mail" => Some(field("mail", "email", "Mail", 1)),
        "secret" => Some(field("secret", "password", "Secret", 1)),
        "new" => Some(field("password", "password", "New password", 1)),
        "again" => Some(field(
            "password_repeat",
            "password",
            "New password again",
            2,
        )),
        _ => None,
    }
}

/// The text of an expression policy; `<user:KEY>` is replaced by a name.
pub(crate) fn expression(key: &str) -> Option<String> {
    let asked = |name: &str, value: &str| {
        let asked = "request.http_request.session.get(\"authentik/flows/get\", {})";
        format!("return {asked}.get(\"{name}\") == \"{value}\"")
    };
    let text = match key {
        "yes" => "return True".to_owned(),
        "no" => "return False".to_owned(),
        "closed" => "ak_message(\"Access is closed today.\")\nreturn False".to_owned(),
        "raises" => "raise ValueError(\"a mistake in a policy\")".to_owned(),
        "office" => "return ak_client_ip in ip_network(\"198.51.100.0/24\")".to_owned(),
        "sudo" => asked("pam_service", "sudo"),
        "agent" => "return \"pam-authentik-flow/\" in request.http_request.META.get(\"HTTP_USER_AGENT\", \"\")"
            .to_owned(),
        "swap" => format!(
            "{} = ak_user_by(username=\"<user:bob>\")\nreturn True",
            "request.context[\"flow_plan\"].context[\"pending_user\"]"
        ),
        _ => return None,
    };
    Some(text)
}

/// A flow: its key, its properties, and its stages in their order.
///
/// Properties are `for=DESIGNATION`, `auth=WHO`, `denied=ACTION`, `engine=MODE` and
/// `if=POLICY`, a policy of the flow itself. After a stage there may be `?POLICY`, which skips
/// the stage if it does not pass, `!POLICY`, its opposite, and `/restart`.
pub(crate) const FLOWS: &[(&str, &str, &str)] = &[
    ("password", "", "ident password login"),
    ("own", "", "ident password-own login"),
    ("combined", "", "ident-password login"),
    ("email", "", "ident-email password login"),
    ("plain", "", "ident-plain password login"),
    ("once", "", "ident password-once login"),
    ("restart", "", "ident password/restart login"),
    (
        "logout",
        "for=invalidation auth=require_authenticated",
        "logout",
    ),
    ("remember", "", "ident password login-remember"),
    ("short", "", "ident password login-short"),
    ("long", "", "ident password login-long"),
    ("bound", "", "ident password login-bound"),
    ("consent", "", "ident password consent login"),
    ("dummy", "", "ident password dummy login"),
    ("dummies", "", "dummy ident dummy2 password dummy3 login"),
    ("error", "", "ident password error login"),
    ("form", "", "ident password form login"),
    ("form-read", "", "ident password form-read login"),
    ("form-mail", "", "ident password form-mail login"),
    ("form-number", "", "ident password form-number login"),
    ("deny", "", "ident password deny login"),
    ("deny-silent", "", "ident password deny-silent login"),
    ("redirect", "", "ident password redirect login"),
    ("redirect-after", "", "ident password login redirect"),
    ("captcha", "", "ident captcha password login"),
    ("ident-captcha", "", "ident-captcha password login"),
    ("key-set-up", "", "ident password mfa-configure-key login"),
    ("mfa", "", "ident password mfa login"),
    ("mfa-first", "", "ident mfa password login"),
    ("mfa-skip", "", "ident password mfa-skip login"),
    ("mfa-totp", "", "ident password mfa-totp login"),
    ("mfa-configure", "", "ident password mfa-configure login"),
    (
        "mfa-static",
        "",
        "ident password mfa-configure-static login",
    ),
    ("set-up-totp", "", "ident password totp login"),
    ("set-up-static", "", "ident password static login"),
    ("code-alone", "", "ident mfa login"),
    ("empty", "", ""),
    ("ident-alone", "", "ident"),
    ("no-login", "", "ident password"),
    ("login-skipped", "", "ident password login?no"),
    ("login-negated", "", "ident password login!no"),
    ("no-secret", "", "ident login"),
    ("consent-alone", "", "ident consent login"),
    ("form-alone", "", "ident form-secret login"),
    ("redirect-first", "", "redirect ident password login"),
    ("redirect-before", "", "ident redirect password login"),
    (
        "continue",
        "denied=continue if=closed",
        "ident password login",
    ),
    (
        "continue-skipped",
        "denied=continue if=closed",
        "ident password login",
    ),
    (
        "message",
        "denied=message if=closed",
        "ident password login",
    ),
    (
        "message-continue",
        "denied=message_continue if=closed",
        "ident password login",
    ),
    ("raises", "if=raises", "ident password login"),
    ("all", "engine=all if=yes if=no", "ident password login"),
    ("any", "engine=any if=yes if=no", "ident password login"),
    ("late-deny", "", "ident password login deny"),
    ("swap", "", "ident password login?swap"),
    ("twice", "", "ident password login login-long"),
    (
        "authenticated",
        "auth=require_authenticated",
        "ident password login",
    ),
    (
        "unauthenticated",
        "auth=require_unauthenticated",
        "ident password login",
    ),
    (
        "superuser",
        "auth=require_superuser",
        "ident password login",
    ),
    (
        "by-redirect",
        "auth=require_redirect",
        "ident password login",
    ),
    ("by-token", "auth=require_token", "ident password login"),
    ("outpost", "auth=require_outpost", "ident password login"),
    ("office", "if=office", "ident password login"),
    ("office-login", "", "ident password login?office"),
    ("for-sudo", "if=sudo", "ident password login"),
    ("factor-for-others", "", "ident password mfa!sudo login"),
    ("for-agent", "if=agent", "ident password login"),
    ("host-optional", "", "ident password host-optional login"),
    ("host-required", "", "ident password host-required login"),
    ("enrolment", "for=enrollment", "ident password login"),
    ("unenrolment", "for=unenrollment", "ident password login"),
    ("set-up", "for=stage_configuration", "ident password login"),
    ("recovery", "for=recovery", "ident password login"),
    (
        "change",
        "for=stage_configuration auth=require_authenticated",
        "change write",
    ),
    ("authorization", "for=authorization", ""),
];

/// A group, its parent, and the permissions of its role.
pub(crate) const GROUPS: &[(&str, &str, &[&str])] = &[
    ("grand", "", &[]),
    ("admins", "grand", &[]),
    ("child", "admins", &[]),
    ("others", "", &[]),
    (
        "lookups",
        "",
        &["authentik_core.view_user", "authentik_core.view_group"],
    ),
    ("lookups-of-users", "", &["authentik_core.view_user"]),
];

/// A user: type and groups. `ann` is in the group that most rows require.
pub(crate) const PEOPLE: &[(&str, &str, &[&str])] = &[
    ("ann", "internal", &["admins"]),
    ("bob", "internal", &[]),
    ("frank", "internal", &["child"]),
    ("off", "internal", &["admins"]),
    ("spacey", "internal", &[]),
    ("umlaut", "internal", &[]),
    ("long", "internal", &[]),
    ("a.b-c_d", "internal", &[]),
    ("plus+tag", "internal", &[]),
    ("wrong1", "internal", &[]),
    ("wrong2", "internal", &[]),
    ("totp1", "internal", &[]),
    ("totp2", "internal", &[]),
    ("totp3", "internal", &[]),
    ("totp4", "internal", &[]),
    ("totp5", "internal", &[]),
    ("both", "internal", &[]),
    ("codes1", "internal", &[]),
    ("codes2", "internal", &[]),
    ("none", "internal", &[]),
    ("brief", "internal", &[]),
    ("keeper", "internal", &[]),
    ("extern", "external", &["admins"]),
    ("robot", "service_account", &["admins"]),
    ("passwd1", "internal", &[]),
    ("passwd2", "internal", &[]),
    ("passwd3", "internal", &[]),
    ("finder", "service_account", &["lookups"]),
    ("user-finder", "service_account", &["lookups-of-users"]),
    ("nothing", "service_account", &[]),
];

/// The password of a user who has their own.
pub(crate) fn special_password(key: &str) -> Option<String> {
    match key {
        "spacey" => Some("  lead and trail  ".to_owned()),
        "umlaut" => Some("p\u{e4}ssw\u{f6}rd \u{20ac} \u{1f511}".to_owned()),
        "long" => Some("long-".repeat(50)),
        _ => None,
    }
}

/// An application: its mode, and its bindings: `group:KEY`, `user:KEY`, `policy:KEY`.
pub(crate) const APPLICATIONS: &[(&str, &str, &[&str])] = &[
    ("open", "any", &[]),
    ("by-group", "any", &["group:admins"]),
    ("by-user", "any", &["user:bob"]),
    ("by-yes", "any", &["policy:yes"]),
    ("by-no", "any", &["policy:closed"]),
    ("by-office", "any", &["policy:office"]),
    ("by-any", "any", &["group:admins", "policy:no"]),
    ("by-all", "all", &["group:admins", "policy:yes"]),
    ("by-all-no", "all", &["group:admins", "policy:no"]),
];
