//! Flows to try the module by hand, and for its tests.

use serde_json::json;

use crate::flow::{
    Enrolment, Field, Flow, Identification, NotConfigured, Policy, Prompt, Stage, UserLogin,
    Validate,
};

const ANYBODY: &[&str] = &["alice", "bob", "frank"];
const WITH_DEVICES: &[&str] = &[
    "bob", "carol", "erin", "gina", "ivan", "duke", "hank", "zoe",
];
const WITH_KEYS: &[&str] = &["hank", "zoe"];

fn asks(slug: &str) -> Flow {
    Flow::new(slug).identification().password()
}

pub(super) fn flows() -> Vec<Flow> {
    vec![
        asks("linux-login")
            .user_login()
            .describe("name, password, done", ANYBODY),
        Flow::new("linux-combined")
            .combined()
            .user_login()
            .describe("name and password in one stage", ANYBODY),
        asks("linux-mfa")
            .validate()
            .user_login()
            .describe("a second factor after the password", WITH_DEVICES),
        asks("linux-mfa-optional")
            .bind(Validate::new().not_configured(NotConfigured::Skip))
            .user_login()
            .describe(
                "a second factor for those who have one",
                &["alice", "bob", "zoe"],
            ),
        asks("linux-key")
            .bind(Validate::classes(&["webauthn"]))
            .user_login()
            .describe("a security key after the password", WITH_KEYS),
        Flow::new("linux-passkey")
            .bind(Identification::new().with_passkey())
            .password()
            .only_if(Policy::check(|request| {
                // An expression in authentik would look at `auth_method`.
                let mut devices = request.user.iter().flat_map(|user| &user.devices);
                !devices.any(|device| device.class() == "webauthn" && device.last_used.is_some())
            }))
            .user_login()
            .describe("a passkey, or else a password", WITH_KEYS),
        asks("linux-key-enrol")
            .bind(Validate::new().configure(&[Enrolment::Webauthn]))
            .user_login()
            .describe(
                "sets up a security key for who has no second factor",
                &["alice", "frank"],
            ),
        asks("linux-everything")
            .validate()
            .bind(Prompt::new(prompt_fields()))
            .bind(Stage::Consent {
                header_text: Some("You're about to sign into this host.".to_owned()),
                permissions: vec![
                    ("openid".to_owned(), "Your name".to_owned()),
                    ("email".to_owned(), "Your mail address".to_owned()),
                ],
            })
            .user_login()
            .describe("second factor, a form, consent", &["zoe", "erin", "bob"]),
        asks("linux-enrol")
            .bind(Validate::new().configure(&[
                Enrolment::Totp,
                Enrolment::Static,
                Enrolment::Sms,
                Enrolment::Email,
                Enrolment::Duo,
                Enrolment::Webauthn,
            ]))
            .user_login()
            .describe(
                "sets up a second factor for who has none",
                &["alice", "frank"],
            ),
        asks("linux-email")
            .bind(Stage::Email)
            .user_login()
            .describe("mails a link that is to be pasted", ANYBODY),
        asks("linux-consent")
            .consent()
            .user_login()
            .describe("asks for consent", ANYBODY),
        asks("linux-deny")
            .deny("Go away, please.")
            .describe("denied after the password", ANYBODY),
        asks("linux-closed")
            .user_login()
            .policy(Policy::deny_with(&["This host is closed for maintenance."]))
            .describe("a policy denies the flow at once", ANYBODY),
        asks("linux-restart")
            .restart_on_invalid()
            .user_login()
            .describe("a wrong password starts the flow again", ANYBODY),
        Flow::new("linux-crash")
            .identification()
            .bind(Stage::Crash)
            .password()
            .user_login()
            .describe("a stage crashes before the password", ANYBODY),
        asks("linux-dummy")
            .dummy("dummy")
            .user_login()
            .describe("a stage without a question", ANYBODY),
        asks("linux-remember-me")
            .bind(UserLogin::new().ask_remember_me())
            .describe(
                "the login stage asks whether to remember the person",
                ANYBODY,
            ),
        asks("linux-skip")
            .bind(Stage::Skip)
            .bind(Stage::Skip)
            .bind(Stage::Skip)
            .bind(Stage::Skip)
            .user_login()
            .describe("four stages skip themselves, a redirect each", ANYBODY),
        Flow::new("linux-many")
            .identification()
            .dummies(12)
            .password()
            .user_login()
            .describe("a dozen stages before the password", ANYBODY),
        Flow::new("linux-loop")
            .identification()
            .bind(Stage::Loop)
            .describe("redirects for ever", ANYBODY),
        Flow::new("linux-endless")
            .identification()
            .bind(Stage::Endless)
            .describe("asks for ever", ANYBODY),
        Flow::new("linux-unknown-component")
            .identification()
            .bind(Stage::Raw {
                challenge: json!({
                    "component": "ak-stage-from-the-future",
                    "question": "What has it got in its pocketses?",
                }),
                pending_user: true,
            })
            .password()
            .user_login()
            .describe("a component that nobody knows", ANYBODY),
    ]
}

fn prompt_fields() -> Vec<Field> {
    vec![
        Field::new("notice", "static", "Notice")
            .optional()
            .initial("Work on this host is <b>recorded</b>.")
            .order(1),
        Field::new("part", "separator", "--- about your work ---")
            .optional()
            .order(2),
        Field::new("ticket", "text", "Ticket number")
            .placeholder("ABC-123")
            .sub_text("from the <a href='#'>desk</a>")
            .order(10),
        Field::new("remark", "text", "Remark").optional().order(11),
        Field::new("reason", "text_area", "Reason")
            .optional()
            .order(12),
        Field::new("host", "text_read_only", "Host")
            .initial("build-7")
            .order(13),
        Field::new("mail", "email", "Mail the record to")
            .optional()
            .order(14),
        Field::new("minutes", "number", "Minutes").order(15),
        Field::new("until", "date", "Until").optional().order(16),
        Field::new("start", "date-time", "Not before")
            .optional()
            .order(17),
        Field::new("area", "radio-button-group", "Area")
            .initial("network")
            .choices(&["network", "storage", "other"])
            .order(18),
        Field::new("urgency", "dropdown", "Urgency")
            .initial("low")
            .choices(&["low", "high"])
            .order(19),
        Field::new("agree", "checkbox", "I have read the rules").order(20),
        Field::new("trace", "hidden", "trace")
            .optional()
            .initial("trace-1")
            .order(21),
        Field::new("locale", "ak-locale", "Language")
            .optional()
            .order(22),
    ]
}
