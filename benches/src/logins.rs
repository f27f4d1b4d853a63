//! The comparison: the module, the floor, libcurl, and a script with curl.

use crate::bundle::{self, BY_THE_BUNDLE};
use crate::job::{Client, Job};
use crate::report::{Table, Targets, cell, round};
use crate::scenario::{Bench, Scenario};
use crate::server::Server;
use crate::stats::Sample;
use crate::{Result, relay};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Logins of one process at the server that answers at once: the first, and more.
const LOGINS: usize = 6;

/// A client's name in the table, and how its job differs.
type Contender = (&'static str, Client, &'static str);

const MODULE: Contender = ("module", Client::Pam, "module");
const FLOOR: Contender = ("floor", Client::Floor, "");
const FAIR: Contender = ("fair floor", Client::FairFloor, "");
/// libpam alone: what a login costs before any module does work.
const LIBPAM: Contender = ("pam_permit", Client::Pam, "permit");
const LIBCURL: Contender = ("libcurl", Client::Libcurl, "");
const SCRIPT: Contender = ("curl script", Client::Pam, "script");

/// The measurements of one contender.
#[derive(Default)]
struct Times {
    first: Sample,
    later: Sample,
    busy: Sample,
    failure: Option<String>,
}

/// Runs all and writes the tables.
pub fn run(
    bench: &Bench<'_>,
    server: &mut Server,
    rounds: usize,
    targets: &mut Targets,
) -> Result<Vec<Table>> {
    let has_curl = Path::new("/usr/bin/curl").exists();
    let by_bundle = bundle::scenario(bench, server)?;
    let mut tables = Vec::new();
    for (name, round_trip, rounds) in [
        ("answers at once", 0, rounds),
        ("20 ms per round trip", 20, rounds.div_ceil(4)),
        ("100 ms per round trip", 100, rounds.div_ceil(8)),
    ] {
        eprintln!("logins: {name}, {rounds} rounds");
        let port = match round_trip {
            0 => server.port,
            ms => relay::start(server.port, Duration::from_millis(ms))?,
        };
        let mut table = Table::new(
            &format!("One login, the server {name}: milliseconds, median (quartiles)"),
            &[
                "login",
                "by",
                "requests",
                "first in its process",
                "later ones",
                "of it on a processor",
                "first : floor",
                "later : floor",
                "later : fair floor",
                "later : libcurl",
                "wall : round trips",
            ],
        );
        for scenario in Scenario::all().into_iter().chain(by_bundle.clone()) {
            if round_trip > 0 && scenario.name != "password" {
                continue;
            }
            let is_main = scenario.name == "password";
            let recorded = match bench.recorded(&scenario, server) {
                Ok(job) => job,
                Err(why) => {
                    table.row([
                        scenario.name,
                        "module".into(),
                        format!("not measured: {why}"),
                    ]);
                    continue;
                }
            };
            let mut contenders = vec![MODULE, FLOOR, LIBCURL];
            let is_by_bundle = scenario.name == BY_THE_BUNDLE;
            if (is_main || is_by_bundle) && round_trip == 0 {
                contenders.push(FAIR);
            }
            if is_main && round_trip == 0 {
                contenders.push(LIBPAM);
            }
            if is_main && has_curl {
                contenders.push(SCRIPT);
            }
            let times = compare(
                bench,
                server,
                &scenario,
                &recorded,
                port,
                rounds,
                round_trip == 0,
                &contenders,
            )?;
            let trips = recorded.exchanges.len() + 2;
            rows(
                &mut table,
                &scenario,
                &recorded,
                &contenders,
                &times,
                round_trip,
                trips,
            );
            if is_by_bundle {
                judge_bundle(targets, &times);
            }
            if is_main {
                judge(targets, &times, &recorded, round_trip, trips);
            }
        }
        if !has_curl {
            table.note("curl script: not measured, there is no /usr/bin/curl.");
        }
        tables.push(table);
    }
    Ok(tables)
}

