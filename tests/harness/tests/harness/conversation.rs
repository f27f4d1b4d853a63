//! Codes, prompts, answers, and scripts that do not fit.

use crate::{failure, local, stack};
use pam_harness::accounts::LOCAL_ADMIN_PASSWORD;
use pam_harness::{Code, Style};
use std::time::Duration;

#[test]
fn codes_come_back_by_name() {
    pam_harness::require_isolation!();
    let run = stack("auth required pam_permit.so").authenticate().run();
    assert_eq!(run.code(), "PAM_SUCCESS");
    let run = stack("auth required pam_deny.so").authenticate().run();
    assert_eq!(run.code(), Code::PAM_AUTH_ERR);
    for code in Code::ALL {
        // pam_debug returns what it is told, with its own names.
        let name = code.to_string();
        let word = name.strip_prefix("PAM_").unwrap_or(&name).to_lowercase();
        let run = stack(&format!("auth required pam_debug.so auth={word}"))
            .authenticate()
            .run();
        match *code {
            // libpam changes these codes or never returns them.
            Code::PAM_IGNORE => assert_eq!(run.code(), "PAM_PERM_DENIED"),
            // Its name was misspelt until Linux-PAM 1.6.
            Code::PAM_AUTHTOK_RECOVERY_ERR => {}
            code => assert_eq!(run.code(), code, "{word}"),
        }
    }
    assert_eq!(Code::ALL.len(), 32);
    assert_eq!(Code(77).to_string(), "PAM code 77");
}

#[test]
fn calls_go_to_one_handle_in_order() {
    pam_harness::require_isolation!();
    let run = stack(
        "auth required pam_permit.so\naccount required pam_deny.so\n\
         session required pam_permit.so\npassword required pam_deny.so",
    )
    .authenticate()
    .setcred()
    .acct_mgmt()
    .open_session()
    .close_session()
    .chauthtok()
    .authenticate()
    .run();
    let expected = [
        "PAM_SUCCESS",
        "PAM_SUCCESS",
        "PAM_AUTH_ERR",
        "PAM_SUCCESS",
        "PAM_SUCCESS",
        "PAM_AUTHTOK_ERR",
        "PAM_SUCCESS",
    ];
    assert_eq!(run.codes(), expected);
    assert_eq!(run.durations().len(), expected.len());
}

#[test]
fn a_password_is_asked_for_and_answered() {
    pam_harness::require_isolation!();
    let run = local()
        .answer_secret_to("Password", LOCAL_ADMIN_PASSWORD)
        .authenticate()
        .run();
    assert_eq!(run.code(), "PAM_SUCCESS", "{run}");
    assert_eq!(run.user(), Some("localadmin"));
    assert_eq!(run.messages()[0].style, Style::EchoOff);
    assert_eq!(run.transcript(), "Password: [hidden]\n");

    let run = local().answer_secret("wrong").authenticate().run();
    assert_eq!(run.code(), "PAM_AUTH_ERR");
    assert!(!run.fail_delays().is_empty());
    assert!(run.fail_delays()[0] > 500_000, "{:?}", run.fail_delays());
    assert!(
        run.durations()[0] < Duration::from_millis(900),
        "the run waited for the delay"
    );
}

#[test]
fn a_missing_name_is_asked_for() {
    pam_harness::require_isolation!();
    let nameless = || {
        pam_harness::Pam::new(&pam_harness::Module::system("pam_unix.so"))
            .arguments("")
            .item(pam_harness::codes::Item::UserPrompt, "who: ")
    };
    let run = nameless()
        .answer_visible("localadmin")
        .expecting("who: ")
        .answer_secret(LOCAL_ADMIN_PASSWORD)
        .authenticate()
        .run();
    assert_eq!(run.code(), "PAM_SUCCESS", "{run}");
    assert_eq!(run.user(), Some("localadmin"));
    assert_eq!(run.transcript(), "who: localadmin\nPassword: [hidden]\n");
}

#[test]
fn words_are_kept_with_their_style() {
    pam_harness::require_isolation!();
    let run = stack("auth required pam_echo.so file={dir}/words")
        .file("words", "first\nsecond")
        .authenticate()
        .run();
    assert_eq!(run.messages()[0].style, Style::Info, "{run}");
    assert_eq!(run.shown(), ["first\nsecond"]);
    let silent = stack("auth required pam_echo.so file={dir}/words")
        .file("words", "first")
        .silent()
        .authenticate()
        .run();
    assert_eq!(silent.shown(), [""; 0]);
}

