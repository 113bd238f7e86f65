//! Files that NumPy and PyTorch wrote (`files/generate.py`), read.

use chainrule_core::{Rows, Scaling};
use chainrule_data::{ArraySource, Error, read_array_rows, read_arrays, read_arrays_labelled};
use ndarray::{Array2, array};
use std::path::PathBuf;

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "files", name].iter().collect()
}

/// What `generate.py` puts in row i, column j.
fn plain(columns: usize) -> Array2<f32> {
    Array2::from_shape_fn((4, columns), |(i, j)| ((5 * i + 3 * j) % 7) as f32)
}

fn floats() -> Array2<f32> {
    (plain(3) - 3.0) / 4.0
}

#[test]
fn inputs_of_every_kind() -> Result<(), Error> {
    let kinds = ["u2", "u4", "u8", "i2", "i4", "i8", "f2", "f4", "f8"];
    let names = kinds.iter().flat_map(|kind| [format!("xl{kind}"), format!("xb{kind}")]);
    for name in
        names.chain(["xob1", "xou1", "xoi1", "columns_first", "columns_first_bytes"].map(String::from))
    {
        let expected = match &name[..] {
            "xob1" => plain(3).mapv(|x| f32::from(x > 2.0)),
            "columns_first" => floats(),
            "columns_first_bytes" => plain(3),
            name if name.contains('u') => plain(3),
            name if name.contains('i') => plain(3) - 3.0,
            _ => floats(),
        };
        for archive in ["stored.npz", "compressed.npz"] {
            let rows = read_array_rows(&ArraySource::named(file(archive), &name))?;
            assert_eq!(rows, expected, "{archive} {name}");
        }
    }
    for version in ["version1.npy", "version2.npy", "version3.npy"] {
        assert_eq!(read_array_rows(&ArraySource::new(file(version)))?, floats());
    }
    for name in ["f64", "f32", "f16", "bf16"] {
        assert_eq!(
            read_array_rows(&ArraySource::named(file("tensors.safetensors"), name))?,
            floats(),
            "{name}"
        );
    }
    Ok(())
}

#[test]
fn images_know_their_shape() -> Result<(), Error> {
    let labels = ArraySource::named(file("stored.npz"), "y_integers");
    for (name, scaling, expected) in [
        ("images", Scaling::from_range(0.0, 255.0)?, plain(6)),
        ("images_columns_first", Scaling::IDENTITY, (plain(6) - 3.0) / 4.0),
    ] {
        let set = read_arrays(&ArraySource::named(file("compressed.npz"), name), &labels)?;
        assert_eq!((set.image_shape(), set.name()), (Some((3, 2)), "compressed"));
        assert_eq!(*set.scaling(), scaling);
        let mut tile = Array2::<f32>::zeros((4, 6));
        set.gather(&[0, 1, 2, 3], tile.view_mut())?;
        assert_eq!(tile, expected);
    }
    Ok(())
}

#[test]
fn labels_of_every_kind() -> Result<(), Error> {
    let inputs = ArraySource::new(file("version1.npy"));
    let npz = |name: &str| ArraySource::named(file("stored.npz"), name);
    let table: [(ArraySource, &[&str], &[usize]); 7] = [
        (npz("y_integers"), &["-1", "9", "10"], &[1, 0, 2, 0]),
        (ArraySource::named(file("tensors.safetensors"), "labels"), &["-1", "9", "10"], &[1, 0, 2, 0]),
        (npz("y_floats"), &["-1", "9.5", "10"], &[1, 0, 2, 0]),
        (npz("y_booleans"), &["False", "True"], &[1, 0, 1, 0]),
        (npz("y_texts"), &["a", "b", "äöü猫"], &[1, 0, 2, 0]),
        (npz("y_texts_big"), &["a", "b", "äöü猫"], &[1, 0, 2, 0]),
        (npz("y_bytes"), &["a", "b", "ä"], &[1, 0, 2, 0]),
    ];
    for (source, names, labels) in table {
        let set = read_arrays(&inputs, &source)?;
        assert_eq!(
            (set.class_names(), set.labels()),
            (&names.iter().map(ToString::to_string).collect::<Vec<_>>()[..], labels)
        );
        let mut reversed = set.class_names().to_vec();
        reversed.reverse();
        let set = read_arrays_labelled(&inputs, &source, &reversed)?;
        assert!(set.labels().iter().zip(labels).all(|(&found, &label)| found == names.len() - 1 - label));
    }
    Ok(())
}

#[test]
fn what_is_asked_for_wrongly_is_named() {
    let npz = |name: &str| ArraySource::named(file("stored.npz"), name);
    let one = ArraySource::new(file("version1.npy"));
    let names = ["a".to_string(), "b".to_string()];
    let table = [
        (
            read_array_rows(&npz("X")).err(),
            ", array \"X\": there is no array \"X\", expected one of xob1, xou1, xoi1, xlu2, xlu4, xlu8, xli2, xli4, …",
        ),
        (
            read_array_rows(&ArraySource::new(file("tensors.safetensors"))).err(),
            ": there are 5 arrays, expected the name of one of ",
        ),
        (
            read_array_rows(&ArraySource::named(file("version1.npy"), "x")).err(),
            ", array \"x\": the file is one array without a name, found the name \"x\"",
        ),
        (
            read_array_rows(&npz("y_integers")).err(),
            ", array \"y_integers\": the shape is [4], expected rows × columns, or rows × more dimensions, none of them 0",
        ),
        (
            read_array_rows(&npz("y_texts")).err(),
            ", array \"y_texts\": the inputs are texts, expected numbers",
        ),
        (
            read_arrays(&one, &npz("images")).err(),
            ", array \"images\": the shape is [4, 3, 2], expected one dimension of labels, of at least one",
        ),
        (
            read_arrays_labelled(&one, &npz("y_texts"), &names).err(),
            ", array \"y_texts\": the label \"äöü猫\" of row 2 is not one of the 2 classes",
        ),
    ];
    for (error, message) in table {
        let error = error.expect(message).to_string();
        assert!(error.contains(message), "{error}\n{message}");
    }
    assert_eq!(read_array_rows(&one).expect("rows").row(0), array![-0.75, 0.0, 0.75]);
}
