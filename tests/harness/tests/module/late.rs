//! Somebody who answers the first prompt of a login when `login_timeout` is over, as at
//! a greeter or a screen locker: the time before the first answer is nobody's failure.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use authentik_double::{Fault, Field, Flow, Match, Prompt, Stage};
use pam_harness::{Outcome, Pam};

use crate::bench::{Bench, PASSWORD, expect};
use crate::password_change;

/// `login_timeout` of these logins.
const LIMIT: &str = "login_timeout = \"1s\"";
/// Longer than that.
const LATE: Duration = Duration::from_millis(1300);

fn bench() -> Bench {
    Bench::new().top(LIMIT)
}

/// How many flows were begun: each with a GET behind which a name is sent.
fn flows_begun(bench: &Bench) -> usize {
    bodies(bench, "\"uid_field\"")
}

/// How many requests had this in their body.
fn bodies(bench: &Bench, part: &str) -> usize {
    let requests = bench.double.requests();
    let bodies = requests
        .iter()
        .map(|request| String::from_utf8_lossy(&request.body).into_owned());
    bodies.filter(|body| body.contains(part)).count()
}

/// A configuration that changes while a login waits for its first answer.
struct Changing {
    directory: tempfile::TempDir,
}

impl Changing {
    fn new(bench: &Bench, flow: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let changing = Self { directory };
        fs::write(changing.path("ca.pem"), bench.double.ca_pem()).expect("a file");
        changing.write(bench, flow);
        changing
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, bench: &Bench, flow: &str) -> String {
        let directory = self.directory.path().display().to_string();
        bench.configuration(flow).replace("{dir}", &directory)
    }

    fn write(&self, bench: &Bench, flow: &str) {
        fs::write(self.path("config.toml"), self.text(bench, flow)).expect("a file");
    }

    /// Somebody who takes too long for the first answer; meanwhile the configuration
    /// becomes that of `after`.
    fn answers_late(&self, pam: Pam, typed: &str, after: String) -> Pam {
        let path = self.path("config.toml");
        let typed = typed.to_owned();
        pam.arguments(&format!("config={}", path.display()))
            .answer_secret_later(move |_| {
                std::thread::sleep(LATE);
                fs::write(&path, &after).expect("a file");
                Some(typed.clone())
            })
    }
}

#[track_caller]
fn asked_once(outcome: &Outcome) {
    assert_eq!(outcome.prompts().len(), 1, "{outcome}");
}

#[test]
fn a_late_password_logs_in_with_one_prompt_and_one_line() {
    pam_harness::require_isolation!();
    for flow in ["linux-login", "linux-combined"] {
        let bench = bench();
        let outcome = bench
            .pam(flow, "alice")
            .answer_secret_after(PASSWORD, LATE)
            .capture_authtok()
            .authenticate()
            .run();
        expect(&outcome, "PAM_SUCCESS", &["user=alice"]);
        asked_once(&outcome);
        assert_eq!(outcome.shown(), [""; 0]);
        // The line tells of the flow that logged in.
        let line = crate::bench::line(&outcome);
        assert_eq!(line.matches("identification").count(), 1, "{line}");
        assert_eq!(
            flows_begun(&bench),
            if flow == "linux-login" { 2 } else { 1 }
        );
        assert_eq!(bodies(&bench, PASSWORD), 1, "it is sent once");
        assert_eq!(outcome.authtok(), Some(PASSWORD));
        assert_eq!(bench.double.active_sessions("alice"), 0);
    }
}

/// A locker stays open for a week: authentik's anonymous sessions end after a day.
#[test]
fn a_week_at_the_prompt_is_not_too_long() {
    pam_harness::require_isolation!();
    let bench = bench();
    let double = Arc::clone(&bench.double);
    let outcome = bench
        .pam("linux-login", "alice")
        .answer_secret_later(move |_| {
            std::thread::sleep(LATE);
            double.advance(Duration::from_secs(7 * 24 * 3600));
            Some(PASSWORD.into())
        })
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=alice"]);
    asked_once(&outcome);
}

/// Whoever answers in time has all of `login_timeout` from then on.
#[test]
fn the_time_of_a_login_begins_with_its_first_answer() {
    pam_harness::require_isolation!();
    let slow = Duration::from_millis(1400);
    let bench = Bench::new().top("login_timeout = \"2s\"");
    let outcome = bench
        .pam("linux-mfa", "bob")
        .answer_secret_after(PASSWORD, slow)
        .answer_secret_after(&bench.double.totp_now("bob"), slow)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=bob"]);
    assert_eq!(flows_begun(&bench), 1, "the flow went on");
}

