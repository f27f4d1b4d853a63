//! How the cost grows: with stages, fields, logins, processes, certificates.

use crate::bundle::stranger;
use crate::callgrind;
use crate::job::Job;
use crate::report::{Table, Targets, cell, round, thousands};
use crate::scenario::{Bench, Scenario, finish};
use crate::server::{FIELDS, STAGES, Server};
use crate::stats::{Line, Sample};
use crate::{Result, at};
use std::fs;
use std::io::{BufRead, BufReader};
use std::time::Instant;

const CERTIFICATES: [usize; 5] = [1, 50, 100, 200, 400];
const PROCESSES: [usize; 5] = [1, 25, 50, 100, 200];

/// All of them.
pub fn run(
    bench: &Bench<'_>,
    server: &mut Server,
    rounds: usize,
    targets: &mut Targets,
) -> Result<Vec<Table>> {
    eprintln!("growth, {rounds} rounds");
    let mut tables = Vec::new();
    let stages = STAGES.map(|n| (n, Scenario::with_flow(&format!("stages-{n}"))));
    let fields = FIELDS.map(|n| (n, Scenario::with_flow(&format!("fields-{n}"))));
    let certificates = bundles(bench, server)?;
    for (what, unit, points) in [
        ("stages", "stage", stages.as_slice()),
        ("prompt fields", "field", fields.as_slice()),
        (
            "certificates in the bundle",
            "certificate",
            certificates.as_slice(),
        ),
    ] {
        tables.push(series(bench, server, rounds, what, unit, points, targets)?);
    }
    tables.push(many_logins(bench, server, rounds, targets)?);
    tables.push(many_processes(bench, server, rounds)?);
    Ok(tables)
}

fn series(
    bench: &Bench<'_>,
    server: &mut Server,
    rounds: usize,
    what: &str,
    unit: &str,
    points: &[(usize, Scenario)],
    targets: &mut Targets,
) -> Result<Table> {
    let mut table = Table::new(
        &format!("Growth with {what}"),
        &[
            what,
            "a login, ms",
            "instructions",
            "resident at its peak, kB",
        ],
    );
    let mut times: Vec<(Sample, Sample)> = points.iter().map(|_| Default::default()).collect();
    for _ in 0..rounds.div_ceil(3) {
        for ((_, scenario), (time, peak)) in points.iter().zip(&mut times) {
            let mut job = bench.job(scenario, server, server.port)?;
            job.logins = 4;
            server.clear()?;
            let played = bench.play(&job)?;
            played
                .nanos
                .iter()
                .skip(1)
                .for_each(|nanos| time.push(*nanos as f64 / 1e6));
            if let Some((_, memory)) = played.memory.last() {
                peak.push(memory.peak.saturating_sub(played.before.resident) as f64);
            }
        }
    }
    let (mut by_time, mut by_instructions) = (Vec::new(), Vec::new());
    for ((count, scenario), (time, peak)) in points.iter().zip(&times) {
        let instructions = if callgrind::is_there() {
            let job = bench.job(scenario, server, server.port)?;
            let instructions = callgrind::instructions(&bench.program, &job)?;
            by_instructions.push((*count as f64, instructions as f64));
            thousands(instructions)
        } else {
            "–".into()
        };
        by_time.push((*count as f64, time.median()));
        table.row([count.to_string(), cell(time), instructions, cell(peak)]);
    }
    let line = Line::through(&by_time);
    table.note(format!(
        "The line: {} ms and {} µs per {unit} (R² {:.4}), the server's share included.",
        round(line.base),
        round(line.per_unit * 1000.0),
        line.r_squared
    ));
    if by_instructions.len() > 1 {
        let line = Line::through(&by_instructions);
        table.note(format!(
            "In instructions: {} and {} per {unit} (R² {:.4}).",
            thousands(line.base.max(0.0) as u64),
            thousands(line.per_unit.max(0.0) as u64),
            line.r_squared
        ));
        targets.at_most(
            &format!("bend of the line through {what} (1 - R², instructions)"),
            "",
            0.01,
            1.0 - line.r_squared,
        );
    }
    Ok(table)
}

