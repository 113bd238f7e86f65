//! The same computations at every level of SIMD that this process may use. A limit holds for the whole process, so this is one
//! test in a process of its own, beside one of how the kernels were compiled.
//!
//! `make test` runs the other tests of kernels and the golden values once more with `CHAINRULE_SIMD` set.

use chainrule_core::{Purpose, Random, Real, Targets};
use chainrule_kernels::{
    CrossEntropyOptions, SimdLevel, cross_entropy_on_logits, limit_simd, log_softmax, log_sum_exp,
    simd_level, softmax, softmax_backward, softmax_backward_jacobian, softmax_backward_stored_jacobian,
    softmax_cross_entropy,
};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, concatenate};

/// Around the widths of registers, of the transposed form, of a sum in f32, and of a row's block.
const CLASSES: [usize; 43] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 96, 100, 200,
    201, 255, 256, 257, 300, 320, 321, 511, 512, 600, 1000, 2048, 2049, 4100, 20_000,
];

/// What is computed of one batch.
#[derive(Clone, PartialEq, Debug)]
struct Results<F> {
    s: Array2<F>,
    log: Array2<F>,
    sums: Array1<F>,
    losses: Array1<F>,
    alone: Array1<F>,
    d: Array2<F>,
    back: [Array2<F>; 2],
}

fn results<F: Real>(x: ArrayView2<F>, labels: &[usize], options: CrossEntropyOptions) -> Results<F> {
    let nan = || Array2::from_elem(x.dim(), F::nan());
    let row = || Array1::from_elem(x.nrows(), F::nan());
    let (mut s, mut log, mut d, mut back) = (nan(), nan(), nan(), [nan(), nan()]);
    let (mut sums, mut losses, mut alone) = (row(), row(), row());
    let targets = Targets::Classes(labels);
    softmax(x, s.view_mut());
    log_softmax(x, log.view_mut());
    log_sum_exp(x, sums.view_mut());
    softmax_cross_entropy(x, targets, options, F::of(0.5), losses.view_mut(), d.view_mut());
    cross_entropy_on_logits(x, targets, options, alone.view_mut());
    softmax_backward(s.view(), x, back[0].view_mut());
    if x.ncols() <= 1000 {
        softmax_backward_jacobian(s.view(), x, back[1].view_mut());
    } else {
        back[1] = back[0].clone();
    }
    Results { s, log, sums, losses, alone, d, back }
}

/// Half by half, which rounds least.
fn sum_of(x: &[f64]) -> f64 {
    match x.len() {
        0 | 1 => x.first().copied().unwrap_or(0.0),
        len => sum_of(&x[..len / 2]) + sum_of(&x[len / 2..]),
    }
}

/// In ε of the exact value.
fn error_of<F: Real>(found: F, exact: f64) -> f64 {
    let scale = exact.abs().max(F::min_positive_value().as_f64());
    (found.as_f64() - exact).abs() / scale / F::epsilon().as_f64()
}

