//! Files that lie, and files of any bytes.

use super::*;
use crate::idx::tests::gzip;
use proptest::prelude::*;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, ZipArchive};

fn in_file<T>(contents: &[u8], run: impl FnOnce(&Path) -> T) -> T {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("file");
    fs::write(&path, contents).expect("a writable directory");
    run(&path)
}

fn rows(contents: &[u8]) -> Result<Array2<f32>, Error> {
    in_file(contents, |path| read_array_rows(&ArraySource::new(path)))
}

/// What the error says after the path.
fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let error = result.expect_err("a file that lies").to_string();
    error.split_once("/file").expect("the error names the file").1.into()
}

fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

fn npy_of(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"), data)
}

fn npz(arrays: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, file) in arrays {
        let options = SimpleFileOptions::default().compression_method(method);
        archive.start_file(*name, options).expect("memory to write to");
        archive.write_all(file).expect("memory to write to");
    }
    archive.finish().expect("memory to write to").into_inner()
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

const PAIR: &[u8] = &[0, 0, 128, 63, 0, 0, 0, 64];
const EMBEDDING: &str = r#"{"x":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}"#;

fn good_files() -> Vec<Vec<u8>> {
    let npy = npy_of("<f4", "(2, 1)", PAIR);
    let idx = [&[0, 0, 13, 2, 0, 0, 0, 2, 0, 0, 0, 1, 63, 128, 0, 0][..], &[64, 0, 0, 0]].concat();
    vec![
        gzip(&npy),
        gzip(&idx),
        npz(&[("x.npy", &npy)], CompressionMethod::Stored),
        npz(&[("x.npy", &npy), ("readme", b"")], CompressionMethod::Deflated),
        npy,
        idx,
        safetensors(EMBEDDING, PAIR),
    ]
}

#[test]
fn formats_are_known_by_their_first_bytes() {
    for file in good_files() {
        assert_eq!(rows(&file).expect("a good file"), ndarray::array![[1.0], [2.0]]);
    }
    // A dictionary as Python allows it.
    let header = "{\"shape\":(2L,1L),\"descr\" : '=f4' , 'fortran_order':True}";
    assert_eq!(rows(&npy(header, PAIR)).expect("a good file"), ndarray::array![[1.0], [2.0]]);
}

