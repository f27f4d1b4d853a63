//! The flows that were recorded, under their slugs.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::flow::{
    Authentication, Enrolment, Field, Flow, Identification, NotConfigured, Policy, Prompt, Stage,
    UserLogin, Validate,
};

/// Identification and password, the beginning of most recorded flows.
fn asks(slug: &str) -> Flow {
    Flow::new(slug).identification().password()
}

pub(super) fn flows() -> Vec<Flow> {
    let mut flows = server_defaults();
    flows.extend(plain());
    flows.extend(without_proof());
    flows.extend(denied());
    flows.extend(with_stages());
    flows.extend(second_factor());
    flows
}

fn server_defaults() -> Vec<Flow> {
    vec![
        Flow::new("default-authentication-flow")
            .title("Welcome to authentik!")
            .bind(Identification::new().user_fields(&["email", "username"]))
            .password()
            .bind(Validate::new().not_configured(NotConfigured::Skip))
            .user_login()
            .describe(
                "the server's default login; a second factor where there is one",
                &["alice", "bob"],
            ),
        Flow::new("default-invalidation-flow")
            .title("Logout")
            .designation("invalidation")
            .bind(Stage::UserLogout)
            .describe("ends the session", &["alice"]),
        Flow::new("default-password-change")
            .title("Change password")
            .designation("stage_configuration")
            .authentication(Authentication::RequireAuthenticated)
            .bind(
                Prompt::new([
                    Field::new("password", "password", "Password")
                        .placeholder("Password")
                        .order(300),
                    Field::new("password_repeat", "password", "Password (repeat)")
                        .placeholder("Password (repeat)")
                        .order(301),
                ])
                .check(password_policy),
            )
            .bind(Stage::UserWrite)
            .describe("changes the password of whoever is logged in", &["pwch"]),
    ]
}

/// Length first, then strength.
fn password_policy(answers: &Map<String, Value>) -> Vec<String> {
    let password = answers.get("password").and_then(Value::as_str);
    let password = password.unwrap_or_default();
    if password.chars().count() < 8 {
        vec!["Password needs to be 8 characters or longer.".to_owned()]
    } else if password.to_lowercase().contains("password") {
        vec![
            "Password is too weak.".to_owned(),
            "Add another word or two. Uncommon words are better.".to_owned(),
        ]
    } else {
        Vec::new()
    }
}

fn plain() -> Vec<Flow> {
    vec![
        asks("pam-password")
            .user_login()
            .describe("name, then password", &["alice", "frank", "dave", "spacey"]),
        Flow::new("pam-password-2tries")
            .identification()
            .password_tries(2)
            .user_login()
            .describe("as pam-password, two wrong passwords at most", &["alice"]),
        Flow::new("pam-combined")
            .combined()
            .user_login()
            .describe("name and password at once", &["alice", "spacey"]),
        Flow::new("pam-nopretend")
            .bind(
                Identification::new()
                    .user_fields(&["username", "email"])
                    .reveal_unknown_users(),
            )
            .password()
            .user_login()
            .describe("says at once that a name is unknown", &["alice"]),
        Flow::new("pam-restart")
            .identification()
            .password()
            .restart_on_invalid()
            .user_login()
            .describe("a wrong password starts the flow again", &["alice"]),
        asks("pam-ipbind")
            .bind(UserLogin::new().session_duration(Duration::from_secs(3600)))
            .describe("the session lasts an hour", &["alice"]),
        asks("pam-rememberme")
            .bind(UserLogin::new().ask_remember_me())
            .describe("asks whether to remember the person", &["alice"]),
    ]
}

fn without_proof() -> Vec<Flow> {
    vec![
        Flow::new("pam-empty").describe("no stages; ends in a redirect", &["alice"]),
        Flow::new("pam-identonly")
            .identification()
            .describe("the name alone; ends in a redirect", &["alice"]),
        Flow::new("pam-identlogin")
            .identification()
            .user_login()
            .describe("the name alone, and the session is theirs", &["alice"]),
        asks("pam-nologin").describe("the password, and nobody is logged in", &["alice"]),
        Flow::new("pam-redirect")
            .identification()
            .redirect("https://example.com/")
            .password()
            .user_login()
            .describe("a redirect stage before the password", &["alice"]),
        Flow::new("pam-redirect-first")
            .redirect("https://example.com/")
            .identification()
            .password()
            .user_login()
            .describe("a redirect stage before anything", &["alice"]),
        asks("pam-redirect-after")
            .user_login()
            .redirect("https://example.com/")
            .describe("a redirect stage behind the login", &["alice"]),
    ]
}

fn denied() -> Vec<Flow> {
    let closed = |slug: &str, messages: &[&str]| {
        asks(slug)
            .user_login()
            .policy(Policy::deny_with(messages))
            .describe("a policy denies the flow at once", &["alice"])
    };
    let slow = |slug: &str, seconds: u64| {
        asks(slug)
            .user_login()
            .policy(Policy::slow(Duration::from_secs(seconds)))
            .describe("a policy that takes its time", &["alice"])
    };
    vec![
        asks("pam-deny")
            .deny("Go away, please.")
            .describe("denied after the password", &["alice"]),
        asks("pam-deny-nomsg")
            .deny("")
            .describe("denied after the password, without a reason", &["alice"]),
        closed("pam-policy-deny", &["Access is closed today."]),
        closed("pam-policy-deny2", &["First line.", "Second line."]),
        closed("pam-policy-error", &["boom secret detail"]),
        asks("pam-policy-deny-continue")
            .user_login()
            .policy(Policy::deny())
            .continue_when_denied()
            .describe("denied, but the answer is a redirect", &["alice"]),
        slow("pam-policy-slow", 6),
        slow("pam-policy-timeout", 20),
        asks("pam-require-outpost")
            .user_login()
            .authentication(Authentication::RequireOutpost)
            .describe("only with an outpost's token", &["alice"]),
        Flow::new("pam-require-auth")
            .authentication(Authentication::RequireAuthenticated)
            .dummy("pam-dummy-stage")
            .describe("only for people who are logged in", &["alice"]),
        Flow::new("pam-require-superuser")
            .authentication(Authentication::RequireSuperuser)
            .dummy("pam-dummy-stage")
            .describe("only for superusers", &["akadmin"]),
    ]
}

