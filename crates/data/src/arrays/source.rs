use super::raw::{Failure, RawArray};
use super::{ArrayProblem, idx, npy, safetensors};
use crate::Error;
use crate::file::{GZIP_MAGIC, MOST_EXPANSION, open, read_error};
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::PathBuf;
use zip::result::{ZipError, ZipResult};
use zip::{CompressionMethod, ZipArchive};

/// An array in a file. Of what format the file is, its first bytes tell, not its name.
///
/// | format | what is read |
/// |---|---|
/// | NPY | versions 1 to 3: booleans, integers, floating-point numbers (16, 32, 64 bits), text (`U`, `S`), in any order of bytes, by rows or by columns |
/// | NPZ | one of the arrays of an archive, compressed or not |
/// | IDX | any kind of elements |
/// | safetensors | one of the tensors: booleans, integers, `F16`, `BF16`, `F32`, `F64` |
///
/// NPY and IDX may be compressed by gzip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArraySource {
    /// The file.
    pub path: PathBuf,
    /// The name of the array within a file of several; not needed if it has only one.
    pub name: Option<String>,
}

impl ArraySource {
    /// The only array of a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        ArraySource { path: path.into(), name: None }
    }

    /// The array `name` of a file of several.
    pub fn named(path: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        ArraySource { path: path.into(), name: Some(name.into()) }
    }

    /// Opens the array and has it read.
    pub(super) fn with<T>(&self, read: impl FnOnce(RawArray) -> Result<T, Failure>) -> Result<T, Error> {
        let path = &self.path;
        let io_error = |source| Error::Io { path: path.clone(), source };
        let mut start = Vec::new();
        let file = File::open(path).map_err(io_error)?;
        let length = file.metadata().map_err(io_error)?.len();
        let mut file = BufReader::new(file);
        file.by_ref().take(9).read_to_end(&mut start).map_err(io_error)?;
        file.rewind().map_err(io_error)?;

        let mut name = self.name.clone();
        let result = if start.starts_with(b"PK") {
            self.in_archive(file, length, &mut name, read)
        } else if safetensors::is_safetensors(&start)
            && !idx::is_idx(&start)
            && !start.starts_with(npy::MAGIC)
        {
            safetensors::find(&mut file, length, &mut name).and_then(read)
        } else if let Some(name) = &self.name {
            Err(ArrayProblem::Unnamed { name: name.clone() }.into())
        } else {
            drop(file);
            let exact = !start.starts_with(&GZIP_MAGIC);
            let length = if exact { length } else { length.saturating_mul(MOST_EXPANSION) };
            single(&mut *open(path)?, length, exact).and_then(read)
        };
        result.map_err(|failure| match failure {
            Failure::Io(source) => read_error(path, source),
            Failure::Problem(problem) => Error::Array { path: path.clone(), name, problem },
        })
    }

    /// Opens an array of an NPZ archive: a ZIP archive of NPY files.
    fn in_archive<T>(
        &self,
        file: BufReader<File>,
        length: u64,
        name: &mut Option<String>,
        read: impl FnOnce(RawArray) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let zip_error = |error| Failure::Problem(ArrayProblem::Zip(error));
        let mut archive = ZipArchive::new(file).map_err(zip_error)?;
        let array = |file: ZipResult<Cow<str>>| Some(file.ok()?.strip_suffix(".npy")?.to_string());
        let names = archive.file_names().filter_map(array).collect();
        let chosen = choose(names, self.name.as_deref())?;
        let index = archive.index_for_name(&format!("{chosen}.npy"));
        let index = index.ok_or_else(|| zip_error(ZipError::FileNotFound))?;
        *name = Some(chosen);
        let mut entry = archive.by_index(index).map_err(zip_error)?;
        let compressed = entry.compressed_size();
        let exact = entry.compression() == CompressionMethod::Stored && compressed <= length;
        let most = if exact { compressed } else { compressed.min(length).saturating_mul(MOST_EXPANSION) };
        // What goes wrong in reading, too, is the archive's.
        npy::header(&mut entry, most, exact).and_then(read).map_err(|failure| match failure {
            Failure::Io(error) => zip_error(error.into()),
            problem => problem,
        })
    }
}

/// The header of a file that is one array.
fn single(data: &mut dyn BufRead, length: u64, exact: bool) -> Result<RawArray<'_>, Failure> {
    let start = data.fill_buf().map_err(Failure::Io)?;
    if start.starts_with(npy::MAGIC) {
        npy::header(data, length, exact)
    } else if idx::is_idx(start) {
        idx::header(data, length, exact)
    } else {
        Err(ArrayProblem::Format { found: start[..start.len().min(8)].into() }.into())
    }
}

/// The name asked for, which must be one of `names`, or the only one.
pub(super) fn choose(mut names: Vec<String>, name: Option<&str>) -> Result<String, ArrayProblem> {
    match name {
        Some(name) if names.iter().any(|found| found == name) => Ok(name.into()),
        Some(name) => Err(ArrayProblem::NoName { name: name.into(), names }),
        None if names.len() == 1 => Ok(names.remove(0)),
        None => Err(ArrayProblem::WhichArray { names }),
    }
}
