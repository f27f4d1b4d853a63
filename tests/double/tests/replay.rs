//! Holds the double against the recordings of a real authentik in `tests/captures`: every
//! recorded request is sent to it over TLS, and what comes back is compared with what came back
//! then. `tests/captures/replay.toml` says what a recording does not say itself.

mod client;
#[path = "replay/compare.rs"]
mod compare;
#[path = "replay/sidecar.rs"]
mod sidecar;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use authentik_double::{
    Double, Fault, Flow, Match, NotConfigured, Policy, Stage, User, UserLogin, Validate, Version,
};
use client::Client;
use compare::Shapes;
use serde_json::Value;
use sidecar::{Setup, Sidecar, StepSetup};

/// The folders of the recordings, and of which authentik they are.
const SETS: [(&str, Version); 2] = [
    ("../captures", Version::V2025_10),
    ("../captures-2026.8", Version::V2026_8),
];

#[test]
fn the_double_answers_as_2025_10_did() {
    let (folder, version) = SETS[0];
    println!("{}", replay(folder, version));
}

#[test]
fn the_double_answers_as_2026_8_did() {
    let (folder, version) = SETS[1];
    println!("{}", replay(folder, version));
}

/// Replays the recordings of a folder; tells how many those were.
fn replay(folder: &str, version: Version) -> String {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let sidecar = Sidecar::read(&captures.join("replay.toml"));
    let mut recordings = BTreeMap::new();
    for entry in std::fs::read_dir(&captures).expect("the recordings are there") {
        let path = entry.expect("a directory entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let text = std::fs::read_to_string(&path).expect("a readable recording");
            let value: Value = serde_json::from_str(&text).expect("a recording in JSON");
            recordings.insert(name, value);
        }
    }
    // Samples of challenges that nobody asked for one after the other.
    let samples = recordings.remove("components").unwrap_or_default();

    let mut complaints = sidecar.complaints(&recordings.keys().cloned().collect());
    let mut shapes = Shapes::default();
    let mut replayed = 0;
    for (name, recording) in &recordings {
        let Some(setup) = sidecar.setup(name) else {
            continue;
        };
        let steps = recording.as_array().expect("a recording is a list");
        let found = Replay::new(setup, &sidecar, version).run(steps, &mut shapes);
        complaints.extend(
            found
                .into_iter()
                .map(|complaint| format!("{name} {complaint}")),
        );
        replayed += 1;
    }
    complaints.extend(shapes.missing(&samples));

    assert!(
        complaints.is_empty(),
        "{} differences from the recordings:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    format!(
        "{}: replayed {replayed} of {} recordings, not replayed {}",
        version.name(),
        recordings.len(),
        sidecar.not_replayed.len()
    )
}

/// A flow of the sidecar's own.
fn flow(slug: &str, stages: &[String]) -> Flow {
    stages.iter().fold(Flow::new(slug), |flow, stage| {
        let (kind, what) = stage.split_once(' ').unwrap_or((stage, ""));
        match kind {
            "identification" => flow.identification(),
            "password" => flow.password(),
            "validate" => flow.validate(),
            "validate-or-skip" => flow.bind(Validate::new().not_configured(NotConfigured::Skip)),
            "consent" => flow.consent(),
            "dummy" => flow.dummy(what),
            "skip" => flow.bind(Stage::Skip),
            "deny" => flow.deny(what),
            "redirect" => flow.redirect(what),
            "refused" => flow.policy(match what {
                "" => Policy::deny(),
                words => Policy::deny_with(&[words]),
            }),
            "title" => flow.title(what),
            "one-try" => flow.password_tries(1),
            "login" => flow.user_login(),
            "remember" => flow.bind(UserLogin::new().ask_remember_me()),
            other => panic!("{slug}: no stage {other:?}"),
        }
    })
}

/// One recording on its way through the double.
struct Replay<'a> {
    setup: &'a Setup,
    double: Double,
    client: Client,
    /// The cookies before each step.
    jars: Vec<BTreeMap<String, String>>,
    /// What was sent at each step.
    sent: Vec<Value>,
    /// The body that came last.
    last: Value,
}

