//! `chainrule export`

use crate::args::{ExportArgs, FormatName};
use crate::model::Model;
use crate::output_directory::OutputDirectory;
use crate::stdout::unless_closed;
use anyhow::{Result, bail};
use std::io::{self, Write};

pub(super) fn run(args: &ExportArgs) -> Result<()> {
    let model = Model::load(&args.model)?;
    let extension = args.out.extension().and_then(|extension| extension.to_str());
    let format = match (args.format, extension) {
        (Some(format), _) => format,
        (None, Some("onnx")) => FormatName::Onnx,
        (None, Some("safetensors")) => FormatName::Pytorch,
        (None, _) => bail!("--out {}: the extension tells no format; choose a --format", args.out.display()),
    };
    let _directory = OutputDirectory::of_file(&args.out, [args.model.as_path()].into_iter())?;
    let what = match format {
        FormatName::Onnx => {
            model.classifier.export_onnx(&args.out)?;
            "an ONNX graph: `input` to `probabilities` and `label`"
        }
        FormatName::Pytorch => {
            model.classifier.export_pytorch(&args.out)?;
            "weights for PyTorch's load_state_dict, not a model of chainrule"
        }
    };
    Ok(unless_closed(writeln!(io::stdout(), "{}: {what}", args.out.display()))?)
}
