//! The Jacobian of softmax once more: as the Hessian of the cross-entropy, and with it a softmax regression at its optimum.
//!
//! `cargo run --example 08_softmax_regression`

use chainrule::kernels::softmax_jacobian;
use chainrule::models::SoftmaxObjective;
use chainrule::prelude::*;
use ndarray::{Array1, array, aview1};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One row with the input 1 and no intercept to speak of: its logits are the first column of W. So the Hessian in W's column is that
    // in the logits.
    let (x, labels) = (array![[1.0_f64]], [0]);
    let mut objective = SoftmaxObjective::new(Samples::new(&x, Targets::Classes(&labels)), 3, 0.0)?;
    let logits = array![[2.0, 0.0], [0.5, 0.0], [-1.0, 0.0]];
    objective.evaluate(logits.view())?;
    let mut s = logits.column(0).mapv(f64::exp);
    s /= s.sum();
    let jacobian = softmax_jacobian(aview1(s.as_slice().expect("an array of its own")));
    println!("The softmax's Jacobian diag(s) - s sᵀ:\n{jacobian:.4}");
    let column = |class| -> Result<Array1<f64>, Error> {
        let mut unit = ndarray::Array2::zeros((3, 2));
        unit[[class, 0]] = 1.0;
        Ok(objective.hessian_product(unit.view())?.column(0).to_owned())
    };
    println!("The Hessian of the cross-entropy, column by column:");
    for class in 0..3 {
        let column = column(class)?;
        println!(" {column:.4}");
        assert!((&column - &jacobian.column(class)).iter().all(|difference| difference.abs() < 1e-15));
    }

    // Newton's method with such products: the one best softmax regression of the digits.
    let digits = chainrule::data::digits();
    let classifier = Classifier::<f64>::builder(64, 10).scaling(digits.scaling()).build()?;
    let mut regression = SoftmaxRegression::try_from(classifier)?;
    let samples = Samples::new(&digits, digits.targets());
    let history = regression.fit(samples, &SoftmaxTraining::default())?;
    println!("\nSoftmax regression on the digits, l2 = 1:");
    print!("{history}");
    println!("accuracy on the rows that it was fitted to: {:.4}", regression.evaluate(samples)?.accuracy);
    Ok(())
}
