//! `enrol-host`: this host gets a token of its own in authentik.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use authentik_double::{Double, EnrolmentToken, Fault, Flow, HostDevice, Match, Stage, Version};
use serde_json::json;

use crate::bench::{Bench, Run, hold_against_transcript, newest};
use crate::check::{FLOW, GROUPS, check, require_host};

const ENROLMENT: &str = "enrolment-token-0001";
const HOST: &str =
    "[host]\ntoken_file = \"{dir}/authentik-host.token\"\nidentifier = \"this-host\"\n";
const TOKEN: &str = "authentik-host.token";
const DROP_IN: &str = "config.d/50-host.toml";
const NAMED: [&str; 4] = ["--identifier", "this-host", "--name", "web1"];

fn bench() -> Bench {
    of(Bench::with(newest().without_pause()))
}

fn of(bench: Bench) -> Bench {
    bench.config(FLOW, GROUPS, "");
    bench.write("enrolment.token", &format!("{ENROLMENT}\n"), 0o600);
    bench.double.world(|world| {
        world.enrolment_tokens.push(EnrolmentToken::new(ENROLMENT));
    });
    bench
}

fn enrol(bench: &Bench, more: &[&str]) -> Run {
    let file = ["--token-file", "{dir}/enrolment.token"];
    bench.run(&[&["enrol-host", "--config", "{config}"], &file[..], more].concat())
}

/// Where the drop-in is, beside `config.toml`.
fn drop_in(bench: &Bench) -> Option<String> {
    fs::read_to_string(bench.path(DROP_IN)).ok()
}

fn token(bench: &Bench) -> Option<String> {
    fs::read_to_string(bench.path(TOKEN)).ok()
}

/// The token that authentik has for the host.
fn known(bench: &Bench, identifier: &str) -> Option<String> {
    bench.double.world(|world| {
        let host = world.hosts.iter().find(|h| h.identifier == identifier)?;
        Some(host.tokens.first()?.key.clone())
    })
}

/// How many requests came for these paths.
fn asked(bench: &Bench) -> usize {
    let requests = bench.double.requests();
    let ours = requests.iter().filter(|r| r.path.contains("/endpoints/"));
    ours.count()
}

#[track_caller]
fn hold(bench: &Bench, run: &Run, name: &str, status: i32, parts: &[&str]) {
    assert_eq!(run.status, status, "{name}:\n{}", run.text);
    run.has(parts);
    let ids = bench.double.world(|world| {
        let ids = world.hosts.iter().map(|host| host.uuid.clone());
        ids.collect::<Vec<_>>()
    });
    let text = ids
        .iter()
        .fold(run.text.clone(), |text, id| text.replace(id, "DEVICE-ID"));
    hold_against_transcript(
        &format!("enrol-host/{name}"),
        &format!("{text}exit {status}\n"),
    );
}

#[test]
fn a_host_is_registered_once_and_again_only_on_purpose() {
    require_host!();
    let bench = bench();
    let run = enrol(&bench, &NAMED);
    hold(&bench, &run, "first", 0, &["authentik accepts the token."]);
    let first = known(&bench, "this-host").expect("a token");
    assert_eq!(token(&bench).as_deref(), Some(first.as_str()));
    let mode = |name: &str| fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(TOKEN), mode(DROP_IN)), (0o600, 0o644));
    assert!(!run.text.contains(&first) && !run.text.contains(ENROLMENT));
    let name = bench.double.world(|world| world.hosts[0].name.clone());
    assert_eq!(name, "web1");
    // The configuration names both.
    let config = bench.run(&["config", "--config", "{config}"]);
    config.has(&["this-host", "/DIR/authentik-host.token", "50-host.toml"]);

    let before = asked(&bench);
    let run = enrol(&bench, &NAMED);
    hold(&bench, &run, "again", 1, &["add --replace"]);
    assert_eq!(asked(&bench), before);
    assert_eq!(token(&bench), Some(first.clone()));

    // Without --identifier it stays the same host.
    let run = enrol(&bench, &["--replace", "--name", "web1"]);
    hold(
        &bench,
        &run,
        "replaced",
        0,
        &["authentik accepts the token."],
    );
    let second = known(&bench, "this-host").expect("a token");
    assert_ne!(second, first);
    assert_eq!(token(&bench), Some(second));
    assert_eq!(bench.double.world(|world| world.hosts.len()), 1);
    // Another identifier replaces the drop-in, too.
    let run = enrol(&bench, &["--replace", "--identifier", "that-host"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert!(
        drop_in(&bench)
            .expect("a drop-in")
            .contains("identifier = \"that-host\"")
    );
    assert_eq!(token(&bench), known(&bench, "that-host"));
}

#[test]
fn a_token_that_authentik_does_not_take_changes_nothing() {
    require_host!();
    let bench = bench();
    bench.write("enrolment.token", "wrong-token", 0o600);
    let run = enrol(&bench, &NAMED);
    hold(
        &bench,
        &run,
        "wrong-token",
        1,
        &["does not accept the enrolment token"],
    );
    assert!(!run.text.contains("wrong-token"));
    assert_eq!((token(&bench), drop_in(&bench)), (None, None));
    for change in [
        |token: &mut EnrolmentToken| token.expired = true,
        |token: &mut EnrolmentToken| token.connector = "off".into(),
    ] {
        let bench = of(Bench::new());
        bench.double.world(|world| {
            world.disabled_connectors.insert("off".into());
            change(&mut world.enrolment_tokens[0]);
        });
        let run = enrol(&bench, &NAMED);
        assert_eq!(run.status, 1, "{}", run.text);
        run.has(&["does not accept the enrolment token"]);
    }
}

#[test]
fn a_server_without_an_answer_changes_nothing() {
    require_host!();
    let none = of(Bench::new());
    none.config(
        &format!("url = \"https://localhost:1\"\n{FLOW}"),
        GROUPS,
        "",
    );
    let run = enrol(&none, &NAMED);
    hold(
        &none,
        &run,
        "server-down",
        1,
        &["no connection", "nothing is written"],
    );
    let old = of(Bench::with(
        Double::builder().version(Version::V2025_10).without_pause(),
    ));
    let run = enrol(&old, &NAMED);
    hold(
        &old,
        &run,
        "no-such-api",
        1,
        &["authentik 2025.12 or newer has one"],
    );
    let taken = of(Bench::new());
    let words = json!({"device_name": ["Device with this name already exists.\u{1b}[31m"]});
    let post = Match::post("connectors/enroll");
    taken.double.inject(Fault::on(post).json(400, &words));
    let run = enrol(&taken, &NAMED);
    hold(
        &taken,
        &run,
        "name-taken",
        1,
        &["Device with this name already exists."],
    );
    assert!(!run.text.contains('\u{1b}'));
    let broken = of(Bench::new());
    let post = Match::post("connectors/enroll");
    broken
        .double
        .inject(Fault::on(post).json(200, &json!({"token": "two words"})));
    let run = enrol(&broken, &NAMED);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["has no token"]);
    for bench in [&none, &old, &taken, &broken] {
        assert_eq!((token(bench), drop_in(bench)), (None, None));
    }
}

