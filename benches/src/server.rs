//! The stand-in for authentik, in a process of its own.

use crate::job::{Exchange, code};
use crate::{Result, at};
use authentik_double::{
    Device, Double, Fault, Field, Flow, Match, Prompt, User, UserLogin, Validate,
};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// How many dummy stages the flows `stages-N` have.
pub const STAGES: [usize; 5] = [1, 10, 20, 35, 50];
/// How many fields the flows `fields-N` ask for.
pub const FIELDS: [usize; 5] = [1, 25, 50, 75, 100];
/// How many codes `coder` has. `refill` restores those that were used.
const CODES: usize = 64;

/// How long a real authentik took for each request of the login `password`, in milliseconds:
/// two challenges and their answers, the end of the flow, users/me, and the end of the session.
pub const REAL_MILLIS: [u64; 7] = [122, 74, 108, 531, 228, 91, 91];

fn coder() -> User {
    User::new("coder").device(Device::static_codes((0..CODES).map(code)))
}

fn flows() -> Vec<Flow> {
    let asks = |slug: &str| Flow::new(slug).identification().password();
    let stages = STAGES.map(|count| asks(&format!("stages-{count}")).dummies(count).user_login());
    let fields = FIELDS.map(|count| {
        let field = |number: usize| {
            let label = format!("Field number {number}");
            Field::new(&format!("field{number}"), "text", &label).order(number as i64)
        };
        asks(&format!("fields-{count}"))
            .bind(Prompt::new((1..=count).map(field)))
            .user_login()
    });
    let key = asks("key").bind(Validate::new()).user_login();
    let short = UserLogin::new().session_duration(Duration::from_secs(60));
    let short = asks("short-session").bind(short);
    let single = [key, short];
    stages.into_iter().chain(fields).chain(single).collect()
}

/// Serves until the input ends. Each command is a line, and so is each answer: `refill`,
/// `clear`, `slow`, `real`, `broken`, `fast`, `requests`, `counts`, and `key` with a
/// credential's ID and public key.
///
/// With `workers` other than 0 it handles this many requests at a time.
pub fn serve(ca_file: &Path, workers: usize) -> Result<()> {
    let builder = match workers {
        0 => Double::builder(),
        count => Double::builder().workers(count),
    };
    let double = builder
        .without_pause()
        .world(|world| {
            world.add_user(coder());
            for flow in flows() {
                world.add_flow(flow);
            }
        })
        .start();
    crate::place::write(ca_file, double.ca_pem(), 0o644)?;
    println!("{}", double.port());
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(at("the command"))?;
        let answer = match line.as_str() {
            "refill" => {
                double.world(|world| world.add_user(coder()));
                "done".to_owned()
            }
            "clear" => {
                double.clear_requests();
                "done".to_owned()
            }
            "slow" => {
                for (number, millis) in (1..).zip(REAL_MILLIS) {
                    let pause = Duration::from_millis(millis);
                    double.inject(Fault::on(Match::any().nth(number)).delay(pause));
                }
                "done".to_owned()
            }
            "real" => {
                real_delays(&double);
                "done".to_owned()
            }
            "broken" => {
                double.inject(Fault::on(Match::any()).bad_gateway());
                "done".to_owned()
            }
            "counts" => {
                let counts = [double.connections(), double.requests().len()];
                serde_json::to_string(&counts).map_err(at("counts"))?
            }
            "fast" => {
                double.clear_faults();
                "done".to_owned()
            }
            "requests" => serde_json::to_string(&exchanges(&double)).map_err(at("requests"))?,
            other => match other.strip_prefix("key ") {
                Some(credential) => {
                    let (id, point): (Vec<u8>, Vec<u8>) =
                        serde_json::from_str(credential).map_err(at("a credential"))?;
                    let key = Device::security_key(&id, &point);
                    double.world(|world| world.add_user(User::new(crate::key::USER).device(key)));
                    "done".to_owned()
                }
                None => return Err(format!("unknown command {other:?}")),
            },
        };
        println!("{answer}");
    }
    Ok(())
}

