//! optimizers.json: the optimisers that golden.json does not have, learning-rate schedules and clipping.

use crate::comparison::Comparison;
use crate::json::{cases, matrix, number, numbers, read, rounded, text};
use chainrule::core::{Real, Step};
use chainrule::models::{AdaGrad, Clipping, Lion, RmsProp, Schedule};
use chainrule::prelude::*;
use ndarray::{Axis, concatenate};
use serde_json::Value;
use std::sync::LazyLock;

static FILE: LazyLock<Value> = LazyLock::new(|| read(include_str!("optimizers.json")));

fn optimizer<F: Real>(settings: &Value) -> Box<dyn Optimizer<F>> {
    let number = |key| number(settings, key);
    let learning_rate = number("learning_rate");
    match text(settings, "optimizer") {
        "adagrad" => Box::new(AdaGrad { learning_rate, epsilon: number("epsilon") }),
        "rmsprop" => Box::new(RmsProp { learning_rate, rho: number("alpha"), epsilon: number("epsilon") }),
        "adam" | "adamw" => Box::new(Adam {
            learning_rate,
            beta1: number("beta1"),
            beta2: number("beta2"),
            epsilon: number("epsilon"),
            weight_decay: number("weight_decay"),
            amsgrad: settings["amsgrad"].as_bool().unwrap(),
        }),
        "lion" => Box::new(Lion {
            learning_rate,
            beta1: number("beta1"),
            beta2: number("beta2"),
            weight_decay: number("weight_decay"),
        }),
        other => panic!("no optimiser {other}"),
    }
}

#[test]
fn optimizers() {
    fn check<F: Real>() {
        // Twelve steps, each with its roundings.
        let mut compared = Comparison::<F>::new("more optimizers", 8.0);
        for case in cases(&FILE, "optimizers") {
            let rule = optimizer::<F>(&case["settings"]);
            rule.check().unwrap();
            let (start, after) = (matrix(&case["start"]), matrix(&case["parameters_after"]));
            let gradients = rounded::<F>(&matrix(&case["gradients"]));
            let mut parameters: Vec<F> = start.iter().map(|&p| F::of(p)).collect();
            let mut moments: [_; 3] = std::array::from_fn(|moment| {
                vec![F::zero(); if moment < rule.moments() { start.len() } else { 0 }]
            });
            // Where a parameter started, and the way it went since.
            let path = concatenate(Axis(0), &[start.view(), after.view()]).unwrap();
            let mut scale = start.row(0).abs();
            for (step, gradient) in gradients.outer_iter().enumerate() {
                let moments = moments.each_mut().map(|moment| &mut moment[..]);
                let number = Step::number(step as u64);
                rule.update(number, &mut parameters, gradient.as_slice().unwrap(), moments);
                scale += &(&path.row(step + 1) - &path.row(step)).abs();
                for (i, &found) in parameters.iter().enumerate() {
                    let place = || format!("{} after step {step}, parameter {i}", case["name"]);
                    compared.number(place, found, after[[step, i]], scale[i]);
                }
            }
        }
        compared.finish();
    }
    check::<f64>();
    check::<f32>();
}

#[test]
fn schedules() {
    let mut compared = Comparison::<f64>::new("schedules", 8.0);
    for case in cases(&FILE, "schedules") {
        let number = |key| number(case, key);
        let steps = || number("steps") as u64;
        let schedule = match text(case, "schedule") {
            "step" => Schedule::Step { every: number("every") as u64, factor: number("factor") },
            "exponential" => Schedule::Exponential { factor: number("factor") },
            "cosine" => Schedule::Cosine { steps: steps(), end: number("last") },
            "inverse_time" => Schedule::InverseTime { decay: number("decay") },
            "warm_up" => Schedule::Warmup { steps: steps(), then: Box::new(Schedule::Constant) },
            "one_cycle" => Schedule::OneCycle {
                steps: steps(),
                rise: number("rise"),
                start: number("first"),
                end: number("last"),
            },
            other => panic!("no schedule {other}"),
        };
        schedule.check().unwrap();
        for (step, factor) in numbers(case, "factors").into_iter().enumerate() {
            // The cosine ends in a difference of numbers of order 1.
            let place = || format!("{schedule:?} at step {step}");
            compared.number(place, schedule.factor(step as u64), factor, factor.max(1.0));
        }
    }
    compared.finish();
}

#[test]
fn clipping() {
    fn check<F: Real>() {
        let mut compared = Comparison::<F>::new("clipping", 2.0);
        for case in cases(&FILE, "clipping") {
            let limit = number(case, "limit");
            let clipping = match text(case, "kind") {
                "norm" => Clipping::Norm(limit),
                "value" => Clipping::Value(limit),
                other => panic!("no clipping {other}"),
            };
            clipping.check().unwrap();
            let mut gradient: Vec<F> = numbers(case, "gradient").into_iter().map(F::of).collect();
            clipping.apply(&mut gradient);
            for (i, clipped) in numbers(case, "clipped").into_iter().enumerate() {
                compared.number(|| format!("{} [{i}]", case["name"]), gradient[i], clipped, clipped.abs());
            }
        }
        compared.finish();
    }
    check::<f64>();
    check::<f32>();
}
