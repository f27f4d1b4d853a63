//! Subject and issuer of a certificate.
//!
//! This reads only as much of a certificate as these two names need, and it judges
//! nothing: it finds the roots that webpki needs, and webpki alone decides whether a
//! certificate is good. If the encoding is unusual in any way, it returns no name.

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The names of one certificate, each the contents of its `Name` (RFC 5280,
/// section 4.1.2.4), without tag and length: what webpki compares.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names<'a> {
    /// The issuer.
    pub(super) issuer: &'a [u8],
    /// The subject.
    pub(super) subject: &'a [u8],
}

/// Reads the names from `der`, a certificate or the beginning of one that holds both.
pub(super) fn names(der: &[u8]) -> Option<Names<'_>> {
    // Certificate and tbsCertificate. Both may be longer than the part in `der`.
    let mut rest = opened(opened(der)?)?;
    // A certificate of version 1 has no version field.
    if rest.first() == Some(&VERSION) {
        take(&mut rest, VERSION)?;
    }
    take(&mut rest, INTEGER)?; // serialNumber
    take(&mut rest, SEQUENCE)?; // signature
    let issuer = take(&mut rest, SEQUENCE)?;
    take(&mut rest, SEQUENCE)?; // validity
    let subject = take(&mut rest, SEQUENCE)?;
    Some(Names { issuer, subject })
}

/// The bytes after the tag and the length of a `SEQUENCE`.
fn opened(der: &[u8]) -> Option<&[u8]> {
    header(der, SEQUENCE).map(|(_, contents)| contents)
}

/// Takes one element with this tag from `rest` and returns its contents.
fn take<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (length, contents) = header(rest, tag)?;
    let (element, behind) = contents.split_at_checked(length)?;
    *rest = behind;
    Some(element)
}

/// The length of an element, and the bytes after it.
fn header(der: &[u8], tag: u8) -> Option<(usize, &[u8])> {
    let (first, rest) = der.split_first()?;
    if *first != tag {
        return None;
    }
    match rest {
        [short @ 0..=0x7f, contents @ ..] => Some((usize::from(*short), contents)),
        [0x81, one, contents @ ..] => Some((usize::from(*one), contents)),
        [0x82, high, low, contents @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), contents))
        }
        // More than 64 KiB: webpki accepts no such certificate.
        _ => None,
    }
}
