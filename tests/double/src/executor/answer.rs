//! The answers of the executor: a challenge with the common fields, a denial, a redirect.

use serde_json::{Map, Value, json};

use super::step::Challenge;
use super::{Executor, Plan, Query};
use crate::exchange::{Reply, parse_query};
use crate::session::Session;
use crate::version::Behaviour;

impl Executor<'_> {
    /// The end of a flow: a redirect, or a denial if `next` is another server.
    pub(super) fn done(&self, plan: &Plan, query: &Query) -> Reply {
        let start = format!("{}/", self.call.prefix());
        let next = query.get("next").unwrap_or(&start);
        if !next.starts_with('/') || next.starts_with("//") {
            return self.denied(Some(plan), &Session::default(), "Invalid next URL");
        }
        self.redirect_out(next, true)
    }

    /// Redirects the client out of the flow, at its end or after a denial.
    pub(super) fn redirect_out(&self, to: &str, is_final: bool) -> Reply {
        let body = json!({
            "component": "xak-flow-redirect",
            "to": to,
            "final_redirect": is_final,
        });
        Reply::flow(&self.shape(body))
    }

    /// The page for a browser that cancels: since 2026.8, the page that it came for.
    fn cancelled_to(&self) -> String {
        let query = parse_query(&self.call.parameter("query").unwrap_or_default());
        match query.get("next") {
            Some(next) if self.state.version.does(Behaviour::CancelsTowardsNext) => {
                let mut pair = form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
                pair.append_pair("next", next).finish()
            }
            _ => String::new(),
        }
    }

    /// Removes the fields that this version does not have.
    fn shape(&self, mut challenge: Value) -> Value {
        let component = challenge["component"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if let Value::Object(fields) = &mut challenge {
            self.state.version.shape(&component, fields);
        }
        if let Some(Value::Object(info)) = challenge.get_mut("flow_info") {
            self.state.version.shape("flow_info", info);
        }
        challenge
    }

    pub(super) fn denied(&self, plan: Option<&Plan>, session: &Session, message: &str) -> Reply {
        let challenge = Challenge::new("ak-stage-access-denied")
            .pending_user()
            .with("error_message", self.language.say(message));
        Reply::flow(&self.dress(&challenge, plan, session))
    }

    pub(super) fn redirect(&self) -> Reply {
        Reply::empty(302)
            .with("location", &self.call.target)
            .with("allow", "GET, POST, HEAD, OPTIONS")
    }

    /// Adds the fields that all challenges have.
    pub(super) fn dress(
        &self,
        challenge: &Challenge,
        plan: Option<&Plan>,
        session: &Session,
    ) -> Value {
        let mut fields = Map::new();
        let title = plan.map_or(&self.flow.title, |plan| &plan.title);
        let prefix = self.call.prefix();
        fields.insert(
            "flow_info".to_owned(),
            json!({
                "title": title,
                "background": format!("{prefix}/static/dist/assets/images/flow_background.jpg"),
                "background_themed_urls": null,
                "cancel_url": format!("{prefix}/flows/-/cancel/{}", self.cancelled_to()),
                "layout": "stacked",
            }),
        );
        if challenge.pending_user {
            let shown = plan
                .and_then(|plan| plan.pending.as_ref())
                .map(|pending| pending.shown.clone())
                .or_else(|| session.user.clone());
            let own = shown
                .as_deref()
                .and_then(|name| self.state.world.find_user(name))
                .and_then(|user| user.avatar.as_deref());
            let avatar = match shown {
                Some(_) => own.unwrap_or(AVATAR),
                None => "/static/dist/assets/images/user_default.png",
            };
            fields.insert("pending_user_avatar".to_owned(), json!(avatar));
            fields.insert("pending_user".to_owned(), json!(shown.unwrap_or_default()));
        }
        fields.extend(challenge.fields.clone());
        self.shape(Value::Object(fields))
    }
}

/// A picture of initials, as the server draws it.
pub(crate) const AVATAR: &str = "data:image/svg+xml;base64,\
    PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSI2NCIgaGVpZ2h0PSI2NCIvPg==";
