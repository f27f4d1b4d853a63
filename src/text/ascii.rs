//! Text in ASCII, for what shows nothing else.
//!
//! German's `ä`, `ö`, `ü` and `ß` become `ae`, `oe`, `ue` and `ss`, as German writes
//! them where it has no others. Every other letter loses its mark: `é` becomes `e`, `ł`
//! becomes `l`. The table is the module's own: iconv(3) and the locale of the process
//! would load files and depend on who started it.

use std::borrow::Cow;

/// What stands for a character that the table does not have.
const LOST: char = '?';

/// Characters, and what each of them becomes.
const TABLE: [(&str, &str); 84] = [
    ("\u{e4}\u{e6}", "ae"),
    ("\u{c4}\u{c6}", "Ae"),
    ("\u{f6}\u{153}", "oe"),
    ("\u{d6}\u{152}", "Oe"),
    ("\u{fc}", "ue"),
    ("\u{dc}", "Ue"),
    ("\u{df}", "ss"),
    ("\u{1e9e}", "SS"),
    ("àáâãåāăąª", "a"),
    ("ÀÁÂÃÅĀĂĄ", "A"),
    ("çćĉċč", "c"),
    ("ÇĆĈĊČ", "C"),
    ("ďđð", "d"),
    ("ĎĐÐ", "D"),
    ("èéêëēĕėęě", "e"),
    ("ÈÉÊËĒĔĖĘĚ", "E"),
    ("ĝğġģ", "g"),
    ("ĜĞĠĢ", "G"),
    ("ĥħ", "h"),
    ("ĤĦ", "H"),
    ("ìíîïĩīĭįı", "i"),
    ("ÌÍÎÏĨĪĬĮİ", "I"),
    ("ĳ", "ij"),
    ("Ĳ", "IJ"),
    ("ĵ", "j"),
    ("Ĵ", "J"),
    ("ķĸ", "k"),
    ("Ķ", "K"),
    ("ĺļľŀł", "l"),
    ("ĹĻĽĿŁ", "L"),
    ("ñńņňŋ", "n"),
    ("ÑŃŅŇŊ", "N"),
    ("òóôõøōŏőº", "o"),
    ("ÒÓÔÕØŌŎŐ", "O"),
    ("ŕŗř", "r"),
    ("ŔŖŘ", "R"),
    ("śŝşšșſ", "s"),
    ("ŚŜŞŠȘ", "S"),
    ("ţťŧț", "t"),
    ("ŢŤŦȚ", "T"),
    ("þ", "th"),
    ("Þ", "Th"),
    ("ùúûũūŭůűųµ", "u"),
    ("ÙÚÛŨŪŬŮŰŲ", "U"),
    ("ŵ", "w"),
    ("Ŵ", "W"),
    ("ýÿŷ", "y"),
    ("ÝŸŶ", "Y"),
    ("źżž", "z"),
    ("ŹŻŽ", "Z"),
    ("\u{fb01}", "fi"),
    ("\u{fb02}", "fl"),
    // Quotes, and what looks like one.
    ("\u{201c}\u{201d}\u{201e}\u{201f}\u{ab}\u{bb}\u{2033}", "\""),
    (
        "\u{2018}\u{2019}\u{201a}\u{201b}\u{2039}\u{203a}\u{2032}\u{b4}\u{2bc}",
        "'",
    ),
    // Dashes and the minus sign.
    (
        "\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}",
        "-",
    ),
    ("\u{2026}", "..."),
    ("\u{2022}\u{2023}\u{25aa}\u{25cf}\u{25e6}\u{b7}", "*"),
    ("\u{2192}\u{2794}\u{279c}", "->"),
    ("\u{2190}", "<-"),
    ("\u{2194}", "<->"),
    ("\u{21d2}", "=>"),
    ("\u{21d0}", "<="),
    ("\u{2191}", "^"),
    ("\u{2193}", "v"),
    // Blanks of other widths.
    (
        "\u{a0}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{202f}\u{205f}\u{3000}",
        " ",
    ),
    // A sentence is understood without these.
    ("\u{bf}\u{a1}", ""),
    ("\u{20ac}", "EUR"),
    ("\u{a3}", "GBP"),
    ("\u{a9}", "(c)"),
    ("\u{ae}", "(R)"),
    ("\u{2122}", "(TM)"),
    ("\u{b0}", " deg"),
    ("\u{d7}", "x"),
    ("\u{f7}", "/"),
    ("\u{b1}", "+-"),
    ("\u{2248}", "~"),
    ("\u{2260}", "!="),
    ("\u{2264}", "<="),
    ("\u{2265}", ">="),
    ("\u{bd}", "1/2"),
    ("\u{bc}", "1/4"),
    ("\u{be}", "3/4"),
    ("\u{2116}", "No."),
    ("\u{a7}", "section "),
];

