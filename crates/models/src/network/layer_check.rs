use chainrule_core::{Error, Layer, Real};

/// Makes sure that the parameters of layer number `layer` can be told apart and cut in blocks.
pub(super) fn check<F: Real>(layer: usize, of: &dyn Layer<F>) -> Result<(), Error> {
    let name = of.name();
    let specs = of.parameters();
    for (i, spec) in specs.iter().enumerate() {
        let (parameter, (rows, columns)) = (spec.name, spec.shape);
        if rows == 0 || columns == 0 {
            return Err(Error::EmptyParameter { layer, name, parameter, rows, columns });
        }
        if specs[..i].iter().any(|before| before.name == parameter) {
            return Err(Error::ParameterName { layer, name, parameter });
        }
    }
    Ok(())
}
