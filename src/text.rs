//! Makes text from outside safe for a terminal and for a log line.
//!
//! The server's titles, errors and denials, and the application's items (tty,
//! rhost), come from others. A terminal obeys what it is sent: escape sequences
//! can rewrite the screen, bidirectional overrides can turn a sentence round,
//! and a newline can forge a log line.

pub mod ascii;

use crate::html;

/// The longest message that a PAM conversation takes, its NUL included
/// (`PAM_MAX_MSG_SIZE` of Linux-PAM).
pub const MAX_MESSAGE_BYTES: usize = 512;

/// Makes `text` safe to show to a person: control characters but for the
/// newline, escape characters, and invisible or direction-changing characters
/// are removed; blanks at the ends too; at most `max_bytes` bytes are kept, cut
/// at a character, with an ellipsis.
#[must_use]
pub fn for_person(text: &str, max_bytes: usize) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|&c| c == '\n' || !is_unprintable(c))
        .collect();
    shorten(clean.trim(), max_bytes)
}

/// Splits `text` into messages that a PAM conversation takes, at the ends of
/// lines where it can be, cleaned as by [`for_person`] but for blanks at the
/// ends: they are a part of a drawing.
#[must_use]
pub fn messages(text: &str) -> Vec<String> {
    // One for the NUL.
    let room = MAX_MESSAGE_BYTES.saturating_sub(1);
    let mut messages: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let line: String = line.chars().filter(|&c| !is_unprintable(c)).collect();
        for part in pieces(&line, room) {
            let fits = |message: &&mut String| message.len().saturating_add(part.len()) < room;
            match messages.last_mut().filter(fits) {
                Some(message) => {
                    message.push('\n');
                    message.push_str(part);
                }
                None => messages.push(part.to_owned()),
            }
        }
    }
    messages
}

/// `line` in pieces of at most `room` bytes each.
fn pieces(line: &str, room: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while rest.len() > room {
        let mut cut = room;
        while !rest.is_char_boundary(cut) {
            cut = cut.saturating_sub(1);
        }
        let (piece, more) = rest.split_at(cut);
        pieces.push(piece);
        rest = more;
    }
    pieces.push(rest);
    pieces
}

/// Turns the HTML that authentik allows in labels and small print into text, as
/// [`html::to_text`] does, and cleans it: several lines, none of them empty.
#[must_use]
pub fn from_html(html: &str, max_bytes: usize) -> String {
    let text = html::to_text(html);
    let lines: Vec<String> = text
        .lines()
        .map(|line| one_line(line, max_bytes))
        .filter(|line| !line.is_empty())
        .collect();
    shorten(&lines.join("\n"), max_bytes)
}

/// Makes `text` safe as a part of one line: as [`for_person`], with every run
/// of white space turned into one blank.
#[must_use]
pub fn one_line(text: &str, max_bytes: usize) -> String {
    // Most texts are one plain word: a component, an id, a name.
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return shorten(text, max_bytes);
    }
    let mut line = String::with_capacity(text.len().min(max_bytes));
    for word in text.split_whitespace() {
        let word: String = word.chars().filter(|&c| !is_unprintable(c)).collect();
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
        if line.len() > max_bytes {
            break;
        }
    }
    shorten(&line, max_bytes)
}

/// Control characters, and those that change what the characters around them
/// look like: bidirectional marks, embeddings, overrides and isolates, zero
/// width characters, line and paragraph separators, byte order marks, tags,
/// variation selectors' relatives, and interlinear annotations.
fn is_unprintable(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c,
            '\u{00ad}'
            | '\u{034f}'
            | '\u{061c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{2800}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

fn shorten(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    const ELLIPSIS: &str = "…";
    let room = max_bytes.saturating_sub(ELLIPSIS.len());
    let mut short = String::with_capacity(max_bytes);
    for c in text.chars() {
        if short.len().saturating_add(c.len_utf8()) > room {
            break;
        }
        short.push(c);
    }
    short.push_str(ELLIPSIS);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_overrides_are_removed() {
        assert_eq!(for_person("\u{1b}[2Jgone\u{7}", 100), "[2Jgone");
        assert_eq!(for_person("abc\u{202e}fed\u{2066}x", 100), "abcfedx");
        assert_eq!(for_person("a\rb\u{9b}31mc", 100), "ab31mc");
        assert_eq!(for_person("two\nlines ", 100), "two\nlines");
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(
            one_line("First.\nNov 1 sshd: forged\r\n x", 100),
            "First. Nov 1 sshd: forged x"
        );
        assert_eq!(one_line("\u{2028}a\u{85}b", 100), "a b");
    }

    #[test]
    fn length_is_bounded_at_a_character() {
        assert_eq!(for_person("äöü", 6), "äöü");
        assert_eq!(for_person("äöüß", 7), "äö…");
        assert!(one_line(&"x ".repeat(10_000), 50).len() <= 50);
        assert!(for_person(&"ä".repeat(10_000), 50).len() <= 50);
    }

    #[test]
    fn messages_are_split_at_lines_and_lose_nothing() {
        let line = "\u{2588}".repeat(57);
        let drawing = vec![line.as_str(); 29].join("\n");
        let parts = messages(&drawing);
        assert!(parts.iter().all(|part| part.len() < MAX_MESSAGE_BYTES));
        assert_eq!(parts.join("\n"), drawing);
        // Blanks at the ends are a part of a drawing; control characters never are.
        assert_eq!(messages("  x  \n \u{1b}[2J"), ["  x  \n [2J"]);
        let long = "\u{e4}".repeat(1000);
        let parts = messages(&long);
        assert!(parts.iter().all(|part| part.len() < MAX_MESSAGE_BYTES));
        assert_eq!(parts.concat(), long);
        assert_eq!(messages(""), [""]);
    }

    #[test]
    fn html_becomes_text() {
        assert_eq!(
            from_html("Static <b>bold</b> &amp; plain", 100),
            "Static bold & plain"
        );
        assert_eq!(
            from_html("1 < 2, R&D", 100),
            from_html("1 &lt; 2, R&amp;D", 100)
        );
        assert_eq!(
            from_html("One.<br>Two.<p>Three.</p>", 100),
            "One.\nTwo.\nThree."
        );
        assert_eq!(
            from_html("<script>alert(1)</script>x\u{1b}[1m", 100),
            "x[1m"
        );
        // Entities cannot bring back what the cleaner removes.
        let smuggled = from_html("a&#27;[2J&#x202e;b&#8238;&#155;&#x9b;&#10;", 100);
        assert!(!smuggled.chars().any(is_unprintable), "{smuggled:?}");
        for broken in [
            "<",
            "&",
            "&#;",
            "&#xffffffff;",
            "<a href=",
            "</",
            "<!--",
            "&#0;",
            "<b",
        ] {
            assert!(from_html(broken, 100).len() <= 100, "{broken}");
        }
        assert!(from_html(&"<p>\u{e4}".repeat(5000), 50).len() <= 50);
    }
}
