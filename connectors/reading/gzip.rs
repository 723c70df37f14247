//! Compressed bodies: known by their first bytes, never by a header, and never larger than they may become.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use leadloop_connector_api::Refusal;

use super::{BROKEN, TOO_LARGE, unreadable};

/// Most bytes of a body once it is unpacked.
pub(crate) const MOST_UNPACKED: usize = 10 * 1024 * 1024;

/// The body as it was before it was packed; as it is where it was not. Packed twice counts as broken: nobody does that
/// by accident.
///
/// # Errors
/// That it is cut, or becomes too large.
pub(crate) fn unpacked(body: &[u8]) -> Result<Cow<'_, [u8]>, Refusal> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(body));
    }
    let mut plain = Vec::with_capacity(body.len().saturating_mul(4).min(MOST_UNPACKED));
    let most = u64::try_from(MOST_UNPACKED).unwrap_or(u64::MAX);
    MultiGzDecoder::new(body)
        .take(most + 1)
        .read_to_end(&mut plain)
        .map_err(|_| unreadable(BROKEN, "the gzip data is broken or ends too early"))?;
    if plain.len() > MOST_UNPACKED {
        let limit = MOST_UNPACKED / (1024 * 1024);
        return Err(unreadable(
            TOO_LARGE,
            format!("the body becomes larger than {limit} MB when it is unpacked"),
        ));
    }
    if plain.starts_with(&[0x1f, 0x8b]) {
        return Err(unreadable(BROKEN, "the body is packed twice"));
    }
    Ok(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn bodies_are_unpacked_by_their_looks_within_bounds() {
        assert_eq!(unpacked(b"{}").unwrap().as_ref(), b"{}");
        let once = packed(b"{\"a\":1}");
        assert_eq!(unpacked(&once).unwrap().as_ref(), b"{\"a\":1}");
        assert!(unpacked(&packed(&once)).is_err(), "packed twice");
        assert!(unpacked(&once[..once.len() - 3]).is_err(), "cut");
        let bomb = packed(&vec![b' '; MOST_UNPACKED + 1]);
        assert!(bomb.len() < 20_000);
        let Err(Refusal::Unreadable { code, .. }) = unpacked(&bomb) else { panic!() };
        assert_eq!(code, TOO_LARGE);
        assert_eq!(unpacked(&packed(&vec![b' '; MOST_UNPACKED])).unwrap().len(), MOST_UNPACKED);
    }
}
