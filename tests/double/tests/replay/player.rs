//! Sends the requests of a recording to the double.

use std::collections::BTreeMap;

use authentik_double::{Double, Fault, Match, Policy, Version};
use serde_json::{Value, json};

use super::client::Client;
use super::compare::{self, Shapes};
use super::sidecar::{Setup, Sidecar, StepSetup};
use super::world::{self, Recordings};

/// The replay of one recording.
pub(crate) struct Replay<'a> {
    setup: &'a Setup,
    double: Double,
    client: Client,
    /// The cookies before each step.
    jars: Vec<BTreeMap<String, String>>,
    /// What was sent at each step.
    sent: Vec<Value>,
    /// The last body.
    last: Value,
    /// The body at the same step of the recording.
    recorded: Value,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(
        setup: &'a Setup,
        sidecar: &Sidecar,
        recordings: &Recordings,
        version: Version,
    ) -> Replay<'a> {
        let double = Double::builder().version(version).start();
        double.world(|world| {
            for (slug, stages) in sidecar.flows.iter().chain(&setup.flows) {
                world.add_flow(world::flow(slug, stages, recordings));
            }
            for group in &sidecar.groups {
                world.add_group(world::group(group));
            }
            for (name, words) in sidecar.people.iter().chain(&setup.people) {
                world.add_user(world::person(name, words, recordings));
            }
            for (slug, words) in &sidecar.applications {
                world.add_application(world::application(slug, words));
            }
            // a busy machine must not delay what has to happen at once
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
            client.answer("linux-login", &json!({"uid_field": user}));
            client.answer("linux-login", &json!({"password": password}));
            assert_eq!(
                client.who().as_ref(),
                Some(user),
                "the session to start with"
            );
        }
        for (user, count) in &setup.wrong_passwords {
            double.try_wrong_passwords(user, *count);
        }
        for user in &setup.wrong_code {
            let password = double.world(|world| world.user(user).password.clone());
            let mut other = Client::new(&double);
            for answer in [
                json!({"uid_field": user}),
                json!({"password": password}),
                json!({"code": "000000"}),
            ] {
                other.answer("pam-mfa", &answer);
            }
        }
        client.headers = setup.headers.clone().into_iter().collect();
        Replay {
            setup,
            double,
            client,
            jars: Vec::new(),
            sent: Vec::new(),
            last: Value::Null,
            recorded: Value::Null,
        }
    }

    /// Sends every request, and reports the differences from the recorded answers.
    pub(crate) fn run(mut self, steps: &[Value], shapes: &mut Shapes) -> Vec<String> {
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
        let differed = self.setup.differed.borrow();
        let stale = self.setup.own_ignore.iter();
        complaints.extend(
            stale
                .filter(|key| !differed.contains(*key))
                .map(|key| format!("{key} is left out, and does not differ")),
        );
        complaints
    }

    /// Prepares what a request needs.
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
        if let Some(user) = &setup.deactivate {
            self.double
                .world(|world| world.user_mut(user).active = false);
        }
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
        let mut path = step["path"].as_str().unwrap_or_default().to_owned();
        if let Some(user) = &setup.link_of {
            let (start, old) = path.split_once("flow_token%3D").expect("a link's token");
            let rest = old.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
            let token = self
                .double
                .last_flow_token(user)
                .expect("a link was mailed");
            path = format!("{start}flow_token%3D{token}{rest}");
        }
        let mut request = self.with_echoes(&step["request"]);
        for (key, template) in &setup.set {
            request[key] = Value::String(self.fill(template));
        }
        let mut headers: BTreeMap<String, String> = setup.headers.clone();
        self.client.csrf = false;
        let sent = ["req_headers", "request_headers"].map(|key| step[key].as_object());
        for (name, value) in sent.into_iter().flatten().flatten() {
            match (name.to_lowercase().as_str(), value.as_str()) {
                ("x-authentik-csrf", _) => self.client.csrf = true,
                ("x-authentik-outpost-token", Some(token)) if token.starts_with('<') => {
                    headers.insert(name.to_owned(), "outpost-token".to_owned());
                }
                // those of this client and this run
                ("referer" | "origin" | "accept-encoding", _) => {}
                ("cookie", Some(cookies)) => {
                    let names = cookies.split("; ").filter_map(|c| c.split('=').next());
                    let names: Vec<&str> = names.collect();
                    self.client
                        .cookies
                        .retain(|name, _| names.contains(&name.as_str()));
                }
                ("authorization", _) | (_, None) => {}
                (_, Some(value)) => {
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
        if let Some((user, flow)) = &setup.login {
            self.client = Client::new(&self.double);
            self.client.headers = headers.clone().into_iter().collect();
            let password = self.double.world(|world| world.user(user).password.clone());
            self.client.answer(flow, &json!({"uid_field": user}));
            self.client.answer(flow, &json!({"password": password}));
            self.client.headers.clear();
        }
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = self
            .client
            .send(method, &path, &headers, body.as_deref().map(str::as_bytes));
        match (answer, step.get("status").is_some()) {
            (Err(_), false) => Vec::new(),
            (Err(error), true) => vec![format!("no answer: {error}")],
            (Ok(answer), false) => vec![format!("an answer, {}, where none was", answer.status)],
            (Ok(answer), true) => {
                self.recorded = step["body"].clone();
                self.last = answer.json();
                shapes.saw(&self.last);
                compare::answers(step, &answer, self.setup)
            }
        }
    }

    /// A request. Values from an earlier answer come from this run: the token of a consent, the
    /// chosen device, the stage to set one up.
    fn with_echoes(&self, request: &Value) -> Value {
        let mut request = request.clone();
        let (then, now) = (&self.recorded, &self.last);
        for (key, list, field) in [
            ("token", "", "token"),
            ("selected_challenge", "device_challenges", ""),
            ("selected_stage", "configuration_stages", "pk"),
        ] {
            let of = |body: &Value, number: usize| match (list, field) {
                ("", field) => body[field].clone(),
                (list, "") => body[list][number].clone(),
                (list, field) => body[list][number][field].clone(),
            };
            let sent = &request[key];
            if !sent.is_null() {
                let found = (0..10).find(|number| of(then, *number) == *sent);
                if let Some(number) = found {
                    request[key] = of(now, number);
                }
            }
        }
        request
    }

    /// Replaces recorded values by those of this run.
    fn fill(&self, template: &str) -> String {
        let words: Vec<&str> = template.split(' ').collect();
        match words.as_slice() {
            ["totp", user] => self.double.totp_now(user),
            ["totp-in-two", user] => {
                let code = self.double.totp_now(user);
                format!("{} {}", &code[..3], &code[3..])
            }
            ["totp-in-blanks", user] => format!(" {} ", self.double.totp_now(user)),
            ["sent-code", user] => self.double.last_code(user).unwrap_or_default(),
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
