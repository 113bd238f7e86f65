use crate::{DataSet, Description, Error, read_idx};
use chainrule_core::Scaling;
use std::path::{Path, PathBuf};

/// Where Debian's package `dataset-fashion-mnist` puts the files that [`fashion_mnist`] reads.
pub const FASHION_MNIST_DIR: &str = "/usr/share/datasets/fashion-mnist";

const CLASS_NAMES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Fashion-MNIST: the training part, 60,000 images, and the test part, 10,000, of 28×28 pixels, 0 to 255, in ten classes.
///
/// `dir` holds the four IDX files `train-images-idx3-ubyte.gz`, `train-labels-idx1-ubyte.gz`,
/// `t10k-images-idx3-ubyte.gz` and `t10k-labels-idx1-ubyte.gz`; where one is missing, the same name without `.gz` will do.
/// Any other set of images and labels 0 to 9 in such files (MNIST is one) is read as well.
///
/// Source: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
/// algorithms", arXiv:1708.07747 (2017).
///
/// # Errors
/// [`Error::NoDirectory`] or [`Error::NoFile`] says what is missing and how to get it; whatever [`read_idx`] says;
/// [`Error::IdxShape`], [`Error::LabelCount`], [`Error::Label`] or [`Error::OtherImageShape`] for files that do not fit
/// together.
///
/// ```no_run
/// use chainrule_data::{FASHION_MNIST_DIR, fashion_mnist};
/// let (train, test) = fashion_mnist(FASHION_MNIST_DIR.as_ref())?;
/// assert_eq!((train.len(), test.len(), train.width()), (60_000, 10_000, 784));
/// # Ok::<(), chainrule_data::Error>(())
/// ```
pub fn fashion_mnist(dir: &Path) -> Result<(DataSet, DataSet), Error> {
    if !dir.is_dir() {
        return Err(Error::NoDirectory { path: dir.into() });
    }
    // All four before the first is read: a missing file is told at once.
    let train_images = find(dir, "train-images-idx3-ubyte")?;
    let train_labels = find(dir, "train-labels-idx1-ubyte")?;
    let test_images = find(dir, "t10k-images-idx3-ubyte")?;
    let test_labels = find(dir, "t10k-labels-idx1-ubyte")?;

    let (train, train_shape) = read_part(&train_images, &train_labels)?;
    let (test, test_shape) = read_part(&test_images, &test_labels)?;
    if test_shape != train_shape {
        return Err(Error::OtherImageShape { path: test_images, expected: train_shape, found: test_shape });
    }
    Ok((train, test))
}

/// The file `name`.gz, or `name` if only that exists.
fn find(dir: &Path, name: &str) -> Result<PathBuf, Error> {
    let compressed = dir.join(format!("{name}.gz"));
    for path in [&compressed, &dir.join(name)] {
        if path.try_exists().map_err(|source| Error::Io { path: path.clone(), source })? {
            return Ok(path.clone());
        }
    }
    Err(Error::NoFile { path: compressed })
}