/// Bundles of this many certificates; the server's CA is the last one.
fn bundles(bench: &Bench<'_>, server: &Server) -> Result<Vec<(usize, Scenario)>> {
    let own = fs::read_to_string(&server.ca_file).map_err(at(server.ca_file.display()))?;
    let directory = bench.place.directory("bundles")?;
    let mut text = String::new();
    let mut made = 1;
    let mut scenarios = Vec::new();
    for count in CERTIFICATES {
        while made < count {
            text.push_str(&stranger(made).map_err(at("a certificate"))?);
            made += 1;
        }
        let path = directory.join(format!("{count}.pem"));
        crate::place::write(&path, &format!("{text}{own}"), 0o644)?;
        let scenario = Scenario {
            name: format!("certificates-{count}"),
            ca_file: Some(path),
            ..Scenario::password()
        };
        scenarios.push((count, scenario));
    }
    Ok(scenarios)
}

/// One process that logs in many times.
fn many_logins(
    bench: &Bench<'_>,
    server: &mut Server,
    rounds: usize,
    targets: &mut Targets,
) -> Result<Table> {
    let total = (rounds * 500).min(10_000);
    eprintln!("growth: {total} logins in one process");
    let mut job: Job = bench.job(&Scenario::password(), server, server.port)?;
    job.logins = total;
    let marks: Vec<usize> = [1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000]
        .into_iter()
        .filter(|mark| *mark <= total)
        .collect();
    job.memory_after.clone_from(&marks);
    server.clear()?;
    let played = bench.play(&job)?;
    let mut table = Table::new(
        "Growth with logins in one process, each with pam_start and pam_end",
        &[
            "logins so far",
            "the last of them, ms",
            "resident more than before, kB",
            "of it anonymous, kB",
        ],
    );
    let mut before = 0;
    let (mut after_100, mut at_the_end) = (f64::NAN, f64::NAN);
    for (count, memory) in &played.memory {
        let span = played.nanos.get(before..*count).unwrap_or_default();
        let times: Sample = span.iter().map(|nanos| *nanos as f64 / 1e6).collect();
        let resident = memory.resident.saturating_sub(played.before.resident);
        let anonymous = memory.anonymous.saturating_sub(played.before.anonymous);
        table.row([
            thousands(*count as u64),
            cell(&times),
            thousands(resident),
            thousands(anonymous),
        ]);
        if *count == 100 {
            after_100 = resident as f64;
        }
        at_the_end = resident as f64;
        before = *count;
    }
    targets.at_most(
        &format!(
            "memory grown from 100 to {} logins",
            thousands(total as u64)
        ),
        " kB",
        // What malloc keeps before it gives memory back.
        128.0,
        at_the_end - after_100,
    );
    server.clear()?;
    Ok(table)
}

/// Processes that log in at the same moment.
fn many_processes(bench: &Bench<'_>, server: &mut Server, rounds: usize) -> Result<Table> {
    let mut table = Table::new(
        "Growth with processes that log in at the same moment",
        &[
            "processes",
            "until the last is in, ms",
            "per login, ms",
            "failed",
        ],
    );
    let mut points = Vec::new();
    for count in PROCESSES {
        let (mut wall, mut failed) = (Sample::default(), 0);
        for _ in 0..rounds.div_ceil(8) {
            let mut job = bench.job(&Scenario::password(), server, server.port)?;
            job.at_a_signal = true;
            server.clear()?;
            let mut children = Vec::new();
            for _ in 0..count {
                let mut child = bench.spawn(&job)?;
                if let Some(output) = child.stdout.take() {
                    let mut output = BufReader::with_capacity(64, output);
                    let mut line = String::new();
                    output.read_line(&mut line).map_err(at("a process"))?;
                    child.stdout = Some(output.into_inner());
                }
                children.push(child);
            }
            let begun = Instant::now();
            let inputs: Vec<_> = children
                .iter_mut()
                .map(|child| child.stdin.take())
                .collect();
            drop(inputs);
            failed += children
                .into_iter()
                .filter_map(|child| finish(child).err())
                .count();
            wall.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        let each = wall.median() / count as f64;
        points.push((count as f64, wall.median()));
        table.row([
            count.to_string(),
            cell(&wall),
            round(each),
            failed.to_string(),
        ]);
    }
    let line = Line::through(&points);
    table.note(format!(
        "The line: {} ms and {} ms per process (R² {:.4}), on {} processors that the server and the ends of the processes share.",
        round(line.base),
        round(line.per_unit),
        line.r_squared,
        std::thread::available_parallelism().map_or(1, usize::from)
    ));
    Ok(table)
}
