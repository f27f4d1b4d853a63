use pam_authentik_flow::fault::ServerFault;
use pam_authentik_flow::http::{Answer, RequestError, Transport};

use std::time::Duration;

use crate::choices::Choices;
use crate::json::Object;
use crate::log::{Event, Reply, World};
use crate::model;
use crate::play::prove;
use crate::rules::Rules;

/// Bodies from a server, each the answer to one request. The person's actions come first, after
/// a byte with their length.
///
/// # Panics
/// If the module sends something other than JSON for the current stage, or lets in a user who
/// must stay out.
pub fn challenge(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let person = choices.bytes();
    let rest = bytes
        .get(person.len().saturating_add(1)..)
        .unwrap_or_default();
    let mut choices = Choices::new(person);
    let rules = Rules::choose(&mut choices);
    let world = World::new(choices);
    let mut server = Bodies {
        world: &world,
        bodies: rest
            .split(|&byte| byte == 0)
            .collect::<Vec<_>>()
            .into_iter(),
        asks: None,
    };
    let result = prove(&mut server, &world, &rules.config());
    let reason = model::may_succeed(&rules, &world.log.borrow()).err();
    assert!(
        result.is_err() || reason.is_none(),
        "the module let in a person without a proof: {reason:?}"
    );
}

/// A server that sends the given bodies.
struct Bodies<'a, 'b> {
    world: &'a World<'b>,
    bodies: std::vec::IntoIter<&'a [u8]>,
    /// The component of the last challenge.
    asks: Option<String>,
}

impl Bodies<'_, '_> {
    fn next(&mut self, path: &str, body: Option<&[u8]>) -> Result<Answer, RequestError> {
        let path = path.split("?nocache=").next().unwrap_or_default();
        let reply = self.bodies.next().map(Reply::json);
        self.world.note(Event::Request {
            path: path.to_owned(),
            body: body.map(<[u8]>::to_vec),
            answer: reply.clone(),
        });
        let Some(reply) = reply else {
            return Err(ServerFault::Connection("there is no more".into()).into());
        };
        self.asks = Object::read(&reply.body).and_then(|body| body.text("component"));
        Ok(Answer {
            status: 200,
            redirect: None,
            request_id: None,
            is_json: true,
            asks_to_wait: false,
            body: reply.body.into(),
            ..Answer::default()
        })
    }
}

impl Transport for Bodies<'_, '_> {
    fn get(&mut self, path: &str) -> Result<Answer, RequestError> {
        self.next(path, None)
    }

    fn post(
        &mut self,
        path: &str,
        body: &[u8],
        _limit: Option<Duration>,
    ) -> Result<Answer, RequestError> {
        let sent = Object::read(body).expect("an object is sent");
        let component = sent.text("component");
        assert!(component.is_some(), "a stage has a name");
        assert_eq!(
            component, self.asks,
            "the answer is for the stage that asks"
        );
        self.next(path, Some(body))
    }
}
