//! Describes a transaction, and has `pam-run` play it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::accounts;
use crate::codes::{Call, Code, Item, Style, flags};
use crate::module::Module;
use crate::outcome::Outcome;
use crate::runner;
use crate::script::{Answer, IsolationPlan, ProcessOptions, Report, Script, ScriptedAnswer, Step};
use crate::stack::{self, Placeholders};
use crate::syslog::LogSocket;

/// One transaction with the real libpam, before it is run.
#[derive(Clone, Debug)]
pub struct Pam {
    pam_run: PathBuf,
    module: Module,
    service: String,
    user: Option<String>,
    items: Vec<(Item, String)>,
    stack: String,
    arguments: String,
    config: Option<String>,
    files: Vec<(String, String, u32)>,
    mode: u32,
    answers: Vec<ScriptedAnswer>,
    every_secret: Option<String>,
    steps: Vec<Step>,
    flags: i32,
    environment: Vec<(String, String)>,
    process: ProcessOptions,
    preset_authtok: Option<String>,
    capture_authtok: bool,
    log_is_stuck: bool,
    log_is_missing: bool,
}

impl Pam {
    /// A transaction with `module`.
    ///
    /// # Panics
    /// When `pam-run` is not built.
    pub fn new(module: &Module) -> Pam {
        Pam {
            pam_run: runner::pam_run().unwrap_or_else(|why| panic!("{why}")),
            module: module.clone(),
            service: String::from("test"),
            user: None,
            items: Vec::new(),
            stack: String::from(stack::DEFAULT),
            arguments: String::from("config={config}"),
            config: None,
            files: Vec::new(),
            mode: 0o600,
            answers: Vec::new(),
            every_secret: None,
            steps: Vec::new(),
            flags: 0,
            environment: Vec::new(),
            process: ProcessOptions::default(),
            preset_authtok: None,
            capture_authtok: false,
            log_is_stuck: false,
            log_is_missing: false,
        }
    }

    /// The service, `test` without it.
    pub fn service(mut self, service: &str) -> Pam {
        self.service = service.to_owned();
        self
    }

    /// `PAM_USER`; unset without it, as `login` leaves it.
    pub fn user(mut self, user: &str) -> Pam {
        self.user = Some(user.to_owned());
        self
    }

    /// `PAM_RHOST`.
    pub fn rhost(mut self, rhost: &str) -> Pam {
        self.items.push((Item::Rhost, rhost.to_owned()));
        self
    }

    /// `PAM_TTY`.
    pub fn tty(mut self, tty: &str) -> Pam {
        self.items.push((Item::Tty, tty.to_owned()));
        self
    }

    /// The stack. `{module}`, `{arguments}`, `{config}` and `{dir}` stand for
    /// the module's path, its arguments, the configuration's path, and the
    /// directory with the other files; `{capture}` for the lines that read
    /// `PAM_AUTHTOK`.
    pub fn stack(mut self, stack: &str) -> Pam {
        self.stack = stack.to_owned();
        self
    }

    /// What `{arguments}` stands for: `config={config}` without it.
    pub fn arguments(mut self, arguments: &str) -> Pam {
        self.arguments = arguments.to_owned();
        self
    }

    /// The text of the configuration, in which `{dir}` stands for its directory.
    pub fn config(mut self, text: &str) -> Pam {
        self.config = Some(text.to_owned());
        self
    }

    /// The permission bits of the configuration, 0600 without it.
    pub fn config_mode(mut self, mode: u32) -> Pam {
        self.mode = mode;
        self
    }

    /// Another file beside the configuration, mode 0600.
    pub fn file(self, name: &str, text: &str) -> Pam {
        self.file_with_mode(name, text, 0o600)
    }

    /// Another file beside the configuration, with these permission bits.
    pub fn file_with_mode(mut self, name: &str, text: &str, mode: u32) -> Pam {
        self.files.push((name.to_owned(), text.to_owned(), mode));
        self
    }

    /// Types this at a hidden prompt.
    pub fn answer_secret(self, answer: &str) -> Pam {
        self.answer(
            Some(Style::EchoOff),
            None,
            Answer::Text(answer.to_owned()),
            Duration::ZERO,
        )
    }

    /// Types this at a hidden prompt, after a while.
    pub fn answer_secret_after(self, answer: &str, delay: Duration) -> Pam {
        self.answer(
            Some(Style::EchoOff),
            None,
            Answer::Text(answer.to_owned()),
            delay,
        )
    }

