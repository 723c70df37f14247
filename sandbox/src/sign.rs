//! Standard Webhooks signatures.

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Secrets are written with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key that signs.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    key: hmac::Key,
}

impl Signer {
    /// From `whsec_` and base64.
    pub(crate) fn from_secret(secret: &str) -> Option<Self> {
        let bytes = LENIENT.decode(secret.strip_prefix("whsec_")?).ok()?;
        (!bytes.is_empty()).then(|| Self { key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) })
    }

    /// The value of `webhook-signature`.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

/// A fresh secret of 32 bytes; none when the system has no randomness to give.
pub(crate) fn fresh_secret() -> Option<String> {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).ok()?;
    Some(format!("whsec_{}", STANDARD.encode(bytes)))
}

/// A message id that no other message has.
pub(crate) fn fresh_id() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness the id is all zeros; the receiver's de-duplication would tell, and `fresh_secret` would have failed before.
    let _ = rand::fill(&mut bytes);
    format!("msg_{}", hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors_hold() {
        let signer = Signer::from_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        assert_eq!(
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        let body = "{\"type\":\"lead.handed_off\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"data\":{\"lead_id\":\"L-000123\",\"crm\":\"salesforce\"}}";
        assert_eq!(
            signer.sign("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", 1_767_225_600, body),
            "v1,Bhh78JKV/Wu/QIvNRd3FRFmvwLCjoVctLfy9CcSGJi4="
        );
    }

    #[test]
    fn secrets_are_read_with_and_without_padding() {
        assert!(Signer::from_secret("whsec_AAECAw==").is_some());
        assert!(Signer::from_secret("whsec_AAECAw").is_some());
        for bad in ["AAECAw==", "whsec_", "whsec_!!", ""] {
            assert!(Signer::from_secret(bad).is_none(), "{bad}");
        }
        assert_ne!(fresh_secret(), fresh_secret());
        assert!(fresh_secret().is_some_and(|secret| Signer::from_secret(&secret).is_some()));
    }
}
