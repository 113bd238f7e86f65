//! A damaged Parquet file is an error and nothing else, also where the crate `parquet` panics. The hook belongs to the whole process,
//! so this is a program of its own.

#![cfg(feature = "parquet")]

use chainrule_data::{Table, TableOptions};
use std::panic::{catch_unwind, set_hook};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::{fs, thread};

static TOLD: AtomicUsize = AtomicUsize::new(0);

#[test]
fn a_panic_that_becomes_an_error_is_not_told_and_any_other_is() {
    set_hook(Box::new(|_| {
        TOLD.fetch_add(1, SeqCst);
    }));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("t.parquet");
    let mut file = include_bytes!("files/snappy.parquet").to_vec();
    // The width of a page's bits: of all places, one at which the crate panics.
    file[362] = 0;
    fs::write(&path, file).expect("a writable directory");
    let options = TableOptions { text_is_categorical: true, ..TableOptions::default() };
    for _ in 0..2 {
        let error = Table::read(&path, &options).expect_err("a damaged file").to_string();
        let was_panic = ": the Parquet file cannot be read: assertion failed";
        assert!(error.contains(was_panic), "choose another place: {error}");
        assert_eq!(TOLD.load(SeqCst), 0);
    }
    assert!(catch_unwind(|| panic!("here")).is_err());
    assert!(thread::spawn(|| panic!("in another thread")).join().is_err());
    assert_eq!(TOLD.load(SeqCst), 2);
}
