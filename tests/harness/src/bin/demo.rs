//! Logs somebody in to nothing: the module as it would be installed, through
//! the real libpam, against a double of authentik on loopback. Needs no root
//! and touches nothing in `/etc`.
//!
//! The variables `FLOW` and `LOGIN` choose a flow and a user.

use authentik_double::{DeviceKind, Double, Phone, User, list_flows};
use pam_harness::codes::Item;
use pam_harness::terminal::Terminal;
use pam_harness::transaction::Transaction;
use pam_harness::{Call, Code, Module};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

const SERVICE: &str = "demo";

fn main() -> ExitCode {
    match demo() {
        Ok(Code::PAM_SUCCESS) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("demo: {why}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<Code, String> {
    let flow = chosen("FLOW", "linux-login");
    let module = Module::find()?;
    let double = Double::start();
    introduce(&double);
    let flows = double.world(|world| list_flows(world));
    let Some(listed) = flows.iter().find(|listed| listed.slug == flow) else {
        return Err(format!("there is no flow {flow}"));
    };
    // Whom the flow has something for.
    let somebody = listed.users.first().map_or("alice", String::as_str);
    let login = chosen("LOGIN", somebody);

    let directory = tempfile::tempdir().map_err(|e| format!("a temporary directory: {e}"))?;
    write_stack(directory.path(), &module, &double, &flow)
        .map_err(|e| format!("{}: {e}", directory.path().display()))?;
    println!();
    println!("Logging {login} in with the flow {flow}. The configuration has require_account =");
    println!("false, because {login} need not have an account on this machine.");

    let mut notes = notes(&double, &login);
    notes();
    let person = Terminal::new(notes);
    let mut pam = Transaction::start(SERVICE, Some(&login), directory.path(), person)
        .map_err(|code| format!("libpam does not start: {code}"))?;
    println!();
    let code = pam.call(Call::Authenticate, 0);
    println!();
    println!("{code}: {}", pam.meaning(code));
    if code == Code::PAM_SUCCESS {
        let user = pam.item(Item::User);
        let user = user.as_deref().unwrap_or("nobody");
        let sessions = match double.active_sessions(user) {
            1 => String::from("one session"),
            number => format!("{number} sessions"),
        };
        println!("PAM_USER is {user}; authentik's double has {sessions} of {user}.");
    }
    Ok(code)
}

fn chosen(variable: &str, default: &str) -> String {
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => value,
        _ => default.to_owned(),
    }
}

/// What there is to try.
fn introduce(double: &Double) {
    println!("A double of authentik is at {}", double.url());
    let flows = double.world(|world| list_flows(world));
    println!();
    println!("Flows (make demo FLOW=…), and whom to try them with:");
    let mut others = BTreeMap::new();
    for flow in &flows {
        if flow.slug.starts_with("linux-") {
            let users = flow.users.join(" ");
            println!("  {:<26}{} ({users})", flow.slug, flow.description);
        } else {
            let family = flow.slug.split('-').next().unwrap_or_default();
            *others.entry(family).or_insert(0) += 1;
        }
    }
    let others: Vec<String> = others
        .iter()
        .map(|(family, number)| format!("{number} {family}-…"))
        .collect();
    println!(
        "  and {}: see tests/double/src/catalogue",
        others.join(", ")
    );
    println!();
    println!("Users (make demo LOGIN=…), all with the password correct-horse:");
    for user in double.world(|world| world.users.clone()) {
        if user.active && user.password == "correct-horse" {
            let line = format!("  {:<26}{}", user.username, describe(&user));
            println!("{}", line.trim_end());
        }
    }
}

fn describe(user: &User) -> String {
    let mut facts: Vec<String> = Vec::new();
    if user.user_type.as_str() != "internal" {
        facts.push(format!(
            "an account of the type {}",
            user.user_type.as_str()
        ));
    }
    if !user.groups.is_empty() {
        facts.push(format!("in {}", user.groups.join(", ")));
    }
    let devices: Vec<&str> = user
        .devices
        .iter()
        .map(|device| match device.kind {
            DeviceKind::Totp { .. } => "an authenticator app",
            DeviceKind::Static { .. } => "a list of codes",
            DeviceKind::Sms { .. } => "codes by text message",
            DeviceKind::Email { .. } => "codes by mail",
            DeviceKind::Duo => "a Duo phone",
            DeviceKind::Webauthn { .. } => "a security key",
        })
        .collect();
    if !devices.is_empty() {
        facts.push(format!("has {}", devices.join(", ")));
    }
    facts.join("; ")
}

/// The stack with the module alone, and its configuration.
fn write_stack(dir: &Path, module: &Module, double: &Double, flow: &str) -> io::Result<()> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let ca = dir.join("ca.pem");
    let config = dir.join("pam_authentik_flow.toml");
    write(&ca, double.ca_pem())?;
    let text = format!(
        "url = {}\nflow = {}\nca_file = {}\nfail_delay = \"0s\"\n\n\
         [user]\nrequire_account = false\n\n[access]\nallow_any_user = true\n",
        quoted(&double.url()),
        quoted(flow),
        quoted(&ca.display().to_string()),
    );
    write(&config, &text)?;
    // A path with a blank in it would be two words in a stack.
    let installed = dir.join("pam_authentik_flow.so");
    std::os::unix::fs::symlink(module.path(), &installed)?;
    let stack = format!(
        "auth required {} config={}\n",
        installed.display(),
        config.display()
    );
    write(&dir.join(SERVICE), &stack)?;
    write(&dir.join("other"), "auth required pam_deny.so\n")
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

/// Tells before each prompt what the person's own devices show by then.
fn notes(double: &Double, login: &str) -> impl FnMut() {
    let mut told = Vec::new();
    move || {
        for note in devices_show(double, login) {
            if !told.contains(&note) {
                println!("[{note}]");
                told.push(note);
            }
        }
    }
}

fn devices_show(double: &Double, login: &str) -> Vec<String> {
    let user = double.world(|world| {
        let mut users = world.users.iter();
        users.find(|user| user.username == login).cloned()
    });
    let Some(user) = user else {
        return Vec::new();
    };
    let mut notes = Vec::new();
    if let Some(code) = double.last_code(login) {
        notes.push(format!("the code that {login} was sent is {code}"));
    }
    if let Some(token) = double.last_flow_token(login) {
        let flow = chosen("FLOW", "linux-login");
        let url = double.url();
        notes.push(format!(
            "{login} got a mail with the link {url}/if/flow/{flow}/?flow_token={token}"
        ));
    }
    for device in &user.devices {
        match &device.kind {
            DeviceKind::Totp { .. } => notes.push(format!(
                "{login}'s authenticator app shows {}",
                double.totp_unused(login)
            )),
            DeviceKind::Static { codes } => {
                if let Some(code) = codes.first() {
                    notes.push(format!("the first code on {login}'s list is {code}"));
                }
            }
            DeviceKind::Duo => notes.push(match user.phone {
                Phone::Approve(after) => {
                    format!("{login}'s phone approves a push after {after:?}")
                }
                Phone::Deny(after) => format!("{login}'s phone refuses a push after {after:?}"),
                Phone::Never => format!("{login}'s phone answers no push"),
            }),
            _ => {}
        }
    }
    notes
}
