//! A host with a recipe, and its users.

use crate::recipe::Recipe;
use authentik_double::{
    Authentication, Device, Double, Flow, Group, NotConfigured, User, Validate,
};
use pam_harness::host::{RealHost, RealHostBuilder, Terminal};

/// The password of all users in authentik.
pub(crate) const PASSWORD: &str = "correct-horse";
/// The local password of root and `localadmin`.
pub(crate) const LOCAL: &str = pam_harness::accounts::LOCAL_ADMIN_PASSWORD;
/// The file of the host's authority, which stands for the machine's own bundle.
pub(crate) const CA: &str = "/etc/security/authentik-ca.pem";
const CONFIG: &str = "/etc/security/pam_authentik_flow.toml";

/// Like Debian's file: it contains everything that a recipe does not change.
const SSHD: &str = "\
Include /etc/ssh/sshd_config.d/*.conf
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
";

/// The users of sudo: these, and those with their own file.
pub(crate) fn sudoers(people: &str) -> String {
    format!(
        "Defaults env_reset\nDefaults !lecture\nDefaults secure_path=\"/usr/sbin:/usr/bin:/sbin:/bin\"\n\
         root,{people} ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n"
    )
}

/// The settings for programs that a recipe calls; login asks for one name only.
const LOGIN_DEFS: &str =
    "LOGIN_RETRIES 1\nLOGIN_TIMEOUT 60\nUID_MIN 1000\nUSERGROUPS_ENAB yes\nUMASK 022\n";

/// A host, authentik, and the recipe of the host.
pub(crate) struct Bench {
    pub(crate) double: Double,
    pub(crate) host: RealHost,
    recipe: Recipe,
}

impl Bench {
    /// A host before any recipe. Its accounts are `alice`, `bob`, `frank` and the others of the
    /// tests; `change` makes the changes for the test.
    #[track_caller]
    pub(crate) fn new(
        recipe: Recipe,
        change: impl FnOnce(RealHostBuilder) -> RealHostBuilder,
    ) -> Bench {
        let double = authentik();
        let builder = RealHost::new(&double)
            .own_stacks()
            .sshd(SSHD)
            .file(
                "/etc/security/authentik-outpost.token",
                "outpost-token\n",
                0o600,
            )
            .file("/etc/login.defs", LOGIN_DEFS, 0o644)
            .file(
                "/etc/sudoers",
                &sudoers("alice,bob,frank,localadmin"),
                0o440,
            );
        let host = change(builder).start();
        Bench {
            double,
            host,
            recipe,
        }
    }

    /// Installs the files of the common part.
    #[track_caller]
    pub(crate) fn install_common_part(&self) {
        let recipe = Recipe::read("The common part");
        self.install_from(&recipe, &[]);
    }

    /// Installs the files of the recipe.
    #[track_caller]
    pub(crate) fn install(&self) {
        self.install_from(&self.recipe, &[]);
    }

    /// Installs the files of a recipe, and replaces more names.
    #[track_caller]
    pub(crate) fn install_from(&self, recipe: &Recipe, names: &[(&str, &str)]) {
        let url = format!("\"{}\"", self.double.url());
        let mut all = vec![("\"https://authentik.example.com\"", url.as_str())];
        all.extend(names);
        recipe.install(&self.host, &all);
        // Settings that are in no recipe: the authority of this test's certificate, and no
        // pauses.
        if let Some(text) = self.host.read(CONFIG) {
            let own = format!("ca_file = \"{CA}\"\nfail_delay = \"0s\"\n");
            if !text.starts_with(&own) {
                self.host.config(&(own + &text));
            }
        }
    }

    /// The recipe's next commands, run as root.
    #[track_caller]
    pub(crate) fn run(&self) -> String {
        self.recipe.run(&self.host)
    }

    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Stops authentik: from now on nobody listens at its port.
    #[track_caller]
    pub(crate) fn authentik_goes_down(&self) {
        let text = self.host.read(CONFIG).unwrap_or_default();
        assert!(text.contains(&self.double.url()), "{text}");
        self.host
            .config(&text.replace(&self.double.url(), "https://127.0.0.1:1"));
        self.recipe.report("-- authentik is down");
    }

    /// A code that `bob` can use now.
    pub(crate) fn code(&self) -> String {
        self.code_of("bob")
    }

    /// A code that this user can use now.
    pub(crate) fn code_of(&self, user: &str) -> String {
        self.double.advance(std::time::Duration::from_secs(60));
        self.double.totp_unused(user)
    }

    /// ssh as `user`, only with questions.
    pub(crate) fn ssh(&self, user: &str) -> Terminal {
        self.host
            .ssh(user)
            .option("PreferredAuthentications=keyboard-interactive")
            .option("NumberOfPasswordPrompts=1")
            .run(&["echo", "let-in"])
    }

    /// ssh as `user`, only with a key.
    pub(crate) fn ssh_with_key(&self, user: &str) -> Terminal {
        self.host
            .ssh(user)
            .with_key()
            .option("BatchMode=yes")
            .run(&["echo", "let-in"])
    }

