//! Texts that go into the head of a request.

use ureq::http::HeaderValue;

/// `text` as one word of a header.
pub(super) fn header_word(text: &str) -> String {
    let word = |c: &char| c.is_ascii_alphanumeric() || "-._@".contains(*c);
    text.chars().filter(word).take(64).collect()
}

/// `text` as a header's value; what a header cannot hold is left out.
pub(super) fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