#[test]
fn answers_may_be_bytes_or_late_or_none() {
    pam_harness::require_isolation!();
    let run = local().answer_bytes(b"\xff\xfe").authenticate().run();
    assert_eq!(run.code(), "PAM_AUTH_ERR");
    // pam_unix changes it, depending on the version; pam_exec does not.
    let run = stack("auth required pam_exec.so expose_authtok /bin/true")
        .abort()
        .authenticate()
        .run();
    assert_eq!(run.code(), "PAM_CONV_ERR");
    assert_eq!(run.transcript(), "Password: [aborted]\n");
    let run = local().answer_null().authenticate().run();
    assert_ne!(run.code(), "PAM_SUCCESS");
    let run = local()
        .answer_secret_after(LOCAL_ADMIN_PASSWORD, Duration::from_millis(300))
        .authenticate()
        .run();
    assert!(run.durations()[0] >= Duration::from_millis(300));
}

#[test]
fn every_secret_may_have_the_same_answer() {
    pam_harness::require_isolation!();
    let run = local()
        .answer_every_secret(LOCAL_ADMIN_PASSWORD)
        .authenticate()
        .authenticate()
        .run();
    assert_eq!(run.codes(), ["PAM_SUCCESS"; 2]);
    assert_eq!(run.prompts().len(), 2);
}

#[test]
fn a_script_that_does_not_fit_fails() {
    pam_harness::require_isolation!();
    let unused = stack("auth required pam_permit.so")
        .answer_secret("nobody wants it")
        .authenticate();
    assert!(failure(unused).contains("nobody asked for Text(\"nobody wants it\")"));

    let unexpected = local().authenticate();
    assert!(failure(unexpected).contains("nobody expected this prompt: \"Password: \""));

    let style = local().answer_visible("x").authenticate();
    assert!(failure(style).contains("is EchoOff, the script expects EchoOn"));

    let words = local().answer_secret_to("Passcode", "x").authenticate();
    assert!(failure(words).contains("does not contain \"Passcode\""));
}

#[test]
fn a_script_that_does_not_fit_can_be_looked_at() {
    pam_harness::require_isolation!();
    let run = local().authenticate().try_run().unwrap();
    assert!(run.check().is_err());
    assert_ne!(run.code(), "PAM_SUCCESS");
    assert_eq!(run.transcript(), "Password: [not answered]\n");
}

#[test]
fn the_stacks_password_can_be_read_and_set() {
    pam_harness::require_isolation!();
    let run = local()
        .capture_authtok()
        .answer_secret(LOCAL_ADMIN_PASSWORD)
        .authenticate()
        .run();
    assert_eq!(run.code(), "PAM_SUCCESS");
    assert_eq!(run.authtok(), Some(LOCAL_ADMIN_PASSWORD));

    let run = local()
        .arguments("use_first_pass")
        .preset_authtok(LOCAL_ADMIN_PASSWORD)
        .capture_authtok()
        .authenticate()
        .run();
    assert_eq!(run.code(), "PAM_SUCCESS", "{run}");
    assert_eq!(run.authtok(), Some(LOCAL_ADMIN_PASSWORD));
    assert!(run.messages().is_empty());

    // Reading it asks no question and sets nothing.
    let run = stack("{capture}\nauth required pam_permit.so")
        .authenticate()
        .run();
    assert_eq!((run.code(), run.authtok()), (Code::PAM_SUCCESS, None));
    assert!(run.messages().is_empty());
}

#[test]
fn an_earlier_password_is_not_taken_for_a_later_one() {
    pam_harness::require_isolation!();
    let run = local()
        .capture_authtok()
        .answer_secret("first")
        .abort()
        .authenticate()
        .authenticate()
        .run();
    assert_eq!(run.codes()[0], "PAM_AUTH_ERR");
    assert_ne!(run.codes()[1], "PAM_SUCCESS");
    assert_eq!(run.authtok(), None);
}

#[test]
fn a_transaction_that_takes_too_long_is_killed() {
    pam_harness::require_isolation!();
    let hangs = local()
        .timeout(Duration::from_millis(300))
        .answer_secret_after("x", Duration::from_secs(60))
        .authenticate();
    assert!(failure(hangs).contains("took longer than 300ms and was killed"));
}
