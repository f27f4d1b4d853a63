//! The real Ansible, over ssh and sudo.

use crate::bench::{Bench, PASSWORD, come, require_debian, require_packages};
use crate::directory::root;
use crate::recipe::Recipe;

/// Ansible's output for `id -u`, run by root.
const ROOT: &str = "rc=0 >>\n0\n";
/// A control node lists its hosts in its inventory. Here it is the host itself.
const NAMES: [(&str, &str); 1] = [("host.example.com", "host")];

#[test]
fn ansible_over_sudo() {
    require_debian!("sshd", "ssh", "sudo", "useradd");
    let packages = require_packages!("ansible");
    let recipe = Recipe::read("Ansible over sudo");
    // The default is ten seconds, which is too short on a busy machine.
    let patient = "[defaults]\ntimeout = 60\n";
    let bench = Bench::new(recipe, |host| {
        let host = host.packages(&packages);
        host.file("/etc/ansible/ansible.cfg", patient, 0o644)
    });
    let host = &bench.host;
    bench.install_common_part();
    bench.run();
    bench.install_from(bench.recipe(), &NAMES);
    // The host's root, who runs Ansible, gets the key that all accounts trust here.
    bench.lets_in("alice, by a key", bench.ssh_with_key("alice"), &[]);
    root(
        host,
        "install -d -o ansible -g ansible -m 700 /home/ansible/.ssh\n\
         install -o ansible -g ansible -m 600 -t /home/ansible/.ssh /home/alice/.ssh/authorized_keys",
    );
    bench.lets_in("alice at sudo", bench.sudo("alice"), &[PASSWORD]);
    // The module leaves it alone, and it has no local password.
    bench.host.new_log();
    let (is_in, seen) = come(bench.ssh("ansible"), &[PASSWORD]);
    let log = bench.host.new_lines().join("\n");
    assert!(!is_in && log.contains("PAM_IGNORE"), "{seen}\n{log}");
    bench.double.clear_requests();
    let play = bench.recipe().commands();
    let plays = |what: &str| {
        let seen = root(host, &play);
        assert!(seen.contains(ROOT), "{what}: {seen}");
        bench.recipe().report(&format!("{what}: root"));
    };
    plays("Ansible by its own account");
    assert_eq!(bench.double.requests().len(), 0, "authentik was asked");
    as_a_person(&bench);
    bench.authentik_goes_down();
    plays("Ansible by its own account");
    bench.keeps_out("alice at sudo", bench.sudo("alice"), &[PASSWORD]);
}

/// The other recipe, on the host of the first one.
fn as_a_person(bench: &Bench) {
    let host = &bench.host;
    let recipe = Recipe::read("Ansible as a person");
    bench.install_from(&recipe, &NAMES);
    let play = recipe.commands();
    let password = |text: &str| host.put("/root/become-password", text.as_bytes(), 0o600, 0);
    // Fails with this text in Ansible's output or in the log.
    let fails = |what: &str, play: &str, why: &str| {
        host.new_log();
        let output = host.output("root", &["sh", "-ec", play]);
        let seen = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let seen = seen + &host.new_lines().join("\n");
        assert!(!output.status.success(), "{what}: {seen}");
        assert!(seen.contains(why), "{what}: {seen}");
        recipe.report(&format!("{what}: not root"));
    };

    password(PASSWORD);
    let seen = root(host, &play);
    assert!(seen.contains(ROOT), "{seen}");
    assert_ne!(bench.double.requests().len(), 0, "authentik was not asked");
    recipe.report("alice, her password: root");
    // sudo shows Ansible's prompt instead of the module's.
    let config = host.read("/etc/security/pam_authentik_flow.toml");
    let config = config.unwrap_or_default();
    host.config(&format!("{config}\n[prompt]\nlanguage = \"de\"\n"));
    let seen = root(host, &play);
    assert!(seen.contains(ROOT), "{seen}");
    recipe.report("alice, asked in German: root");
    host.config(&config);
    bench.lets_in("bob, by a key", bench.ssh_with_key("bob"), &[]);
    fails(
        "bob, who needs a code",
        &play.replace("alice", "bob"),
        "PAM_CONV_ERR",
    );
    password("wrong");
    fails("alice, a wrong password", &play, "Incorrect sudo password");
    password(PASSWORD);
    host.config(&config.replace(&bench.double.url(), "https://127.0.0.1:1"));
    recipe.report("-- authentik is down");
    fails("alice", &play, "PAM_AUTHINFO_UNAVAIL");
    host.config(&config);
}
