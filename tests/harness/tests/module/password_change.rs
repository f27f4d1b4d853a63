//! `pam_chauthtok`: the old password logs in, then authentik's own flow changes it.

use authentik_double::{Fault, Field, Flow, Match, Prompt};
use pam_harness::codes::flags::PAM_CHANGE_EXPIRED_AUTHTOK;
use pam_harness::script::ProcessOptions;
use pam_harness::{Outcome, Pam};

use crate::bench::{Bench, PASSWORD};

pub(crate) const NEW: &str = "battery-staple-9";
const SECTION: &str = "[password]\nflow = \"default-password-change\"\n";
const FLOW: &str = "default-password-change";

pub(crate) fn bench() -> Bench {
    Bench::new().section(SECTION)
}

/// passwd, called by alice.
pub(crate) fn passwd(bench: &Bench) -> Pam {
    // As for set-uid programs. An ordinary user who runs the tests is not root.
    let process = ProcessOptions {
        real_uid: pam_harness::ordinary_user().map(|_| 2001),
        ..Default::default()
    };
    bench
        .pam_for("passwd", "linux-login")
        .user("alice")
        .process(process)
}

#[track_caller]
pub(crate) fn expect(outcome: &Outcome, code: &str, part: &str) {
    let lines: Vec<String> = outcome.log().iter().map(|line| line.text.clone()).collect();
    let wanted = format!("pam_authentik_flow(passwd:password): {code}:");
    assert!(
        lines
            .iter()
            .any(|line| line.contains(&wanted) && line.contains(part)),
        "{wanted} {part}\n{outcome}"
    );
    assert_eq!(outcome.code(), code, "{outcome}");
}

pub(crate) fn password_of(bench: &Bench, user: &str) -> String {
    bench
        .double
        .world(|world| world.user(user).password.clone())
}

/// What libpam calls at the end of a handle makes no request.
#[test]
fn a_change_that_another_module_stops_leaves_its_session_to_expire() {
    pam_harness::require_isolation!();
    let bench = bench();
    let outcome = passwd(&bench)
        .stack("password required {module} {arguments}\npassword required pam_deny.so\n")
        .answer_secret(PASSWORD)
        .chauthtok()
        .run();
    assert_ne!(outcome.code(), "PAM_SUCCESS", "{outcome}");
    assert_eq!(asked_to_change(&bench), 0);
    assert_eq!(bench.double.active_sessions("alice"), 1);
}

fn asked_to_change(bench: &Bench) -> usize {
    let path = format!("/executor/{FLOW}/");
    bench
        .requests()
        .iter()
        .filter(|r| r.contains(&path))
        .count()
}

#[test]
fn a_password_is_changed_in_the_session_of_a_login() {
    pam_harness::require_isolation!();
    let bench = bench();
    let outcome = passwd(&bench)
        .answer_secret_to("Current password: ", PASSWORD)
        .answer_secret_to("New password: ", NEW)
        .answer_secret_to("Retype new password: ", NEW)
        .chauthtok()
        .run();
    expect(
        &outcome,
        "PAM_SUCCESS",
        "flow=default-password-change stages=prompt",
    );
    assert_eq!(outcome.log().len(), 1, "{outcome}");
    assert_eq!(password_of(&bench, "alice"), NEW);
    assert_eq!(outcome.shown(), [""; 0]);
    assert_eq!(outcome.host_differences(), [""; 0]);
    assert_eq!(bench.double.active_sessions("alice"), 0);
    assert_eq!(bench.requests().len(), 10, "{:#?}", bench.requests());
    // authentik checks the origin of an answer in a logged-in session.
    let requests = bench.double.requests();
    let change = requests
        .iter()
        .find(|r| r.method == "POST" && r.path.contains(FLOW));
    let change = change.expect("an answer");
    assert!(change.header("x-authentik-csrf").is_some());
    assert_eq!(
        change.header("referer"),
        Some(format!("{}/", bench.double.url()).as_str())
    );
    assert!(
        change.query.contains("pam_service%3Dpasswd"),
        "{}",
        change.query
    );
    assert!(requests.iter().all(|r| r.header("authorization").is_none()));
    // The old password no longer works.
    assert_eq!(
        bench.log_in("linux-login", "alice", &[PASSWORD]).code(),
        "PAM_AUTH_ERR"
    );
    assert_eq!(
        bench.log_in("linux-login", "alice", &[NEW]).code(),
        "PAM_SUCCESS"
    );
}

