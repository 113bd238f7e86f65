use safetensors::tensor::TensorView;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The key of the checksum in a file's metadata.
pub(super) const KEY: &str = "sha256";

/// SHA-256, in hexadecimal digits, of all that a file says: its metadata (but for the checksum itself) by key, then its tensors by
/// name, with type, shape and bytes. Lengths go before texts, so that no two contents are the same bytes.
pub(super) fn checksum(metadata: &HashMap<String, String>, tensors: &[(&str, TensorView)]) -> String {
    let mut hash = Sha256::new();
    let mut entries: Vec<_> = metadata.iter().filter(|(key, _)| *key != KEY).collect();
    entries.sort();
    hash.update(le(entries.len()));
    for (key, value) in entries {
        text(&mut hash, key);
        text(&mut hash, value);
    }
    let mut tensors: Vec<_> = tensors.iter().collect();
    tensors.sort_by_key(|(name, _)| *name);
    for (name, tensor) in tensors {
        text(&mut hash, name);
        text(&mut hash, &tensor.dtype().to_string());
        hash.update(le(tensor.shape().len()));
        tensor.shape().iter().for_each(|&size| hash.update(le(size)));
        hash.update(tensor.data());
    }
    hex(&hash.finalize())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(hash: &mut Sha256, text: &str) {
    hash.update(le(text.len()));
    hash.update(text);
}

fn le(number: usize) -> [u8; 8] {
    (number as u64).to_le_bytes()
}
