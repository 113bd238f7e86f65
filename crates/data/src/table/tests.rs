//! Whole tables: what comes out of a file.

use super::*;
use crate::{DataSet, Error};
use chainrule_core::Rows;
use flate2::{Compression, write::GzEncoder};
use ndarray::{Array2, array};
use proptest::prelude::*;
use std::fs;
use std::io::Write;

pub(super) fn in_file<T>(name: &str, contents: &[u8], run: impl FnOnce(&Path) -> T) -> T {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join(name);
    fs::write(&path, contents).expect("a writable directory");
    run(&path)
}

pub(super) fn read(contents: impl AsRef<[u8]>, options: &TableOptions) -> Result<Table, Error> {
    in_file("t.csv", contents.as_ref(), |path| Table::read(path, options))
}

/// What an error says after the path.
pub(super) fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let message = result.expect_err("an error").to_string();
    message.split_once("t.csv").expect("the error names the file").1.into()
}

pub(super) fn inputs(rows: &dyn Rows<f32>) -> Array2<f32> {
    let mut tile = Array2::zeros((rows.len(), rows.width()));
    rows.gather(&Vec::from_iter(0..rows.len()), tile.view_mut()).expect("rows in range");
    tile
}

pub(super) fn all(table: &Table) -> Vec<usize> {
    (0..table.len()).collect()
}

pub(super) fn encoded(table: &Table) -> DataSet {
    let encoder = table.fit_encoder(&all(table)).expect("an encoder");
    table.encode(&encoder, &all(table)).expect("a data set")
}

pub(super) fn name(name: &str) -> Column {
    Column::Name(name.into())
}

pub(super) fn with(change: impl FnOnce(&mut TableOptions)) -> TableOptions {
    let mut options = TableOptions::default();
    change(&mut options);
    options
}

pub(super) fn gzip(file: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(file).expect("memory to write to");
    encoder.finish().expect("memory to write to")
}

#[test]
fn every_spelling_of_a_table_is_the_same_table() {
    let comma = |text: &str| (text.to_string().into_bytes(), "t.csv", TableOptions::default());
    let table = [
        comma("a,b,y\n1,-2.5,no\n3e-3,4,yes\n"),
        comma("a,b,y\n1,-2.5,no\n3e-3,4,yes"),
        comma("a,b,y\r\n1,-2.5,no\r\n.003,4,yes\r\n"),
        comma("a,b,y\r1,-2.5,no\r.003,4.0,yes\r"),
        comma("\u{feff}a,b,y\n1,-2.5,no\n3e-3,4,yes\n"),
        comma("\u{feff}\"a\",b,y\n1,-2.5,no\n3e-3,4,yes\n"),
        comma("\"a\",\"b\",\"y\"\n\"1\",\"-2.5\",\"no\"\n\"3e-3\",\"4\",\"yes\"\n"),
        comma(" a , b , y \n 1,\t-2.5, no\n3e-3, 4,  yes \n"),
        comma("\n\n  \na,b,y\n\n1,-2.5,no\n   \n\r\n3e-3,4,yes\n\n\n"),
        // No header.
        comma("1,-2.5,no\n3e-3,4,yes\n"),
        (b"a\tb\ty\n1\t-2.5\tno\n3e-3\t4\tyes\n".to_vec(), "t.tsv", TableOptions::default()),
        (gzip(b"a\tb\ty\n1\t-2.5\tno\n3e-3\t4\tyes\n"), "t.TAB.gz", TableOptions::default()),
        // What is compressed is told by its first bytes.
        (gzip(b"a,b,y\n1,-2.5,no\n3e-3,4,yes\n"), "t.csv", TableOptions::default()),
        (
            b"a;b;y\n1;-2.5;no\n3e-3;4;yes\n".to_vec(),
            "t.csv",
            with(|options| options.delimiter = Delimiter::Byte(b';')),
        ),
        (
            b"a|b|y\n1|-2.5|no\n3e-3|4|yes\n".to_vec(),
            "t.csv",
            with(|options| options.delimiter = Delimiter::Sniffed),
        ),
        (
            b"y,a,b\nno,1,-2.5\nyes,3e-3,4\n".to_vec(),
            "t.csv",
            with(|options| options.target = Column::Number(1)),
        ),
        (b"a,y,b\n1,no,-2.5\n3e-3,yes,4\n".to_vec(), "t.csv", with(|options| options.target = name("y"))),
        (
            b"id,a,id,y,b\nx,1,,no,-2.5\nz,3e-3,\"7\n\n\",yes,4\n".to_vec(),
            "t.csv",
            with(|options| (options.target, options.ignored) = (name("y"), vec![name("id")])),
        ),
    ];
    for (contents, file, options) in table {
        let text = String::from_utf8_lossy(&contents);
        let table = in_file(file, &contents, |path| Table::read(path, &options)).expect(&text);
        assert_eq!(table.class_names(), ["no", "yes"], "{text:?}");
        assert_eq!(table.labels(), [0, 1], "{text:?}");
        assert_eq!((table.len(), table.is_empty(), table.dropped()), (2, false, 0));
        assert_eq!(table.name(), "t");
        let set = encoded(&table);
        assert_eq!(inputs(&set), array![[1.0, -2.5], [0.003, 4.0]], "{text:?}");
        assert_eq!((set.labels(), set.class_names()), (table.labels(), table.class_names()));
    }
}