/// authentik's own flow asks only for the two passwords. Other flows ask for more.
#[test]
fn a_form_that_asks_for_more_is_filled_in_as_any_other() {
    pam_harness::require_isolation!();
    let bench = bench();
    bench.double.world(|world| {
        world.add_flow(
            Flow::new(FLOW)
                .title("A new password")
                .bind(Prompt::new(vec![
                    Field::new("reason", "text", "Reason").order(1),
                    Field::new("password", "password", "New one").order(2),
                    Field::new("password_repeat", "password", "Again").order(3),
                ]))
                .bind(authentik_double::Stage::UserWrite),
        );
    });
    let outcome = passwd(&bench)
        .capture_authtok()
        .answer_secret(PASSWORD)
        .answer_visible("it leaked")
        .expecting("A new password\nReason: ")
        .answer_secret_to("New one: ", NEW)
        .answer_secret_to("Again: ", NEW)
        .chauthtok()
        .run();
    expect(&outcome, "PAM_SUCCESS", "stages=prompt");
    assert_eq!(password_of(&bench, "alice"), NEW);
}

#[test]
fn the_policys_message_is_shown_and_the_question_repeated() {
    pam_harness::require_isolation!();
    let bench = bench();
    let outcome = passwd(&bench)
        .answer_secret(PASSWORD)
        .answer_secret("short")
        .answer_secret("short")
        .answer_secret_to(
            "Password needs to be 8 characters or longer.\nNew password: ",
            "password123",
        )
        .answer_secret("password123")
        .answer_secret_to("Password is too weak.", NEW)
        .answer_secret(NEW)
        .chauthtok()
        .run();
    expect(&outcome, "PAM_SUCCESS", "");
    assert_eq!(password_of(&bench, "alice"), NEW);

    // As many times as codes may be wrong.
    let bench = self::bench().section("[prompt]\nattempts = 2\n");
    let outcome = passwd(&bench)
        .answer_secret(PASSWORD)
        .answer_secret("short")
        .answer_secret("short")
        .answer_secret("short")
        .answer_secret("short")
        .chauthtok()
        .run();
    expect(&outcome, "PAM_AUTHTOK_ERR", "refused the new password");
    assert_eq!(
        outcome.shown(),
        ["Password needs to be 8 characters or longer."]
    );
    assert_eq!(password_of(&bench, "alice"), PASSWORD);
    assert_eq!(bench.double.active_sessions("alice"), 0);
}

#[test]
fn a_new_password_is_typed_twice_and_never_empty() {
    pam_harness::require_isolation!();
    let bench = bench();
    let outcome = passwd(&bench)
        .answer_secret(PASSWORD)
        .answer_secret(NEW)
        .answer_secret("battery-stapel-9")
        .answer_secret_to("The two were not the same.\nNew password: ", NEW)
        .answer_secret(NEW)
        .chauthtok()
        .run();
    expect(&outcome, "PAM_SUCCESS", "");
    assert!(!bench.was_sent("stapel"));

    for (answers, code, part) in [
        (
            &["a", "b", "c", "d", "e", "f"] as &[&str],
            "PAM_AUTHTOK_ERR",
            "the same way twice",
        ),
        (&[""], "PAM_AUTHTOK_ERR", "was empty"),
    ] {
        let bench = self::bench();
        let pam = passwd(&bench).answer_secret(PASSWORD);
        let pam = answers
            .iter()
            .fold(pam, |pam, answer| pam.answer_secret(answer));
        let outcome = pam.chauthtok().run();
        expect(&outcome, code, part);
        assert_eq!(password_of(&bench, "alice"), PASSWORD);
        assert_eq!(asked_to_change(&bench), 1, "{:?}", bench.requests());
        assert_eq!(bench.double.active_sessions("alice"), 0);
    }
}

