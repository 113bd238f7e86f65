//! A directory that files are written into, each whole or not at all.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Directories that it had to make go away with it if they stay empty.
pub(crate) struct OutputDirectory {
    path: PathBuf,
    /// Innermost first.
    made: Vec<PathBuf>,
    /// Itself, if others are kept out.
    lock: Option<File>,
}

impl OutputDirectory {
    /// Makes the directory that `option` names if it is missing, and makes sure that each of `files` can be written into it:
    /// to be called before the work that the files will hold.
    pub(crate) fn prepare(option: &str, path: &Path, files: &[impl AsRef<Path>]) -> Result<Self> {
        if path.exists() && !path.is_dir() {
            bail!("{option} {}: it is a file; name a directory", path.display());
        }
        let missing = path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
        let made = missing.map(Path::to_owned).collect();
        let directory = OutputDirectory { path: path.to_owned(), made, lock: None };
        fs::create_dir_all(path).and_then(|()| temporary_file(path)).with_context(|| {
            format!("{option} {}: name a directory that can be written to", path.display())
        })?;
        match files.iter().map(|file| directory.file(file)).find(|file| file.is_dir()) {
            Some(file) => {
                bail!("{}: it is a directory where a file belongs; name another {option}", file.display())
            }
            None => Ok(directory),
        }
    }

    /// The directory of the file that `--out` names, and the file's name in it. The file may be none of those that are read.
    pub(crate) fn of_file<'a>(
        out: &'a Path,
        inputs: impl Iterator<Item = &'a Path>,
    ) -> Result<(Self, &'a OsStr)> {
        let name = out.file_name().with_context(|| format!("--out {}: name a file", out.display()))?;
        for input in inputs {
            if is_same(input, out) {
                bail!("--out {}: it is read as well, and would be lost; name another file", out.display());
            }
        }
        let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok((Self::prepare("--out", parent, &[name])?, name))
    }

    /// Keeps other trainings out until this is dropped, or the process ends in any way: they would write over each other. What is
    /// locked is the directory, as a file in it may be replaced by one that is not.
    pub(crate) fn lock(&mut self) -> Result<()> {
        // Elsewhere a directory is not opened like a file, and trainings do not see each other.
        if cfg!(not(unix)) {
            return Ok(());
        }
        let named = || self.path.display().to_string();
        let directory = File::open(&self.path).with_context(named)?;
        match directory.try_lock() {
            // Some file systems know no locks.
            Ok(()) | Err(TryLockError::Error(_)) => self.lock = Some(directory),
            Err(TryLockError::WouldBlock) => {
                let named = named();
                // It is the other's, also while nothing is in it.
                self.made.clear();
                bail!("{named}: another training is under way in this directory; name another --out");
            }
        }
        Ok(())
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file beside its place, syncs and renames it, so that no reader ever sees half of it.
    pub(crate) fn write(&self, name: impl AsRef<Path>, contents: &[u8]) -> Result<()> {
        let path = self.file(name);
        let write = || -> io::Result<()> {
            let mut file = temporary_file(&self.path)?;
            file.write_all(contents)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            // So that the name is there, too, when the machine stops.
            #[cfg(unix)]
            File::open(&self.path)?.sync_all()?;
            Ok(())
        };
        write().with_context(|| path.display().to_string())
    }
}

impl Drop for OutputDirectory {
    fn drop(&mut self) {
        for directory in &self.made {
            // Fails, as it should, on a directory with something in it.
            let _ = fs::remove_dir(directory);
        }
    }
}

/// Whether both paths name one file that exists.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).ok().is_some_and(|one| fs::canonicalize(other).ok() == Some(one))
}

/// A file without a name that others would look for; it goes away unless it is renamed.
fn temporary_file(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The umask takes from these what it takes from every new file.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}