#[test]
fn a_late_answer_that_is_wrong_counts_as_any_other() {
    pam_harness::require_isolation!();
    let wrong_after = |delay| {
        let bench = bench();
        let outcome = bench
            .pam("linux-login", "alice")
            .answer_secret_after("wrong-horse", delay)
            .authenticate()
            .run();
        expect(
            &outcome,
            "PAM_AUTH_ERR",
            &["authentik refused the password"],
        );
        asked_once(&outcome);
        assert_eq!(bodies(&bench, "wrong-horse"), 1, "counted once");
        let line = crate::bench::line(&outcome);
        let (what, rest) = line.split_once(" ms=").expect("the time");
        let why = rest.split_once(' ').expect("the reason").1;
        let head = what.split_once("pam_authentik_flow").expect("the module").1;
        (format!("{head} {why}"), outcome.transcript())
    };
    assert_eq!(wrong_after(LATE), wrong_after(Duration::ZERO));
}

/// Only the same question gets the late answer; any other is asked.
#[test]
fn another_question_is_asked_again() {
    pam_harness::require_isolation!();
    const TYPED: &str = "typed-for-another-question";
    for (flow, section, code) in [
        // Another prompt, another component, somebody else by authentik's names.
        (
            "linux-login",
            "[prompt]\npassword = \"Secret:\"\n",
            "PAM_SUCCESS",
        ),
        ("linux-combined", "", "PAM_SUCCESS"),
        (
            "linux-login",
            "[user]\nname = \"x-{user}\"\n",
            "PAM_AUTH_ERR",
        ),
    ] {
        let bench = bench().section(section);
        let changing = Changing::new(&bench, "linux-login");
        let after = changing.text(&bench, flow);
        let before = after.replace(section, "").replace(flow, "linux-login");
        fs::write(changing.path("config.toml"), before).expect("a file");
        let outcome = changing
            .answers_late(bench.pam("linux-login", "alice"), TYPED, after)
            .answer_secret(PASSWORD)
            .authenticate()
            .run();
        expect(&outcome, code, &[&format!("flow={flow}")]);
        assert!(!bench.was_sent(TYPED), "{flow} {section}");
        assert!(bench.was_sent(PASSWORD), "{flow} {section}");
    }
}

/// A form belongs to its flow: what was typed there is asked for again.
#[test]
fn an_answer_that_is_no_password_and_no_code_is_asked_for_again() {
    pam_harness::require_isolation!();
    let bench = bench();
    bench.double.world(|world| {
        let fields = vec![Field::new("ticket", "text", "Ticket")];
        world.add_flow(
            Flow::new("form")
                .identification()
                .bind(Prompt::new(fields))
                .password()
                .user_login(),
        );
    });
    let outcome = bench
        .pam("form", "alice")
        .answer_visible_after("OPS-1", LATE)
        .answer_visible("OPS-2")
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=alice"]);
    assert!(!bench.was_sent("OPS-1"));
    assert!(bench.was_sent("OPS-2"));
}

/// From the moment something was typed nothing proves that authentik is unavailable.
#[test]
fn a_server_that_is_down_by_then_is_not_called_unavailable() {
    pam_harness::require_isolation!();
    for (url, line) in [
        (
            "https://127.0.0.1:1",
            "no connection to the authentik server",
        ),
        ("https://authentik.invalid", "does not resolve"),
    ] {
        let bench = bench();
        let changing = Changing::new(&bench, "linux-login");
        let after = changing.text(
            &self::bench().top(&format!("url = \"{url}\"")),
            "linux-login",
        );
        let outcome = changing
            .answers_late(bench.pam("linux-login", "alice"), PASSWORD, after)
            .authenticate()
            .run();
        expect(&outcome, "PAM_AUTH_ERR", &[line]);
        asked_once(&outcome);
    }
    let bench = bench();
    let double = Arc::clone(&bench.double);
    let outcome = bench
        .pam("linux-login", "alice")
        .answer_secret_later(move |_| {
            std::thread::sleep(LATE);
            double.inject(Fault::on(Match::any()).server_error());
            Some(PASSWORD.into())
        })
        .authenticate()
        .run();
    expect(&outcome, "PAM_AUTH_ERR", &["HTTP status 5"]);
    assert!(!bench.was_sent(PASSWORD));
}

