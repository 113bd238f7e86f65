use crate::Error;
use csv::{ByteRecord, ReaderBuilder, Terminator};
use ndarray::Array2;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads comma-separated numbers, (rows, columns): inputs to predict, without labels.
///
/// A number may stand in double quotes, with spaces around it. A first line in which no field is a number is a header and
/// skipped, as are blank lines. With `width` every row must have that many columns; without it, as many as the first row.
///
/// Lines and columns in errors count from 1.
///
/// # Errors
/// [`Error::Io`], [`Error::CsvWidth`], [`Error::CsvNumber`], [`Error::CsvNotFinite`], and [`Error::CsvEmpty`] for a file
/// without rows.
///
/// ```
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("rows.csv");
/// std::fs::write(&path, "length,width\n1.5,2\n3,4e-1\n")?;
///
/// let rows = chainrule_data::read_csv_rows(&path, Some(2))?;
/// assert_eq!(rows, ndarray::array![[1.5, 2.0], [3.0, 0.4]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_csv_rows(path: &Path, width: Option<usize>) -> Result<Array2<f32>, Error> {
    let file = File::open(path).map_err(|source| Error::Io { path: path.into(), source })?;
    // No quoting, as a number holds no comma; and a line feed at the very end. So a record is exactly one line, and its
    // number is exact: csv's own loses count at blank lines and at the carriage returns of Windows.
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .quoting(false)
        .terminator(Terminator::Any(b'\n'))
        .from_reader(file.chain(&b"\n"[..]));

    let mut width = width;
    let mut numbers = Vec::new();
    let mut first = true;
    let mut record = ByteRecord::new();
    while reader
        .read_byte_record(&mut record)
        .map_err(|error| Error::Io { path: path.into(), source: error.into() })?
    {
        let line = reader.position().line() - 1;
        if record.len() == 1 && record[0].trim_ascii().is_empty() {
            continue;
        }
        if std::mem::take(&mut first) && record.iter().all(|field| number(field).is_none()) {
            continue;
        }
        let expected = *width.get_or_insert(record.len());
        if record.len() != expected {
            return Err(Error::CsvWidth { path: path.into(), line, expected, found: record.len() });
        }
        for (column, field) in (1..).zip(&record) {
            let Some(number) = number(field) else {
                return Err(Error::CsvNumber { path: path.into(), line, column, found: excerpt(field) });
            };
            if !number.is_finite() {
                return Err(Error::CsvNotFinite { path: path.into(), line, column, found: excerpt(field) });
            }
            numbers.push(number);
        }
    }
    match width {
        Some(width) if !numbers.is_empty() => {
            let shape = (numbers.len() / width, width);
            Ok(Array2::from_shape_vec(shape, numbers).expect("every row has this width"))
        }
        _ => Err(Error::CsvEmpty { path: path.into() }),
    }
}

/// The number in a field; one too large for `f32` is infinite.
pub(crate) fn number(field: &[u8]) -> Option<f32> {
    if let Some(number) = small_integer(field) {
        return Some(number);
    }
    let field = field.trim_ascii();
    let bare = field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")).unwrap_or(field);
    str::from_utf8(bare.trim_ascii()).ok()?.parse().ok()
}

/// The number in a field of one to seven digits, the most that fit an `f32` whatever they are: a shortcut for the many
/// tables of such.
fn small_integer(field: &[u8]) -> Option<f32> {
    let digits = (1..=7).contains(&field.len()) && field.iter().all(u8::is_ascii_digit);
    digits.then(|| field.iter().fold(0_u32, |number, digit| 10 * number + u32::from(digit - b'0')) as f32)
}

