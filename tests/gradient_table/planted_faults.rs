//! The checks themselves under test: copies of layers, activations and losses with one wrong derivative each, which the checks
//! must find. A fault that goes unnoticed fails the test.

use crate::inputs::{TOLERANCE, labels, normal};
use chainrule::core::{
    Block, GradientCheck, Kept, ParameterSpec, Role, check_activation, check_function, check_layer,
    check_loss,
};
use chainrule::kernels::{fill_rows, softmax};
use chainrule::prelude::*;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Slice, Zip};

/// The enumeration of all faults, and a list of them.
macro_rules! faults {
    ($($fault:ident,)*) => {
        /// One wrong derivative; `Nothing` is what is right.
        #[derive(Clone, Copy, Debug, PartialEq)]
        enum Fault {
            Nothing,
            $($fault,)*
        }

        const ALL: &[Fault] = &[$($fault,)*];
    };
}

faults! {
    // Dense: y = x W + b.
    WeightSign,
    WeightTransposed,
    WeightOfDyTwice,
    WeightMissesLastRow,
    WeightAveraged,
    WeightBlockOffByOne,
    WeightAddsToWhatWasThere,
    WeightScaledSlightly,
    BiasOfFirstRow,
    BiasOverWrongAxis,
    BiasForgotten,
    InputWithoutTranspose,
    InputSign,
    InputOneEntryUnwritten,
    InputRowsExchanged,
    // Element-wise.
    ReluMaskInverted,
    ReluMaskOfDy,
    ReluMaskStale,
    ReluMaskForgotten,
    LeakySlopeForgotten,
    SigmoidOfInput,
    SigmoidWithoutComplement,
    TanhWithoutSquare,
    EluOfOutput,
    // Rows.
    SoftmaxDiagonalOnly,
    SoftmaxWithoutMean,
    SoftmaxPlus,
    SoftmaxSumInsteadOfDot,
    SoftmaxOverColumns,
    LogSoftmaxWithoutSum,
    NormWithoutMean,
    NormWithoutProjection,
    NormWithoutDeviation,
    NormGainOfInput,
    // Losses.
    LossNotDivided,
    LossDividedByOutputs,
    LabelOffByOne,
    LossSign,
    TargetForgotten,
    SmoothingForgotten,
    ClassWeightForgotten,
    DividedByRowsNotWeights,
    IgnoredRowCounts,
    OneMinusForgotten,
    SquareWithoutTwo,
    HuberWithoutBound,
    AbsoluteWithoutSign,
    // Beside the layers.
    DropoutWithoutScale,
    DropoutMaskOfOtherStep,
    SkipForgotten,
    PenaltyWithoutTwo,
    PenaltyWithoutSign,
}

use Fault::*;

#[derive(Debug)]
struct OwnDense {
    fault: Fault,
    parameters: [ParameterSpec; 2],
}

/// Square, so that a transposed matrix still fits.
const WIDTH: usize = 5;

impl OwnDense {
    fn new(fault: Fault) -> Self {
        let weight = ParameterSpec::new("weight", (WIDTH, WIDTH), Role::Weight);
        OwnDense { fault, parameters: [weight, ParameterSpec::new("bias", (1, WIDTH), Role::Bias)] }
    }

    fn weight<'a>(&self, parameters: &'a [f64]) -> ArrayView2<'a, f64> {
        ArrayView2::from_shape((WIDTH, WIDTH), &parameters[..WIDTH * WIDTH]).unwrap()
    }
}

