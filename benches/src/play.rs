//! The process of a client: plays a [`Job`] and writes what it took to standard output.

use crate::job::{Client, Job, Played, code};
use crate::{Result, at, floor, libcurl, memory};
use pam_harness::codes::Item;
use pam_harness::transaction::{Converse, Message, Reply, Transaction};
use pam_harness::{Call, Code, Style};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

/// The person: answers hidden prompts in turn, and every other prompt with one word.
pub struct Person {
    secrets: std::vec::IntoIter<String>,
    typing: Duration,
}

impl Person {
    /// Somebody who will answer this.
    pub fn new(secrets: Vec<String>, typing: Duration) -> Person {
        Person {
            secrets: secrets.into_iter(),
            typing,
        }
    }
}

impl Converse for Person {
    fn converse(&mut self, messages: &[Message]) -> std::result::Result<Vec<Reply>, Code> {
        let answer = |message: &Message| match message.style {
            Style::EchoOff => match self.secrets.next() {
                Some(secret) => {
                    std::thread::sleep(self.typing);
                    Ok(Reply::Text(secret.into_bytes()))
                }
                None => Err(Code::PAM_CONV_ERR),
            },
            Style::EchoOn => Ok(Reply::Text(b"word".to_vec())),
            _ => Ok(Reply::Nothing),
        };
        messages.iter().map(answer).collect()
    }
}

/// Reads the job at `path` and plays it.
pub fn run(path: &Path) -> Result<()> {
    let text = fs::read(path).map_err(at(path.display()))?;
    let job: Job = serde_json::from_slice(&text).map_err(at(path.display()))?;
    // Filled before the measurement, so that their memory does not count as growth.
    let mut played = Played {
        nanos: vec![u64::MAX; job.logins],
        busy_nanos: vec![u64::MAX; job.logins],
        ..Played::default()
    };
    if matches!(job.client, Client::Pam | Client::FairFloor) {
        // The first steps of libpam itself do not belong to the module.
        transaction(&job, "permit", Code::PAM_SUCCESS.0, 0)?;
    }
    memory::now();
    memory::forget_peak();
    played.before = memory::now();
    if job.at_a_signal {
        println!("ready");
        let _ = std::io::stdin().read(&mut [0; 1]);
    }
    let mut curl = None;
    for login in 0..job.logins {
        let (begun, busy) = (Instant::now(), busy());
        match job.client {
            Client::Pam if job.takes_any_code => {
                let code = authenticate(&job, &job.service, login)?;
                played.codes.push(code.to_string());
            }
            Client::Pam => transaction(&job, &job.service, job.expected, login)?,
            Client::Floor => floor::log_in(&job, login)?,
            Client::FairFloor => {
                transaction(&job, "permit", Code::PAM_SUCCESS.0, login)?;
                floor::surroundings(&job)?;
                floor::log_in(&job, login)?;
            }
            Client::Libcurl => {
                if curl.is_none() {
                    curl = Some(libcurl::Curl::load()?);
                }
                if let Some(curl) = &curl {
                    curl.log_in(&job, login)?;
                }
            }
        }
        let nanos = begun.elapsed().as_nanos();
        played.nanos[login] = u64::try_from(nanos).unwrap_or(u64::MAX);
        played.busy_nanos[login] = self::busy().saturating_sub(busy);
        let done = login + 1;
        if done == job.logins || job.memory_after.contains(&done) {
            played.memory.push((done, memory::now()));
        }
    }
    let json = serde_json::to_string(&played).map_err(at("the report"))?;
    println!("{json}");
    Ok(())
}

/// Nanoseconds on a processor so far: this process and its children.
fn busy() -> u64 {
    let mut total = 0;
    for clock in [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN] {
        // SAFETY: all zeros are a value of it.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: `usage` is writable, and has the type that the call fills.
        if unsafe { libc::getrusage(clock, &mut usage) } == 0 {
            for time in [usage.ru_utime, usage.ru_stime] {
                total += time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1_000;
            }
        }
    }
    total
}

fn transaction(job: &Job, service: &str, expected: i32, login: usize) -> Result<()> {
    let code = authenticate(job, service, login)?;
    if code.0 == expected {
        Ok(())
    } else {
        Err(format!(
            "{service}: pam_authenticate gave {code}, not {}",
            Code(expected)
        ))
    }
}

fn authenticate(job: &Job, service: &str, login: usize) -> Result<Code> {
    let secrets = job
        .secrets
        .iter()
        .map(|secret| secret.replace("{code}", &code(login)))
        .collect();
    let person = Person::new(secrets, Duration::from_millis(job.typing_ms));
    let mut pam = Transaction::start(service, Some(&job.user), &job.confdir, person)
        .map_err(|code| format!("pam_start_confdir gave {code}"))?;
    let items = match job.is_here {
        true => [(Item::Rhost, ""), (Item::Tty, "pts/1")],
        false => [(Item::Rhost, "192.0.2.7"), (Item::Tty, "ssh")],
    };
    for (item, value) in items {
        pam.set_item(item, value)
            .map_err(|code| format!("pam_set_item gave {code}"))?;
    }
    let code = pam.call(Call::Authenticate, 0);
    pam.end();
    Ok(code)
}
