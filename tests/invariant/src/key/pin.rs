//! What a key can read of a PIN that the host sends.
//!
//! The key's private number is one. So its public key is the base point of P-256, and the
//! shared secret is the x coordinate of the host's public key.

use aes::Aes256;
use aes::cipher::{BlockDecrypt, KeyInit};
use ring::{digest, hkdf};

/// The base point of P-256.
pub(super) const X: [u8; 32] = [
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
    0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
];
pub(super) const Y: [u8; 32] = [
    0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
    0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

/// The first half of a hash.
pub(super) fn half_hash(text: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, text).as_ref()[..16].to_vec()
}

/// What the host encrypted, with the x coordinate of its public key.
pub(super) fn decrypted(protocol: i128, x: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
    let mut key = [0; 32];
    let (vector, block) = match protocol {
        1 => {
            key.copy_from_slice(digest::digest(&digest::SHA256, x).as_ref());
            ([0; 16], encrypted)
        }
        _ => {
            hkdf::Salt::new(hkdf::HKDF_SHA256, &[0; 32])
                .extract(x)
                .expand(&[b"CTAP2 AES key"], hkdf::HKDF_SHA256)
                .and_then(|material| material.fill(&mut key))
                .ok()?;
            let (vector, rest) = encrypted.split_first_chunk::<16>()?;
            (*vector, rest)
        }
    };
    let mut block = aes::Block::from(<[u8; 16]>::try_from(block).ok()?);
    Aes256::new(&key.into()).decrypt_block(&mut block);
    Some(block.iter().zip(vector).map(|(a, b)| a ^ b).collect())
}
