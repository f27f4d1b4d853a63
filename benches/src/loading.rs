//! What a module costs before it does any work.

use crate::memory;
use crate::report::{Table, Targets, cell, round, thousands};
use crate::scenario::{Bench, Scenario};
use crate::server::Server;
use crate::stats::Sample;
use crate::{Result, at};
use serde::{Deserialize, Serialize};
use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Debian's modules for comparison, by package; `pam_ldap.so` is libpam-ldapd's there.
const OTHERS: [(&str, &str); 4] = [
    ("pam_ldap.so", "libpam-ldapd"),
    ("pam_sss.so", "libpam-sss"),
    ("pam_google_authenticator.so", "libpam-google-authenticator"),
    ("pam_u2f.so", "libpam-u2f"),
];

/// What a process says of one `dlopen`.
#[derive(Serialize, Deserialize)]
struct Loaded {
    nanos: u64,
    resident: u64,
    /// The files that were mapped with it.
    files: Vec<PathBuf>,
}

/// The process: loads the module at `path` as libpam does.
pub fn load(path: &str) -> Result<()> {
    let name = CString::new(path).map_err(at(path))?;
    memory::now();
    let (before, files) = (memory::now(), mapped());
    let begun = Instant::now();
    // SAFETY: a library made to be loaded, by a name that ends in NUL.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) };
    let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    if handle.is_null() {
        return Err(format!("{path} cannot be loaded"));
    }
    let loaded = Loaded {
        nanos,
        resident: memory::now().resident.saturating_sub(before.resident),
        files: mapped()
            .into_iter()
            .filter(|file| !files.contains(file))
            .collect(),
    };
    println!(
        "{}",
        serde_json::to_string(&loaded).map_err(at("the report"))?
    );
    Ok(())
}

fn mapped() -> Vec<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let paths = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    let mut paths: Vec<PathBuf> = paths
        .filter(|p| p.starts_with('/'))
        .map(PathBuf::from)
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Megabytes, of 1,000,000 bytes, from the kernel's kilobytes, of 1,024.
fn megabytes(sample: &Sample) -> f64 {
    sample.median() * 1024.0 / 1e6
}

/// Asks the kernel to forget what it has cached of a file; whether it did.
fn forget(file: &Path) -> bool {
    let Ok(file) = File::open(file) else {
        return false;
    };
    // SAFETY: a live descriptor; length 0 is "to the end".
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) == 0 }
}

#[derive(Default)]
struct Costs {
    warm: Sample,
    cold: Sample,
    resident: Sample,
    files: Vec<PathBuf>,
}

/// Loads each module, and logs in with this one to measure its memory.
pub fn run(
    bench: &Bench<'_>,
    server: &mut Server,
    rounds: usize,
    targets: &mut Targets,
) -> Result<Vec<Table>> {
    eprintln!("loading, {rounds} rounds");
    let mut table = Table::new(
        "Loading: dlopen as libpam does it, in a process that has libpam already",
        &[
            "module",
            "bytes",
            "NEEDED",
            "brings along",
            "dlopen warm, ms",
            "warm : pam_ldap.so",
            "dlopen cold, ms",
            "resident after, kB",
        ],
    );
    let mut modules = vec![("pam_authentik_flow.so", bench.module.clone())];
    for (name, package) in OTHERS {
        match find(name) {
            Some(path) => modules.push((name, path)),
            None => table.note(format!("{name}: not measured, {package} is not installed.")),
        }
    }
    let mut costs: Vec<Costs> = modules.iter().map(|_| Costs::default()).collect();
    for _ in 0..rounds {
        for ((_, path), costs) in modules.iter().zip(&mut costs) {
            let warm = loaded(bench, path)?;
            costs.warm.push(warm.nanos as f64 / 1e6);
            costs.resident.push(warm.resident as f64);
            costs.files = warm.files;
            if costs.files.iter().all(|file| forget(file)) {
                costs.cold.push(loaded(bench, path)?.nanos as f64 / 1e6);
            }
        }
    }
    let ldap = modules.iter().position(|(name, _)| *name == "pam_ldap.so");
    let ldap_warm = ldap.map(|ldap| costs[ldap].warm.median());
    for ((name, path), costs) in modules.iter().zip(&costs) {
        let bytes = size(path);
        let own = path.canonicalize().unwrap_or_else(|_| path.clone());
        let along = costs.files.iter().filter(|file| **file != own);
        let (count, sum) = along.fold((0, 0), |(n, sum), file| (n + 1, sum + size(file)));
        table.row([
            (*name).into(),
            thousands(bytes),
            needed(path).len().to_string(),
            format!("{count} files, {}", thousands(sum)),
            cell(&costs.warm),
            ldap_warm.map_or("–".into(), |ldap| {
                format!("{} ×", round(costs.warm.median() / ldap))
            }),
            cell(&costs.cold),
            cell(&costs.resident),
        ]);
    }
    let needed = needed(&bench.module);
    table.note(format!(
        "pam_authentik_flow.so needs {}.",
        needed.join(", ")
    ));
    let foreign = needed.iter().filter(|name| {
        !["libpam.", "libgcc_s.", "libc.", "ld-"]
            .iter()
            .any(|known| name.starts_with(known))
    });
    targets.at_most(
        "bytes of the .so",
        " MB",
        2.5,
        size(&bench.module) as f64 / 1e6,
    );
    targets.at_most(
        "NEEDED beside libpam, libgcc_s, libc, loader",
        "",
        0.0,
        foreign.count() as f64,
    );
    targets.at_most(
        "dlopen, warm : pam_ldap.so",
        " ×",
        1.8,
        ldap_warm.map_or(f64::NAN, |ldap| costs[0].warm.median() / ldap),
    );
    targets.at_most(
        "resident after dlopen",
        " MB",
        0.9,
        megabytes(&costs[0].resident),
    );
    Ok(vec![
        table,
        memory_of_a_login(bench, server, rounds, targets)?,
    ])
}

