//! A key of this host is only for a person who sits at it.

use super::{
    TOUCH, after_password, bench, credential, ends_in, expect, kay, logged, settings, with_flow,
};
use crate::bench::{Bench, PASSWORD};
use authentik_double::Validate;
use pam_harness::virtual_key::{Credential, VirtualKey};

#[test]
fn a_foreign_relying_party_and_a_login_from_afar_get_no_key() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential]);
    let key = VirtualKey::plug_in(settings(&credential));
    for (service, rhost) in [("sshd", ""), ("sudo", "192.0.2.7"), ("sshd-session", "")] {
        let outcome = bench
            .pam_for(service, "key")
            .rhost(rhost)
            .security_key(&key)
            .user("kay")
            .account("kay", 1700)
            .answer_secret(PASSWORD)
            .authenticate()
            .run();
        assert_eq!(outcome.code().to_string(), "PAM_SERVICE_ERR", "{service}");
        assert!(
            outcome
                .transcript()
                .contains("a security key works only for somebody who sits at this host")
        );
    }
    let bench = self::bench(Validate::new(), &[&credential])
        .section("origin = \"https://login.example.com\"");
    let outcome = kay(&bench, &[&key])
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    ends_in(&outcome, "PAM_SERVICE_ERR");
    logged(&outcome, "which is not [security_key] rp_id");
    assert!(key.events().is_empty(), "{:?}", key.events());
}

#[test]
fn logind_proves_that_a_person_sits_here() {
    pam_harness::require_isolation!();
    pam_harness::require_root!();
    const SEAT: &str = "UID=1700\nUSER=kay\nACTIVE=1\nSTATE=active\nREMOTE=0\n\
        CLASS=user\nSEAT=seat0\nAUDIT={id}\n";
    let credential = credential();
    let bench = at_seat(&credential);
    let key = VirtualKey::plug_in(settings(&credential));
    let outcome = kay(&bench, &[&key])
        .session(SEAT)
        .answer_secret(PASSWORD)
        .answer_secret("")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
    let key = VirtualKey::plug_in(settings(&credential));
    for (text, why) in [
        (
            SEAT.replace("REMOTE=0", "REMOTE=1"),
            "the session is remote",
        ),
        (SEAT.replace("SEAT=seat0\n", ""), "session has no seat"),
        (
            SEAT.replace("CLASS=user", "CLASS=manager"),
            "is of another class",
        ),
        (
            SEAT.replace("AUDIT={id}", "AUDIT=1234567"),
            "no session that logind knows",
        ),
        (
            SEAT.replace("ACTIVE=1", "ACTIVE=0"),
            "not in the foreground",
        ),
    ] {
        let outcome = kay(&bench, &[&key])
            .session(&text)
            .answer_secret(PASSWORD)
            .authenticate()
            .run();
        assert_eq!(outcome.code().to_string(), "PAM_SERVICE_ERR", "{why}");
        logged(&outcome, why);
    }
    let outcome = kay(&bench, &[&key])
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    logged(&outcome, "no session that logind knows");
    assert!(key.events().is_empty(), "{:?}", key.events());
}

/// The same as [`bench`], only for a user who sits at this host.
fn at_seat(credential: &Credential) -> Bench {
    with_flow(after_password(Validate::new()), &[credential])
}

#[test]
fn a_locker_without_root_may_use_a_key_that_is_its_users() {
    pam_harness::require_isolation!(pam_harness::ordinary_user());
    pam_harness::require_root!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential]);
    let key = VirtualKey::plug_in(settings(&credential));
    let outcome = kay(&bench, &[&key])
        .as_user(65534)
        .answer_secret(PASSWORD)
        .answer_secret_to(
            "There is a security key, but this program may not use it.",
            "",
        )
        .abort()
        .authenticate()
        .run();
    assert!(outcome.code() != pam_harness::Code::PAM_SUCCESS);
    key.belongs_to(65534);
    let outcome = kay(&bench, &[&key])
        .as_user(65534)
        .answer_secret(PASSWORD)
        .answer_secret("")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
}
