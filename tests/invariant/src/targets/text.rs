use pam_authentik_flow::text::{MAX_MESSAGE_BYTES, for_person, from_html, messages, one_line};

use crate::unseen;

/// Text from a server. The first byte is the maximal length.
///
/// # Panics
/// If the result could control a terminal, or is longer than the maximum.
pub fn text(bytes: &[u8]) {
    let (room, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let room = usize::from(*room);
    let text = String::from_utf8_lossy(bytes);
    // An ellipsis has three bytes.
    let most = room.max(3);
    for clean in [for_person(&text, room), from_html(&text, room)] {
        assert!(clean.len() <= most, "{clean:?}");
        assert!(!clean.chars().any(|c| c != '\n' && unseen(c)), "{clean:?}");
    }
    let line = one_line(&text, room);
    assert!(line.len() <= most, "{line:?}");
    assert!(!line.chars().any(unseen), "{line:?}");
    assert_eq!(line, one_line(&line, room), "what is clean stays as it is");
    let parts = messages(&text);
    assert!(!parts.is_empty());
    for part in &parts {
        assert!(part.len() < MAX_MESSAGE_BYTES, "{part:?}");
        assert!(!part.chars().any(|c| c != '\n' && unseen(c)), "{part:?}");
    }
    // No readable text is lost, except where it is cut.
    let letters = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .filter(|c| c.is_ascii())
            .collect::<String>()
    };
    assert_eq!(letters(&parts.concat()), letters(&text));
}
