use super::fingerprint::fingerprint;
use crate::training::{Job, Samples};
use crate::{Network, OptimizerState};
use chainrule_core::{Error, Real};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::path::Path;

/// What a training is of: all that its result depends on, by name, as text. Not part of it: the number of epochs, which may be
/// raised, the number of threads, and where and how often checkpoints are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity(Vec<(String, String)>);

impl Identity {
    /// That of a job for `network`.
    pub(in crate::training) fn new<F: Real>(network: &Network<F>, job: &Job<F>) -> Result<Self, Error> {
        let Job { train, validation, training, more, .. } = *job;
        let mut all = Identity(Vec::new());
        all.push_network(network);
        all.push("seed", training.seed.to_string());
        all.push("batch_size", training.batch_size.to_string());
        all.push("loss", text(&training.loss));
        all.push("accuracy", text(&training.accuracy));
        all.push("optimizer", text(&training.optimizer));
        all.push("schedule", text(&training.schedule));
        all.push("clipping", text(&training.clipping));
        all.push("class_weights", text(&training.class_weights));
        all.push("validation_fraction", text(&training.validation_fraction));
        all.push("early_stopping", text(&training.early_stopping));
        // After all settings, which what was fitted to the rows may differ with; before the rows, which are read through it.
        more.iter().for_each(|(name, value)| all.push(*name, value.clone()));
        for (name, samples) in [("training", Some(train)), ("validation", validation)] {
            let Some(samples) = samples else { continue };
            all.push(format!("{name} rows"), samples.rows.len().to_string());
            all.push(format!("SHA-256 of the {name} data"), fingerprint(samples)?);
        }
        Ok(all)
    }

    /// That of a fit of a network's last dense layer, with all that `training` says of it.
    pub(crate) fn of_head<F: Real>(
        network: &Network<F>,
        samples: Samples<F>,
        training: String,
    ) -> Result<Self, Error> {
        let mut all = Identity(Vec::new());
        all.push_network(network);
        all.push("training", training);
        all.push("training rows", samples.rows.len().to_string());
        all.push("SHA-256 of the training data", fingerprint(samples)?);
        Ok(all)
    }

    /// That of steps with `optimizer`, whatever rows they are of.
    pub(in crate::training) fn of_steps<F: Real>(
        network: &Network<F>,
        optimizer: &OptimizerState<F>,
    ) -> Self {
        let mut all = Identity(Vec::new());
        all.push_network(network);
        for (name, value) in optimizer.settings() {
            all.push(name, value);
        }
        all
    }

    fn push_network<F: Real>(&mut self, network: &Network<F>) {
        self.push("number type", F::NAME.to_owned());
        let layers = network
            .layers()
            .map(|layer| format!("{} {} → {}", layer.name(), layer.width().0, layer.width().1));
        self.push("layers", layers.collect::<Vec<_>>().join(", "));
        for (position, layer) in network.layers().enumerate() {
            self.push(format!("layer {position}"), text(layer));
        }
        for (start, end) in network.skips() {
            self.push(format!("residual block that ends at layer {end}"), format!("starts at layer {start}"));
        }
    }

    fn push(&mut self, name: impl Into<String>, value: String) {
        self.0.push((name.into(), value));
    }

    /// With one thing more.
    pub(in crate::training) fn with(mut self, name: &str, value: String) -> Self {
        self.push(name, value);
        self
    }

    /// Makes sure that `found` is the same training.
    pub(in crate::training) fn check(&self, path: &Path, found: &Identity) -> Result<(), Error> {
        let Some((setting, expected, found)) = self.first_difference(found) else { return Ok(()) };
        Err(Error::OtherTraining { path: path.to_owned(), setting, expected, found })
    }

    /// What differs first in `found`, by name, what it is here, and what it is there.
    pub(in crate::training) fn first_difference(&self, found: &Identity) -> Option<(String, String, String)> {
        let value = |all: &Identity, name: &str| {
            let entry = all.0.iter().find(|(other, _)| other == name);
            entry.map_or("nothing".to_owned(), |(_, value)| value.clone())
        };
        self.0.iter().chain(&found.0).find_map(|(name, _)| {
            let (expected, found) = (value(self, name), value(found, name));
            if expected == found {
                return None;
            }
            let (expected, found) = from_the_difference(&expected, &found);
            Some((name.clone(), expected, found))
        })
    }

    /// As it is sent.
    pub(in crate::training) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("pairs of texts")
    }

    /// What was sent; nothing, if it was sent by a program that is too different.
    pub(in crate::training) fn of_bytes(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or(Identity(Vec::new()))
    }
}

fn text(value: &(impl Debug + ?Sized)) -> String {
    format!("{value:?}")
}

/// Two texts, if they are long, from shortly before they differ, and no longer than can be read.
fn from_the_difference(a: &str, b: &str) -> (String, String) {
    const LONG: usize = 200;
    const BEFORE: usize = 60;
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let cut = |text: &str| {
        if text.chars().count() <= LONG {
            return text.to_owned();
        }
        let start = same.saturating_sub(BEFORE);
        let part: String = text.chars().skip(start).take(LONG).collect();
        let before = if start > 0 { "…" } else { "" };
        let after = if start + LONG < text.chars().count() { "…" } else { "" };
        format!("{before}{part}{after}")
    };
    (cut(a), cut(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_around_the_difference() {
        let long = |middle: &str| format!("{}{middle}{}", "ä".repeat(300), "z".repeat(300));
        let (a, b) = from_the_difference(&long("1"), &long("2"));
        assert!(a.starts_with("…ä") && a.contains("ä1z") && a.ends_with("z…"), "{a}");
        assert!(b.contains("ä2z") && b.chars().count() == 202, "{b}");
        assert_eq!(from_the_difference("adam", "sgd"), ("adam".into(), "sgd".into()));
    }

    #[test]
    fn what_is_there_on_one_side_only() {
        let identity =
            |names: &[&str]| Identity(names.iter().map(|name| (name.to_string(), "x".to_owned())).collect());
        let check = |a: &[&str], b: &[&str]| identity(a).check(Path::new("file"), &identity(b));
        assert!(check(&["a", "b"], &["b", "a"]).is_ok());
        let missing = check(&["a", "b"], &["a"]).unwrap_err().to_string();
        assert!(missing.contains("b: expected x") && missing.contains("found nothing"), "{missing}");
        let surplus = check(&["a"], &["a", "b"]).unwrap_err().to_string();
        assert!(surplus.contains("b: expected nothing"), "{surplus}");
    }
}
