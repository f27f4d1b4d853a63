//! The names in a certificate: whose it is, and who issued it.
//!
//! This reads as little of a certificate as these two names take, and judges
//! nothing. It serves to find the roots that webpki needs; what a certificate is
//! worth, webpki alone decides. Where anything is unusual, there is no name.

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The names of one certificate, each the contents of its `Name` (RFC 5280,
/// section 4.1.2.4), without tag and length: what webpki compares.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names<'a> {
    /// Who issued the certificate.
    pub(super) issuer: &'a [u8],
    /// Whose certificate it is.
    pub(super) subject: &'a [u8],
}

/// Reads the names from `der`, a certificate or the beginning of one, as long as
/// both names are in it.
pub(super) fn names(der: &[u8]) -> Option<Names<'_>> {
    // Certificate, and tbsCertificate in it: their ends may lie behind the beginning.
    let mut rest = opened(opened(der)?)?;
    // Version 1 has no field for it.
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

/// What follows the tag and the length of a `SEQUENCE`.
fn opened(der: &[u8]) -> Option<&[u8]> {
    header(der, SEQUENCE).map(|(_, contents)| contents)
}

/// Takes one element with this tag, and gives its contents.
fn take<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (length, contents) = header(rest, tag)?;
    let (element, behind) = contents.split_at_checked(length)?;
    *rest = behind;
    Some(element)
}

/// The length of an element, and what follows it.
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
        // More than 64 KiB: nothing that webpki takes for a certificate.
        _ => None,
    }
}
