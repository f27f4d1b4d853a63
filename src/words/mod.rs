//! The module's own words, in the language of `[prompt] language`.
//!
//! A language is a file beside this one, compiled in: what people read depends
//! on no variable and no file of the host at the time of a login.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_finds_its_language_and_the_rest_is_english() {
        assert_eq!(Words::of("de").password, "Passwort:");
        assert_eq!(Words::of("DE-at").password, "Passwort:");
        assert_eq!(Words::of("fr-CA").password, "Mot de passe :");
        for tag in ["en", "ja", "", "-", "d"] {
            assert_eq!(Words::of(tag).password, "Password:", "{tag}");
        }
    }

    #[test]
    fn yes_and_no_are_told_apart_in_every_language() {
        for (name, words) in LANGUAGES {
            let yes: Vec<&str> = words.yes.split_whitespace().collect();
            let no: Vec<&str> = words.no.split_whitespace().collect();
            assert!(!yes.is_empty() && !no.is_empty(), "{name}");
            assert!(yes.iter().all(|word| !no.contains(word)), "{name}");
            // "n" means no and "y" yes in every language besides.
            assert!(!yes.contains(&"n") && !no.contains(&"y"), "{name}");
        }
    }

    #[test]
    fn what_is_filled_in_is_not_filled_in_again() {
        assert_eq!(fill("{a} and {b}", "a", "x"), "x and {b}");
    }
}
