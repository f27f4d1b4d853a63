//! The player must report every difference from the recording and the sidecar. Otherwise it
//! would prove nothing.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::recording::{self, Step};
use crate::sidecar::{Play, Sidecar};
use crate::{captures, play_all};

/// One recording with its logins, to be changed.
struct Case {
    steps: Vec<Step>,
    plays: Vec<Play>,
}

impl Case {
    fn of(name: &str) -> Self {
        let mut sidecar = Sidecar::read(&captures().join("play.toml"));
        let mut recordings = recording::read_all(&captures());
        let case = Self {
            steps: recordings.remove(name).expect("the recording"),
            plays: sidecar.play.remove(name).expect("its logins"),
        };
        assert_eq!(play_all(&case.steps, &case.plays), [""; 0], "{name}");
        case
    }

    /// Changes the text of one answer.
    fn answers(&mut self, number: usize, old: &str, new: &str) {
        let step = &mut self.steps[number];
        let body = step.body.as_ref().expect("a body").get();
        assert!(body.contains(old), "{body}");
        let body = RawValue::from_string(body.replace(old, new));
        step.body = Some(body.expect("JSON still"));
    }
}

#[track_caller]
fn told(name: &str, falsify: impl FnOnce(&mut Case), complaint: &str) {
    let mut case = Case::of(name);
    falsify(&mut case);
    let complaints = play_all(&case.steps, &case.plays);
    assert!(
        complaints.iter().any(|told| told.contains(complaint)),
        "{name}: {complaints:?}"
    );
}

#[test]
fn another_answer_of_the_server_is_told() {
    let good = "pam-password-good-alice";
    told(
        good,
        |case| case.answers(5, "\"alice\"", "\"bob\""),
        "PAM_AUTH_ERR instead of PAM_SUCCESS",
    );
    told(
        good,
        |case| case.answers(5, "\"is_active\"", "\"active\""),
        "PAM_AUTH_ERR instead of PAM_SUCCESS",
    );
    told(
        good,
        |case| case.answers(5, "linux-admins", "others"),
        "PAM_PERM_DENIED instead of PAM_SUCCESS",
    );
    told(
        good,
        |case| case.answers(2, "ak-stage-password", "ak-stage-captcha"),
        "PAM_SERVICE_ERR instead of PAM_SUCCESS",
    );
    told(
        "pam-password-wrong",
        |case| case.answers(3, "response_errors", "errors"),
        "the log says",
    );
}

#[test]
fn another_request_of_the_module_is_told() {
    let good = "pam-mfa-totp-good";
    told(
        good,
        |case| case.plays[0].user = "erin".into(),
        "\"uid_field\" is sent as \"erin\" instead of \"bob\"",
    );
    told(
        good,
        |case| drop(case.steps.remove(5)),
        "POST /api/v3/flows/executor/pam-mfa/?query= is not what was recorded at #5",
    );
    told(
        good,
        |case| drop(case.steps.remove(2)),
        "GET /api/v3/flows/executor/pam-mfa/?query= is not what was recorded at #2",
    );
    told(
        good,
        |case| case.steps[0].path = "/api/v3/flows/executor/pam-mfa/".into(),
        "is not what was recorded at #0",
    );
    told(
        good,
        |case| drop(case.steps.remove(7)),
        "GET /api/v3/core/users/me/ is not what was recorded at #7",
    );
    told(
        good,
        |case| case.plays[0].sends = BTreeMap::from([("5.code".into(), "036848".into())]),
        "5.code is not sent otherwise",
    );
    told(
        good,
        |case| case.plays[0].without_users_me = true,
        "without_users_me",
    );
    told(
        "pam-rememberme",
        |case| case.plays[0].skip.clear(),
        "#5: \"remember_me\" is sent as false instead of nothing",
    );
    told(
        "pam-policy-deny-any",
        |case| case.plays[0].skip.clear(),
        "#1 is neither asked for nor skipped",
    );
}

#[test]
fn another_prompt_is_told() {
    let good = "pam-mfa-totp-good";
    told(
        good,
        |case| case.plays[0].answers.clear(),
        "is asked \"Authentication code:\" and has no answer",
    );
    told(
        good,
        |case| {
            let more = case.plays[0].answers[0].clone();
            case.plays[0].answers.push(more);
        },
        "was never asked for \"036848\", hidden",
    );
    told(
        good,
        |case| {
            let reply = &mut case.plays[0].answers[0];
            reply.seen = reply.hidden.take();
        },
        "what is typed is hidden",
    );
    told(
        good,
        |case| case.plays[0].answers[0].at = Some("Password:".into()),
        "without \"Password:\" in it",
    );
}

#[test]
fn a_recording_that_is_in_no_list_is_told() {
    let mut sidecar = Sidecar::read(&captures().join("play.toml"));
    let recordings = recording::read_all(&captures());
    let complaints = |sidecar: &Sidecar| sidecar.complaints(&recordings.keys().collect());
    assert_eq!(complaints(&sidecar), [""; 0]);
    let plays = sidecar.play.remove("pam-captcha").expect("its logins");
    assert!(complaints(&sidecar)[0].contains("does not speak of this recording"));
    sidecar.play.insert("gone".into(), plays);
    assert!(complaints(&sidecar)[1].contains("it is not there"));
    for (name, reason) in [("pam-captcha", "beside"), ("pam-deny-good", "mood")] {
        sidecar.not_played.insert(name.into(), reason.into());
    }
    let complaints = complaints(&sidecar).join("\n");
    assert!(complaints.contains("played and not played"), "{complaints}");
    assert!(complaints.contains("its reason is none"), "{complaints}");
}
