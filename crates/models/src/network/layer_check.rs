use crate::settings::positive;
use chainrule_core::{Error, Layer, Real};

/// Makes sure that the settings of layer number `layer` are in range, and that its parameters can be told apart and cut in blocks.
pub(super) fn check<F: Real>(layer: usize, of: &dyn Layer<F>) -> Result<(), Error> {
    let name = of.name();
    of.check().map_err(|source| Error::Layer { layer, name, source: Box::new(source) })?;
    let specs = of.parameters();
    for (i, spec) in specs.iter().enumerate() {
        let (parameter, (rows, columns)) = (spec.name, spec.shape);
        if rows == 0 || columns == 0 {
            return Err(Error::EmptyParameter { layer, name, parameter, rows, columns });
        }
        if specs[..i].iter().any(|before| before.name == parameter) {
            return Err(Error::ParameterName { layer, name, parameter });
        }
        let bound = || spec.max_norm.map_or(Ok(()), |norm| positive("max_norm", norm));
        let in_range = spec.penalty.check().and_then(|()| bound());
        in_range.map_err(|source| Error::Parameter { layer, name, parameter, source: Box::new(source) })?;
    }
    Ok(())
}
