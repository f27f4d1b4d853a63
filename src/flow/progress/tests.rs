//! How the next challenge shows what happened to an answer.

use std::time::Duration;

use serde_json::json;
use zeroize::Zeroizing;

use super::*;
use crate::flow::response::FlowToken;

const PASSWORD: &str = "ak-stage-password";
const CODE: &str = "ak-stage-authenticator-validate";
const DUMMY: &str = "ak-stage-dummy";

/// Records the calls.
#[derive(Default)]
struct Told(Vec<String>);

impl Answerer for Told {
    fn answer(&mut self, _: &Challenge, _: usize) -> Result<Response, LoginError> {
        Err(LoginError::Bug("nobody is asked here".into()))
    }

    fn code_sent_back(&mut self) -> Result<(), LoginError> {
        self.0.push("CodeSentBack".into());
        Ok(())
    }

    fn asked_again(&mut self, why: AskedAgain) {
        self.0.push(format!("{why:?}"));
    }
}

/// A challenge of a stage. `more` differs between two steps of one stage.
fn challenge(component: &str, more: u32) -> Challenge {
    let body = json!({ "component": component, "flow_info": {}, "more": more });
    read(&body)
}

fn with_error(component: &str) -> Challenge {
    let error = json!([{ "string": "wrong", "code": "invalid" }]);
    read(&json!({ "component": component, "flow_info": {}, "response_errors": { "x": error } }))
}

fn read(body: &serde_json::Value) -> Challenge {
    Challenge::read(Zeroizing::new(body.to_string().into_bytes()))
        .expect("the challenge is not JSON")
}

fn plain() -> Response {
    Response::new(&json!({})).expect("the response cannot be made")
}

fn proving(proof: Proof) -> Response {
    Response::proving(&json!({}), proof).expect("the response cannot be made")
}

/// A flow that has already left some stages, and the calls that the stages got.
#[derive(Default)]
struct Flow(Progress, Told);

impl Flow {
    fn past(stages: &[&str]) -> Self {
        let mut flow = Self::default();
        for stage in stages {
            // Each redirect passes a stage that no test asks for again.
            flow.answer(
                &challenge(stage, 0),
                &plain(),
                challenge("ak-stage-deny", 0),
                1,
            )
            .expect("the flow is taken as ended or repeated");
        }
        flow
    }

    /// `response` to `asked` led over `redirects` redirects to `next`.
    fn answer(
        &mut self,
        asked: &Challenge,
        response: &Response,
        next: Challenge,
        redirects: usize,
    ) -> Result<usize, LoginError> {
        let sent = Sent::new(asked, response, 2);
        let step = Step {
            challenge: next,
            redirects,
        };
        self.0
            .settle(sent, &step, &mut self.1, &Audit::trial("test", "auth"))
    }

    fn told(self) -> Vec<String> {
        self.1.0
    }
}

fn is_stuck(result: Result<usize, LoginError>) -> bool {
    matches!(
        result,
        Err(LoginError::Unsupported {
            reason: Obstacle::Stuck,
            ..
        })
    )
}

#[test]
fn errors_at_the_same_stage_count_refusals() {
    for response in [plain(), proving(Proof::Password)] {
        let mut flow = Flow::default();
        let refused = flow.answer(&challenge(PASSWORD, 0), &response, with_error(PASSWORD), 0);
        assert_eq!(refused.expect("the answer may not be tried again"), 3);
        assert!(flow.0.into_proofs().is_empty());
    }
}

#[test]
fn a_flow_that_does_not_advance_is_stuck() {
    let first = challenge(DUMMY, 0);
    let unasked = || plain().unasked();
    for (response, more, redirects, stuck) in [
        (plain(), 0, 0, true),
        // The next step of the same stage.
        (plain(), 1, 0, false),
        (unasked(), 0, 0, true),
        (unasked(), 1, 0, true),
        // Another stage of the same name.
        (plain(), 0, 1, false),
        (unasked(), 1, 1, false),
    ] {
        let result = Flow::default().answer(&first, &response, challenge(DUMMY, more), redirects);
        assert_eq!(is_stuck(result), stuck, "{more} {redirects}");
    }
    // A redirect stage to the same address would come back for ever.
    let redirect = json!({ "component": "xak-flow-redirect", "to": "/x", "flow_info": {} });
    let result = Flow::default().answer(&read(&redirect), &unasked(), read(&redirect), 1);
    assert!(is_stuck(result));
    // Another stage is never stuck.
    let result = Flow::default().answer(&first, &unasked(), challenge(CODE, 0), 0);
    assert!(!is_stuck(result));
}

#[test]
fn only_a_link_waits_for_its_link() {
    let token = FlowToken::parse("0123456789").expect("a token");
    let link = Response::link(token);
    let email = challenge("ak-stage-email", 0);
    let mut flow = Flow::default();
    let again = flow.answer(&email, &link, challenge("ak-stage-email", 0), 0);
    assert_eq!(again.expect("the link may not be pasted again"), 0);
    assert_eq!(flow.told(), ["Link"]);

    let mut flow = Flow::default();
    flow.answer(&email, &link, challenge(PASSWORD, 0), 0)
        .expect("the flow is taken as ended or repeated");
    assert!(flow.told().is_empty());

    let mut flow = Flow::default();
    flow.answer(&email, &plain(), challenge("ak-stage-email", 1), 0)
        .expect("the flow is taken as ended or repeated");
    assert!(flow.told().is_empty());
}

