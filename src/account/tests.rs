use std::time::Duration;

use super::*;
use crate::http::RequestError;

/// What a server has at each path.
struct Server(Vec<(String, String)>);

impl Server {
    fn of(pages: &[(&str, &str)]) -> Self {
        let owned = |(path, body): &(&str, &str)| ((*path).into(), (*body).into());
        Server(pages.iter().map(owned).collect())
    }
}

impl Transport for Server {
    fn get(&mut self, path: &str) -> Result<Answer, RequestError> {
        let page = self.0.iter().find(|(known, _)| known == path);
        Ok(page.map_or_else(|| json(404, "{}"), |(_, body)| json(200, body)))
    }

    fn post(&mut self, _: &str, _: &[u8], _: Option<Duration>) -> Result<Answer, RequestError> {
        Err(ServerFault::UnexpectedAnswer("nothing is sent".into()).into())
    }
}

fn json(status: u16, body: &str) -> Answer {
    Answer {
        status,
        is_json: true,
        body: body.as_bytes().to_vec().into(),
        ..Answer::default()
    }
}

const ALICE: &str = "/api/v3/core/users/?username=alice";
const ANYBODY: &str = "/api/v3/core/users/?page_size=1";
const NOBODY: &str = r#"{"pagination":{"count":0},"results":[]}"#;

