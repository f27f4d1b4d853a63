//! The prompt stage: every type of field, and the effect of a wrong answer.

use authentik_double::{Field, Flow, Prompt};
use pam_harness::Outcome;

use crate::bench::{Bench, PASSWORD, expect};

/// A flow with a form of these fields after the password.
fn bench(fields: Vec<Field>) -> Bench {
    let bench = Bench::new();
    bench.double.world(|world| {
        world.add_flow(
            Flow::new("form")
                .title("Who are you?")
                .identification()
                .password()
                .bind(Prompt::new(fields))
                .user_login(),
        );
    });
    bench
}

/// The contents of the form's answer.
fn sent(bench: &Bench) -> serde_json::Value {
    let requests = bench.double.requests();
    let body = requests
        .iter()
        .rev()
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .find(|body| body.contains("ak-stage-prompt"))
        .expect("a form was sent");
    let mut body: serde_json::Value = serde_json::from_str(&body).expect("it is JSON");
    body.as_object_mut().expect("an object").remove("component");
    body
}

/// Fills the form in with visible answers.
fn fill(bench: &Bench, answers: &[&str]) -> Outcome {
    let pam = bench.pam("form", "alice").answer_secret(PASSWORD);
    let pam = answers
        .iter()
        .fold(pam, |pam, answer| pam.answer_visible(answer));
    pam.authenticate().run()
}

#[test]
fn every_type_of_field_is_asked_in_its_order() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench
        .pam("linux-everything", "bob")
        .answer_secret(PASSWORD)
        .answer_secret(&bench.double.totp_unused("bob"))
        .answer_visible("OPS-7")
        .answer_visible("")
        .answer_visible("disk change")
        .answer_visible("bob@example.com")
        .answer_visible("45")
        .answer_visible("2026-12-01")
        .answer_visible("2026-12-01 08:30")
        .answer_visible("2")
        .answer_visible("")
        .answer_visible("yes")
        .answer_visible("de")
        .answer_visible("y")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(
        outcome.transcript(),
        "Password: [hidden]
Authentication code: [hidden]
Title linux-everything
Work on this host is recorded.
--- about your work ---
from the desk
Ticket number (for example ABC-123): OPS-7
Remark (optional): 
Reason (optional): disk change
Host: build-7
Mail the record to (optional): bob@example.com
Minutes: 45
Until (optional, YYYY-MM-DD): 2026-12-01
Not before (optional, YYYY-MM-DD HH:MM): 2026-12-01 08:30
Area:
  1) network
  2) storage
  3) other
Option (1-3) [1]: 2
Urgency:
  1) low
  2) high
Option (1-2) [1]: 
I have read the rules [y/N] yes
Language (optional): de
You're about to sign into this host.
This asks for:
  - Your name
  - Your mail address
Allow this? [y/N] y
"
    );
    assert_eq!(
        sent(&bench),
        serde_json::json!({
            "ticket": "OPS-7",
            "reason": "disk change",
            "host": "build-7",
            "mail": "bob@example.com",
            "minutes": 45,
            "until": "2026-12-01",
            "start": "2026-12-01T08:30",
            "area": "storage",
            "urgency": "low",
            "agree": true,
            "trace": "trace-1",
            "locale": "de",
        })
    );
}

#[test]
fn an_impossible_value_is_asked_again_before_it_is_sent() {
    pam_harness::require_isolation!();
    let bench = bench(vec![
        Field::new("name", "text", "Name"),
        Field::new("count", "number", "Count"),
        Field::new("day", "date", "Day"),
        Field::new("at", "date-time", "At"),
        Field::new("agree", "checkbox", "Agree"),
        Field::new("pick", "dropdown", "Pick").choices(&["one", "two"]),
    ]);
    let outcome = fill(
        &bench,
        &[
            "",
            "x",
            "many",
            "3",
            "2026-02-30",
            "2026-02-28",
            "noon",
            "2026-02-28 12:00",
            "perhaps",
            "no",
            "3",
            "two",
        ],
    );
    expect(&outcome, "PAM_SUCCESS", &[]);
    let prompts = outcome.prompts().join("\n");
    for words in [
        "This needs an answer.\nName:",
        "Please type a whole number.\nCount:",
        "Please type a date as YYYY-MM-DD.\nDay (YYYY-MM-DD):",
        "Please type date and time as YYYY-MM-DD HH:MM.\nAt",
        "Please answer yes or no.\nAgree [y/N]",
        "Please type one of the numbers 1-2.\nOption (1-2):",
    ] {
        assert!(prompts.contains(words), "{words:?} is not in {prompts}");
    }
    assert_eq!(sent(&bench)["agree"], false);
    assert_eq!(sent(&bench)["pick"], "two");
    let forms = bench
        .double
        .requests()
        .iter()
        .filter(|r| String::from_utf8_lossy(&r.body).contains("ak-stage-prompt"))
        .count();
    assert_eq!(forms, 1);
}

