//! One scenario for each kind of stage.

use authentik_double::{
    Device, Enrolment, Field, Flow, Phone, Prompt, Stage, User, Validate, Version, World,
};
use std::time::Duration;

use crate::person::{Step, Typed};

/// A user who logs in with a flow, and the answers.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) flow: &'static str,
    pub(crate) user: &'static str,
    /// Lines of `[prompt]`.
    pub(crate) prompt: &'static str,
    pub(crate) world: fn(&mut World),
    pub(crate) steps: fn() -> Vec<Step>,
    pub(crate) gets_in: bool,
}

const PASSWORD: Step = Step::secret("assword", Typed::Text("correct-horse"));

const fn scenario(
    name: &'static str,
    flow: &'static str,
    user: &'static str,
    steps: fn() -> Vec<Step>,
) -> Scenario {
    Scenario {
        name,
        flow,
        user,
        prompt: "",
        world: |_| {},
        steps,
        gets_in: true,
    }
}

const fn with_world(scenario: Scenario, world: fn(&mut World)) -> Scenario {
    Scenario { world, ..scenario }
}

const fn refused(scenario: Scenario) -> Scenario {
    Scenario {
        gets_in: false,
        ..scenario
    }
}

fn flow(stage: impl Into<Stage>) -> Flow {
    Flow::new("scenario")
        .title("Welcome to Example")
        .identification()
        .password()
        .bind(stage)
        .user_login()
}

fn set_up(world: &mut World) {
    world.providers.duo = true;
    world.providers.sms = true;
    world.providers.email = true;
    world.add_flow(flow(Validate::new().configure(&[
        Enrolment::Totp,
        Enrolment::Static,
        Enrolment::Sms,
        Enrolment::Duo,
        Enrolment::Webauthn,
    ])));
}

fn code_of_the_app(double: &authentik_double::Double, _: &str) -> Option<String> {
    Some(double.totp_unused("bob"))
}

fn code_of_the_secret(double: &authentik_double::Double, screen: &str) -> Option<String> {
    let line = screen
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("Secret: "))?;
    Some(double.totp_of_secret(line.trim()))
}

/// Twelve fields with a question, and some without.
fn form() -> Vec<Field> {
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
            .sub_text("As it stands in the <i>ticket system</i>.")
            .order(3),
        Field::new("reason", "text_area", "Reason").order(4),
        Field::new("colleague", "username", "Colleague")
            .optional()
            .order(5),
        Field::new("mail", "email", "Mail the record to").order(6),
        Field::new("pin", "password", "Door PIN").order(7),
        Field::new("minutes", "number", "Minutes").order(8),
        Field::new("until", "date", "Until").order(9),
        Field::new("start", "date-time", "Not before")
            .optional()
            .order(10),
        Field::new("area", "radio-button-group", "Area")
            .choices(&["network", "storage", "other"])
            .order(11),
        Field::new("urgency", "dropdown", "Urgency")
            .initial("low")
            .choices(&["low", "high"])
            .order(12),
        Field::new("agree", "checkbox", "I have read the rules").order(13),
        Field::new("locale", "ak-locale", "Language")
            .optional()
            .order(14),
        Field::new("host", "text_read_only", "Host")
            .initial("build-7")
            .order(15),
    ]
}

fn everything(world: &mut World) {
    let consent = Stage::Consent {
        header_text: Some("You're about to sign into this host.".into()),
        permissions: vec![("openid".into(), "Your name".into())],
    };
    let mut erin = User::new("erin")
        .device(Device::totp(b"erin's secret, share"))
        .device(Device::static_codes(["erin00000001"]))
        .device(Device::duo());
    erin.phone = Phone::Approve(Duration::ZERO);
    world.add_user(erin);
    world.add_flow(
        Flow::new("scenario")
            .title("Welcome to Example")
            .identification()
            .password()
            .validate()
            .bind(Prompt::new(form()))
            .bind(consent)
            .user_login(),
    );
}

