//! Which characters the terminal can show.

/// Whether the locale uses UTF-8. Assumed if no variable is set.
pub(crate) fn shows_unicode() -> bool {
    locale_of(|name| std::env::var(name).ok()).is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// The locale that the variables name, by the order of `setlocale(3)`.
fn locale_of(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()))
}
