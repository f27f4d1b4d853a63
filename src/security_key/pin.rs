//! The PIN/UV auth protocols one and two (CTAP 2.1, sections 6.5.6 and 6.5.7): what
//! keeps a PIN from being read between this host and the key.

use aes::Aes256;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hkdf, hmac};
use zeroize::{Zeroize, Zeroizing};

use super::fault::KeyFault;
use super::message::PublicKey;
use crate::secret::Secret;

const BLOCK: usize = 16;
const KEY: usize = 32;

/// Which of the two protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    One,
    Two,
}

impl Protocol {
    /// The first of those that the key names which is known here; keys of CTAP 2.0
    /// name none and have the first.
    pub(super) fn choose(named: &[u8]) -> Option<Self> {
        if named.is_empty() {
            return Some(Self::One);
        }
        named.iter().find_map(|number| match number {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        })
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    /// What proves to the key that `message` comes from somebody who has this key.
    pub(super) fn authenticate(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
        let length = match self {
            Self::One => BLOCK,
            Self::Two => KEY,
        };
        tag.as_ref().iter().take(length).copied().collect()
    }
}

/// A secret that this host and the key have agreed on for one PIN.
pub(super) struct Agreement {
    protocol: Protocol,
    key: Zeroizing<[u8; KEY]>,
    /// This host's part of it.
    pub(super) ours: PublicKey,
}

impl Agreement {
    /// Agrees with the key whose public key this is.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where it is no point of the curve.
    pub(super) fn with(protocol: Protocol, theirs: &PublicKey) -> Result<Self, KeyFault> {
        let failed = |_| KeyFault::Failed("its public key is no point of P-256");
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())
            .map_err(|_| KeyFault::Failed("this host has no random numbers"))?;
        let public = private.compute_public_key().map_err(failed)?;
        let ours = PublicKey::of_point(public.as_ref())
            .ok_or(KeyFault::Failed("this host made no public key"))?;
        let point = UnparsedPublicKey::new(&ECDH_P256, theirs.point());
        let key =
            agree_ephemeral(private, &point, |shared| derive(protocol, shared)).map_err(failed)?;
        Ok(Self {
            protocol,
            key,
            ours,
        })
    }

    /// The first half of the PIN's hash, encrypted.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where this host has no random numbers.
    pub(super) fn encrypted_pin(&self, pin: &Secret) -> Result<Vec<u8>, KeyFault> {
        let hash = digest::digest(&digest::SHA256, pin.expose().as_bytes());
        let mut half = Zeroizing::new([0_u8; BLOCK]);
        for (place, byte) in half.iter_mut().zip(hash.as_ref()) {
            *place = *byte;
        }
        let mut vector = [0_u8; BLOCK];
        if self.protocol == Protocol::Two {
            SystemRandom::new()
                .fill(&mut vector)
                .map_err(|_| KeyFault::Failed("this host has no random numbers"))?;
        }
        let cipher = self.cipher()?;
        let mut block = aes::Block::from(xor(&half, &vector));
        cipher.encrypt_block(&mut block);
        let mut encrypted = Vec::with_capacity(BLOCK.saturating_mul(2));
        if self.protocol == Protocol::Two {
            encrypted.extend_from_slice(&vector);
        }
        encrypted.extend_from_slice(&block);
        Ok(encrypted)
    }

    /// The token that the key has given for the PIN.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where it cannot be one by its length.
    pub(super) fn token(&self, encrypted: &[u8]) -> Result<Token, KeyFault> {
        let blocks = encrypted.len().checked_div(BLOCK).unwrap_or(0);
        let is_whole = encrypted.len() == blocks.saturating_mul(BLOCK);
        let (mut vector, rest) = match self.protocol {
            Protocol::One => ([0_u8; BLOCK], encrypted),
            Protocol::Two => match encrypted.split_first_chunk::<BLOCK>() {
                Some((vector, rest)) => (*vector, rest),
                None => return Err(KeyFault::Failed("its PIN token has no initial vector")),
            },
        };
        if !is_whole || !matches!(rest.len(), 16 | 32) {
            return Err(KeyFault::Failed("its PIN token has a wrong length"));
        }
        let cipher = self.cipher()?;
        let mut token = Zeroizing::new(Vec::with_capacity(KEY));
        for chunk in rest.chunks_exact(BLOCK) {
            let mut encrypted = [0_u8; BLOCK];
            encrypted.copy_from_slice(chunk);
            let mut block = aes::Block::from(encrypted);
            cipher.decrypt_block(&mut block);
            token.extend(block.iter().zip(vector).map(|(byte, mask)| byte ^ mask));
            block.as_mut_slice().zeroize();
            vector = encrypted;
        }
        Ok(Token {
            protocol: self.protocol,
            token,
        })
    }

    fn cipher(&self) -> Result<Aes256, KeyFault> {
        Aes256::new_from_slice(self.key.as_slice())
            .map_err(|_| KeyFault::Failed("a key for AES has a wrong length"))
    }
}

/// What the key gives for the right PIN. With it requests are signed.
pub(super) struct Token {
    protocol: Protocol,
    token: Zeroizing<Vec<u8>>,
}

impl Token {
    /// The protocol's number, and what proves that `message` comes from the holder.
    pub(super) fn sign(&self, message: &[u8]) -> (u8, Vec<u8>) {
        let signed = self.protocol.authenticate(&self.token, message);
        (self.protocol.number(), signed)
    }
}

fn xor(left: &[u8; BLOCK], right: &[u8; BLOCK]) -> [u8; BLOCK] {
    let mut both = *left;
    for (byte, mask) in both.iter_mut().zip(right) {
        *byte ^= mask;
    }
    both
}

/// The key for AES, of the shared x coordinate. The other key of protocol two, for
/// HMAC, has no use where no new PIN is set.
fn derive(protocol: Protocol, shared: &[u8]) -> Zeroizing<[u8; KEY]> {
    let mut key = Zeroizing::new([0; KEY]);
    match protocol {
        Protocol::One => {
            let hash = digest::digest(&digest::SHA256, shared);
            key.copy_from_slice(hash.as_ref());
        }
        Protocol::Two => {
            let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &[0; KEY]);
            let pseudorandom = salt.extract(shared);
            // Neither fails for 32 bytes, which is what the hash has.
            if let Ok(material) = pseudorandom.expand(&[b"CTAP2 AES key"], hkdf::HKDF_SHA256) {
                let _ = material.fill(key.as_mut_slice());
            }
        }
    }
    key
}