/// `text` in ASCII. A character that has no likeness there becomes a question mark.
#[must_use]
pub fn of(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match likeness(c) {
            Some(Likeness::Same) => ascii.push(c),
            Some(Likeness::Text(like)) => ascii.push_str(like),
            None => ascii.push(LOST),
        }
    }
    ascii.into()
}

/// Whether `text` can still be read in ASCII: at most a quarter of it is lost, blanks
/// not counted.
#[must_use]
pub fn can_show(text: &str) -> bool {
    let seen = || text.chars().filter(|c| !c.is_whitespace());
    let lost = seen().filter(|&c| likeness(c).is_none()).count();
    lost.saturating_mul(4) <= seen().count()
}

enum Likeness {
    Same,
    Text(&'static str),
}

fn likeness(c: char) -> Option<Likeness> {
    if c.is_ascii() {
        return Some(Likeness::Same);
    }
    // Marks that follow their letter.
    if matches!(c, '\u{300}'..='\u{36f}') {
        return Some(Likeness::Text(""));
    }
    let (_, like) = TABLE
        .iter()
        .find(|(characters, _)| characters.contains(c))?;
    Some(Likeness::Text(like))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_signs_and_marks_have_a_likeness() {
        for (text, ascii) in [
            (
                "Zugriff nur für Büro „Süd“ – größer…",
                "Zugriff nur fuer Buero \"Sued\" - groesser...",
            ),
            (
                "Ce mot de passe n’a pas été accepté.",
                "Ce mot de passe n'a pas ete accepte.",
            ),
            ("¿Señal? Sí", "Senal? Si"),
            ("Zażółć gęślą jaźń", "Zazolc gesla jazn"),
            ("Não é possível", "Nao e possivel"),
            ("cafe\u{301}\u{a0}→ 5\u{202f}€", "cafe -> 5 EUR"),
            ("plain", "plain"),
            ("日本", "??"),
        ] {
            assert_eq!(of(text), ascii);
        }
    }

    #[test]
    fn a_text_of_which_more_than_a_quarter_is_lost_cannot_be_shown() {
        assert!(can_show("ab c日"));
        assert!(!can_show("ab日"));
        assert!(!can_show("Доступ запрещён"));
        assert!(can_show("Größe"));
        assert!(can_show(""));
    }

    #[test]
    fn no_character_is_in_the_table_twice_and_all_become_ascii() {
        let mut seen = std::collections::BTreeSet::new();
        for (characters, like) in TABLE {
            assert!(like.is_ascii(), "{like}");
            for c in characters.chars() {
                assert!(!c.is_ascii() && seen.insert(c), "{c}");
            }
        }
    }

    /// In every language, all that this module says.
    #[test]
    fn every_word_of_the_module_is_ascii_and_readable() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/words");
        let mut languages = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            languages += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            let words: std::collections::BTreeMap<String, String> = toml::from_str(&text).unwrap();
            for (key, text) in words {
                let ascii = of(&text);
                assert!(ascii.is_ascii() && !ascii.is_empty(), "{path:?}: {key}");
                // Nothing is lost: it has no more question marks than before.
                let marks = |text: &str| text.matches(LOST).count();
                assert_eq!(marks(&ascii), marks(&text), "{path:?}: {key}: {ascii}");
            }
        }
        assert_eq!(languages, 8);
    }
}
