//! The texts of the command: what is wrong, and a remedy that can be pasted.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use rexpect::session::{PtySession, spawn_command};

use crate::bench::{Bench, PASSWORD};
use crate::check::{FLOW, GROUPS, require_host};

/// A port of plain HTTP, such as authentik's 9000.
#[test]
fn a_port_of_plain_http_is_called_one() {
    require_host!();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let bench = Bench::new();
    bench.config(
        &format!("url = \"https://localhost:{port}\"\n{FLOW}"),
        GROUPS,
        "",
    );
    let run = bench.check(&[]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&[
        "the server does not speak TLS, so this may be a port of plain HTTP",
        "→ write the port of HTTPS into `url`",
    ]);
    assert!(!run.text.contains("InvalidContentType"), "{}", run.text);
}

/// A key that is appended to the file belongs to its last table.
#[test]
fn an_unknown_key_is_said_with_its_table() {
    require_host!();
    let bench = Bench::new();
    for (config, parts) in [
        (
            "flwo = \"linux-login\"",
            ["unknown key \"flwo\" at the top", "→ write flow"],
        ),
        (
            "flow = \"linux-login\"\n[prompt]\nattempts = 3\nproxy = \"http://proxy:3128\"",
            [
                "unknown key \"proxy\" below [prompt]",
                "→ move this line: proxy belongs at the top of the file",
            ],
        ),
        (
            "flow = \"linux-login\"\n[prompt]\ntoken_file = \"/x\"",
            [
                "unknown key \"token_file\" below [prompt]",
                "→ move this line: token_file belongs below [account], or below [outpost], or below [host]",
            ],
        ),
    ] {
        // Each table comes after the tables that the others need.
        let (top, rest) = config.split_once("\n[").unwrap_or((config, ""));
        let rest = match rest {
            "" => String::new(),
            rest => format!("[{rest}"),
        };
        bench.config(top, GROUPS, &rest);
        for command in ["check", "config", "login", "explain"] {
            let mut arguments = vec![command, "--config", "{config}"];
            match command {
                "login" => arguments.extend(["--user", "alice"]),
                "explain" => arguments.push("alice"),
                _ => {}
            }
            let run = bench.run(&arguments);
            assert_eq!(run.status, 1, "{command}: {}", run.text);
            run.has(&parts[1..]);
            if command != "login" {
                run.has(&parts[..1]);
            }
        }
    }
}

/// The command can be pasted without changes.
#[test]
fn rights_are_repaired_by_a_whole_command() {
    require_host!();
    let bench = Bench::new();
    bench.write("config.toml", &bench.read("config.toml"), 0o666);
    bench.check(&[]).has(&["→ run chmod go-w /DIR/config.toml"]);
    bench.write("config.toml", &bench.read("config.toml"), 0o644);
    bench.write("pam.d/sshd", &bench.read("pam.d/sshd"), 0o666);
    let run = bench.enable(&["sshd"]);
    run.has(&["run chmod go-w /DIR/pam.d/sshd"]);
}

#[test]
fn no_name_of_a_file_in_the_making_is_shown() {
    require_host!();
    let bench = Bench::new();
    let run = bench.run(&[
        "init",
        "--url",
        "{url}",
        "--config",
        "{dir}/no/such/new.toml",
    ]);
    assert_eq!(run.status, 1);
    run.has(&["there is no folder /DIR/no/such", "mkdir -p /DIR/no/such"]);
    for part in [".authentik-flow-", "os error"] {
        assert!(!run.text.contains(part), "{}", run.text);
    }
}

#[test]
fn a_similar_service_is_suggested() {
    require_host!();
    let bench = Bench::new();
    for (typed, meant) in [("ssh", "sshd"), ("sshdd", "sshd")] {
        let run = bench.enable(&[typed]);
        assert_eq!(run.status, 1, "{}", run.text);
        run.has(&[&format!("authentik-flow enable {meant}")]);
    }
}

/// An ordinary user cannot read the files that enable keeps.
#[test]
fn an_ordinary_user_is_told_to_be_root() {
    require_host!();
    let bench = Bench::new();
    let enabled = bench.enable(&["sshd"]);
    assert_eq!(enabled.status, 0, "{}", enabled.text);
    let run = bench.run_as(2001, &["disable", "sshd", "--state-dir", "{dir}/state"]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["run this as root", "nothing is changed"]);
    assert!(!run.text.contains("somebody has changed"), "{}", run.text);
    let run = bench.run_as(
        2001,
        &[
            "status",
            "--state-dir",
            "{dir}/state",
            "--module-dir",
            "{dir}",
        ],
    );
    run.has(&[
        "✓ sshd",
        "not readable: only root can read the log: run this as root",
    ]);
    let run = bench.run_as(
        2001,
        &["explain", "alice", "--config", "{config}", "--offline"],
    );
    run.has(&[
        "? account",
        "only root can read /etc/shadow",
        "→ run this as root",
    ]);
}

