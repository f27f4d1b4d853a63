//! Faults in an answer's body, with the right head and status.

use authentik_double::Fault;

use super::{DOUBT, PROOF, Trouble};

/// One body with everything that a login needs at each moment: the end of the flow, the right
/// user, and access.
pub(super) const RIGHT: &str = r#"{"component":"xak-flow-redirect","to":"/","user":{"pk":1,"username":"alice","is_active":true,"type":"internal","groups":[]},"passing":true,"messages":[]}"#;

fn typed(kind: &'static str, name: &'static str, line: &'static str, body: Vec<u8>) -> Trouble {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend(body);
    Trouble {
        name,
        line,
        codes: DOUBT,
        in_body: false,
        strike: Box::new(move |fault: Fault| fault.raw(answer.clone())),
    }
}

fn body(name: &'static str, body: impl Into<Vec<u8>>) -> Trouble {
    typed("application/json", name, "", body.into())
}

/// The right body with one change. The original text must be in it.
fn changed(name: &'static str, changes: &[(&str, &str)]) -> Trouble {
    let mut text = RIGHT.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from} is not in the right body");
        text = text.replace(from, to);
    }
    body(name, text)
}

pub(super) fn rows() -> Vec<Trouble> {
    let deep = |open: &str, close: &str| {
        let value = format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
        format!(r#"{{"component":{value},"user":{value},"passing":{value},"messages":{value}}}"#)
    };
    let bytes = |from: &str, to: &[u8]| {
        let at = RIGHT.find(from).unwrap_or_default();
        let mut bytes = RIGHT.as_bytes().to_vec();
        bytes.splice(at..at + from.len(), to.iter().copied());
        bytes
    };
    vec![
        typed(
            "text/html",
            "a page",
            "Content-Type is not",
            b"<html>".to_vec(),
        ),
        typed(
            "text/html",
            "the right body as HTML",
            "Content-Type is not",
            RIGHT.into(),
        ),
        typed(
            "application/jsonp",
            "the right body as a script",
            "Content-Type is not",
            RIGHT.into(),
        ),
        body(
            "a page that says it is JSON",
            "<!DOCTYPE html><html></html>",
        ),
        body("nothing", ""),
        body("null", "null"),
        body("true", "true"),
        body("a number", "1e999999"),
        body("a string", "\"xak-flow-redirect\""),
        body("an object with nothing in it", "{}"),
        body("an array around it", format!("[{RIGHT}]")),
        body("a field that is cut short", &RIGHT[..RIGHT.len() / 3]),
        body("all but the last byte", &RIGHT[..RIGHT.len() - 1]),
        body("one byte too many", format!("{RIGHT}}}")),
        body("two answers", format!("{RIGHT}{RIGHT}")),
        body("a comment", format!("/**/{RIGHT}")),
        body("a mark of byte order", format!("\u{feff}{RIGHT}")),
        body(
            "UTF-16",
            RIGHT
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<_>>(),
        ),
        body("gzip, unasked", gzip(RIGHT.as_bytes())),
        body("arrays 50,000 deep", deep("[", "]")),
        body("objects 50,000 deep", deep("{\"a\":", "}")),
        body(
            "no UTF-8",
            b"{\"component\":\"\xff\xfe\",\"user\":\"\xff\",\"passing\":\"\xc3\x28\"}".to_vec(),
        ),
        body("a NUL byte in it", bytes("\"passing\"", b"\0\"passing\"")),
        body("a NUL byte before it", format!("\0{RIGHT}")),
        changed(
            "names with an escaped NUL behind",
            &[
                ("xak-flow-redirect", "xak-flow-redirect\\u0000"),
                ("\"alice\"", "\"alice\\u0000\""),
                ("true,\"messages", "\"true\\u0000\",\"messages"),
            ],
        ),
        changed(
            "half of a surrogate pair",
            &[
                ("\"to\":\"/\"", "\"component\":\"\\ud800\""),
                ("alice", "\\ud800"),
                ("[]}", "[\"\\ud800\"]}"),
            ],
        ),
        changed(
            "wrong types",
            &[
                ("\"xak-flow-redirect\"", "7"),
                ("\"is_active\":true", "\"is_active\":\"true\""),
                ("\"passing\":true", "\"passing\":\"true\""),
            ],
        ),
        changed(
            "numbers for yes",
            &[
                ("\"xak-flow-redirect\"", "true"),
                ("\"is_active\":true", "\"is_active\":1"),
                ("\"passing\":true", "\"passing\":1"),
            ],
        ),
        changed(
            "null for yes",
            &[
                ("\"xak-flow-redirect\"", "null"),
                ("\"is_active\":true", "\"is_active\":null"),
                ("\"passing\":true", "\"passing\":null"),
            ],
        ),
        changed(
            "a field missing",
            &[
                ("\"component\"", "\"Component\""),
                ("\"is_active\"", "\"Is_active\""),
                ("\"passing\"", "\"Passing\""),
            ],
        ),
        changed(
            "another field missing",
            &[
                ("\"component\"", "\"comp\\u006fnents\""),
                ("\"groups\"", "\"group\""),
                ("\"messages\"", "\"message\""),
            ],
        ),
        changed(
            "keys given twice",
            &[
                (
                    "{\"component\"",
                    "{\"component\":\"ak-stage-dummy\",\"component\"",
                ),
                ("\"username\"", "\"username\":\"bob\",\"username\""),
                ("\"passing\"", "\"passing\":false,\"passing\""),
            ],
        ),
        changed(
            "a yes in an array",
            &[
                ("\"xak-flow-redirect\"", "[\"xak-flow-redirect\"]"),
                (
                    "{\"pk\":1,\"username\":\"alice\",\"is_active\":true,\"type\":\"internal\",\"groups\":[]}",
                    "[\"alice\",true,\"internal\",[]]",
                ),
                ("\"passing\":true", "\"passing\":[true]"),
            ],
        ),
        Trouble {
            codes: PROOF,
            ..body(
                "a server that is starting",
                r#"{"error":"authentik starting"}"#,
            )
        },
        body(
            "a million of one key",
            format!("{{{}\"x\":1}}", "\"component\":1,".repeat(60_000)),
        ),
    ]
}

/// `text` as gzip, stored without compression.
fn gzip(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let mut crc = u32::MAX;
    for byte in text {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let mut packed = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01".to_vec();
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(text);
    packed.extend((!crc).to_le_bytes());
    packed.extend(u32::from(length).to_le_bytes());
    packed
}