fn check<F: Real>(x: &Array2<f64>, spread: f64) {
    // A band of a wider matrix, so that rows do not follow one another.
    let wide = Array2::from_elem((x.nrows(), x.ncols() + 3), F::nan());
    let x: Array2<F> = x.mapv(F::of);
    let mut wide = wide;
    wide.slice_axis_mut(Axis(1), (0..x.ncols()).into()).assign(&x);
    let classes = x.ncols();
    let labels: Vec<usize> = (0..x.nrows()).map(|i| i * 5 % classes).collect();
    let weights: Vec<f64> = (0..classes).map(|j| 0.5 + (j % 4) as f64 * 0.25).collect();
    let options = CrossEntropyOptions {
        class_weights: Some(&weights),
        ignored_label: (classes > 1).then_some(0),
        ..Default::default()
    };
    let mut by_level = Vec::new();
    for level in SimdLevel::ALL {
        if limit_simd(level) != level {
            continue;
        }
        assert_eq!(simd_level(), level);
        let found = results(x.view(), &labels, options);
        let place = |i: usize| format!("{level}, {}, {classes} classes, spread {spread}, row {i}", F::NAME);
        for (i, row) in x.outer_iter().enumerate() {
            // Exact, as far as f64 goes: to some 1e-15, relatively.
            let max = row.iter().fold(f64::NEG_INFINITY, |max, x| x.as_f64().max(max));
            let e: Vec<f64> = row.iter().map(|x| (x.as_f64() - max).exp()).collect();
            let sum = sum_of(&e);
            // f64 is held to what the reference itself rounds.
            let bound = if F::BYTES == 4 { 2.5 } else { 4.0 + spread.max(1.0) * 8.0 };
            for (j, e) in e.iter().enumerate() {
                let error = error_of(found.s[[i, j]], e / sum);
                assert!(error <= bound, "{}, softmax {j}: {error} ε", place(i));
            }
            let log_sum = max + sum.ln();
            let scale = log_sum.abs().max(max.abs()).max(1.0);
            let error = (found.sums[i].as_f64() - log_sum).abs() / scale / F::epsilon().as_f64();
            assert!(error <= 2.5, "{}, log-sum-exp: {error} ε", place(i));
            let ignored = options.ignored_label == Some(labels[i]);
            let weight = if ignored { 0.0 } else { weights[labels[i]] };
            let loss = weight * (sum.ln() - (row[labels[i]].as_f64() - max));
            let scale = loss.abs().max(1.0);
            let error = (found.losses[i].as_f64() - loss).abs() / scale / F::epsilon().as_f64();
            assert!(
                error <= if F::BYTES == 4 { 2.5 } else { 16.0 + spread },
                "{}, loss: {error} ε",
                place(i)
            );
            for (j, &d) in found.d.row(i).iter().enumerate() {
                let y = if j == labels[i] { 1.0 } else { 0.0 };
                let exact = 0.5 * weight * (e[j] / sum - y);
                let scale = 0.5 * weight * (e[j] / sum + y) + F::min_positive_value().as_f64();
                let error = (d.as_f64() - exact).abs() / scale / F::epsilon().as_f64();
                assert!(
                    error <= if F::BYTES == 4 { 3.5 } else { bound + 4.0 },
                    "{}, gradient {j}: {error} ε",
                    place(i)
                );
            }
            for (j, &log) in found.log.row(i).iter().enumerate() {
                let exact = (row[j].as_f64() - max) - sum.ln();
                let error = (log.as_f64() - exact).abs() / exact.abs().max(1.0) / F::epsilon().as_f64();
                assert!(
                    error <= if F::BYTES == 4 { 2.5 } else { 16.0 + spread },
                    "{}, log {j}: {error} ε",
                    place(i)
                );
            }
        }
        assert_eq!(found.losses, found.alone, "{level}");
        // The two ways back add in different orders.
        let scale = x.iter().fold(1.0, |scale: f64, x| x.as_f64().abs().max(scale));
        let apart = (&found.back[0] - &found.back[1]).iter().fold(0.0, |a: f64, b| a.max(b.as_f64().abs()));
        assert!(apart <= 8.0 * scale * F::epsilon().as_f64(), "{level}, {classes} classes: {apart:e}");

        // A row alone, and the rows in another order and memory, are the same bits.
        let view = wide.slice_axis(Axis(1), (0..classes).into());
        assert_eq!(results(view, &labels, options), found, "{level}, {classes} classes");
        let (mut d, mut losses) = (wide.clone(), Array2::from_elem((x.nrows(), 2), F::nan()));
        softmax_cross_entropy(
            view,
            Targets::Classes(&labels),
            options,
            F::of(0.5),
            losses.column_mut(1),
            d.slice_axis_mut(Axis(1), (0..classes).into()),
        );
        assert_eq!(losses.column(1), found.losses, "{level}, {classes} classes");
        assert_eq!(d.slice_axis(Axis(1), (0..classes).into()), found.d, "{level}, {classes} classes");
        let beyond = d.slice_axis(Axis(1), (classes..).into());
        assert!(
            beyond.iter().chain(losses.column(0)).all(|x| x.is_nan()),
            "{level}, {classes} classes: written beyond"
        );
        for i in [0, 5, x.nrows() / 2, x.nrows() - 1] {
            let rows = i..i + 1;
            let row = x.slice_axis(Axis(0), rows.into()).to_owned();
            let alone = results(row.view(), &labels[i..=i], options);
            assert_eq!(alone.s.row(0), found.s.row(i), "{}", place(i));
            assert_eq!(alone.d.row(0), found.d.row(i), "{}", place(i));
            assert_eq!(alone.losses[0], found.losses[i], "{}", place(i));
            assert_eq!(alone.back[0].row(0), found.back[0].row(i), "{}", place(i));
        }
        by_level.push((level, found));
    }
    // Both have FMA, and add in the same order.
    if let [.., (SimdLevel::Avx2, avx2), (SimdLevel::Avx512, avx512)] = &by_level[..] {
        assert_eq!(avx2, avx512, "{classes} classes, {}", F::NAME);
    }
    limit_simd(SimdLevel::Avx512);
}

