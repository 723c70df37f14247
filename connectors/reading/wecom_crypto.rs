//! Callbacks of WeCom 企业微信 and WeChat official accounts: signed by a sorted SHA-1, sealed with AES-256 in CBC, padded to 32
//! bytes. Shared by the connectors that hear them.

use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret, SecretString};

/// Their keys have 43 characters whose last bits say nothing, so a strict reader refuses them.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// Bytes of a block of their padding.
const BLOCK: usize = 32;
/// Random bytes before the message.
const PREFIX: usize = 16;

/// What was wrong with a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Sealed {
    /// The signature.
    #[error("the signature does not fit: the token differs, or the callback was changed on the way")]
    Signature,
    /// The key.
    #[error("the message cannot be opened: the EncodingAESKey differs")]
    Key,
    /// The receiver.
    #[error("the message is meant for another company or account: the id in the settings differs")]
    Receiver,
}

/// Whether `given` signs these parts: SHA-1 over token and parts in alphabetical order.
pub(crate) fn check(token: &SecretString, parts: &[&str], given: &str) -> Result<(), Sealed> {
    let mut sorted: Vec<&str> = parts.iter().copied().chain([token.expose_secret()]).collect();
    sorted.sort_unstable();
    let signed = digest(&SHA1_FOR_LEGACY_USE_ONLY, sorted.concat().as_bytes());
    let wanted: String = signed.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let given = given.trim().to_ascii_lowercase();
    verify_slices_are_equal(wanted.as_bytes(), given.as_bytes()).map_err(|_| Sealed::Signature)
}

/// Opens a sealed message meant for `receiver`.
pub(crate) fn open(aes_key: &SecretString, receiver: &str, sealed: &str) -> Result<Vec<u8>, Sealed> {
    let key = BASE64.decode(aes_key.expose_secret().trim()).map_err(|_| Sealed::Key)?;
    let mut bytes = BASE64.decode(sealed.trim()).map_err(|_| Sealed::Key)?;
    let iv: [u8; 16] = key.get(..16).and_then(|iv| iv.try_into().ok()).ok_or(Sealed::Key)?;
    if bytes.is_empty() || bytes.len() % 16 != 0 {
        return Err(Sealed::Key);
    }
    let unbound = UnboundCipherKey::new(&AES_256, &key).map_err(|_| Sealed::Key)?;
    let plain = DecryptingKey::cbc(unbound)
        .and_then(|key| {
            let iv = DecryptionContext::Iv128(FixedLength::from(iv));
            key.decrypt(&mut bytes, iv).map(|plain| plain.to_vec())
        })
        .map_err(|_| Sealed::Key)?;
    let padding = plain.last().map_or(0, |last| usize::from(*last));
    let end =
        plain.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding)).ok_or(Sealed::Key)?;
    let content = plain.get(PREFIX..end).ok_or(Sealed::Key)?;
    let (length, rest) = content.split_first_chunk::<4>().ok_or(Sealed::Key)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Sealed::Key)?;
    let (message, whom) = rest.split_at_checked(length).ok_or(Sealed::Key)?;
    if whom == receiver.as_bytes() { Ok(message.to_vec()) } else { Err(Sealed::Receiver) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[test]
    fn the_vendors_own_sample_opens() {
        let (token, key) =
            ("hJqcu3uJ9Tn2gXPmxx2w9kkCkCE2EPYo", "6qkdMrq68nTKduznJYO1A37W2oEgpkMUvkttRToqhUt");
        let sealed =
            "fsi1xnbH4yQh0+PJxcOdhhK6TDXkjMyhEPA7xB2TGz6b+g7xyAbEkRxN/3cNXW9qdqjnoVzEtpbhnFyq6SVHyA==";
        let signature = "012bc692d0a58dd4b10f8dfe5c4ac00ae211ebeb";
        let parts = ["1476416373", "47744683", sealed];
        assert_eq!(check(&secret(token), &parts, signature), Ok(()));
        assert_eq!(check(&secret("other"), &parts, signature), Err(Sealed::Signature));
        let corp = "ww1436e0e65a779aee";
        assert_eq!(open(&secret(key), corp, sealed).unwrap(), b"1288432023552776189");
        assert_eq!(open(&secret(key), "ww01", sealed), Err(Sealed::Receiver));
        let other = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C";
        assert_eq!(open(&secret(other), corp, sealed), Err(Sealed::Key));
        for broken in ["", "AAAA", sealed.split_at(40).0, "***"] {
            assert_eq!(open(&secret(key), corp, broken), Err(Sealed::Key), "{broken}");
        }
    }

    #[test]
    fn a_signature_over_token_time_and_nonce_alone_fits() {
        let parts = ["1730000000", "8675309"];
        assert_eq!(check(&secret("leadloop"), &parts, "dcf91305ca31e4f12971ab3b3103fb941eadfce0"), Ok(()));
    }
}