    /// sudo by `user`, without a cached password.
    pub(crate) fn sudo(&self, user: &str) -> Terminal {
        self.host.sudo(user, &["-k", "echo", "let-in"])
    }

    /// login at the console.
    #[track_caller]
    pub(crate) fn console(&self, user: &str) -> Terminal {
        let mut terminal = self.host.login();
        terminal.expect("login: ").send_line(user);
        terminal
    }

    /// A user with these answers gets in.
    #[track_caller]
    pub(crate) fn lets_in(&self, what: &str, terminal: Terminal, answers: &[&str]) {
        self.expect(what, terminal, answers, true, "");
    }

    /// A user with these answers does not get in.
    #[track_caller]
    pub(crate) fn keeps_out(&self, what: &str, terminal: Terminal, answers: &[&str]) {
        self.expect(what, terminal, answers, false, "");
    }

    /// A user with these answers does not get in, for this reason in the log.
    #[track_caller]
    pub(crate) fn refuses(&self, what: &str, terminal: Terminal, answers: &[&str], why: &str) {
        self.expect(what, terminal, answers, false, why);
    }

    #[track_caller]
    fn expect(&self, what: &str, terminal: Terminal, answers: &[&str], wanted: bool, why: &str) {
        let (found, transcript) = come(terminal, answers);
        let lines = self.host.new_log();
        let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
        let lines = lines.join("\n");
        assert_eq!(found, wanted, "{what}\n{transcript}\n{lines}");
        assert!(
            lines.contains(why),
            "{what}: {why} is not in the log:\n{lines}"
        );
        let word = if found { "in" } else { "not in" };
        self.recipe.report(&format!("{what}: {word}"));
    }
}

/// Answers the questions one after the other. Returns whether that was enough, and the screen.
/// A user who gets in before all answers were needed took another way than the test expects.
#[track_caller]
pub(crate) fn come(mut terminal: Terminal, answers: &[&str]) -> (bool, String) {
    const CODE: usize = 0;
    const QUESTIONS: usize = 3;
    let words = [
        "code: ",
        "assword:",
        "assword for ",
        "let-in\r\n",
        "$ ",
        "# ",
    ];
    let mut answers = answers.iter();
    let mut is_in = false;
    while let Some(index) = terminal.expect_or_end(&words) {
        if index >= QUESTIONS {
            is_in = true;
            if index > QUESTIONS {
                terminal.send_line("exit");
            }
            break;
        }
        let Some(answer) = answers.next() else {
            terminal.send(b"\x04");
            continue;
        };
        let is_code = answer.chars().all(|c| c.is_ascii_digit());
        assert_eq!(
            is_code,
            index == CODE,
            "{answer} does not answer this question:\n{}",
            terminal.transcript()
        );
        terminal.send_secret(answer);
    }
    let transcript = terminal.finish().transcript;
    assert!(
        !is_in || answers.len() == 0,
        "the person got in without a question for {:?}:\n{transcript}",
        answers.as_slice()
    );
    (is_in, transcript)
}

/// An authentik with the groups and flows of the blueprints, and `linux-code`. `alice` and
/// `bob` are administrators and users, `frank` is a user, `eve` is neither; `bob` and `frank`
/// have a second factor.
fn authentik() -> Double {
    Double::builder()
        .world(|world| {
            world.add_group(Group::new("linux-users"));
            for name in ["alice", "bob"] {
                world.user_mut(name).groups.push("linux-users".to_owned());
            }
            let second_factor = Device::totp(b"frank's secret, shared");
            world.add_user(
                User::new("frank")
                    .group("linux-users")
                    .device(second_factor),
            );
            // Only accounts that are not in /etc/passwd.
            world.add_user(User::new("xenia").group("linux-users"));
            world.add_user(User::new("xaver"));
            // Closed to browsers: no host gets in without the token.
            let flow = |slug: &str| {
                let flow = Flow::new(slug).authentication(Authentication::RequireOutpost);
                flow.identification()
            };
            let asks = |slug: &str| flow(slug).password();
            let where_there_is_one = Validate::new().not_configured(NotConfigured::Skip);
            world.add_flow(asks("linux-login").bind(where_there_is_one).user_login());
            world.add_flow(asks("linux-sudo").validate().user_login());
            world.add_flow(flow("linux-code").validate().user_login());
        })
        .start()
}

/// Skips the test if hosts with these programs are not possible, or if the machine's stacks are
/// not Debian's.
macro_rules! require_debian {
    ($($program:expr),* $(,)?) => {
        pam_harness::require_real_host!($($program),*);
        if !std::path::Path::new("/etc/pam.d/common-auth").is_file() {
            pam_harness::skip!("the lines of the recipes are for the stacks of Debian");
        }
    };
}
pub(crate) use require_debian;

pub(crate) use pam_harness::require_packages;
