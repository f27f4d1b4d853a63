//! The cryptography of a key: its credentials, and its side of the PIN protocols.

use aes::Aes256;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use ring::{digest, hkdf, hmac};

/// Random bytes.
pub(super) fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    assert!(
        SystemRandom::new().fill(&mut bytes).is_ok(),
        "no random numbers"
    );
    bytes
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

pub(super) fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message).as_ref().to_vec()
}

/// A key pair that signs, as PKCS#8.
#[derive(Clone, Debug)]
pub(super) struct SigningKey(Vec<u8>);

impl SigningKey {
    pub(super) fn new() -> SigningKey {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random);
        match made {
            Ok(document) => SigningKey(document.as_ref().to_vec()),
            Err(e) => panic!("no key pair: {e}"),
        }
    }

    fn pair(&self) -> EcdsaKeyPair {
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        match EcdsaKeyPair::from_pkcs8(algorithm, &self.0, &SystemRandom::new()) {
            Ok(pair) => pair,
            Err(e) => panic!("the virtual key cannot read its key pair: {e}"),
        }
    }

    /// The public key, as a point in uncompressed form.
    pub(super) fn point(&self) -> Vec<u8> {
        self.pair().public_key().as_ref().to_vec()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self.pair().sign(&SystemRandom::new(), message) {
            Ok(signature) => signature.as_ref().to_vec(),
            Err(e) => panic!("no signature: {e}"),
        }
    }
}

/// The key pair of one agreement.
pub(super) struct Agreement {
    private: EphemeralPrivateKey,
    point: Vec<u8>,
}

impl Agreement {
    pub(super) fn new() -> Agreement {
        let made = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new());
        let Ok(private) = made else {
            panic!("no key pair for an agreement");
        };
        let Ok(public) = private.compute_public_key() else {
            panic!("no public key for an agreement");
        };
        let point = public.as_ref().to_vec();
        Agreement { private, point }
    }

    pub(super) fn point(&self) -> &[u8] {
        &self.point
    }

    /// The AES key that both sides derive with this PIN protocol.
    pub(super) fn shared(self, protocol: i64, point: &[u8]) -> Option<Vec<u8>> {
        let theirs = UnparsedPublicKey::new(&ECDH_P256, point);
        agree_ephemeral(self.private, &theirs, |x| match protocol {
            1 => sha256(x),
            _ => {
                let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &[0; 32]);
                let mut key = vec![0; 32];
                let pseudorandom = salt.extract(x);
                let filled = pseudorandom
                    .expand(&[b"CTAP2 AES key"], hkdf::HKDF_SHA256)
                    .and_then(|material| material.fill(&mut key));
                assert!(filled.is_ok(), "the agreed key does not have 32 bytes");
                key
            }
        })
        .ok()
    }
}

fn cipher(key: &[u8]) -> Aes256 {
    match Aes256::new_from_slice(key) {
        Ok(cipher) => cipher,
        Err(e) => panic!("a key of AES: {e}"),
    }
}

/// AES-256 in CBC, without padding.
pub(super) fn encrypt(protocol: i64, key: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut before = match protocol {
        1 => vec![0; 16],
        _ => random(16),
    };
    let mut encrypted = match protocol {
        1 => Vec::new(),
        _ => before.clone(),
    };
    for chunk in plain.chunks_exact(16) {
        let mixed: Vec<u8> = chunk.iter().zip(&before).map(|(a, b)| a ^ b).collect();
        let mut block = aes::Block::clone_from_slice(&mixed);
        cipher(key).encrypt_block(&mut block);
        before = block.to_vec();
        encrypted.extend_from_slice(&block);
    }
    encrypted
}

/// Decrypts.
pub(super) fn decrypt(protocol: i64, key: &[u8], encrypted: &[u8]) -> Vec<u8> {
    let (mut before, rest) = match protocol {
        1 => (vec![0; 16], encrypted),
        _ => match encrypted.split_at_checked(16) {
            Some((vector, rest)) => (vector.to_vec(), rest),
            None => return Vec::new(),
        },
    };
    let mut plain = Vec::new();
    for chunk in rest.chunks_exact(16) {
        let mut block = aes::Block::clone_from_slice(chunk);
        cipher(key).decrypt_block(&mut block);
        plain.extend(block.iter().zip(&before).map(|(a, b)| a ^ b));
        before = chunk.to_vec();
    }
    plain
}
