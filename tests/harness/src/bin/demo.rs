//! `make demo`: logs somebody in to nothing, through the real libpam with the
//! module as it would be installed, against a double of authentik on loopback.
//!
//! `FLOW` and `LOGIN` choose the flow and the user. The exit status is 0 after
//! `PAM_SUCCESS` alone.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use authentik_double::{Double, FlowSummary, list_flows};
use pam_harness::Module;
use pam_harness::codes::{Call, Code, Item};
use pam_harness::terminal::Terminal;
use pam_harness::transaction::Transaction;

const SERVICE: &str = "demo";

fn main() -> ExitCode {
    match run() {
        Ok(Code::PAM_SUCCESS) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("demo: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Code, String> {
    let flow = chosen("FLOW", "linux-login");
    let login = chosen("LOGIN", "alice");
    let module = Module::find()?;
    let double = Double::start();
    let flows = double.world(|world| list_flows(world));
    describe(&flows);
    let Some(summary) = flows.iter().find(|known| known.slug == flow) else {
        return Err(format!("there is no flow {flow}; choose one of the list"));
    };

    let io = |error: std::io::Error| error.to_string();
    let dir = tempfile::tempdir().map_err(io)?;
    arrange(dir.path(), &double, &flow, &module).map_err(io)?;
    println!("\nFLOW={flow}: {}", summary.description);
    println!("LOGIN={login}, who has no account on this machine; the demo's configuration says");
    println!("require_account = false. Passwords are correct-horse, but for spacey's.");
    let has_codes = double.world(|world| {
        world
            .users
            .iter()
            .any(|u| u.username == login && !u.devices.is_empty())
    });
    if flow.contains("mfa") || flow.contains("everything") {
        match (has_codes, login.as_str()) {
            (true, "carol") => {
                println!("carol's codes: carol0000000, carol0000001, … each works once")
            }
            (true, "gina" | "ivan") => {
                println!("{login}'s code is sent by message only when asked for")
            }
            (true, "bob" | "erin" | "zoe") => {
                println!("{login}'s code now: {}", double.totp_unused(&login))
            }
            (true, _) => println!("{login}'s second factor cannot be typed"),
            (false, _) => println!("{login} has no second factor; LOGIN=bob has one"),
        }
    }
    println!("\n-- what an application shows --------------------------------");
    let mut pam = Transaction::start(
        SERVICE,
        Some(&login),
        &dir.path().join("pam.d"),
        Terminal::new(),
    )
    .map_err(|code| format!("pam_start_confdir: {code}"))?;
    let code = pam.call(Call::Authenticate, 0);
    let meaning = pam.meaning(code);
    println!("-------------------------------------------------------------");
    println!("{code} ({meaning})");
    if code == Code::PAM_SUCCESS {
        let user = pam.item(Item::User).unwrap_or_default();
        let sessions = double.active_sessions(&user);
        println!("identity: {user}, to whom authentik's {sessions} authenticated session belongs");
    }
    pam.end();
    Ok(code)
}

fn chosen(variable: &str, default: &str) -> String {
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => value,
        _ => default.to_owned(),
    }
}

/// Which flows and users there are.
fn describe(flows: &[FlowSummary]) {
    println!("Flows (FLOW=…), each with users who make sense (LOGIN=…):");
    for flow in flows.iter().filter(|flow| flow.slug.starts_with("linux-")) {
        println!(
            "  {:<25} {} ({})",
            flow.slug,
            flow.description,
            flow.users.join(", ")
        );
    }
    for (prefix, what) in [
        ("danger-", "ends like a login and is none"),
        (
            "component-",
            "one component that a terminal cannot do, each",
        ),
        ("pam-", "as recorded from a real authentik"),
    ] {
        let names: Vec<&str> = flows
            .iter()
            .map(|flow| flow.slug.as_str())
            .filter(|slug| slug.starts_with(prefix))
            .collect();
        println!("  {prefix}…: {what}:");
        for line in names.chunks(3) {
            println!("    {}", line.join(" "));
        }
    }
}

/// Writes the stack and the configuration into a directory of the demo's own.
fn arrange(dir: &Path, double: &Double, flow: &str, module: &Module) -> std::io::Result<()> {
    let ca = dir.join("ca.pem");
    let config = dir.join("pam_authentik_flow.toml");
    let write = |path: &Path, text: &str| {
        let mut options = fs::File::options();
        options.write(true).create(true).mode(0o600);
        let mut file = options.open(path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())
    };
    write(&ca, double.ca_pem())?;
    write(
        &config,
        &format!(
            "url = \"{}\"\nflow = \"{flow}\"\nca_file = \"{}\"\nfail_delay = \"0s\"\n\
             [user]\nrequire_account = false\n[access]\nallow_any_user = true\n",
            double.url(),
            ca.display()
        ),
    )?;
    fs::create_dir(dir.join("pam.d"))?;
    write(
        &dir.join("pam.d").join(SERVICE),
        &format!(
            "auth required {} config={}\n",
            module.path().display(),
            config.display()
        ),
    )?;
    write(&dir.join("pam.d/other"), "auth required pam_deny.so\n")
}
