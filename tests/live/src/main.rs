//! `make test-live`: logins against a real authentik, through the real libpam.
//!
//! Everything that they need is created through authentik's API, recorded in a ledger before it
//! is created, and removed at the end. The token arrives on standard input: it is in no command
//! line, no file and no log.

mod api;
mod clean;
mod interrupt;
mod ledger;
mod maker;
mod plan;
mod play;
mod report;
mod rows;

use std::io::{BufRead, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pam_harness::{Isolation, Module};

use api::Api;
use ledger::Ledger;
use maker::{Maker, MakerError};
use play::{Factors, Stage};
use report::{About, Line};

const USAGE: &str = "\
Usage: test-live --url URL --ledgers DIRECTORY [--ca FILE] [--only WORD] [--clean]

Logs in to the authentik at URL, and prints a table. The token of a superuser is the
first line of standard input. See docs/test-live.md.

  --ledgers DIRECTORY  where the list of all that is made is kept
  --ca FILE            the certificates to trust, PEM; the system's without it
  --only WORD          the logins with this in their titles alone
  --clean              logs in to nothing: removes what a killed run has left
";
/// The certificates that the system trusts.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Writes a line to standard error. After a closed terminal nobody may read it, but everything
/// is still removed.
fn tell(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The same to standard output.
fn print(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// How a run ended.
enum Ended {
    /// All logins had the expected result.
    Well,
    /// A login had another result.
    Otherwise,
    /// An object is left in authentik.
    Left,
    /// A signal ended it.
    Interrupted,
}

#[derive(Default)]
struct Options {
    url: String,
    ledgers: PathBuf,
    ca: Option<String>,
    only: Option<String>,
    clean: bool,
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--url" => options.url = arguments.next()?,
            "--ledgers" => options.ledgers = arguments.next()?.into(),
            "--ca" => options.ca = Some(arguments.next()?),
            "--only" => options.only = Some(arguments.next()?),
            "--clean" => options.clean = true,
            _ => return None,
        }
    }
    let complete = !options.url.is_empty() && !options.ledgers.as_os_str().is_empty();
    complete.then_some(options)
}

fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Otherwise) => ExitCode::from(1),
        Ok(Ended::Left) => ExitCode::from(3),
        Ok(Ended::Interrupted) => ExitCode::from(130),
        Err(why) => {
            eprintln!("test-live: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<Ended, String> {
    interrupt::watch()?;
    let mut token = String::new();
    let mut input = std::io::stdin().lock().take(4096);
    input
        .read_line(&mut token)
        .map_err(|e| format!("the token: {e}"))?;
    let token = token.trim();
    if token.is_empty() {
        return Err("there is no token on standard input".to_owned());
    }
    let ca = options
        .ca
        .as_ref()
        .map(|path| std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}")));
    let ca = ca.transpose()?;
    let system = || {
        BUNDLES
            .iter()
            .find_map(|path| std::fs::read_to_string(path).ok())
    };
    let bundle = ca.clone().or_else(system);
    let bundle = bundle.ok_or("this system has no bundle of certificates: use CA=FILE")?;
    let mut api = Api::new(&options.url, token, &bundle)?;
    let version = api.version().map_err(|e| e.to_string())?;
    let me = api.get("core/users/me/").map_err(|e| e.to_string())?;
    if me["user"]["is_superuser"] != true {
        return Err("the token's owner is not a superuser, and would be refused".to_owned());
    }
    if options.clean {
        return clean_up(&api, &options.ledgers);
    }
    log_in(options, &api, &version, ca.as_deref())
}

/// The numbers of a version such as `2026.8.0-rc1`.
fn numbers(version: &str) -> Result<rows::Version, String> {
    let mut parts = version.split(['.', '-']).map(|part| part.parse().ok());
    let mut part = || parts.next().flatten();
    let numbers = part().zip(part()).zip(part());
    let ((year, month), patch) = numbers.ok_or_else(|| format!("{version:?} is no version"))?;
    Ok((year, month, patch))
}

fn log_in(options: &Options, api: &Api, version: &str, ca: Option<&str>) -> Result<Ended, String> {
    if let Isolation::Unavailable(why) = pam_harness::isolation() {
        return Err(format!("no private namespace: {why}"));
    }
    let module = Module::find()?;
    let numbers = numbers(version)?;
    let wanted = options.only.as_deref().unwrap_or_default();
    let rows: Vec<_> = rows::all()
        .into_iter()
        .filter(|row| (row.is_for)(numbers) && row.title().contains(wanted))
        .collect();
    let run = random_hex(6)?;
    let password = format!("Pw-{}", random_hex(12)?);
    let mut ledger = Ledger::create(&options.ledgers, &run, api.url())?;
    tell(format_args!(
        "authentik {version}: {} logins. What is made begins with pl-{run}-, and is listed in {}",
        rows.len(),
        ledger.path().display()
    ));
    let prefix = format!("pl-{run}-");
    let mut maker = Maker::new(api, &mut ledger, (&prefix, &password), numbers);
    let stage = Stage {
        module: &module,
        url: api.url(),
        ca,
    };
    // A defect of this program is no reason to leave objects behind.
    let lines = catch_unwind(AssertUnwindSafe(|| play_all(&stage, &mut maker, &rows)));
    let lines = lines.unwrap_or_default();
    let about = About {
        authentik: version.to_owned(),
        module: format!(
            "Module {}, {}",
            env!("CARGO_PKG_VERSION"),
            fingerprint(&module)
        ),
        all: rows.len(),
        interrupted: lines.len() < rows.len(),
    };
    print(format_args!("{}", report::table(&about, &lines).trim_end()));
    tell(format_args!("Removing what was made."));
    let path = ledger.path().to_owned();
    let cleaned = clean::clean(api, ledger, false)?;
    print(format_args!(
        "{} objects were made and removed.",
        cleaned.removed
    ));
    Ok(if !cleaned.left.is_empty() {
        complain(&cleaned.left, &path);
        Ended::Left
    } else if about.interrupted {
        Ended::Interrupted
    } else if lines.iter().any(|line| line.wrong.is_some()) {
        Ended::Otherwise
    } else {
        Ended::Well
    })
}

/// Runs the rows until a signal arrives.
fn play_all(stage: &Stage<'_>, maker: &mut Maker<'_>, rows: &[rows::Row]) -> Vec<Line> {
    let mut factors = Factors::default();
    let mut lines = Vec::new();
    for row in rows {
        if interrupt::came() {
            break;
        }
        let line = match stage.play(row, maker, &mut factors) {
            Ok(played) => Line {
                row: row.clone(),
                code: Some((played.code, played.took)),
                wrong: played.wrong,
            },
            Err(MakerError::Interrupted) => break,
            Err(MakerError::Failed(why)) => Line {
                row: row.clone(),
                code: None,
                wrong: Some(why),
            },
        };
        lines.push(line);
        if let Some(line) = lines.last() {
            tell(format_args!("{}", line.progress(lines.len(), rows.len())));
            if let Some(why) = &line.wrong {
                tell(format_args!("{why}"));
            }
        }
    }
    lines
}

/// Removes what earlier runs against this server have left.
fn clean_up(api: &Api, ledgers: &Path) -> Result<Ended, String> {
    let mut ended = Ended::Well;
    let files = match std::fs::read_dir(ledgers) {
        Ok(files) => files,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            print(format_args!(
                "There is no ledger, so there is nothing to remove."
            ));
            return Ok(ended);
        }
        Err(e) => return Err(format!("{}: {e}", ledgers.display())),
    };
    for file in files {
        let path = file.map_err(|e| e.to_string())?.path();
        if path
            .extension()
            .is_none_or(|extension| extension != "ledger")
        {
            continue;
        }
        let (ledger, url, entries) = Ledger::open(&path)?;
        if url != api.url() {
            print(format_args!(
                "{}: it is about another server",
                path.display()
            ));
            continue;
        }
        let cleaned = clean::clean(api, ledger, true)?;
        let (removed, all) = (cleaned.removed, entries.len());
        print(format_args!(
            "{}: {removed} of {all} objects were still there, and are removed",
            path.display()
        ));
        if !cleaned.left.is_empty() {
            complain(&cleaned.left, &path);
            ended = Ended::Left;
        }
    }
    Ok(ended)
}

fn complain(left: &[String], ledger: &Path) {
    tell(format_args!(
        "These could not be removed, and stay in {}:",
        ledger.display()
    ));
    for what in left {
        tell(format_args!("  {what}"));
    }
}

fn random_hex(bytes: usize) -> Result<String, String> {
    let mut random = vec![0; bytes];
    let file = std::fs::File::open("/dev/urandom");
    let read = file.and_then(|mut file| file.read_exact(&mut random));
    read.map_err(|e| format!("/dev/urandom: {e}"))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The build of the module.
fn fingerprint(module: &Module) -> String {
    let Ok(bytes) = std::fs::read(module.path()) else {
        return "which could not be read".to_owned();
    };
    let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
    let hex: String = digest
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{} bytes, SHA-256 {hex}\u{2026}", bytes.len())
}
