//! A flow that sent a code or a link before its question is not restarted: another message
//! would be sent, and the answer belongs to the first.

use std::sync::Arc;

use authentik_double::{Flow, Stage, Version};

use super::{LATE, asked_once, bench, bodies, flows_begun};
use crate::bench::{PASSWORD, expect};

#[test]
fn a_flow_that_has_sent_a_code_goes_on() {
    pam_harness::require_isolation!();
    for user in ["ivan", "gina"] {
        let bench = bench().arguments("use_first_pass");
        let double = Arc::clone(&bench.double);
        let outcome = bench
            .pam("linux-mfa", user)
            .preset_authtok(PASSWORD)
            .answer_secret_later(move |_| {
                let code = double.last_code(user)?;
                std::thread::sleep(LATE);
                Some(code)
            })
            .authenticate()
            .run();
        expect(&outcome, "PAM_SUCCESS", &[&format!("user={user}")]);
        asked_once(&outcome);
        assert_eq!(flows_begun(&bench), 1, "{user}");
        assert_eq!(bodies(&bench, "selected_challenge"), 1, "{user}");
    }
}

#[test]
fn a_flow_that_has_sent_a_link_goes_on() {
    pam_harness::require_isolation!();
    let bench = bench();
    bench.double.world(|world| {
        let flow = Flow::new("mail").identification().bind(Stage::Email);
        world.add_flow(flow.password().user_login());
    });
    let double = Arc::clone(&bench.double);
    let mut pam = bench.pam("mail", "alice").answer_secret_later(move |_| {
        let token = double.last_flow_token("alice")?;
        std::thread::sleep(LATE);
        Some(format!("{}/if/flow/mail/?flow_token={token}", double.url()))
    });
    if Version::asked_for().confirms_links() {
        pam = pam
            .answer_visible("y")
            .expecting("Continue to confirm this email address.");
    }
    let outcome = pam.answer_secret(PASSWORD).authenticate().run();
    expect(&outcome, "PAM_SUCCESS", &["email"]);
    assert_eq!(flows_begun(&bench), 1);
}
