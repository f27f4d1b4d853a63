//! A host with a configuration, PAM stacks and the command, and a double of
//! authentik.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use authentik_double::{Double, DoubleBuilder, Version};
use pam_harness::accounts::{self, Account};
use pam_harness::command_host::Host;

/// The password of everybody in the double.
pub(crate) const PASSWORD: &str = "correct-horse";

/// Debian's, without the comments.
pub(crate) const COMMON_AUTH: &str = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\nauth required pam_permit.so\n";
/// Debian's, without the comments.
pub(crate) const COMMON_ACCOUNT: &str = "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\naccount requisite pam_deny.so\naccount required pam_permit.so\n";
/// The two lines of the README, in front of Debian's.
pub(crate) const README_STACK: &str = "auth [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin\nauth [success=done default=die ignore=ignore] {module} config={config}\n@include common-auth\naccount required pam_nologin.so\n@include common-account\n";

/// A double of the newest authentik, in which `check` finds no known holes. The environment can
/// choose another version.
pub(crate) fn newest() -> DoubleBuilder {
    Double::builder().version(Version::asked_for_or(Version::V2026_8))
}

/// A host and the double that it asks.
pub(crate) struct Bench {
    pub(crate) double: Double,
    host: Host,
}

/// The result of a run of the command.
pub(crate) struct Run {
    pub(crate) status: i32,
    /// Standard output, then standard error, without the parts that differ between runs.
    pub(crate) text: String,
}

impl Run {
    fn of(bench: &Bench, output: &Output) -> Self {
        let text = [&output.stdout[..], &output.stderr].concat();
        Self {
            status: output.status.code().unwrap_or(-1),
            text: bench.without_what_differs(&String::from_utf8_lossy(&text)),
        }
    }

    /// Its text has each of these parts.
    #[track_caller]
    pub(crate) fn has(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.text.contains(part), "no {part:?} in\n{}", self.text);
        }
    }
}

impl Bench {
    /// A correct configuration, and no stack that names the module.
    pub(crate) fn new() -> Self {
        Self::with(newest().without_pause())
    }

    pub(crate) fn with(builder: DoubleBuilder) -> Self {
        Self::on_a_host(builder, true)
    }

    /// The state of many hosts: nobody has root's password.
    pub(crate) fn with_locked_root() -> Self {
        Self::on_a_host(newest().without_pause(), false)
    }

    fn on_a_host(builder: DoubleBuilder, root_has_password: bool) -> Self {
        Self::on(
            builder,
            root_has_password,
            "localadmin ALL=(ALL:ALL) ALL\n",
            |_| {},
        )
    }

    /// The same with these sudo rules and with changed accounts.
    pub(crate) fn on(
        builder: DoubleBuilder,
        root_has_password: bool,
        sudoers: &str,
        change: impl Fn(&mut Vec<Account>),
    ) -> Self {
        // Root has localadmin's password, too; daemon, alice and bob have none.
        let mut accounts = accounts::standard();
        accounts.retain(|account| {
            ["root", "daemon", "sshd", "alice", "bob", "localadmin"]
                .contains(&account.name.as_str())
        });
        let local = accounts.iter().find(|account| account.name == "localadmin");
        let password = local.unwrap().password.clone();
        for account in &mut accounts {
            match account.name.as_str() {
                "root" if root_has_password => account.password = password.clone(),
                // Below min_uid, so authentik need not know it.
                "localadmin" => account.uid = 900,
                _ => {}
            }
        }
        change(&mut accounts);
        let bench = Self {
            double: builder.start(),
            host: Host::with_files(&accounts, &[("/etc/sudoers", sudoers.to_owned())]),
        };
        fs::create_dir(bench.path("pam.d")).unwrap();
        bench.write("pam_authentik_flow.so", "not a module", 0o644);
        bench.write("ca.pem", bench.double.ca_pem(), 0o644);
        bench.stack("common-auth", COMMON_AUTH);
        bench.stack("common-account", COMMON_ACCOUNT);
        bench.stack(
            "sshd",
            "@include common-auth\naccount required pam_nologin.so\n@include common-account\n",
        );
        bench.config("flow = \"linux-login\"", "groups = [\"linux-admins\"]", "");
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.host.path().join(name)
    }

    /// Writes a file; `{url}`, `{dir}`, `{module}` and `{config}` are filled in.
    pub(crate) fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        fs::write(&path, self.fill(text)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }

    fn fill(&self, text: &str) -> String {
        let dir = self.host.path().display().to_string();
        text.replace("{module}", "{dir}/pam_authentik_flow.so")
            .replace("{config}", "{dir}/config.toml")
            .replace("{dir}", &dir)
            .replace("{url}", &self.double.url())
    }