/// Each failure of a trial names a remedy.
#[test]
fn a_failed_login_says_what_to_do() {
    require_host!();
    let bench = Bench::new();
    let login = |user: &str, input: &str| {
        let mut command = bench.command(&["login", "--user", user, "--config", "{config}"]);
        let mut child = command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for (user, input, part) in [
        ("alice", "wrong\n".to_owned(), "→ try again"),
        ("alice", String::new(), "→ answer the questions"),
        (
            "root",
            String::new(),
            "→ nothing, if root logs in with a local password",
        ),
        (
            "nobody-here",
            String::new(),
            "→ create the account first (useradd nobody-here)",
        ),
        (
            "a b",
            String::new(),
            "→ write the name as getent passwd shows it",
        ),
    ] {
        let text = login(user, &input);
        let last = text.lines().last().unwrap_or_default();
        assert!(
            last.starts_with(part),
            "{user}: {part:?} is not the end of\n{text}"
        );
    }
    bench.config(FLOW, "groups = [\"ops\"]", "");
    let text = login("alice", &format!("{PASSWORD}\n"));
    assert!(
        text.contains("[access] groups (ops); the user's are ")
            && text.contains("→ in authentik, add alice to one of ops; or correct [access] groups"),
        "{text}"
    );
    bench.config("flow = \"no-such\"", GROUPS, "");
    let text = login("alice", &format!("{PASSWORD}\n"));
    assert!(
        text.contains("→ authentik-flow check says what to write"),
        "{text}"
    );
}

#[test]
fn init_takes_what_the_browser_shows() {
    require_host!();
    let bench = Bench::new();
    bench.write("outpost.token", "secret", 0o600);
    let address = "{url}/if/flow/my-flow/?next=%2F";
    let arguments = [
        "init",
        "--url",
        address,
        "--outpost-token-file",
        "{dir}/outpost.token",
        "--config",
        "{dir}/new.toml",
    ];
    let run = bench.run(&arguments);
    assert_eq!(run.status, 0, "{}", run.text);
    let shown = bench.run(&["config", "--config", "{dir}/new.toml"]).text;
    let words: Vec<&str> = shown.split_whitespace().collect();
    for pair in [
        ["url", "https://localhost:PORT"],
        ["flow", "my-flow"],
        ["outpost.token_file", "/DIR/outpost.token"],
        ["access.groups", "linux-users"],
    ] {
        assert!(
            words.windows(2).any(|window| window == pair),
            "{pair:?}: {shown}"
        );
    }
    // Again: nothing is overwritten without --force, and then the old file is kept.
    let before = bench.read("new.toml");
    let run = bench.run(&arguments);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["stays as it is", "--force"]);
    let mut forced = arguments.to_vec();
    forced.extend(["--force", "--flow", "other-flow"]);
    let run = bench.run(&forced);
    assert_eq!(run.status, 0, "{}", run.text);
    assert!(bench.read("new.toml").contains("flow = \"other-flow\""));
    assert_eq!(bench.read("new.toml.before"), before);

    let run = bench.run(&["init", "--config", "{dir}/third.toml"]);
    assert_eq!(run.status, 2, "{}", run.text);
    run.has(&["authentik-flow init --url https://authentik.example.com"]);
    let run = bench.run(&[
        "init",
        "--url",
        "{url}",
        "--outpost-token-file",
        "{dir}/none",
        "--config",
        "{dir}/third.toml",
    ]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["there is no file /DIR/none", "put it there first"]);
}

fn at_a_terminal(bench: &Bench, arguments: &[&str]) -> PtySession {
    let command = bench.command(arguments);
    let mut shell = std::process::Command::new("/bin/sh");
    shell
        .args(["-c", "trap : INT; \"$@\"; echo \"exit $?\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm")
        .env("NO_COLOR", "1");
    spawn_command(shell, Some(20_000)).unwrap()
}

#[test]
fn init_asks_on_a_terminal() {
    require_host!();
    if Path::new("/etc/security/authentik-outpost.token").exists() {
        return;
    }
    let bench = Bench::new();
    let mut session = at_a_terminal(&bench, &["init", "--config", "{dir}/asked.toml"]);
    session.exp_string("Where is authentik").unwrap();
    session.send_line("authentik.example.com").unwrap();
    session.exp_string("must begin with https://").unwrap();
    session.exp_string("Where is authentik").unwrap();
    session
        .send_line("https://authentik.example.com/if/flow/ssh-login/")
        .unwrap();
    session.exp_string("[ssh-login]:").unwrap();
    session.send_line("").unwrap();
    session.exp_string("[linux-users]:").unwrap();
    session.send_line("ops").unwrap();
    session.exp_string("outpost [none]:").unwrap();
    session.send_line("").unwrap();
    session.exp_string("exit 0").unwrap();
    let text = bench.read("asked.toml");
    for line in [
        "url = \"https://authentik.example.com\"",
        "flow = \"ssh-login\"",
        "groups = [\"ops\"]",
        "#[outpost]",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}: {text}");
    }
    // Ctrl-C writes nothing.
    let mut session = at_a_terminal(&bench, &["init", "--config", "{dir}/broken-off.toml"]);
    session.exp_string("Where is authentik").unwrap();
    session.send_control('c').unwrap();
    session.exp_string("exit 130").unwrap();
    assert!(!bench.path("broken-off.toml").exists());
}
