//! Plays the recordings of real authentiks, 2025.10 in `tests/captures` and 2026.8 in
//! `tests/captures-2026.8`, through the module. A [`player::Player`] replaces HTTPS and returns
//! the recorded answers. The sidecar `play.toml` has what the person types. Everything in
//! between is the code of every login. The module's requests are compared with the recorded
//! ones.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test says so by ending"
)]

mod honesty;
mod person;
mod player;
mod recording;
mod sidecar;
mod texts;

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::pam::constants::PamResultCode;
use pam_authentik_flow::account;
use pam_authentik_flow::audit::Audit;
use pam_authentik_flow::binding::BoundAccount;
use pam_authentik_flow::config::Config;
use pam_authentik_flow::deadline::Deadline;
use pam_authentik_flow::first_answer::FirstAnswer;
use pam_authentik_flow::login::{self, Login};
use pam_authentik_flow::login_context::LoginContext;
use pam_authentik_flow::pam::{self, Phase};
use pam_authentik_flow::password;
use person::Person;
use player::Player;
use recording::Step;
use sidecar::{Play, Sidecar};

/// The recordings of authentik 2025.10.
fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

#[test]
fn recordings_of_2025_10_come_to_the_right_code() {
    println!("{}", come_to_the_right_code(&captures()));
}

#[test]
fn recordings_of_2026_8_come_to_the_right_code() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    println!("{}", come_to_the_right_code(&tests.join("captures-2026.8")));
}

/// Plays all recordings of `folder`. Returns their number.
fn come_to_the_right_code(folder: &Path) -> String {
    let sidecar = Sidecar::read(&folder.join("play.toml"));
    let recordings = recording::read_all(folder);
    let mut complaints = sidecar.complaints(&recordings.keys().collect());
    let (mut logins, mut cut_short) = (0, 0);
    for (name, plays) in &sidecar.play {
        if let Some(steps) = recordings.get(name) {
            let found = play_all(steps, plays);
            complaints.extend(found.into_iter().map(|what| format!("{name}: {what}")));
            logins += plays.len();
            cut_short += plays.iter().filter(|play| play.is_cut_short()).count();
        }
    }
    let not_played: Vec<String> = sidecar
        .not_played
        .keys()
        .map(|name| format!("{name} ({})", sidecar.reason(name).unwrap_or_default()))
        .collect();
    assert!(
        complaints.is_empty(),
        "{} differences from the recordings:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    format!(
        "{} of {} recordings played through the module, in {logins} logins of which \
         {cut_short} go further than was recorded; {} not: {}",
        sidecar.play.len(),
        recordings.len(),
        not_played.len(),
        not_played.join(", ")
    )
}

/// Plays the logins of one recording, each separately. Together they make every request to a
/// flow that the sidecar does not skip.
fn play_all(steps: &[Step], plays: &[Play]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut left: BTreeSet<usize> = (0..steps.len())
        .filter(|&number| steps[number].is_of_a_flow())
        .collect();
    for (login, play) in plays.iter().enumerate() {
        let (played, found) = run(steps, play);
        complaints.extend(
            found
                .into_iter()
                .map(|what| format!("login {login}: {what}")),
        );
        left.retain(|number| !played.contains(number) && !play.skip.contains(number));
    }
    let beyond = plays.iter().flat_map(|play| play.skip.range(steps.len()..));
    complaints.extend(beyond.map(|number| format!("#{number} is skipped, and is not there")));
    for number in left {
        complaints.push(format!("#{number} is neither asked for nor skipped"));
    }
    complaints
}

/// Runs one login. Returns its requests and the differences.
fn run(steps: &[Step], play: &Play) -> (BTreeSet<usize>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(steps, play, folder.path());
    let mut player = Player::new(steps, play);
    let mut person = Person::new(play);
    let unbound = BoundAccount {
        name: &play.user,
        rule: config.user.bind,
    };
    let (code, why) = if play.lookup {
        match account::look_up(&mut player, &play.user, &config, &unbound) {
            Ok(admitted) => (pam::admitted(admitted), None),
            Err(error) => (pam::code(&error), Some(error.to_string())),
        }
    } else {
        log_in(&mut player, &mut person, play, &config)
    };
    let (played, mut complaints) = player.finish();
    complaints.extend(person.finish());
    let code = format!("{code:?}");
    if code != play.code {
        complaints.push(format!("{code} instead of {}, for {why:?}", play.code));
    }
    let is_why = match (&why, &play.why) {
        (None, None) => true,
        (Some(why), Some(part)) => why.contains(part.as_str()),
        _ => false,
    };
    if !is_why {
        complaints.push(format!("the log says {why:?} instead of {:?}", play.why));
    }
    (played, complaints)
}

/// Logs in, and changes the password if the recording does. Returns the code and the reason of
/// a failure.
fn log_in(
    player: &mut Player<'_>,
    person: &mut Person,
    play: &Play,
    config: &Config,
) -> (PamResultCode, Option<String>) {
    let context = LoginContext::default();
    // Recorded answers take no time, so the pauses that a real server requires are left out.
    let mut first = FirstAnswer::within(Deadline::after(Duration::ZERO));
    let login = Login {
        config,
        context: &context,
        user: &play.user,
        first: &mut first,
    };
    let mut audit = Audit::trial("recordings", "auth");
    let verified = match login::prove(player, person, login, &mut audit) {
        Ok(verified) => verified,
        Err(error) => return (pam::code(&error), Some(error.to_string())),
    };
    if !play.changes_password {
        return (pam::success(verified), None);
    }
    let login = Login {
        config,
        context: &context,
        user: &play.user,
        first: &mut first,
    };
    let result = password::run_flow(player, person, login, None, &mut audit);
    let error = result.err();
    let code = pam::password_code(error.as_ref(), Phase::Update);
    (code, error.map(|error| error.to_string()))
}

/// The configuration of one login, read from a file as usual.
fn config(steps: &[Step], play: &Play, folder: &Path) -> Config {
    let slug = steps[play.first..]
        .iter()
        .find_map(Step::slug)
        // A look-up runs no flow.
        .or(play.lookup.then_some("linux-login"))
        .expect("a flow to begin with");
    let has_rules = play.config.iter().any(|line| line.starts_with("access."));
    let access = match (play.anyone, has_rules) {
        (true, _) => "access.allow_any_user = true",
        (false, true) => "",
        (false, false) => "access.groups = [\"linux-admins\"]",
    };
    // A key that is plugged into this machine must not change the result.
    let text = format!(
        "url = \"https://authentik.test:9443\"\nflow = {slug:?}\nsecurity_key.enabled = false\n{access}\n{}\n",
        play.config.join("\n")
    );
    let path = folder.join("pam_authentik_flow.toml");
    std::fs::write(&path, text).expect("a file for the configuration");
    let mut arguments = vec![format!("config={}", path.display())];
    arguments.extend_from_slice(&play.arguments);
    let arguments: Vec<CString> = arguments
        .into_iter()
        .map(|argument| CString::new(argument).expect("an argument"))
        .collect();
    let arguments: Vec<&CStr> = arguments.iter().map(CString::as_c_str).collect();
    Config::load(&arguments, "recordings").unwrap_or_else(|error| panic!("{error}"))
}
