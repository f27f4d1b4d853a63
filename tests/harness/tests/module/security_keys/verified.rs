//! Signatures that the module obtains from keys, verified by py_webauthn as in authentik: the
//! thirteen cases that a client must pass, and what must be refused.

use super::{PIN, RP_ID, credential, kay, required, with_flow};
use crate::bench::{Bench, PASSWORD};
use crate::python::verdicts;
use authentik_double::{Flow, JudgedAssertion, Validate};
use pam_harness::virtual_key::{Credential, Settings, Touch, VirtualKey};
use serde_json::{Value, json};
use std::path::Path;

/// One case: the key's settings, and the user's answers after the password.
struct Case {
    name: &'static str,
    validate: Validate,
    settings: Settings,
    credential: Credential,
    /// How many foreign credentials are listed too.
    others: usize,
    answers: &'static [&'static str],
    /// Whether the key verifies the user; `None` if it signs nothing.
    signs: Option<bool>,
}

fn case(name: &'static str, validate: Validate, answers: &'static [&'static str]) -> Case {
    Case {
        name,
        validate,
        settings: Settings::default(),
        credential: credential(),
        others: 0,
        answers,
        signs: Some(answers != [""]),
    }
}

fn with_pin(case: Case) -> Case {
    Case {
        settings: Settings {
            pin: Some(PIN.into()),
            ..case.settings
        },
        ..case
    }
}

fn with(case: Case, change: impl FnOnce(&mut Settings)) -> Case {
    let mut case = case;
    change(&mut case.settings);
    case
}

fn cases() -> Vec<Case> {
    let touch = |name| case(name, Validate::new(), &[""]);
    let pin = |name, answers| with_pin(case(name, required(), answers));
    vec![
        touch("a touch alone"),
        with(pin("a PIN by protocol 1", &[PIN]), |key| {
            key.protocols = vec![1]
        }),
        with(pin("a PIN by protocol 2", &[PIN]), |key| {
            key.protocols = vec![2]
        }),
        with(pin("a PIN by the token of CTAP 2.0", &[PIN]), |key| {
            key.token_permissions = false;
        }),
        pin("a wrong PIN, then the right one", &["4712", PIN]),
        Case {
            signs: None,
            ..with(pin("a PIN that is blocked", &[PIN]), |key| key.tries = 0)
        },
        Case {
            signs: None,
            ..case("a key without the PIN that is required", required(), &[])
        },
        with(
            touch("a key that does not name its only credential"),
            |key| {
                key.omits_credential = true;
            },
        ),
        Case {
            others: 20,
            ..with(touch("20 other credentials, eight in a list"), |key| {
                key.max_list = 8
            })
        },
        Case {
            others: 20,
            ..with(touch("20 other credentials, one in a list"), |key| {
                key.max_list = 1
            })
        },
        Case {
            credential: credential().hidden(),
            ..with_pin(case(
                "a credential that shows for the PIN",
                Validate::new(),
                &[PIN],
            ))
        },
        Case {
            signs: None,
            ..with(touch("a key that nobody touches"), |key| {
                key.touch = Touch::Never
            })
        },
        Case {
            credential: credential().passkey(),
            ..pin("a passkey", &[PIN])
        },
    ]
}

/// Runs a case, and returns what was sent to the server.
fn play(case: &Case) -> (Bench, Vec<JudgedAssertion>) {
    let others: Vec<Credential> = (0..case.others).map(|_| credential()).collect();
    let all: Vec<&Credential> = others.iter().chain([&case.credential]).collect();
    // A passkey replaces the name and the password.
    let flow = match case.credential.is_passkey {
        true => Flow::new("key"),
        false => Flow::new("key").identification().password(),
    };
    let flow = flow.bind(case.validate.clone()).user_login();
    let bench = with_flow(flow, &all)
        .section("[security_key]\nwhere = \"any\"\npasskey = true\ntimeout = \"1s\"")
        .section("[prompt]\nattempts = 2");
    let key = VirtualKey::plug_in(Settings {
        credentials: vec![case.credential.clone()],
        ..case.settings.clone()
    });
    let mut pam = kay(&bench, &[&key]);
    if !case.credential.is_passkey {
        pam = pam.answer_secret(PASSWORD);
    }
    for answer in case.answers {
        pam = pam.answer_secret(answer);
    }
    if case.signs.is_none() {
        pam = pam.abort();
    }
    let outcome = pam.authenticate().try_run().expect("a transaction");
    let is_in = outcome.code() == pam_harness::Code::PAM_SUCCESS;
    assert_eq!(
        is_in,
        case.signs.is_some(),
        "{}: {}",
        case.name,
        outcome.transcript()
    );
    let judged = bench.double.assertions();
    (bench, judged)
}

/// A line for the script.
fn line(judged: &JudgedAssertion, credential: &Credential) -> Value {
    let hex: String = credential
        .cose()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    json!({
        "answer": judged.answer,
        "challenge": judged.challenge,
        "rp_id": RP_ID,
        "origin": judged.origin,
        "public_key": hex,
        "count": judged.count,
        "required": judged.required,
    })
}

/// Lets py_webauthn check these, in one process.
fn judge(python: &Path, lines: &[Value]) -> Vec<Value> {
    verdicts(python, "verify_assertions.py", lines).expect("python cannot be started")
}

#[test]
fn py_webauthn_verifies_what_the_module_sends() {
    pam_harness::require_isolation!();
    let python = pam_harness::require_python!();
    let mut lines = Vec::new();
    let mut wanted = Vec::new();
    for case in cases() {
        let (bench, judged) = play(&case);
        match (case.signs, judged.as_slice()) {
            (None, []) => {}
            (Some(verified), [judged]) => {
                assert_eq!(judged.origin, bench.double.url());
                assert!(judged.accepted, "{}", case.name);
                lines.push(line(judged, &case.credential));
                wanted.push((case.name, verified));
            }
            (signs, judged) => panic!("{}: {signs:?}, and {judged:?}", case.name),
        }
    }
    assert_eq!(lines.len(), 10);
    let verdicts = judge(&python, &lines);
    assert_eq!(verdicts.len(), lines.len());
    for ((name, verified), verdict) in wanted.iter().zip(&verdicts) {
        assert_eq!(verdict["accepted"], true, "{name}: {verdict}");
        assert_eq!(verdict["user_verified"], *verified, "{name}: {verdict}");
    }
}

#[test]
fn py_webauthn_refuses_other_signatures() {
    pam_harness::require_isolation!();
    let python = pam_harness::require_python!();
    let touched = case("a touch alone", Validate::new(), &[""]);
    let (_, judged) = play(&touched);
    let good = line(&judged[0], &touched.credential);
    let other = credential();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut line = good.clone();
        change(&mut line);
        line
    };
    let swapped = |line: &mut Value, of: &str, to: &str| {
        let text = line["answer"]["response"][of].as_str().unwrap_or_default();
        line["answer"]["response"][of] = json!(text.replacen(&text[..4], to, 1));
    };
    let bad = [
        changed(&|line| line["challenge"] = json!("YW5vdGhlciBjaGFsbGVuZ2U")),
        changed(&|line| line["origin"] = json!("https://localhost")),
        changed(&|line| line["rp_id"] = json!("authentik.test")),
        changed(&|line| line["required"] = json!(true)),
        changed(&|line| line["count"] = json!(1000)),
        changed(&|line| line["public_key"] = self::line(&judged[0], &other)["public_key"].clone()),
        changed(&|line| swapped(line, "authenticatorData", "AAAA")),
        changed(&|line| line["answer"]["rawId"] = json!("YW5vdGhlciBJRA")),
        changed(&|line| line["answer"]["type"] = json!("password")),
    ];
    let lines = [&[good][..], &bad].concat();
    let verdicts = judge(&python, &lines);
    assert_eq!(verdicts.len(), lines.len());
    for (number, (line, verdict)) in lines.iter().zip(&verdicts).enumerate() {
        assert_eq!(verdict["accepted"], number == 0, "{line}: {verdict}");
    }
}
