//! Tests of the suite itself, with the double as the oldest and the newest authentik that it
//! supports.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use authentik_double::{Double, Fault, Flow, Group, Match, Token, User, Version};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const TOKEN: &str = "the-token-of-the-administrator";

/// A double with an administrator, and a directory for the ledgers.
struct Bench {
    double: Double,
    directory: tempfile::TempDir,
}

/// The contents of the world: users, groups, applications, tokens, flows, hosts, and the tokens
/// that enrol hosts.
type Census = [Vec<String>; 7];

impl Bench {
    fn new(version: Version) -> Bench {
        let double = Double::builder().version(version).without_pause();
        let double = double.world(|world| world.add_token(Token::new(TOKEN, "akadmin")));
        let bench = Bench {
            double: double.start(),
            directory: tempfile::tempdir().expect("a directory"),
        };
        std::fs::write(bench.ca(), bench.double.ca_pem()).expect("a file");
        bench
    }

    fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    fn ledgers(&self) -> PathBuf {
        self.directory.path().join("ledgers")
    }

    /// The ledgers that exist.
    fn left(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.ledgers())
            .into_iter()
            .flatten()
            .flatten();
        files.map(|file| file.path()).collect()
    }

    fn census(&self) -> Census {
        self.double.world(|world| {
            let mut census = [
                world
                    .users
                    .iter()
                    .map(|user| user.username.clone())
                    .collect::<Vec<_>>(),
                world
                    .groups
                    .iter()
                    .map(|group| group.name.clone())
                    .collect(),
                world.applications.iter().map(|a| a.slug.clone()).collect(),
                world.tokens.iter().map(|token| token.key.clone()).collect(),
                world.flows.keys().cloned().collect(),
                world.hosts.iter().map(|host| host.name.clone()).collect(),
                world
                    .enrolment_tokens
                    .iter()
                    .map(|token| token.key.clone())
                    .collect(),
            ];
            census.iter_mut().for_each(|names| names.sort());
            census
        })
    }

    fn start(&self, more: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_test-live"));
        command
            .args(["--url", &self.double.url()])
            .arg("--ledgers")
            .arg(self.ledgers())
            .arg("--ca")
            .arg(self.ca())
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the suite starts");
        let mut input = child.stdin.take().expect("a pipe");
        writeln!(input, "{TOKEN}").expect("it reads its token");
        child
    }

    fn run(&self, more: &[&str]) -> Run {
        Run::of(
            self.start(more)
                .wait_with_output()
                .expect("the suite did not end"),
        )
    }

    /// Starts it, and sends a signal after this many requests.
    fn interrupted_after(&self, requests: usize, signal: Signal, more: &[&str]) -> Run {
        self.double.clear_requests();
        let child = self.start(more);
        let begun = Instant::now();
        while self.double.requests().len() < requests {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "the suite sent too few requests in a minute"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        let pid = Pid::from_raw(child.id().try_into().expect("a pid"));
        kill(pid, signal).expect("the suite is not running");
        Run::of(child.wait_with_output().expect("the suite did not end"))
    }
}

