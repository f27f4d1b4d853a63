//! How a flow ends when the server does not end it well: a server that is a closure.

use std::time::Duration;

use super::*;

/// Answers each request with what the closure returns. The closure gets the request's
/// number, from 1, and its body if it is a POST.
struct Server<F>(u32, F);

impl<F> Transport for Server<F>
where
    F: FnMut(u32, Option<&[u8]>) -> Result<Answer, RequestError>,
{
    fn get(&mut self, _: &str) -> Result<Answer, RequestError> {
        self.0 = self.0.saturating_add(1);
        self.1(self.0, None)
    }

    fn post(&mut self, _: &str, body: &[u8], _: Option<Duration>) -> Result<Answer, RequestError> {
        self.0 = self.0.saturating_add(1);
        self.1(self.0, Some(body))
    }
}

/// Answers every challenge with its component.
struct Nodding {
    push_timeout: Option<Duration>,
}

impl Answerer for Nodding {
    fn answer(&mut self, _: &Challenge, _: usize) -> Result<Response, LoginError> {
        let fields = serde_json::json!({ "component": "ak-stage-dummy" });
        match self.push_timeout {
            Some(limit) => Response::push(&fields, limit),
            None => Response::new(&fields),
        }
    }

    fn code_sent_back(&mut self) -> Result<(), LoginError> {
        Ok(())
    }
}

fn challenge(name: u32) -> Answer {
    let body = format!(r#"{{"component":"ak-stage-dummy","name":"{name}","flow_info":{{}}}}"#);
    Answer {
        status: 200,
        is_json: true,
        body: body.into_bytes().into(),
        ..Answer::default()
    }
}

fn redirect(status: u16, to: Redirect) -> Answer {
    Answer {
        status,
        redirect: Some(to),
        ..Answer::default()
    }
}

/// The error of a flow at this server, and how many requests were made.
fn failure(
    server: impl FnMut(u32, Option<&[u8]>) -> Result<Answer, RequestError>,
    push_timeout: Option<Duration>,
) -> (LoginError, u32) {
    let mut server = Server(0, server);
    let slug = Slug::parse("login").unwrap();
    let mut audit = Audit::trial("test", "auth");
    let end = run(
        &mut server,
        &slug,
        "",
        &mut Nodding { push_timeout },
        &mut audit,
    );
    (end.expect_err("the flow ends without an error"), server.0)
}

#[test]
fn a_flow_that_never_ends_is_stopped_after_300_requests() {
    // Every stage skips nine others, so the number of challenges stays below its limit.
    let (error, requests) = failure(
        |number, _| {
            Ok(if number % 10 == 0 {
                challenge(number)
            } else {
                redirect(302, Redirect::SamePlace)
            })
        },
        None,
    );
    assert!(error.to_string().contains("after 300 requests"), "{error}");
    assert_eq!(requests, MAX_REQUESTS);
}

#[test]
fn a_flow_that_shows_one_stage_after_the_other_is_stopped_after_100_challenges() {
    let (error, _) = failure(
        |number, body| {
            Ok(if body.is_some() {
                redirect(302, Redirect::SamePlace)
            } else {
                challenge(number)
            })
        },
        None,
    );
    assert!(
        error.to_string().contains("after 100 challenges"),
        "{error}"
    );
}

#[test]
fn only_a_push_that_times_out_is_a_push_that_nobody_answered() {
    let silent_to_answers = |number, body: Option<&[u8]>| match body {
        Some(_) => Err(ServerFault::Timeout("request_timeout").into()),
        None => Ok(challenge(number)),
    };
    let (error, _) = failure(silent_to_answers, None);
    assert!(
        matches!(
            error,
            LoginError::Server {
                fault: ServerFault::Timeout(_),
                ..
            }
        ),
        "{error:?}"
    );
    let push = Some(Duration::from_secs(60));
    let (error, _) = failure(silent_to_answers, push);
    assert!(matches!(error, LoginError::PushUnanswered), "{error:?}");

    let broken = |number, body: Option<&[u8]>| match body {
        Some(_) => Err(ServerFault::Connection("reset".into()).into()),
        None => Ok(challenge(number)),
    };
    let (error, _) = failure(broken, push);
    assert!(!matches!(error, LoginError::PushUnanswered), "{error:?}");
}

#[test]
fn a_redirect_to_another_place_is_named_and_not_followed() {
    for status in [301, 302, 307, 308] {
        let to = Redirect::Elsewhere("https://other.example/".into());
        let (error, requests) = failure(|_, _| Ok(redirect(status, to.clone())), None);
        let error = error.to_string();
        assert!(error.contains("to https://other.example/"), "{error}");
        assert_eq!(requests, 1);
    }
}

#[test]
fn redirects_to_the_same_place_are_followed_32_times() {
    for status in [301, 302, 307, 308] {
        let same_place = |_, _: Option<&[u8]>| Ok(redirect(status, Redirect::SamePlace));
        let (error, requests) = failure(same_place, None);
        assert!(error.to_string().contains("too often"), "{error}");
        assert_eq!(requests, 34, "not one request and 33 redirects");
    }
}

#[test]
fn a_status_other_than_a_redirect_is_not_followed() {
    for status in [300, 309, 404, 500] {
        let (_, requests) = failure(|_, _| Ok(redirect(status, Redirect::SamePlace)), None);
        assert_eq!(requests, 1, "{status}");
    }
}
