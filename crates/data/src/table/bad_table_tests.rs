//! What is said of a bad table.

use super::tests::{gzip, message, name, read, with};
use super::*;
use crate::Error;

#[test]
fn a_bad_table_is_named_with_the_place() {
    let default = TableOptions::default;
    let categorical = || with(|options| options.text_is_categorical = true);
    let target = |column| with(|options| options.target = column);
    let long = format!("a,y\n1,p\n{},q\n", "x".repeat(1000));
    let long_message = format!(", line 3, column 1 (a): expected a number, found \"{}…\"", "x".repeat(24));
    let table: Vec<(&[u8], TableOptions, &str)> = vec![
        (b"", default(), ": the file is empty, expected rows of data"),
        (b"\n \r\n\n", default(), ": the file is empty, expected rows of data"),
        (b"\xef\xbb\xbf", default(), ": the file is empty, expected rows of data"),
        (b"a,y\n", default(), ": there are no rows below the header, expected at least one"),
        (b"a,y", categorical(), ": there are no rows below the header, expected at least one"),
        (b"\xff\xfea\0,\0", default(), ": the text is UTF-16, expected UTF-8; save the file as UTF-8"),
        // Ragged.
        (b"a,y\n1,p\n2\n", default(), ", line 3: expected 2 columns, found 1"),
        (b"a,y\n1,p\n2,q,3\n", default(), ", line 3: expected 2 columns, found 3"),
        (b"a,y\r\n1,p\r\n\r\n2,q,\r\n", default(), ", line 4: expected 2 columns, found 3"),
        (b"a,y\n1,p\n2\n", categorical(), ", line 3: expected 2 columns, found 1"),
        // The label column.
        (
            b"y\np\nq\n",
            default(),
            ": there is no column besides the target, expected at least one to learn from",
        ),
        (
            b"a,y\n1,p\n2,q\n",
            target(name("z")),
            ": there is no column \"z\", expected one of the 2 columns: a, y",
        ),
        (
            b"1,p\n2,q\n",
            target(Column::Number(3)),
            ": there is no column 3, expected one of the 2 columns: 1, 2",
        ),
        (
            b"1,p\n2,q\n",
            target(Column::Number(0)),
            ": there is no column 0, expected one of the 2 columns: 1, 2",
        ),
        (
            b"a,b,c,d,e,f,g,h,i\n",
            target(name("z")),
            ": there is no column \"z\", expected one of the 9 columns: a, b, c, d, e, f, g, h, …",
        ),
        (
            b"a,y\n1,p\n2,q\n",
            with(|options| (options.target, options.header) = (name("y"), Header::No)),
            ": column \"y\" is asked for by name, but the file is read without a header; expected its number",
        ),
        (
            b"a,y\n1,p\n2,p\n",
            default(),
            ": the target column \"y\" is \"p\" in every row, expected at least two classes",
        ),
        (
            b"1,p\n2,p\n",
            default(),
            ": the target column 2 is \"p\" in every row, expected at least two classes",
        ),
        (
            b"a,y\n1,p\n2,\n",
            default(),
            ", line 3, column 2 (y): the value is missing (found \"\"), expected one",
        ),
        (
            b"a,y\n1,p\n2,NA\n",
            with(|options| options.missing = Missing::Mean),
            ", line 3, column 2 (y): the value is missing (found \"NA\"), expected one",
        ),
        (
            b"a,y\n1,p\n2,q\n3,r\n",
            with(|options| options.max_classes = 2),
            ", line 4, column 2 (y): \"r\" would be class 3 of the target, expected at most 2; is this the column of the \
             labels?",
        ),
        // Numbers.
        (b"a,y\n1,p\nx,q\n", default(), ", line 3, column 1 (a): expected a number, found \"x\""),
        (b"1,p\nx,q\n", default(), ", line 2, column 1: expected a number, found \"x\""),
        (b"1,p\n\xff4,q\n", default(), ", line 2, column 1: expected a number, found \"\u{fffd}4\""),
        (
            b"\n\na,y\n\n1,p\n\n\"1\n2\",q\n",
            default(),
            ", line 7, column 1 (a): expected a number, found \"1\\n2\"",
        ),
        (
            b"i,a,y\n\"1\n\n2\",x,q\n",
            with(|options| options.ignored = vec![name("i")]),
            ", line 4, column 2 (a): expected a number, found \"x\"",
        ),
        (b"a,y\r1,p\r\rx,q\r", default(), ", line 4, column 1 (a): expected a number, found \"x\""),
        (long.as_bytes(), default(), &long_message),
        (b"a,y\n1,p\ninf,q\n", default(), ", line 3, column 1 (a): expected a finite number, found \"inf\""),
        (
            b"a,y\n1,p\n1e39,q\n",
            default(),
            ", line 3, column 1 (a): expected a finite number, found \"1e39\"",
        ),
        (
            b"a,y\n1,p\nNaN,q\n",
            default(),
            ", line 3, column 1 (a): the value is missing (found \"NaN\"), expected one",
        ),
        (
            b"a,y\n1,p\nnan,q\n",
            with(|options| options.missing_markers = vec![]),
            ", line 3, column 1 (a): expected a finite number, found \"nan\"",
        ),
        (
            b"a,y\n?,p\n?,q\n",
            with(|options| options.missing = Missing::DropRow),
            ": each of the 2 rows has a missing value and was left out, expected at least one without",
        ),
        // Categories.
        (
            b"a,y\nu,p\nv,q\nw,r\n",
            with(|options| (options.max_categories, options.text_is_categorical) = (2, true)),
            ", line 4, column 1 (a): \"w\" would be category 3 of the column, expected at most 2; ignore the column, or \
             allow more",
        ),
        (
            b"a,y\nu,p\n\xe4,q\n",
            categorical(),
            ", line 3, column 1 (a): the text is not UTF-8, found \"\u{fffd}\"",
        ),
        (
            b"a,y\n1,p\n2,\xe4\n",
            default(),
            ", line 3, column 2 (y): the text is not UTF-8, found \"\u{fffd}\"",
        ),
        (b"a,\xe4\n1,p\n2,q\n", default(), ", line 1, column 2: the text is not UTF-8, found \"\u{fffd}\""),
        // Names and roles.
        (
            b"\na,a,y\n1,2,p\n",
            default(),
            ", line 2: columns 1 and 2 are both called \"a\", expected different names",
        ),
        (
            b"a,y\n1,p\n",
            with(|options| options.categorical = vec![name("y")]),
            ": column \"y\" is asked for as target and as categorical, expected one of them",
        ),
        (
            b"a,y\n1,p\n",
            with(|options| {
                (options.categorical, options.ignored) = (vec![name("a")], vec![Column::Number(1)])
            }),
            ": column \"a\" is asked for as ignored and as categorical, expected one of them",
        ),
        (
            b"a,y\n1,p\n",
            with(|options| options.ignored = vec![name("a")]),
            ": there is no column besides the target, expected at least one to learn from",
        ),
        // Quotes.
        (
            b"a,y\n1,p\n\"2,q\n3,p\n",
            default(),
            ", line 3, column 1: the quote that opens here is never closed",
        ),
        (b"a,y\n1,p\n2,\"q", default(), ", line 3, column 2: the quote that opens here is never closed"),
        (b"a,y\n1,p\n\"", default(), ", line 3, column 1: the quote that opens here is never closed"),
        (
            b"a,y\n1,p\n",
            with(|options| options.delimiter = Delimiter::Byte(b'"')),
            ": the delimiter is '\"', expected an ASCII character other than a quote or a line's end",
        ),
    ];
    for (contents, options, expected) in table {
        assert_eq!(message(read(contents, &options)), expected, "{:?}", String::from_utf8_lossy(contents));
    }
}