/// Soft targets and smoothed labels, with and without weights: beside f64, and the same bits alone, in another memory, and at levels with FMA.
fn check_spread<F: Real>(x: &Array2<f64>, spread: f64) {
    let x: Array2<F> = x.mapv(F::of);
    let (rows, classes) = x.dim();
    let mut wide = Array2::from_elem((rows, classes + 3), F::nan());
    wide.slice_axis_mut(Axis(1), (0..classes).into()).assign(&x);
    let labels: Vec<usize> = (0..rows).map(|i| i * 5 % classes).collect();
    let weights: Vec<f64> = (0..classes).map(|j| (j % 4) as f64 * 0.25).collect();
    // Every third row and class is 0.
    let soft = Array2::from_shape_fn((rows, classes), |(i, j)| {
        F::of(if i % 3 == 0 || j % 3 == 0 { 0.0 } else { ((i + j) % 7) as f64 / classes as f64 })
    });
    let mut wide_soft = wide.clone();
    wide_soft.slice_axis_mut(Axis(1), (0..classes).into()).assign(&soft);
    let by_column = soft.t().as_standard_layout().into_owned().reversed_axes();
    let plain = CrossEntropyOptions::default();
    let weighted = CrossEntropyOptions { class_weights: Some(&weights), label_smoothing: 0.1, ..plain };
    let smoothed =
        CrossEntropyOptions { ignored_label: (classes > 1).then_some(0), label_smoothing: 0.3, ..plain };
    let beyond = wide_soft.slice_axis(Axis(1), (0..classes).into());
    for (options, targets, again) in [
        (plain, Targets::Probabilities(soft.view()), Targets::Probabilities(beyond)),
        (weighted, Targets::Values(soft.view()), Targets::Values(by_column.view())),
        (weighted, Targets::Classes(&labels), Targets::Classes(&labels)),
        (smoothed, Targets::Classes(&labels), Targets::Classes(&labels)),
    ] {
        let both = |x: ArrayView2<F>, targets: Targets<F>| {
            let (mut losses, mut d) =
                (Array1::from_elem(x.nrows(), F::nan()), Array2::from_elem(x.dim(), F::nan()));
            let mut alone = losses.clone();
            softmax_cross_entropy(x, targets, options, F::of(0.5), losses.view_mut(), d.view_mut());
            cross_entropy_on_logits(x, targets, options, alone.view_mut());
            assert_eq!(losses, alone, "{}", simd_level());
            (losses, d)
        };
        let mut by_level = Vec::new();
        for level in SimdLevel::ALL {
            if limit_simd(level) != level {
                continue;
            }
            let (losses, d) = both(x.view(), targets);
            let place = |i: usize| {
                let smoothing = options.label_smoothing;
                format!(
                    "{level}, {}, {classes} classes, spread {spread}, smoothing {smoothing}, row {i}",
                    F::NAME
                )
            };
            for (i, row) in x.outer_iter().enumerate() {
                let kept = 1.0 - options.label_smoothing;
                let ignored = options.ignored_label == Some(labels[i]);
                let t: Vec<f64> = (0..classes)
                    .map(|j| {
                        let y = match targets {
                            Targets::Classes(labels) => f64::from(labels[i] == j),
                            _ => soft[[i, j]].as_f64(),
                        };
                        let weight = options.class_weights.map_or(1.0, |weights| weights[j]);
                        if ignored && matches!(targets, Targets::Classes(_)) {
                            0.0
                        } else {
                            weight * (kept * y + options.label_smoothing / classes as f64)
                        }
                    })
                    .collect();
                let max = row.iter().fold(f64::NEG_INFINITY, |max, x| x.as_f64().max(max));
                let e: Vec<f64> = row.iter().map(|x| (x.as_f64() - max).exp()).collect();
                let sum = sum_of(&e);
                let total = sum_of(&t);
                let costs: Vec<f64> =
                    t.iter().zip(row).map(|(t, x)| t * (sum.ln() - (x.as_f64() - max))).collect();
                let loss = sum_of(&costs);
                let bound = if F::BYTES == 4 { 4.0 } else { 16.0 + spread * 8.0 };
                let error = (losses[i].as_f64() - loss).abs() / loss.max(total) / F::epsilon().as_f64();
                assert!(error <= bound || losses[i].as_f64() == loss, "{}, loss: {error} ε", place(i));
                for (j, &d) in d.row(i).iter().enumerate() {
                    let (s, t) = (total * e[j] / sum, t[j]);
                    let scale = 0.5 * (s + t) + F::min_positive_value().as_f64();
                    let error = (d.as_f64() - 0.5 * (s - t)).abs() / scale / F::epsilon().as_f64();
                    assert!(error <= bound + 2.0, "{}, gradient {j}: {error} ε", place(i));
                }
            }
            let view = wide.slice_axis(Axis(1), (0..classes).into());
            let (in_band, d_in_band) = both(view, again);
            assert_eq!((&in_band, &d_in_band), (&losses, &d), "{}", place(0));
            for i in [0, 5, rows - 1] {
                let alone = x.slice_axis(Axis(0), (i..i + 1).into());
                let target = soft.slice_axis(Axis(0), (i..i + 1).into());
                let target = match targets {
                    Targets::Classes(labels) => Targets::Classes(&labels[i..=i]),
                    Targets::Probabilities(_) => Targets::Probabilities(target),
                    Targets::Values(_) => Targets::Values(target),
                };
                let (loss, of_row) = both(alone, target);
                assert_eq!((loss[0], of_row.row(0)), (losses[i], d.row(i)), "{}", place(i));
            }
            by_level.push((level, losses, d));
        }
        if let [.., (SimdLevel::Avx2, ..), (SimdLevel::Avx512, ..)] = &by_level[..] {
            let [.., (_, loss, d), (_, loss512, d512)] = &by_level[..] else { unreachable!() };
            assert_eq!((loss, d), (loss512, d512), "{classes} classes, {}", F::NAME);
        }
    }
    limit_simd(SimdLevel::Avx512);
}