/// What is given on standard input.
fn enrol_by_pipe(bench: &Bench, typed: &str) -> Output {
    let arguments = [&["enrol-host", "--config", "{config}"], &NAMED[..]].concat();
    let mut child = bench
        .command(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(typed.as_bytes()).unwrap();
    drop(input);
    child.wait_with_output().unwrap()
}

#[test]
fn the_enrolment_token_comes_from_a_file_or_standard_input() {
    require_host!();
    let bench = bench();
    for (typed, status) in [("", 1), ("\n", 1), ("two words\n", 1)] {
        let output = enrol_by_pipe(&bench, typed);
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        assert_eq!(asked(&bench), 0);
    }
    let output = enrol_by_pipe(&bench, &format!("{ENROLMENT}\n"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains(ENROLMENT));
    assert_eq!(token(&bench), known(&bench, "this-host"));
    for (mode, part) in [
        (0o644, "can be read by others"),
        (0o620, "can be written by others"),
    ] {
        let bench = of(Bench::new());
        bench.write("enrolment.token", ENROLMENT, mode);
        let run = enrol(&bench, &NAMED);
        assert_eq!(run.status, 1, "{}", run.text);
        run.has(&[part]);
        assert_eq!(asked(&bench), 0);
    }
}

/// A token that the host could not write would have replaced the old one for nothing.
#[test]
fn what_cannot_be_written_is_known_before_authentik_is_asked() {
    require_host!();
    let bench = bench();
    let uid = pam_harness::ordinary_user().unwrap_or(1000);
    let arguments = [&["enrol-host", "--config", "{config}"], &NAMED[..]].concat();
    let run = bench.run_as(uid, &arguments);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["run this as root"]);
    assert_eq!(asked(&bench), 0);
    // The main file names another identifier, which a drop-in would hide.
    bench.config(FLOW, GROUPS, HOST);
    let run = enrol(&bench, &["--replace", "--identifier", "other"]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["another [host] identifier"]);
    assert_eq!(asked(&bench), 0);
    // The same one needs no drop-in.
    let run = enrol(&bench, &["--replace"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert_eq!(drop_in(&bench), None);
    assert_eq!(token(&bench), known(&bench, "this-host"));
}

/// An administrator may use the name of the drop-in for more than `[host]`, such as a
/// tighter `[access]`.
#[test]
fn a_drop_in_with_other_settings_is_never_replaced() {
    require_host!();
    let own = "[host]\ntoken_file = \"{dir}/authentik-host.token\"\nidentifier = \"old\"\n";
    let access = "override = true\n[access]\ngroups = [\"db-admins\"]\n".to_owned();
    let new: &[&str] = &NAMED;
    let again: &[&str] = &["--replace", "--identifier", "this-host"];
    let dry: &[&str] = &["--identifier", "this-host", "--name", "web1", "--dry-run"];
    for (kept, rest, arguments) in [
        (access.clone(), "", new),
        (access.clone(), "", dry),
        // The main file has another [host].
        (access.clone(), own, again),
        (format!("{access}{own}"), "", again),
        ("override = true\n".into(), "", new),
        (format!("flow = \"linux-login\"\n{own}"), "", again),
        (
            "[services.sudo.access]\ngroups = [\"db-admins\"]\n".into(),
            "",
            new,
        ),
        ("[services.sudo.host]\nidentifier = \"x\"\n".into(), "", new),
    ] {
        let bench = bench();
        bench.config(FLOW, GROUPS, rest);
        fs::create_dir(bench.path("config.d")).unwrap();
        bench.write(DROP_IN, &kept, 0o644);
        let before = drop_in(&bench);
        let run = enrol(&bench, arguments);
        assert_eq!(run.status, 1, "{kept}:\n{}", run.text);
        run.has(&[
            "holds more than [host]",
            "rename",
            "identifier = \"this-host\"",
        ]);
        assert_eq!(drop_in(&bench), before);
        assert_eq!((asked(&bench), token(&bench)), (0, None));
        // What the message says works.
        let beside = bench.path("config.d/51-site.toml");
        fs::rename(bench.path(DROP_IN), beside).unwrap();
        if rest.is_empty() && !kept.contains("[host]") && arguments == new {
            let run = enrol(&bench, new);
            assert_eq!(run.status, 0, "{kept}:\n{}", run.text);
        }
    }
    // The other way: [host] is written into it by hand.
    let bench = bench();
    fs::create_dir(bench.path("config.d")).unwrap();
    bench.write(DROP_IN, &format!("{access}{HOST}"), 0o644);
    let before = drop_in(&bench);
    let run = enrol(&bench, &["--replace"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert_eq!(drop_in(&bench), before);
    assert_eq!(token(&bench), known(&bench, "this-host"));
}

/// The command may wait long for the enrolment token.
#[test]
fn a_drop_in_that_appears_meanwhile_is_kept() {
    require_host!();
    let bench = bench();
    fs::create_dir(bench.path("config.d")).unwrap();
    let mut child = bench
        .command(&[&["enrol-host", "--config", "{config}"], &NAMED[..]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The command has looked at the folder when it says this line.
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert!(line.starts_with("This host: web1"), "{line}");
    let kept = "override = true\n[access]\ngroups = [\"db-admins\"]\n";
    bench.write(DROP_IN, kept, 0o644);
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(format!("{ENROLMENT}\n").as_bytes())
        .unwrap();
    drop(input);
    let ended = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{text}");
    assert!(text.contains("holds more than [host]"), "{text}");
    assert_eq!(drop_in(&bench).as_deref(), Some(kept));
    assert_eq!((asked(&bench), token(&bench)), (0, None));
}

#[test]
fn a_dry_run_asks_nothing_and_shows_no_machine_id() {
    require_host!();
    let bench = bench();
    let run = enrol(&bench, &["--dry-run", "--name", "web1"]);
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    if machine.trim().len() != 32 {
        pam_harness::skip!("this machine has no id");
    }
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&["This host: web1, with the identifier ", "dry run"]);
    assert!(!run.text.contains(machine.trim()), "{}", run.text);
    let (_, rest) = run.text.split_once("identifier ").expect("an identifier");
    let id = rest.split(',').next().expect("an identifier");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(
        (asked(&bench), token(&bench), drop_in(&bench)),
        (0, None, None)
    );
}

fn with_host(bench: &Bench, flow: &str) {
    bench.config(flow, GROUPS, HOST);
    bench.write(TOKEN, "the-host-token", 0o600);
    bench
        .double
        .world(|world| world.add_host(HostDevice::new("this-host", "the-host-token")));
}

#[test]
fn check_says_whether_authentik_accepts_the_hosts_token() {
    require_host!();
    let bench = Bench::new();
    with_host(&bench, FLOW);
    check(
        &bench,
        "host-accepted",
        0,
        &["authentik accepts the token of this host"],
    );
    bench.double.world(|world| world.hosts.clear());
    check(
        &bench,
        "host-refused",
        1,
        &["does not accept the token", "enrol-host --replace"],
    );
    bench.write(TOKEN, "the-host-token", 0o644);
    let run = check(&bench, "host-token-open", 1, &["can be read by others"]);
    assert!(!run.text.contains("does not accept the token"));
    // A flow that begins with the stage is asked with the token.
    let bench = Bench::new();
    bench.double.world(|world| {
        let flow = Flow::new("of-hosts").bind(Stage::endpoint(true));
        world.add_flow(flow.identification().password().user_login());
    });
    with_host(&bench, "flow = \"of-hosts\"");
    let parts = [
        "goes on after this host's answer",
        "authentik accepts the token",
    ];
    check(&bench, "host-first", 0, &parts);
    bench.config("flow = \"of-hosts\"", GROUPS, "");
    let parts = [
        "[host] is not configured",
        "register this host: authentik-flow enrol-host",
    ];
    check(&bench, "host-not-registered", 1, &parts);
    let old = Bench::with(Double::builder().version(Version::V2025_10).without_pause());
    with_host(&old, FLOW);
    let run = old.check(&[]);
    run.has(&["unknown whether authentik accepts the token of this host: this authentik has no API for hosts"]);
}