    /// Types this at a hidden prompt that contains `part`.
    pub fn answer_secret_to(self, part: &str, answer: &str) -> Pam {
        let answer = Answer::Text(answer.to_owned());
        self.answer(Some(Style::EchoOff), Some(part), answer, Duration::ZERO)
    }

    /// Types this at a visible prompt.
    pub fn answer_visible(self, answer: &str) -> Pam {
        self.answer(
            Some(Style::EchoOn),
            None,
            Answer::Text(answer.to_owned()),
            Duration::ZERO,
        )
    }

    /// Types this at a visible prompt, after a while.
    pub fn answer_visible_after(self, answer: &str, delay: Duration) -> Pam {
        self.answer(
            Some(Style::EchoOn),
            None,
            Answer::Text(answer.to_owned()),
            delay,
        )
    }

    /// Sends these bytes at any prompt.
    pub fn answer_bytes(self, bytes: &[u8]) -> Pam {
        self.answer(None, None, Answer::Bytes(bytes.to_owned()), Duration::ZERO)
    }

    /// Hands back a null pointer at any prompt.
    pub fn answer_null(self) -> Pam {
        self.answer(None, None, Answer::Null, Duration::ZERO)
    }

    /// Aborts at any prompt.
    pub fn abort(self) -> Pam {
        self.answer(None, None, Answer::Fail(Code::PAM_CONV_ERR), Duration::ZERO)
    }

    fn answer(
        mut self,
        style: Option<Style>,
        contains: Option<&str>,
        answer: Answer,
        delay: Duration,
    ) -> Pam {
        self.answers.push(ScriptedAnswer {
            style,
            contains: contains.map(str::to_owned),
            answer,
            delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        });
        self
    }

    /// Answers every further hidden prompt alike, as sshd's password method does.
    pub fn answer_every_secret(mut self, answer: &str) -> Pam {
        self.every_secret = Some(answer.to_owned());
        self
    }

    /// Flags of the calls that are added after this.
    pub fn flags(mut self, flags: i32) -> Pam {
        self.flags = flags;
        self
    }

    /// `PAM_SILENT` for the calls that are added after this.
    pub fn silent(self) -> Pam {
        self.flags(flags::PAM_SILENT)
    }

    /// Adds `pam_authenticate`; more than one go to the same handle.
    pub fn authenticate(self) -> Pam {
        self.call(Call::Authenticate)
    }

    /// Adds a call.
    pub fn call(mut self, call: Call) -> Pam {
        self.steps.push(Step {
            call,
            flags: self.flags,
            items: Vec::new(),
        });
        self
    }