/// A locker asks again on the same handle, and the network is there by then.
#[test]
fn a_failure_after_a_late_answer_is_not_kept() {
    pam_harness::require_isolation!();
    let bench = bench();
    let double = Arc::clone(&bench.double);
    let outcome = bench
        .pam("linux-login", "alice")
        .answer_secret_later(move |_| {
            std::thread::sleep(LATE);
            // The end of the first session, and the beginning of the new flow.
            double.inject(Fault::on(Match::any().first(2)).close());
            Some(PASSWORD.into())
        })
        .authenticate()
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    assert_eq!(
        outcome.codes(),
        ["PAM_AUTH_ERR", "PAM_SUCCESS"],
        "{outcome}"
    );
}

#[test]
fn the_configuration_is_read_anew() {
    pam_harness::require_isolation!();
    let old = bench();
    let changing = Changing::new(&old, "linux-login");
    let new = Bench::new();
    fs::write(changing.path("new.pem"), new.double.ca_pem()).expect("a file");
    let after = changing
        .text(&new, "linux-dummy")
        .replace("ca.pem", "new.pem");
    let outcome = changing
        .answers_late(old.pam("linux-login", "alice"), PASSWORD, after)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["flow=linux-dummy"]);
    asked_once(&outcome);
    assert!(!old.was_sent(PASSWORD));
    assert!(new.was_sent(PASSWORD));

    // A rule that has come since holds, too.
    let bench = bench();
    let changing = Changing::new(&bench, "linux-login");
    let mut after = changing.text(&bench, "linux-login");
    after.push_str("[user]\nignore = [\"alice\"]\n");
    let outcome = changing
        .answers_late(bench.pam("linux-login", "alice"), PASSWORD, after)
        .authenticate()
        .run();
    let line = crate::bench::line(&outcome);
    assert!(line.contains("PAM_IGNORE:"), "{line}");
    // With no other module in the stack, libpam refuses.
    assert_eq!(outcome.code(), "PAM_PERM_DENIED", "{outcome}");
    assert!(!bench.was_sent(PASSWORD));

    // And a file that is wrong by now is no reason to go on with the old one.
    let changing = Changing::new(&bench, "linux-login");
    let outcome = changing
        .answers_late(bench.pam("linux-login", "alice"), PASSWORD, "flow".into())
        .authenticate()
        .run();
    expect(&outcome, "PAM_SERVICE_ERR", &["config.toml"]);
}