/// A data set and its image shape.
fn read_part(images_path: &Path, labels_path: &Path) -> Result<(DataSet, (usize, usize)), Error> {
    let images = read_idx(images_path)?;
    let (count, rows, columns) = match images.shape[..] {
        [count, rows, columns] if !images.bytes.is_empty() => (count, rows, columns),
        _ => {
            let expected = "images × rows × columns, none of them 0";
            return Err(Error::IdxShape { path: images_path.into(), expected, found: images.shape });
        }
    };
    let labels = read_idx(labels_path)?;
    if labels.shape.len() != 1 {
        let expected = "one dimension of labels";
        return Err(Error::IdxShape { path: labels_path.into(), expected, found: labels.shape });
    }
    let labels: Vec<usize> = labels.bytes.into_iter().map(usize::from).collect();
    if labels.len() != count {
        return Err(Error::LabelCount { path: labels_path.into(), expected: count, found: labels.len() });
    }
    let classes = CLASS_NAMES.len();
    if let Some(row) = labels.iter().position(|&label| label >= classes) {
        return Err(Error::Label { path: labels_path.into(), row, label: labels[row], classes });
    }
    let description = Description {
        name: "fashion-mnist".into(),
        class_names: CLASS_NAMES.map(String::from).into(),
        scaling: Scaling::from_range(0.0, 255.0)?,
        image_shape: Some((rows, columns)),
    };
    Ok((DataSet::from_bytes(description, images.bytes, rows * columns, labels)?, (rows, columns)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idx::tests::{gzip, idx};
    use chainrule_core::Rows;
    use ndarray::Array2;
    use std::fs;
    use tempfile::TempDir;

    const FILES: [&str; 4] = [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ];

    fn write(dir: &TempDir, name: &str, file: &[u8]) {
        fs::write(dir.path().join(name), file).expect("a writable directory");
    }

    fn write_gzip(dir: &TempDir, name: &str, file: &[u8]) {
        write(dir, &format!("{name}.gz"), &gzip(file));
    }

    /// Three training images and one test image of 2×3 pixels.
    fn fake() -> TempDir {
        let dir = tempfile::tempdir().expect("a temporary directory");
        write_gzip(&dir, FILES[0], &idx(&[3, 2, 3], &Vec::from_iter(0..18)));
        write_gzip(&dir, FILES[1], &idx(&[3], &[9, 0, 4]));
        write_gzip(&dir, FILES[2], &idx(&[1, 2, 3], &[250, 251, 252, 253, 254, 255]));
        write_gzip(&dir, FILES[3], &idx(&[1], &[7]));
        dir
    }

    #[test]
    fn reads_the_four_files() {
        let dir = fake();
        let (train, test) = fashion_mnist(dir.path()).expect("four files");
        assert_eq!((train.labels(), test.labels()), (&[9, 0, 4][..], &[7][..]));
        let mut tile = Array2::<f32>::zeros((1, 6));
        train.gather(&[1], tile.view_mut()).expect("a row in range");
        assert_eq!(tile.row(0).to_vec(), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
        test.gather(&[0], tile.view_mut()).expect("a row in range");
        assert_eq!(tile.row(0).to_vec(), [250.0, 251.0, 252.0, 253.0, 254.0, 255.0]);
        for set in [&train, &test] {
            assert_eq!((set.name(), set.width(), set.image_shape()), ("fashion-mnist", 6, Some((2, 3))));
            assert_eq!(set.class_names(), CLASS_NAMES);
            assert_eq!((set.scaling().apply(0, 0.0_f64), set.scaling().apply(783, 255.0_f64)), (0.0, 1.0));
        }

        // A plain file where there is no compressed one; a compressed one first.
        fs::remove_file(dir.path().join("t10k-labels-idx1-ubyte.gz")).expect("the file is there");
        write(&dir, FILES[3], &idx(&[1], &[8]));
        write(&dir, FILES[1], b"not read");
        let (plain_train, plain_test) = fashion_mnist(dir.path()).expect("four files");
        assert_eq!((plain_train, plain_test.labels()), (train, &[8][..]));
    }

    #[test]
    fn says_what_is_missing_and_what_to_do() {
        for missing in FILES {
            let dir = fake();
            let path = dir.path().join(format!("{missing}.gz"));
            fs::remove_file(&path).expect("the file is there");
            let error = fashion_mnist(dir.path()).expect_err("a file is missing");
            assert!(matches!(&error, Error::NoFile { path: found } if *found == path), "{error}");
            let message = format!(
                "{}: there is no such file, with or without .gz; install Debian's package dataset-fashion-mnist, \
                 or name the directory that holds the four files of Fashion-MNIST",
                path.display()
            );
            assert_eq!(error.to_string(), message);
        }
        let dir = fake();
        for path in [dir.path().join("nowhere"), dir.path().join("train-images-idx3-ubyte.gz")] {
            let error = fashion_mnist(&path).expect_err("not a directory");
            let message = format!(
                "{}: there is no such directory; install Debian's package dataset-fashion-mnist, or name the \
                 directory that holds the four files of Fashion-MNIST",
                path.display()
            );
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn names_the_file_that_does_not_fit() {
        let table = [
            (
                0,
                idx(&[3, 6], &[0; 18]),
                "the IDX shape is [3, 6], expected images × rows × columns, none of them 0",
            ),
            (
                2,
                idx(&[0, 2, 3], &[]),
                "the IDX shape is [0, 2, 3], expected images × rows × columns, none of them 0",
            ),
            (
                2,
                idx(&[1, 2, 0], &[]),
                "the IDX shape is [1, 2, 0], expected images × rows × columns, none of them 0",
            ),
            (1, idx(&[3, 1], &[0; 3]), "the IDX shape is [3, 1], expected one dimension of labels"),
            (1, idx(&[2], &[0; 2]), "expected 3 labels, one for each image, found 2"),
            (3, idx(&[0], &[]), "expected 1 labels, one for each image, found 0"),
            (1, idx(&[3], &[9, 0, 10]), "the label of row 2 is 10, expected 0 to 9"),
            (2, idx(&[1, 3, 2], &[0; 6]), "the images have 3×2 pixels, expected 2×3 as in the training part"),
            (3, idx(&[2], &[7]), "the IDX data are cut off: expected 10 bytes, found 9"),
        ];
        for (file, contents, message) in table {
            let dir = fake();
            write_gzip(&dir, FILES[file], &contents);
            let error = fashion_mnist(dir.path()).expect_err(message);
            let path = dir.path().join(format!("{}.gz", FILES[file]));
            assert_eq!(error.to_string(), format!("{}: {message}", path.display()));
        }
    }
}