/// The output of a run.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Run {
    fn of(output: Output) -> Run {
        Run {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn all(&self) -> String {
        format!("exit status {:?}\n{}\n{}", self.code, self.out, self.err)
    }
}

#[test]
fn every_login_comes_as_expected_and_nothing_is_left() {
    pam_harness::require_isolation!();
    std::thread::scope(|scope| {
        for version in Version::ENDS {
            scope.spawn(move || every_login_comes_as_expected(version));
        }
    });
}

fn every_login_comes_as_expected(version: Version) {
    let bench = Bench::new(version);
    let before = bench.census();
    let run = bench.run(&[]);
    assert_eq!(run.code, Some(0), "{}", run.all());
    let name = version.name();
    assert!(
        run.out.contains(&format!("authentik {name}")),
        "{}",
        run.out
    );
    assert!(!run.out.contains("not played"), "{}", run.out);
    assert!(!run.all().contains(TOKEN), "the token was printed");
    assert_eq!(bench.census(), before, "{name}");
    assert_eq!(bench.left(), [""; 0].map(PathBuf::from));
    println!("{}", run.out);
}

/// A login with an unexpected result is reported, and so is a refused request.
#[test]
fn an_unexpected_result_is_reported() {
    pam_harness::require_isolation!();
    let bench = Bench::new(Version::V2025_10);
    let before = bench.census();
    let only = ["--only", "designation"];
    let good = bench.run(&only);
    assert_eq!(good.code, Some(0), "{}", good.all());
    assert!(
        good.out.contains("4 of 4 logins came as expected"),
        "{}",
        good.out
    );
    let refusal = Fault::on(Match::get("/core/users/me/").nth(2));
    bench
        .double
        .inject(refusal.answer(403, "application/json", "{}"));
    let run = bench.run(&only);
    assert_eq!(run.code, Some(1), "{}", run.all());
    assert!(
        run.out.contains("3 of 4 logins came as expected"),
        "{}",
        run.out
    );
    assert!(run.out.contains("**PAM_AUTH_ERR**"), "{}", run.out);
    assert_eq!(bench.census(), before);
    bench.double.clear_faults();
    let refusal = Fault::on(Match::post("/stages/password/"));
    bench
        .double
        .inject(refusal.answer(400, "application/json", "{\"name\": [\"No.\"]}"));
    let run = bench.run(&only);
    assert_eq!(run.code, Some(1), "{}", run.all());
    assert!(
        run.out.contains("0 of 4 logins came as expected"),
        "{}",
        run.out
    );
    assert!(
        run.out.contains("HTTP 400: {\"name\": [\"No.\"]}"),
        "{}",
        run.out
    );
    assert_eq!(bench.census(), before);
    assert_eq!(bench.left(), [""; 0].map(PathBuf::from));
}

/// `make` passes the token only to the suite, through a pipe. Other programs have it neither in
/// their arguments nor in their environment.
#[test]
fn the_token_goes_over_a_pipe() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let seen = at("seen");
    let stub = |path: PathBuf, more: &str| {
        let seen = seen.display();
        let text = format!(
            "#!/bin/sh\ntr '\\0' '\\n' </proc/$$/environ >>{seen}\necho \"arguments $*\" >>{seen}\n{more}\n"
        );
        std::fs::write(&path, text).expect("a stub");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("a stub");
    };
    std::fs::create_dir_all(at("debug")).expect("a directory");
    stub(at("cargo"), "echo 'cargo 1.99.0 (a stub)'");
    let read = format!("cat >{}", at("read").display());
    stub(at("debug/test-live"), &read);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    std::fs::write(at("token"), format!("{TOKEN}\n")).expect("a file");
    let by_file = format!("TOKEN_FILE={}", at("token").display());
    for word in [&format!("TOKEN={TOKEN}"), &by_file] {
        let output = Command::new("make")
            .args([
                "-C",
                root,
                "test-live-clean",
                "URL=https://localhost:1",
                word,
            ])
            .arg(format!("CARGO={}", at("cargo").display()))
            .env("CARGO", at("cargo"))
            .env("CARGO_TARGET_DIR", directory.path())
            .output()
            .expect("make runs");
        let run = Run::of(output);
        assert_eq!(run.code, Some(0), "{}", run.all());
        assert!(!run.all().contains(TOKEN), "the token was printed");
        let read = std::fs::read_to_string(at("read")).expect("it was started");
        assert_eq!(read, format!("{TOKEN}\n"));
        let seen = std::fs::read_to_string(&seen).expect("they were started");
        assert!(
            seen.contains("arguments --url https://localhost:1"),
            "{seen}"
        );
        assert!(!seen.contains(TOKEN), "{seen}");
        std::fs::remove_file(at("read")).expect("a file");
    }
}

/// Objects of others with the names that this run uses are not removed.
#[test]
fn objects_of_others_with_the_same_names_survive() {
    pam_harness::require_isolation!();
    let bench = Bench::new(Version::V2026_8);
    // A run that was killed: its prefix is known, and its ledger remains.
    let killed = bench.interrupted_after(60, Signal::SIGKILL, &["--only", "password"]);
    assert_eq!(killed.code, None, "{}", killed.all());
    let [ledger] = &bench.left()[..] else {
        panic!("there is not exactly one ledger: {:?}", bench.left());
    };
    let run = ledger
        .file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let prefix = format!("pl-{run}-");
    let made = bench.census();
    assert!(
        made[0].iter().any(|name| name.starts_with(&prefix)),
        "{made:?}"
    );
    bench.double.world(|world| {
        world.add_user(User::new(&format!("{prefix}ann2")));
        world.add_user(User::new(&prefix));
        world.add_group(Group::new(&format!("{prefix}admins2")));
        world.add_flow(Flow::new(&format!("{prefix}password2")));
    });
    let run = bench.run(&["--clean"]);
    assert_eq!(run.code, Some(0), "{}", run.all());
    let [users, groups, applications, _, flows, ..] = bench.census();
    let ours = |names: &[String]| -> Vec<String> {
        let names = names.iter().filter(|name| name.starts_with(&prefix));
        names
            .map(|name| name.trim_start_matches(&prefix).to_owned())
            .collect()
    };
    assert_eq!(ours(&users), ["", "ann2"]);
    assert_eq!(ours(&groups), ["admins2"]);
    assert_eq!(ours(&applications), [""; 0]);
    assert_eq!(ours(&flows), ["password2"]);
    assert_eq!(bench.left(), [""; 0].map(PathBuf::from));
    // The prefix was not used for a search.
    for request in bench.double.requests() {
        let query = &request.query;
        assert!(
            !query.contains("search") && !query.ends_with(&prefix),
            "{query}"
        );
    }
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    pam_harness::require_isolation!();
    let bench = Bench::new(Version::V2025_10);
    let before = bench.census();
    let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
    for (number, requests) in [3, 4, 7, 20, 45, 90, 160, 300].into_iter().enumerate() {
        let signal = signals[number % signals.len()];
        let run = bench.interrupted_after(requests, signal, &[]);
        assert_eq!(run.code, Some(130), "after {requests}: {}", run.all());
        assert!(run.out.contains("The run was interrupted"), "{}", run.out);
        assert_eq!(bench.census(), before, "after {requests}: {}", run.all());
        assert_eq!(bench.left(), [""; 0].map(PathBuf::from), "after {requests}");
    }
}

