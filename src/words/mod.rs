//! The module's own words, in the language of `[prompt] language`.
//!
//! A language is a file beside this one, compiled in: what people read depends
//! on no variable and no file of the host at the time of a login.

mod refusal;

pub use refusal::refusal;

include!(concat!(env!("OUT_DIR"), "/words.rs"));

impl Words {
    /// The words for a language's tag, such as `de` or `de-CH`; English where
    /// there are none in that language.
    #[must_use]
    pub fn of(tag: &str) -> &'static Self {
        let language = tag.split('-').next().unwrap_or_default();
        let find = |name: &str| {
            LANGUAGES
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, words)| *words)
        };
        find(tag).or_else(|| find(language)).unwrap_or(&EN)
    }
}

/// Puts `value` where `text` has `{name}`.
#[must_use]
pub fn fill(text: &str, name: &str, value: &str) -> String {
    text.replace(&format!("{{{name}}}"), value)
}
