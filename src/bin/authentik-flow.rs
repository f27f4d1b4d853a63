//! `authentik-flow`: checks the configuration of the PAM module, tries a login
//! in the terminal, and switches the module on and off for a service.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program of its own, which its administrator calls: these are kept from the module, which runs inside other programs"
)]

#[path = "../cli/mod.rs"]
mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
