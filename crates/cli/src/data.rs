//! The data sets that the program knows, each in a training and a test part.

use crate::args::{DataArgs, DataName};
use anyhow::{Result, bail};
use chainrule_data::{DataSet, FASHION_MNIST_DIR, digits, fashion_mnist, spiral};
use clap::ValueEnum;
use std::fmt;
use std::path::Path;

/// Share of each class that goes to the test part of a data set without one of its own.
const TEST_FRACTION: f64 = 0.2;

const SPIRAL_CLASSES: usize = 3;
const SPIRAL_SAMPLES_PER_CLASS: usize = 200;

/// A data set, cut.
pub(crate) struct Parts {
    pub(crate) train: DataSet,
    pub(crate) test: DataSet,
}

impl DataArgs {
    /// Reads or makes the data set; `seed` cuts it.
    pub(crate) fn load(&self, seed: u64) -> Result<Parts> {
        let directory = match (self.data, &self.data_dir) {
            (DataName::FashionMnist, directory) => directory.as_deref(),
            (_, None) => None,
            (data, Some(directory)) => bail!(
                "--data-dir {}: {data} is built in and takes no files; leave the option out, or add --data \
                 fashion-mnist",
                directory.display()
            ),
        };
        let (train, test) = match self.data {
            DataName::Digits => digits().split(TEST_FRACTION, seed)?,
            DataName::FashionMnist => fashion_mnist(directory.unwrap_or(Path::new(FASHION_MNIST_DIR)))?,
            DataName::Spiral => {
                spiral(SPIRAL_SAMPLES_PER_CLASS, SPIRAL_CLASSES, seed)?.split(TEST_FRACTION, seed)?
            }
        };
        Ok(Parts { train, test })
    }
}

/// As on the command line.
impl fmt::Display for DataName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}