#[test]
fn names_every_lie() {
    let f4 = |shape: &str| npy_of("<f4", shape, PAIR);
    let header = |header: &str| npy(header, PAIR);
    let cannot = ": the header cannot be read, expected";
    let long = "9".repeat(25);
    let table: Vec<(Vec<u8>, String)> = vec![
        (vec![], ": neither NPY, NPZ, IDX nor safetensors, expected one of them; it begins with []".into()),
        (
            b"a,b\n".to_vec(),
            ": neither NPY, NPZ, IDX nor safetensors, expected one of them; it begins with [61, 2c, 62, 0a]"
                .into(),
        ),
        (b"\x93NUMPY".to_vec(), ": the data are cut off: expected 8 bytes, found 6".into()),
        (b"\x93NUMPY\x04\x00".to_vec(), ": NPY version 4.0, expected 1.0, 2.0 or 3.0".into()),
        (
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(),
            ": the header is 4294967295 bytes long, expected at most 65536".into(),
        ),
        (
            b"\x93NUMPY\x01\x00\x50\x00{".to_vec(),
            ": the data are cut off: expected 90 bytes, found 11".into(),
        ),
        // Ten gigabytes in a hundred bytes.
        (f4("(2500000, 1000)"), ": the data are cut off: expected 10000000000 bytes, found 8".into()),
        (
            f4("(4294967296, 4294967296)"),
            ": the data are cut off: expected 73786976294838206464 bytes, found 8".into(),
        ),
        (
            f4("(18446744073709551615, 18446744073709551615, 18446744073709551615)"),
            format!(": the data are cut off: expected {} bytes, found 8", u128::MAX),
        ),
        (f4("(2, 2)"), ": the data are cut off: expected 16 bytes, found 8".into()),
        (f4("(1, 1)"), ": the data go on too long: expected 4 bytes, found more".into()),
        (
            f4("(2,)"),
            ": the shape is [2], expected rows × columns, or rows × more dimensions, none of them 0".into(),
        ),
        (
            f4("()"),
            ": the shape is [], expected rows × columns, or rows × more dimensions, none of them 0".into(),
        ),
        (
            f4("(0, 2)"),
            ": the shape is [0, 2], expected rows × columns, or rows × more dimensions, none of them 0"
                .into(),
        ),
        (f4("(-2, 1)"), format!("{cannot} a length, found \"-2, 1), }}\"")),
        (f4(&format!("({long}, 1)")), format!("{cannot} a length, found \"{}…\"", &long[..24])),
        (f4("(2 1)"), format!("{cannot} , or ), found \"1), }}\"")),
        (f4("[2, 1]"), format!("{cannot} (, found \"[2, 1], }}\"")),
        (
            header("{'descr': '<f4'}"),
            format!("{cannot} descr, fortran_order and shape, each once, found \"\""),
        ),
        (
            header("{'descr': '<f4', 'descr': '<f4'}"),
            format!("{cannot} descr, fortran_order and shape, each once, found \"descr\""),
        ),
        (
            header("{'order': 1}"),
            format!("{cannot} descr, fortran_order and shape, each once, found \"order\""),
        ),
        (header("{'fortran_order': 1}"), format!("{cannot} True or False, found \"1}}\"")),
        (header("{'descr: 1}"), format!("{cannot} a string, found \"'descr: 1}}\"")),
        (header("import os"), format!("{cannot} {{, found \"import os\"")),
        (header("{} {}"), format!("{cannot} the end of the header, found \"{{}}\"")),
        (
            header("{'descr': [('a', '<f4')]}"),
            ": the elements are \"[('a', '<f4')]}\", expected numbers, booleans or text".into(),
        ),
        (
            npy_of("|O", "(2, 1)", PAIR),
            ": the elements are \"|O\", expected numbers, booleans or text".into(),
        ),
        (
            npy_of("<c8", "(1, 1)", PAIR),
            ": the elements are \"<c8\", expected numbers, booleans or text".into(),
        ),
        (
            npy_of("<U99999999999999999999", "(1,)", PAIR),
            ": the elements are \"<U99999999999999999999\", expected numbers, booleans or text".into(),
        ),
        (
            npy_of("<f4", "(1, 2)", &[0, 0, 128, 63, 0, 0, 192, 127]),
            ": row 0, column 1 holds NaN, expected a finite number".into(),
        ),
        (
            npy_of("<f8", "(1, 1)", &1e300_f64.to_le_bytes()),
            ": row 0, column 0 holds inf, expected a finite number".into(),
        ),
        (
            npz(&[], CompressionMethod::Stored),
            ": there are 0 arrays, expected the name of one of none".into(),
        ),
        (
            npz(&[("x.npy", b"nothing")], CompressionMethod::Stored),
            ", array \"x\": the data are cut off: expected 8 bytes, found 7".into(),
        ),
        (safetensors(EMBEDDING, &PAIR[1..]), ": the data are cut off: expected 8 bytes, found 7".into()),
        (
            safetensors(EMBEDDING, &[PAIR, PAIR].concat()),
            ": the data go on too long: expected 8 bytes, found more".into(),
        ),
        (
            safetensors(&EMBEDDING.replace("2,1", "2,2"), PAIR),
            ": the header of safetensors cannot be read: invalid shape, data type, or offset for tensor"
                .into(),
        ),
        (
            safetensors(&EMBEDDING.replace("F32", "C64").replace("2,1", "1,1"), PAIR),
            ", array \"x\": the elements are \"C64\", expected numbers, booleans or text".into(),
        ),
        (
            b"\xff\xff\xff\xff\xff\xff\xff\x00{".to_vec(),
            ": the header is 72057594037927935 bytes long, expected at most 100000000".into(),
        ),
        (
            b"\x50\x00\x00\x00\x00\x00\x00\x00{".to_vec(),
            ": the data are cut off: expected 88 bytes, found 9".into(),
        ),
        (
            vec![0, 0, 10, 1, 0, 0, 0, 1, 5],
            ": the elements are \"0x0a\", expected numbers, booleans or text".into(),
        ),
    ];
    for (file, expected) in table {
        assert_eq!(message(rows(&file)), expected, "{:?}", String::from_utf8_lossy(&file));
    }
}

