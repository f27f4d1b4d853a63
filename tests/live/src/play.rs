//! Runs one row: the configuration, the accounts, the person, and the result.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use authentik_double::{stranger_pem, totp_code};
use pam_harness::script::ProcessOptions;
use pam_harness::{Call, Module, Outcome, Pam};

use crate::maker::{Maker, MakerError};
use crate::rows::{Act, Name, Row};

/// How long an app's code is valid.
const PERIOD: u64 = 30;
/// The person's user id on the host.
const UID: u32 = 3001;

/// An app that was set up: its secret, and the step of the last code.
#[derive(Clone, Debug, Default)]
struct App {
    secret: String,
    used: u64,
}

/// The second factors that users have set up in this run.
#[derive(Default)]
pub(crate) struct Factors {
    apps: BTreeMap<String, App>,
    recovery: BTreeMap<String, Vec<String>>,
}

/// The result of a row.
pub(crate) struct Played {
    pub(crate) code: String,
    pub(crate) took: Duration,
    /// What is wrong; empty if everything is right.
    pub(crate) wrong: Option<String>,
}

/// Data that all rows share.
pub(crate) struct Stage<'a> {
    pub(crate) module: &'a Module,
    pub(crate) url: &'a str,
    /// The certificates to trust, if not the system's.
    pub(crate) ca: Option<&'a str>,
}

/// The current step of the server's clock.
fn step(ahead: i64) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    now.saturating_add_signed(ahead) / PERIOD
}

impl Stage<'_> {
    /// Runs it.
    pub(crate) fn play(
        &self,
        row: &Row,
        maker: &mut Maker<'_>,
        factors: &mut Factors,
    ) -> Result<Played, MakerError> {
        maker.person(row.person)?;
        let configuration = self.configuration(row, maker)?;
        let name = self.name(row, maker);
        let mut pam = self.describe(row, &name).config(&configuration);
        for (file, token) in &row.tokens {
            pam = pam.file(file, &format!("{}\n", maker.token(token)?));
        }
        let set_up = Arc::new(Mutex::new(App::default()));
        for (act, part) in &row.acts {
            pam = answer(pam, act, (row, maker, factors), &set_up)?;
            if !part.is_empty() {
                pam = pam.expecting(part);
            }
        }
        if row.waits {
            std::thread::sleep(Duration::from_secs(3));
        }
        let pam = row.calls.iter().fold(pam, |pam, call| pam.call(*call));
        let begun = Instant::now();
        let outcome = match pam.try_run() {
            Ok(outcome) => outcome,
            Err(error) => return Err(MakerError::Failed(error.to_string())),
        };
        let took = begun.elapsed();
        remember(row, factors, &set_up, &outcome);
        let mut wrong = judge(row, &outcome);
        let left = left_sessions(row, maker, &name)?;
        if wrong.is_none() && (left > 0) != row.keeps_session {
            wrong = Some(format!("{left} sessions are left in authentik"));
        }
        if let Some(why) = &mut wrong {
            let all = format!("{why}\n{outcome}");
            *why = all.replace(&maker.password(row.person), "[password]");
        }
        Ok(Played {
            code: outcome.code().to_string(),
            took,
            wrong,
        })
    }

    fn name(&self, row: &Row, maker: &Maker<'_>) -> String {
        match row.name {
            Name::Own => maker.name(row.person),
            Name::Capital => {
                let name = maker.name(row.person);
                name[..1].to_uppercase() + &name[1..]
            }
            Name::OfTheHostAlone => maker.name("hostonly"),
            Name::OfNobody => maker.name("nobody"),
        }
    }

    fn configuration(&self, row: &Row, maker: &mut Maker<'_>) -> Result<String, MakerError> {
        let mut lines = row
            .top
            .iter()
            .map(|line| (*line).to_owned())
            .collect::<Vec<_>>();
        let mut defaults = vec![
            format!("url = \"{}\"", self.url),
            format!("flow = \"{}\"", maker.slug(row.flow)?),
            format!("invalidation_flow = \"{}\"", maker.slug("logout")?),
            "fail_delay = \"0s\"".to_owned(),
        ];
        if self.ca.is_some() {
            defaults.push("ca_file = \"{dir}/ca.pem\"".to_owned());
        }
        let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
        defaults.retain(|line| !lines.iter().any(|other| key(other) == key(line)));
        lines.extend(defaults);
        let access = maker.fill(row.access)?;
        lines.push(format!("[access]\n{access}"));
        for section in &row.sections {
            lines.push(maker.fill(section)?);
        }
        Ok(lines.join("\n") + "\n")
    }

    fn describe(&self, row: &Row, name: &str) -> Pam {
        let mut pam = Pam::new(self.module)
            .service(row.service)
            .user(name)
            .rhost(row.rhost)
            .tty("ssh")
            .file("stranger.pem", &stranger_pem("a stranger"))
            .arguments(row.arguments);
        if row.name != Name::OfNobody {
            pam = pam.account(name, UID);
        }
        if let Some(ca) = self.ca {
            pam = pam.file("ca.pem", ca);
        }
        if let Some(preset) = row.preset {
            pam = pam.preset_authtok(preset);
        }
        if row.calls.contains(&Call::Chauthtok) {
            // passwd is set-uid, and the person calls it.
            pam = pam.process(ProcessOptions {
                real_uid: pam_harness::ordinary_user().map(|_| UID),
                ..ProcessOptions::default()
            });
        }
        pam
    }
}

