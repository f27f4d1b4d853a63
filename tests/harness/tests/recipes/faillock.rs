//! Exactly as many wrong answers as the recipe says.

use crate::bench::{Bench, LOCAL, PASSWORD, require_debian};
use crate::recipe::Recipe;

/// Many logins side by side, because the host waits after each: each uses this password, if
/// there is a question, and none gets in.
fn together(bench: &Bench, user: &str, password: &str, times: usize) {
    let mut logins: Vec<_> = (0..times).map(|_| bench.ssh(user)).collect();
    for login in &mut logins {
        if login.expect_or_end(&["assword:"]).is_some() {
            login.send_secret(password);
        }
    }
    for mut login in logins {
        if login.expect_or_end(&["assword:"]).is_some() {
            login.send(b"\x04");
        }
        let seen = login.finish().transcript;
        assert!(!seen.contains("let-in"), "{seen}");
    }
    let what = format!("{user} with {password}, {times} times: not in");
    bench.recipe().report(&what);
}

#[test]
fn a_lock_after_wrong_answers() {
    require_debian!("sshd", "ssh", "sudo", "faillock");
    let recipe = Recipe::read("A lock after wrong answers");
    let bench = Bench::new(recipe, |host| host);
    bench.install_common_part();
    bench.install();
    let conf = bench.recipe().text("/etc/security/faillock.conf");
    let deny: usize = conf
        .lines()
        .find_map(|line| line.strip_prefix("deny = ")?.parse().ok())
        .unwrap_or_default();
    assert!(deny > 1, "{conf}");

    together(&bench, "alice", "wrong", deny - 1);
    bench.lets_in("alice, in time", bench.ssh("alice"), &[PASSWORD]);
    together(&bench, "alice", "wrong", deny);
    bench.refuses(
        "alice, too late",
        bench.ssh("alice"),
        &[PASSWORD],
        "faillock",
    );
    bench.keeps_out("alice at sudo", bench.sudo("alice"), &[PASSWORD]);
    together(&bench, "localadmin", "wrong", deny + 1);
    bench.lets_in(
        "localadmin, never locked",
        bench.ssh("localadmin"),
        &[LOCAL],
    );
    let locked = bench.run();
    assert!(locked.contains("alice:"), "{locked}");
    bench.lets_in("alice, unlocked", bench.ssh("alice"), &[PASSWORD]);

    // A right password and guessed codes: each login ends at the first code, and nobody hangs
    // up before it counts.
    let mut logins: Vec<_> = (0..deny).map(|_| bench.ssh("bob")).collect();
    for login in &mut logins {
        login.expect("assword:");
        login.send_secret(PASSWORD);
    }
    for mut login in logins {
        login.expect("ode:");
        login.send_secret("000000");
        let again = login.expect_or_end(&["ode:"]);
        assert!(again.is_none(), "the login asked for another code");
        assert!(!login.finish().transcript.contains("let-in"));
    }
    let password = &[PASSWORD];
    bench.refuses(
        "bob, after wrong codes",
        bench.ssh("bob"),
        password,
        "faillock",
    );

    bench.authentik_goes_down();
    together(&bench, "alice", PASSWORD, deny + 1);
    let counted = crate::directory::root(&bench.host, "faillock --user alice");
    assert_eq!(
        counted.lines().count(),
        2,
        "pam_faillock counted a failure: {counted}"
    );
    bench.lets_in("localadmin", bench.ssh("localadmin"), &[LOCAL]);
}