/// The delays of [`REAL_MILLIS`] for any number of logins: each kind of request takes its total
/// delay, in equal parts.
fn real_delays(double: &Double) {
    let [first, user, second, password, last, whose, end] = REAL_MILLIS;
    for (when, millis) in [
        (
            Match::get("/executor/linux-login/"),
            (first + second + last) / 3,
        ),
        (Match::post("/executor/linux-login/"), (user + password) / 2),
        (Match::path("/users/me/"), whose),
        (Match::path("/executor/default-invalidation-flow/"), end),
    ] {
        double.inject(Fault::on(when).delay(Duration::from_millis(millis)));
    }
}

fn exchanges(double: &Double) -> Vec<Exchange> {
    let requests = double.requests();
    let exchange = |request: authentik_double::SeenRequest| Exchange {
        target: if request.query.is_empty() {
            request.path
        } else {
            format!("{}?{}", request.path, request.query)
        },
        method: request.method,
        headers: request.headers,
        body: String::from_utf8_lossy(&request.body).into_owned(),
        status: request.status,
        connection: request.connection,
    };
    requests.into_iter().map(exchange).collect()
}

/// The server's process, from outside. It ends when this is dropped.
pub struct Server {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Where it listens on loopback.
    pub port: u16,
    /// The CA that signed its certificate.
    pub ca_file: PathBuf,
}

impl Server {
    /// Starts `program`, this one, as a server.
    pub fn start(program: &Path, ca_file: PathBuf) -> Result<Server> {
        Server::start_with(program, ca_file, 0)
    }

    /// The same with this many workers, or 0.
    pub fn start_with(program: &Path, ca_file: PathBuf, workers: usize) -> Result<Server> {
        let mut child = Command::new(program)
            .arg("serve")
            .arg(&ca_file)
            .arg(workers.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(at("the server"))?;
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().ok_or("the server has no output")?);
        let mut server = Server {
            child,
            commands,
            answers,
            port: 0,
            ca_file,
        };
        let line = server.line()?;
        server.port = line.trim().parse().map_err(at("the server's port"))?;
        Ok(server)
    }

    /// Restores all codes of `coder`.
    pub fn refill(&mut self) -> Result<()> {
        self.command("refill").map(drop)
    }

    /// Forgets the requests so far.
    pub fn clear(&mut self) -> Result<()> {
        self.command("clear").map(drop)
    }

    /// Gives the user of the security key this credential.
    pub fn has_key(&mut self, id: &[u8], point: &[u8]) -> Result<()> {
        let credential = serde_json::to_string(&(id, point)).map_err(at("a credential"))?;
        self.command(&format!("key {credential}")).map(drop)
    }

    /// Delays the next login as a real server would: [`REAL_MILLIS`].
    pub fn slow(&mut self) -> Result<()> {
        self.command("slow").map(drop)
    }

    /// Delays all logins as a real server would, in equal parts.
    pub fn real(&mut self) -> Result<()> {
        self.command("real").map(drop)
    }

    /// Answers like a proxy without a backend.
    pub fn broken(&mut self) -> Result<()> {
        self.command("broken").map(drop)
    }

    /// How many connections there were, and requests.
    pub fn counts(&mut self) -> Result<[usize; 2]> {
        let line = self.command("counts")?;
        serde_json::from_str(&line).map_err(at("the server's counts"))
    }

    /// Answers at once again.
    pub fn fast(&mut self) -> Result<()> {
        self.command("fast").map(drop)
    }

    /// The requests since then.
    pub fn requests(&mut self) -> Result<Vec<Exchange>> {
        let line = self.command("requests")?;
        serde_json::from_str(&line).map_err(at("the server's requests"))
    }

    fn command(&mut self, command: &str) -> Result<String> {
        let commands = self.commands.as_mut().ok_or("the server is gone")?;
        writeln!(commands, "{command}").map_err(at("the server"))?;
        self.line()
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(1..) => Ok(line),
            Ok(0) => Err("the server has ended".into()),
            Err(error) => Err(format!("the server: {error}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.child.wait();
    }
}
