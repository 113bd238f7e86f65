//! `chainrule predict`

use crate::args::PredictArgs;
use crate::stdout::buffered;
use anyhow::Result;
use chainrule_data::read_csv_rows;
use chainrule_kernels::argmax;
use chainrule_models::Classifier;
use ndarray::Array2;

pub(super) fn run(args: &PredictArgs) -> Result<()> {
    let classifier = Classifier::<f32>::load(&args.model)?;
    let rows = read_csv_rows(&args.input, Some(classifier.network().inputs()))?;
    let probabilities = classifier.predict_proba(&rows)?;
    print(classifier.class_names(), &probabilities)
}

fn print(class_names: &[String], probabilities: &Array2<f32>) -> Result<()> {
    let mut out = csv::Writer::from_writer(buffered());
    out.write_field("class")?;
    out.write_record(class_names)?;
    for row in probabilities.rows() {
        out.write_field(&class_names[argmax(row)])?;
        out.write_record(row.iter().map(f32::to_string))?;
    }
    Ok(out.flush()?)
}
