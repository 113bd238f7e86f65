use super::direction::{add, dot};
use super::objective::{Evaluated, Objective};
use chainrule_core::{Error, Real};

/// Share of the slope's promise that a step must keep.
const DECREASE: f64 = 1e-4;
/// Share of the slope that may be left: a step is too short where more is.
const SLOPE: f64 = 0.9;
/// Steps that are tried.
const MOST_TRIALS: usize = 60;

/// A step along `direction` from `w` that makes the objective smaller by Wolfe's conditions: its length, and what is there; `None` if there is
/// none, as far as rounding lets see. `w` is then that point, or as before.
///
/// As the objective is convex, its slope along the direction grows: so a step that is too long and one that is too short enclose
/// one that is neither. Where a difference of values is mere rounding, the slope alone decides, as in W. Hager, H. Zhang, "A new
/// conjugate gradient method with guaranteed descent and an efficient line search", SIAM Journal on Optimization 16, 2005.
pub(super) fn line_search<F: Real>(
    objective: &mut Objective<F>,
    w: &mut [f64],
    at: &Evaluated,
    direction: &[f64],
) -> Result<Option<(f64, Evaluated)>, Error> {
    let slope = dot(&at.gradient, direction);
    let rounding = 16.0 * F::epsilon().as_f64() * at.value.abs();
    let (mut short, mut slope_at_short, mut long) = (0.0, slope, f64::INFINITY);
    let mut step = 1.0;
    let start = w.to_vec();
    for _ in 0..MOST_TRIALS {
        w.copy_from_slice(&start);
        add(w, step, direction);
        let there = objective.evaluate(w)?;
        let slope_there = dot(&there.gradient, direction);
        let is_less = there.value <= at.value + DECREASE * step * slope;
        let is_flat = there.value <= at.value + rounding && slope_there <= (2.0 * DECREASE - 1.0) * slope;
        let is_finite = there.value.is_finite() && slope_there.is_finite();
        let slope_at_long = if is_finite && (is_less || is_flat) {
            if slope_there >= SLOPE * slope {
                return Ok(Some((step, there)));
            }
            (short, slope_at_short) = (step, slope_there);
            None
        } else {
            long = step;
            Some(slope_there).filter(|slope| is_finite && *slope > 0.0)
        };
        step = match slope_at_long {
            _ if long.is_infinite() => 4.0 * step,
            // Where the slope, if it grew evenly, would be 0.
            Some(slope_at_long) => {
                let share = slope_at_short / (slope_at_short - slope_at_long);
                short + share.clamp(0.1, 0.9) * (long - short)
            }
            None => 0.5 * (short + long),
        };
        if long - short <= f64::EPSILON * short {
            break;
        }
    }
    w.copy_from_slice(&start);
    // The Hessian is again that of the start.
    objective.evaluate(w)?;
    Ok(None)
}