fn person(name: &str, more: &str) -> String {
    format!(r#"{{"username":"{name}","is_active":true,"type":"internal","groups_obj":[]{more}}}"#)
}

fn people(count: u64, people: &[String]) -> String {
    let people = people.join(",");
    format!(r#"{{"pagination":{{"count":{count}}},"results":[{people}]}}"#)
}

#[test]
fn a_uid_is_that_of_the_one_person_of_this_name() {
    let uid_in = |page: &str| uid_of(&mut Server::of(&[(ALICE, page)]), "alice");
    let alice = person("alice", r#","uid":"5f1e""#);
    let alices = people(1, std::slice::from_ref(&alice));
    assert_eq!(uid_in(&alices).unwrap(), Some("5f1e".into()));
    let without = people(1, &[person("alice", "")]);
    assert_eq!(uid_in(&without).unwrap(), None);
    // Others in the list are nobody's namesakes.
    let both = people(2, &[person("alice2", ""), alice.clone()]);
    assert_eq!(uid_in(&both).unwrap(), Some("5f1e".into()));
    for page in [
        people(1, &[person("Alice", r#","uid":"5f1e""#)]),
        people(2, &[alice.clone(), alice.clone()]),
        people(0, &[person("bob", "")]),
        // More are counted than are shown.
        people(1, &[]),
    ] {
        let refused = uid_in(&page).unwrap_err().to_string();
        assert!(refused.contains("another user"), "{page}: {refused}");
    }
}

#[test]
fn an_empty_list_is_nobody_if_the_token_sees_anybody() {
    let ended = |everybody: &str| {
        let mut server = Server::of(&[(ALICE, NOBODY), (ANYBODY, everybody)]);
        uid_of(&mut server, "alice").unwrap_err()
    };
    let known = people(7, &[person("bob", "")]);
    assert_eq!(ended(&known), LoginError::NotInAuthentik);
    assert_eq!(ended(NOBODY), LoginError::LookupSeesNobody);
}

#[test]
fn only_an_account_that_is_bound_to_nobody_is_left_to_others() {
    let bound = || Uid::parse("5f1e");
    let gone = LoginError::AnotherPerson {
        bound: "5f1e".into(),
        actual: None,
    };
    for unknown in [Fallback::Ignore, Fallback::Deny] {
        assert_eq!(nobody_with_the_name(unknown, bound()), gone);
    }
    let denied = nobody_with_the_name(Fallback::Deny, None);
    assert_eq!(denied, LoginError::NotInAuthentik);
    let ignored = nobody_with_the_name(Fallback::Ignore, None);
    assert!(matches!(ignored, LoginError::Skipped(_)), "{ignored}");
}

fn uuid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn path(group: &str) -> String {
    format!("/api/v3/core/groups/{group}/?include_users=false")
}

/// A group of this number whose other fields are `more`.
fn group(number: usize, more: &str) -> String {
    let pk = uuid(number);
    format!(r#"{{"name":"group {number}","pk":"{pk}"{more}}}"#)
}

/// Whether somebody in this group is in the group of the number `wanted`.
fn is_member(server: &mut Server, listed: &str, wanted: usize) -> Result<bool, LoginError> {
    let direct = vec![serde_json::from_str(listed).unwrap()];
    let wanted = [format!("group {wanted}")];
    membership(server, direct, &wanted).map(|found| found == Membership::Member)
}

/// 2025.10 names the parent in the list; a later version in the group alone.
#[test]
fn a_group_is_asked_for_if_the_list_does_not_name_its_parents() {
    let mut nothing = Server::of(&[]);
    let parent = format!(r#","parent":"{}","parent_name":"group 2""#, uuid(2));
    assert!(is_member(&mut nothing, &group(1, &parent), 2).unwrap());
    assert!(is_member(&mut nothing, &group(1, ""), 1).unwrap());
    for alone in [r#","parent":null,"parent_name":null"#, r#","parents":[]"#] {
        let listed = group(1, alone);
        assert!(!is_member(&mut nothing, &listed, 2).unwrap(), "{alone}");
    }
    let parents = format!(r#","parents":["{}"]"#, uuid(2));
    let mut server = Server(vec![
        (path(&uuid(1)), group(1, &parents)),
        (path(&uuid(2)), group(2, r#","parents":[]"#)),
    ]);
    assert!(is_member(&mut server, &group(1, ""), 2).unwrap());
    assert!(!is_member(&mut server, &group(1, ""), 3).unwrap());
    // The parent's name is not in this list, so the group itself has it.
    let unnamed = format!(r#","parent":"{}""#, uuid(2));
    assert!(is_member(&mut server, &group(1, &unnamed), 2).unwrap());
}

#[test]
fn a_group_that_was_not_asked_for_says_nothing() {
    let mut server = Server(vec![(path(&uuid(1)), group(2, r#","parents":[]"#))]);
    let refused = is_member(&mut server, &group(1, ""), 2).unwrap_err();
    assert!(refused.to_string().contains("another group"), "{refused}");
    let capital = uuid(1).replace("4000", "400A").replace("8000", "800A");
    let lower = format!(
        r#"{{"name":"group 1","pk":"{}","parents":[]}}"#,
        capital.to_lowercase()
    );
    let mut server = Server(vec![(path(&capital), lower)]);
    let listed = format!(r#"{{"name":"group 1","pk":"{capital}"}}"#);
    assert!(!is_member(&mut server, &listed, 2).unwrap());
}

#[test]
fn as_many_groups_are_asked_for_as_the_limit_says() {
    let chain = |length: usize| {
        let pages = (1..=length).map(|number| {
            let above = uuid(number + 1);
            let parents = match number == length {
                true => r#","parents":[]"#.to_owned(),
                false => format!(r#","parents":["{above}"]"#),
            };
            (path(&uuid(number)), group(number, &parents))
        });
        is_member(&mut Server(pages.collect()), &group(1, ""), 0)
    };
    // The first one is the person's own.
    assert!(!chain(MAX_ANCESTORS + 1).unwrap());
    let refused = chain(MAX_ANCESTORS + 2).unwrap_err().to_string();
    assert!(refused.contains("too many groups"), "{refused}");
}

#[test]
fn only_a_200_in_json_says_who_is_known() {
    let read = |answer: &Answer| read::<serde_json::Value>(answer, VIEW_USER);
    let page = r#"{"results":[]}"#;
    assert!(read(&json(200, page)).is_ok());
    let refused = |answer: &Answer| read(answer).unwrap_err().to_string();
    let text = Answer {
        is_json: false,
        ..json(200, page)
    };
    assert!(
        refused(&text).contains("Content-Type"),
        "{}",
        refused(&text)
    );
    for status in [301, 302, 399] {
        let said = refused(&json(status, page));
        assert!(said.contains("it redirects"), "{said}");
    }
    let starting = Answer {
        is_starting: true,
        ..json(200, page)
    };
    assert_eq!(
        read(&starting).unwrap_err(),
        LoginError::from(ServerFault::NotReady)
    );
    for status in [401, 403] {
        let forbidden = LoginError::LookupForbidden {
            status,
            permission: VIEW_USER,
        };
        assert_eq!(read(&json(status, page)).unwrap_err(), forbidden);
    }
}
