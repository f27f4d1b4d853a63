//! A bundle of trusted certificates. Only the certificates that a server needs are
//! decoded.
//!
//! A distribution's bundle holds about 140 certificates, and a server needs one of
//! them. Each certificate is decoded only up to its subject. A certificate is a
//! candidate if its subject is the issuer of a certificate that the server has sent.
//! webpki compares the same bytes and uses no other root, so it accepts a chain with
//! the candidates if it accepts the chain with the whole bundle. [`super::verifier`]
//! does not rely on this: if webpki refuses the chain, it asks again with the whole
//! bundle.

use std::ops::Range;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::names::{Names, names};
use super::trust::parse_roots;
use crate::config::ConfigError;

const BEGIN: &[u8] = b"-----BEGIN ";
const BEGIN_CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END_CERTIFICATE: &[u8] = b"-----END CERTIFICATE-----";

/// A file with at most this many certificates is decoded as a whole when it is read.
const FEW: usize = 4;

/// How many bytes of a certificate are decoded at first. In Debian's bundle the subject
/// ends at byte 257 in the median, and at byte 489 at most.
const BEGINNING: usize = 288;
/// A certificate whose subject ends after this many bytes is always a candidate.
const LONGEST_BEGINNING: usize = 4 * BEGINNING;

/// The text of a bundle, and where its certificates are.
#[derive(Debug)]
pub(super) struct Bundle {
    path: PathBuf,
    /// Certificates are public, so this buffer is not a wiping one.
    pem: Vec<u8>,
    certificates: Vec<Range<usize>>,
}

impl Bundle {
    /// Accepts a file that holds many certificates, at least one of them usable, and
    /// nothing else but text between them. Any other file is returned, for
    /// [`parse_roots`] to judge.
    pub(super) fn new(path: &Path, pem: Vec<u8>) -> Result<Self, Vec<u8>> {
        let certificates = match outline(&pem) {
            Some(certificates) if certificates.len() > FEW => certificates,
            _ => return Err(pem),
        };
        let bundle = Self {
            path: path.to_owned(),
            pem,
            certificates,
        };
        let mut roots = RootCertStore::empty();
        let is_usable = bundle.sections().any(|section| add(&mut roots, section));
        match is_usable {
            true => Ok(bundle),
            false => Err(bundle.pem),
        }
    }

    /// The roots whose subject is the issuer of a certificate that the server has sent,
    /// and the roots whose subject is unknown, in the order of the bundle. Roots that
    /// cannot be decoded or used are left out.
    pub(super) fn candidates<'a>(
        &self,
        sent: impl Iterator<Item = &'a CertificateDer<'a>>,
    ) -> RootCertStore {
        let issuers: Vec<&[u8]> = sent
            .filter_map(|certificate| Some(names(certificate)?.issuer))
            .collect();
        let mut roots = RootCertStore::empty();
        let mut buffer = [0; LONGEST_BEGINNING];
        for section in self.sections() {
            if may_be_of(section, &issuers, &mut buffer) {
                add(&mut roots, section);
            }
        }
        roots
    }

    /// All roots, each decoded and parsed.
    ///
    /// # Errors
    /// As [`parse_roots`].
    pub(super) fn all(&self) -> Result<RootCertStore, ConfigError> {
        parse_roots(&self.path, &self.pem)
    }

    fn sections(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates
            .iter()
            .filter_map(|range| self.pem.get(range.clone()))
    }
}

/// Adds the certificate of one PEM section. Returns whether it can be used.
fn add(roots: &mut RootCertStore, section: &[u8]) -> bool {
    CertificateDer::from_pem_slice(section).is_ok_and(|certificate| roots.add(certificate).is_ok())
}

/// Whether the subject of the certificate in this section is one of `wanted`, or is
/// unknown. The beginning of the certificate is decoded into `buffer`.
fn may_be_of(section: &[u8], wanted: &[&[u8]], buffer: &mut [u8; LONGEST_BEGINNING]) -> bool {
    let mut beginning = Beginning {
        text: section.get(BEGIN_CERTIFICATE.len()..).unwrap_or_default(),
        buffer,
        length: 0,
    };
    let mut length = BEGINNING;
    while length <= LONGEST_BEGINNING {
        if let Some(Names { subject, .. }) = names(beginning.decoded_to(length)) {
            return wanted.contains(&subject);
        }
        length = length.saturating_mul(2);
    }
    true
}