impl<'a> Replay<'a> {
    fn new(setup: &'a Setup, sidecar: &Sidecar, version: Version) -> Replay<'a> {
        let double = Double::builder().version(version).start();
        double.world(|world| {
            for (slug, stages) in &sidecar.flows {
                world.add_flow(flow(slug, stages));
            }
            for name in &sidecar.users {
                world.add_user(User::new(name));
            }
            // a busy machine must not turn "at once" into "later"
            world.clock.stop();
            for name in &setup.unreachable {
                match name.as_str() {
                    "sms" => world.providers.sms = false,
                    "duo" => world.providers.duo = false,
                    other => panic!("no provider {other:?}"),
                }
            }
            for (user, groups) in &setup.groups {
                world.user_mut(user).groups.clone_from(groups);
            }
            for user in &setup.used {
                for device in &mut world.user_mut(user).devices {
                    device.last_used = Some(std::time::SystemTime::UNIX_EPOCH);
                    if device.class() != setup.used_class(device.class()) {
                        device.last_used = None;
                    }
                }
            }
            for (user, pk) in &setup.device_uid {
                world.user_mut(user).devices[0].pk = *pk;
            }
            for (flow, milliseconds) in &setup.pause_ms {
                let pause = std::time::Duration::from_millis(*milliseconds);
                world.flow_mut(flow).policy = Some(Policy::slow(pause));
            }
            world.anonymous_requests_per_minute = setup.anonymous_limit;
        });
        let mut client = Client::new(&double);
        if let Some(user) = &setup.login {
            let password = double.world(|world| world.user(user).password.clone());
            client.answer("linux-login", &serde_json::json!({"uid_field": user}));
            client.answer("linux-login", &serde_json::json!({"password": password}));
            assert_eq!(
                client.who().as_ref(),
                Some(user),
                "the session to start with"
            );
        }
        client.headers = setup.headers.clone().into_iter().collect();
        Replay {
            setup,
            double,
            client,
            jars: Vec::new(),
            sent: Vec::new(),
            last: Value::Null,
        }
    }

    fn run(mut self, steps: &[Value], shapes: &mut Shapes) -> Vec<String> {
        let nothing = StepSetup::default();
        let mut complaints = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let setup = self
                .setup
                .steps
                .get(&number.to_string())
                .unwrap_or(&nothing);
            let note = step["note"].as_str().unwrap_or_default();
            if setup.new_client || note.starts_with("===") {
                let headers = std::mem::take(&mut self.client.headers);
                self.client = Client::new(&self.double);
                self.client.headers = headers;
            }
            self.prepare(number, setup);
            let found = if step["method"].is_string() {
                self.step(step, setup, shapes)
            } else {
                self.sent.push(Value::Null);
                Vec::new()
            };
            complaints.extend(
                found
                    .into_iter()
                    .map(|complaint| format!("#{number} {note}: {complaint}")),
            );
        }
        complaints
    }

    /// What has to happen before a request.
    fn prepare(&mut self, number: usize, setup: &StepSetup) {
        match setup.cookies.as_str() {
            "" => {}
            "dropped" => self.client.cookies.clear(),
            "garbage" => {
                let garbage = ("authentik_session".to_owned(), "garbage".repeat(20));
                self.client.cookies = BTreeMap::from([garbage]);
            }
            other => panic!("step {number}: cookies are dropped or garbage, not {other:?}"),
        }
        if let Some(earlier) = setup.cookies_of {
            self.client.cookies = self.jars[earlier].clone();
        }
        self.jars.push(self.client.cookies.clone());
        self.double
            .advance(std::time::Duration::from_secs(setup.advance));
        self.double.clear_faults();
        if let Some(fault) = &setup.fault {
            let on = Fault::on(Match::any());
            self.double.inject(match fault.as_str() {
                "close" => on.close(),
                "bad-gateway" => on.bad_gateway(),
                "server-error" => on.server_error(),
                other => panic!("step {number}: no fault {other:?}"),
            });
        }
    }

    fn step(&mut self, step: &Value, setup: &StepSetup, shapes: &mut Shapes) -> Vec<String> {
        let method = step["method"].as_str().unwrap_or_default();
        let path = step["path"].as_str().unwrap_or_default();
        let mut request = step["request"].clone();
        for (key, template) in &setup.set {
            request[key] = Value::String(self.fill(template));
        }
        let mut headers: BTreeMap<String, String> = setup.headers.clone();
        self.client.csrf = false;
        for (name, value) in step["req_headers"].as_object().into_iter().flatten() {
            match (name.as_str(), value.as_str()) {
                ("X-authentik-CSRF", _) => self.client.csrf = true,
                ("Referer" | "Authorization", _) | (_, None) => {}
                (name, Some(value)) => {
                    headers.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        let body = match &request {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Object(fields) if setup.form => {
                headers.insert(
                    "Content-Type".to_owned(),
                    "application/x-www-form-urlencoded".to_owned(),
                );
                let pairs: Vec<String> = fields
                    .iter()
                    .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
                    .collect();
                Some(pairs.join("&"))
            }
            json => Some(json.to_string()),
        };
        self.sent.push(request);
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = self
            .client
            .send(method, path, &headers, body.as_deref().map(str::as_bytes));
        match (answer, step.get("status").is_some()) {
            (Err(_), false) => Vec::new(),
            (Err(error), true) => vec![format!("no answer: {error}")],
            (Ok(answer), false) => vec![format!("an answer, {}, where none was", answer.status)],
            (Ok(answer), true) => {
                self.last = answer.json();
                shapes.saw(&self.last);
                compare::answers(step, &answer, self.setup)
            }
        }
    }

    /// Puts values of this run into the place of the recorded ones.
    fn fill(&self, template: &str) -> String {
        let words: Vec<&str> = template.split(' ').collect();
        match words.as_slice() {
            ["totp", user] => self.double.totp_now(user),
            ["totp-in-two", user] => {
                let code = self.double.totp_now(user);
                format!("{} {}", &code[..3], &code[3..])
            }
            ["totp-in-blanks", user] => format!(" {} ", self.double.totp_now(user)),
            ["sent", number, key] => {
                let number: usize = number.parse().expect("the number of a step");
                self.sent[number][*key]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            }
            ["last", key] => self.last[*key].as_str().unwrap_or_default().to_owned(),
            ["enrolled-totp"] => {
                let url = self.last["config_url"].as_str().unwrap_or_default();
                let secret = compare::secret_of(url).expect("a secret in config_url");
                self.double.totp_of_secret(secret)
            }
            _ => panic!("no template {template:?}"),
        }
    }
}

#[test]
fn every_recording_is_named_once() {
    for (folder, _) in SETS {
        let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let sidecar = Sidecar::read(&captures.join("replay.toml"));
        let mut names = BTreeSet::new();
        for name in sidecar.names() {
            assert!(names.insert(name.clone()), "{folder} names {name} twice");
        }
    }
}
