//! Whether a login may succeed, judged from what went over the wire alone.
//!
//! It knows nothing of the module: its reader of JSON is another one, and each
//! question is asked of the whole exchange afterwards instead of on the way. It
//! asks for what is *necessary*; the module may well refuse more.

use crate::json::{Member, Object};
use crate::log::{Event, Place, Reply};
use crate::rules::{APPLICATION, ByKey, FLOW, GROUP, GROUP_PK, Rules};

const USERS_ME: &str = "/api/v3/core/users/me/";

/// A challenge of the flow, and what the module sent upon it.
struct Turn {
    challenge: Object,
    /// By how many redirects the server came to it.
    redirects: usize,
    /// What was sent upon it: JSON, or nothing for a link.
    sent: Option<Object>,
}

/// Says why this login must not succeed.
///
/// # Errors
/// The reason.
pub fn may_succeed(rules: &Rules, log: &[Event]) -> Result<(), &'static str> {
    if log.iter().any(|event| matches!(event, Event::Aborted)) {
        return Err("somebody broke off");
    }
    let requests: Vec<_> = log
        .iter()
        .filter_map(|event| match event {
            Event::Request { path, body, answer } => Some((path.as_str(), body, answer)),
            _ => None,
        })
        .collect();
    if requests.iter().any(|(.., answer)| answer.is_none()) {
        return Err("a request was not answered");
    }
    let executor = format!("/api/v3/flows/executor/{FLOW}/?query=");
    let of_flow = requests
        .iter()
        .take_while(|(path, ..)| path.starts_with(&executor))
        .count();
    let (flow, behind) = requests.split_at(of_flow);
    let turns = turns(flow.iter().map(|(_, body, answer)| (*body, *answer)))?;
    ends_well(&turns)?;
    secret_was_accepted(&turns)?;
    let mut behind = behind.iter();
    let groups = match behind.next() {
        Some((USERS_ME, None, Some(answer))) => owner(rules, answer)?,
        _ => return Err("nobody asked whose session it is, after the flow's end"),
    };
    if let Some(by_key) = rules.group {
        in_group(&groups, by_key)?;
    }
    if rules.application {
        let path = format!("/api/v3/core/applications/{APPLICATION}/check_access/");
        match behind.next() {
            Some((asked, None, Some(answer))) if *asked == path => open(answer)?,
            _ => return Err("nobody asked whether the application is open"),
        }
    }
    match behind.next() {
        None => Ok(()),
        Some(_) => Err("something else was asked for"),
    }
}

/// The challenges, each with what was sent upon it.
fn turns<'a>(
    requests: impl Iterator<Item = (&'a Option<Vec<u8>>, &'a Option<Reply>)>,
) -> Result<Vec<Turn>, &'static str> {
    let mut turns: Vec<Turn> = Vec::new();
    let mut redirects = 0;
    for (body, answer) in requests {
        let Some(answer) = answer else {
            return Err("a request was not answered");
        };
        if let (Some(turn), 0) = (turns.last_mut(), redirects) {
            turn.sent = body.as_ref().and_then(|body| Object::read(body));
        }
        match (answer.status, answer.place) {
            (200, _) if answer.is_json => turns.push(Turn {
                challenge: Object::read(&answer.body).ok_or("a challenge is no object")?,
                redirects: std::mem::take(&mut redirects),
                sent: None,
            }),
            (301..=308, Place::Same) => redirects += 1,
            _ => return Err("the executor answered with something else than a challenge"),
        }
    }
    Ok(turns)
}

fn component(challenge: &Object) -> Option<String> {
    challenge.text("component")
}

/// The last challenge is the end, and none before it was a denial or an error.
fn ends_well(turns: &[Turn]) -> Result<(), &'static str> {
    for turn in turns {
        match component(&turn.challenge).as_deref() {
            None => return Err("a challenge has no component, or two"),
            Some("ak-stage-access-denied") => return Err("the flow was denied"),
            Some("ak-stage-flow-error") => return Err("the flow broke"),
            Some(_) => {}
        }
    }
    let Some(Turn { challenge, .. }) = turns.last() else {
        return Err("there was no flow");
    };
    if component(challenge).as_deref() != Some("xak-flow-redirect") {
        return Err("the flow has not ended in a redirect");
    }
    let is_final = match challenge.member("final_redirect") {
        Member::Missing => challenge.member("flow_info") == Member::Missing,
        said => said.is("true"),
    };
    is_final.then_some(()).ok_or("the redirect is not final")
}

/// What tells one stage from another, as far as a client can see.
fn stage(challenge: &Object) -> Vec<String> {
    let mut parts = vec![component(challenge).unwrap_or_default()];
    if parts == ["xak-flow-redirect"] {
        let is_end = challenge.member("final_redirect").is("true")
            || (challenge.member("final_redirect") == Member::Missing
                && challenge.member("flow_info") == Member::Missing);
        parts.push(if is_end { "end" } else { "stage" }.into());
    }
    parts.extend(challenge.text("name"));
    for field in challenge.member("fields").elements().unwrap_or_default() {
        let field: Option<Object> = serde_json::from_str(field.get()).ok();
        parts.push(field.and_then(|f| f.text("field_key")).unwrap_or_default());
    }
    let texts = |list: &str, key: &str| -> Vec<String> {
        let entries = challenge.member(list).elements().unwrap_or_default();
        let entries = entries.iter().map(|entry| {
            let entry: Option<Object> = serde_json::from_str(entry.get()).ok();
            entry.and_then(|e| e.text(key)).unwrap_or_default()
        });
        entries.collect()
    };
    let mut classes = texts("device_challenges", "device_class");
    classes.sort();
    parts.extend(classes);
    parts.extend(challenge.text("header_text"));
    parts.extend(texts("permissions", "id"));
    parts
}

