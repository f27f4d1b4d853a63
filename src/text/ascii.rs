//! Text in ASCII, for what shows nothing else.
//!
//! `ä`, `ö` and `ü` become `ae`, `oe` and `ue`, as German writes them where it has no
//! others. In languages that write two dots for another reason, such as Spanish, they
//! become `a`, `o` and `u`: `desagüe` is `desague`. Every other letter loses its mark: `é`
//! becomes `e`, `ł` becomes `l`. The table is the module's own: iconv(3) and the locale of the process
//! would load files and depend on who started it.

use std::borrow::Cow;

/// What stands for a character that the table does not have.
const LOST: char = '?';

/// In each line characters, a tab, and what each of them becomes. It is one text: the
/// loader would have to fill in an address for each text of a list.
const TABLE: &str = "\
äæ\tae
ÄÆ\tAe
öœ\toe
ÖŒ\tOe
ü\tue
Ü\tUe
ß\tss
ẞ\tSS
àáâãåāăąª\ta
ÀÁÂÃÅĀĂĄ\tA
çćĉċč\tc
ÇĆĈĊČ\tC
ďđð\td
ĎĐÐ\tD
èéêëēĕėęě\te
ÈÉÊËĒĔĖĘĚ\tE
ĝğġģ\tg
ĜĞĠĢ\tG
ĥħ\th
ĤĦ\tH
ìíîïĩīĭįı\ti
ÌÍÎÏĨĪĬĮİ\tI
ĳ\tij
Ĳ\tIJ
ĵ\tj
Ĵ\tJ
ķĸ\tk
Ķ\tK
ĺļľŀł\tl
ĹĻĽĿŁ\tL
ñńņňŋ\tn
ÑŃŅŇŊ\tN
òóôõøōŏőº\to
ÒÓÔÕØŌŎŐ\tO
ŕŗř\tr
ŔŖŘ\tR
śŝşšșſ\ts
ŚŜŞŠȘ\tS
ţťŧț\tt
ŢŤŦȚ\tT
þ\tth
Þ\tTh
ùúûũūŭůűųµ\tu
ÙÚÛŨŪŬŮŰŲ\tU
ŵ\tw
Ŵ\tW
ýÿŷ\ty
ÝŸŶ\tY
źżž\tz
ŹŻŽ\tZ
\u{fb01}\tfi
\u{fb02}\tfl
\u{201c}\u{201d}\u{201e}\u{201f}\u{ab}\u{bb}\u{2033}\t\"
\u{2018}\u{2019}\u{201a}\u{201b}\u{2039}\u{203a}\u{2032}\u{b4}\u{2bc}\t'
\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}\t-
\u{2026}\t...
\u{2022}\u{2023}\u{25aa}\u{25cf}\u{25e6}\u{b7}\t*
\u{2192}\u{2794}\u{279c}\t->
\u{2190}\t<-
\u{2194}\t<->
\u{21d2}\t=>
\u{21d0}\t<=
\u{2191}\t^
\u{2193}\tv
\u{a0}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{202f}\u{205f}\u{3000}\t 
\u{bf}\u{a1}\t
\u{20ac}\tEUR
\u{a3}\tGBP
\u{a9}\t(c)
\u{ae}\t(R)
\u{2122}\t(TM)
\u{b0}\t deg
\u{d7}\tx
\u{f7}\t/
\u{b1}\t+-
\u{2248}\t~
\u{2260}\t!=
\u{2264}\t<=
\u{2265}\t>=
\u{bd}\t1/2
\u{bc}\t1/4
\u{be}\t3/4
\u{2116}\tNo.
\u{a7}\tsection 
";

/// The letters with two dots, and what is left of each without them.
const DOTTED: &str = "äaöoüuÄAÖOÜU";

/// The languages in which the dots go and no `e` comes.
const DOTS_GO: [&str; 6] = ["es", "fr", "it", "nl", "pl", "pt"];

/// `text`, which is in the language of this tag, in ASCII. A character that has no likeness
/// there becomes a question mark.
#[must_use]
pub fn of<'a>(text: &'a str, language: &str) -> Cow<'a, str> {
    if text.is_ascii() {
        return text.into();
    }
    let language = language.split('-').next().unwrap_or_default();
    let dots_go = DOTS_GO
        .iter()
        .any(|other| other.eq_ignore_ascii_case(language));
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        let undotted = DOTTED
            .split_once(c)
            .and_then(|(_, rest)| rest.chars().next());
        if let Some(letter) = undotted.filter(|_| dots_go && !c.is_ascii()) {
            ascii.push(letter);
            continue;
        }
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

/// The lines of the table.
fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.split('\n').filter_map(|line| line.split_once('\t'))
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
    let (_, like) = lines().find(|(characters, _)| characters.contains(c))?;
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
            assert_eq!(of(text, "de"), ascii);
        }
    }

    #[test]
    fn two_dots_are_written_as_the_language_writes_them() {
        for (text, tag, ascii) in [
            ("Süd, Öl, Ärger", "de", "Sued, Oel, Aerger"),
            ("Süd", "de-AT", "Sued"),
            ("Süd", "", "Sued"),
            ("Süd", "en", "Sued"),
            ("El desagüe, ¿PINGÜINO?", "es", "El desague, PINGUINO?"),
            ("pingüino", "es-MX", "pinguino"),
            (
                "geïnd, coördinatie, Äolus",
                "NL",
                "geind, coordinatie, Aolus",
            ),
            ("Saül", "fr", "Saul"),
            ("cœur", "fr", "coeur"),
            ("lingüiça", "pt-BR", "linguica"),
        ] {
            assert_eq!(of(text, tag), ascii, "{tag}");
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
        for (characters, like) in lines() {
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
                let tag = path.file_stem().unwrap().to_string_lossy();
                let ascii = of(&text, &tag);
                assert!(ascii.is_ascii() && !ascii.is_empty(), "{path:?}: {key}");
                // Nothing is lost: it has no more question marks than before.
                let marks = |text: &str| text.matches(LOST).count();
                assert_eq!(marks(&ascii), marks(&text), "{path:?}: {key}: {ascii}");
            }
        }
        assert_eq!(languages, 8);
    }
}
