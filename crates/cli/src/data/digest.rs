use crate::args::{DataArgs, DataSource};
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

impl DataArgs {
    /// SHA-256 of all files that the rows come from, in hexadecimal digits; none for a built-in set.
    pub(crate) fn digest(&self) -> Result<Option<String>> {
        let DataSource::File(path) = &self.data else { return Ok(None) };
        let mut digest = Sha256::new();
        let files = [Some(path), self.arrays.labels.as_ref(), self.test_data.as_ref()];
        files.into_iter().flatten().try_for_each(|path| add(path, &mut digest))?;
        Ok(Some(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
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
