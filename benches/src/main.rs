//! `make bench`: one run, one table. See README.md beside this crate.

use authentik_bench::job::Job;
use authentik_bench::key::{self, Key};
use authentik_bench::place::Place;
use authentik_bench::report::{Table, Targets, thousands};
use authentik_bench::scenario::{Bench, Scenario};
use authentik_bench::server::Server;
use authentik_bench::{
    Result, at, bundle, callgrind, fleet, growth, hosts, loading, logins, play, real, server,
};
use pam_harness::{Module, namespace};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "\
Usage: authentik-bench [ROUNDS [SECTION...]]
       authentik-bench fleet

ROUNDS is 20 where it is not given. Sections: loading, logins, real,
key, instructions, growth, hosts; all of them where none is given.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["instructions"] => with_server(counts),
        ["serve", ca_file] => server::serve(Path::new(ca_file), 0),
        ["serve", ca_file, workers] => match workers.parse() {
            Ok(workers) => server::serve(Path::new(ca_file), workers),
            Err(_) => Err(USAGE.to_owned()),
        },
        ["fleet"] => with_server(many),
        ["key"] => key::serve(),
        ["play", job] => play::run(Path::new(job)),
        ["load", module] => loading::load(module),
        ["probe", scratch] => namespace::probe(PathBuf::from(scratch)),
        [] => bench(20, &[]),
        [rounds, sections @ ..] => match rounds.parse() {
            Ok(rounds) if rounds > 0 => bench(rounds, sections),
            _ => Err(USAGE.to_owned()),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn bench(rounds: usize, sections: &[&str]) -> Result<()> {
    let begun = Instant::now();
    let load_before = load();
    let module = Module::find()?;
    let program = std::env::current_exe().map_err(at("this program"))?;
    let key = Key::start(&program);
    let place = Place::new(key.as_ref().ok().map(Key::plugged))?;
    let bench = Bench {
        program,
        module: module.path().to_owned(),
        place: &place,
    };
    let mut server = Server::start(&bench.program, place.path("ca.pem"))?;
    let mut targets = Targets::default();
    let wanted = |name: &str| sections.is_empty() || sections.contains(&name);
    let mut tables = Vec::new();
    if wanted("loading") {
        tables.extend(loading::run(&bench, &mut server, rounds, &mut targets)?);
    }
    if wanted("logins") {
        tables.extend(logins::run(&bench, &mut server, rounds, &mut targets)?);
    }
    if wanted("real") {
        tables.push(real::run(&bench, &mut server, rounds)?);
    }
    if wanted("key") {
        tables.push(key::run(&bench, &mut server, &key, rounds)?);
    }
    if wanted("instructions") {
        tables.push(instructions(&bench, &mut server, &mut targets)?);
    }
    if wanted("growth") {
        tables.extend(growth::run(&bench, &mut server, rounds, &mut targets)?);
    }
    if wanted("hosts") {
        tables.push(hosts::run(&bench, &mut server, rounds, &mut targets)?);
    }
    let mut summary = targets.table();
    if let Some(why) = &place.shared {
        summary.note(format!("Without accounts and a log of its own: {why}."));
    }
    summary.note(format!(
        "{rounds} rounds in {} s, rustc {}; load average {load_before} before and {} after, on {} processors.",
        begun.elapsed().as_secs(),
        callgrind::compiler(&bench.module)?,
        load(),
        std::thread::available_parallelism().map_or(1, usize::from)
    ));
    for table in tables.iter().chain([&summary]) {
        print!("{table}");
    }
    Ok(())
}

/// Starts a server, and runs `measure` with it.
fn with_server(measure: impl FnOnce(&Bench<'_>, &mut Server) -> Result<()>) -> Result<()> {
    let module = Module::find()?;
    let place = Place::new(None)?;
    let bench = Bench {
        program: std::env::current_exe().map_err(at("this program"))?,
        module: module.path().to_owned(),
        place: &place,
    };
    let mut server = Server::start(&bench.program, place.path("ca.pem"))?;
    measure(&bench, &mut server)
}

/// What many hosts do to one server.
fn many(bench: &Bench<'_>, server: &mut Server) -> Result<()> {
    for table in fleet::run(bench, server)? {
        print!("{table}");
    }
    Ok(())
}

/// For the test: a line for each login that succeeds, `NAME: INSTRUCTIONS`.
fn counts(bench: &Bench<'_>, server: &mut Server) -> Result<()> {
    println!("{}", callgrind::compiler(&bench.module)?);
    let by_bundle = bundle::scenario(bench, server)?;
    for scenario in Scenario::counted().into_iter().chain(by_bundle) {
        let job = bench.job(&scenario, server, server.port)?;
        server.refill()?;
        let count = callgrind::instructions(&bench.program, &job)?;
        println!("{}: {count}", scenario.name);
    }
    Ok(())
}

/// The load average of the last minute.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

fn instructions(bench: &Bench<'_>, server: &mut Server, targets: &mut Targets) -> Result<Table> {
    eprintln!("instructions");
    let mut table = Table::new(
        "Instructions of a login, within pam_sm_authenticate, by callgrind",
        &["login", "first in its process", "a later one"],
    );
    if !callgrind::is_there() {
        table.note("Not measured: there is no valgrind.");
        return Ok(table);
    }
    let by_bundle = bundle::scenario(bench, server)?;
    let more = by_bundle.into_iter().chain([Scenario::typed()]);
    for scenario in Scenario::all().into_iter().chain(more) {
        let mut count = |logins: usize| -> Result<u64> {
            let mut job: Job = bench.job(&scenario, server, server.port)?;
            job.logins = logins;
            server.refill()?;
            callgrind::instructions(&bench.program, &job)
        };
        match (count(1), count(3)) {
            (Ok(one), Ok(three)) => {
                let later = three.saturating_sub(one) / 2;
                let limit = match scenario.name.as_str() {
                    "password" => Some(4.1),
                    bundle::BY_THE_BUNDLE => Some(5.7),
                    _ => None,
                };
                if let Some(limit) = limit {
                    let what = format!("instructions of a login: {}", scenario.name);
                    targets.at_most(&what, " M", limit, one as f64 / 1e6);
                }
                table.row([scenario.name, thousands(one), thousands(later)]);
            }
            (Err(why), _) | (_, Err(why)) => {
                table.row([scenario.name, format!("not measured: {why}")]);
            }
        }
    }
    Ok(table)
}
