use super::ArrayProblem;
use super::element::{Element, Kind};
use super::raw::{Failure, RawArray, header_bytes};
use std::io::Read;

/// Whether a file that begins so is in the IDX format: two zero bytes, the kind of the elements, and the number of dimensions.
pub(super) fn is_idx(start: &[u8]) -> bool {
    matches!(start, [0, 0, 8..=0x0E, 1..=MOST_DIMENSIONS, ..])
}

const MOST_DIMENSIONS: u8 = 8;

/// Reads the header of an IDX file of any kind of elements, which `length` bytes of `data` hold, or, if they are compressed, at
/// most so many. All its numbers are big endian. [`read_idx`](crate::read_idx) names the source.
pub(super) fn header(data: &mut dyn Read, length: u64, exact: bool) -> Result<RawArray<'_>, Failure> {
    let start = header_bytes(data, 4, 4)?;
    let (kind, size) = match start[2] {
        0x08 => (Kind::Unsigned, 1),
        0x09 => (Kind::Signed, 1),
        0x0B => (Kind::Signed, 2),
        0x0C => (Kind::Signed, 4),
        0x0D => (Kind::Float, 4),
        0x0E => (Kind::Float, 8),
        code => return Err(ArrayProblem::Element { found: format!("0x{code:02x}") }.into()),
    };
    let count = 4 * usize::from(start[3]);
    let fixed = 4 + count as u64;
    let lengths = header_bytes(data, count, fixed)?;
    let length_of = |bytes: &[u8]| bytes.iter().fold(0, |length, &byte| length << 8 | u64::from(byte));
    let shape = lengths.chunks_exact(4).map(length_of).collect();
    let most = length.saturating_sub(fixed);
    Ok(RawArray {
        element: Element { kind, size, big_endian: true },
        shape,
        columns_first: false,
        data: Box::new(data),
        most,
        exact,
    })
}