#[test]
fn one_question_is_not_asked_without_end() {
    pam_harness::require_isolation!();
    let bench = bench(vec![Field::new("count", "number", "Count")]);
    expect(
        &fill(&bench, &["a", "b", "c"]),
        "PAM_MAXTRIES",
        &["3 answers to ak-stage-prompt were wrong, and no more are allowed"],
    );
}

#[test]
fn refused_fields_are_asked_again_and_the_rest_is_kept() {
    pam_harness::require_isolation!();
    let bench = bench(vec![
        Field::new("name", "text", "Name").order(1),
        Field::new("mail", "email", "Mail").order(2),
    ]);
    let outcome = fill(&bench, &["Alice", "nowhere", "alice@example.com"]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(outcome.prompts()[3], "Enter a valid email address.\nMail: ");
    assert_eq!(
        sent(&bench),
        serde_json::json!({"name": "Alice", "mail": "alice@example.com"})
    );
}

/// A refused value is not offered again: Enter leaves the field empty.
#[test]
fn an_optional_field_that_was_refused_can_be_left_empty() {
    pam_harness::require_isolation!();
    let bench = bench(vec![
        Field::new("name", "text", "Name").order(1),
        Field::new("mail", "email", "Mail").optional().order(2),
    ]);
    let outcome = fill(&bench, &["Alice", "nowhere", ""]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(sent(&bench), serde_json::json!({"name": "Alice"}));
}

#[test]
fn two_passwords_must_agree_and_keep_their_blanks() {
    pam_harness::require_isolation!();
    let fields = vec![
        Field::new("new", "password", "New password"),
        Field::new("again", "password", "New password again"),
    ];
    let bench = bench(fields);
    let typed = [PASSWORD, " a b ", "a b", " c d ", " c d "];
    let outcome = bench.log_in("form", "alice", &typed);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(
        outcome.prompts()[3],
        "The two did not agree. Please type both again.\nNew password: "
    );
    assert_eq!(
        sent(&bench),
        serde_json::json!({"new": " c d ", "again": " c d "})
    );
}

#[test]
fn a_file_is_left_out_where_it_may_be_and_named_where_it_may_not() {
    pam_harness::require_isolation!();
    let optional = bench(vec![
        Field::new("cv", "file", "Your CV").optional(),
        Field::new("name", "text", "Name"),
    ]);
    expect(&fill(&optional, &["Alice"]), "PAM_SUCCESS", &[]);
    assert_eq!(sent(&optional), serde_json::json!({"name": "Alice"}));
    let required = bench(vec![Field::new("cv", "file", "Your <b>CV</b>")]);
    let outcome = fill(&required, &[]);
    expect(
        &outcome,
        "PAM_SERVICE_ERR",
        &["the required field", "Your CV", "takes a file"],
    );
    assert_eq!(
        outcome.shown(),
        ["This login cannot go on here: it asks for a file (Your CV). Ask your administrator."]
    );
}

#[test]
fn a_form_that_asks_nothing_waits_until_it_was_read() {
    pam_harness::require_isolation!();
    let bench = bench(vec![
        Field::new("notice", "static", "Notice")
            .optional()
            .initial("Line one.<br>Line &amp; two."),
        Field::new("host", "text_read_only", "Host").initial("build-7"),
    ]);
    let outcome = fill(&bench, &[""]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(
        outcome.prompts()[1],
        "Who are you?\nLine one.\nLine & two.\nHost: build-7\nPress Enter to go on: "
    );
    assert_eq!(sent(&bench), serde_json::json!({"host": "build-7"}));
}

#[test]
fn long_text_is_shown_in_pieces_before_its_prompt() {
    pam_harness::require_isolation!();
    let long: Vec<String> = (0..60).map(|n| format!("Rule {n}: be kind.")).collect();
    let bench = bench(vec![
        Field::new("rules", "static", "Rules")
            .optional()
            .initial(&long.join("<br>"))
            .order(1),
        Field::new("name", "text", "Name").order(2),
    ]);
    // sudo asks for silence, so text that must be read is part of the prompt.
    let outcome = bench
        .pam("form", "alice")
        .answer_secret(PASSWORD)
        .answer_visible("Alice")
        .silent()
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    let shown = outcome.shown().join("\n");
    for rule in &long {
        assert!(shown.contains(rule.as_str()), "{rule} is not in {shown}");
    }
    assert_eq!(outcome.prompts()[1], "Name: ");
    assert!(
        outcome
            .messages()
            .iter()
            .all(|message| message.raw.len() < 512)
    );
}

#[test]
fn text_of_a_server_cannot_control_the_terminal() {
    pam_harness::require_isolation!();
    let bench = bench(vec![
        Field::new("a", "text", "Na\u{1b}[31mme\u{202e}")
            .sub_text("x\u{7}<b>y</b>\u{9b}2J")
            .placeholder("\u{1b}]0;title\u{7}"),
        Field::new("b", "dropdown", "Pick")
            .choices(&["one\u{1b}[2J", "two"])
            .initial("two"),
    ]);
    let outcome = fill(&bench, &["Alice", "1"]);
    for message in outcome.messages() {
        let odd = message
            .text
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || "\u{202e}\u{9b}".contains(*c));
        assert_eq!(odd, None, "{:?}", message.text);
    }
    // It is sent back as the server has it.
    assert_eq!(sent(&bench)["b"], "one\u{1b}[2J");
}

/// Adds a field to the flow `form` that restarts it, and gives four wrong answers.
pub(crate) fn restart_four_times(bench: &Bench, form: Flow) {
    bench.double.world(|world| {
        world.add_flow(
            form.identification()
                .password()
                .bind(Prompt::new(vec![Field::new("mail", "email", "Mail")]))
                .restart_on_invalid()
                .user_login(),
        );
    });
    let pam = bench.pam("form", "alice");
    let pam = (0..4).fold(pam, |pam, _| {
        pam.answer_secret(PASSWORD).answer_visible("nowhere")
    });
    expect(
        &pam.authenticate().run(),
        "PAM_MAXTRIES",
        &["went back to its beginning 4 times"],
    );
}

/// With a binding that says *restart*, every refused answer goes back to the start.
#[test]
fn a_flow_that_begins_again_over_a_form_ends_some_time() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    restart_four_times(&bench, Flow::new("form"));
    let outcome = bench
        .pam("form", "alice")
        .answer_secret(PASSWORD)
        .answer_visible("nowhere")
        .answer_secret(PASSWORD)
        .answer_visible("alice@example.com")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
}

#[test]
fn a_form_without_end_is_refused() {
    pam_harness::require_isolation!();
    let hidden = |number: usize| Field::new(&format!("f{number}"), "hidden", "").initial("x");
    let names: Vec<String> = (0..201).map(|number| format!("c{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let many = Field::new("many", "dropdown", "Which one?");
    for (fields, answers, line) in [
        (
            (0..101).map(hidden).collect(),
            &[] as &[&str],
            "a form of more than 100 fields",
        ),
        (
            vec![many.choices(&names)],
            &["1"],
            "a field with more than 200 choices",
        ),
    ] {
        let bench = bench(fields);
        let pam = bench.pam("form", "alice").answer_secret(PASSWORD);
        let pam = answers
            .iter()
            .fold(pam, |pam, answer| pam.answer_visible(answer));
        // Refused before any field is asked.
        let outcome = pam.authenticate().try_run().expect("it ends");
        expect(&outcome, "PAM_AUTH_ERR", &[line]);
        assert_eq!(outcome.prompts(), ["Password: "]);
    }
    let most = (0..100).map(hidden).collect();
    let outcome = bench(most).log_in("form", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_SUCCESS", &[]);
}
