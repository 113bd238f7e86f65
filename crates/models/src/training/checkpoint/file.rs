use super::{Identity, Position};
use crate::model_file::{self, ModelFileError, TensorFile};
use crate::training::early_stopping::{Best, Watch};
use crate::{Network, OptimizerState};
use chainrule_core::Real;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// The key of the description in the file's metadata.
const KEY: &str = "chainrule_checkpoint";
const VERSION: u32 = 1;

/// Names of the tensors: each is as long as the network's flat buffer.
pub(super) const PARAMETERS: &str = "parameters";
pub(super) const MOMENTS: [&str; 3] = ["moments.0", "moments.1", "moments.2"];
const BEST: &str = "best_parameters";

/// What the file says beside the tensors, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    version: u32,
    identity: Identity,
    step: u64,
    position: Position,
    best: Option<Best>,
}

/// Just the version, which is read first: all else may differ in another version.
#[derive(Deserialize)]
struct DescriptionVersion {
    version: u32,
}

pub(super) fn write<F: Real>(
    path: &Path,
    identity: &Identity,
    network: &Network<F>,
    optimizer: &OptimizerState<F>,
    watch: Option<&Watch<F>>,
    position: &Position,
) -> Result<(), ModelFileError> {
    let description = Description {
        version: VERSION,
        identity: identity.clone(),
        step: optimizer.steps(),
        position: position.clone(),
        best: watch.and_then(|watch| watch.best),
    };
    let description =
        serde_json::to_string(&description).map_err(|source| ModelFileError::checkpoint(path, source))?;
    let best = watch.map_or(&[][..], |watch| &watch.parameters);
    let moments = MOMENTS.into_iter().zip(optimizer.moments());
    let all = [(PARAMETERS, network.parameters()), (BEST, best)].into_iter().chain(moments);
    let all: Vec<(&str, Vec<u8>)> = all
        .filter(|(_, numbers)| !numbers.is_empty())
        .map(|(name, numbers)| {
            let mut bytes = Vec::with_capacity(size_of_val(numbers));
            numbers.iter().for_each(|number| number.write_le(&mut bytes));
            (name, bytes)
        })
        .collect();
    let views = all
        .iter()
        .map(|(name, bytes)| {
            let shape = vec![bytes.len() / F::BYTES];
            Ok((*name, TensorView::new(model_file::dtype::<F>(), shape, bytes)?))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| ModelFileError::format(path, source))?;
    let metadata = HashMap::from([(KEY.to_owned(), description)]);
    model_file::write_tensors_again(path, &views, metadata)
}

/// What was read from a checkpoint: a description that fits its tensors, if [`Saved::restore`] says so.
pub(in crate::training) struct Saved<'p> {
    path: &'p Path,
    file: TensorFile,
    description: Description,
}

impl<'p> Saved<'p> {
    pub(in crate::training) fn read(path: &'p Path) -> Result<Self, ModelFileError> {
        let file = TensorFile::read(path)?;
        let text = file.metadata.metadata().as_ref().and_then(|entries| entries.get(KEY));
        let text = text.ok_or_else(|| ModelFileError::NotACheckpoint { path: path.to_owned() })?;
        let error = |source| ModelFileError::checkpoint(path, source);
        let DescriptionVersion { version } = serde_json::from_str(text).map_err(error)?;
        if version != VERSION {
            return Err(ModelFileError::Version { path: path.to_owned(), expected: VERSION, found: version });
        }
        let description = serde_json::from_str(text).map_err(error)?;
        // The checksum, before anything is believed.
        file.tensors(path)?;
        Ok(Saved { path, file, description })
    }

    pub(in crate::training) fn identity(&self) -> &Identity {
        &self.description.identity
    }

    /// SHA-256 of all that the file says, in hexadecimal digits.
    pub(in crate::training) fn checksum(&self) -> &str {
        self.file.checksum().unwrap_or_default()
    }

    pub(in crate::training) fn position(&self) -> &Position {
        &self.description.position
    }

    /// Puts everything in its place, once all of it is known to fit.
    pub(in crate::training) fn restore<F: Real>(
        &self,
        network: &mut Network<F>,
        optimizer: &mut OptimizerState<F>,
        watch: Option<&mut Watch<F>>,
    ) -> Result<(), ModelFileError> {
        let tensors = self.file.tensors(self.path)?;
        let len = network.parameters().len();
        // A network without parameters has no tensors.
        let numbers = |name, len| if len == 0 { Ok(Vec::new()) } else { self.numbers(&tensors, name, len) };
        let parameters = numbers(PARAMETERS, len)?;
        let lengths = optimizer.moments().map(<[F]>::len);
        let moments = MOMENTS.iter().zip(lengths).map(|(name, len)| numbers(name, len));
        let moments = moments.collect::<Result<Vec<Vec<F>>, _>>()?;
        if let Some(watch) = watch {
            let wanted = if self.description.best.is_some() && watch.restores() { len } else { 0 };
            watch.parameters = numbers(BEST, wanted)?;
            watch.best = self.description.best;
        }
        network.parameters_mut().copy_from_slice(&parameters);
        optimizer.restore(self.description.step, &moments);
        Ok(())
    }

    fn numbers<F: Real>(
        &self,
        tensors: &SafeTensors,
        name: &str,
        len: usize,
    ) -> Result<Vec<F>, ModelFileError> {
        let tensor = tensors.tensor(name).map_err(|source| ModelFileError::format(self.path, source))?;
        if tensor.dtype() != model_file::dtype::<F>() || tensor.shape() != [len] {
            return Err(ModelFileError::Tensor {
                path: self.path.to_owned(),
                name: name.to_owned(),
                expected: format!("{:?} of shape {:?}", model_file::dtype::<F>(), [len]),
                found: format!("{:?} of shape {:?}", tensor.dtype(), tensor.shape()),
            });
        }
        Ok(tensor.data().chunks_exact(F::BYTES).map(F::read_le).collect())
    }
}
