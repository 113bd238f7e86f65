use crate::args::DataArgs;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

impl DataArgs {
    /// SHA-256 of all files that the rows come from, in hexadecimal digits; none for a built-in set, and where one of them, as a
    /// pipe, can be read only once.
    pub(crate) fn digest(&self) -> Result<Option<String>> {
        let files: Vec<&Path> = self.files().map(|(_, path)| path).collect();
        for path in &files {
            let metadata = fs::metadata(path).with_context(|| path.display().to_string())?;
            if !metadata.is_file() {
                return Ok(None);
            }
        }
        let mut digest = Sha256::new();
        files.iter().try_for_each(|path| add(path, &mut digest))?;
        let digits = || digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((!files.is_empty()).then(digits))
    }
}

fn add(path: &Path, digest: &mut Sha256) -> Result<()> {
    let named = || path.display().to_string();
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).with_context(named)?);
    loop {
        let bytes = file.fill_buf().with_context(named)?;
        if bytes.is_empty() {
            return Ok(());
        }
        digest.update(bytes);
        let length = bytes.len();
        file.consume(length);
    }
}
