//! The promise of the readers, counted by the allocator: memory only for data that are there.

use chainrule_data::{Error, read_csv_rows, read_idx};
use flate2::{Compression, write::GzEncoder};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Buffers of the file and of the decompressor, and a message.
const BUFFERS: usize = 150_000;

/// The result of `run`, and the most bytes that it held at a time.
fn peak<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let profiler = dhat::Profiler::builder().testing().build();
    let result = run();
    let peak = dhat::HeapStats::get().max_bytes;
    drop(profiler);
    (result, peak)
}

fn idx_header(shape: &[u32]) -> Vec<u8> {
    let mut header = vec![0, 0, 8, shape.len() as u8];
    shape.iter().for_each(|length| header.extend(length.to_be_bytes()));
    header
}

/// A compressed IDX file of zeros.
fn write_zeros(path: &Path, shape: &[u32], zeros: u64) -> io::Result<()> {
    let mut encoder = GzEncoder::new(File::create(path)?, Compression::best());
    encoder.write_all(&idx_header(shape))?;
    io::copy(&mut io::repeat(0).take(zeros), &mut encoder)?;
    encoder.finish()?;
    Ok(())
}

// One test, as there is one allocator.
#[test]
fn memory_is_taken_only_for_data_that_are_there() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("file");
    const MEGABYTE: usize = 1_000_000;

    // A bomb: 100 megabytes where ten bytes are announced.
    write_zeros(&path, &[10], 100 * MEGABYTE as u64)?;
    let (result, bytes) = peak(|| read_idx(&path));
    assert!(matches!(result, Err(Error::IdxTrailing { .. })), "{result:?}");
    assert!(bytes < BUFFERS, "{bytes}");

    // Megabytes announced, as many as the file could hold, but hardly any there: the rest of it is empty members.
    write_zeros(&path, &[20 * MEGABYTE as u32], 100)?;
    let mut member = Vec::new();
    GzEncoder::new(&mut member, Compression::best()).finish()?;
    let mut file = fs::OpenOptions::new().append(true).open(&path)?;
    file.write_all(&member.repeat(2000))?;
    let (result, bytes) = peak(|| read_idx(&path));
    assert!(matches!(result, Err(Error::IdxTruncated { found: 108, .. })), "{result:?}");
    assert!(bytes < BUFFERS, "{bytes}");

    // Headers that announce more than there can be.
    for shape in [&[u32::MAX][..], &[u32::MAX; 4], &[1 << 16, 1 << 16], &[1 << 31, 1 << 31, 4]] {
        fs::write(&path, idx_header(shape))?;
        let (result, bytes) = peak(|| read_idx(&path));
        assert!(matches!(result, Err(Error::IdxTruncated { .. })), "{result:?}");
        assert!(bytes < BUFFERS, "{bytes}");

        write_zeros(&path, shape, 10)?;
        let (result, bytes) = peak(|| read_idx(&path));
        assert!(matches!(result, Err(Error::IdxTooLarge { .. })), "{result:?}");
        assert!(bytes < BUFFERS, "{bytes}");
    }

    // An honest file. Its buffer doubles as it grows, and is then cut to what it holds.
    write_zeros(&path, &[10 * MEGABYTE as u32], 10 * MEGABYTE as u64)?;
    let (result, bytes) = peak(|| read_idx(&path));
    let idx = result?;
    assert_eq!((idx.bytes.len(), idx.bytes.capacity()), (10 * MEGABYTE, 10 * MEGABYTE));
    assert!(bytes < 30 * MEGABYTE + BUFFERS, "{bytes}");

    // A quote that is never closed does not gather the rest of the file.
    fs::write(&path, format!("1,2\n\"3,4\n{}", "5,6\n".repeat(MEGABYTE)))?;
    let (result, bytes) = peak(|| read_csv_rows(&path, None));
    assert!(matches!(result, Err(Error::CsvNumber { line: 2, column: 1, .. })), "{result:?}");
    assert!(bytes < BUFFERS, "{bytes}");
    Ok(())
}
