//! The examples for rsyslog, Vector and Promtail, on lines that the module writes: a real
//! rsyslogd, and the regular expressions of the other two.

use crate::case::PASSWORD;
use authentik_double::Double;
use pam_harness::host::RealHost;
use pam_harness::{Module, Pam};
use regex::Regex;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// A line of a real login and its fields; no fields for other lines.
struct Real {
    text: String,
    fields: Option<Vec<(&'static str, &'static str)>>,
}

/// Text that a client sends to imitate another user's login.
const FORGED: &str = "x\" cause=somebody-else user=root";

/// Through the real libpam: a login, refusals, and clients with names that look like fields.
fn real_lines() -> Vec<Real> {
    let double = Double::start();
    let log_in = |user: &str, rhost: &str, password: &str| -> Vec<String> {
        let config = format!(
            "url = \"{}\"\nflow = \"linux-login\"\nca_file = \"{{dir}}/ca.pem\"\n\
             fail_delay = \"0s\"\n[access]\nallow_any_user = true\n[prompt]\nattempts = 1\n",
            double.url()
        );
        let outcome = Pam::new(&Module::built())
            .service("sshd")
            .rhost(rhost)
            .tty("ssh")
            .file("ca.pem", double.ca_pem())
            .config(&config)
            .user(user)
            .answer_secret(password)
            .authenticate()
            .run();
        let lines = outcome.log().iter();
        lines
            .map(|line| line.text.trim_end().to_owned())
            .filter(|text| text.starts_with("pam_authentik_flow("))
            .collect()
    };
    let mut real = Vec::new();
    for (user, rhost, password, fields) in [
        (
            "alice",
            "192.0.2.7",
            PASSWORD,
            vec![
                ("code", "PAM_SUCCESS"),
                ("user", "alice"),
                ("rhost", "192.0.2.7"),
                ("cause", ""),
            ],
        ),
        (
            "alice",
            FORGED,
            "wrong-horse",
            vec![
                ("code", "PAM_AUTH_ERR"),
                ("user", "alice"),
                ("rhost", "\"x\\\" cause=somebody-else user=root\""),
                ("cause", "wrong-answer"),
            ],
        ),
        (
            "alice",
            "",
            PASSWORD,
            vec![("code", "PAM_SUCCESS"), ("user", "alice"), ("rhost", "")],
        ),
    ] {
        let lines = log_in(user, rhost, password);
        let fields = [
            vec![
                ("service", "sshd"),
                ("entry", "auth"),
                ("flow", "linux-login"),
            ],
            fields,
        ];
        let (last, others) = lines.split_last().expect("a line");
        real.extend(others.iter().map(|text| Real {
            text: text.clone(),
            fields: None,
        }));
        real.push(Real {
            text: last.clone(),
            fields: Some(fields.concat()),
        });
    }
    assert!(
        real.iter().any(|line| line.fields.is_none()),
        "a refused answer"
    );
    real
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/log");
    fs::read_to_string(path.join(name)).unwrap()
}

/// The regular expression between these marks of an example.
fn expression(name: &str, before: &str) -> Regex {
    let text = example(name);
    let (_, rest) = text.split_once(before).expect(before);
    Regex::new(rest.split('\'').next().unwrap()).unwrap()
}

#[test]
fn the_expressions_for_vector_and_promtail_find_the_fields() {
    pam_harness::require_isolation!();
    let lines = real_lines();
    for expression in [
        expression("vector.toml", "parse_regex(.message, r'"),
        expression("promtail.yaml", "expression: '"),
    ] {
        for Real { text, fields } in &lines {
            for head in [
                "2026-11-28T01:00:19.153193+00:00 host sshd[12]: ",
                "Nov  8 01:00:19 host sshd[12]: ",
            ] {
                let line = format!("{head}{text}");
                let found = expression.captures(&line);
                assert_eq!(found.is_some(), fields.is_some(), "{line}");
                for (name, value) in fields.iter().flatten() {
                    let found = found.as_ref().and_then(|found| found.name(name));
                    let found = found.map_or("", |found| found.as_str());
                    assert_eq!(found, *value, "{name} of {line}");
                }
            }
            // Another program quotes text from a client.
            for quoted in [
                format!("Nov  8 01:00:19 host sshd[12]: Invalid user x]: {text}"),
                format!("Nov  8 01:00:19 host sshd[12]: Invalid user {text}"),
                format!("Nov  8 01:00:19 host app[1]: a b[2]: {text}"),
            ] {
                assert!(!expression.is_match(&quoted), "{quoted}");
            }
        }
    }
}

