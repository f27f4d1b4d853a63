//! Cleaning of text that goes into a request's headers.

use ureq::http::HeaderValue;

/// `text` as one token of a header.
pub(super) fn header_word(text: &str) -> String {
    let word = |c: &char| c.is_ascii_alphanumeric() || "-._@".contains(*c);
    text.chars().filter(word).take(64).collect()
}

/// `text` as a header's value, without the characters that a header cannot hold.
pub(super) fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
