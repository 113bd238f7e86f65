use super::ModelFileError;
use safetensors::SafeTensors;
use safetensors::tensor::{Metadata, TensorView};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// A safetensors file, in memory.
pub(crate) struct TensorFile {
    bytes: Vec<u8>,
    pub(crate) metadata: Metadata,
}

impl TensorFile {
    /// Reads a regular file whole; so nothing in it can ask for more memory than it has bytes.
    pub(crate) fn read(path: &Path) -> Result<Self, ModelFileError> {
        let bytes = read_whole(path)?;
        let (_, metadata) =
            SafeTensors::read_metadata(&bytes).map_err(|source| ModelFileError::format(path, source))?;
        Ok(TensorFile { bytes, metadata })
    }

    pub(crate) fn tensors(&self, path: &Path) -> Result<SafeTensors<'_>, ModelFileError> {
        SafeTensors::deserialize(&self.bytes).map_err(|source| ModelFileError::format(path, source))
    }
}

/// Writes a file of `tensors`, with `metadata`.
pub(super) fn write(
    path: &Path,
    tensors: Vec<(String, TensorView)>,
    metadata: Option<HashMap<String, String>>,
) -> Result<(), ModelFileError> {
    let bytes =
        safetensors::serialize(tensors, metadata).map_err(|source| ModelFileError::format(path, source))?;
    write_whole(path, &bytes).map_err(|source| ModelFileError::io(path, source))
}

fn read_whole(path: &Path) -> Result<Vec<u8>, ModelFileError> {
    let error = |source| ModelFileError::io(path, source);
    let mut file = File::open(path).map_err(error)?;
    if !file.metadata().map_err(error)?.is_file() {
        return Err(ModelFileError::NotAFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(error)?;
    Ok(bytes)
}

/// Writes a file beside its place, syncs and renames it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // As any new file: readable by all that the umask lets, where a temporary file is the owner's alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
