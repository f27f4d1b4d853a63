//! Character references: `&amp;`, `&#8211;`.

use super::entities;

/// `text` with its character references replaced. Text that is not a reference stays as it
/// is.
pub(super) fn decoded(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('&') {
        decoded.push_str(plain);
        let (character, after) = reference(after).unwrap_or(('&', after));
        decoded.push(character);
        rest = after;
    }
    decoded.push_str(rest);
    decoded
}

/// The character that a reference stands for, and what follows its semicolon;
/// `after` is what follows the `&`.
fn reference(after: &str) -> Option<(char, &str)> {
    /// The longest that is looked for, in bytes: some zeros may lead a number.
    const MAX: usize = 12;
    let end = after.bytes().take(MAX).position(|byte| byte == b';')?;
    let (name, after) = after.split_at_checked(end)?;
    let character = match name.strip_prefix('#') {
        Some(number) => numbered(number)?,
        None => entities::named(name)?,
    };
    Some((character, after.strip_prefix(';')?))
}

/// Reads `8211` or `x2013`. A reference to a control character other than white space does
/// not count.
fn numbered(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` would accept a sign, too.
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let character = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    (!character.is_control() || character.is_ascii_whitespace()).then_some(character)
}
