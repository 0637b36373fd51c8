//! The form of API keys: `mf_`, 30 base62 characters (≈ 178 bits), and 6 more that are the CRC-32
//! of them, so that scanners can tell a key from other text without asking (TRUST.md SEC-45).

use secrecy::SecretString;

use crate::randomness::Randomness;

/// What an API key begins with.
pub const API_KEY_PREFIX: &str = "mf_";

const SECRET_LENGTH: usize = 30;
const CHECKSUM_LENGTH: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The largest multiple of 62 that a byte can hold: bytes from there on would favor some characters.
const UNBIASED_BELOW: u8 = 248;

fn character(index: usize) -> char {
    BASE62.get(index % 62).map_or('0', |byte| char::from(*byte))
}

/// A new key.
pub(crate) fn generate(randomness: &Randomness) -> SecretString {
    let mut key = String::with_capacity(API_KEY_PREFIX.len() + SECRET_LENGTH + CHECKSUM_LENGTH);
    key.push_str(API_KEY_PREFIX);
    let mut missing = SECRET_LENGTH;
    while missing > 0 {
        let bytes: [u8; 64] = randomness.bytes();
        for byte in bytes.into_iter().filter(|byte| *byte < UNBIASED_BELOW) {
            if missing == 0 {
                break;
            }
            key.push(character(usize::from(byte)));
            missing -= 1;
        }
    }
    let checksum = checksum(key.strip_prefix(API_KEY_PREFIX).unwrap_or_default());
    key.push_str(&checksum);
    key.into()
}

fn checksum(secret: &str) -> String {
    let mut rest = crc32fast::hash(secret.as_bytes());
    let mut digits = [0_usize; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = (rest % 62) as usize;
        rest /= 62;
    }
    digits.into_iter().map(character).collect()
}

/// Whether the text has the form of a key, its checksum included.
pub fn is_well_formed(text: &str) -> bool {
    let Some(body) = text.strip_prefix(API_KEY_PREFIX) else {
        return false;
    };
    body.len() == SECRET_LENGTH + CHECKSUM_LENGTH
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && body
            .split_at_checked(SECRET_LENGTH)
            .is_some_and(|(secret, found)| checksum(secret) == found)
}

/// The last four characters, for people to tell keys apart.
pub(crate) fn last_four(key: &str) -> String {
    key.get(key.len().saturating_sub(4)..)
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn sec_45_keys_have_their_form_and_a_checksum() {
        let randomness = Randomness::new(Box::new(rand_chacha::ChaCha20Rng::seed_from_u64(1)));
        let secret = generate(&randomness);
        let key = secret.expose_secret();
        assert_eq!(key.len(), 39);
        assert!(is_well_formed(key));
        assert_ne!(key, generate(&randomness).expose_secret());
        assert!(!format!("{secret:?}").contains(key));
        for position in 3..key.len() {
            let mut changed: Vec<u8> = key.bytes().collect();
            changed[position] = if changed[position] == b'a' {
                b'b'
            } else {
                b'a'
            };
            let changed = String::from_utf8(changed).unwrap();
            assert!(!is_well_formed(&changed), "changed at {position}");
        }
    }

    #[test]
    fn other_text_is_not_a_key() {
        for text in [
            "",
            "mf_",
            "mf_äöü",
            "sk_000000000000000000000000000000000000",
            "mf_00000000000000000000000000000é00000",
        ] {
            assert!(!is_well_formed(text), "{text}");
        }
    }

    #[test]
    fn the_checksum_is_crc_32_in_base62() {
        // CRC-32 of "123456789" is 0xCBF43926 = 3421780262, the check value of the polynomial.
        let mut value = 0_u64;
        for byte in checksum("123456789").bytes() {
            let digit = BASE62.iter().position(|candidate| *candidate == byte);
            value = value * 62 + digit.unwrap() as u64;
        }
        assert_eq!(value, 0xCBF4_3926);
    }
}
