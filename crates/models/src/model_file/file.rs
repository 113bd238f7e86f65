use super::ModelFileError;
use super::checksum::{KEY, checksum};
use safetensors::SafeTensors;
use safetensors::tensor::{Metadata, TensorView};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes of a file's first number, the length of its header, and what that length is a multiple of.
const LENGTH: usize = 8;

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

    /// What the file says its checksum is.
    pub(crate) fn checksum(&self) -> Option<&str> {
        self.metadata.metadata().as_ref()?.get(KEY).map(String::as_str)
    }

    /// The tensors of a file that another program wrote, which has no checksum.
    pub(crate) fn foreign_tensors(&self, path: &Path) -> Result<SafeTensors<'_>, ModelFileError> {
        SafeTensors::deserialize(&self.bytes).map_err(|source| ModelFileError::format(path, source))
    }

    /// The tensors, once the checksum holds.
    pub(crate) fn tensors(&self, path: &Path) -> Result<SafeTensors<'_>, ModelFileError> {
        let tensors = self.foreign_tensors(path)?;
        let no_checksum = || ModelFileError::NoChecksum { path: path.to_owned() };
        let metadata = self.metadata.metadata().as_ref().ok_or_else(no_checksum)?;
        let expected = metadata.get(KEY).ok_or_else(no_checksum)?;
        let found = checksum(metadata, &tensors.iter().collect::<Vec<_>>());
        if *expected != found {
            return Err(ModelFileError::Checksum {
                path: path.to_owned(),
                expected: expected.clone(),
                found,
            });
        }
        Ok(tensors)
    }
}

/// Writes a file of `tensors`, with `metadata` and a checksum.
pub(crate) fn write(
    path: &Path,
    tensors: &[(&str, TensorView)],
    metadata: HashMap<String, String>,
) -> Result<(), ModelFileError> {
    let bytes = serialize(path, tensors, metadata)?;
    write_whole(path, &bytes).map_err(|source| ModelFileError::io(path, source))
}

/// [`write`] for a file that one process writes again and again: what is beside it always has the same name, so however often the
/// process is killed, no more than one half of a file is left behind.
pub(crate) fn write_again(
    path: &Path,
    tensors: &[(&str, TensorView)],
    metadata: HashMap<String, String>,
) -> Result<(), ModelFileError> {
    let bytes = serialize(path, tensors, metadata)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    let beside = Path::new(&beside);
    let written = write_and_sync(beside, &bytes).and_then(|()| fs::rename(beside, path));
    let written = written.inspect_err(|_| drop(fs::remove_file(beside)));
    written.and_then(|()| sync_directory(path)).map_err(|source| ModelFileError::io(path, source))
}

/// A whole file, for error messages that of `path`.
fn serialize(
    path: &Path,
    tensors: &[(&str, TensorView)],
    mut metadata: HashMap<String, String>,
) -> Result<Vec<u8>, ModelFileError> {
    metadata.insert(KEY.to_owned(), checksum(&metadata, tensors));
    let tensors = tensors.iter().map(|(name, tensor)| (*name, tensor));
    let bytes = safetensors::serialize(tensors, Some(metadata))
        .map_err(|source| ModelFileError::format(path, source))?;
    sort_header(&bytes).map_err(|source| ModelFileError::description(path, source))
}

/// The same file with all of its header in the order of the keys (a `HashMap`'s order is another every time), so that the same
/// contents are the same bytes.
fn sort_header(file: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let (length, rest) = file.split_at(LENGTH);
    let length = u64::from_le_bytes(length.try_into().expect("eight bytes")) as usize;
    let (header, data) = rest.split_at(length);
    let header: BTreeMap<String, BTreeMap<String, serde_json::Value>> = serde_json::from_slice(header)?;
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(LENGTH), b' ');
    Ok([&(header.len() as u64).to_le_bytes(), &*header, data].concat())
}

fn read_whole(path: &Path) -> Result<Vec<u8>, ModelFileError> {
    let error = |source| ModelFileError::io(path, source);
    let not_a_file = || ModelFileError::NotAFile { path: path.to_owned() };
    let mut file = open_regular(path).map_err(error)?.ok_or_else(not_a_file)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(error)?;
    Ok(bytes)
}

/// Opens a file to read; none that is a directory, a device or a pipe.
pub(crate) fn open_regular(path: &Path) -> io::Result<Option<File>> {
    // Before, as to open a pipe waits for whoever writes into it, and after, as it may be another by then.
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let file = File::open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Writes a file beside its place, syncs and renames it, and syncs the directory: whenever the machine stops, the old file or the
/// new one is there.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    // As any new file: readable by all that the umask lets, where a temporary file is the owner's alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(directory(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_directory(path)
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes sure that a renamed file stays so.
fn sync_directory(path: &Path) -> io::Result<()> {
    // A directory is a file that can be synced on Unix only.
    if cfg!(unix) { File::open(directory(path))?.sync_all() } else { Ok(()) }
}