#[test]
fn a_field_without_end_is_refused() {
    let mut text = b"a,y\n1,p\n\n\"\n".to_vec();
    text.resize(3 << 20, b'\n');
    let expected =
        ", line 4, column 1: the field is longer than 1048576 bytes; is a quote opened and not closed?";
    assert_eq!(message(read(&text, &TableOptions::default())), expected);
    let text = vec![b','; 3 << 20];
    let expected = ", line 1: there are more than 1048576 columns, expected at most as many";
    assert_eq!(message(read(&text, &TableOptions::default())), expected);
}

#[test]
fn what_the_file_system_and_gzip_say_is_told() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for path in [dir.path(), &dir.path().join("nowhere.csv")] {
        let error = Table::read(path, &TableOptions::default()).expect_err("not a file");
        assert!(matches!(&error, Error::Io { path: found, .. } if found == path), "{error}");
    }
    let file = gzip(&b"1,p\n2,q\n".repeat(20)[..]);
    for length in 2..file.len() {
        let error = read(&file[..length], &TableOptions::default()).expect_err("a file cut off");
        assert!(matches!(error, Error::Gzip { .. }), "{length}: {error}");
    }
    // It expands to more than it says.
    let mut lying = file.clone();
    lying[file.len() - 4] -= 1;
    let error = read(lying, &with(|options| options.text_is_categorical = true)).expect_err("a lie");
    assert!(matches!(error, Error::Gzip { .. }), "{error}");
}
