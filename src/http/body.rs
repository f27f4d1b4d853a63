//! The body of an answer, without the pictures in it.
//!
//! authentik puts a user's avatar into each challenge and into `users/me`, as text, and
//! somebody's avatar may have more than a megabyte. Nobody sees it here, so its content is
//! dropped while the body is read, and the rest keeps to its limit.

use std::io::Read;

use zeroize::Zeroizing;

use super::transport::Answer;

/// More than this is not read, pictures included.
const MAX_READ_BYTES: u64 = 8 * 1024 * 1024;
/// How much is read at once. A challenge has less than 2 KiB, and each buffer is filled with
/// zeros and wiped byte by byte: 8 KiB cost 0.6 million instructions a login.
const PART_BYTES: usize = 1024;
/// The names of the fields that hold a picture.
const PICTURES: [&[u8]; 2] = [b"pending_user_avatar", b"avatar"];
/// Longer than these names.
const MAX_NAME_BYTES: usize = 32;

/// Reads a body of at most [`Answer::MAX_BODY_BYTES`]. The pictures of JSON do not count:
/// they are dropped from a body that is longer, and stay in any other.
pub(super) fn read(body: impl Read, is_json: bool) -> Result<Zeroizing<Vec<u8>>, ureq::Error> {
    let mut body = body.take(MAX_READ_BYTES.saturating_add(1));
    // On the heap, so the allocator wipes it once it is freed.
    let mut part = vec![0_u8; PART_BYTES];
    let mut kept = Zeroizing::new(Vec::with_capacity(2 * PART_BYTES));
    // Looking at each byte costs as much as the rest of HTTP, so it begins only here.
    let mut pictures: Option<Pictures> = None;
    let mut length = 0_u64;
    loop {
        let count = match body.read(&mut part) {
            Ok(0) => return Ok(kept),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        length = length.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        let new = part.get(..count).unwrap_or_default();
        match &mut pictures {
            Some(pictures) => kept.extend(new.iter().filter(|byte| pictures.keeps(**byte))),
            None => kept.extend_from_slice(new),
        }
        if pictures.is_none() && is_json && is_too_long(&kept) {
            let mut found = Pictures::default();
            kept.retain(|byte| found.keeps(*byte));
            pictures = Some(found);
        }
        if length > MAX_READ_BYTES || is_too_long(&kept) {
            return Err(ureq::Error::BodyExceedsLimit(Answer::MAX_BODY_BYTES));
        }
    }
}

fn is_too_long(body: &[u8]) -> bool {
    u64::try_from(body.len()).unwrap_or(u64::MAX) > Answer::MAX_BODY_BYTES
}

/// Finds the content of the strings that are pictures, byte by byte. What is no JSON is
/// none afterwards, either: only the content of such a string is left out.
#[derive(Default)]
struct Pictures {
    place: Place,
    /// The content of the last string, as far as it may be a name of [`PICTURES`].
    last: Vec<u8>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between values.
    #[default]
    Outside,
    /// Within a string.
    Inside,
    /// Behind a backslash within a string.
    Escape,
    /// Behind the end of a string.
    Behind,
    /// Behind the colon after the name of a picture.
    Picture,
    /// Within a picture.
    Dropping,
    /// Behind a backslash within a picture.
    DroppingEscape,
}

impl Pictures {
    /// Whether the next byte stays.
    fn keeps(&mut self, byte: u8) -> bool {
        let is_blank = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let before = self.place;
        self.place = match (before, byte) {
            (Place::Dropping, b'"') => Place::Outside,
            (Place::Dropping, b'\\') => Place::DroppingEscape,
            (Place::Dropping | Place::DroppingEscape, _) => Place::Dropping,
            (Place::Inside, b'"') => Place::Behind,
            (Place::Inside, b'\\') => {
                self.note(byte);
                Place::Escape
            }
            (Place::Inside | Place::Escape, _) => {
                self.note(byte);
                Place::Inside
            }
            (place @ (Place::Behind | Place::Picture), _) if is_blank => place,
            (Place::Picture, b'"') => Place::Dropping,
            (_, b'"') => {
                self.last.clear();
                Place::Inside
            }
            (Place::Behind, b':') if PICTURES.contains(&self.last.as_slice()) => Place::Picture,
            _ => Place::Outside,
        };
        match before {
            // The quote at its end stays.
            Place::Dropping => self.place == Place::Outside,
            Place::DroppingEscape => false,
            _ => true,
        }
    }

    fn note(&mut self, byte: u8) {
        if self.last.len() < MAX_NAME_BYTES {
            self.last.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str, is_json: bool) -> Option<String> {
        let whole = read(text.as_bytes(), is_json).ok()?;
        Some(String::from_utf8_lossy(&whole).into_owned())
    }

    /// The text as it is in a body that is too long without its pictures.
    fn without_pictures(text: &str) -> String {
        let mut pictures = Pictures::default();
        let left: Vec<u8> = text.bytes().filter(|b| pictures.keeps(*b)).collect();
        String::from_utf8_lossy(&left).into_owned()
    }

    #[test]
    fn the_content_of_a_picture_is_left_out_and_nothing_else() {
        for (text, expected) in [
            (r#"{"avatar":"x","a":"b"}"#, r#"{"avatar":"","a":"b"}"#),
            (
                r#"{"pending_user_avatar" : "d\"x\\", "a" : "avatar"}"#,
                r#"{"pending_user_avatar" : "", "a" : "avatar"}"#,
            ),
            (
                r#"[{"avatar":"x"},{"avatar":"y"}]"#,
                r#"[{"avatar":""},{"avatar":""}]"#,
            ),
        ] {
            assert_eq!(without_pictures(text), expected);
            assert_eq!(kept(text, true).as_deref(), Some(text));
            assert_eq!(kept(text, false).as_deref(), Some(text));
        }
        for same in [
            r#"{"avatar":null,"a":"b"}"#,
            r#"{"avatar":{"a":"b"},"c":["avatar","x"]}"#,
            r#"{"a":"\"avatar\":\"x\"","avatars":"x","xavatar":"x","AVATAR":"x"}"#,
            r#"{"a":"avatar","b":"x"}"#,
            r#"{"a\\":"avatar","avatar\"":"x"}"#,
            r#"{"avatar""x"}"#,
            "",
        ] {
            assert_eq!(without_pictures(same), same);
        }
    }

    /// Wherever the limit falls, what is left is the same.
    #[test]
    fn the_pictures_of_a_long_body_are_left_out_from_its_beginning_on() {
        for before in [0, 7, 8_150, 400_000, 1_048_500] {
            let text = |first: &str, second: &str| {
                format!(
                    r#"{{"avatar":"{first}","a":"\"b","pending_user_avatar":"{second}","c":1}}"#
                )
            };
            let long = text(&"x".repeat(before), &"y".repeat(1_100_000));
            assert_eq!(kept(&long, true), Some(text("", "")), "{before}");
        }
    }

    #[test]
    fn a_picture_may_be_large_and_nothing_else() {
        let large = |name: &str, length: usize| format!(r#"{{"{name}":"{}"}}"#, "x".repeat(length));
        let picture = kept(&large("pending_user_avatar", 3_000_000), true);
        assert_eq!(picture.as_deref(), Some(r#"{"pending_user_avatar":""}"#));
        assert_eq!(kept(&large("pending_user_avatar", 3_000_000), false), None);
        assert_eq!(kept(&large("title", 1_100_000), true), None);
        assert!(kept(&large("title", 1_000_000), true).is_some());
        assert_eq!(kept(&large("avatar", 8_400_000), true), None);
    }
}
