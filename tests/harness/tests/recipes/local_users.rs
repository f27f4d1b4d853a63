//! Accounts in `/etc/passwd`, without a password there.

use crate::bench::{Bench, LOCAL, PASSWORD, require_debian};
use crate::recipe::Recipe;

#[test]
fn local_users_only() {
    require_debian!("sshd", "ssh", "sudo", "login", "useradd");
    let bench = Bench::new(Recipe::read("Local users only"), |host| {
        // The recipe makes alice an account.
        host.without("alice")
    });
    bench.install_common_part();
    bench.run();
    bench.install();

    let login = |user: &str| bench.ssh(user);
    bench.lets_in("alice, her password", login("alice"), &[PASSWORD]);
    bench.lets_in(
        "bob, password and code",
        login("bob"),
        &[PASSWORD, &bench.code()],
    );
    bench.keeps_out("bob, a wrong code", login("bob"), &[PASSWORD, "000000"]);
    bench.keeps_out("alice, a wrong password", login("alice"), &["wrong"]);
    let denied = "PAM_PERM_DENIED";
    bench.refuses("eve, in no group", login("eve"), &[PASSWORD], denied);
    let unknown = "PAM_USER_UNKNOWN";
    bench.refuses("judy, no account here", login("judy"), &[PASSWORD], unknown);
    let local = &[LOCAL];
    bench.lets_in("localadmin", login("localadmin"), local);
    bench.keeps_out("root, by password", login("root"), local);
    bench.lets_in(
        "bob at sudo, password and code",
        bench.sudo("bob"),
        &[PASSWORD, &bench.code()],
    );
    let both = [PASSWORD, &bench.code_of("frank")];
    bench.refuses(
        "frank at sudo, no admin",
        bench.sudo("frank"),
        &both,
        denied,
    );
    let both = [PASSWORD, &bench.code_of("frank")];
    bench.lets_in("frank, who is a user", login("frank"), &both);

    bench.authentik_goes_down();
    let down = "PAM_AUTHINFO_UNAVAIL";
    bench.refuses("alice", login("alice"), &[PASSWORD], down);
    bench.refuses("bob at sudo", bench.sudo("bob"), &[PASSWORD], down);
    bench.lets_in("localadmin", login("localadmin"), local);
    bench.lets_in(
        "localadmin at the console",
        bench.console("localadmin"),
        local,
    );
    bench.lets_in("root, by a key", bench.ssh_with_key("root"), &[]);
}
