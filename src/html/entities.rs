//! The named characters of HTML 4.01 (section 24), and `&apos;` of XHTML.
//!
//! HTML 5 has two thousand more, most of them for mathematics. They are shown as they are
//! written.

/// The character that a name stands for: `amp`, `eacute`, `euro`. Upper and lower
/// case are different names.
pub(super) fn named(name: &str) -> Option<char> {
    let is_name = (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_name {
        return None;
    }
    let index = NAMES
        .binary_search_by_key(&key(name), |&(key, _)| key)
        .ok()?;
    NAMES.get(index).map(|&(_, character)| character)
}

/// The longest name, in bytes: what a `u64` holds.
const MAX_NAME: usize = 8;

/// The bytes of a name as a number: a table of numbers needs no relocation when
/// the module is loaded.
const fn key(name: &str) -> u64 {
    let mut key = 0;
    let mut bytes = name.as_bytes();
    while let [first, rest @ ..] = bytes {
        key = key << 8 | *first as u64;
        bytes = rest;
    }
    key
}

/// Sorted by the key.
#[rustfmt::skip]
const NAMES: [(u64, char); 253] = [
    (key("Mu"), 'Μ'), (key("Nu"), 'Ν'), (key("Pi"), 'Π'), (key("Xi"), 'Ξ'), (key("ge"), '≥'),
    (key("gt"), '>'), (key("le"), '≤'), (key("lt"), '<'), (key("mu"), 'μ'), (key("ne"), '≠'),
    (key("ni"), '∋'), (key("nu"), 'ν'), (key("or"), '∨'), (key("pi"), 'π'), (key("xi"), 'ξ'),
    (key("Chi"), 'Χ'), (key("ETH"), 'Ð'), (key("Eta"), 'Η'), (key("Phi"), 'Φ'), (key("Psi"), 'Ψ'),
    (key("Rho"), 'Ρ'), (key("Tau"), 'Τ'), (key("amp"), '&'), (key("and"), '∧'), (key("ang"), '∠'),
    (key("cap"), '∩'), (key("chi"), 'χ'), (key("cup"), '∪'), (key("deg"), '°'), (key("eta"), 'η'),
    (key("eth"), 'ð'), (key("int"), '∫'), (key("loz"), '◊'), (key("lrm"), '\u{200e}'),
    (key("not"), '¬'), (key("phi"), 'φ'), (key("piv"), 'ϖ'), (key("psi"), 'ψ'), (key("reg"), '®'),
    (key("rho"), 'ρ'), (key("rlm"), '\u{200f}'), (key("shy"), '\u{ad}'), (key("sim"), '∼'),
    (key("sub"), '⊂'), (key("sum"), '∑'), (key("sup"), '⊃'), (key("tau"), 'τ'), (key("uml"), '¨'),
    (key("yen"), '¥'), (key("zwj"), '\u{200d}'), (key("Auml"), 'Ä'), (key("Beta"), 'Β'),
    (key("Euml"), 'Ë'), (key("Iota"), 'Ι'), (key("Iuml"), 'Ï'), (key("Ouml"), 'Ö'),
    (key("Uuml"), 'Ü'), (key("Yuml"), 'Ÿ'), (key("Zeta"), 'Ζ'), (key("apos"), '\''),
    (key("auml"), 'ä'), (key("beta"), 'β'), (key("bull"), '•'), (key("cent"), '¢'),
    (key("circ"), 'ˆ'), (key("cong"), '≅'), (key("copy"), '©'), (key("dArr"), '⇓'),
    (key("darr"), '↓'), (key("emsp"), '\u{2003}'), (key("ensp"), '\u{2002}'), (key("euml"), 'ë'),
    (key("euro"), '€'), (key("fnof"), 'ƒ'), (key("hArr"), '⇔'), (key("harr"), '↔'),
    (key("iota"), 'ι'), (key("isin"), '∈'), (key("iuml"), 'ï'), (key("lArr"), '⇐'),
    (key("lang"), '〈'), (key("larr"), '←'), (key("macr"), '¯'), (key("nbsp"), '\u{a0}'),
    (key("nsub"), '⊄'), (key("ordf"), 'ª'), (key("ordm"), 'º'), (key("ouml"), 'ö'),
    (key("para"), '¶'), (key("part"), '∂'), (key("perp"), '⊥'), (key("prod"), '∏'),
    (key("prop"), '∝'), (key("quot"), '"'), (key("rArr"), '⇒'), (key("rang"), '〉'),
    (key("rarr"), '→'), (key("real"), 'ℜ'), (key("sdot"), '⋅'), (key("sect"), '§'),
    (key("sube"), '⊆'), (key("sup1"), '¹'), (key("sup2"), '²'), (key("sup3"), '³'),
    (key("supe"), '⊇'), (key("uArr"), '⇑'), (key("uarr"), '↑'), (key("uuml"), 'ü'),
    (key("yuml"), 'ÿ'), (key("zeta"), 'ζ'), (key("zwnj"), '\u{200c}'), (key("AElig"), 'Æ'),
    (key("Acirc"), 'Â'), (key("Alpha"), 'Α'), (key("Aring"), 'Å'), (key("Delta"), 'Δ'),
    (key("Ecirc"), 'Ê'), (key("Gamma"), 'Γ'), (key("Icirc"), 'Î'), (key("Kappa"), 'Κ'),
    (key("OElig"), 'Œ'), (key("Ocirc"), 'Ô'), (key("Omega"), 'Ω'), (key("Prime"), '″'),
    (key("Sigma"), 'Σ'), (key("THORN"), 'Þ'), (key("Theta"), 'Θ'), (key("Ucirc"), 'Û'),
    (key("acirc"), 'â'), (key("acute"), '´'), (key("aelig"), 'æ'), (key("alpha"), 'α'),
    (key("aring"), 'å'), (key("asymp"), '≈'), (key("bdquo"), '„'), (key("cedil"), '¸'),
    (key("clubs"), '♣'), (key("crarr"), '↵'), (key("delta"), 'δ'), (key("diams"), '♦'),
    (key("ecirc"), 'ê'), (key("empty"), '∅'), (key("equiv"), '≡'), (key("exist"), '∃'),
    (key("frasl"), '⁄'), (key("gamma"), 'γ'), (key("icirc"), 'î'), (key("iexcl"), '¡'),
    (key("image"), 'ℑ'), (key("infin"), '∞'), (key("kappa"), 'κ'), (key("laquo"), '«'),
    (key("lceil"), '⌈'), (key("ldquo"), '“'), (key("lsquo"), '‘'), (key("mdash"), '—'),
    (key("micro"), 'µ'), (key("minus"), '−'), (key("nabla"), '∇'), (key("ndash"), '–'),
    (key("notin"), '∉'), (key("ocirc"), 'ô'), (key("oelig"), 'œ'), (key("oline"), '‾'),
    (key("omega"), 'ω'), (key("oplus"), '⊕'), (key("pound"), '£'), (key("prime"), '′'),
    (key("radic"), '√'), (key("raquo"), '»'), (key("rceil"), '⌉'), (key("rdquo"), '”'),
    (key("rsquo"), '’'), (key("sbquo"), '‚'), (key("sigma"), 'σ'), (key("szlig"), 'ß'),
    (key("theta"), 'θ'), (key("thorn"), 'þ'), (key("tilde"), '˜'), (key("times"), '×'),
    (key("trade"), '™'), (key("ucirc"), 'û'), (key("upsih"), 'ϒ'), (key("Aacute"), 'Á'),
    (key("Agrave"), 'À'), (key("Atilde"), 'Ã'), (key("Ccedil"), 'Ç'), (key("Dagger"), '‡'),
    (key("Eacute"), 'É'), (key("Egrave"), 'È'), (key("Iacute"), 'Í'), (key("Igrave"), 'Ì'),
    (key("Lambda"), 'Λ'), (key("Ntilde"), 'Ñ'), (key("Oacute"), 'Ó'), (key("Ograve"), 'Ò'),
    (key("Oslash"), 'Ø'), (key("Otilde"), 'Õ'), (key("Scaron"), 'Š'), (key("Uacute"), 'Ú'),
    (key("Ugrave"), 'Ù'), (key("Yacute"), 'Ý'), (key("aacute"), 'á'), (key("agrave"), 'à'),
    (key("atilde"), 'ã'), (key("brvbar"), '¦'), (key("ccedil"), 'ç'), (key("curren"), '¤'),
    (key("dagger"), '†'), (key("divide"), '÷'), (key("eacute"), 'é'), (key("egrave"), 'è'),
    (key("forall"), '∀'), (key("frac12"), '½'), (key("frac14"), '¼'), (key("frac34"), '¾'),
    (key("hearts"), '♥'), (key("hellip"), '…'), (key("iacute"), 'í'), (key("igrave"), 'ì'),
    (key("iquest"), '¿'), (key("lambda"), 'λ'), (key("lfloor"), '⌊'), (key("lowast"), '∗'),
    (key("lsaquo"), '‹'), (key("middot"), '·'), (key("ntilde"), 'ñ'), (key("oacute"), 'ó'),
    (key("ograve"), 'ò'), (key("oslash"), 'ø'), (key("otilde"), 'õ'), (key("otimes"), '⊗'),
    (key("permil"), '‰'), (key("plusmn"), '±'), (key("rfloor"), '⌋'), (key("rsaquo"), '›'),
    (key("scaron"), 'š'), (key("sigmaf"), 'ς'), (key("spades"), '♠'), (key("there4"), '∴'),
    (key("thinsp"), '\u{2009}'), (key("uacute"), 'ú'), (key("ugrave"), 'ù'), (key("weierp"), '℘'),
    (key("yacute"), 'ý'), (key("Epsilon"), 'Ε'), (key("Omicron"), 'Ο'), (key("Upsilon"), 'Υ'),
    (key("alefsym"), 'ℵ'), (key("epsilon"), 'ε'), (key("omicron"), 'ο'), (key("upsilon"), 'υ'),
    (key("thetasym"), 'ϑ'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(NAMES.is_sorted_by(|(one, _), (next, _)| one < next));
    }

    #[test]
    fn a_name_is_taken_exactly() {
        for (name, character) in [
            ("amp", '&'),
            ("apos", '\''),
            ("nbsp", '\u{a0}'),
            ("szlig", 'ß'),
            ("eacute", 'é'),
            ("Eacute", 'É'),
            ("sup2", '²'),
            ("euro", '€'),
            ("hellip", '…'),
            ("thetasym", 'ϑ'),
            ("zwnj", '\u{200c}'),
        ] {
            assert_eq!(named(name), Some(character), "{name}");
        }
        for unknown in [
            "",
            "a",
            "AMPX",
            "Amp",
            "NotEqual",
            "thetasyma",
            "\0amp",
            "a;",
            "é",
        ] {
            assert_eq!(named(unknown), None, "{unknown}");
        }
    }
}
