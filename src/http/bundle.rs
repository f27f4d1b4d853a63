//! A bundle of trusted certificates of which only those are decoded that a server
//! needs.
//!
//! A distribution's bundle holds a hundred and forty certificates, and a server
//! needs one of them. Of each certificate only the beginning is decoded, up to its
//! subject. Those whose subject is the issuer of a certificate that the server has
//! sent are its candidates: webpki compares the same bytes, and looks at no other
//! root. So a chain that webpki accepts with the candidates is one that it accepts
//! with all of them. Whether that holds in a particular case, [`super::verifier`]
//! does not rely on: where webpki refuses, it asks again with the whole bundle.

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

/// A file with as many certificates is decoded as a whole when it is read.
const FEW: usize = 4;

/// So many bytes of a certificate are decoded at first. In Debian's bundle the
/// subject ends at 257 bytes in the middle, and at 489 at most.
const BEGINNING: usize = 288;
/// A certificate whose subject ends later than this is always a candidate.
const LONGEST_BEGINNING: usize = 4 * BEGINNING;

/// The text of a bundle, and where its certificates are.
#[derive(Debug)]
pub(super) struct Bundle {
    path: PathBuf,
    /// Public, so it is in no buffer that is wiped by itself.
    pem: Vec<u8>,
    certificates: Vec<Range<usize>>,
}

impl Bundle {
    /// Takes a file in, if it holds many certificates, one of them can be used, and
    /// there is nothing else in it but text between them. Any other file is for
    /// [`parse_roots`] to judge, and is given back.
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

    /// The roots whose subject is the issuer of one of the certificates that a server
    /// has sent, in the bundle's order, with those whose subject cannot be told.
    /// Those that cannot be decoded or used are left out.
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

/// Adds the certificate of one section of PEM; whether it can be used.
fn add(roots: &mut RootCertStore, section: &[u8]) -> bool {
    CertificateDer::from_pem_slice(section).is_ok_and(|certificate| roots.add(certificate).is_ok())
}

/// Whether the subject of the certificate in this section is one of `wanted`, or
/// cannot be told. The beginning of the certificate is decoded into `buffer`.
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

/// Where the certificates of a PEM file are, from each `-----BEGIN` to the end of
/// `-----END CERTIFICATE-----`; nothing where the file has any other section, or one
/// that does not end. A line ends with CR, LF or both, as for rustls-pki-types.
fn outline(pem: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut certificates = Vec::with_capacity(pem.len() / 1024);
    let mut begun = None;
    let mut at = 0;
    // Neither base64 nor most of the text between certificates has a dash.
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

/// The beginning of what base64 text stands for.
struct Beginning<'a> {
    /// What is still to be decoded.
    text: &'a [u8],
    buffer: &'a mut [u8; LONGEST_BEGINNING],
    /// How much of the buffer is decoded.
    length: usize,
}

impl Beginning<'_> {
    /// Decodes on until there are `length` bytes, a multiple of three, or until a
    /// character that is no part of base64: padding, the line behind the last, or damage.
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
    // Without a loop, which is unrolled only where speed counts more than size.
    if let Some(([a, b, c, d], rest)) = text.split_first_chunk() {
        let (a, b, c, d) = (digit(*a), digit(*b), digit(*c), digit(*d));
        if a | b | c | d < DIGIT_END {
            *text = rest;
            return Some(value(a, b, c, d));
        }
    }
    // The end of a line, as a rule.
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

/// All digits are below it, and bits of other values are not.
const DIGIT_END: u8 = 64;
/// White space between the digits, which base64 in PEM passes over.
const SPACE: u8 = 0xfe;
/// A character that is no digit.
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