#[test]
fn labels_are_of_any_kind() {
    let table: &[(&str, &[&str], &[usize])] = &[
        ("1,10\n2,9\n3,-1\n", &["-1", "9", "10"], &[2, 1, 0]),
        ("1,b\n2,ä\n3,Z\n", &["Z", "b", "ä"], &[1, 2, 0]),
        ("1,\"a, b\"\n2,\"say \"\"x\"\"\"\n", &["a, b", "say \"x\""], &[0, 1]),
        ("1,\"two\nlines\"\n2,猫\n", &["two\nlines", "猫"], &[0, 1]),
        ("1,true\n2,false\n", &["false", "true"], &[1, 0]),
    ];
    for (text, names, labels) in table {
        let table = read(text, &with(|options| options.header = Header::No)).expect(text);
        assert_eq!(
            (table.class_names(), table.labels()),
            (&names.iter().map(ToString::to_string).collect::<Vec<_>>()[..], *labels)
        );
    }
}

#[test]
fn a_header_is_known_by_its_text_or_by_the_names_asked_for() {
    let rows = |text: &str, options: &TableOptions| read(text, options).expect(text).len();
    let by_name = with(|options| options.target = name("2"));
    assert_eq!(rows("a,b\n1,x\n2,y\n", &TableOptions::default()), 2);
    assert_eq!(rows("1,a\n1,x\n2,y\n", &TableOptions::default()), 3);
    assert_eq!(rows("1,2\n1,x\n2,y\n", &by_name), 2);
    // A marker is none; a name may be absent.
    assert_eq!(rows("?,a\n1,x\n2,y\n", &with(|options| options.missing = Missing::Mean)), 3);
    assert_eq!(rows(",a\n1,x\n2,y\n", &TableOptions::default()), 2);
    assert_eq!(rows("1,a\n1,x\n2,y\n", &with(|options| options.header = Header::Yes)), 2);
}

#[test]
fn categories_are_one_hot_in_order() {
    let text = "size,colour,y\n10,red,a\n2,blue,b\n10,green,a\n2,red,b\n";
    let options = with(|options| options.categorical = vec![name("size"), Column::Number(2)]);
    let table = read(text, &options).expect("a table");
    let encoder = table.fit_encoder(&all(&table)).expect("an encoder");
    assert_eq!(encoder.input_names(), ["size=2", "size=10", "colour=blue", "colour=green", "colour=red"]);
    assert_eq!((encoder.width(), encoder.target(), encoder.missing()), (5, "y", Missing::Error));
    let expected = array![
        [0.0, 1.0, 0.0, 0.0, 1.0],
        [1.0, 0.0, 1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 1.0, 0.0],
        [1.0, 0.0, 0.0, 0.0, 1.0],
    ];
    assert_eq!(inputs(&encoded(&table)), expected);

    // Rows in an order of their own, and selected once more.
    let part = table.encode(&encoder, &[3, 0, 3]).expect("a data set");
    assert_eq!(part.labels(), [1, 0, 1]);
    assert_eq!(inputs(&part).row(1), expected.row(0));
    assert_eq!(inputs(&part.select(&[2, 1]).expect("rows")).row(0), expected.row(3));

    // With text columns as categories, the numbers of the first stay numbers.
    let table = read(text, &with(|options| options.text_is_categorical = true)).expect("a table");
    let encoder = table.fit_encoder(&all(&table)).expect("an encoder");
    assert_eq!(encoder.input_names(), ["size", "colour=blue", "colour=green", "colour=red"]);
    assert_eq!(inputs(&encoded(&table)).row(2), array![10.0, 0.0, 1.0, 0.0]);
}

