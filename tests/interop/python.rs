//! Running the scripts, and arrays for them and from them: bare numbers, row by row, little endian.

use chainrule::core::Real;
use ndarray::{Array2, ArrayView2};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs a script of this directory, which fails by its exit code, and passes on what it printed.
#[track_caller]
pub(crate) fn run(script: &str, arguments: &[&dyn AsRef<OsStr>]) -> String {
    let python = concat!(env!("CARGO_TARGET_TMPDIR"), "/../interop/bin/python");
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script));
    command.args(arguments.iter().map(AsRef::as_ref));
    let output = command.output().unwrap_or_else(|error| panic!("{python}: {error}; run `make interop`"));
    let (printed, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}: {}\n{printed}\n{errors}", output.status);
    print!("{printed}");
    printed.into_owned()
}

pub(crate) fn write<F: Real>(path: &Path, array: ArrayView2<F>) {
    let mut bytes = Vec::new();
    array.iter().for_each(|number| number.write_le(&mut bytes));
    fs::write(path, bytes).unwrap();
}

/// An array of so many columns.
pub(crate) fn read<F: Real>(path: &Path, columns: usize) -> Array2<F> {
    let numbers: Vec<F> = fs::read(path).unwrap().chunks_exact(F::BYTES).map(F::read_le).collect();
    Array2::from_shape_vec((numbers.len() / columns, columns), numbers).unwrap()
}