fn everything_is_answered() -> Vec<Step> {
    vec![
        PASSWORD,
        Step::secret("Code or option (1-3):", Typed::Text("2")),
        Step::secret("Recovery code:", Typed::Text("erin00000001")),
        Step::line("Ticket number", "OPS-7"),
        Step::line("Reason", "disk change"),
        Step::line("Colleague", ""),
        Step::line("Mail the record to", "erin@example.com"),
        Step::secret("Door PIN", Typed::Text("4711")),
        Step::line("Minutes", "many"),
        Step::line("Please type a whole number.", "45"),
        Step::line("Until", "2026-12-01"),
        Step::line("Not before", "2026-12-01 08:30"),
        Step::line("Option (1-3):", "2"),
        Step::line("Option (1-2) [1]:", ""),
        Step::line("I have read the rules", "y"),
        Step::line("Language", "en"),
        Step::line("Allow this?", "y"),
    ]
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario("password", "linux-login", "alice", || vec![PASSWORD]),
    scenario("combined", "linux-combined", "alice", || vec![PASSWORD]),
    scenario("code", "linux-mfa", "bob", || {
        vec![
            PASSWORD,
            Step::secret("Authentication code:", Typed::Text("000000")),
            Step::secret("wait for the next.", Typed::Then(code_of_the_app)),
        ]
    }),
    scenario("menu", "linux-mfa", "zoe", || {
        vec![
            PASSWORD,
            Step::secret("Code or option (1-5):", Typed::Text("1")),
            Step::secret("Recovery code:", Typed::Text("zoe000000000")),
        ]
    }),
    scenario("message", "linux-mfa", "gina", || {
        vec![
            PASSWORD,
            Step::secret("Authentication code:", Typed::Text("")),
            Step::secret(
                "Authentication code:",
                Typed::Then(|double, _| double.last_code("gina")),
            ),
        ]
    }),
    with_world(
        scenario("push", "linux-mfa", "duke", || {
            vec![PASSWORD, Step::secret("Press Enter", Typed::Text(""))]
        }),
        |world| world.user_mut("duke").phone = Phone::Approve(Duration::ZERO),
    ),
    refused(with_world(
        scenario("push_refused", "linux-mfa", "duke", || {
            vec![PASSWORD, Step::secret("Press Enter", Typed::Text(""))]
        }),
        |world| world.user_mut("duke").phone = Phone::Deny(Duration::ZERO),
    )),
    with_world(
        scenario("everything", "scenario", "erin", everything_is_answered),
        everything,
    ),
    with_world(
        scenario("set_up_an_app", "scenario", "alice", || {
            vec![
                PASSWORD,
                Step::line("Option (1-4):", "1"),
                Step::secret("First code from the app", Typed::Text("000000")),
                Step::secret("First code from the app", Typed::Then(code_of_the_secret)),
            ]
        }),
        set_up,
    ),
    with_world(
        scenario("set_up_recovery_codes", "scenario", "alice", || {
            vec![
                PASSWORD,
                Step::line("Option (1-4):", "2"),
                Step::line("Press Enter when you have noted them:", ""),
            ]
        }),
        set_up,
    ),
    with_world(
        scenario("set_up_by_message", "scenario", "alice", || {
            vec![
                PASSWORD,
                Step::line("Option (1-4):", "3"),
                Step::line("Phone number", "+15550123"),
                Step::secret(
                    "Code from the text message:",
                    Typed::Then(|double, _| double.last_code("alice")),
                ),
            ]
        }),
        set_up,
    ),
    with_world(
        scenario("set_up_duo", "scenario", "alice", || {
            vec![
                PASSWORD,
                Step::line("Option (1-4):", "4"),
                Step::line("Press Enter when", ""),
            ]
        }),
        set_up,
    ),
    with_world(
        scenario("link_by_mail", "scenario", "alice", || {
            let mut steps = vec![
                PASSWORD,
                Step::secret("Link:", Typed::Text("what link?")),
                Step::secret(
                    "Link:",
                    Typed::Then(|double, _| {
                        let token = double.last_flow_token("alice")?;
                        let url = double.url();
                        Some(format!("{url}/if/flow/scenario/?flow_token={token}"))
                    }),
                ),
            ];
            if Version::asked_for().confirms_links() {
                steps.push(Step::line("Allow this?", "y"));
            }
            steps
        }),
        |world| {
            world.providers.email = true;
            world.add_flow(flow(Stage::Email));
        },
    ),
    refused(with_world(
        scenario("consent_declined", "scenario", "alice", || {
            vec![PASSWORD, Step::line("Allow this?", "n")]
        }),
        |world| {
            world.add_flow(flow(Stage::Consent {
                header_text: Some("Whoever works here is <b>recorded</b>.".into()),
                permissions: Vec::new(),
            }));
        },
    )),
    refused(with_world(
        scenario("needs_a_browser", "scenario", "alice", || vec![PASSWORD]),
        |world| world.add_flow(flow(Stage::Captcha)),
    )),
    refused(scenario("security_key_alone", "linux-mfa", "hank", || {
        vec![PASSWORD]
    })),
    refused(scenario("denied", "linux-deny", "alice", || vec![PASSWORD])),
    refused(scenario(
        "redirect_stage",
        "danger-redirect-after-password",
        "alice",
        || vec![PASSWORD],
    )),
    Scenario {
        prompt: "language = \"de\"",
        ..refused(scenario("german", "linux-mfa", "zoe", || {
            vec![
                Step::secret("asswor", Typed::Text("correct-horse")),
                Step::secret("Code oder Auswahl (1-5):", Typed::Text("")),
                Step::secret("Code oder Auswahl (1-5):", Typed::Text("")),
                Step::secret("Code oder Auswahl (1-5):", Typed::Text("")),
            ]
        }))
    },
];