#[test]
fn labels_are_checked() {
    let read = |descr: &str, shape: &str, data: &[u8]| {
        in_file(&npy_of(descr, shape, data), |labels| {
            in_file(&npy_of("|u1", "(3, 1)", &[1, 2, 3]), |inputs| {
                read_arrays(&ArraySource::new(inputs), &ArraySource::new(labels))
            })
        })
    };
    let nan: Vec<u8> = [0.0, 1.0, f32::NAN].iter().flat_map(|x: &f32| x.to_le_bytes()).collect();
    let many: Vec<u8> = (0..10_001_u16).flat_map(u16::to_le_bytes).collect();
    let table = [
        (message(read("|u1", "(3,)", &[7, 7, 7])), ": every label is \"7\", expected at least two classes"),
        (
            message(read("|u1", "(2,)", &[7, 8])),
            ": expected 3 labels, one for each row of the inputs, found 2",
        ),
        (message(read("<f4", "(3,)", &nan)), ": the label of row 2 is NaN, expected a finite number"),
        (message(read("|S1", "(3,)", b"ab\xff")), ": the label of row 2 is not Unicode text"),
        (
            message(read("|S1", "(3,)", b"ab\0")),
            ": the label of row 2 is empty, expected at least one character",
        ),
        (message(read("<U1", "(1,)", &[0, 0xD8, 0, 0])), ": the label of row 0 is not Unicode text"),
        (
            message(read("<u2", "(10001,)", &many)),
            ": the label \"10000\" of row 10000 would be class 10001, expected at most 10000; are these the labels?",
        ),
        (
            message(read("|u1", "(0,)", &[])),
            ": the shape is [0], expected one dimension of labels, of at least one",
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found, expected);
    }
    assert_eq!(
        read("<f4", "(3, 1)", &[0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 128, 63]).expect("labels").labels(),
        [0, 0, 1]
    );
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for file in good_files() {
        for length in 0..file.len() {
            let error = rows(&file[..length]).expect_err("a file cut off").to_string();
            assert!(error.contains("/file"), "{error}");
        }
    }
}

#[test]
fn compressed_lies_are_errors() {
    let file = npy_of("<f4", "(2, 1)", PAIR);
    // It goes on after what it announces, or ends before.
    for data in [&[0_u8; 100_000][..], &PAIR[..7]] {
        let file = npy_of("<f4", "(2, 1)", data);
        for file in [gzip(&file), npz(&[("x.npy", &file)], CompressionMethod::Deflated)] {
            let message = message(rows(&file));
            let expected = if data.len() > 8 { "the data go on too long" } else { "the data are cut off" };
            assert!(message.contains(expected), "{message}");
        }
    }
    // More than deflate can hold.
    let huge = npy_of("<f4", "(2500000, 1000)", PAIR);
    for file in [gzip(&huge), npz(&[("x.npy", &huge)], CompressionMethod::Deflated)] {
        assert!(message(rows(&file)).contains("the header announces 10000000000 bytes, expected at most"));
    }
    // A changed bit is a wrong sum.
    let archive = npz(&[("x.npy", &file)], CompressionMethod::Stored);
    let place = archive.windows(8).position(|window| window == PAIR).expect("the data");
    let mut changed = archive.clone();
    changed[place] ^= 1;
    let error = message(rows(&changed));
    assert!(error.starts_with(", array \"x\": the ZIP archive cannot be read: "), "{error}");
    assert!(ZipArchive::new(Cursor::new(archive)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_are_rows_or_an_error(mut file: Vec<u8>, start in 0_usize..6) {
        let starts = [&[][..], b"\x93NUMPY\x01\x00\x10\x00", b"PK\x03\x04", &[0, 0, 8, 2], b"\x30\0\0\0\0\0\0\0{", b"PK\x05\x06"];
        file.splice(..0, starts[start].iter().copied());
        let _ = rows(&file);
        let _ = rows(&gzip(&file));
    }

    #[test]
    fn a_mutated_file_is_rows_or_an_error(
        which in 0_usize..7,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut file = good_files().swap_remove(which);
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if let Ok(rows) = rows(&file) {
            prop_assert!(rows.iter().all(|number| number.is_finite()) && rows.len() <= 8);
        }
    }
}
