//! Runs an authentik double for people who try things by hand.

use std::io::Read;
use std::process::ExitCode;

use authentik_double::{Double, Token, list_flows};

const USAGE: &str = "\
Usage: authentik-double [--port PORT] [--admin-token TOKEN] [--list] [CA.pem]

Serves until its input ends. The first line it prints is where it listens. The
certificate of its authority goes to the file, or to standard output.

  --port PORT  listen on this port instead of one that is free
  --admin-token TOKEN  the token of its administrator, for make test-live
  --list       only say which flows there are, and who should try them
";

/// What the command line asks for.
#[derive(Default)]
struct Options {
    port: u16,
    admin_token: Option<String>,
    list: bool,
    ca_file: Option<String>,
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--port" => options.port = arguments.next()?.parse().ok()?,
            "--admin-token" => options.admin_token = Some(arguments.next()?),
            "--list" => options.list = true,
            other if other.starts_with('-') || options.ca_file.is_some() => return None,
            file => options.ca_file = Some(file.to_owned()),
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let double = Double::builder().port(options.port).world(|world| {
        if let Some(token) = &options.admin_token {
            world.add_token(Token::new(token, "akadmin"));
        }
    });
    let double = double.start();
    if options.list {
        for flow in double.world(|world| list_flows(world)) {
            let users = flow.users.join(", ");
            println!("{:45} {} ({users})", flow.slug, flow.description);
        }
        return ExitCode::SUCCESS;
    }
    println!("{}", double.url());
    match options.ca_file {
        None => print!("{}", double.ca_pem()),
        Some(path) => {
            if let Err(error) = std::fs::write(&path, double.ca_pem()) {
                eprintln!("authentik-double: cannot write {path}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    // The program runs until its input ends. An error counts as the end.
    let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
    ExitCode::SUCCESS
}
