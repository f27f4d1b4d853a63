//! The few expressions that the double understands, line by line: it has no Python.

use std::net::IpAddr;

use crate::flow::{Policy, PolicyRequest, Verdict};

/// What one line of an expression does.
#[derive(Debug, Clone, PartialEq)]
enum Line {
    Return(bool),
    Message(String),
    Raise(String),
    /// Whether the client's address is in this /24 network.
    InNetwork([u8; 3]),
    /// Whether `query` has this value.
    Query(String, String),
    /// Whether the `User-Agent` contains this text.
    UserAgent(String),
    /// From here on another user is logged in.
    Swap(String),
}

/// The text between two parts of a line.
fn between<'a>(line: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    line.strip_prefix(before)?.strip_suffix(behind)
}

fn line(line: &str) -> Option<Line> {
    let quoted = |before, behind| between(line, before, behind).map(str::to_owned);
    if line == "return True" || line == "return False" {
        return Some(Line::Return(line == "return True"));
    }
    if let Some(text) = quoted("ak_message(\"", "\")") {
        return Some(Line::Message(text));
    }
    if let Some(text) = quoted("raise ValueError(\"", "\")") {
        return Some(Line::Raise(text));
    }
    if let Some(net) = between(line, "return ak_client_ip in ip_network(\"", ".0/24\")") {
        let parts: Option<Vec<u8>> = net.split('.').map(|part| part.parse().ok()).collect();
        return Some(Line::InNetwork(parts?.try_into().ok()?));
    }
    let query = "return request.http_request.session.get(\"authentik/flows/get\", {}).get(\"";
    if let Some(pair) = between(line, query, "\"") {
        let (name, value) = pair.split_once("\") == \"")?;
        return Some(Line::Query(name.to_owned(), value.to_owned()));
    }
    let agent = "\" in request.http_request.META.get(\"HTTP_USER_AGENT\", \"\")";
    if let Some(text) = quoted("return \"", agent) {
        return Some(Line::UserAgent(text));
    }
    let swap = "request.context[\"flow_plan\"].context[\"pending_user\"] = ak_user_by(username=\"";
    quoted(swap, "\")").map(Line::Swap)
}

fn lines(expression: &str) -> Option<Vec<Line>> {
    expression.lines().map(line).collect()
}

/// Whether the double understands it.
pub(super) fn is_known(expression: &str) -> bool {
    lines(expression).is_some()
}

/// The user who is logged in instead, if the expression says so.
pub(super) fn swap(expression: &str) -> Option<String> {
    let lines = lines(expression).unwrap_or_default();
    lines.into_iter().find_map(|line| match line {
        Line::Swap(name) => Some(name),
        _ => None,
    })
}

/// The policy of an expression.
pub(super) fn policy(expression: &str) -> Policy {
    let lines = lines(expression).unwrap_or_default();
    Policy::check(move |request| evaluate(&lines, request))
}

fn evaluate(lines: &[Line], request: &PolicyRequest<'_>) -> Verdict {
    let mut verdict = Verdict::from(false);
    for line in lines {
        verdict.passing = match line {
            Line::Message(text) => {
                verdict.messages.push(text.clone());
                continue;
            }
            Line::Swap(_) => continue,
            Line::Raise(text) => {
                verdict.messages = vec![text.clone()];
                false
            }
            Line::Return(passing) => *passing,
            Line::InNetwork(net) => match request.client_ip.parse() {
                Ok(IpAddr::V4(address)) => address.octets()[..3] == net[..],
                _ => false,
            },
            Line::Query(name, value) => request.query(name) == Some(value.as_str()),
            Line::UserAgent(part) => request.user_agent.contains(part.as_str()),
        };
        break;
    }
    if verdict.passing {
        verdict.messages.clear();
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_known_makes_the_expression_unknown() {
        assert!(is_known("ak_message(\"no\")\nreturn False"));
        assert!(is_known(
            "return ak_client_ip in ip_network(\"198.51.100.0/24\")"
        ));
        assert!(!is_known(
            "return ak_client_ip in ip_network(\"198.51.0.0/16\")"
        ));
        assert!(!is_known("import os\nreturn True"));
        assert_eq!(lines("return True"), Some(vec![Line::Return(true)]));
    }
}