/// If nobody reads its output any more, it still removes what it has created.
#[test]
fn a_terminal_that_is_closed_leaves_nothing() {
    pam_harness::require_isolation!();
    let bench = Bench::new(Version::V2026_8);
    let before = bench.census();
    let mut child = bench.start(&["--only", "designation"]);
    drop((child.stdout.take(), child.stderr.take()));
    let ended = child.wait().expect("the suite did not end");
    assert_eq!(ended.code(), Some(0));
    assert_eq!(bench.census(), before);
    assert_eq!(bench.left(), [""; 0].map(PathBuf::from));
}

/// A run that is killed while the server creates an object does not know its id. The name,
/// which is already in the ledger, identifies it.
#[test]
fn a_killed_run_is_cleaned_up_later_wherever_it_was() {
    pam_harness::require_isolation!();
    let bench = Bench::new(Version::V2026_8);
    let before = bench.census();
    for requests in [5, 12, 31, 64, 120] {
        let run = bench.interrupted_after(requests, Signal::SIGKILL, &[]);
        assert_eq!(run.code, None, "{}", run.all());
        assert_eq!(bench.left().len(), 1);
        // As if the last answer had never been read.
        let ledger = bench.left().remove(0);
        let text = std::fs::read_to_string(&ledger).expect("a ledger");
        assert!(!text.contains(TOKEN));
        let mut lines: Vec<&str> = text.lines().collect();
        let answer = lines.iter().rposition(|line| line.contains("\"made\""));
        lines.remove(answer.expect("something was made"));
        std::fs::write(&ledger, lines.join("\n")).expect("a ledger");
        let run = bench.run(&["--clean"]);
        assert_eq!(run.code, Some(0), "after {requests}: {}", run.all());
        assert_eq!(bench.census(), before, "after {requests}: {}", run.all());
        assert_eq!(bench.left(), [""; 0].map(PathBuf::from));
    }
    let run = bench.run(&["--clean"]);
    assert_eq!(run.code, Some(0), "{}", run.all());
}

/// If a number belongs to another object now, for example after the server was set up again,
/// that object stays.
#[test]
fn an_id_that_belongs_to_another_object_is_left_alone() {
    let bench = Bench::new(Version::V2026_8);
    let url = bench.double.url();
    let alice = bench.double.world(|world| world.user("alice").pk);
    std::fs::create_dir(bench.ledgers()).expect("a directory");
    let ledger = bench.ledgers().join("0.ledger");
    let text = format!(
        "{{\"run\":\"0\",\"url\":\"{url}\"}}\n\
         {{\"will\":1,\"path\":\"core/users\",\"name\":[\"username\",\"pl-0-ann\"]}}\n\
         {{\"made\":1,\"id\":\"{alice}\"}}\n"
    );
    std::fs::write(&ledger, text).expect("a ledger");
    let before = bench.census();
    let run = bench.run(&["--clean"]);
    assert_eq!(run.code, Some(3), "{}", run.all());
    assert!(run.err.contains("is not pl-0-ann any more"), "{}", run.err);
    assert_eq!(bench.census(), before);
    assert_eq!(bench.left(), [ledger]);
}

#[test]
fn a_server_that_refuses_is_told_as_such() {
    pam_harness::require_isolation!();
    let bench = Bench::new(Version::V2026_8);
    bench
        .double
        .world(|world| world.user_mut("akadmin").superuser = false);
    let run = bench.run(&[]);
    assert_eq!(run.code, Some(2), "{}", run.all());
    assert_eq!(bench.left(), [""; 0].map(PathBuf::from));
}