#[allow(clippy::too_many_arguments, reason = "each is one thing, used once")]
fn compare(
    bench: &Bench<'_>,
    server: &mut Server,
    scenario: &Scenario,
    recorded: &Job,
    port: u16,
    rounds: usize,
    at_once: bool,
    contenders: &[Contender],
) -> Result<BTreeMap<&'static str, Times>> {
    let mut times: BTreeMap<&'static str, Times> = BTreeMap::new();
    for round in 0..rounds {
        for turn in 0..contenders.len() {
            // The order rotates, so that no contender always follows the script.
            let (name, client, service) = contenders[(turn + round) % contenders.len()];
            let entry = times.entry(name).or_default();
            if entry.failure.is_some() {
                continue;
            }
            let mut job = bench.job(scenario, server, port)?;
            job.client = client;
            job.service = service.to_owned();
            job.exchanges.clone_from(&recorded.exchanges);
            job.seen_port = recorded.seen_port;
            job.logins = match (at_once, service) {
                (_, "script") => 1,
                (true, _) => LOGINS,
                (false, _) => 2,
            };
            server.refill()?;
            server.clear()?;
            match bench.play(&job) {
                Ok(played) => {
                    let mut millis = played.nanos.iter().map(|nanos| *nanos as f64 / 1e6);
                    if let Some(first) = millis.next() {
                        entry.first.push(first);
                    }
                    millis.for_each(|later| entry.later.push(later));
                    // A script has no later logins.
                    let skipped = usize::from(job.logins > 1);
                    for nanos in played.busy_nanos.iter().skip(skipped) {
                        entry.busy.push(*nanos as f64 / 1e6);
                    }
                }
                Err(why) => entry.failure = Some(why),
            }
        }
    }
    Ok(times)
}

fn rows(
    table: &mut Table,
    scenario: &Scenario,
    recorded: &Job,
    contenders: &[Contender],
    times: &BTreeMap<&'static str, Times>,
    round_trip: u64,
    trips: usize,
) {
    let median = |name: &str, of: fn(&Times) -> &Sample| {
        times.get(name).map_or(f64::NAN, |times| of(times).median())
    };
    for (name, ..) in contenders {
        let Some(measured) = times.get(name) else {
            continue;
        };
        if let Some(why) = &measured.failure {
            table.row([
                scenario.name.clone(),
                (*name).into(),
                format!("not measured: {why}"),
            ]);
            continue;
        }
        let first = measured.first.median();
        // A script has no second login in its process.
        let later = match measured.later.is_empty() {
            true => first,
            false => measured.later.median(),
        };
        let ratio = |value: f64, base: f64| match base.is_nan() {
            true => "–".into(),
            false => format!("{} ×", round(value / base)),
        };
        let wall = match (round_trip, *name) {
            (0, _) | (_, "curl script") => "–".into(),
            (ms, _) => format!("{:.3} ×", later / (trips as f64 * ms as f64)),
        };
        table.row([
            scenario.name.clone(),
            (*name).into(),
            match *name {
                "curl script" => "4 processes".into(),
                "pam_permit" => "0".into(),
                _ => recorded.exchanges.len().to_string(),
            },
            cell(&measured.first),
            cell(&measured.later),
            cell(&measured.busy),
            ratio(first, median("floor", |t| &t.first)),
            ratio(later, median("floor", |t| &t.later)),
            ratio(later, median("fair floor", |t| &t.later)),
            ratio(later, median("libcurl", |t| &t.later)),
            wall,
        ]);
    }
}

fn judge_bundle(targets: &mut Targets, times: &BTreeMap<&'static str, Times>) {
    let later = |name: &str| times.get(name).map_or(f64::NAN, |t| t.later.median());
    targets.at_most(
        "login by the bundle : floor that parses it whole, later ones",
        " ×",
        1.0,
        later("module") / later("floor"),
    );
    targets.at_most(
        "login by the bundle : libcurl, later ones",
        " ×",
        0.1,
        later("module") / later("libcurl"),
    );
}

fn judge(
    targets: &mut Targets,
    times: &BTreeMap<&'static str, Times>,
    recorded: &Job,
    round_trip: u64,
    trips: usize,
) {
    let first = |name: &str| times.get(name).map_or(f64::NAN, |t| t.first.median());
    let later = |name: &str| times.get(name).map_or(f64::NAN, |t| t.later.median());
    if round_trip == 0 {
        targets.at_most(
            "login : fair floor, later ones",
            " ×",
            1.2,
            later("module") / later("fair floor"),
        );
        targets.at_most(
            "login : fair floor, first in its process",
            " ×",
            1.2,
            first("module") / first("fair floor"),
        );
        targets.at_most(
            "login : libcurl, later ones",
            " ×",
            0.5,
            later("module") / later("libcurl"),
        );
        targets.at_most(
            "login : libcurl, first in its process",
            " ×",
            0.5,
            first("module") / first("libcurl"),
        );
        targets.at_most(
            "login : curl script",
            " ×",
            0.1,
            first("module") / first("curl script"),
        );
        let connections: std::collections::BTreeSet<usize> =
            recorded.exchanges.iter().map(|e| e.connection).collect();
        targets.at_most("connections of a login", "", 1.0, connections.len() as f64);
    } else if round_trip == 100 {
        let wall = trips as f64 * round_trip as f64;
        targets.at_most(
            &format!("wall time : {trips} round trips of {round_trip} ms"),
            " ×",
            1.02,
            later("module") / wall,
        );
    }
}