#[test]
fn many_categories_are_kept_apart() {
    let text: String = (0..700).map(|i| format!("c{i},{}\n", i % 2)).collect();
    let table = read(&text, &with(|options| options.text_is_categorical = true)).expect("a table");
    let set = encoded(&table);
    assert_eq!(set.width(), 700);
    let inputs = inputs(&set);
    assert_eq!((inputs.sum(), inputs.sum_axis(ndarray::Axis(0))), (700.0, ndarray::Array1::ones(700)));
}

#[test]
fn missing_values_are_dropped_or_filled_from_the_training_rows() {
    let text = "a,b,y\n1,u,p\n?,v,q\n4,na,p\n4,v,q\n\"\",u,p\n9,v,q\n100,w,p\n";
    let table_of = |missing| {
        let options = with(|options| (options.missing, options.text_is_categorical) = (missing, true));
        read(text, &options).expect("a table")
    };
    // The last row has no influence.
    let train = [0, 1, 2, 3, 4, 5];
    for (missing, fill) in [(Missing::Mean, 4.5), (Missing::Median, 4.0), (Missing::MostFrequent, 4.0)] {
        let table = table_of(missing);
        let encoder = table.fit_encoder(&train).expect("an encoder");
        let set = table.encode(&encoder, &train).expect("a data set");
        let expected = array![
            [1.0, 1., 0.],
            [fill, 0., 1.],
            [4.0, 0., 1.],
            [4.0, 0., 1.],
            [fill, 1., 0.],
            [9.0, 0., 1.]
        ];
        assert_eq!(inputs(&set), expected, "{missing:?}");
    }
    let table = table_of(Missing::DropRow);
    assert_eq!((table.len(), table.dropped(), table.labels()), (4, 3, &[0, 1, 1, 0][..]));

    // A column of numbers alone, too, has its missing ones filled.
    let options = with(|options| options.missing = Missing::Median);
    let table = read("1,2,a\n3,,b\n5,8,a\n", &options).expect("a table");
    assert_eq!(inputs(&encoded(&table)), array![[1.0, 2.0], [3.0, 5.0], [5.0, 8.0]]);
    // An odd number, and several that are as frequent.
    let fill = |text: &str, missing| {
        let table = read(text, &with(|options| options.missing = missing)).expect("a table");
        inputs(&encoded(&table))[[0, 0]]
    };
    assert_eq!(fill("?,a\n7,b\n-1,a\n2,b\n", Missing::Median), 2.0);
    assert_eq!(fill("?,a\n7,b\n7,a\n2,b\n2,a\n9,a\n", Missing::MostFrequent), 2.0);
    // Markers of one's own, numbers even.
    let options = with(|options| {
        (options.missing, options.missing_markers) = (Missing::Mean, vec!["-999".into()]);
    });
    let table = read("-999,a\n7,b\n9,b\n", &options).expect("a table");
    assert_eq!(inputs(&encoded(&table))[[0, 0]], 8.0);
}

#[test]
fn lines_are_whole_wherever_the_buffer_ends() {
    // Rows of all lengths, some longer than any buffer, some with quotes, among them blank lines.
    let field = |row: usize, column: usize| (row * 31 + column * 7) % 1000;
    let line = |row: usize| {
        let blanks = if row.is_multiple_of(97) { "\n \r\n" } else { "" };
        let quote = if row.is_multiple_of(41) { "\"" } else { "" };
        let spaces = " ".repeat(if row % 500 == 499 { 100_000 } else { row % 13 });
        let end = if row.is_multiple_of(3) { "\r\n" } else { "\n" };
        let fields: Vec<String> = (0..20).map(|column| field(row, column).to_string()).collect();
        format!("{blanks}{},{quote}{spaces}c{}{quote}{end}", fields.join(","), row % 2)
    };
    let text: String = (0..2000).map(line).collect();
    for file in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let table = read(file, &TableOptions::default()).expect("a table");
        assert_eq!(
            inputs(&encoded(&table)),
            Array2::from_shape_fn((2000, 20), |(row, column)| field(row, column) as f32)
        );
        assert!(table.labels().iter().enumerate().all(|(row, &label)| label == row % 2));
    }
    // The lines are counted.
    let lines = text.matches('\n').count();
    let error = message(read(format!("{text}1,2\n"), &TableOptions::default()));
    assert_eq!(error, format!(", line {}: expected 21 columns, found 2", lines + 1));
}

