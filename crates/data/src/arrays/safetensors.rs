use super::ArrayProblem;
use super::element::{Element, Kind};
use super::raw::{Failure, RawArray, header_bytes};
use super::source::choose;
use safetensors::tensor::{Dtype, Metadata};
use std::io::{Read, Seek, SeekFrom};

/// Most bytes of a header, as the format has it.
const MOST_HEADER: u64 = 100_000_000;

/// Whether a file that begins so is in the format of safetensors: eight bytes for the length of a header in JSON.
pub(super) fn is_safetensors(start: &[u8]) -> bool {
    start.get(8) == Some(&b'{')
}

/// Finds a tensor in a file of `length` bytes, and says its name.
pub(super) fn find<'a, R: Read + Seek>(
    file: &'a mut R,
    length: u64,
    name: &mut Option<String>,
) -> Result<RawArray<'a>, Failure> {
    let start = header_bytes(file, 8, 8)?;
    let count = start.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte));
    if count > MOST_HEADER {
        return Err(ArrayProblem::LongHeader { found: count, most: MOST_HEADER }.into());
    }
    let rest = length.saturating_sub(8);
    if count > rest {
        return Err(ArrayProblem::Truncated { expected: u128::from(count) + 8, found: length }.into());
    }
    let text = header_bytes(file, count as usize, 8 + count)?;
    // This checks that the tensors follow each other, each of the length of its shape.
    let metadata: Metadata =
        serde_json::from_slice(&text).map_err(|error| Failure::Problem(ArrayProblem::Safetensors(error)))?;
    let (expected, found) = (metadata.data_len() as u128, rest - count);
    if expected > found.into() {
        return Err(ArrayProblem::Truncated { expected, found }.into());
    }
    if expected < found.into() {
        return Err(ArrayProblem::Trailing { expected }.into());
    }
    let chosen = choose(metadata.offset_keys(), name.as_deref())?;
    let Some(info) = metadata.info(&chosen) else {
        return Err(ArrayProblem::NoName { name: chosen, names: metadata.offset_keys() }.into());
    };
    *name = Some(chosen);
    let (kind, size) = match info.dtype {
        Dtype::BOOL => (Kind::Bool, 1),
        Dtype::U8 => (Kind::Unsigned, 1),
        Dtype::U16 => (Kind::Unsigned, 2),
        Dtype::U32 => (Kind::Unsigned, 4),
        Dtype::U64 => (Kind::Unsigned, 8),
        Dtype::I8 => (Kind::Signed, 1),
        Dtype::I16 => (Kind::Signed, 2),
        Dtype::I32 => (Kind::Signed, 4),
        Dtype::I64 => (Kind::Signed, 8),
        Dtype::F16 => (Kind::Float, 2),
        Dtype::F32 => (Kind::Float, 4),
        Dtype::F64 => (Kind::Float, 8),
        Dtype::BF16 => (Kind::Brain, 2),
        other => return Err(ArrayProblem::Element { found: other.to_string() }.into()),
    };
    let (begin, end) = info.data_offsets;
    file.seek(SeekFrom::Start(8 + count + begin as u64)).map_err(Failure::Io)?;
    let shape = info.shape.iter().map(|&length| length as u64).collect();
    let (element, most) = (Element::little(kind, size), (end - begin) as u64);
    let data = Box::new(file.take(most));
    Ok(RawArray { element, shape, columns_first: false, data, most, exact: true })
}
