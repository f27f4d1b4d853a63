//! `[user] bind` with real programs: sshd, sudo, and a locker without root.

use authentik_double::Double;
use pam_harness::host::{RealHost, Terminal, configuration};

const PASSWORD: &str = "correct-horse";
const FILE: &str = "/var/lib/authentik-flow/bindings/alice";

fn host(double: &Double) -> RealHost {
    let config = configuration(double, "linux-login");
    let config = config.replace("[user]\n", "[user]\nbind = \"uid\"\n");
    RealHost::new(double).config(&config).start()
}

fn succeeds(mut program: Terminal) -> bool {
    program.answer("assword", PASSWORD);
    // sudo asks again, and there is no further answer.
    if program.expect_or_end(&["assword"]).is_some() {
        program.send(b"\x03");
    }
    program.finish().status == 0
}

fn ssh(host: &RealHost) -> bool {
    let ssh = host
        .ssh("alice")
        .option("PreferredAuthentications=keyboard-interactive")
        .option("NumberOfPasswordPrompts=1");
    succeeds(ssh.run(&["true"]))
}

fn uid_of(double: &Double) -> String {
    double.world(|world| world.user("alice").uid.clone())
}

fn change_hands(double: &Double) {
    double.world(|world| world.user_mut("alice").uid = "f".repeat(64));
}

#[track_caller]
fn log_has(host: &RealHost, part: &str) {
    let lines = host.new_lines();
    assert!(lines.iter().any(|line| line.contains(part)), "{lines:#?}");
}

#[test]
fn every_program_uses_the_binding_that_sshd_made() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = Double::start();
    let host = host(&double);
    assert!(
        !succeeds(host.locker("alice")),
        "the locker let somebody in whose account is not bound"
    );
    log_has(&host, "cause=not-bound");
    assert!(ssh(&host));
    log_has(&host, "bound=");
    let bound = format!("{}\n", uid_of(&double));
    assert_eq!(host.read(FILE).as_deref(), Some(bound.as_str()));
    assert!(succeeds(host.sudo("alice", &["-k", "true"])));
    assert!(
        succeeds(host.locker("alice")),
        "the locker cannot read the binding"
    );

    change_hands(&double);
    assert!(!ssh(&host));
    log_has(&host, "cause=another-person");
    assert!(!succeeds(host.sudo("alice", &["-k", "true"])));
    log_has(&host, "cause=another-person");
    assert!(!succeeds(host.locker("alice")));
    log_has(&host, "cause=another-person");
    assert_eq!(host.read(FILE).as_deref(), Some(bound.as_str()));
}