fn special<F: Real>() {
    let (inf, nan) = (F::infinity(), F::nan());
    for classes in [3, 10, 40, 70, 300, 5000] {
        let mut x = Array2::from_elem((5, classes), -inf);
        x[[0, 1]] = F::of(3.0);
        x.row_mut(1).fill(F::of(-1e30));
        x[[2, 0]] = nan;
        x[[4, 0]] = F::of(1e38);
        x[[4, classes - 1]] = F::of(-1e38);
        let found = results(x.view(), &[1, 0, 1, 1, classes - 1], Default::default());
        assert_eq!((found.s[[0, 1]], found.losses[0], found.d[[0, 1]]), (F::one(), F::zero(), F::zero()));
        assert!((0..classes).filter(|&j| j != 1).all(|j| found.s[[0, j]] == F::zero()));
        let even = F::of(1.0 / classes as f64);
        assert!(found.s.row(1).iter().all(|&s| (s / even - F::one()).abs() <= F::of(2.0) * F::epsilon()));
        for undefined in [2, 3] {
            assert!(
                found.s.row(undefined).iter().all(|s| s.is_nan()),
                "{classes}: {:?}",
                found.s.row(undefined)
            );
            assert!(found.losses[undefined].is_nan() && found.d[[undefined, 0]].is_nan());
        }
        assert_eq!((found.s[[4, 0]], found.losses[4]), (F::one(), F::of(2e38)));
        // A row that is undefined takes nothing from another's small loss.
        let mut mixed = Array2::from_elem((20, classes), F::of(-40.0));
        mixed.column_mut(0).fill(F::zero());
        let sure = results(mixed.view(), &[0; 20], Default::default());
        assert!(sure.losses[0] > F::zero());
        for undefined in [1, 6, 7, 15] {
            mixed[[undefined, 1]] = nan;
        }
        let beside = results(mixed.view(), &[0; 20], Default::default());
        assert!((0..20).all(|i| beside.losses[i] == sure.losses[i] || [1, 6, 7, 15].contains(&i)));
        // An ignored label may lie beyond the classes, and its row be undefined.
        let ignore = CrossEntropyOptions { ignored_label: Some(classes + 1), ..Default::default() };
        let ignored = results(x.view(), &[1, classes + 1, 1, classes + 1, classes - 1], ignore);
        for i in [1, 3] {
            assert!(ignored.losses[i] == F::zero() && ignored.d.row(i).iter().all(|d| *d == F::zero()));
        }
        assert_eq!((ignored.losses[4], ignored.d.row(4)), (found.losses[4], found.d.row(4)));
        let smooth = CrossEntropyOptions { label_smoothing: 0.1, ..ignore };
        let ignored = results(x.view(), &[1, 0, classes + 1, classes + 1, 0], smooth);
        assert!(ignored.losses[0] == inf && ignored.losses[1] > F::zero());
        for i in [2, 3] {
            assert!(ignored.losses[i] == F::zero() && ignored.d.row(i).iter().all(|d| *d == F::zero()));
        }
        // Where nothing is aimed at nothing is lost; and targets may sum to 0 without being 0.
        let mut soft = Array2::zeros((5, classes));
        soft[[0, 1]] = F::one();
        (soft[[1, 0]], soft[[1, 1]]) = (F::one(), -F::one());
        x[[1, 0]] = F::of(-1e30) * F::of(1.5);
        let (mut losses, mut d) = (Array1::from_elem(5, nan), Array2::from_elem(x.dim(), nan));
        let (targets, plain) = (Targets::Probabilities(soft.view()), CrossEntropyOptions::default());
        softmax_cross_entropy(x.view(), targets, plain, F::one(), losses.view_mut(), d.view_mut());
        assert_eq!((losses[0], losses[2], losses[3]), (F::zero(), F::zero(), F::zero()), "{classes}");
        assert_eq!(losses[1], F::of(-1e30) - x[[1, 0]], "{classes}");
        soft.row_mut(0).fill(F::zero());
        assert_eq!(d, -soft);
    }
}

