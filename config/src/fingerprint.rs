//! Names for contents: 128 bits (FNV-1a) in hex. They tell versions apart; they prove nothing.

/// The fingerprint of these parts, in their order.
#[must_use]
pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut state: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for part in parts {
        for byte in part.iter().copied().chain([0]) {
            state ^= u128::from(byte);
            state = state.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B);
        }
    }
    format!("{state:032x}")
}
