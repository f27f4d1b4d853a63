//! Where a tag ends, and the attributes in it.

/// Splits at the first `>` that is not inside a quoted value. A quote begins a
/// value only after `=`.
pub(super) fn split_at_tag_end(tag: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut is_value = false;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) => {
                if byte == open {
                    quote = None;
                }
            }
            (None, b'>') => {
                let (inside, after) = tag.split_at_checked(at)?;
                return Some((inside, after.strip_prefix('>')?));
            }
            (None, b'"' | b'\'') if is_value => {
                quote = Some(byte);
                is_value = false;
            }
            (None, _) => is_value = byte == b'=' || is_value && byte.is_ascii_whitespace(),
        }
    }
    None
}

/// The input after the end of an element whose contents are not shown. Empty if the
/// element has no end.
pub(super) fn after_element<'a>(contents: &'a str, name: &str) -> &'a str {
    let mut rest = contents;
    while let Some((_, tag)) = rest.split_once("</") {
        rest = tag;
        let Some((found, after)) = tag.split_at_checked(name.len()) else {
            continue;
        };
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>');
        if found.eq_ignore_ascii_case(name) && after.starts_with(ends) {
            return after.split_once('>').map_or("", |(_, after)| after);
        }
    }
    ""
}

/// The value of an attribute, as it is written; empty if it has none.
pub(super) fn attribute<'a>(attributes: &'a str, wanted: &str) -> Option<&'a str> {
    let is_space = |c: char| c.is_ascii_whitespace();
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|c| is_space(c) || matches!(c, '/' | '='));
        if rest.is_empty() {
            return None;
        }
        let ends = |c| is_space(c) || matches!(c, '/' | '=');
        let (name, after) = rest.split_at_checked(rest.find(ends).unwrap_or(rest.len()))?;
        let value;
        (value, rest) = match after.trim_start_matches(is_space).strip_prefix('=') {
            None => ("", after),
            Some(after) => {
                let after = after.trim_start_matches(is_space);
                if let Some(quoted) = after.strip_prefix('"') {
                    quoted.split_once('"').unwrap_or((quoted, ""))
                } else if let Some(quoted) = after.strip_prefix('\'') {
                    quoted.split_once('\'').unwrap_or((quoted, ""))
                } else {
                    after.split_once(is_space).unwrap_or((after, ""))
                }
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
    }
}
