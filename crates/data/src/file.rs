use crate::Error;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

pub(crate) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// No deflate stream is longer than this many times its compressed length: its shortest code, two bits, stands for at
/// most 258 bytes (RFC 1951, section 3.2.5).
pub(crate) const MOST_EXPANSION: u64 = 1032;

/// Bytes that are read at a time.
const BUFFER: usize = 1 << 16;

/// The bytes of a file, which gzip may have compressed (its first bytes tell, not its name).
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>, Error> {
    let io_error = |source| Error::Io { path: path.into(), source };
    let mut file = BufReader::with_capacity(BUFFER, File::open(path).map_err(io_error)?);
    if file.fill_buf().map_err(io_error)?.starts_with(&GZIP_MAGIC) {
        Ok(Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file))))
    } else {
        Ok(Box::new(file))
    }
}

/// What went wrong in reading `path`: the decompressor reports its input by these kinds, the operating system a file by
/// others.
pub(crate) fn read_error(path: &Path, source: io::Error) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    let path = path.into();
    match source.kind() {
        InvalidData | InvalidInput | UnexpectedEof => Error::Gzip { path, source },
        _ => Error::Io { path, source },
    }
}

/// The name of a file up to the first dot that does not begin it.
pub(crate) fn short_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let end = name.char_indices().skip(1).find(|&(_, c)| c == '.').map_or(name.len(), |(end, _)| end);
    name[..end].into()
}
