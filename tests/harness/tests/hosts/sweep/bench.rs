//! The hosts of the sweeps: authentik is up and refuses alice, and the caller types her local
//! password. So a login is a way in.

use crate::case::PASSWORD;
use crate::profile;
use authentik_double::{Certificate, Double, DoubleBuilder};
use pam_harness::accounts::Account;
use pam_harness::host::{Finished, Limit, RealHost, Run, stacks};
use pam_harness::name_server::{Answers, NameServer};
use std::net::{IpAddr, Ipv4Addr};

/// The local password of alice, as SHA-512, which is what Debian makes.
pub(crate) const ALICE_LOCAL: &str = "alice-local";
const ALICE_HASH: &str = "$6$harness$JoMJNkpvff/ZnhWZZwl6QAr64dhDhTiXODWo8aX1CLf/Vaq7t.x/9NZGPr0CMZwNwPqPn2gpDpETAxU0fWzhz1";

/// A name that only the name server knows.
const NAME: &str = "authentik.example.test";

/// su waits a second after a failure without this setting.
const LOGIN_DEFS: &str = "FAIL_DELAY 0\nUID_MIN 1000\nUMASK 022\n";

/// One password for each run, because sudo would wait after each failure.
const SUDOERS: &str = "Defaults !lecture, passwd_tries=1\nALL ALL=(ALL:ALL) ALL\n";

/// The program that asks for the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Program {
    Su,
    Sudo,
}

/// The stack of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stack {
    /// pam_unix without the module: what the program itself needs.
    Unix,
    /// `authentik-fallback` of `conf/pam.d`.
    Fallback,
    /// The stack that pam-auth-update builds from the package's profile.
    Profile,
    /// The local password, then `[account] on_unavailable = "ignore"`.
    Account,
}

/// How the module gets the addresses of authentik.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Addresses {
    /// From the name server.
    Resolved,
    /// From `addresses`.
    Pinned,
}

/// The account of alice, with her local password.
pub(crate) fn alice() -> Account {
    Account {
        password: ALICE_HASH.to_owned(),
        ..Account::new("alice", 2001)
    }
}

/// A host with one stack and one configuration.
pub(crate) struct Bench {
    pub(crate) double: Double,
    pub(crate) host: RealHost,
    pub(crate) stack: Stack,
    pub(crate) addresses: Addresses,
    stacks: Vec<(String, String)>,
    // It answers while the bench exists.
    _name_server: NameServer,
}

impl Program {
    pub(crate) const ALL: [Program; 2] = [Program::Su, Program::Sudo];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Program::Su => "su",
            Program::Sudo => "sudo",
        }
    }

    /// The user who runs it, and the command.
    fn command(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Program::Su => ("mallory", &["su", "alice", "-c", "id"]),
            Program::Sudo => (
                "alice",
                &[
                    "sudo",
                    "-k",
                    "-S",
                    "-p",
                    "",
                    "sh",
                    "-c",
                    "for limit in v d s f; do ulimit -$limit unlimited; done; id -u",
                    "sh",
                ],
            ),
        }
    }

    /// A run with this password.
    pub(crate) fn run(self, host: &RealHost, password: &str) -> Run {
        let (user, command) = self.command();
        host.run_of(user, command, &format!("{password}\n"))
    }

    /// Whether the output shows a login.
    pub(crate) fn is_in(self, finished: &Finished) -> bool {
        match self {
            Program::Su => finished.output.contains("uid=2001(alice)"),
            Program::Sudo => finished.output.lines().any(|line| line == "0"),
        }
    }
}

impl Stack {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Stack::Unix => "pam_unix alone",
            Stack::Fallback => "authentik-fallback",
            Stack::Profile => "the Debian profile",
            Stack::Account => "[account] on_unavailable",
        }
    }

    fn text(self, program: Program) -> String {
        match self {
            Stack::Unix => UNIX.to_owned(),
            Stack::Fallback => stacks::with_way(program.name(), FALLBACK),
            Stack::Profile => profile::stack(),
            Stack::Account => format!(
                "{UNIX_AUTH}account [success=ok ignore=ignore default=die] pam_authentik_flow.so\n\
                 {UNIX_REST}"
            ),
        }
    }
}

const FALLBACK: &str = "authentik-fallback";

/// The stack with `pam_warn` before each of our lines. A jump over our line is then too short,
/// but none is taken here.
fn with_mark(text: &str) -> String {
    let mut marked = String::new();
    for line in text.lines() {
        let kind = line.split_whitespace().next().unwrap_or_default();
        if line.contains("pam_authentik_flow.so") && !kind.starts_with('#') {
            marked.push_str(&format!("{kind} optional pam_warn.so\n"));
        }
        marked.push_str(line);
        marked.push('\n');
    }
    marked
}

