//! `chainrule export`

use crate::args::{ExportArgs, FormatName};
use crate::model::Model;
use anyhow::{Result, bail};

pub(super) fn run(args: &ExportArgs) -> Result<()> {
    let model = Model::load(&args.model)?;
    let extension = args.out.extension().and_then(|extension| extension.to_str());
    let format = match (args.format, extension) {
        (Some(format), _) => format,
        (None, Some("onnx")) => FormatName::Onnx,
        (None, Some("safetensors")) => FormatName::Pytorch,
        (None, _) => bail!("--out {}: the extension tells no format; choose a --format", args.out.display()),
    };
    match format {
        FormatName::Onnx => model.classifier.export_onnx(&args.out)?,
        FormatName::Pytorch => model.classifier.export_pytorch(&args.out)?,
    }
    Ok(())
}