    /// A variable of the process that calls libpam.
    pub fn env(mut self, name: &str, value: &str) -> Pam {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What that process is like.
    pub fn process(mut self, process: ProcessOptions) -> Pam {
        self.process = process;
        self
    }

    /// A password that an earlier module of the stack has left. The default
    /// stack alone has a place for it.
    pub fn preset_authtok(mut self, authtok: &str) -> Pam {
        self.preset_authtok = Some(authtok.to_owned());
        self
    }

    /// Reads `PAM_AUTHTOK` behind the module: see [`Outcome::authtok`].
    pub fn capture_authtok(mut self) -> Pam {
        self.capture_authtok = true;
        self
    }

    /// `/dev/log` is full and nobody reads it.
    pub fn log_stuck(mut self) -> Pam {
        self.log_is_stuck = true;
        self
    }

    /// There is no `/dev/log`.
    pub fn log_missing(mut self) -> Pam {
        self.log_is_missing = true;
        self
    }

    /// Plays it.
    ///
    /// # Panics
    /// When it could not be played, when a prompt came that nobody expected, or
    /// when an answer was left over.
    #[track_caller]
    pub fn run(self) -> Outcome {
        let outcome = match self.try_run() {
            Ok(outcome) => outcome,
            Err(problem) => panic!("the transaction could not be played: {problem}"),
        };
        let report = &outcome.report;
        assert!(
            report.problems.is_empty() && report.unused_answers == 0,
            "{} answers were not asked for; {:#?}\n{}",
            report.unused_answers,
            report.problems,
            outcome.transcript()
        );
        outcome
    }

    /// Plays it, and leaves it to the caller what to make of problems.
    ///
    /// # Errors
    /// What kept it from being played at all.
    pub fn try_run(self) -> Result<Outcome, String> {
        let io = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
        let scratch = tempfile::tempdir().map_err(io("a temporary directory"))?;
        // The helpers of the stack run as whoever; only names are to be seen.
        let dir = scratch.path();
        let write = |name: &str, text: &str, mode: u32| -> Result<PathBuf, String> {
            use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
            let path = dir.join(name);
            let mut options = std::fs::File::options();
            options.write(true).create(true).truncate(true).mode(mode);
            let mut file = options.open(&path).map_err(io("a file of the test"))?;
            file.write_all(text.as_bytes())
                .map_err(io("a file of the test"))?;
            // The umask may have taken bits away that the test is about.
            file.set_permissions(std::fs::Permissions::from_mode(mode))
                .map_err(io("a file of the test"))?;
            Ok(path)
        };
        let confdir = dir.join("pam.d");
        std::fs::create_dir(&confdir).map_err(io("the stacks' directory"))?;
        stack::write_helpers(dir).map_err(io("the stack's helpers"))?;
        for (name, text, mode) in &self.files {
            write(name, text, *mode)?;
        }
        let dir_text = dir.display().to_string();
        let config = dir.join("config.toml").display().to_string();
        let module = self.module.path().display().to_string();
        let arguments = self
            .arguments
            .replace("{config}", &config)
            .replace("{dir}", &dir_text);
        let placeholders = Placeholders {
            module: &module,
            arguments: &arguments,
            config: &config,
            dir: &dir_text,
            preset: self.preset_authtok.is_some(),
            capture: self.capture_authtok,
        };
        if let Some(text) = &self.config {
            write("config.toml", &placeholders.fill(text), self.mode)?;
        }
        write(
            &format!("pam.d/{}", self.service),
            &placeholders.fill(&self.stack),
            0o644,
        )?;
        write("pam.d/other", stack::OTHER, 0o644)?;
        let accounts = accounts::standard();
        let files = vec![
            (
                write("passwd", &accounts::passwd(&accounts), 0o644)?,
                "/etc/passwd".into(),
            ),
            (
                write("group", &accounts::group(&accounts), 0o644)?,
                "/etc/group".into(),
            ),
            (
                write("nsswitch.conf", accounts::NSSWITCH, 0o644)?,
                "/etc/nsswitch.conf".into(),
            ),
        ];
        let socket_path = dir.join("log");
        let socket = match (self.log_is_missing, self.log_is_stuck) {
            (true, _) => None,
            (_, true) => Some(LogSocket::stuck(&socket_path).map_err(io("the log's socket"))?),
            _ => Some(LogSocket::listen(&socket_path).map_err(io("the log's socket"))?),
        };
        let namespace_scratch = dir.join("namespace");
        std::fs::create_dir(&namespace_scratch).map_err(io("the namespace's directory"))?;
        let output = (dir.join("stdout"), dir.join("stderr"));
        let script = Script {
            service: self.service,
            user: self.user,
            confdir,
            items: self.items,
            steps: self.steps,
            answers: self.answers,
            every_secret: self.every_secret,
            isolation: Some(IsolationPlan {
                scratch: namespace_scratch,
                files,
                dev_log: socket.is_some().then_some(socket_path),
            }),
            process: self.process,
            marker: Some(dir.join("marker")),
            preset_authtok: self.preset_authtok,
            output: Some(output.clone()),
        };
        let report = play(&self.pam_run, &script, &self.environment)?;
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        Ok(Outcome {
            report,
            log: socket.map(LogSocket::finish).unwrap_or_default(),
            authtok: std::fs::read_to_string(dir.join("authtok"))
                .ok()
                .map(|text| text.trim_end_matches('\0').to_owned()),
            stdout: read(&output.0),
            stderr: read(&output.1),
        })
    }
}

/// The longest that a transaction may take: one that hangs is killed.
const LIMIT: Duration = Duration::from_secs(120);

fn play(
    pam_run: &Path,
    script: &Script,
    environment: &[(String, String)],
) -> Result<Report, String> {
    let json = serde_json::to_vec(script).map_err(|e| format!("the script: {e}"))?;
    let mut command = Command::new(pam_run);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let output = runner::run(command, &json, LIMIT).map_err(|e| e.to_string())?;
    serde_json::from_slice(&output).map_err(|e| format!("pam-run's report: {e}"))
}