#[test]
fn a_second_late_answer_ends_the_login() {
    pam_harness::require_isolation!();
    let bench = bench();
    let outcome = bench
        .pam("linux-mfa", "bob")
        .answer_secret_after(PASSWORD, LATE)
        .answer_secret_after(&bench.double.totp_now("bob"), LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_AUTH_ERR", &["longer than login_timeout"]);
    assert_eq!(outcome.prompts().len(), 2, "{outcome}");
    assert_eq!(flows_begun(&bench), 2);
    assert!(!bench.was_sent("\"code\""));
}

/// The question that is asked again has the time that began with the first answer.
#[test]
fn only_one_new_flow_begins() {
    pam_harness::require_isolation!();
    let bench = bench();
    let changing = Changing::new(&bench, "linux-login");
    let mut after = changing.text(&bench, "linux-login");
    after.push_str("[prompt]\npassword = \"Secret:\"\n");
    let outcome = changing
        .answers_late(bench.pam("linux-login", "alice"), PASSWORD, after)
        .answer_secret_after(PASSWORD, LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_AUTH_ERR", &["longer than login_timeout"]);
    assert_eq!(flows_begun(&bench), 2);
    assert!(!bench.was_sent(PASSWORD));
}

/// The password came from an earlier module, so the code is the first answer.
#[test]
fn a_late_code_is_sent_in_a_new_flow() {
    pam_harness::require_isolation!();
    let bench = bench().arguments("use_first_pass");
    let outcome = bench
        .pam("linux-mfa", "bob")
        .preset_authtok(PASSWORD)
        .answer_secret_after(&bench.double.totp_now("bob"), LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=bob"]);
    asked_once(&outcome);
    assert_eq!(flows_begun(&bench), 2);
    assert_eq!(bodies(&bench, "\"code\""), 1);

    // The stack's password was refused, so somebody typed one: that one is sent.
    let bench = self::bench().arguments("try_first_pass");
    let outcome = bench
        .pam("linux-login", "alice")
        .preset_authtok("wrong-horse")
        .answer_secret_after(PASSWORD, LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=alice"]);
    asked_once(&outcome);
    assert_eq!(bodies(&bench, "wrong-horse"), 1, "it is not refused again");
}

/// The session of the flow that is given up may be somebody's: with the password of an
/// earlier module the flow has logged them in before it asks.
#[test]
fn the_session_of_the_first_flow_is_ended() {
    pam_harness::require_isolation!();
    let bench = bench().arguments("use_first_pass");
    bench.double.world(|world| {
        world.add_flow(
            Flow::new("early")
                .identification()
                .password()
                .user_login()
                .validate()
                .user_login(),
        );
    });
    let outcome = bench
        .pam("early", "bob")
        .preset_authtok(PASSWORD)
        .answer_secret_after(&bench.double.totp_now("bob"), LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=bob"]);
    assert_eq!(bench.double.active_sessions("bob"), 0);
}

/// A flow that has sent a code or a link before it asked is not begun again: another
/// message would come, and the answer is to the first.
#[test]
fn a_flow_that_has_sent_a_message_goes_on() {
    pam_harness::require_isolation!();
    for user in ["ivan", "gina"] {
        let bench = bench().arguments("use_first_pass");
        let double = Arc::clone(&bench.double);
        let outcome = bench
            .pam("linux-mfa", user)
            .preset_authtok(PASSWORD)
            .answer_secret_later(move |_| {
                let code = double.last_code(user)?;
                std::thread::sleep(LATE);
                Some(code)
            })
            .authenticate()
            .run();
        expect(&outcome, "PAM_SUCCESS", &[&format!("user={user}")]);
        asked_once(&outcome);
        assert_eq!(flows_begun(&bench), 1, "{user}");
        assert_eq!(bodies(&bench, "selected_challenge"), 1, "{user}");
    }
    let bench = bench();
    bench.double.world(|world| {
        world.add_flow(
            Flow::new("mail")
                .identification()
                .bind(Stage::Email)
                .password()
                .user_login(),
        );
    });
    let double = Arc::clone(&bench.double);
    let outcome = bench
        .pam("mail", "alice")
        .answer_secret_later(move |_| {
            let token = double.last_flow_token("alice")?;
            std::thread::sleep(LATE);
            Some(format!("{}/if/flow/mail/?flow_token={token}", double.url()))
        })
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["email"]);
    assert_eq!(flows_begun(&bench), 1);
}

/// An application that can ask only once is not asked twice.
#[test]
fn an_application_that_asks_once_is_not_asked_again() {
    pam_harness::require_isolation!();
    let single = "[prompt]\nsingle = true\n";
    let bench = bench().section(single);
    let outcome = bench
        .pam("linux-login", "alice")
        .answer_secret_after(PASSWORD, LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=alice"]);

    let changing = Changing::new(&bench, "linux-login");
    let after = changing
        .text(&bench, "linux-login")
        .replace("single = true", "single = true\npassword = \"Secret:\"");
    let outcome = changing
        .answers_late(bench.pam("linux-login", "alice"), PASSWORD, after)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SERVICE_ERR", &["second prompt"]);
    asked_once(&outcome);
}

/// `login` leaves it to the module to ask for the name.
#[test]
fn whoever_takes_long_to_say_who_they_are_logs_in() {
    pam_harness::require_isolation!();
    let bench = bench();
    let outcome = bench
        .pam_for("sshd", "linux-login")
        .answer_visible_after("alice", LATE)
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=alice"]);
    assert_eq!(flows_begun(&bench), 1);
    // A name is nothing that authentik was sent: what is down is down.
    let outcome = Bench::new()
        .top(LIMIT)
        .top("url = \"https://127.0.0.1:1\"")
        .pam_for("sshd", "linux-login")
        .answer_visible_after("alice", LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_AUTHINFO_UNAVAIL", &[]);
}

#[test]
fn a_late_current_password_changes_the_password() {
    pam_harness::require_isolation!();
    let bench = password_change::bench().top(LIMIT);
    let outcome = password_change::passwd(&bench)
        .answer_secret_to("Current password: ", PASSWORD)
        .after(LATE)
        .answer_secret_to("New password: ", password_change::NEW)
        .answer_secret_to("Retype new password: ", password_change::NEW)
        .chauthtok()
        .run();
    password_change::expect(&outcome, "PAM_SUCCESS", "flow=default-password-change");
    assert_eq!(outcome.log().len(), 1, "{outcome}");
    assert_eq!(
        password_change::password_of(&bench, "alice"),
        password_change::NEW
    );
}
