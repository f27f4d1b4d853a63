use authentik_double::Double;
use pam_harness::host::RealHost;

#[test]
fn ssh_sudo_su_login_locker() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo", "su", "login");
    let double = Double::start();
    let host = RealHost::new(&double).start();
    let mut t = host.ssh("alice").run(&["id", "-un"]);
    t.answer("assword", "correct-horse");
    let e = t.finish();
    println!(
        "{e:?}\n{:#?}",
        host.new_log()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    );
    let mut t = host.sudo("alice", &["id", "-u"]);
    t.answer("assword", "correct-horse");
    println!(
        "{:?}\n{:#?}",
        t.finish(),
        host.new_log()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    );
    let mut t = host.su("bob", &["alice", "-c", "id -un"]);
    t.answer("assword", "correct-horse");
    println!(
        "{:?}\n{:#?}",
        t.finish(),
        host.new_log()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    );
    let mut t = host.locker("alice");
    t.answer("assword", "correct-horse");
    println!(
        "{:?}\n{:#?}",
        t.finish(),
        host.new_log()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    );
    let mut t = host.login();
    t.expect("login: ").send_line("alice");
    t.answer("assword", "correct-horse");
    t.expect("$ ").send_line("id -un; exit");
    println!(
        "{:?}\n{:#?}",
        t.finish(),
        host.new_log()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    );
    println!("{:?}", host.processes());
}
