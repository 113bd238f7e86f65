//! The promise of the readers, counted by the allocator: memory only for data that are there.

use chainrule_data::{
    ArrayProblem, ArraySource, Encoder, Error, Table, TableOptions, TableProblem, read_array_rows, read_idx,
};
use flate2::{Compression, write::GzEncoder};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

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
    let encoder = Encoder::of_numbers(2)?;
    let (result, bytes) = peak(|| encoder.read_rows(&path));
    let problem = match result {
        Err(Error::Table { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    assert!(matches!(problem, TableProblem::LongField { line: 2, column: 1, .. }), "{problem:?}");
    // The text of a field doubles as it grows, to twice the longest.
    assert!(bytes < 4 * MEGABYTE + BUFFERS, "{bytes}");

    tables(&path)?;
    arrays(&path)
}

/// A table takes what it stores, four bytes or one for each field, a label for each row, and a constant.
fn tables(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    const ROWS: usize = 100_000;
    // What is taken in advance for the last rows, and buffers.
    const CONSTANT: usize = 400_000;
    let labels = ROWS * size_of::<usize>();
    // The list of labels doubles as it grows.
    let most = |fields: usize| fields + 3 * labels + CONSTANT;
    for (line, fields) in [
        ("0.5,1,2,3,4,5,6,7,8,red,p\n-1,0,0,0,0,0,0,0,0,blue,q\n", 4 * 10 * ROWS),
        ("0,1,2,3,4,5,6,7,8,red,p\n255,0,0,0,0,0,0,0,0,blue,q\n", 10 * ROWS),
    ] {
        let text = line.repeat(ROWS / 2);
        for compressed in [false, true] {
            let mut file: Box<dyn Write> = Box::new(File::create(path)?);
            if compressed {
                file = Box::new(GzEncoder::new(file, Compression::fast()));
            }
            file.write_all(text.as_bytes())?;
            drop(file);
            let options = TableOptions { text_is_categorical: true, ..TableOptions::default() };
            let (table, bytes) = peak(|| Table::read(path, &options));
            let table = table?;
            assert_eq!(table.len(), ROWS);
            assert!(bytes < most(fields), "{line:?}: {bytes}");

            // Inputs share the table's memory: a row of a part costs its number and its label.
            let rows: Vec<usize> = (0..ROWS).collect();
            let (set, bytes) = peak(|| table.encode(&table.fit_encoder(&rows)?, &rows));
            assert_eq!(set?.width(), 11);
            assert!(bytes < 2 * labels + 10_000, "{bytes}");
        }
    }

    // The first fraction comes late: the bytes before it become words piece by piece.
    let text = format!("{}0.5,1,2,3,4,5,6,7,8,9,p\n", "0,1,2,3,4,5,6,7,8,9,q\n".repeat(ROWS - 1));
    fs::write(path, text)?;
    let (table, bytes) = peak(|| Table::read(path, &TableOptions::default()));
    assert_eq!(table?.len(), ROWS);
    assert!(bytes < most(4 * 10 * ROWS), "{bytes}");

    // Neither an open quote nor endless columns gather the rest of the file.
    for start in ["1,p\n\"2,q\n", "1,p\n2,"] {
        fs::write(path, format!("{start}{}", "3,".repeat(20_000_000)))?;
        let (table, bytes) = peak(|| Table::read(path, &TableOptions::default()));
        assert!(matches!(table, Err(Error::Table { .. })), "{table:?}");
        assert!(bytes < 15_000_000, "{bytes}");
    }
    Ok(())
}

/// An array takes what it stores and a constant; twice what it stores, if it was compressed.
fn arrays(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    const CONSTANT: usize = 500_000;
    const NUMBERS: usize = 5_000_000;
    let npy = |numbers: u64, data: &[u8]| {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({numbers}, 1)}}");
        let length = u16::try_from(header.len()).expect("a short header").to_le_bytes();
        [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), data].concat()
    };
    let archive = |file: &[u8], method| -> Result<(), Box<dyn std::error::Error>> {
        let mut archive = ZipWriter::new(File::create(path)?);
        archive.start_file("x.npy", SimpleFileOptions::default().compression_method(method))?;
        archive.write_all(file)?;
        archive.finish()?;
        Ok(())
    };
    let read = || peak(|| read_array_rows(&ArraySource::new(path)));

    // Ten gigabytes in a hundred bytes; and from an archive, or compressed, as much as it could be.
    let lie = npy(2_500_000_000, &[0; 20]);
    fs::write(path, &lie)?;
    let (result, bytes) = read();
    let truncated = matches!(&result, Err(Error::Array { problem: ArrayProblem::Truncated { .. }, .. }));
    assert!(truncated && bytes < CONSTANT, "{result:?}, {bytes}");
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        archive(&lie, method)?;
        let (result, bytes) = read();
        assert!(matches!(result, Err(Error::Array { .. })), "{result:?}");
        assert!(bytes < CONSTANT, "{bytes}");
    }

    // Bombs: a hundred megabytes where one number is announced.
    let bomb = npy(1, &vec![0; 100_000_000]);
    archive(&bomb, CompressionMethod::Deflated)?;
    let (result, bytes) = read();
    let trailing = matches!(&result, Err(Error::Array { problem: ArrayProblem::Trailing { .. }, .. }));
    assert!(trailing && bytes < CONSTANT, "{result:?}, {bytes}");
    let mut encoder = GzEncoder::new(File::create(path)?, Compression::fast());
    encoder.write_all(&bomb)?;
    encoder.finish()?;
    let (result, bytes) = read();
    let trailing = matches!(&result, Err(Error::Array { problem: ArrayProblem::Trailing { .. }, .. }));
    assert!(trailing && bytes < CONSTANT, "{result:?}, {bytes}");

    // Honest ones.
    let honest = npy(NUMBERS as u64, &vec![0; 4 * NUMBERS]);
    fs::write(path, &honest)?;
    let (rows, bytes) = read();
    assert!(rows?.len() == NUMBERS && bytes < 4 * NUMBERS + CONSTANT, "{bytes}");
    archive(&honest, CompressionMethod::Stored)?;
    let (rows, bytes) = read();
    assert!(rows?.len() == NUMBERS && bytes < 4 * NUMBERS + CONSTANT, "{bytes}");
    archive(&honest, CompressionMethod::Deflated)?;
    let (rows, bytes) = read();
    assert!(rows?.len() == NUMBERS && bytes < 2 * 4 * NUMBERS + CONSTANT, "{bytes}");
    Ok(())
}