#[test]
fn without_the_old_password_nothing_begins() {
    pam_harness::require_isolation!();
    for (answer, code, part) in [
        ("wrong", "PAM_AUTHTOK_RECOVERY_ERR", "refused the password"),
        ("", "PAM_AUTHTOK_RECOVERY_ERR", "was empty"),
    ] {
        let bench = bench();
        let outcome = passwd(&bench).answer_secret(answer).chauthtok().run();
        expect(&outcome, code, part);
        assert_eq!(asked_to_change(&bench), 0);
    }
    let bench = bench().access("groups = [\"ops-child\"]");
    let outcome = passwd(&bench).answer_secret(PASSWORD).chauthtok().run();
    expect(&outcome, "PAM_PERM_DENIED", "in none of the groups");
    assert_eq!(asked_to_change(&bench), 0);
    assert_eq!(bench.double.active_sessions("alice"), 0);
    let bench = self::bench();
    let outcome = passwd(&bench).abort().chauthtok().run();
    expect(&outcome, "PAM_CONV_ERR", "");
}

#[test]
fn a_server_that_is_down_is_asked_again_later() {
    pam_harness::require_isolation!();
    let bench = bench().top("url = \"https://127.0.0.1:1\"");
    expect(
        &passwd(&bench).chauthtok().run(),
        "PAM_TRY_AGAIN",
        "no connection",
    );
    // Once something may have been changed, that answer is not used.
    for (when, answers) in [
        (Match::get(FLOW), &[PASSWORD] as &[&str]),
        (Match::post(FLOW), &[PASSWORD, NEW, NEW]),
    ] {
        let bench = self::bench();
        bench
            .double
            .inject(Fault::on(when).answer(502, "text/html", ""));
        let pam = answers
            .iter()
            .fold(passwd(&bench), |pam, answer| pam.answer_secret(answer));
        let outcome = pam.chauthtok().run();
        expect(&outcome, "PAM_AUTHTOK_ERR", "HTTP status 502");
        assert_eq!(bench.double.active_sessions("alice"), 0);
    }
}

#[test]
fn users_left_alone_and_a_missing_section_are_ignored() {
    pam_harness::require_isolation!();
    // Only PAM_IGNORE jumps over the refusal.
    let stack = "password [ignore=1 default=die] {module} {arguments}\npassword requisite pam_deny.so\npassword required pam_permit.so\n";
    for (section, user, flags) in [
        ("", "alice", 0),
        (SECTION, "root", 0),
        (SECTION, "daemon", 0),
        (
            "[password]\nflow = \"f\"\n[user]\nignore = [\"alice\"]\n",
            "alice",
            0,
        ),
        (
            "[password]\nflow = \"f\"\n[user]\nallow = [\"bob\"]\n",
            "alice",
            0,
        ),
        // This module cannot see whether authentik's passwords expire.
        (SECTION, "alice", PAM_CHANGE_EXPIRED_AUTHTOK),
    ] {
        let bench = Bench::new().section(section);
        let pam = bench.pam_for("passwd", "linux-login").user(user);
        let outcome = pam.stack(stack).flags(flags).chauthtok().run();
        assert_eq!(outcome.code(), "PAM_SUCCESS", "{section} {user}: {outcome}");
        assert_eq!(bench.requests(), [""; 0]);
    }
    let bench = bench();
    for user in ["nobody-here", "al ice"] {
        let pam = bench.pam_for("passwd", "linux-login").user(user);
        assert_eq!(pam.chauthtok().run().code(), "PAM_USER_UNKNOWN", "{user}");
    }
    let bench = Bench::new().section("[password]\nfloww = \"x\"\n");
    expect(
        &passwd(&bench).chauthtok().run(),
        "PAM_SERVICE_ERR",
        "unknown key",
    );
}