/// The text after the last `name` on the screen.
fn told(shown: &str, name: &str) -> Option<String> {
    let mut lines = shown.lines().rev();
    let told = lines.find_map(|line| line.strip_prefix(name))?;
    Some(told.trim().to_owned())
}

/// The number of the option that contains these words.
fn option(shown: &str, words: &str) -> Option<String> {
    let line = shown.lines().find(|line| line.contains(words))?;
    let (number, _) = line.trim().split_once(')')?;
    Some(number.to_owned())
}

/// Adds an answer.
fn answer(
    pam: Pam,
    act: &Act,
    (row, maker, factors): (&Row, &mut Maker<'_>, &mut Factors),
    set_up: &Arc<Mutex<App>>,
) -> Result<Pam, MakerError> {
    let ahead = maker.ahead();
    let code = |factors: &mut Factors| {
        let app = factors.apps.get_mut(row.person);
        let app = app.ok_or_else(|| format!("{} has set up no app", row.person))?;
        app.used = step(ahead).max(app.used + 1);
        totp_code(&app.secret, app.used).ok_or_else(|| "the secret is not base32".to_owned())
    };
    let password = maker.password(row.person);
    Ok(match act.clone() {
        Act::Password => pam.answer_secret(&password),
        Act::Secret(text) => pam.answer_secret(&text),
        Act::Visible(text) => pam.answer_visible(text),
        Act::Abort => pam.abort(),
        Act::AppPassword => pam.answer_secret(&maker.token(&format!("app:{}", row.person))?),
        Act::Code => pam.answer_secret(&code(factors)?),
        Act::CodeInGroups => {
            let code = code(factors)?;
            let (first, second) = code.split_at(code.len() / 2);
            pam.answer_secret(&format!(" {first} {second} "))
        }
        Act::PasswordAndCode => pam.answer_secret(&format!("{password};{}", code(factors)?)),
        Act::UsedCode => {
            let app = factors.apps.get(row.person).cloned().unwrap_or_default();
            pam.answer_secret(&totp_code(&app.secret, app.used).unwrap_or_default())
        }
        Act::Recovery(number) => {
            let codes = factors.recovery.get(row.person);
            let code = codes.and_then(|codes| codes.get(number));
            let code = code.ok_or_else(|| format!("{} has no recovery codes", row.person))?;
            pam.answer_secret(code)
        }
        Act::Choose(words) => pam.answer_visible_later(move |shown| option(shown, words)),
        Act::SetUpApp => {
            let set_up = Arc::clone(set_up);
            let asked = OnceLock::new();
            // After a wrong code authentik may refuse even the right one for a moment.
            let pause = Duration::from_secs(2 * u64::from(row.acts.len() > 2));
            pam.answer_secret_later(move |shown| {
                if asked.get_or_init(Instant::now).elapsed() < pause {
                    return None;
                }
                let secret = told(shown, "Secret: ")?.replace(' ', "");
                let mut app = set_up.lock().unwrap_or_else(PoisonError::into_inner);
                if app.secret != secret {
                    *app = App {
                        used: step(ahead),
                        secret,
                    };
                }
                totp_code(&app.secret, app.used)
            })
        }
    })
}

/// Keeps what was set up, if the login succeeded.
fn remember(row: &Row, factors: &mut Factors, set_up: &Mutex<App>, outcome: &Outcome) {
    if outcome.code() != "PAM_SUCCESS" {
        return;
    }
    let app = set_up
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    if !app.secret.is_empty() {
        factors.apps.insert(row.person.to_owned(), app);
    }
    if row.flow.ends_with("-static") {
        let shown = outcome.transcript();
        let codes = shown.split_whitespace().filter(|word| {
            word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        let codes = codes.map(str::to_owned).collect();
        factors.recovery.insert(row.person.to_owned(), codes);
    }
}

/// The differences from the row.
fn judge(row: &Row, outcome: &Outcome) -> Option<String> {
    if let Err(why) = outcome.check() {
        return Some(why);
    }
    let codes = outcome.codes();
    let (last, before) = codes.split_last()?;
    if *last != row.code || before.iter().any(|code| *code != "PAM_SUCCESS") {
        return Some(format!("{codes:?} came, and not {}", row.code));
    }
    // The log puts a backslash before each quotation mark in a value.
    let mut lines = outcome.log().iter().map(|line| line.text.replace('\\', ""));
    let says = lines.any(|line| line.contains(row.why));
    if !says && !row.why.is_empty() {
        return Some(format!("the log does not say {:?}", row.why));
    }
    // There is no proxy between the host and authentik.
    let differences = outcome.host_differences();
    (!differences.is_empty()).then(|| differences.join("\n"))
}

/// How many sessions the person still has, whatever the result. The run does not wait for a
/// session that ends by itself, which may exist for half a minute.
fn left_sessions(row: &Row, maker: &Maker<'_>, name: &str) -> Result<u64, MakerError> {
    let ends_by_itself = row.flow == "short";
    if ends_by_itself || row.name != Name::Own {
        return Ok(u64::from(row.keeps_session));
    }
    let mut count = maker.sessions(name)?;
    for _ in 0..5 {
        if count == 0 || row.keeps_session {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
        count = maker.sessions(name)?;
    }
    Ok(count)
}
