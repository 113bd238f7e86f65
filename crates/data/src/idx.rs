use crate::Error;
use crate::file::{GZIP_MAGIC, MOST_EXPANSION, read_error};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

const UNSIGNED_BYTE: u8 = 0x08;
const MOST_DIMENSIONS: u8 = 4;

/// An array of bytes, as an IDX file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// Length of each dimension, the slowest first; 1 to 4 of them.
    pub shape: Vec<usize>,
    /// The elements, row-major: as many as the product of the shape.
    pub bytes: Vec<u8>,
}

/// Reads an IDX file of unsigned bytes, plain or compressed by gzip (its first bytes tell which, not its name).
///
/// The format is that of the MNIST files (Y. LeCun, C. Cortes and C. Burges): the bytes 0, 0, 8 and the number of
/// dimensions, then the length of each as four bytes, big endian, then the elements.
///
/// The file need not be trusted: no more memory is taken than about twice the data that really are there, and never more
/// than about twice what the header announces.
///
/// # Errors
/// [`Error::Io`], [`Error::Gzip`], [`Error::NotIdx`], [`Error::IdxType`], [`Error::IdxDimensions`], and
/// [`Error::IdxTooLarge`], [`Error::IdxTruncated`] or [`Error::IdxTrailing`] if the file is not as long as its header
/// announces.
///
/// ```
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("labels-idx1-ubyte");
/// std::fs::write(&path, [0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9])?;
///
/// let idx = chainrule_data::read_idx(&path)?;
/// assert_eq!(idx.shape, [3]);
/// assert_eq!(idx.bytes, [7, 8, 9]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_idx(path: &Path) -> Result<Idx, Error> {
    let io_error = |source| Error::Io { path: path.into(), source };
    let file = File::open(path).map_err(io_error)?;
    let length = file.metadata().map_err(io_error)?.len();
    let mut file = BufReader::new(file);
    if file.fill_buf().map_err(io_error)?.starts_with(&GZIP_MAGIC) {
        let most = length.saturating_mul(MOST_EXPANSION);
        IdxReader { path, input: MultiGzDecoder::new(file), found: 0 }
            .read(most, |expected| Error::IdxTooLarge { path: path.into(), expected, most })
    } else {
        IdxReader { path, input: file, found: 0 }.read(length, |expected| Error::IdxTruncated {
            path: path.into(),
            expected,
            found: length,
        })
    }
}

struct IdxReader<'a, R> {
    path: &'a Path,
    input: R,
    /// Bytes read so far.
    found: u64,
}