#[test]
fn a_flow_starts_again_at_most_three_times() {
    let mut flow = Flow::default();
    let start = || challenge(IDENTIFICATION, 0);
    for number in 1..=4_u32 {
        flow.answer(&start(), &plain(), challenge(CODE, 0), 1)
            .expect("the flow is taken as ended or repeated");
        flow.answer(
            &challenge(CODE, 0),
            &proving(Proof::SecondFactor),
            challenge(DUMMY, 0),
            1,
        )
        .expect("the code is taken as wrong");
        let again = flow.answer(&challenge(DUMMY, 0), &plain(), start(), 1);
        match number {
            4 => assert!(
                matches!(again, Err(LoginError::RestartedTooOften(4))),
                "{again:?}"
            ),
            _ => assert_eq!(again.expect("the start of the flow is not recognised"), 0),
        }
    }
    let Flow(progress, Told(told)) = flow;
    assert_eq!(told, ["FromTheStart"; 3]);
    // Only the code before the last restart was not forgotten.
    assert_eq!(progress.into_proofs().len(), 1);
}

#[test]
fn only_an_identification_that_was_left_starts_the_flow_again() {
    // Another stage of a name that was seen before.
    let mut flow = Flow::past(&[DUMMY, CODE]);
    flow.answer(&challenge(PASSWORD, 0), &plain(), challenge(DUMMY, 0), 1)
        .expect("the flow is taken as ended or repeated");
    assert!(flow.told().is_empty());
    // The first identification.
    let mut flow = Flow::past(&[DUMMY]);
    flow.answer(
        &challenge(PASSWORD, 0),
        &plain(),
        challenge(IDENTIFICATION, 0),
        1,
    )
    .expect("the flow is taken as ended or repeated");
    assert!(flow.told().is_empty());
}

#[test]
fn a_password_that_is_asked_for_again_proves_nothing_yet() {
    let asked = || challenge(PASSWORD, 0);
    let answer = |flow: &mut Flow, redirects| {
        flow.answer(&asked(), &proving(Proof::Password), asked(), redirects)
    };
    let mut flow = Flow::past(&[IDENTIFICATION]);
    assert_eq!(flow.0.unsettled(), None);
    answer(&mut flow, 1).expect("the second password stage is taken as a refusal");
    assert_eq!(flow.0.unsettled(), Some("password"));
    assert_eq!(flow.1.0, ["Password"]);
    // The second one accepts it, and the flow moves on.
    flow.answer(&asked(), &proving(Proof::Password), challenge(DUMMY, 0), 1)
        .expect("the flow is taken as ended or repeated");
    assert_eq!(flow.0.unsettled(), None);
    assert_eq!(flow.0.into_proofs(), [Proof::Password]);

    // The second one asks once more: that is a refusal.
    let mut flow = Flow::past(&[IDENTIFICATION]);
    answer(&mut flow, 1).expect("the second password stage is taken as a refusal");
    let refused = answer(&mut flow, 1);
    assert!(matches!(refused, Err(LoginError::Rejected { .. })));
    // So is a stage that asks again without a redirect, or as the first one.
    for (stages, redirects) in [(&[IDENTIFICATION][..], 0), (&[IDENTIFICATION], 2), (&[], 1)] {
        let refused = answer(&mut Flow::past(stages), redirects);
        assert!(
            matches!(refused, Err(LoginError::Rejected { .. })),
            "{stages:?} {redirects}"
        );
    }
}

#[test]
fn a_secret_counts_when_the_flow_moves_on() {
    for proof in [Proof::Password, Proof::SecondFactor, Proof::SecurityKey] {
        let mut flow = Flow::past(&[IDENTIFICATION]);
        flow.answer(&challenge(CODE, 0), &proving(proof), challenge(DUMMY, 0), 1)
            .expect("the flow is taken as ended or repeated");
        assert_eq!(flow.0.into_proofs(), [proof]);

        // Errors at a stage that the flow has not left are a doubt.
        let mut flow = Flow::past(&[IDENTIFICATION]);
        let doubt = flow.answer(&challenge(CODE, 0), &proving(proof), with_error(DUMMY), 1);
        assert!(
            matches!(doubt, Err(LoginError::Rejected { .. })),
            "{proof:?}"
        );

        // Back to a stage that it has left.
        let mut flow = Flow::past(&[IDENTIFICATION]);
        let back = flow.answer(
            &challenge(CODE, 0),
            &proving(proof),
            challenge(IDENTIFICATION, 0),
            1,
        );
        match proof {
            Proof::Password => assert!(matches!(back, Err(LoginError::Restarted { .. }))),
            _ => {
                back.expect("the code may not be tried again");
                assert_eq!(flow.1.0, ["CodeSentBack"]);
                assert!(flow.0.into_proofs().is_empty());
            }
        }
    }
}

#[test]
fn a_denial_without_a_redirect_is_the_last_attempt_of_the_stage() {
    let denial = || read(&json!({ "component": "ak-stage-access-denied", "flow_info": {} }));
    for (redirects, is_last) in [(0, true), (1, false)] {
        let mut flow = Flow::past(&[IDENTIFICATION]);
        let end = flow.answer(
            &challenge(PASSWORD, 0),
            &proving(Proof::Password),
            denial(),
            redirects,
        );
        let was_last = matches!(end, Err(LoginError::TooManyAttempts { .. }));
        assert_eq!(was_last, is_last, "{redirects}");
    }
}

#[test]
fn a_push_that_is_approved_is_a_second_factor() {
    let push =
        Response::push(&json!({}), Duration::from_secs(60)).expect("the response cannot be made");
    let mut flow = Flow::past(&[IDENTIFICATION]);
    flow.answer(&challenge(CODE, 0), &push, challenge(DUMMY, 0), 1)
        .expect("the flow is taken as ended or repeated");
    assert_eq!(flow.0.into_proofs(), [Proof::SecondFactor]);
}
