//! What a session remembers.

use super::bench::{
    Asked, FLOW, PASSWORD, Session, builder, files, host, log_has, log_has_not,
    nothing_is_remembered, root, sent, server,
};
use pam_harness::host::{configuration, stacks};

const NOTE: &str = "note=\"second factor remembered\"";

#[test]
fn a_push_counts_for_sudo_in_its_session_and_for_no_other_login() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let host = builder(&double, "")
        .stack("sudo-i", &stacks::text("sudo"))
        .start();
    let mut first = Session::ssh(&host, "duke");
    log_has_not(&host, NOTE);
    assert_eq!(first.sudo(), Asked::Password);
    log_has(&host, NOTE);
    assert_eq!(first.asks("sudo -k -i id -u"), Asked::Password, "sudo -i");
    log_has(&host, NOTE);
    assert!(first.run("env | grep -c HANDED_OVER | grep -qx 0"), "unset");

    // The second ssh requires a push: `ssh` waits for that question.
    let mut second = Session::ssh(&host, "duke");
    log_has_not(&host, NOTE);
    assert_eq!(
        second.sudo(),
        Asked::Password,
        "the second login does not remember its own factor"
    );
    let both = files(&host, "session.");
    assert_eq!(both.len(), 2, "{both:?}");
    let modes = root(
        &host,
        "stat -c '%a %u' /run/pam_authentik_flow /run/pam_authentik_flow/session.* | sort -u",
    );
    assert_eq!(modes, "600 0\n700 0");
    assert_eq!(files(&host, "handed-over."), [""; 0]);

    println!("{}", first.leave());
    println!("{}", second.leave());
    nothing_is_remembered(&host);
}

#[test]
fn nothing_is_remembered_unless_it_is_configured() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let host = builder(&double, "")
        .config(&configuration(&double, FLOW))
        .start();
    let mut session = Session::ssh(&host, "duke");
    assert_eq!(session.sudo(), Asked::Push);
    assert_eq!(session.sudo(), Asked::Push);
    assert_eq!(files(&host, ""), [""; 0]);
}

#[test]
fn it_is_remembered_as_long_as_is_configured() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let host = builder(&double, "remember_for = \"8s\"\n").start();
    let mut session = Session::ssh(&host, "duke");
    assert_eq!(session.sudo(), Asked::Password);
    std::thread::sleep(std::time::Duration::from_secs(8));
    assert_eq!(session.sudo(), Asked::Push);

    // sudo may be stricter than the login.
    let config = configuration(&double, FLOW);
    host.config(&format!(
        "{config}[second_factor]\nremember = \"session\"\n\
         [services.sudo.second_factor]\nremember_for = \"1s\"\n"
    ));
    let mut session = Session::ssh(&host, "duke");
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(session.sudo(), Asked::Push);
}

/// authentik decides: if it no longer accepts the cookie, it asks.
#[test]
fn authentik_ends_it_when_its_own_time_is_over() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let host = host(&double);
    let mut session = Session::ssh(&host, "duke");
    assert_eq!(session.sudo(), Asked::Password);
    double.advance(std::time::Duration::from_secs(3601));
    host.new_lines();
    assert_eq!(session.sudo(), Asked::Push);
    log_has_not(&host, NOTE);
}

#[test]
fn a_factor_is_remembered_for_one_flow_and_one_name() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let host = host(&double);
    let mut session = Session::ssh(&host, "duke");
    assert_eq!(session.sudo(), Asked::Password);
    assert_eq!(sent(&double), 1);
    let config = configuration(&double, FLOW);
    let own = "[second_factor]\nremember = \"session\"\n";
    host.config(&format!(
        "{config}{own}[services.sudo]\nflow = \"remembered-elsewhere\"\n"
    ));
    assert_eq!(
        session.sudo(),
        Asked::Push,
        "a factor of another flow counts"
    );
    host.config(&format!(
        "{config}{own}[services.sudo]\nurl = \"https://127.0.0.1:{}\"\n",
        double.port()
    ));
    assert_eq!(
        session.sudo(),
        Asked::Push,
        "a factor of another server counts"
    );
    double.world(|world| {
        let mut other = world.user("duke").clone();
        other.username = "duke-admin".into();
        world.add_user(other);
    });
    host.config(&format!(
        "{config}{own}[services.sudo.user]\nname = \"{{user}}-admin\"\n"
    ));
    assert_eq!(
        session.sudo(),
        Asked::Push,
        "a factor of another name counts"
    );
    host.config(&format!(
        "{config}{own}[services.sudo.prompt]\nsecond_factor = [\"webauthn\", \"duo\"]\n"
    ));
    assert_eq!(
        session.sudo(),
        Asked::Push,
        "a factor that sudo does not allow counts"
    );
    host.config(&format!(
        "{config}{own}[services.sudo.second_factor]\nremember = \"never\"\n"
    ));
    assert_eq!(session.sudo(), Asked::Push, "sudo does not ask each time");
    assert_eq!(
        sent(&double),
        0,
        "the module asked authentik about the session"
    );
}

/// A remembered code is not a secret that was accepted in this login.
#[test]
fn a_flow_that_asks_for_a_code_alone_is_refused_when_the_code_is_skipped() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let config = configuration(&double, "code-alone");
    let host = builder(&double, "")
        .config(&format!(
            "{config}[second_factor]\nremember = \"session\"\n"
        ))
        .start();
    let ssh = host
        .ssh("duke")
        .option("PreferredAuthentications=keyboard-interactive")
        .option("RequestTTY=force");
    let mut terminal = ssh.run(&["sh"]);
    terminal.answer("Press Enter, then approve the push", "");
    let mut session = Session::of(terminal);
    assert_eq!(files(&host, "session.").len(), 1);
    assert_eq!(session.try_answering("sudo -k id -u", &[]), Asked::Refused);
    log_has(&host, "cause=no-secret-accepted");
}

#[test]
fn the_console_remembers_as_well() {
    pam_harness::require_real_host!("login", "sudo");
    let double = server();
    let host = host(&double);
    let mut login = host.login();
    login.expect("login:").send_line("duke");
    login.answer("assword:", PASSWORD);
    login.answer("Press Enter, then approve the push", "");
    let mut session = Session::of(login);
    assert_eq!(session.sudo(), Asked::Password);
    session.leave();
    nothing_is_remembered(&host);
}