/// A field as an error quotes it.
pub(crate) fn excerpt(field: &[u8]) -> String {
    const MOST: usize = 24;
    // A character has at most four bytes.
    let start = &field.trim_ascii()[..field.trim_ascii().len().min(4 * (MOST + 1))];
    let text = String::from_utf8_lossy(start);
    match text.char_indices().nth(MOST) {
        None => text.into_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;
    use std::fs;

    fn read(contents: impl AsRef<[u8]>, width: Option<usize>) -> Result<Array2<f32>, Error> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("rows.csv");
        fs::write(&path, contents).expect("a writable directory");
        read_csv_rows(&path, width)
    }

    #[test]
    fn reads_rows() {
        let expected = array![[1.0, -2.5], [3e-3, 4.0]];
        let table = [
            "1,-2.5\n0.003,4\n",
            "0000001,-2.5\n0.003,4\n",
            "1,-2.5\n0.003,4",
            "1,-2.5\r\n0.003,4\r\n",
            "1,-2.5\r\n0.003,4",
            " 1 ,\t-2.5\n+3e-3, 4. \n",
            "\"1\",\"-2.5\"\n\" 0.003\" , \"4\"\n",
            "width,height\n1,-2.5\n.003,4\n",
            "\"width, cm\",\"height\"\r\n1,-2.5\r\n.003,4\r\n",
            "one title\n1,-2.5\n.003,4\n",
            "\n\r\n  \n1,-2.5\n\n\r\n.003,4\n\n \n",
            "\nwidth,height\n\n1,-2.5\n.003,4\n",
            "\u{feff}1,-2.5\n.003,4\n",
            "\u{feff}width,height\n1,-2.5\n.003,4\n",
        ];
        for contents in table {
            for width in [None, Some(2)] {
                assert_eq!(read(contents, width).expect(contents), expected, "{contents:?}");
            }
        }
        assert_eq!(read("7", None).expect("a number"), array![[7.0]]);
        assert_eq!(read("9999999,09,007", None).expect("numbers"), array![[9_999_999.0, 9.0, 7.0]]);
        // The nearest f32, not the nearest f64 rounded once more.
        assert_eq!(read("1.00000017881393432617187499", None).expect("a number"), array![[1.000_000_1]]);
    }

    #[test]
    fn names_line_and_column() {
        let long = format!("1,2\n3,{}\n", "x".repeat(1000));
        let shortened = format!(", line 2, column 2: expected a number, found \"{}…\"", "x".repeat(24));
        let umlauts = format!("1,2\n3,{}\n", "ä".repeat(25));
        let short_umlauts = format!(", line 2, column 2: expected a number, found \"{}…\"", "ä".repeat(24));
        let table: &[(&[u8], Option<usize>, &str)] = &[
            (b"", None, ": there are no rows of numbers, expected at least one"),
            (b"\n\r\n \n", Some(3), ": there are no rows of numbers, expected at least one"),
            (b"a,b\n", Some(2), ": there are no rows of numbers, expected at least one"),
            (b"", Some(0), ": there are no rows of numbers, expected at least one"),
            (b"1,2\n3\n", None, ", line 2: expected 2 columns, found 1"),
            (b"1,2\n3,4,5\n", None, ", line 2: expected 2 columns, found 3"),
            (b"a,b\n\n1,2\n\n3", None, ", line 5: expected 2 columns, found 1"),
            (b"a,b\r\n\r\n1,2\r\n\r\n3\r\n", None, ", line 5: expected 2 columns, found 1"),
            (b"1,2\n", Some(3), ", line 1: expected 3 columns, found 2"),
            (b"a,b\n1,2\n", Some(1), ", line 2: expected 1 columns, found 2"),
            (b"1\n", Some(0), ", line 1: expected 0 columns, found 1"),
            (b"a,2\n", None, ", line 1, column 1: expected a number, found \"a\""),
            (b"1,2\na,b\n", None, ", line 2, column 1: expected a number, found \"a\""),
            (b"a,b\nc,d\n", None, ", line 2, column 1: expected a number, found \"c\""),
            (b"1,\n", None, ", line 1, column 2: expected a number, found \"\""),
            (b"1,2\n3,\"4\n5,6\n", None, ", line 2, column 2: expected a number, found \"\\\"4\""),
            (b"1,2\n3,4\"\n5,6\n", None, ", line 2, column 2: expected a number, found \"4\\\"\""),
            (b"1,2\n3,\"\n", None, ", line 2, column 2: expected a number, found \"\\\"\""),
            (b"1;2\n3;4\n5", None, ", line 2, column 1: expected a number, found \"3;4\""),
            (b"1,2\n3,\xff4\n", None, ", line 2, column 2: expected a number, found \"\u{fffd}4\""),
            (b"1,2\n3,1 000\n", None, ", line 2, column 2: expected a number, found \"1 000\""),
            (b"1,2\n3,0x10\n", None, ", line 2, column 2: expected a number, found \"0x10\""),
            (b"1,2\n\n3,NaN\n", None, ", line 3, column 2: expected a finite number, found \"NaN\""),
            (b"inf,2\n", None, ", line 1, column 1: expected a finite number, found \"inf\""),
            (b"1,-infinity", None, ", line 1, column 2: expected a finite number, found \"-infinity\""),
            (b"1,1e39", None, ", line 1, column 2: expected a finite number, found \"1e39\""),
            (long.as_bytes(), None, &shortened),
            (umlauts.as_bytes(), None, &short_umlauts),
        ];
        for &(contents, width, message) in table {
            let text = String::from_utf8_lossy(contents);
            let error = read(contents, width).expect_err(&text).to_string();
            assert!(error.ends_with(&format!("rows.csv{message}")), "{text:?}: {error}");
        }
    }

    #[test]
    fn names_the_file_that_cannot_be_read() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for path in [dir.path(), &dir.path().join("nowhere.csv")] {
            let error = read_csv_rows(path, None).expect_err("not a file");
            assert!(matches!(&error, Error::Io { path: found, .. } if found == path), "{error}");
        }
    }

    proptest! {
        #[test]
        fn numbers_come_back_exactly(rows in 1_usize..20, width in 1_usize..20, seed: u32) {
            let bits = |place: usize| seed.wrapping_add((place as u32).wrapping_mul(0x9E37_79B9));
            let finite = |place| f32::from_bits(bits(place) & !0x0080_0000);
            let numbers = Array2::from_shape_fn((rows, width), |(row, column)| finite(row * width + column));
            let line = |row: ndarray::ArrayView1<f32>| row.iter().map(f32::to_string).collect::<Vec<_>>().join(",");
            let text = numbers.outer_iter().map(line).collect::<Vec<_>>().join("\n");
            prop_assert_eq!(read(text, Some(width)).expect("numbers"), numbers);
        }

        #[test]
        fn anything_is_rows_or_an_error(contents in "[0-9a.,\"\\r\\n \u{feff}é-]{0,60}", width in prop::option::of(0_usize..4)) {
            if let Ok(rows) = read(&contents, width) {
                prop_assert!(rows.nrows() > 0 && rows.iter().all(|number| number.is_finite()));
                prop_assert!(width.is_none_or(|width| width == rows.ncols()));
            }
        }

        #[test]
        fn any_bytes_are_rows_or_an_error(contents: Vec<u8>) {
            let _ = read(contents, None);
        }
    }
}