/// Whole lines of the cache are written where they begin: the bits must not tell where.
fn wherever_rows_lie<F: Real>(classes: usize) {
    let rows = 3;
    let random = Random::new(0, Purpose::Check, 0);
    let normal = |i: usize| F::of(3.0 * random.normal(i as u64));
    let results = |offset: usize| {
        let len = rows * classes;
        let [mut x, mut s, mut dx, mut d] = [(); 4].map(|()| vec![F::nan(); offset + len]);
        x[offset..].iter_mut().enumerate().for_each(|(i, x)| *x = normal(i));
        let x = ArrayView2::from_shape((rows, classes), &x[offset..]).expect("rows");
        softmax(x, ArrayViewMut2::from_shape((rows, classes), &mut s[offset..]).expect("rows"));
        let probabilities = ArrayView2::from_shape((rows, classes), &s[offset..]).expect("rows");
        let dx_rows = ArrayViewMut2::from_shape((rows, classes), &mut dx[offset..]).expect("rows");
        softmax_backward(probabilities, x, dx_rows);
        let d_rows = ArrayViewMut2::from_shape((rows, classes), &mut d[offset..]).expect("rows");
        let (targets, mut losses) = (Targets::Classes(&[0; 3]), Array1::zeros(rows));
        softmax_cross_entropy(x, targets, Default::default(), F::one(), losses.view_mut(), d_rows);
        // A band of a wider matrix, of which nothing else is written.
        let mut wide = Array2::from_elem((rows, classes + 3), F::nan());
        softmax_backward(probabilities, x, wide.slice_axis_mut(Axis(1), (0..classes).into()));
        let (band, beyond) = wide.view().split_at(Axis(1), classes);
        assert!(band.iter().eq(&dx[offset..]) && beyond.iter().all(|x| x.is_nan()), "{classes} classes");
        [s, dx, d].map(|numbers| numbers[offset..].to_vec())
    };
    let expected = results(0);
    for offset in 1..16 {
        assert_eq!(results(offset), expected, "{classes} classes, {offset} numbers further on");
    }
}

