//! Parquet files that Arrow wrote (`tests/files/generate.py`), whole and damaged.

use super::tests::{all, encoded, in_file, inputs, name, with};
use super::*;
use crate::Error;
use ndarray::array;
use proptest::prelude::*;

const FILES: [&[u8]; 4] = [
    include_bytes!("../../tests/files/none.parquet"),
    include_bytes!("../../tests/files/snappy.parquet"),
    include_bytes!("../../tests/files/gzip.parquet"),
    include_bytes!("../../tests/files/lz4.parquet"),
];

fn read(contents: &[u8], options: &TableOptions) -> Result<Table, Error> {
    in_file("t.parquet", contents, |path| Table::read(path, options))
}

fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let message = result.expect_err("an error").to_string();
    message.split_once("t.parquet").expect("the error names the file").1.into()
}

#[test]
fn columns_are_read_as_from_text() {
    let options = with(|options| {
        (options.missing, options.text_is_categorical) = (Missing::Mean, true);
    });
    let text = "size,count,small,half,colour,kind,good\n1.5,1,1,0.5,red,a,True\n,2,2,1,\"blue\nand white\",b,False\n3,3,3,2,,b,True\n\
                4,-4,4,3,red,a,False\n";
    let expected = super::tests::read(text, &options).expect("a table");
    for file in FILES {
        let table = read(file, &options).expect("a table");
        assert_eq!((table.class_names(), table.labels()), (expected.class_names(), expected.labels()));
        assert_eq!(inputs(&encoded(&table)), inputs(&encoded(&expected)));
        let encoder = table.fit_encoder(&all(&table)).expect("an encoder");
        assert_eq!(
            encoder.input_names(),
            ["size", "count", "small", "half", "colour=blue\nand white", "colour=red", "kind=a", "kind=b"]
        );
        // From one format to the other.
        let rows = in_file("r.csv", text.as_bytes(), |path| encoder.read_rows(path)).expect("rows");
        assert_eq!(inputs(&rows), inputs(&encoded(&table)));
        let encoder = expected.fit_encoder(&all(&table)).expect("an encoder");
        let set = in_file("r.parquet", file, |path| encoder.read_labelled(path, table.class_names()))
            .expect("rows");
        assert_eq!((inputs(&set), set.labels()), (inputs(&rows), table.labels()));
    }
    // A target that is a number.
    let options = with(|options| {
        (options.target, options.ignored) =
            (name("half"), ["colour", "kind", "good", "size"].map(name).into());
    });
    let table = read(FILES[0], &options).expect("a table");
    assert_eq!(table.class_names(), ["0.5", "1", "2", "3"]);
    assert_eq!(inputs(&encoded(&table)), array![[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [-4.0, 4.0]]);
}

#[test]
fn what_is_wrong_is_named_by_row() {
    let numbers = with(|options| options.ignored = vec![name("size")]);
    let table = [
        (
            message(read(FILES[0], &TableOptions::default())),
            ", row 1, column 5 (colour): expected a number, found \"red\"",
        ),
        (
            message(read(FILES[1], &with(|options| options.text_is_categorical = true))),
            ", row 2, column 1 (size): the value is missing (found \"\"), expected one",
        ),
        (
            message(read(FILES[1], &TableOptions { text_is_categorical: true, ..numbers })),
            ", row 3, column 5 (colour): the value is missing (found \"\"), expected one",
        ),
        (
            message(read(include_bytes!("../../tests/files/nested.parquet"), &TableOptions::default())),
            ": column \"x\" is nested, expected one value in each row",
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found, expected);
    }
    // By place, as for a network that was not trained on a table: the names are no row.
    let encoder = Encoder::of_numbers(6).expect("an encoder");
    let found = message(in_file("t.parquet", FILES[0], |path| encoder.read_rows(path)));
    assert_eq!(found, ", row 1, column 5: expected a number, found \"red\"");
}

/// It would wait for a second writer.
#[cfg(unix)]
#[test]
fn a_pipe_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("t.parquet");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(made.success());
    let (sender, receiver) = std::sync::mpsc::channel();
    let to = path.clone();
    std::thread::spawn(move || std::fs::write(to, FILES[0]));
    std::thread::spawn(move || sender.send(message(Table::read(&path, &TableOptions::default()))));
    let message = receiver.recv_timeout(std::time::Duration::from_secs(20)).expect("an answer");
    assert_eq!(message, ": a Parquet file can be read only from a regular file");
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for length in 4..FILES[1].len() {
        assert!(message(read(&FILES[1][..length], &TableOptions::default())).contains("Parquet"), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_damaged_file_is_a_table_or_an_error(
        which in 0_usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut file = FILES[which].to_vec();
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        let options = with(|options| (options.missing, options.text_is_categorical) = (Missing::Mean, true));
        let _ = read(&file, &options);
    }
}
