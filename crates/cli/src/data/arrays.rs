use crate::args::ArrayArgs;
use chainrule_data::ArraySource;
use std::path::Path;

/// Names in an archive, unless others are given.
const INPUTS: &str = "x";
const LABELS: &str = "y";

/// What kind of file a path names.
pub(super) enum Kind {
    /// One array: NPY, IDX.
    Array,
    /// Arrays by their names: NPZ, safetensors.
    Archive,
    /// Text, or anything else that a table is read from.
    Table,
}

impl Kind {
    /// By the extension; `.gz` is not one.
    pub(super) fn of(path: &Path) -> Self {
        let name = path.to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        match () {
            () if ends(&[".npy", ".idx", "-ubyte"]) => Kind::Array,
            () if ends(&[".npz", ".safetensors"]) => Kind::Archive,
            () => Kind::Table,
        }
    }
}

/// The inputs in a file; `name` is for one of several arrays.
pub(super) fn inputs(path: &Path, name: Option<&str>) -> ArraySource {
    match Kind::of(path) {
        Kind::Archive => ArraySource::named(path, name.unwrap_or(INPUTS)),
        _ => ArraySource::new(path),
    }
}

impl ArrayArgs {
    /// Inputs and labels, where `path` is a file of arrays.
    pub(super) fn sources(&self, path: &Path) -> (ArraySource, ArraySource) {
        let label_path = self.labels.as_deref().unwrap_or(path);
        let name = self.label_array.as_deref().unwrap_or(LABELS);
        let labels = match Kind::of(label_path) {
            Kind::Archive => ArraySource::named(label_path, name),
            _ => ArraySource::new(label_path),
        };
        (inputs(path, self.array.as_deref()), labels)
    }
}
