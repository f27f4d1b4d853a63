//! Runs a login that changes nothing: the module as it would be installed, through the real
//! libpam, against a double of authentik on loopback. Needs no root and changes nothing in
//! `/etc`.
//!
//! In the flows with a security key a virtual one is plugged in: see `key.rs`.
//!
//! The variables `FLOW` and `LOGIN` choose a flow and a user; `FLOW=list` shows
//! which there are.

mod key;

use authentik_double::{DeviceKind, Double, Phone, User, Version, list_flows};
use key::Key;
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
use std::time::Duration;

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
    if flow == "list" {
        list(&Double::start());
        return Ok(Code::PAM_SUCCESS);
    }
    let module = Module::find()?;
    let has_key = key::is_for(&flow);
    if has_key {
        key::prepare()?;
    }
    let double = Double::builder().version(Version::V2026_8).start();
    let flows = double.world(|world| list_flows(world));
    let Some(listed) = flows.iter().find(|listed| listed.slug == flow) else {
        return Err(format!("there is no flow {flow}; see make demo FLOW=list"));
    };
    // The users that the flow was made for.
    let somebody = listed.users.first().map_or("alice", String::as_str);
    let login = chosen("LOGIN", somebody);

    let directory = tempfile::tempdir().map_err(|e| format!("a temporary directory: {e}"))?;
    write_stack(directory.path(), &module, &double, &flow)
        .map_err(|e| format!("{}: {e}", directory.path().display()))?;
    introduce(&double, &login, &flow, &listed.description);
    let plugged_in = match has_key {
        true => Some(Key::plug_in(&double, &login, &flow)?),
        false => None,
    };
    if has_key {
        println!("{}", key::introduction(&flow));
    }

    let mut notes = notes(&double, &login);
    notes();
    println!();
    let person = Terminal::new(|| {
        plugged_in.iter().for_each(Key::tell);
        notes();
    });
    let mut pam = Transaction::start(SERVICE, Some(&login), directory.path(), person)
        .map_err(|code| format!("libpam does not start: {code}"))?;
    let code = pam.call(Call::Authenticate, 0);
    plugged_in.iter().for_each(Key::tell);
    println!();
    println!("{code}: {}", pam.meaning(code));
    if code == Code::PAM_SUCCESS {
        let user = pam.item(Item::User);
        let user = user.as_deref().unwrap_or("nobody");
        println!(
            "authentik confirmed that the session was {user}'s. sshd or sudo would go on now."
        );
        println!("{}", of_the_session(double.active_sessions(user)));
        if has_key {
            println!("{}", key::of_the_user(&double, user));
        }
    } else {
        println!("Nobody is logged in. sshd or sudo would ask again, or end.");
    }
    println!();
    println!("Try next:");
    for (variables, what) in NEXT {
        println!("  make demo {variables:<28}{what}");
    }
    Ok(code)
}

/// What the module leaves behind.
fn of_the_session(number: usize) -> String {
    match number {
        0 => String::from("The module has ended the session again, so authentik keeps none."),
        number => format!("authentik keeps {number} of these sessions: they were not ended."),
    }
}

/// What to try next.
const NEXT: [(&str, &str); 9] = [
    ("FLOW=linux-mfa LOGIN=bob", "a code of an authenticator app"),
    ("FLOW=linux-mfa LOGIN=zoe", "a menu of second factors"),
    ("FLOW=linux-mfa LOGIN=duke", "a push to a phone"),
    ("FLOW=linux-key", "a security key, plugged into this host"),
    (
        "FLOW=linux-passkey",
        "a passkey in the place of the password",
    ),
    ("FLOW=linux-key-enrol", "set up a security key"),
    ("FLOW=linux-enrol", "set up an authenticator app"),
    ("FLOW=linux-deny", "authentik refuses after the password"),
    ("FLOW=list", "all flows and users"),
];

fn chosen(variable: &str, default: &str) -> String {
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => value,
        _ => default.to_owned(),
    }
}

/// Who logs in, how, and what that changes.
fn introduce(double: &Double, login: &str, flow: &str, description: &str) {
    println!("{login} logs in by the flow {flow}: {description}.");
    println!("The real libpam loads the module that was just built. A stand-in for authentik");
    println!("answers on this machine, and nothing here is changed.");
    let password = double.world(|world| {
        let user = world.users.iter().find(|user| user.username == login);
        user.map(|user| user.password.clone())
    });
    println!();
    match password {
        Some(password) => println!("The password is {password}."),
        None => println!("authentik has no user {login}; type any password."),
    }
}

/// All flows that can be tried, as a table.
fn list(double: &Double) {
    let flows = double.world(|world| list_flows(world));
    println!("Flows (make demo FLOW=…):");
    println!();
    let mut others = BTreeMap::new();
    for flow in &flows {
        if flow.slug.starts_with("linux-") {
            println!("  {:<24}{}", flow.slug, flow.description);
            println!("  {:<24}  for {}", "", flow.users.join(", "));
        } else {
            let family = flow.slug.split('-').next().unwrap_or_default();
            *others.entry(family).or_insert(0) += 1;
        }
    }
    let others: Vec<String> = others
        .iter()
        .map(|(family, number)| format!("{number} {family}-…"))
        .collect();
    println!();
    println!("And {}:", others.join(", "));
    println!("see tests/double/src/catalogue.");
    println!();
    println!("Users (make demo LOGIN=…), all with the password correct-horse:");
    println!();
    for user in double.world(|world| world.users.clone()) {
        if user.active && user.password == "correct-horse" {
            let facts = wrapped(&describe(&user), 62);
            let name = user.username;
            for (index, line) in facts.iter().enumerate() {
                let name = if index == 0 { name.as_str() } else { "" };
                println!("{}", format!("  {name:<14}{line}").trim_end());
            }
        }
    }
}

/// `text` in lines of at most `width` characters; one, which may be empty, at least.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => word.clone_into(line),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
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
    let mut text = format!(
        "url = {}\nflow = {}\nca_file = {}\nfail_delay = \"0s\"\n\n\
         [user]\nrequire_account = false\n\n[access]\nallow_any_user = true\n",
        quoted(&double.url()),
        quoted(flow),
        quoted(&ca.display().to_string()),
    );
    if key::is_for(flow) {
        text.push_str(&key::configuration(flow));
    }
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

/// Shows before each prompt what the person's own devices show at that time.
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
                    format!("{login}'s phone approves a push {}", soon(after))
                }
                Phone::Deny(after) => format!("{login}'s phone refuses a push {}", soon(after)),
                Phone::Never => format!("{login}'s phone answers no push"),
            }),
            _ => {}
        }
    }
    notes
}

/// A duration in words.
fn soon(wait: Duration) -> String {
    match wait.as_secs() {
        0 => String::from("at once"),
        1 => String::from("after one second"),
        seconds => format!("after {seconds} seconds"),
    }
}