/// If the module adds a field between two others, an expression that does not know it misses
/// the fields after it.
#[test]
fn the_expressions_know_each_field_in_its_order() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/audit/line.rs");
    let source = fs::read_to_string(source).unwrap();
    let (_, list) = source.split_once("for (key, value) in [\n").unwrap();
    let written: Vec<&str> = list
        .split("] {")
        .next()
        .unwrap()
        .lines()
        .filter_map(|line| line.trim().strip_prefix("(\""))
        .filter_map(|line| line.split('"').next())
        .collect();
    assert!(written.len() >= 11, "{written:?}");
    for expression in [
        expression("vector.toml", "parse_regex(.message, r'"),
        expression("promtail.yaml", "expression: '"),
    ] {
        let names: Vec<&str> = expression.capture_names().flatten().collect();
        assert_eq!(names[..3], ["service", "entry", "code"]);
        assert_eq!(names[3..], written);
    }
    let rsyslog = example("rsyslog.conf");
    let longest = rsyslog.lines().max_by_key(|line| line.len()).unwrap();
    let names: Vec<&str> = longest
        .split("( ")
        .skip(1)
        .map(|part| part.split('=').next().unwrap())
        .collect();
    assert_eq!(names, written);
}

#[test]
fn rsyslog_writes_each_login_as_json_and_by_the_page_as_it_is() {
    pam_harness::require_isolation!();
    pam_harness::require_real_host!();
    let packages = pam_harness::require_packages!("rsyslogd");
    let lines = real_lines();
    let double = Double::start();
    let host = RealHost::new(&double).packages(&packages).start();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/log.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, by_the_page) = page
        .split_once("```\n# /etc/rsyslog.d/40-pam-authentik-flow.conf\n")
        .unwrap();
    let by_the_page = by_the_page.split("```").next().unwrap();
    host.write("/etc/rsyslog.d/40-example.conf", &example("rsyslog.conf"));
    host.write("/etc/rsyslog.d/41-page.conf", by_the_page);
    host.write(
        "/etc/rsyslog-of-the-test.conf",
        "module(load=\"imuxsock\" SysSock.Name=\"/run/test-log\" SysSock.Unlink=\"on\")\n\
         $IncludeConfig /etc/rsyslog.d/*.conf\n",
    );
    // It prints nothing about a valid configuration.
    let check = host.output(
        "root",
        &["rsyslogd", "-N1", "-f", "/etc/rsyslog-of-the-test.conf"],
    );
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(check.status.success() && !said.contains("error"), "{said}");
    let _daemon = host.terminal(
        "root",
        &["rsyslogd", "-n", "-f", "/etc/rsyslog-of-the-test.conf"],
    );
    let deadline = Instant::now() + Duration::from_secs(20);
    while !host
        .output("root", &["test", "-S", "/run/test-log"])
        .status
        .success()
    {
        assert!(Instant::now() < deadline, "rsyslogd does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    for line in &lines {
        let sent = host.output(
            "root",
            &[
                "logger",
                "--socket",
                "/run/test-log",
                "--priority",
                "authpriv.info",
                "--tag",
                "sshd",
                "--id=12",
                "--",
                &line.text,
            ],
        );
        assert!(sent.status.success(), "{sent:?}");
    }
    let whole = lines.len();
    let read = |path: &str| host.read(path).unwrap_or_default();
    while read("/var/log/pam_authentik_flow.log").lines().count() < whole {
        assert!(
            Instant::now() < deadline + Duration::from_secs(20),
            "lines are missing"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let json = read("/var/log/pam_authentik_flow.json");
    let logins: Vec<&Real> = lines.iter().filter(|line| line.fields.is_some()).collect();
    assert_eq!(json.lines().count(), logins.len(), "{json}");
    for (json, login) in json.lines().zip(logins) {
        let object: Value = serde_json::from_str(json).expect(json);
        for (name, value) in login.fields.iter().flatten() {
            assert_eq!(object[name], *value, "{name} of {}\nin {json}", login.text);
        }
        assert!(
            object["time"]
                .as_str()
                .is_some_and(|time| time.contains('T')),
            "{json}"
        );
    }
    let mode = host.output(
        "root",
        &["stat", "-c", "%a", "/var/log/pam_authentik_flow.json"],
    );
    assert_eq!(String::from_utf8_lossy(&mode.stdout), "640\n");
}
