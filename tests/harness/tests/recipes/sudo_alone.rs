//! Only sudo asks authentik.

use crate::bench::{Bench, LOCAL, PASSWORD, require_debian};
use crate::recipe::Recipe;
use pam_harness::host::RealHostBuilder;

/// Users have local passwords, and use them over ssh.
fn with_local_passwords(host: RealHostBuilder) -> RealHostBuilder {
    host.local_password("alice")
        .local_password("bob")
        .local_password("frank")
}

impl Bench {
    #[track_caller]
    fn ssh_knows_nothing_of_authentik(&self) {
        let ssh = |user: &str| self.host.ssh(user).by_password();
        let ssh = |user: &str| {
            let once = ssh(user).option("NumberOfPasswordPrompts=1");
            once.run(&["echo", "let-in"])
        };
        self.lets_in("bob over ssh, local password", ssh("bob"), &[LOCAL]);
        self.lets_in("bob over ssh, a key", self.ssh_with_key("bob"), &[]);
        self.keeps_out("bob over ssh, authentik's", ssh("bob"), &[PASSWORD]);
    }
}

#[test]
fn authentik_for_sudo_alone() {
    require_debian!("sshd", "ssh", "sudo");
    let recipe = Recipe::read("A second factor for sudo alone");
    let bench = Bench::new(recipe, with_local_passwords);
    bench.install();
    bench.ssh_knows_nothing_of_authentik();
    assert_eq!(bench.double.requests().len(), 0, "authentik was asked");

    let (sudo, local) = (|user: &str| bench.sudo(user), &[LOCAL]);
    let shell = |user: &str| bench.host.sudo(user, &["-k", "-i", "echo", "let-in"]);
    let code = bench.code();
    bench.lets_in("bob, password and code", sudo("bob"), &[PASSWORD, &code]);
    let code = bench.code();
    bench.lets_in("bob, sudo -i", shell("bob"), &[PASSWORD, &code]);
    bench.keeps_out("bob, a wrong code", sudo("bob"), &[PASSWORD, "000000"]);
    bench.keeps_out("bob, his local password", sudo("bob"), local);
    bench.keeps_out("bob, sudo -i and the local one", shell("bob"), local);
    bench.keeps_out("alice, no second factor", sudo("alice"), &[PASSWORD]);
    let both = [PASSWORD, &bench.code_of("frank")];
    bench.refuses("frank, no admin", sudo("frank"), &both, "PAM_PERM_DENIED");

    bench.authentik_goes_down();
    bench.ssh_knows_nothing_of_authentik();
    bench.refuses("bob", sudo("bob"), local, "PAM_AUTHINFO_UNAVAIL");
    bench.lets_in("localadmin", sudo("localadmin"), local);
}

#[test]
fn the_local_password_and_then_a_code() {
    require_debian!("sshd", "ssh", "sudo");
    let recipe = Recipe::read("With the local password in front");
    let bench = Bench::new(recipe, with_local_passwords);
    bench.install();
    bench.ssh_knows_nothing_of_authentik();

    let (sudo, local) = (|user: &str| bench.sudo(user), &[LOCAL]);
    let code = bench.code();
    bench.lets_in("bob, password and code", sudo("bob"), &[LOCAL, &code]);
    let shell = bench.host.sudo("bob", &["-k", "-i", "echo", "let-in"]);
    let code = bench.code();
    bench.lets_in("bob, sudo -i", shell, &[LOCAL, &code]);
    bench.keeps_out("bob, a wrong code", sudo("bob"), &[LOCAL, "000000"]);
    bench.keeps_out("bob, a wrong password", sudo("bob"), &["wrong"]);
    bench.keeps_out("bob, authentik's password", sudo("bob"), &[PASSWORD]);
    bench.keeps_out("alice, no second factor", sudo("alice"), local);

    bench.authentik_goes_down();
    bench.refuses("bob", sudo("bob"), local, "PAM_AUTHINFO_UNAVAIL");
    bench.lets_in("localadmin", sudo("localadmin"), local);
}
