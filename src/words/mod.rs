//! The module's own words, in the language of `[prompt] language`.
//!
//! A language is a file beside this one, compiled in: what people read depends
//! on no variable and no file of the host at the time of a login.

include!(concat!(env!("OUT_DIR"), "/words.rs"));

impl Words {
    /// The words for a language's tag, such as `de` or `de-CH`: in that language, or in
    /// the way in which another country writes it; English where there are none.
    #[must_use]
    pub fn of(tag: &str) -> Self {
        let language = |tag: &str| tag.split('-').next().unwrap_or_default().to_owned();
        let wanted = language(tag);
        let find = |is_it: &dyn Fn(&str) -> bool| LANGUAGES.iter().find(|known| is_it(known.tag));
        let found = find(&|known| known.eq_ignore_ascii_case(tag))
            .or_else(|| find(&|known| known.eq_ignore_ascii_case(&wanted)))
            .or_else(|| find(&|known| language(known).eq_ignore_ascii_case(&wanted)));
        Self::divided(found.unwrap_or(&ENGLISH))
    }
}

/// A language as it is compiled in. A text for each sentence would cost the loader an
/// address to fill in for each, in every language, whenever an application loads the
/// module.
#[derive(Debug)]
struct Language {
    tag: &'static str,
    /// All texts, one behind the other.
    text: &'static str,
    /// How long they are, in bytes.
    lengths: &'static [u16; TEXTS],
}

/// The texts of a language, from the first on.
struct Texts {
    rest: &'static str,
    lengths: std::slice::Iter<'static, u16>,
}

impl Texts {
    fn of(language: &Language) -> Self {
        Self {
            rest: language.text,
            lengths: language.lengths.iter(),
        }
    }

    fn next(&mut self) -> &'static str {
        let length = self.lengths.next().copied().map_or(0, usize::from);
        let (text, rest) = self.rest.split_at_checked(length).unwrap_or_default();
        self.rest = rest;
        text
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

    fn languages() -> impl Iterator<Item = (&'static str, Words)> {
        LANGUAGES
            .iter()
            .map(|language| (language.tag, Words::divided(language)))
    }

    #[test]
    fn every_text_is_what_stands_in_its_languages_file() {
        let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/words");
        for (tag, words) in languages() {
            let source = std::fs::read_to_string(sources.join(format!("{tag}.toml"))).unwrap();
            let source: std::collections::BTreeMap<String, String> =
                toml::from_str(&source).unwrap();
            assert_eq!(source.len(), TEXTS);
            let shown = format!("{words:?}");
            for (key, text) in source {
                assert!(
                    shown.contains(&format!(" {key}: {text:?}")),
                    "{tag}: {key}: {shown}"
                );
            }
        }
        assert_eq!(languages().count(), 8);
    }

    #[test]
    fn a_tag_finds_its_language_and_the_rest_is_english() {
        assert_eq!(Words::of("de").password, "Passwort:");
        assert_eq!(Words::of("DE-at").password, "Passwort:");
        assert_eq!(Words::of("fr-CA").password, "Mot de passe :");
        assert_eq!(Words::of("es-MX").password, "Contrase\u{f1}a:");
        assert_eq!(Words::of("it").password, "Password:");
        assert_eq!(Words::of("nl-BE").password, "Wachtwoord:");
        assert_eq!(Words::of("pl").password, "Has\u{142}o:");
        for tag in ["pt-BR", "pt-br", "pt", "pt-PT"] {
            assert_eq!(Words::of(tag).password, "Senha:", "{tag}");
        }
        for tag in ["en", "ja", "", "-", "d"] {
            assert_eq!(Words::of(tag).password, "Password:", "{tag}");
        }
    }

    /// A prompt is one line of a terminal, and a QR code has no line to spare.
    #[test]
    fn the_text_around_a_qr_code_is_one_line_in_every_language() {
        for (name, words) in languages() {
            for line in [
                words.totp_scan,
                words.totp_first_code,
                words.totp_first_code_or_draw,
                words.duo_done,
            ] {
                let columns = line.chars().count();
                assert!(columns < 80, "{name}, {columns} columns: {line}");
            }
            let secret = fill(words.totp_secret, "secret", &"A".repeat(32));
            assert!(secret.chars().count() < 80, "{name}: {secret}");
        }
    }

    /// Behind `(alice@host) `, too.
    #[test]
    fn the_prompt_for_a_push_is_one_line_in_every_language() {
        for (name, words) in languages() {
            let columns = words.push.chars().count();
            assert!(columns <= 56, "{name}, {columns} columns: {}", words.push);
        }
    }

    #[test]
    fn yes_and_no_are_told_apart_in_every_language() {
        for (name, words) in languages() {
            let yes: Vec<&str> = words.yes.split_whitespace().collect();
            let no: Vec<&str> = words.no.split_whitespace().collect();
            assert!(!yes.is_empty() && !no.is_empty(), "{name}");
            assert!(yes.iter().all(|word| !no.contains(word)), "{name}");
            // "n" means no and "y" yes in every language besides.
            assert!(!yes.contains(&"n") && !no.contains(&"y"), "{name}");
        }
    }

    #[test]
    fn a_filled_in_value_is_not_filled_in_again() {
        assert_eq!(fill("{a} and {b}", "a", "x"), "x and {b}");
    }
}