/// Where the certificates of a PEM file are, each from `-----BEGIN` to the end of
/// `-----END CERTIFICATE-----`. `None` if the file has a section of another kind, or one
/// without an end. A line ends with CR, LF or both, as in rustls-pki-types.
fn outline(pem: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut certificates = Vec::with_capacity(pem.len() / 1024);
    let mut begun = None;
    let mut at = 0;
    // Base64 has no dash, and the text between certificates seldom has one.
    while let Some(found) = memchr::memchr(b'-', pem.get(at..)?) {
        let start = at.saturating_add(found);
        let from_dash = pem.get(start..)?;
        let length = memchr::memchr2(b'\n', b'\r', from_dash).unwrap_or(from_dash.len());
        let line = from_dash.get(..length)?;
        at = start.saturating_add(length);
        let before = start.checked_sub(1).and_then(|before| pem.get(before));
        if !matches!(before, None | Some(b'\n' | b'\r')) {
            continue;
        }
        if line.starts_with(BEGIN) {
            if line != BEGIN_CERTIFICATE || begun.replace(start).is_some() {
                return None;
            }
        } else if line.starts_with(END_CERTIFICATE) {
            if let Some(begun) = begun.take() {
                certificates.push(begun..at);
            }
        }
    }
    begun.is_none().then_some(certificates)
}

/// Decodes the beginning of a base64 text.
struct Beginning<'a> {
    /// The text that is not yet decoded.
    text: &'a [u8],
    buffer: &'a mut [u8; LONGEST_BEGINNING],
    /// How many bytes of the buffer are decoded.
    length: usize,
}

impl Beginning<'_> {
    /// Decodes until there are `length` bytes (a multiple of three), or until a character
    /// that is not base64: padding, the line after the last one, or damage.
    fn decoded_to(&mut self, length: usize) -> &[u8] {
        let room = self.buffer.get_mut(self.length..length);
        for three in room.unwrap_or_default().chunks_exact_mut(3) {
            let Some(group) = next_group(&mut self.text) else {
                break;
            };
            let [_, bytes @ ..] = group.to_be_bytes();
            three.copy_from_slice(&bytes);
            self.length = self.length.saturating_add(3);
        }
        self.buffer.get(..self.length).unwrap_or_default()
    }
}

/// Takes the next four digits of `text`: three bytes.
fn next_group(text: &mut &[u8]) -> Option<u32> {
    let value =
        |a, b, c, d| u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
    // No loop: the compiler unrolls one only if it optimises for speed, not for size.
    if let Some(([a, b, c, d], rest)) = text.split_first_chunk() {
        let (a, b, c, d) = (digit(*a), digit(*b), digit(*c), digit(*d));
        if a | b | c | d < DIGIT_END {
            *text = rest;
            return Some(value(a, b, c, d));
        }
    }
    // Usually this is the end of a line.
    let mut next = || loop {
        let (first, rest) = text.split_first()?;
        *text = rest;
        match digit(*first) {
            SPACE => {}
            OTHER => return None,
            digit => return Some(digit),
        }
    };
    Some(value(next()?, next()?, next()?, next()?))
}

fn digit(character: u8) -> u8 {
    let found = DIGITS.get(usize::from(character));
    found.copied().unwrap_or(OTHER)
}

/// Every digit is below this value. It is a single bit, which no digit has and both
/// values below have, so one comparison tests four digits that were combined by OR.
const DIGIT_END: u8 = 64;
/// White space between the digits. PEM allows it, and it is skipped.
const SPACE: u8 = 0xfe;
/// A character that is not a digit.
const OTHER: u8 = 0xff;

/// The value of each digit of base64 (RFC 4648, section 4).
const DIGITS: [u8; 256] = {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = [OTHER; 256];
    let mut value = 0;
    #[expect(
        clippy::indexing_slicing,
        reason = "constants: the compiler has seen all of them"
    )]
    while value < ALPHABET.len() {
        digits[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    let spaces = b"\t\n\x0b\x0c\r ";
    let mut space = 0;
    #[expect(
        clippy::indexing_slicing,
        reason = "constants: the compiler has seen all of them"
    )]
    while space < spaces.len() {
        digits[spaces[space] as usize] = SPACE;
        space += 1;
    }
    digits
};