const UNIX_AUTH: &str = "auth required pam_unix.so\n";
const UNIX_REST: &str = "account required pam_unix.so\nsession required pam_unix.so\n";
const UNIX: &str = "auth required pam_unix.so\naccount required pam_unix.so\n\
                    session required pam_unix.so\n";

impl Addresses {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Addresses::Resolved => "name server",
            Addresses::Pinned => "addresses",
        }
    }
}

impl Bench {
    pub(crate) fn new(stack: Stack, addresses: Addresses) -> Bench {
        Bench::with(stack, addresses, Double::builder())
    }

    pub(crate) fn with(stack: Stack, addresses: Addresses, double: DoubleBuilder) -> Bench {
        let double = double
            .certificate(Certificate::Wildcard)
            .world(|world| {
                let alice = world.user_mut("alice");
                // The password is right in authentik too, but the flow denies the user.
                alice.password = ALICE_LOCAL.to_owned();
                alice.active = stack != Stack::Account;
            })
            .start();
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let name_server = NameServer::start(Answers::addresses(&[local]));
        let mut builder = RealHost::new(&double)
            .config(&configuration(&double, stack, addresses, "linux-deny"))
            .account(alice())
            .file("/etc/resolv.conf", &name_server.resolv_conf(), 0o644)
            .file("/etc/login.defs", LOGIN_DEFS, 0o644)
            .file("/etc/sudoers", SUDOERS, 0o440)
            .file("/etc/authentik.token", "view-user-group-token\n", 0o600);
        let mut stacks = vec![(FALLBACK.to_owned(), stacks::text(FALLBACK))];
        for program in Program::ALL {
            stacks.push((program.name().to_owned(), stack.text(program)));
        }
        for (service, text) in &stacks {
            builder = builder.stack(service, text);
        }
        let host = builder.start();
        // su writes failures there, and a limit of the file size would kill it.
        host.remove("/var/log/btmp");
        Bench {
            host,
            stacks,
            double,
            stack,
            addresses,
            _name_server: name_server,
        }
    }

    /// Adds these lines at the top of the configuration.
    pub(crate) fn configure(&self, lines: &str) {
        let text = configuration(&self.double, self.stack, self.addresses, "linux-deny");
        self.host.config(&format!("{lines}{text}"));
    }

    /// From now on authentik accepts alice with her password there.
    pub(crate) fn accept(&self) {
        self.double.world(|world| {
            let alice = world.user_mut("alice");
            alice.password = PASSWORD.to_owned();
            alice.active = true;
        });
        self.host.config(&configuration(
            &self.double,
            self.stack,
            self.addresses,
            "linux-login",
        ));
    }

    /// Adds a module before ours that leaves a line in the log, or removes it.
    pub(crate) fn mark_the_module(&self, marked: bool) {
        for (service, text) in &self.stacks {
            let text = match marked {
                true => with_mark(text),
                false => text.clone(),
            };
            self.host.stack(service, &text);
        }
    }

    /// What a user types who is accepted.
    pub(crate) fn accepted_password(&self) -> &'static str {
        match self.stack {
            Stack::Unix | Stack::Account => ALICE_LOCAL,
            Stack::Fallback | Stack::Profile => PASSWORD,
        }
    }

    /// A run of the program with this password.
    pub(crate) fn run(&self, program: Program, password: &str) -> Run {
        program.run(&self.host, password)
    }

    /// A run with the local password under this limit.
    pub(crate) fn limited(&self, program: Program, limit: Limit, value: u64) -> Run {
        Run {
            limits: vec![(limit, value)],
            ..self.run(program, ALICE_LOCAL)
        }
    }
}

fn configuration(double: &Double, stack: Stack, addresses: Addresses, flow: &str) -> String {
    let url = format!("https://{NAME}:{}", double.port());
    let addresses = match addresses {
        Addresses::Resolved => "",
        Addresses::Pinned => "addresses = [\"127.0.0.1\"]\n",
    };
    let account = match stack {
        Stack::Account => {
            "[account]\ntoken_file = \"/etc/authentik.token\"\nservices = [\"su\", \"sudo\"]\n\
             on_unavailable = \"ignore\"\n"
        }
        _ => "",
    };
    format!(
        "{addresses}{}{account}",
        pam_harness::host::configuration(double, flow).replace(&double.url(), &url)
    )
}
