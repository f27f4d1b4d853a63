//! login, as getty starts it.

use crate::matrix::{Program, no_more, same};

#[test]
fn at_a_terminal() {
    pam_harness::require_real_host!("login");
    Program {
        name: "login",
        start: |host, user| {
            let mut terminal = host.login();
            terminal.expect("login: ").send_line(user);
            terminal
        },
        welcome: |_, _| String::from("$ "),
        leave: |terminal| {
            terminal.send_line("id -u; exit");
        },
        give_up: no_more,
        differs: same,
        shown: false,
    }
    .goes_through_all_cases();
}