impl<R: Read> IdxReader<'_, R> {
    /// Reads everything; `too_large` is the error for a header that announces more than `most` bytes.
    fn read(mut self, most: u64, too_large: impl FnOnce(u128) -> Error) -> Result<Idx, Error> {
        let [zero_0, zero_1, type_code, dimensions] = self.header_word(4)?;
        if [zero_0, zero_1] != [0, 0] {
            return Err(Error::NotIdx { path: self.path.into(), found: [zero_0, zero_1] });
        }
        if type_code != UNSIGNED_BYTE {
            return Err(Error::IdxType { path: self.path.into(), found: type_code });
        }
        if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
            return Err(Error::IdxDimensions { path: self.path.into(), found: dimensions });
        }
        let header = 4 + 4 * u64::from(dimensions);
        let mut shape = [0; MOST_DIMENSIONS as usize];
        let shape = &mut shape[..usize::from(dimensions)];
        for length in &mut *shape {
            *length = u32::from_be_bytes(self.header_word(header)?);
        }
        // Four factors of 32 bits: the product, and the header with it, fits 128 bits.
        let elements: u128 = shape.iter().map(|&length| u128::from(length)).product();
        let expected = u128::from(header) + elements;
        let elements = match u64::try_from(elements) {
            Ok(elements) if expected <= u128::from(most) => elements,
            _ => return Err(too_large(expected)),
        };
        // One byte more than announced tells whether there are more, and lets gzip come to its checksum if not.
        let bytes = self.up_to(elements.saturating_add(1))?;
        if self.found > header + elements {
            return Err(Error::IdxTrailing { path: self.path.into(), expected });
        }
        if self.found < header + elements {
            return Err(Error::IdxTruncated { path: self.path.into(), expected, found: self.found });
        }
        Ok(Idx { shape: shape.iter().map(|&length| length as usize).collect(), bytes })
    }

    /// Four bytes of a header of `expected` bytes.
    fn header_word(&mut self, expected: u64) -> Result<[u8; 4], Error> {
        self.up_to(4)?.try_into().map_err(|_| {
            let expected = u128::from(expected);
            Error::IdxTruncated { path: self.path.into(), expected, found: self.found }
        })
    }

    /// The next `most` bytes, or all that there are. The buffer grows with what arrives.
    fn up_to(&mut self, most: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.input
            .by_ref()
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|source| read_error(self.path, source))?;
        self.found += bytes.len() as u64;
        bytes.shrink_to_fit();
        Ok(bytes)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::fs;
    use std::io::{self, Write};

    /// An IDX file of bytes, which need not be as many as the shape says.
    pub(crate) fn idx(shape: &[u32], bytes: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, UNSIGNED_BYTE, shape.len() as u8];
        shape.iter().for_each(|length| file.extend(length.to_be_bytes()));
        file.extend(bytes);
        file
    }

    pub(crate) fn gzip(file: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(file).expect("memory to write to");
        encoder.finish().expect("memory to write to")
    }

    fn read(file: &[u8]) -> Result<Idx, Error> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("file");
        fs::write(&path, file).expect("a writable directory");
        read_idx(&path)
    }

    /// What the error says after the path.
    fn message(file: &[u8]) -> String {
        let error = read(file).expect_err("a file that lies").to_string();
        error.split_once("/file: ").expect("the error names the file").1.to_string()
    }

    fn is_consistent(idx: &Idx) -> bool {
        idx.shape.iter().map(|&length| length as u128).product::<u128>() == idx.bytes.len() as u128
    }

    #[test]
    fn reads_one_to_four_dimensions() {
        let bytes = Vec::from_iter(0..24);
        for shape in [&[24][..], &[4, 6], &[2, 3, 4], &[1, 2, 3, 4], &[24, 1, 1]] {
            let file = idx(shape, &bytes);
            let (head, tail) = file.split_at(7);
            // Plain, compressed, and compressed in two members, which decompress to one file.
            for file in [file.clone(), gzip(&file), [gzip(head), gzip(tail)].concat()] {
                let idx = read(&file).expect("a good file");
                assert!(idx.shape.iter().copied().eq(shape.iter().map(|&length| length as usize)));
                assert_eq!(idx.bytes, bytes);
            }
        }
        for file in [idx(&[5, 0], &[]), gzip(&idx(&[5, 0], &[]))] {
            assert_eq!(read(&file).expect("an empty array"), Idx { shape: vec![5, 0], bytes: vec![] });
        }
    }

    #[test]
    fn names_every_lie_of_a_header() {
        let m = u32::MAX;
        let not_idx = "not an IDX file: it begins with";
        let table = [
            (vec![1, 0, 8, 1, 0, 0, 0, 1, 5], format!("{not_idx} [01, 00], expected two zero bytes")),
            (vec![0, 1, 8, 1, 0, 0, 0, 1, 5], format!("{not_idx} [00, 01], expected two zero bytes")),
            (b"P5 28 28".to_vec(), format!("{not_idx} [50, 35], expected two zero bytes")),
            (
                vec![0, 0, 0, 1, 0, 0, 0, 1, 5],
                "the IDX type code is 0x00, expected 0x08 (unsigned bytes)".into(),
            ),
            (
                vec![0, 0, 9, 1, 0, 0, 0, 1, 5],
                "the IDX type code is 0x09, expected 0x08 (unsigned bytes)".into(),
            ),
            (
                vec![0, 0, 14, 1, 0, 0, 0, 1, 5],
                "the IDX type code is 0x0e, expected 0x08 (unsigned bytes)".into(),
            ),
            (vec![0, 0, 8, 0, 5], "the IDX header announces 0 dimensions, expected 1 to 4".into()),
            (idx(&[1; 5], &[5]), "the IDX header announces 5 dimensions, expected 1 to 4".into()),
            (vec![0, 0, 8, 255], "the IDX header announces 255 dimensions, expected 1 to 4".into()),
            (idx(&[3], &[1, 2]), "the IDX data are cut off: expected 11 bytes, found 10".into()),
            (idx(&[2, 2], &[1; 5]), "the IDX data go on too long: expected 16 bytes, found more".into()),
            (idx(&[0], &[1]), "the IDX data go on too long: expected 8 bytes, found more".into()),
        ];
        for (file, expected) in table {
            assert_eq!(message(&file), expected);
            assert_eq!(message(&gzip(&file)), expected);
        }

        // What a file could never hold is refused before it is read.
        let huge = [
            (idx(&[m], &[]), 8 + u128::from(m)),
            (idx(&[m, m], &[1, 2]), 12 + u128::from(m).pow(2)),
            // Modulo 2⁶⁴ and 2³² these are 0 bytes.
            (idx(&[1 << 31, 1 << 31, 4], &[]), 16 + (1 << 64)),
            (idx(&[1 << 16, 1 << 16], &[]), 12 + (1 << 32)),
            (idx(&[m, m, m, m], &[1, 2]), 20 + u128::from(m).pow(4)),
        ];
        for (file, expected) in huge {
            let found = file.len();
            assert_eq!(
                message(&file),
                format!("the IDX data are cut off: expected {expected} bytes, found {found}")
            );
            let file = gzip(&file);
            let most = 1032 * file.len();
            assert_eq!(
                message(&file),
                format!(
                    "the IDX header announces {expected} bytes, expected at most {most}, which is what the file can hold"
                )
            );
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let file = idx(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        for length in 0..file.len() {
            let error = read(&file[..length]).expect_err("a file cut off");
            assert!(matches!(error, Error::IdxTruncated { found, .. } if found == length as u64), "{error}");
            let error = read(&gzip(&file[..length])).expect_err("a file cut off before it was compressed");
            assert!(matches!(error, Error::IdxTruncated { found, .. } if found == length as u64), "{error}");
        }
        let file = gzip(&file);
        for length in 0..file.len() {
            let error = read(&file[..length]).expect_err("a file cut off");
            match length {
                // Too short to be known as gzip.
                0 => assert!(matches!(error, Error::IdxTruncated { expected: 4, found: 0, .. }), "{error}"),
                1 => assert!(matches!(error, Error::IdxTruncated { expected: 4, found: 1, .. }), "{error}"),
                _ => assert!(matches!(error, Error::Gzip { .. }), "{length}: {error}"),
            }
        }
    }

    #[test]
    fn a_flipped_bit_never_gives_other_bytes_from_gzip() {
        let original = idx(&[2, 100], &Vec::from_iter((0..200).map(|i| (i * i % 251) as u8)));
        let file = gzip(&original);
        let original = read(&original).expect("a good file");
        let mut errors = 0;
        for bit in 0..8 * file.len() {
            let mut file = file.clone();
            file[bit / 8] ^= 1 << (bit % 8);
            match read(&file) {
                // Time and system in the gzip header, or the bits that fill up the last byte of the stream.
                Ok(idx) => assert_eq!(idx, original, "bit {bit}"),
                Err(_) => errors += 1,
            }
        }
        assert!(errors > 8 * (file.len() - 10));
    }

    #[test]
    fn a_bad_checksum_and_what_follows_are_errors() {
        let good = gzip(&idx(&[3], &[1, 2, 3]));
        let mut bad_checksum = good.clone();
        bad_checksum[good.len() - 8] ^= 1;
        let mut bad_length = good.clone();
        bad_length[good.len() - 1] ^= 1;
        for file in [bad_checksum, bad_length, [&good[..], b"more"].concat()] {
            assert_eq!(message(&file), "the gzip data are corrupt or cut off");
        }
        let twice = [&good[..], &good].concat();
        assert_eq!(message(&twice), "the IDX data go on too long: expected 11 bytes, found more");
    }

    #[test]
    fn honest_zeros_are_not_too_large() {
        // As near to the limit of deflate as a compressor comes.
        let length = 20_000_000;
        let file = gzip(&idx(&[length], &vec![0; length as usize]));
        assert!(file.len() < length as usize / 1000);
        let idx = read(&file).expect("a good file");
        assert!(idx.bytes.len() == length as usize && is_consistent(&idx));
    }

    /// A source without end that counts what is taken from it.
    struct Endless<'a> {
        header: &'a [u8],
        taken: u64,
    }

    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = match self.header.read(buffer)? {
                0 => io::repeat(7).read(buffer)?,
                count => count,
            };
            self.taken += count as u64;
            Ok(count)
        }
    }

    #[test]
    fn reading_stops_one_byte_after_what_was_announced() {
        for elements in [0, 1, 10, 100_000] {
            let header = idx(&[elements], &[]);
            let mut input = Endless { header: &header, taken: 0 };
            let reader = IdxReader { path: Path::new("endless"), input: &mut input, found: 0 };
            let error = reader.read(u64::MAX, |_| unreachable!("all of it is allowed")).expect_err("no end");
            assert!(matches!(error, Error::IdxTrailing { .. }), "{error}");
            assert_eq!(input.taken, 8 + u64::from(elements) + 1);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for path in [dir.path(), &dir.path().join("nowhere")] {
            let error = read_idx(path).expect_err("not a file");
            assert!(matches!(&error, Error::Io { path: found, .. } if found == path), "{error}");
        }
    }

    fn any_file() -> impl Strategy<Value = Vec<u8>> {
        let shape = prop::collection::vec(0_u32..6, 1..5);
        shape.prop_flat_map(|shape| {
            let count = shape.iter().product::<u32>() as usize;
            prop::collection::vec(any::<u8>(), count).prop_map(move |bytes| idx(&shape, &bytes))
        })
    }

    /// Overwrites some bytes, then cuts off the end or appends to it.
    fn mutate(mut file: Vec<u8>, changes: &[(prop::sample::Index, u8)], cut: usize, tail: &[u8]) -> Vec<u8> {
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = *byte;
        }
        file.truncate(file.len().saturating_sub(cut));
        file.extend(tail);
        file
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn any_bytes_are_an_array_or_an_error(mut file: Vec<u8>, start in 0_usize..3) {
            file.splice(..0, [&[][..], &GZIP_MAGIC, &[0, 0, 8]][start].iter().copied());
            for file in [gzip(&file), file] {
                if let Ok(idx) = read(&file) {
                    prop_assert!(is_consistent(&idx));
                }
            }
        }

        #[test]
        fn a_mutated_file_is_an_array_or_an_error(
            file in any_file(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in 0_usize..4,
            tail in prop::collection::vec(any::<u8>(), 0..3),
        ) {
            let mutated = mutate(file.clone(), &changes, cut, &tail);
            // Plain; with a checksum that fits the damage; with one that does not.
            for file in [gzip(&mutated), mutated, mutate(gzip(&file), &changes, cut, &tail)] {
                if let Ok(idx) = read(&file) {
                    prop_assert!(is_consistent(&idx));
                }
            }
        }
    }
}
