//! `check --prometheus`: each metric is checked by a strict reader of the format, and against
//! the pages that name it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use authentik_double::{Authentication, Certificate, Fault, Flow, Match};

use pam_harness::accounts::Account;

use crate::bench::{Bench, README_STACK, newest};
use crate::check::{FLOW, GROUPS, TOKEN, require_host, with_token};

type Labels = BTreeMap<String, String>;

/// The contents of a file in the text format.
#[derive(Debug, Default)]
struct Metrics {
    families: BTreeSet<String>,
    samples: BTreeMap<(String, Labels), f64>,
}

impl Metrics {
    /// Accepts what Prometheus accepts, and refuses the rest: a sample without its TYPE, a
    /// family twice or in pieces, a sample twice, a label twice, a bad escape, a missing end of
    /// line.
    #[track_caller]
    fn read(text: &str) -> Self {
        assert!(
            text.ends_with('\n'),
            "the last line has no newline: {text:?}"
        );
        let mut metrics = Self::default();
        let mut family = String::new();
        let mut helped = None;
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect(line);
                assert!(!help.trim().is_empty() && !help.contains('\\'), "{line}");
                helped = Some(name.to_owned());
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect(line);
                assert_eq!(kind, "gauge", "{line}");
                assert_eq!(
                    helped.take().as_deref(),
                    Some(name),
                    "no HELP line before this TYPE line"
                );
                assert!(metrics.families.insert(name.to_owned()), "twice: {line}");
                family = name.to_owned();
            } else {
                let (name, labels, value) = sample(line);
                assert_eq!(name, family, "{line} does not follow its TYPE line");
                let key = (name, labels);
                assert!(
                    metrics.samples.insert(key, value).is_none(),
                    "twice: {line}"
                );
            }
        }
        for name in &metrics.families {
            let plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(
                name.starts_with("authentik_flow_") && name.chars().all(plain),
                "{name}"
            );
            let has = metrics.samples.keys().any(|(sample, _)| sample == name);
            assert!(has, "{name} has no sample");
        }
        metrics
    }

    /// The samples with these labels among theirs.
    fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let name = format!("authentik_flow_{name}");
        let fits = |found: &Labels| {
            labels
                .iter()
                .all(|(key, value)| found.get(*key).is_some_and(|found| found == value))
        };
        let found = self.samples.iter();
        found
            .filter(|((known, found), _)| *known == name && fits(found))
            .map(|(_, value)| *value)
            .collect()
    }

    #[track_caller]
    fn one(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found = self.all(name, labels);
        assert_eq!(found.len(), 1, "{name} {labels:?} in {self:#?}");
        found[0]
    }
}

/// One sample: its name, labels and value, without a time.
#[track_caller]
fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).expect(line);
    let name = line[..end].to_owned();
    let mut labels = Labels::new();
    let mut rest = &line[end..];
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (key, after) = rest.split_once("=\"").expect(line);
            assert!(
                !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{line}"
            );
            let (value, after) = label_value(after);
            assert!(labels.insert(key.to_owned(), value).is_none(), "{line}");
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None => {
                    rest = after.strip_prefix('}').expect(line);
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ').expect(line);
    let plain = |c: char| c.is_ascii_digit() || ".-".contains(c);
    assert!(value.chars().all(plain), "{line}");
    (name, labels, value.parse().expect(line))
}

/// A label's value without escapes, and the text after its closing quote.
#[track_caller]
fn label_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match chars.next().map(|(_, c)| c) {
                Some('n') => '\n',
                Some(c @ ('\\' | '"')) => c,
                other => panic!("{other:?} is not a valid escape in {text}"),
            }),
            c => value.push(c),
        }
    }
    panic!("the value has no closing quote: {text}");
}