fn has_errors(challenge: &Object) -> bool {
    let Some(errors) = challenge.member("response_errors").object() else {
        return false;
    };
    let mut names = errors.names();
    names.any(|name| {
        let of_field = errors.member(name).elements();
        // One that is there twice is a doubt.
        of_field.is_none_or(|errors| !errors.is_empty())
    })
}

/// The kinds of secret that prove something.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Secret {
    Password,
    Code,
}

/// What of a person's was sent upon this challenge and proves something.
fn secret(turn: &Turn) -> Option<Secret> {
    let sent = turn.sent.as_ref()?;
    let given = |name: &str| sent.text(name).is_some_and(|text| !text.is_empty());
    match component(&turn.challenge)?.as_str() {
        "ak-stage-identification" | "ak-stage-password" if given("password") => {
            Some(Secret::Password)
        }
        "ak-stage-authenticator-validate" if given("code") => Some(Secret::Code),
        "ak-stage-authenticator-validate" if matches!(sent.member("duo"), Member::Once(_)) => {
            Some(Secret::Code)
        }
        _ => None,
    }
}

/// A password or a code was followed by a stage that is new, without complaint,
/// and the flow has not started again since.
fn secret_was_accepted(turns: &[Turn]) -> Result<(), &'static str> {
    let mut accepted = false;
    // Whether the stage of a password came a second time, and said nothing of it.
    let mut twice = false;
    // The stages since the flow has started, or started again.
    let mut seen: Vec<Vec<String>> = Vec::new();
    for pair in turns.windows(2) {
        let [turn, next] = pair else { continue };
        let (here, there) = (stage(&turn.challenge), stage(&next.challenge));
        let complains = has_errors(&next.challenge);
        if here == there && complains {
            continue;
        }
        let secret = secret(turn);
        let known = here == there || seen.contains(&there);
        let began_anew = there[0] == "ak-stage-identification" && seen.contains(&there);
        // A flow that starts again after a wrong answer shows its first stage on the way.
        let at_once = here == there && next.redirects == 1 && !seen.is_empty();
        let was_twice = std::mem::take(&mut twice);
        match secret {
            Some(Secret::Password) if at_once && !was_twice => twice = true,
            Some(Secret::Password) if known => return Err("the password was sent back"),
            Some(_) if complains && !known => return Err("the secret was complained of"),
            Some(Secret::Code) if known => {
                accepted = false;
                // What is in front of the stage that it went back to still is.
                let back = seen.iter().position(|stage| *stage == there);
                seen.truncate(back.unwrap_or(seen.len()));
            }
            None if began_anew => (accepted, seen) = (false, Vec::new()),
            _ => {
                accepted |= secret.is_some();
                seen.push(here);
            }
        }
    }
    accepted.then_some(()).ok_or("no secret was accepted")
}

/// Whose session it is, and their groups, by name and key.
fn owner(rules: &Rules, answer: &Reply) -> Result<Vec<(String, String)>, &'static str> {
    if answer.status != 200 || !answer.is_json {
        return Err("nobody is logged in");
    }
    let me = Object::read(&answer.body).ok_or("users/me is no object")?;
    let user = me.member("user").object().ok_or("users/me has no user")?;
    if !matches!(me.member("original"), Member::Missing) && !me.member("original").is("null") {
        return Err("somebody is impersonated");
    }
    if user.text("username").as_deref() != Some(rules.name.as_str()) {
        return Err("somebody else is logged in");
    }
    if !user.member("is_active").is("true") {
        return Err("the account is not active");
    }
    let kind = user.text("type");
    if !rules
        .types
        .iter()
        .any(|kind_allowed| kind.as_deref() == Some(kind_allowed))
    {
        return Err("the account is of another type");
    }
    let groups = user.member("groups").elements().ok_or("no groups")?;
    groups
        .iter()
        .map(|group| {
            let group: Object = serde_json::from_str(group.get()).ok()?;
            Some((group.text("name")?, group.text("pk")?))
        })
        .collect::<Option<_>>()
        .ok_or("a group is none")
}

fn in_group(groups: &[(String, String)], by_key: ByKey) -> Result<(), &'static str> {
    let same = |pk: &str, other: &str| pk.eq_ignore_ascii_case(other);
    if by_key == ByKey::Yes {
        let is_in = groups.iter().any(|(_, pk)| same(pk, GROUP_PK));
        return is_in.then_some(()).ok_or("not in the group");
    }
    let keys: Vec<&String> = groups
        .iter()
        .filter(|(name, _)| name == GROUP)
        .map(|(_, pk)| pk)
        .collect();
    match keys.split_first() {
        None => Err("not in the group"),
        Some((first, rest)) if rest.iter().all(|pk| same(pk, first)) => Ok(()),
        Some(_) => Err("two groups have this name"),
    }
}

fn open(answer: &Reply) -> Result<(), &'static str> {
    if answer.status != 200 || !answer.is_json {
        return Err("the application is not known");
    }
    let says = Object::read(&answer.body).ok_or("check_access is no object")?;
    if !says.member("passing").is("true") {
        return Err("the application is not open");
    }
    let messages = says.member("messages").elements().ok_or("no messages")?;
    let mut texts = messages
        .iter()
        .map(|m| serde_json::from_str::<String>(m.get()));
    texts
        .all(|text| text.is_ok())
        .then_some(())
        .ok_or("a message is no text")
}