    /// A configuration: keys at the top beside url and CA, `[access]`, and what follows it.
    pub(crate) fn config(&self, top: &str, access: &str, rest: &str) {
        let top = match top.contains("url =") {
            true => top.to_owned(),
            false => format!("url = \"{{url}}\"\n{top}"),
        };
        let top = match top.contains("ca_file =") {
            true => top,
            false => format!("{top}\nca_file = \"{{dir}}/ca.pem\""),
        };
        let text = format!("{top}\n[access]\n{access}\n{rest}\n");
        self.write("config.toml", &text, 0o644);
    }

    /// A token of the double's, in a file that the configuration may name.
    pub(crate) fn token(&self, token: &str) {
        self.write("account.token", token, 0o600);
    }

    /// A service's stack.
    pub(crate) fn stack(&self, service: &str, text: &str) {
        self.write(&format!("pam.d/{service}"), text, 0o644);
    }

    /// A file as it is now.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The command with these arguments. It uses this host's folders if the subcommand has
    /// options for them.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.host.authentik_flow();
        command.args(arguments.iter().map(|argument| self.fill(argument)));
        let subcommand = arguments.first().copied().unwrap_or_default();
        if !["init", "completions"].contains(&subcommand) {
            command.arg("--pam-dir").arg(self.path("pam.d"));
        }
        if [
            "check",
            "enable",
            "config",
            "login",
            "bind",
            "status",
            "explain",
            "enrol-host",
        ]
        .contains(&subcommand)
        {
            command.arg("--module-dir").arg(self.host.path());
        }
        if ["check", "enable", "disable", "bind", "status"].contains(&subcommand) {
            command.arg("--state-dir").arg(self.path("state"));
        }
        command
    }

    /// Runs it until it ends.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().unwrap();
        if arguments.contains(&"--json") && !output.stdout.is_empty() {
            hold_against_schema(&output.stdout);
        }
        Run::of(self, &output)
    }

    /// Runs `enable` with this configuration.
    pub(crate) fn enable(&self, more: &[&str]) -> Run {
        self.run(&[&["enable", "--config", "{config}"], more].concat())
    }

    /// Checks the configuration.
    pub(crate) fn check(&self, more: &[&str]) -> Run {
        self.run(&[&["check", "--config", "{config}"], more].concat())
    }

    /// Runs it as an ordinary user who can read this host's folder.
    pub(crate) fn run_as(&self, uid: u32, arguments: &[&str]) -> Run {
        let open = Permissions::from_mode(0o755);
        fs::set_permissions(self.host.path(), open.clone()).unwrap();
        let program = self.path("authentik-flow");
        let given = self.host.authentik_flow();
        let installed = given.get_args().last().unwrap();
        // Done by a separate process. A process that another test starts meanwhile would
        // inherit the file open for writing, and it could not be run.
        let copied = std::process::Command::new("cp")
            .args([installed, program.as_os_str()])
            .status();
        assert!(copied.unwrap().success());
        fs::set_permissions(&program, open).unwrap();
        let uid = uid.to_string();
        let mut command = self.host.run(Path::new("/usr/bin/setpriv"));
        command
            .args(["--reuid", &uid, "--regid", &uid, "--clear-groups"])
            .arg(&program)
            .args(arguments.iter().map(|argument| self.fill(argument)))
            .arg("--pam-dir")
            .arg(self.path("pam.d"));
        Run::of(self, &command.output().unwrap())
    }

    /// Runs it on a host where `/var/log/auth.log` contains this text and there is no journal.
    pub(crate) fn run_with_log(&self, log: &str, arguments: &[&str]) -> Run {
        self.write("auth.log", log, 0o600);
        let script = "mount -t tmpfs none /var/log && cp \"$1/auth.log\" /var/log/auth.log && shift && exec \"$@\"";
        self.run_in_mounts_of_its_own(script, arguments)
    }

    /// Runs it beside a real journald that has one line by root, and the same line by another
    /// user, who calls it user=forged.
    pub(crate) fn run_with_journal(&self, line: &str, arguments: &[&str]) -> Run {
        let script = r#"
            mount -t tmpfs none /run && mount -t tmpfs none /var/log || exit 9
            mkdir -p /run/systemd/journal /run/log/journal /run/sshd
            if [ ! -s /etc/machine-id ]; then
                echo 0123456789abcdef0123456789abcdef >/run/id
                mount --bind /run/id /etc/machine-id || exit 9
            fi
            /lib/systemd/systemd-journald >/dev/null 2>&1 & journald=$!
            socket=/run/systemd/journal/dev-log
            for _ in 1 2 3 4 5 6 7 8 9 10; do [ -S "$socket" ] && break; sleep 0.3; done
            line=$(cat "$1/line")
            shift
            log() { "$@" logger --socket "$socket" --priority authpriv.info --tag sshd --id -- "$line"; }
            log env
            line=$(printf '%s' "$line" | sed 's/user=[a-z]*/user=forged/')
            log setpriv --reuid 2001 --regid 2001 --clear-groups
            sleep 1
            "$@"; status=$?
            kill "$journald"
            exit "$status"
        "#;
        self.write("line", line, 0o644);
        self.run_in_mounts_of_its_own(script, arguments)
    }

    /// Runs it after `script`, for which `$1` is this host's folder.
    pub(crate) fn run_after(&self, script: &str, arguments: &[&str]) -> Run {
        let script = format!("{script} && shift && exec \"$@\"");
        let command = self.command(arguments);
        // What the harness mounts comes before the script.
        let mut inside = self.host.run(Path::new("/bin/sh"));
        inside
            .args(["-c", &script, "sh"])
            .arg(self.host.path())
            .args(command.get_args().skip(2))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TERM", "xterm");
        Run::of(self, &inside.output().unwrap())
    }

    /// `script` gets this host's folder and the command. Its mounts are removed.
    pub(crate) fn run_in_mounts_of_its_own(&self, script: &str, arguments: &[&str]) -> Run {
        let command = self.command(arguments);
        let mut whole = std::process::Command::new("unshare");
        whole
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(self.host.path())
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TERM", "xterm");
        Run::of(self, &whole.output().unwrap())
    }

    /// Folders, ports, times and days.
    fn without_what_differs(&self, text: &str) -> String {
        let text = text
            .replace(&self.host.path().display().to_string(), "/DIR")
            .replace(&format!(":{}", self.double.port()), ":PORT")
            // The age depends on the second in which it runs.
            .replace("30 days left", "29 days left");
        let mut lines: Vec<String> = Vec::new();
        for line in text.lines() {
            let mut words: Vec<&str> = line.split(' ').collect();
            for at in 1..words.len() {
                let number = words[at - 1].parse::<u64>().is_ok();
                if number && ["ms", "ms,"].contains(&words[at]) {
                    words[at - 1] = "N";
                }
            }
            let line = words.join(" ");
            // "expired on Nov 23 03:04:05 2026 +00:00" to the end of the line.
            let line = match line.split_once("expired on ") {
                Some((before, _)) => format!("{before}expired on DATE"),
                None => line,
            };
            lines.push(line);
        }
        lines.join("\n") + "\n"
    }
}