#[track_caller]
fn metrics(bench: &Bench, more: &[&str]) -> Metrics {
    let arguments = [&["check", "--prometheus", "--config", "{config}"], more].concat();
    let output = bench.command(&arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(output.stderr.is_empty());
    Metrics::read(&text)
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs_f64()
}

/// A host with everything that has a metric: both tokens, a guard, a flow that requires an
/// outpost.
fn complete() -> Bench {
    let bench = with_token(FLOW, GROUPS);
    bench.double.world(|world| {
        let flow = Flow::new("outposts-only")
            .identification()
            .password()
            .user_login();
        world.add_flow(flow.authentication(Authentication::RequireOutpost));
    });
    bench.write("outpost.token", "outpost-token", 0o600);
    bench.config(
        "flow = \"outposts-only\"",
        GROUPS,
        &format!("{TOKEN}\n[outpost]\ntoken_file = \"{{dir}}/outpost.token\""),
    );
    let account = "account [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin\naccount required {module} config={config}\n@include common-account";
    bench.stack(
        "sshd",
        &README_STACK.replace("@include common-account", account),
    );
    bench
}

#[test]
fn a_host_without_problems_has_each_metric() {
    require_host!();
    let bench = complete();
    let found = metrics(&bench, &[]);
    let sshd = [("service", "sshd")];
    let url = bench.double.url();
    let server = [("service", "sshd"), ("server", url.as_str())];
    assert_eq!(
        found.one("build_info", &[("version", env!("CARGO_PKG_VERSION"))]),
        1.0
    );
    assert!((found.one("check_timestamp_seconds", &[]) - now()).abs() < 10.0);
    let took = found.one("check_duration_seconds", &[]);
    assert!(took > 0.0 && took < 60.0, "{took}");
    assert_eq!(found.one("findings", &[("status", "wrong")]), 0.0);
    assert!(found.one("findings", &[("status", "ok")]) > 5.0);
    assert_eq!(found.one("finding", &[("id", "stages.unknown")]), 1.0);
    assert_eq!(found.one("server_up", &server), 1.0);
    let response = found.one("server_response_seconds", &server);
    assert!(response > 0.0 && response < took, "{response} of {took}");
    let left = found.one("certificate_expiry_timestamp_seconds", &server) - now();
    assert!((28.0..31.0).contains(&(left / 86_400.0)), "{left}");
    assert!(found.one("clock_ahead_seconds", &server).abs() <= 2.0);
    assert_eq!(found.one("outpost_token_accepted", &server), 1.0);
    assert_eq!(found.one("lookup_token_accepted", &server), 1.0);
    assert_eq!(found.one("stack_good", &sshd), 1.0);
    assert_eq!(found.one("local_way_in", &sshd), 1.0);
}

#[test]
fn a_problem_is_a_zero() {
    require_host!();
    let bench = complete();
    bench.write("outpost.token", "revoked", 0o600);
    bench.token("outpost-token\n");
    // A stack that keeps everyone out while authentik is down.
    bench.stack(
        "sudo",
        "auth required {module} config={config}\n@include common-account\n",
    );
    // The name of a file in /etc/pam.d may hold anything but a slash.
    bench.stack("a\"b\\c\nd", README_STACK);
    let found = metrics(&bench, &[]);
    assert_eq!(found.one("server_up", &[]), 1.0);
    assert_eq!(found.one("outpost_token_accepted", &[]), 0.0);
    assert_eq!(
        found.one("finding", &[("id", "flow.wrong"), ("status", "wrong")]),
        1.0
    );
    assert!(found.one("findings", &[("status", "wrong")]) >= 2.0);
    for (service, good) in [("sshd", 1.0), ("sudo", 0.0), ("a\"b\\c\nd", 1.0)] {
        let service = [("service", service)];
        assert_eq!(found.one("stack_good", &service), good, "{service:?}");
        assert_eq!(found.one("local_way_in", &service), good, "{service:?}");
    }

    // A token that cannot see users.
    bench.write("outpost.token", "outpost-token", 0o600);
    let found = metrics(&bench, &[]);
    assert_eq!(found.one("lookup_token_accepted", &[]), 0.0);
}

#[test]
fn a_server_that_fails_is_down_and_the_rest_is_not_measured() {
    require_host!();
    const AUTHENTIKS: [&str; 4] = [
        "server_response_seconds",
        "clock_ahead_seconds",
        "outpost_token_accepted",
        "lookup_token_accepted",
    ];
    let bench = Bench::new();
    bench.double.inject(Fault::on(Match::any()).bad_gateway());
    let found = metrics(&bench, &[]);
    assert_eq!(found.one("server_up", &[]), 0.0);
    assert_eq!(
        found.all("certificate_expiry_timestamp_seconds", &[]).len(),
        1
    );
    for name in AUTHENTIKS {
        assert_eq!(found.all(name, &[]).len(), 0, "{name}");
    }

    let bench = Bench::with(newest().certificate(Certificate::Expired));
    let found = metrics(&bench, &[]);
    assert_eq!(found.one("server_up", &[]), 0.0);
    assert!(found.one("certificate_expiry_timestamp_seconds", &[]) < now());

    let bench = Bench::new();
    bench.config(
        &format!("url = \"https://authentik.example.com\"\n{FLOW}"),
        GROUPS,
        "",
    );
    let found = metrics(&bench, &[]);
    let server = [("server", "https://authentik.example.com")];
    assert_eq!(found.one("server_up", &server), 0.0);
    assert_eq!(
        found.all("certificate_expiry_timestamp_seconds", &[]).len(),
        0
    );

    // Nothing was asked, so nothing is known: neither "up" nor "down".
    let found = metrics(&complete(), &["--offline"]);
    for name in AUTHENTIKS.iter().chain(&["server_up"]) {
        assert_eq!(found.all(name, &[]).len(), 0, "{name}");
    }
    assert_eq!(found.one("local_way_in", &[]), 1.0);
}

/// The page says how many requests a check makes, for the planning of a fleet.
#[test]
fn a_check_makes_as_many_requests_as_the_page_says() {
    require_host!();
    let count = |bench: &Bench| {
        bench.double.clear_requests();
        metrics(bench, &[]);
        bench.double.requests().len()
    };
    let simple = Bench::new();
    simple.stack("sshd", README_STACK);
    let requests = count(&simple);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/watch.md");
    let page = fs::read_to_string(page).unwrap();
    let words = format!("{requests} requests for a host without tokens");
    assert!(page.contains(&words), "{words}");
    // The outpost's, the other token itself, one group, alice and bob.
    assert_eq!(count(&complete()), requests + 1 + 1 + 1 + 2);
}

/// Only root can see whether an account has a password.
#[test]
fn a_way_in_that_cannot_be_seen_has_no_sample() {
    require_host!();
    let in_shadow = |accounts: &mut Vec<Account>| {
        for account in accounts {
            account.password = "x".into();
        }
    };
    let bench = Bench::on(newest(), true, "", in_shadow);
    bench.stack("sshd", README_STACK);
    let run = bench.run_as(
        2001,
        &["check", "--prometheus", "--offline", "--config", "{config}"],
    );
    assert_eq!(run.status, 0, "{}", run.text);
    let found = Metrics::read(&run.text);
    assert_eq!(found.all("stack_good", &[]).len(), 1);
    assert_eq!(found.all("local_way_in", &[]).len(), 0);
}

#[test]
fn a_file_is_replaced_as_a_whole() {
    require_host!();
    let bench = complete();
    fs::create_dir(bench.path("textfile")).unwrap();
    bench.write("textfile/host.prom", "old\n", 0o600);
    let reader = fs::File::open(bench.path("textfile/host.prom")).unwrap();
    let arguments = [
        "check",
        "--prometheus",
        "--config",
        "{config}",
        "--output",
        "{dir}/textfile/host.prom",
    ];
    let run = bench.run(&arguments);
    assert_eq!((run.status, run.text.as_str()), (0, "\n"));
    let found = Metrics::read(&bench.read("textfile/host.prom"));
    assert_eq!(found.one("server_up", &[]), 1.0);
    let file = fs::metadata(bench.path("textfile/host.prom")).unwrap();
    assert_eq!(file.permissions().mode() & 0o7777, 0o644);
    // A program that reads the old file meanwhile still sees all of it.
    assert_ne!(file.ino(), reader.metadata().unwrap().ino());
    assert_eq!(std::io::read_to_string(reader).unwrap(), "old\n");
    let left = fs::read_dir(bench.path("textfile")).unwrap().count();
    assert_eq!(left, 1, "a temporary file is left over");

    let mut elsewhere = arguments;
    elsewhere[5] = "{dir}/nowhere/host.prom";
    let run = bench.run(&elsewhere);
    assert_eq!(run.status, 1);
    assert!(run.text.contains("there is no folder"), "{}", run.text);
    let run = bench.run(&["check", "--output", "{dir}/textfile/host.prom"]);
    assert_eq!(run.status, 2, "{}", run.text);
}

/// If a metric is renamed without its page, or a rule uses an unknown metric, no alert fires.
#[test]
fn the_page_and_the_rules_name_the_metrics() {
    require_host!();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(here.join("docs/watch.md")).unwrap();
    let rules =
        fs::read_to_string(here.join("packaging/prometheus/authentik-flow.rules.yml")).unwrap();
    let found = metrics(&complete(), &[]);
    let described: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `authentik_flow_"))
        .map(|line| format!("authentik_flow_{}", line.split('`').next().unwrap()))
        .collect();
    assert_eq!(described, found.families);
    let named = |text: &str| -> BTreeSet<String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        text.split(|c| !is_part(c))
            .filter(|word| word.starts_with("authentik_flow_"))
            .map(str::to_owned)
            .collect()
    };
    for name in named(&rules).union(&named(&page)) {
        assert!(
            found.families.contains(name) || name == "authentik_flow_metrics",
            "{name}"
        );
    }
    // Each rule stands in the table with its expression.
    let mut rules = rules.lines();
    let mut count = 0;
    while let Some(line) = rules.next() {
        if let Some(alert) = line.trim().strip_prefix("- alert: ") {
            let expression = rules.next().unwrap().trim().strip_prefix("expr: ").unwrap();
            let row = format!("| `{alert}` | `{expression}`");
            assert!(page.contains(&row), "docs/watch.md has no {row}");
            count += 1;
        }
    }
    assert_eq!(count, page.matches("| `AuthentikFlow").count());
}
