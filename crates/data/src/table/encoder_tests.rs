//! Encoders: other files than the one they were fitted to, and what is deserialised.

use super::tests::{all, in_file, inputs, name, read, with};
use super::*;
use crate::{DataSet, Error};
use ndarray::array;
use serde_json::{Value, json};

const TABLE: &str = "id,colour,size,y\n1,red,1,p\n2,blue,2,q\n3,white,3,p\n";

fn options() -> TableOptions {
    with(|options| {
        (options.categorical, options.ignored) = (vec![name("colour")], vec![name("id")]);
    })
}

fn encoder(text: &str, options: &TableOptions) -> (Encoder, Vec<String>) {
    let table = read(text, options).expect("a table");
    (table.fit_encoder(&all(&table)).expect("an encoder"), table.class_names().into())
}

fn rows(encoder: &Encoder, text: &str) -> Result<EncodedRows, Error> {
    in_file("r.csv", text.as_bytes(), |path| encoder.read_rows(path))
}

fn labelled(encoder: &Encoder, names: &[String], text: &str) -> Result<DataSet, Error> {
    in_file("r.csv", text.as_bytes(), |path| encoder.read_labelled(path, names))
}

fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let message = result.expect_err("an error").to_string();
    message.split_once("r.csv").expect("the error names the file").1.into()
}

#[test]
fn columns_are_found_by_name_or_by_place() {
    let (encoder, names) = encoder(TABLE, &options());
    let expected = array![[0.0, 0.0, 1.0, 7.0], [0.0, 1.0, 0.0, 8.0]];
    let with_labels = [
        "id,colour,size,y\n9,white,7,q\n9,red,8,p\n",
        "y,size,more,colour\nq,7,,white\np,8,x,red\n",
        // By place, without a header.
        "9,white,7,q\nz,red,8,p\n",
    ];
    for text in with_labels {
        assert_eq!(inputs(&rows(&encoder, text).expect(text)), expected, "{text:?}");
        let set = labelled(&encoder, &names, text).expect(text);
        assert_eq!((inputs(&set), set.labels()), (expected.clone(), &[1, 0][..]), "{text:?}");
        assert_eq!((set.name(), set.class_names()), ("r", &names[..]));
    }
    for text in ["colour,size\nwhite,7\nred,8\n", "size,colour\n7,white\n8,red", "9,white,7\n9,red,8\n"] {
        assert_eq!(inputs(&rows(&encoder, text).expect(text)), expected, "{text:?}");
    }

    // Names that are numbers: the first line is known as the header by holding all of them.
    let options = with(|options| options.target = name("y"));
    let (encoder, _) = self::encoder("0,1,y\n5,6,p\n7,8,q\n", &options);
    assert_eq!(inputs(&rows(&encoder, "1,0\n6,5\n").expect("rows")), array![[5.0, 6.0]]);
    assert_eq!(inputs(&rows(&encoder, "0,6\n6,5\n").expect("rows")), array![[0.0, 6.0], [6.0, 5.0]]);

    // Without a header before, one now is passed over; a header that was asked for is one.
    let (encoder, _) = self::encoder("5,6,p\n7,8,q\n", &TableOptions::default());
    assert_eq!(encoder.input_names(), ["column 1", "column 2"]);
    assert_eq!(encoder.target(), "column 3");
    assert_eq!(inputs(&rows(&encoder, "b,a\n1,0\n").expect("rows")), array![[1.0, 0.0]]);
    // A row of categories whose number is missing is none.
    let filled = with(|options| (options.missing, options.text_is_categorical) = (Missing::Mean, true));
    let (encoder, names) = self::encoder("1.5,red,p\n2.5,blue,q\n", &filled);
    let expected = array![[2.0, 0.0, 1.0], [3.0, 1.0, 0.0]];
    assert_eq!(inputs(&rows(&encoder, ",red\n3,blue\n").expect("rows")), expected);
    assert_eq!(inputs(&labelled(&encoder, &names, ",red,p\n3,blue,q\n").expect("rows")), expected);
    assert_eq!(inputs(&rows(&encoder, "size,colour\n3,blue\n").expect("rows")).nrows(), 1);
    let (encoder, _) = self::encoder("a,y\n1,p\n2,q\n", &with(|options| options.header = Header::Yes));
    assert_eq!(
        message(rows(&encoder, "1,2\n3,4\n")),
        ": there is no column \"a\", expected one of the 2 columns: 1, 2"
    );
    let (encoder, _) = self::encoder("1,p\n2,q\n", &with(|options| options.header = Header::No));
    assert_eq!(message(rows(&encoder, "a\n1\n")), ", line 1, column 1: expected a number, found \"a\"");
}

