//! A server that needs time for each request, as a real authentik does.

use crate::Result;
use crate::job::Client;
use crate::report::{Table, cell, round};
use crate::scenario::{Bench, Scenario};
use crate::server::{REAL_MILLIS, Server};
use crate::stats::Sample;

/// Logs in at it: the module, the floor, libcurl.
pub fn run(bench: &Bench<'_>, server: &mut Server, rounds: usize) -> Result<Table> {
    let rounds = rounds.div_ceil(4);
    eprintln!("a real server's delays, {rounds} rounds");
    let password = bench.recorded(&Scenario::password(), server)?;
    let short = bench.recorded(&Scenario::short_session(), server)?;
    let mut table = Table::new(
        "One login, the server takes as long as a real one: milliseconds, median (quartiles)",
        &[
            "by",
            "requests",
            "a login",
            "of it not the server's",
            "share",
        ],
    );
    for (name, client, recorded) in [
        ("module", Client::Pam, &password),
        ("module, a session of a minute", Client::Pam, &short),
        ("floor", Client::Floor, &password),
        ("libcurl", Client::Libcurl, &password),
    ] {
        let of_server: u64 = REAL_MILLIS.iter().take(recorded.exchanges.len()).sum();
        let (mut whole, mut beside) = (Sample::default(), Sample::default());
        for _ in 0..rounds {
            let mut job = recorded.clone();
            job.client = client;
            server.slow()?;
            let played = bench.play(&job);
            server.fast()?;
            for nanos in played?.nanos {
                let millis = nanos as f64 / 1e6;
                whole.push(millis);
                beside.push(millis - of_server as f64);
            }
        }
        let share = 100.0 * beside.median() / whole.median();
        table.row([
            name.into(),
            recorded.exchanges.len().to_string(),
            cell(&whole),
            cell(&beside),
            format!("{} %", round(share)),
        ]);
    }
    let pauses: Vec<String> = REAL_MILLIS.iter().map(u64::to_string).collect();
    table.note(format!(
        "The server waits {} ms before its answers, one after the other: what authentik 2025.10 took for them on two \
         cores; the last, the end of the session, as long as users/me. The module does not end a session that ends by \
         itself within a minute.",
        pauses.join(", ")
    ));
    Ok(table)
}