fn with_stages() -> Vec<Flow> {
    vec![
        Flow::new("pam-dummy")
            .identification()
            .dummy("pam-dummy-stage")
            .password()
            .user_login()
            .describe("a dummy stage before the password", &["alice"]),
        Flow::new("pam-error")
            .identification()
            .bind(Stage::Crash)
            .password()
            .user_login()
            .describe("a stage that crashes before the password", &["alice"]),
        asks("pam-consent")
            .consent()
            .user_login()
            .describe("asks for consent", &["alice"]),
        Flow::new("pam-email")
            .identification()
            .bind(Stage::Email)
            .password()
            .user_login()
            .describe("waits for a link in a mail to be followed", &["alice"]),
        Flow::new("pam-captcha")
            .identification()
            .bind(Stage::Captcha)
            .password()
            .user_login()
            .describe("wants a captcha solved", &["alice"]),
        Flow::new("pam-ident-captcha")
            .bind(Identification::new().with_password().with_captcha())
            .user_login()
            .describe(
                "wants a captcha solved together with the password",
                &["alice"],
            ),
        asks("pam-prompt")
            .bind(Prompt::new(prompt_fields()))
            .user_login()
            .describe("asks for a field of each type", &["alice"]),
        asks("pam-prompt-dictchoice")
            .bind(Prompt::new([Field::new("p_drop", "dropdown", "Drop one")
                .initial("{'label': 'Red', 'value': 'r'}")
                .choices(&[
                    "{'label': 'Red', 'value': 'r'}",
                    "{'label': 'Blue', 'value': 'b'}",
                ])
                .order(23)
                .crashing()]))
            .user_login()
            .describe("a choice whose answer crashes the stage", &["alice"]),
    ]
}

fn prompt_fields() -> Vec<Field> {
    vec![
        Field::new("p_static", "static", "Notice")
            .optional()
            .initial("Static text <b>bold</b> here")
            .order(1),
        Field::new("p_sep", "separator", "--- part one ---")
            .optional()
            .order(2),
        Field::new("p_text", "text", "Ticket number")
            .placeholder("ABC-123")
            .sub_text("from the <a href='#'>desk</a>")
            .order(10),
        Field::new("p_text_opt", "text", "Optional remark")
            .optional()
            .order(11),
        Field::new("p_area", "text_area", "Reason")
            .optional()
            .order(12),
        Field::new("p_ro", "text_read_only", "Read only")
            .initial("fixed value")
            .order(13),
        Field::new("p_ro_empty", "text_read_only", "Read only, empty")
            .optional()
            .order(14),
        Field::new("p_user", "username", "Username")
            .optional()
            .order(15),
        Field::new("p_email", "email", "E-Mail")
            .optional()
            .order(16),
        Field::new("p_pw", "password", "Extra password").order(17),
        Field::new("p_num", "number", "A number").order(18),
        Field::new("p_check", "checkbox", "I agree").order(19),
        Field::new("p_date", "date", "Date").optional().order(20),
        Field::new("p_datetime", "date-time", "Date-time")
            .optional()
            .order(21),
        Field::new("p_radio", "radio-button-group", "Pick one")
            .initial("two")
            .choices(&["one", "two", "three"])
            .order(22),
        Field::new("p_drop2", "dropdown", "Drop plain")
            .initial("x")
            .choices(&["x", "y"])
            .order(24),
        Field::new("p_hidden", "hidden", "hidden")
            .optional()
            .placeholder("ph")
            .initial("hidden value")
            .order(25),
        Field::new("p_locale", "ak-locale", "Locale")
            .optional()
            .order(26),
        Field::new("p_file", "file", "File").optional().order(27),
    ]
}

fn second_factor() -> Vec<Flow> {
    let all = [
        Enrolment::Duo,
        Enrolment::Sms,
        Enrolment::Totp,
        Enrolment::Static,
        Enrolment::Email,
        Enrolment::Webauthn,
    ];
    let enrols = |slug: &str, kinds: &[Enrolment], description: &str| {
        asks(slug)
            .bind(Validate::new().configure(kinds))
            .user_login()
            .describe(description, &["alice", "judy"])
    };
    vec![
        asks("pam-mfa").validate().user_login().describe(
            "a second factor; who has none is denied",
            &[
                "bob", "carol", "erin", "gina", "ivan", "duke", "hank", "frank",
            ],
        ),
        enrols(
            "pam-mfa-enroll",
            &[Enrolment::Totp, Enrolment::Static],
            "sets up an app or codes",
        ),
        enrols("pam-mfa-enroll-one", &[Enrolment::Totp], "sets up an app"),
        enrols(
            "pam-mfa-enroll-all",
            &all,
            "sets up a second factor of any class",
        ),
        Flow::new("pam-passwordless")
            .bind(Validate::classes(&["webauthn"]))
            .user_login()
            .describe("a security key instead of name and password", &["hank"]),
    ]
}
