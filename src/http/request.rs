//! One request, and what its response or failure says about the server.

use std::time::{Duration, Instant};

use ureq::http::{HeaderValue, Response as HttpResponse, header};
use ureq::{Body, RequestBuilder};

use super::answer::{fault_of_age, judge_redirect, says_it_is_starting};
use super::https::HttpsTransport;
use super::transport::{Age, Answer, RequestError, Transport};
use super::unavailable::{Connection, Evidence, prove};
use super::{body, fault};
use crate::fault::ServerFault;
use crate::sys::StopWatch;
use crate::text;

/// The header of authentik's CSRF protection.
const CSRF_HEADER: &str = "x-authentik-csrf";

impl HttpsTransport {
    pub(super) fn request(
        &mut self,
        path: &str,
        body: Option<&[u8]>,
        limit: Duration,
    ) -> Result<Answer, RequestError> {
        let is_first = std::mem::replace(&mut self.may_prove, false);
        let may_prove = is_first && !self.deadline.is_answered();
        let left = self.deadline.remaining();
        if left.is_zero() {
            return Err(ServerFault::LoginTimeout.into());
        }
        let limit = match is_first {
            true => limit.min(self.first_request),
            false => limit,
        };
        let timeout = left.min(limit);
        let target = format!("{}{path}", self.url);
        let watch = StopWatch::begin();
        self.request_deadline.begin(timeout);
        self.attempts.clear();
        let begun = Instant::now();
        let result = match body {
            None => {
                let request = self
                    .agent
                    .get(&target)
                    .config()
                    .timeout_global(Some(timeout))
                    .build();
                self.with_headers(request).call()
            }
            Some(body) => {
                let request = self
                    .agent
                    .post(&target)
                    .config()
                    .timeout_global(Some(timeout))
                    .build();
                let request = self
                    .with_headers(request)
                    .header(header::CONTENT_TYPE, "application/json")
                    .header(header::ORIGIN, self.origin.clone())
                    .header(header::REFERER, self.referer.clone());
                self.has_answered = true;
                match self.credentials.csrf_token() {
                    Some(token) => request.header(CSRF_HEADER, token).send(body),
                    None => request.send(body),
                }
            }
        };
        let answer = result.and_then(|response| self.read(path, response));
        let took = begun.elapsed();
        let was_stopped = watch.was_stopped();
        drop(watch);
        let answer = self.judge(answer, begun, may_prove && !was_stopped, was_stopped);
        let method = if body.is_some() { "POST" } else { "GET" };
        let outcome = match &answer {
            Ok(answer) => Ok((answer.status, answer.body.len())),
            Err(error) => Err(error.fault()),
        };
        self.trace.request(method, path, took, outcome);
        answer
    }

    /// Turns ureq's result into a response, or into the reason why there is none.
    fn judge(
        &self,
        result: Result<Answer, ureq::Error>,
        begun: Instant,
        may_prove: bool,
        was_stopped: bool,
    ) -> Result<Answer, RequestError> {
        let (evidence, fault, request_id) = match &result {
            Ok(answer) => {
                if let Some(fault) = fault_of_age(answer, begun.elapsed()) {
                    return Err(fault.into());
                }
                let evidence = Evidence::of_answer(answer);
                let fault = answer.fault_of_status();
                (evidence, fault, answer.request_id.clone())
            }
            Err(error) => {
                let mut fault = fault::server_fault(error, self.deadline.remaining().is_zero());
                if was_stopped {
                    fault = ServerFault::Stopped(fault.to_string());
                }
                let evidence = Evidence::of_error(error, &fault, &self.attempts.so_far());
                (evidence, fault, None)
            }
        };
        let proof = match evidence {
            Some(evidence) if may_prove => {
                let connection = Connection {
                    peer: &self.peer,
                    has_proxy: self.has_proxy,
                    limit: self.connect_timeout.min(self.deadline.remaining()),
                };
                Some(prove(evidence, &fault, request_id.clone(), &connection))
            }
            _ => None,
        };
        match (proof, result) {
            (Some(Ok(proof)), _) => Err(RequestError::Unavailable(proof)),
            // A response that nearly proves it is still a failure.
            (Some(Err(doubt)), _) => Err(RequestError::Failed {
                fault,
                doubt: Some(doubt),
                request_id,
            }),
            (None, Ok(answer)) => Ok(answer),
            (None, Err(_)) => Err(fault.into()),
        }
    }

    fn with_headers<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        let mut request = request
            .header(header::USER_AGENT, self.user_agent.clone())
            // The owner of the session must never come from a cache.
            .header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(language) = &self.language {
            request = request.header(header::ACCEPT_LANGUAGE, language.clone());
        }
        self.credentials.add_headers(request)
    }

    fn read(
        &mut self,
        path: &str,
        mut response: HttpResponse<Body>,
    ) -> Result<Answer, ureq::Error> {
        let session_lifetime = self.credentials.store_cookies(response.headers());
        if self.keeps_factor {
            let factor = self.credentials.factor_of(response.headers());
            self.factor = factor.or(self.factor.take());
        }
        let text_of = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        self.server_date = text_of("date");
        let status = response.status().as_u16();
        let redirect = text_of("location")
            .filter(|_| (300..400).contains(&status))
            .map(|location| judge_redirect(&self.url, path, &location));
        let is_json = text_of("content-type").is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json")
        });
        let asks_to_wait = response.headers().contains_key(header::RETRY_AFTER);
        let age = response
            .headers()
            .get_all(header::AGE)
            .iter()
            .map(|age| age.to_str().ok().and_then(|age| age.trim().parse().ok()))
            .map(|age| age.map_or(Age::Unknown, Age::Seconds))
            .max();
        let request_id = text_of("x-authentik-id").map(|id| text::one_line(&id, 64));
        let body = body::read(response.body_mut().as_reader(), is_json)?;
        Ok(Answer {
            status,
            redirect,
            request_id,
            is_json,
            asks_to_wait,
            is_starting: is_json && matches!(status, 200 | 503) && says_it_is_starting(&body),
            age,
            session_lifetime,
            body,
        })
    }
}

impl Transport for HttpsTransport {
    fn get(&mut self, path: &str) -> Result<Answer, RequestError> {
        self.request(path, None, self.request_timeout)
    }

    fn post(
        &mut self,
        path: &str,
        body: &[u8],
        limit: Option<Duration>,
    ) -> Result<Answer, RequestError> {
        self.request(path, Some(body), limit.unwrap_or(self.request_timeout))
    }
}