impl Layer<f64> for OwnDense {
    fn name(&self) -> &'static str {
        "own dense"
    }

    fn width(&self) -> (usize, usize) {
        (WIDTH, WIDTH)
    }

    fn parameters(&self) -> &[ParameterSpec] {
        &self.parameters
    }

    fn forward(&self, parameters: &[f64], x: ArrayView2<f64>, mut y: ArrayViewMut2<f64>) {
        fill_rows(&parameters[WIDTH * WIDTH..], y.view_mut());
        y += &x.dot(&self.weight(parameters));
    }

    fn backward_input(
        &self,
        parameters: &[f64],
        _: Kept<f64>,
        dy: ArrayView2<f64>,
        mut dx: ArrayViewMut2<f64>,
    ) {
        let weight = self.weight(parameters);
        let right = match self.fault {
            InputWithoutTranspose => dy.dot(&weight),
            InputSign => -dy.dot(&weight.t()),
            _ => dy.dot(&weight.t()),
        };
        match self.fault {
            InputOneEntryUnwritten => dx
                .slice_axis_mut(Axis(0), Slice::from(1..))
                .assign(&right.slice_axis(Axis(0), Slice::from(1..))),
            InputRowsExchanged => {
                let mut right = right;
                right.invert_axis(Axis(0));
                dx.assign(&right);
            }
            _ => dx.assign(&right),
        }
    }

    fn backward_parameters(
        &self,
        block: &Block,
        kept: Kept<f64>,
        dy: ArrayView2<f64>,
        mut d: ArrayViewMut2<f64>,
    ) {
        let (x, rows) = (kept.x, kept.x.nrows());
        if block.parameter == 1 {
            let bias = match self.fault {
                BiasOfFirstRow => dy.row(0).to_owned(),
                BiasOverWrongAxis => dy.sum_axis(Axis(1)).iter().copied().cycle().take(WIDTH).collect(),
                BiasForgotten => Array1::zeros(WIDTH),
                _ => dy.sum_axis(Axis(0)),
            };
            d.row_mut(0).assign(&bias);
            return;
        }
        let whole = match self.fault {
            WeightSign => -x.t().dot(&dy),
            WeightTransposed => dy.t().dot(&x),
            WeightOfDyTwice => dy.t().dot(&dy),
            WeightMissesLastRow => {
                let first = Slice::from(..rows - 1);
                x.slice_axis(Axis(0), first).t().dot(&dy.slice_axis(Axis(0), first))
            }
            WeightAveraged => x.t().dot(&dy) / rows as f64,
            WeightScaledSlightly => x.t().dot(&dy) * (1.0 + 1e-6),
            _ => x.t().dot(&dy),
        };
        let start = match self.fault {
            WeightBlockOffByOne => (block.rows.start + 1).min(WIDTH - block.rows.len()),
            _ => block.rows.start,
        };
        let part = whole.slice_axis(Axis(0), Slice::from(start..start + block.rows.len()));
        match self.fault {
            WeightAddsToWhatWasThere => d += &part,
            _ => d.assign(&part),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Relu,
    Leaky,
    Sigmoid,
    Tanh,
    Elu,
    Softmax,
    LogSoftmax,
    Norm,
}

#[derive(Debug)]
struct OwnActivation {
    kind: Kind,
    fault: Fault,
}

const SLOPE: f64 = 0.3;
const EPSILON: f64 = 0.1;

/// x̂ of a row, and its deviation.
fn normalized(x: ArrayView2<f64>) -> (Array2<f64>, Array2<f64>) {
    let mean = x.mean_axis(Axis(1)).unwrap().insert_axis(Axis(1));
    let centred = &x - &mean;
    let variance = (&centred * &centred).mean_axis(Axis(1)).unwrap().insert_axis(Axis(1));
    let deviation = (variance + EPSILON).mapv(f64::sqrt);
    (&centred / &deviation, deviation)
}

impl Activation<f64> for OwnActivation {
    fn name(&self) -> &'static str {
        "own activation"
    }

    fn forward(&self, x: ArrayView2<f64>, mut y: ArrayViewMut2<f64>) {
        let each = |f: fn(f64) -> f64| x.mapv(f);
        let value = match self.kind {
            Kind::Relu => each(|x| x.max(0.0)),
            Kind::Leaky => each(|x| if x > 0.0 { x } else { SLOPE * x }),
            Kind::Sigmoid => each(|x| 1.0 / (1.0 + (-x).exp())),
            Kind::Tanh => each(f64::tanh),
            Kind::Elu => each(|x| if x > 0.0 { x } else { x.exp() - 1.0 }),
            Kind::Softmax => return softmax(x, y),
            Kind::LogSoftmax => {
                softmax(x, y.view_mut());
                y.mapv(f64::ln)
            }
            Kind::Norm => normalized(x).0,
        };
        y.assign(&value);
    }

    fn backward(
        &self,
        x: ArrayView2<f64>,
        y: ArrayView2<f64>,
        dy: ArrayView2<f64>,
        mut dx: ArrayViewMut2<f64>,
    ) {
        let one = |keep: bool| f64::from(u8::from(keep));
        let stale = |x: ArrayView2<f64>| {
            let mut x = x.to_owned();
            x.invert_axis(Axis(1));
            x
        };
        let over_rows = |a: Array2<f64>| a.sum_axis(Axis(1)).insert_axis(Axis(1));
        let value = match (self.kind, self.fault) {
            (Kind::Relu, ReluMaskInverted) => x.mapv(|x| one(x <= 0.0)) * dy,
            (Kind::Relu, ReluMaskOfDy) => dy.mapv(|d| one(d > 0.0)) * dy,
            (Kind::Relu, ReluMaskStale) => stale(x).mapv(|x| one(x > 0.0)) * dy,
            (Kind::Relu, ReluMaskForgotten) => dy.to_owned(),
            (Kind::Relu, _) => x.mapv(|x| one(x > 0.0)) * dy,
            (Kind::Leaky, LeakySlopeForgotten) => x.mapv(|x| one(x > 0.0)) * dy,
            (Kind::Leaky, _) => x.mapv(|x| if x > 0.0 { 1.0 } else { SLOPE }) * dy,
            (Kind::Sigmoid, SigmoidOfInput) => x.mapv(|x| x * (1.0 - x)) * dy,
            (Kind::Sigmoid, SigmoidWithoutComplement) => &y * &dy,
            (Kind::Sigmoid, _) => y.mapv(|y| y * (1.0 - y)) * dy,
            (Kind::Tanh, TanhWithoutSquare) => y.mapv(|y| 1.0 - y) * dy,
            (Kind::Tanh, _) => y.mapv(|y| 1.0 - y * y) * dy,
            (Kind::Elu, EluOfOutput) => y.mapv(|y| if y > 0.0 { 1.0 } else { y.exp() }) * dy,
            (Kind::Elu, _) => x.mapv(|x| if x > 0.0 { 1.0 } else { x.exp() }) * dy,
            (Kind::Softmax, SoftmaxDiagonalOnly) => y.mapv(|s| s * (1.0 - s)) * dy,
            (Kind::Softmax, SoftmaxWithoutMean) => &y * &dy,
            (Kind::Softmax, SoftmaxPlus) => &y * &(&dy + &over_rows(&y * &dy)),
            (Kind::Softmax, SoftmaxSumInsteadOfDot) => &y * &(&dy - &over_rows(dy.to_owned())),
            (Kind::Softmax, SoftmaxOverColumns) => &y * &(&dy - &(&y * &dy).sum_axis(Axis(0))),
            (Kind::Softmax, _) => &y * &(&dy - &over_rows(&y * &dy)),
            (Kind::LogSoftmax, LogSoftmaxWithoutSum) => &dy - &y.mapv(f64::exp),
            (Kind::LogSoftmax, _) => &dy - &(y.mapv(f64::exp) * over_rows(dy.to_owned())),
            (Kind::Norm, fault) => {
                let (hat, deviation) = normalized(x);
                let width = x.ncols() as f64;
                let mean = over_rows(dy.to_owned()) / width;
                let along = &hat * &(over_rows(&hat * &dy) / width);
                match fault {
                    NormWithoutMean => (&dy - &along) / deviation,
                    NormWithoutProjection => (&dy - &mean) / deviation,
                    NormWithoutDeviation => &dy - &mean - &along,
                    _ => (&dy - &mean - &along) / deviation,
                }
            }
        };
        dx.assign(&value);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Compare {
    CrossEntropy,
    Binary,
    Squared,
    Huber,
    Absolute,
}

/// Cross-entropy of logits with smoothing, class weights and an ignored label; and four losses of numbers.
#[derive(Debug)]
struct OwnLoss {
    compare: Compare,
    fault: Fault,
}

const SMOOTHING: f64 = 0.2;
const IGNORED: usize = 99;
const DELTA: f64 = 0.7;

fn class_weight(class: usize) -> f64 {
    1.0 + class as f64
}

impl OwnLoss {
    /// What a row of classes aims at: weights, smoothed.
    fn aim(label: usize, classes: usize, smoothing: f64, weighted: bool) -> Array1<f64> {
        Array1::from_shape_fn(classes, |class| {
            let hard = f64::from(u8::from(class == label)) * (1.0 - smoothing) + smoothing / classes as f64;
            if weighted { class_weight(class) * hard } else { hard }
        })
    }

    fn each(&self, y: f64, t: f64) -> f64 {
        let d = (y - t).abs();
        match self.compare {
            Compare::Binary => (1.0 + y.exp()).ln() - t * y,
            Compare::Squared => d * d,
            Compare::Huber if d <= DELTA => 0.5 * d * d,
            Compare::Huber => DELTA * (d - 0.5 * DELTA),
            Compare::Absolute => d,
            Compare::CrossEntropy => unreachable!(),
        }
    }

    fn slope(&self, y: f64, t: f64) -> f64 {
        let sigmoid = 1.0 / (1.0 + (-y).exp());
        match (self.compare, self.fault) {
            (Compare::Binary, OneMinusForgotten) => sigmoid - t * sigmoid,
            (Compare::Binary, TargetForgotten) => sigmoid,
            (Compare::Binary, _) => sigmoid - t,
            (Compare::Squared, SquareWithoutTwo) => y - t,
            (Compare::Squared, _) => 2.0 * (y - t),
            (Compare::Huber, HuberWithoutBound) => y - t,
            (Compare::Huber, _) => (y - t).clamp(-DELTA, DELTA),
            (Compare::Absolute, AbsoluteWithoutSign) => 1.0,
            (Compare::Absolute, _) => (y - t).signum(),
            (Compare::CrossEntropy, _) => unreachable!(),
        }
    }
}

impl Loss<f64> for OwnLoss {
    fn name(&self) -> &'static str {
        "own loss"
    }

    fn check(&self, _: usize, _: Targets<f64>) -> Result<(), Error> {
        Ok(())
    }

    fn forward(&self, y: ArrayView2<f64>, targets: Targets<f64>, mut losses: ArrayViewMut1<f64>) {
        for (row, y) in y.outer_iter().enumerate() {
            losses[row] = match targets {
                Targets::Classes(labels) if labels[row] == IGNORED => 0.0,
                Targets::Classes(labels) => {
                    let log_sum = y.mapv(f64::exp).sum().ln();
                    (Self::aim(labels[row], y.len(), SMOOTHING, true) * y.mapv(|y| log_sum - y)).sum()
                }
                Targets::Values(t) | Targets::Probabilities(t) => {
                    Zip::from(y).and(t.row(row)).fold(0.0, |sum, &y, &t| sum + self.each(y, t))
                        / y.len() as f64
                }
            };
        }
    }

    fn backward(&self, y: ArrayView2<f64>, targets: Targets<f64>, scale: f64, mut dy: ArrayViewMut2<f64>) {
        let (rows, width) = y.dim();
        let scale = match self.fault {
            LossNotDivided => 1.0,
            LossDividedByOutputs => scale / width as f64,
            LossSign => -scale,
            DividedByRowsNotWeights => 1.0 / rows as f64,
            _ => scale,
        };
        for (row, (y, mut dy)) in y.outer_iter().zip(dy.outer_iter_mut()).enumerate() {
            match targets {
                Targets::Classes(labels) if labels[row] == IGNORED && self.fault != IgnoredRowCounts => {
                    dy.fill(0.0)
                }
                Targets::Classes(labels) => {
                    let label = match self.fault {
                        LabelOffByOne => (labels[row] + 1) % width,
                        _ => labels[row] % width,
                    };
                    let smoothing = if self.fault == SmoothingForgotten { 0.0 } else { SMOOTHING };
                    let aim = Self::aim(label, width, smoothing, self.fault != ClassWeightForgotten);
                    let e = y.mapv(f64::exp);
                    let s = &e / e.sum() * aim.sum();
                    dy.assign(&(if self.fault == TargetForgotten { s * scale } else { (s - aim) * scale }));
                }
                Targets::Values(t) | Targets::Probabilities(t) => {
                    let scale = scale / width as f64;
                    Zip::from(dy)
                        .and(y)
                        .and(t.row(row))
                        .for_each(|dy, &y, &t| *dy = scale * self.slope(y, t));
                }
            }
        }
    }

    fn row_weight(&self, targets: Targets<f64>, row: usize) -> f64 {
        match targets {
            Targets::Classes(labels) if labels[row] == IGNORED => 0.0,
            Targets::Classes(labels) => class_weight(labels[row]),
            _ => 1.0,
        }
    }
}

fn of_dense(fault: Fault) -> GradientCheck {
    let parameters: Vec<f64> = (0..WIDTH * WIDTH + WIDTH).map(|i| (i as f64).sin()).collect();
    check_layer(&OwnDense::new(fault), &parameters, normal(4, WIDTH, 1, 1.0).view())
}

fn of_activation(kind: Kind, fault: Fault) -> GradientCheck {
    check_activation(&OwnActivation { kind, fault }, normal(4, 5, 2, 1.0).view())
}

fn of_loss(compare: Compare, fault: Fault) -> GradientCheck {
    let (y, loss) = (normal(6, 3, 3, 1.0), OwnLoss { compare, fault });
    if compare != Compare::CrossEntropy {
        let mut t = normal(6, 3, 4, 1.0);
        if compare == Compare::Binary {
            t.mapv_inplace(|t| f64::from(u8::from(t > 0.0)));
        }
        return check_loss(&loss, y.view(), Targets::Values(t.view()));
    }
    let mut labels = labels(6, 3);
    labels[2] = IGNORED;
    // The mean by weights, as training takes it.
    let targets = Targets::Classes(&labels);
    let view = |y: &[f64]| ArrayView2::from_shape((6, 3), y).unwrap().to_owned();
    let gradient = loss.gradient(y.view(), targets).unwrap();
    let mean = |y: &[f64]| loss.mean(view(y).view(), targets).unwrap();
    check_function(y.as_slice().unwrap(), mean, gradient.as_slice().unwrap(), |i| format!("logit {i}"))
}

/// Gain of a layer normalisation: dγ = Σ dy ⊙ x̂.
fn of_gain(fault: Fault) -> GradientCheck {
    let (x, c) = (normal(4, 5, 5, 1.0), normal(4, 5, 6, 1.0));
    let hat = normalized(x.view()).0;
    let objective = |gain: &[f64]| (&hat * &Array1::from(gain.to_vec()) * &c).sum();
    let gradient = match fault {
        NormGainOfInput => (&c * &x).sum_axis(Axis(0)),
        _ => (&c * &hat).sum_axis(Axis(0)),
    };
    check_function(&[1.0, 0.5, 2.0, -1.0, 1.5], objective, &gradient.to_vec(), |i| format!("gain {i}"))
}

/// Dropout, whose mask and scale the backward must share with the forward.
fn of_dropout(fault: Fault) -> GradientCheck {
    let mask = |step: usize| {
        Array1::from_shape_fn(8, |i| f64::from(u8::from(!(i * 3 + step).is_multiple_of(4))) / 0.75)
    };
    let c = normal(1, 8, 7, 1.0).row(0).to_owned();
    let objective = |x: &[f64]| (Array1::from(x.to_vec()) * mask(0) * &c).sum();
    let gradient = match fault {
        DropoutWithoutScale => mask(0) * 0.75 * &c,
        DropoutMaskOfOtherStep => mask(1) * &c,
        _ => mask(0) * &c,
    };
    check_function(&normal(1, 8, 8, 1.0).row(0).to_vec(), objective, &gradient.to_vec(), |i| {
        format!("input {i}")
    })
}

/// y = x + tanh(w x), and l1 |w| + l2 w².
fn of_residual_and_penalty(fault: Fault) -> GradientCheck {
    let (l1, l2) = (0.1, 0.2);
    let objective = |p: &[f64]| p[0] + (p[1] * p[0]).tanh() + l1 * p[1].abs() + l2 * p[1] * p[1];
    let at = [0.7, -1.3_f64];
    let slope = 1.0 - (at[1] * at[0]).tanh().powi(2);
    let skip = if fault == SkipForgotten { 0.0 } else { 1.0 };
    let square = if fault == PenaltyWithoutTwo { l2 * at[1] } else { 2.0 * l2 * at[1] };
    let absolute = if fault == PenaltyWithoutSign { l1 } else { l1 * at[1].signum() };
    let gradient = [skip + slope * at[1], slope * at[0] + absolute + square];
    check_function(&at, objective, &gradient, |i| ["x", "w"][i].to_owned())
}

/// The copy that a fault is planted in, under its check.
fn check(fault: Fault) -> GradientCheck {
    match fault {
        Nothing => of_dense(Nothing)
            .and(of_gain(Nothing))
            .and(of_dropout(Nothing))
            .and(of_residual_and_penalty(Nothing))
            .and(of_activation(Kind::Relu, Nothing))
            .and(of_activation(Kind::Leaky, Nothing))
            .and(of_activation(Kind::Sigmoid, Nothing))
            .and(of_activation(Kind::Tanh, Nothing))
            .and(of_activation(Kind::Elu, Nothing))
            .and(of_activation(Kind::Softmax, Nothing))
            .and(of_activation(Kind::LogSoftmax, Nothing))
            .and(of_activation(Kind::Norm, Nothing))
            .and(of_loss(Compare::CrossEntropy, Nothing))
            .and(of_loss(Compare::Binary, Nothing))
            .and(of_loss(Compare::Squared, Nothing))
            .and(of_loss(Compare::Huber, Nothing))
            .and(of_loss(Compare::Absolute, Nothing)),
        WeightSign
        | WeightTransposed
        | WeightOfDyTwice
        | WeightMissesLastRow
        | WeightAveraged
        | WeightBlockOffByOne
        | WeightAddsToWhatWasThere
        | WeightScaledSlightly
        | BiasOfFirstRow
        | BiasOverWrongAxis
        | BiasForgotten
        | InputWithoutTranspose
        | InputSign
        | InputOneEntryUnwritten
        | InputRowsExchanged => of_dense(fault),
        ReluMaskInverted | ReluMaskOfDy | ReluMaskStale | ReluMaskForgotten => {
            of_activation(Kind::Relu, fault)
        }
        LeakySlopeForgotten => of_activation(Kind::Leaky, fault),
        SigmoidOfInput | SigmoidWithoutComplement => of_activation(Kind::Sigmoid, fault),
        TanhWithoutSquare => of_activation(Kind::Tanh, fault),
        EluOfOutput => of_activation(Kind::Elu, fault),
        SoftmaxDiagonalOnly
        | SoftmaxWithoutMean
        | SoftmaxPlus
        | SoftmaxSumInsteadOfDot
        | SoftmaxOverColumns => of_activation(Kind::Softmax, fault),
        LogSoftmaxWithoutSum => of_activation(Kind::LogSoftmax, fault),
        NormWithoutMean | NormWithoutProjection | NormWithoutDeviation => of_activation(Kind::Norm, fault),
        NormGainOfInput => of_gain(fault),
        LossNotDivided
        | LossDividedByOutputs
        | LabelOffByOne
        | LossSign
        | TargetForgotten
        | SmoothingForgotten
        | ClassWeightForgotten
        | DividedByRowsNotWeights
        | IgnoredRowCounts => of_loss(Compare::CrossEntropy, fault),
        OneMinusForgotten => of_loss(Compare::Binary, fault),
        SquareWithoutTwo => of_loss(Compare::Squared, fault),
        HuberWithoutBound => of_loss(Compare::Huber, fault),
        AbsoluteWithoutSign => of_loss(Compare::Absolute, fault),
        DropoutWithoutScale | DropoutMaskOfOtherStep => of_dropout(fault),
        SkipForgotten | PenaltyWithoutTwo | PenaltyWithoutSign => of_residual_and_penalty(fault),
    }
}

#[test]
fn the_copies_are_right_without_a_fault() {
    let check = check(Nothing);
    assert!(check.error() < TOLERANCE, "{check}");
}

#[test]
fn every_fault_is_found() {
    assert!(ALL.len() >= 25);
    for &fault in ALL {
        let check = check(fault);
        println!("{fault:?}: {check}");
        assert!(check.error() > 10.0 * TOLERANCE, "{fault:?} went unnoticed: {check}");
    }
}