#[test]
fn every_level() {
    for classes in CLASSES {
        for spread in [1.0, 30.0, 1000.0] {
            let rows = if classes > 300 { 2 } else { 19 };
            let random = Random::new(classes as u64, Purpose::Check, 0);
            let normal = Array2::from_shape_fn((rows, classes), |(i, j)| {
                f64::from((spread * random.normal((i * classes + j) as u64)) as f32)
            });
            // Rows that are sure of a class, and that lie far from 0.
            let mut sure = normal.clone();
            sure.column_mut(classes / 2).iter_mut().for_each(|x| *x += 20.0);
            let shifted = normal.mapv(|x| f64::from((x + 300.0) as f32));
            let sure = sure.mapv(|x| f64::from(x as f32));
            let x = concatenate(Axis(0), &[normal.view(), sure.view(), shifted.view()]).expect("rows");
            check::<f32>(&x, spread);
            check::<f64>(&x, spread);
            check_spread::<f32>(&x, spread);
            check_spread::<f64>(&x, spread);
        }
    }
    // A block of rows that is just full.
    let random = Random::new(0, Purpose::Check, 0);
    let full =
        Array2::from_shape_fn((19, 320), |(i, j)| f64::from(random.normal((i * 320 + j) as u64) as f32));
    check::<f32>(&full, 1.0);
    check_spread::<f32>(&full, 1.0);
    for level in SimdLevel::ALL {
        if limit_simd(level) == level {
            special::<f32>();
            special::<f64>();
            for classes in [2, 10, 16, 17, 40, 64, 300, 511, 512, 600, 1000, 3000, 10_000] {
                wherever_rows_lie::<f32>(classes);
                wherever_rows_lie::<f64>(classes);
            }
        }
    }
    // The stored Jacobian is BLAS's, but for its entries.
    let s = Array2::from_elem((1, 4), 0.25_f32);
    let mut dx = Array2::zeros((1, 4));
    for level in SimdLevel::ALL {
        limit_simd(level);
        softmax_backward_stored_jacobian(s.view(), s.view(), dx.view_mut());
        assert!(dx.iter().all(|dx| *dx == 0.0));
    }
    limit_simd(SimdLevel::Avx512);
}

/// Registers of a level exist only in what is inlined into `dispatch`. What is not, such as a function that is passed on by its name, calls each
/// instruction as a function, and takes fifty times as long.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn no_vector_instruction_is_a_function() {
    use object::{Object, ObjectSymbol};
    // There are none without optimisation.
    if option_env!("CARGO_PROFILE_DEV_OPT_LEVEL") == Some("0") {
        return;
    }
    assert_eq!(SimdLevel::of_build(), SimdLevel::Avx512);
    let program = std::fs::read(std::env::current_exe().expect("a program")).expect("its file");
    let program = object::File::parse(&*program).expect("an ELF file");
    let names: Vec<&str> = program.symbols().filter_map(|symbol| symbol.name().ok()).collect();
    assert!(names.iter().any(|name| name.contains("lanes") && name.contains("avx512")), "no kernels");
    let left: Vec<_> =
        names.iter().filter(|name| name.contains("core_arch") && name.contains("_mm")).collect();
    assert!(left.is_empty(), "{left:#?}");
}
