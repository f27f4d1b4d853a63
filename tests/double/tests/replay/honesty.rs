//! The comparison must report every difference. Otherwise it would prove nothing.

use serde_json::{Value, json};

use super::compare::Shapes;
use super::player::Replay;
use super::{SETS, read};

/// Changes one step of a recording of 2026.8, and expects a report of the difference.
#[track_caller]
fn told(name: &str, step: usize, falsify: impl FnOnce(&mut Value), complaint: &str) {
    let (folder, version) = SETS[1];
    let (sidecar, mut recordings) = read(folder);
    let setup = sidecar.setup(name).expect("what the recording needs");
    falsify(&mut recordings.get_mut(name).expect("the recording")[step]);
    let steps = recordings[name].as_array().expect("a list");
    let replay = Replay::new(setup, &sidecar, &recordings, version);
    let found = replay.run(steps, &mut Shapes::default()).join("\n");
    assert!(found.contains(complaint), "{name}: {found}");
}

#[test]
fn an_answer_that_the_double_does_not_give_is_told() {
    told(
        "app-open",
        2,
        |step| step["body"]["component"] = json!("ak-stage-captcha"),
        ".component is \"ak-stage-password\" instead of \"ak-stage-captcha\"",
    );
    told(
        "app-open",
        4,
        |step| step["body"]["final_redirect"] = json!(false),
        ".final_redirect is true instead of false",
    );
    told(
        "app-open",
        4,
        |step| step["body"]["more"] = json!(1),
        ".more is missing",
    );
    told(
        "app-open",
        1,
        |step| step["status"] = json!(200),
        "status 302 instead of 200",
    );
    told(
        "app-open",
        4,
        |step| step["set_cookie"] = json!([]),
        "cookies [",
    );
    told(
        "otp-email-gina",
        4,
        |step| step["body"]["device_challenges"][0]["device_class"] = json!("sms"),
        "device_class is \"email\" instead of \"sms\"",
    );
}

#[test]
fn a_request_that_was_sent_otherwise_is_told() {
    let wrong = |key: &'static str| move |step: &mut Value| step["request"][key] = json!("no");
    told(
        "app-open",
        3,
        wrong("password"),
        "status 200 instead of 302",
    );
    told(
        "consent-text-yes",
        5,
        wrong("token"),
        "status 200 instead of 302",
    );
    told(
        "enr-sms",
        5,
        wrong("selected_stage"),
        "status 200 instead of 302",
    );
    // without the outpost's token this client may not use the flow
    told(
        "outpost-ip-binding",
        0,
        |step| step["request_headers"] = json!({}),
        ".component is \"ak-stage-access-denied\"",
    );
    // with the headers that this client left out, the same request is accepted
    told(
        "outpost-ip-binding",
        5,
        |step| {
            let headers = &mut step["request_headers"];
            headers["x-authentik-outpost-token"] = json!("<60 chars>");
            headers["x-authentik-remote-ip"] = json!("203.0.113.9");
        },
        "status 200 instead of 302",
    );
}

#[test]
fn a_recording_that_is_in_no_list_is_told() {
    let (mut sidecar, recordings) = read(SETS[1].0);
    let names = recordings.keys().cloned().collect();
    assert_eq!(sidecar.complaints(&names), [""; 0]);
    sidecar
        .not_replayed
        .insert("gone".to_owned(), "why".to_owned());
    let complaints = sidecar.complaints(&names);
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(complaints[0].contains("gone"), "{complaints:?}");
    let mut names = names;
    names.insert("new".to_owned());
    assert!(sidecar.complaints(&names)[0].contains("new: replay.toml does not speak"));
}
