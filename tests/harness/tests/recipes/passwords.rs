//! One field for a password and a code.

use crate::bench::{Bench, LOCAL, PASSWORD, require_debian};
use crate::recipe::Recipe;

#[test]
fn clients_that_know_only_a_password() {
    require_debian!("sshd", "ssh");
    let recipe = Recipe::read("Clients that know only a password");
    let bench = Bench::new(recipe, |host| host);
    bench.install_common_part();
    bench.install();

    let one_field = |user: &str| {
        let ssh = bench.host.ssh(user).by_password();
        ssh.option("NumberOfPasswordPrompts=1")
            .run(&["echo", "let-in"])
    };
    let with_code = |code: &str| format!("{PASSWORD};{code}");
    let typed = with_code(&bench.code());
    bench.lets_in("bob, password;code", one_field("bob"), &[&typed]);
    bench.keeps_out("bob, the same once more", one_field("bob"), &[&typed]);
    let wrong = with_code("000000");
    bench.keeps_out("bob, a wrong code", one_field("bob"), &[&wrong]);
    bench.keeps_out("bob, no code", one_field("bob"), &[PASSWORD]);
    let wrong = format!("wrong;{}", bench.code());
    bench.keeps_out("bob, a wrong password", one_field("bob"), &[&wrong]);
    let code = bench.code();
    bench.lets_in(
        "bob, who can be asked",
        bench.ssh("bob"),
        &[PASSWORD, &code],
    );
    bench.lets_in("alice, without a code", one_field("alice"), &[PASSWORD]);

    bench.authentik_goes_down();
    let typed = with_code(&bench.code());
    bench.refuses("bob", one_field("bob"), &[&typed], "PAM_AUTHINFO_UNAVAIL");
    bench.lets_in("localadmin", one_field("localadmin"), &[LOCAL]);
    bench.lets_in("root, a key", bench.ssh_with_key("root"), &[]);
}