/// Checks the output of `check --json` against the installed schema.
#[track_caller]
pub(crate) fn hold_against_schema(output: &[u8]) {
    const SCHEMA: &str = include_str!("../../../../docs/check.schema.json");
    let schema = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let output: serde_json::Value = serde_json::from_slice(output).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&output)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\nin {output:#}");
}

/// What `check` prints about the version of the oldest authentik.
pub(crate) const OLDEST: &str = "! version         authentik is 2025.10 or older\n";

/// What `check` prints about the oldest authentik, where the transcript `kept` is about the
/// newest. `check` knows that the oldest has holes: one more thing to look at, and one less
/// that it cannot tell.
fn of_the_oldest(kept: &str) -> String {
    let newest = "? version         authentik is 2026.2 or newer; it shows its exact version only to administrators\n";
    if !kept.contains(newest) {
        return kept.to_owned();
    }
    let kept = kept.replace(newest, OLDEST);
    let summary = r"wrong(?:; (\d+) things? to look at)?; (\d+) things? (?:is|are) unknown";
    let summary = regex::Regex::new(summary).unwrap();
    let count = |found: &regex::Captures<'_>| {
        let number = |nth| {
            found
                .get(nth)
                .map_or(0, |n| n.as_str().parse::<u32>().unwrap())
        };
        let (look, unknown) = (number(1) + 1, number(2) - 1);
        let things = |count| if count == 1 { "thing" } else { "things" };
        let are = if unknown == 1 { "is" } else { "are" };
        format!(
            "wrong; {look} {} to look at; {unknown} {} {are} unknown",
            things(look),
            things(unknown)
        )
    };
    summary.replace(&kept, count).into_owned()
}

/// Compares `text` with `tests/transcripts/NAME.txt`. `UPDATE_TRANSCRIPTS=1` writes the file
/// again: read the difference before you commit it.
#[track_caller]
pub(crate) fn hold_against_transcript(name: &str, text: &str) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = here.join(format!("../transcripts/{name}.txt"));
    let is_newest = Version::asked_for_or(Version::V2026_8) == Version::V2026_8;
    if is_newest && std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        fs::write(&path, text).unwrap();
        return;
    }
    let mut kept = fs::read_to_string(&path).unwrap_or_default();
    if !is_newest && text.contains(OLDEST) {
        kept = of_the_oldest(&kept);
    }
    assert!(
        kept == text,
        "{name} is no longer what {} says:\n{text}\ninstead of\n{kept}",
        path.display()
    );
}