#[test]
fn what_does_not_fit_is_named() {
    let (encoder, names) = encoder(TABLE, &options());
    let table = [
        ("", ": the file is empty, expected rows of data"),
        ("colour,size\n", ": there are no rows below the header, expected at least one"),
        (
            "colour,length\nred,2\n",
            ": there is no column \"size\", expected one of the 2 columns: colour, length",
        ),
        (
            "size,colour,size\n1,red,2\n",
            ", line 1: columns 1 and 3 are both called \"size\", expected different names",
        ),
        (
            "colour,size\nred,2\ngreen,3\n",
            ", line 3, column 1 (colour): the category \"green\" was not among the training rows",
        ),
        ("colour,size\nred,2\nred\n", ", line 3: expected 2 columns, found 1"),
        ("colour,size\nred,big\n", ", line 2, column 2 (size): expected a number, found \"big\""),
        ("colour,size\nred,\n", ", line 2, column 2 (size): the value is missing (found \"\"), expected one"),
        ("red,2\n", ", line 1: expected 4 columns, or 3 without the target, found 2"),
        ("1,2,red,3,4\n", ", line 1: expected 4 columns, or 3 without the target, found 5"),
    ];
    for (text, expected) in table {
        assert_eq!(message(rows(&encoder, text)), expected, "{text:?}");
    }
    let table = [
        ("colour,size\nred,2\n", ": there is no column \"y\", expected one of the 2 columns: colour, size"),
        ("1,red,2\n", ", line 1: expected 4 columns, found 3"),
        (
            "y,colour,size\np,red,2\nz,red,2\n",
            ", line 3, column 1 (y): the label \"z\" is not one of the 2 classes",
        ),
        (
            "y,colour,size\n,red,2\n",
            ", line 2, column 1 (y): the value is missing (found \"\"), expected one",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(message(labelled(&encoder, &names, text)), expected, "{text:?}");
    }
    // One class is enough to evaluate.
    assert_eq!(labelled(&encoder, &names, "y,colour,size\nq,red,2\n").expect("a row").labels(), [1]);
}

#[test]
fn a_table_of_numbers_needs_no_other_before_it() {
    let encoder = Encoder::of_numbers(2).expect("an encoder");
    let expected = array![[1.0, -2.5], [0.003, 4.0]];
    for text in [
        "1,-2.5\n0.003,4\n",
        " 1 ,\t-2.5\r\n\" 0.003\" , \"4\"",
        "width,height\n1,-2.5\n.003,4\n",
        "1,-2.5,a\n.003,4,b\n",
        "width,height,kind\n1,-2.5,a\n.003,4,b\n",
        "\u{feff}\n1,-2.5\n\n.003,4\n",
    ] {
        assert_eq!(inputs(&rows(&encoder, text).expect(text)), expected, "{text:?}");
    }
    for (text, expected) in [
        ("", ": the file is empty, expected rows of data"),
        ("a,b\n", ": there are no rows below the header, expected at least one"),
        ("1,2\n3\n", ", line 2: expected 2 columns, found 1"),
        ("1\n", ", line 1: expected 3 columns, or 2 without the target, found 1"),
        ("a,2\n", ", line 1, column 1: expected a number, found \"a\""),
        ("a,b\nc,d\n", ", line 2, column 1: expected a number, found \"c\""),
        ("1,2\n\n3,NaN\n", ", line 3, column 2: the value is missing (found \"NaN\"), expected one"),
        ("1,2\n3,inf\n", ", line 2, column 2: expected a finite number, found \"inf\""),
        (",\n1,2\n", ", line 1, column 1: the value is missing (found \"\"), expected one"),
    ] {
        assert_eq!(message(rows(&encoder, text)), expected, "{text:?}");
    }
    // Labels of one class are classes of the network's.
    let names = ["a", "b"].map(String::from);
    assert_eq!(labelled(&encoder, &names, "1,2,b\n3,4,b\n").expect("rows").labels(), [1, 1]);
    assert_eq!(message(labelled(&encoder, &names, "1,2\n")), ", line 1: expected 3 columns, found 2");
    assert_eq!(Encoder::of_numbers(0).expect_err("no inputs"), EncoderProblem::NoInputs);
}

#[test]
fn unseen_and_missing_follow_the_policy() {
    let zeros = TableOptions { unseen: Unseen::Zeros, missing: Missing::Mean, ..options() };
    let (encoder, names) = encoder(TABLE, &zeros);
    let text = "colour,size,y\ngreen,?,p\nNA,4,q\n\u{e9},4,q\n";
    // All three colours are as frequent: the first.
    let expected = array![[0.0, 0.0, 0.0, 2.0], [1.0, 0.0, 0.0, 4.0], [0.0, 0.0, 0.0, 4.0]];
    assert_eq!(inputs(&rows(&encoder, text).expect("rows")), expected);
    assert_eq!(inputs(&labelled(&encoder, &names, text).expect("rows")), expected);

    // Rows to evaluate are dropped, rows to predict are not.
    let (encoder, names) = self::encoder(TABLE, &TableOptions { missing: Missing::DropRow, ..options() });
    let text = "colour,size,y\nred,?,p\nred,4,?\nred,4,q\n";
    assert_eq!(labelled(&encoder, &names, text).expect("a row").labels(), [1]);
    let text = "colour,size\nred,3\nred,?\n";
    let expected = ", line 3, column 2 (size): the value is missing (found \"?\"), expected one";
    assert_eq!(message(rows(&encoder, text)), expected);
}

#[test]
fn only_the_training_rows_are_looked_at() {
    let table = read(TABLE, &options()).expect("a table");
    let encoder = table.fit_encoder(&[0, 1]).expect("an encoder");
    assert_eq!(encoder.input_names(), ["colour=blue", "colour=red", "size"]);
    let error = table.encode(&encoder, &[1, 2]).expect_err("white is new").to_string();
    assert!(error.ends_with(
        "t.csv, row 3 of the data, column \"colour\": the category \"white\" was not among the training rows"
    ));
    let table = read(TABLE, &TableOptions { unseen: Unseen::Zeros, ..options() }).expect("a table");
    let encoder = table.fit_encoder(&[0, 1]).expect("an encoder");
    assert_eq!(inputs(&table.encode(&encoder, &[1, 2]).expect("rows")), array![[1., 0., 2.], [0., 0., 3.]]);

    let filled = TableOptions { missing: Missing::Mean, ..TableOptions::default() };
    let table = read("a,y\n?,p\n2,q\n", &filled).expect("a table");
    let error = table.fit_encoder(&[0]).expect_err("nothing to fill with").to_string();
    assert!(error.ends_with(
        "column \"a\" has no value in the training rows, expected at least one; ignore the column"
    ));
    for (rows, expected) in [
        (&[][..], "rows of the table: there are no rows, expected at least one"),
        (&[0, 2], "table: row 2 was asked for, but there are 2 rows"),
    ] {
        assert_eq!(table.fit_encoder(rows).expect_err("bad rows").to_string(), expected);
        let encoder = table.fit_encoder(&[1]).expect("an encoder");
        assert_eq!(table.encode(&encoder, rows).expect_err("bad rows").to_string(), expected);
    }
}

#[test]
fn another_table_is_refused() {
    let (encoder, _) = encoder(TABLE, &options());
    let message = |text: &str, options: &TableOptions| {
        let table = read(text, options).expect("a table");
        table.encode(&encoder, &[0]).expect_err("another table").to_string()
    };
    let same = "the encoder was fitted to a table with other columns, expected";
    let filled = TableOptions { missing: Missing::Mean, ..options() };
    let text = "colour,length,y\nred,1,p\nred,2,q\n";
    let by_text = with(|options| options.text_is_categorical = true);
    for (found, expected) in [
        (message(TABLE, &filled), "missing: Error, found missing: Mean"),
        (message("a,y\n1,p\n2,q\n", &TableOptions::default()), "2 columns, found 1"),
        (message(text, &by_text), "size of numbers, found length of numbers"),
        (message("colour,size,y\n1,1,p\n2,2,q\n", &by_text), "colour of categories, found colour of numbers"),
    ] {
        assert!(found.ends_with(&format!("{same} {expected}")), "{found}");
    }
}

#[test]
fn serialises_to_the_same_encoder() {
    for options in [options(), TableOptions { missing: Missing::Median, unseen: Unseen::Zeros, ..options() }]
    {
        let (encoder, _) = encoder(TABLE, &options);
        let text = serde_json::to_string(&encoder).expect("JSON");
        let again: Encoder = serde_json::from_str(&text).expect("an encoder");
        assert_eq!(again, encoder);
        assert_eq!(again.width(), 4);
    }
}

#[test]
fn what_is_deserialised_is_checked() {
    let (encoder, _) = encoder(TABLE, &TableOptions { missing: Missing::Mean, ..options() });
    let good = serde_json::to_value(&encoder).expect("JSON");
    let changes: [(&str, Value, &str); 13] = [
        ("/columns", json!([]), "0 columns are the target"),
        ("/columns/0/kind", json!("target"), "2 columns are the target"),
        ("/columns/1/name", json!("size"), "two columns are called \"size\""),
        ("/columns/1/kind/categories/names", json!([]), "the categories of column \"colour\" are none"),
        (
            "/columns/1/kind/categories/names",
            json!(["a", "a"]),
            "the categories of column \"colour\" are none",
        ),
        (
            "/columns/1/kind/categories/fill",
            json!(3),
            "fills missing values of column \"colour\" does not fit",
        ),
        (
            "/columns/1/kind/categories/fill",
            json!(null),
            "fills missing values of column \"colour\" does not fit",
        ),
        ("/columns/2/kind/number/fill", json!(1e39), "fills missing values of column \"size\" does not fit"),
        ("/columns/2/kind/number/fill", json!(null), "fills missing values of column \"size\" does not fit"),
        ("/missing", json!("error"), "fills missing values of column \"colour\" does not fit"),
        ("/delimiter", json!({"byte": 10}), "the delimiter is byte 10"),
        ("/delimiter", json!({"byte": 300}), "expected u8"),
        ("/named", json!("yes"), "expected a boolean"),
    ];
    for (place, value, expected) in changes {
        let mut bad = good.clone();
        *bad.pointer_mut(place).expect(place) = value;
        let error = serde_json::from_value::<Encoder>(bad).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let mut bad = good.clone();
    bad["columns"] = json!([bad["columns"][3].clone()]);
    let error = serde_json::from_value::<Encoder>(bad).expect_err("no inputs").to_string();
    assert!(error.contains("no column is an input"), "{error}");
    let mut bad = good;
    bad["more"] = json!(1);
    assert!(serde_json::from_value::<Encoder>(bad).is_err());
}
