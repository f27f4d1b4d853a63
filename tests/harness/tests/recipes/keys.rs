//! A key and a code together.

use crate::bench::{Bench, come, require_debian};
use crate::recipe::Recipe;

#[test]
fn a_key_and_then_a_code() {
    require_debian!("sshd", "ssh");
    let recipe = Recipe::read("An SSH key, and then a code");
    let bench = Bench::new(recipe, |host| host);
    bench.install_common_part();
    bench.install();

    let both = |user: &str| {
        let ssh = bench.host.ssh(user).with_key();
        ssh.option("NumberOfPasswordPrompts=1")
            .run(&["echo", "let-in"])
    };
    let code = bench.code();
    bench.lets_in("bob, key and code", both("bob"), &[&code]);
    bench.keeps_out("bob, a wrong code", both("bob"), &["000000"]);
    bench.keeps_out("bob, a key alone", bench.ssh_with_key("bob"), &[]);
    let (is_in, seen) = come(bench.ssh("bob"), &[&bench.code()]);
    assert!(!is_in, "{seen}");
    assert!(
        !seen.contains("code:"),
        "the login asked a question:\n{seen}"
    );
    let denied = "PAM_PERM_DENIED";
    bench.refuses("alice, no second factor", both("alice"), &[], denied);
    bench.lets_in("localadmin, a key", bench.ssh_with_key("localadmin"), &[]);

    bench.authentik_goes_down();
    let down = "PAM_AUTHINFO_UNAVAIL";
    bench.refuses("bob", both("bob"), &["000000"], down);
    bench.lets_in("localadmin, a key", bench.ssh_with_key("localadmin"), &[]);
    bench.lets_in("root, a key", bench.ssh_with_key("root"), &[]);
}