#[test]
fn the_delimiter_is_sniffed_only_on_request() {
    let sniffed = with(|options| options.delimiter = Delimiter::Sniffed);
    let table = [
        ("a;b;y\n1;2;p\n3;4;q\n", 2),
        // Commas within fields are not as many in each line.
        ("a;b;y\n1;2;\"p, q\"\n3;4;q,r,s\n", 2),
        ("a|b|c|y\n1|2|3|p\n3|4|5|q", 3),
        ("a\tb\ty\n1\t2\tp\n3\t4\tq\n", 2),
        ("a,b,y\n1,2,p\n3,4,q\n", 2),
    ];
    for (text, width) in table {
        assert_eq!(encoded(&read(text, &sniffed).expect(text)).width(), width, "{text:?}");
    }
    let error = message(read("a;b;y\n1;2;p\n3;4;q\n", &TableOptions::default()));
    assert_eq!(error, ": there is no column besides the target, expected at least one to learn from");
}

proptest! {
    #[test]
    fn numbers_and_categories_come_back_exactly(
        rows in prop::collection::vec((any::<u32>(), "[a-c,\"\n\r é]{0,3}", 0_usize..3), 2..60),
        narrow: bool,
    ) {
        let number = |bits: u32| if narrow { (bits % 256) as f32 } else { f32::from_bits(bits & !0x0080_0000) };
        let quoted = |text: &str| format!("\"x{}x\"", text.replace('"', "\"\""));
        let line = |(bits, text, label): &(u32, String, usize)| format!("{},{},l{label}\n", number(*bits), quoted(text));
        let text: String = rows.iter().map(line).collect();
        let options = with(|options| {
            (options.header, options.categorical) = (Header::No, vec![Column::Number(2)]);
        });
        let table = match read(&text, &options) {
            Err(Error::Table { problem: TableProblem::OneClass { .. }, .. }) => return Ok(()),
            table => table.expect("a table"),
        };
        let encoder = table.fit_encoder(&all(&table)).expect("an encoder");
        let names = encoder.input_names();
        let inputs = inputs(&encoded(&table));
        for ((bits, text, _), row) in rows.iter().zip(inputs.outer_iter()) {
            prop_assert_eq!(row[0].to_bits(), number(*bits).to_bits());
            let wanted = format!("column 2=x{text}x");
            for (name, &input) in names.iter().zip(row).skip(1) {
                prop_assert_eq!(input, f32::from(*name == wanted));
            }
            prop_assert!(names.contains(&wanted));
        }
        for ((.., label), class) in rows.iter().zip(table.labels()) {
            prop_assert_eq!(&table.class_names()[*class], &format!("l{label}"));
        }
    }

    #[test]
    fn anything_is_a_table_or_an_error(
        contents in "[0-9a.,;\"\\r\\n \u{feff}é?-]{0,60}",
        missing in prop::sample::select(vec![Missing::Error, Missing::DropRow, Missing::Mean, Missing::MostFrequent]),
        text_is_categorical: bool,
        delimiter in prop::sample::select(vec![Delimiter::ByExtension, Delimiter::Sniffed]),
    ) {
        let options = TableOptions { missing, text_is_categorical, delimiter, ..TableOptions::default() };
        in_file("t.csv", contents.as_bytes(), |path| {
            let Ok(table) = Table::read(path, &options) else { return };
            assert!(table.class_names().len() > 1 && table.labels().len() == table.len());
            let Ok(encoder) = table.fit_encoder(&all(&table)) else { return };
            let set = table.encode(&encoder, &all(&table)).expect("the encoder's own rows");
            let expected = inputs(&set);
            assert!(expected.iter().all(|input| input.is_finite()));
            // The same file, read by the encoder, is the same.
            let again = encoder.read_labelled(path, table.class_names()).expect("the same file");
            assert_eq!((inputs(&again), again.labels()), (expected, set.labels()));
        });
    }

    #[test]
    fn any_bytes_are_a_table_or_an_error(mut contents: Vec<u8>, compressed: bool) {
        if compressed {
            contents = gzip(&contents);
        }
        let _ = read(contents, &with(|options| options.text_is_categorical = true));
    }
}