fn memory_of_a_login(
    bench: &Bench<'_>,
    server: &mut Server,
    rounds: usize,
    targets: &mut Targets,
) -> Result<Table> {
    let mut table = Table::new(
        "Memory of a login: kB more than before libpam loaded the module",
        &[
            "login",
            "resident after",
            "of it anonymous",
            "resident at its peak",
        ],
    );
    for scenario in Scenario::all() {
        let (mut after, mut anonymous, mut peak) = Default::default();
        let mut sample = || -> Result<()> {
            let job = bench.job(&scenario, server, server.port)?;
            server.refill()?;
            let played = bench.play(&job)?;
            if let Some((_, memory)) = played.memory.last() {
                let more = |now: u64, before: u64| now.saturating_sub(before) as f64;
                Sample::push(&mut after, more(memory.resident, played.before.resident));
                Sample::push(
                    &mut anonymous,
                    more(memory.anonymous, played.before.anonymous),
                );
                Sample::push(&mut peak, more(memory.peak, played.before.resident));
            }
            Ok(())
        };
        if let Err(why) = (0..rounds).try_for_each(|_| sample()) {
            table.row([scenario.name, format!("not measured: {why}")]);
            continue;
        }
        if scenario.name == "password" {
            targets.at_most("resident after a login", " MB", 2.4, megabytes(&after));
        }
        table.row([scenario.name, cell(&after), cell(&anonymous), cell(&peak)]);
    }
    Ok(table)
}

fn loaded(bench: &Bench<'_>, path: &Path) -> Result<Loaded> {
    let mut command = Command::new(&bench.program);
    if let Some(others) = others().filter(|others| path.starts_with(others)) {
        let arch = std::env::consts::ARCH;
        let libraries =
            ["usr/lib", "lib"].map(|lib| others.join(format!("{lib}/{arch}-linux-gnu")));
        let libraries = libraries.map(|directory| directory.display().to_string());
        command.env("LD_LIBRARY_PATH", libraries.join(":"));
    }
    let output = command
        .arg("load")
        .arg(path)
        .output()
        .map_err(at("a process"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(at("a report"))
}

/// Where `scripts/bench-others` has unpacked modules.
fn others() -> Option<PathBuf> {
    let directory = std::env::var_os("BENCH_OTHERS")?;
    Some(Path::new(&directory).join("root"))
}

/// A module that was unpacked, or else the system's own.
fn find(name: &str) -> Option<PathBuf> {
    let arch = std::env::consts::ARCH;
    let places = [
        format!("lib/{arch}-linux-gnu/security"),
        "lib64/security".into(),
        "usr/lib/security".into(),
        "lib/security".into(),
    ];
    let roots = others().into_iter().chain([PathBuf::from("/")]);
    roots
        .flat_map(|root| places.clone().map(|place| root.join(place).join(name)))
        .find(|path| path.exists())
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn needed(path: &Path) -> Vec<String> {
    let output = Command::new("readelf").arg("-d").arg(path).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| Some(line.split_once('[')?.1.trim_end_matches(']').to_owned()))
        .collect()
}