/// Root may set a local password without the old one. The module tells root that this is not
/// possible here.
#[test]
fn root_needs_the_old_password_too_and_is_told_so() {
    pam_harness::require_isolation!();
    pam_harness::require_root!();
    let bench = bench();
    let outcome = bench
        .pam_for("passwd", "linux-login")
        .user("alice")
        .answer_secret_to(
            "Current password of alice (authentik asks root for it, too): ",
            PASSWORD,
        )
        .answer_secret(NEW)
        .answer_secret(NEW)
        .chauthtok()
        .run();
    expect(&outcome, "PAM_SUCCESS", "user=alice");
    assert_eq!(password_of(&bench, "alice"), NEW);
}

#[test]
fn a_second_factor_is_asked_for_once() {
    pam_harness::require_isolation!();
    let bench = bench();
    let code = bench.double.totp_unused("bob");
    let outcome = bench
        .pam_for("passwd", "linux-mfa")
        .user("bob")
        .answer_secret(PASSWORD)
        .answer_secret(&code)
        .answer_secret(NEW)
        .answer_secret(NEW)
        .chauthtok()
        .run();
    expect(&outcome, "PAM_SUCCESS", "user=bob");
    assert_eq!(password_of(&bench, "bob"), NEW);
}

#[test]
fn a_flow_that_asks_for_no_new_password_has_changed_none() {
    pam_harness::require_isolation!();
    let fields = || [Field::new("password", "password", "One field alone")];
    for (flow, typed, code, part) in [
        (
            Flow::new("change"),
            false,
            "PAM_AUTHTOK_ERR",
            "without asking for a new password",
        ),
        (
            Flow::new("change").dummy("x"),
            false,
            "PAM_AUTHTOK_ERR",
            "without asking",
        ),
        (
            Flow::new("change").deny("Not now."),
            false,
            "PAM_PERM_DENIED",
            "Not now.",
        ),
        (
            Flow::new("other"),
            false,
            "PAM_SERVICE_ERR",
            "no flow with the slug",
        ),
        (
            Flow::new("change").bind(Prompt::new(fields())),
            true,
            "PAM_SUCCESS",
            "",
        ),
    ] {
        let bench = Bench::new().section("[password]\nflow = \"change\"\n");
        bench.double.world(|world| world.add_flow(flow));
        let pam = passwd(&bench).answer_secret(PASSWORD);
        let pam = match typed {
            true => pam.answer_secret(NEW).answer_secret(NEW),
            false => pam,
        };
        expect(&pam.chauthtok().run(), code, part);
        assert_eq!(bench.double.active_sessions("alice"), 0);
    }
}

/// Some flows ask for the old password again, which the stack has by then.
#[test]
fn a_flow_that_asks_for_the_old_password_again_gets_it_from_the_stack() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[password]\nflow = \"careful\"\n");
    bench.double.world(|world| {
        let field = Field::new("password", "password", "New");
        let flow = Flow::new("careful").identification().password();
        let flow = flow.bind(Prompt::new([field]));
        world.add_flow(flow.bind(authentik_double::Stage::UserWrite));
    });
    let outcome = passwd(&bench)
        .answer_secret(PASSWORD)
        .answer_secret(NEW)
        .answer_secret(NEW)
        .chauthtok()
        .run();
    expect(
        &outcome,
        "PAM_SUCCESS",
        "stages=identification,password,prompt",
    );
    assert_eq!(password_of(&bench, "alice"), NEW);
}

#[test]
fn a_flow_that_asks_for_the_old_password_of_nobody_changes_nothing() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[password]\nflow = \"careless\"\n");
    bench.double.world(|world| {
        let field = Field::new("password", "password", "New");
        // authentik's password stage refuses a flow that has identified nobody
        let flow = Flow::new("careless").password().bind(Prompt::new([field]));
        world.add_flow(flow.bind(authentik_double::Stage::UserWrite));
    });
    let outcome = passwd(&bench).answer_secret(PASSWORD).chauthtok().run();
    expect(&outcome, "PAM_AUTHTOK_ERR", "Unknown error");
    assert_eq!(password_of(&bench, "alice"), PASSWORD);
}
