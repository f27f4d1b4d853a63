//! A login whose second factor is a security key that is plugged in: a virtual key, in a
//! process of its own, so that its work does not count as the module's.

use crate::report::{Table, cell, thousands};
use crate::scenario::{Bench, Scenario};
use crate::server::Server;
use crate::stats::Sample;
use crate::{Result, at, callgrind};
use pam_harness::script::PluggedKey;
use pam_harness::virtual_key::{Credential, Settings, Touch, VirtualKey};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// Whose key it is.
pub const USER: &str = "kay";

/// Logins of one process: the first, and more.
const LOGINS: usize = 6;

/// What the key's process says of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Made {
    plugged: PluggedKey,
    id: Vec<u8>,
    point: Vec<u8>,
}

/// Acts as the key until the input ends. The key is touched at once.
pub fn serve() -> Result<()> {
    let credential = Credential::new("localhost", USER);
    let key = VirtualKey::plug_in(Settings {
        credentials: vec![credential.clone()],
        touch: Touch::After(Duration::ZERO),
        ..Settings::default()
    });
    let made = Made {
        plugged: key.plugged(),
        id: credential.id.clone(),
        point: credential.point(),
    };
    println!("{}", serde_json::to_string(&made).map_err(at("a key"))?);
    let mut rest = Vec::new();
    std::io::stdin()
        .read_to_end(&mut rest)
        .map_err(at("the input"))?;
    Ok(())
}

/// The key's process, from outside. It ends when this is dropped.
pub struct Key {
    child: Child,
    input: Option<ChildStdin>,
    made: Made,
}

impl Key {
    /// Starts `program`, this one, as a key.
    ///
    /// # Errors
    /// Why there is none: only root may put one into a `/dev` of its own.
    pub fn start(program: &Path) -> Result<Key> {
        // SAFETY: it has no argument and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            return Err("only root can plug a virtual key in".into());
        }
        if !Path::new("/sys/class/hidraw").is_dir() {
            return Err("this kernel has no hidraw".into());
        }
        let mut child = Command::new(program)
            .arg("key")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(at("a virtual key"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("the key has no output")?;
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .map_err(at("a virtual key"))?;
        let made = serde_json::from_str(&line).map_err(at("a virtual key"))?;
        Ok(Key { child, input, made })
    }

    /// What a namespace needs to know about it.
    pub fn plugged(&self) -> PluggedKey {
        self.made.plugged.clone()
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

/// Logs in with it.
pub fn run(
    bench: &Bench<'_>,
    server: &mut Server,
    key: &Result<Key>,
    rounds: usize,
) -> Result<Table> {
    eprintln!("a security key, {rounds} rounds");
    let mut table = Table::new(
        "One login with a security key, touched at once: milliseconds, median (quartiles)",
        &[
            "login",
            "requests",
            "first in its process",
            "later ones",
            "of it on a processor",
            "instructions",
        ],
    );
    let missing = match (key, &bench.place.shared) {
        (Err(why), _) | (_, Some(why)) => Some(why),
        (Ok(_), None) => None,
    };
    let (Ok(key), None) = (key, missing) else {
        let why = missing.map_or("", String::as_str);
        table.note(format!("Not measured: {why}."));
        return Ok(table);
    };
    server.has_key(&key.made.id, &key.made.point)?;
    let scenario = Scenario::key();
    let recorded = bench.recorded(&scenario, server)?;
    let (mut first, mut later, mut busy) =
        (Sample::default(), Sample::default(), Sample::default());
    for _ in 0..rounds {
        let mut job = recorded.clone();
        job.logins = LOGINS;
        let played = bench.play(&job)?;
        let mut nanos = played.nanos.iter().map(|nanos| *nanos as f64 / 1e6);
        nanos.by_ref().take(1).for_each(|nanos| first.push(nanos));
        nanos.for_each(|nanos| later.push(nanos));
        for nanos in played.busy_nanos.iter().skip(1) {
            busy.push(*nanos as f64 / 1e6);
        }
    }
    let instructions = match callgrind::is_there() {
        false => "not counted: there is no valgrind".into(),
        true => thousands(callgrind::instructions(&bench.program, &recorded)?),
    };
    table.row([
        scenario.name,
        recorded.exchanges.len().to_string(),
        cell(&first),
        cell(&later),
        cell(&busy),
        instructions,
    ]);
    table.note("The key is another process. What it does, its signature above all, is in the time and not in the rest.");
    Ok(table)
}
