//! The emergency account, and the exercise with it.

use crate::bench::{Bench, LOCAL, PASSWORD, require_debian, sudoers};
use crate::recipe::Recipe;

/// The password from the safe.
const SAFE: &str = "a-long-one-from-the-safe-7";

#[test]
fn the_account_for_bad_days() {
    require_debian!("sshd", "ssh", "sudo", "su", "login", "passwd", "useradd");
    let recipe = Recipe::read("The account for bad days");
    // The recipe creates the account, and says who may use sudo.
    let bench = Bench::new(recipe, |host| {
        host.without("localadmin")
            .file("/etc/sudoers", &sudoers("alice"), 0o440)
    });
    bench.install_common_part();
    bench.run();
    let mut passwd = bench.host.terminal("root", &["passwd", "localadmin"]);
    passwd.answer("New password:", SAFE);
    passwd.answer("Retype new password:", SAFE);
    assert_eq!(passwd.finish().status, 0);
    bench.install();
    bench.lets_in("alice", bench.ssh("alice"), &[PASSWORD]);
    let safe = &[SAFE];
    bench.lets_in("localadmin", bench.ssh("localadmin"), safe);

    // The exercise.
    bench.run();
    bench.recipe().report("-- authentik is down");
    let mut refused = bench.ssh("alice");
    refused.expect("cannot be reached");
    let seen = refused.finish().transcript;
    assert!(!seen.contains("let-in"), "{seen}");
    bench.lets_in("localadmin over ssh", bench.ssh("localadmin"), safe);
    bench.keeps_out("localadmin, a wrong one", bench.ssh("localadmin"), &["no"]);
    bench.lets_in("localadmin, the console", bench.console("localadmin"), safe);
    let mut sudo = bench
        .host
        .ssh("localadmin")
        .option("RequestTTY=yes")
        .option("PreferredAuthentications=keyboard-interactive")
        .run(&["sudo", "-k", "id", "-u"]);
    sudo.answer("assword:", SAFE).answer("assword", SAFE);
    let seen = sudo.finish().transcript;
    assert!(seen.contains("\n0\n"), "{seen}");
    bench.recipe().report("localadmin at sudo: in");
    let su = bench.host.su("alice", &["-", "root", "-c", "echo let-in"]);
    bench.lets_in("root's password at su", su, &[LOCAL]);
    let su = bench.host.su("alice", &["localadmin", "-c", "echo let-in"]);
    bench.lets_in("localadmin's password at su", su, safe);
    bench.keeps_out("alice at the console", bench.console("alice"), &[PASSWORD]);

    bench.run();
    bench.recipe().report("-- authentik is back");
    bench.lets_in("alice", bench.ssh("alice"), &[PASSWORD]);
}
