//! Ranges of hyper-parameters.

use chainrule_core::{Error, Real};

/// The setting, if it is finite and above 0.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<(), Error> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(Error::Setting { name, expected: "a finite number above 0", value })
}

/// The setting, if it is finite and above 0 in F, too, where a small number may be 0.
pub(crate) fn positive_in<F: Real>(name: &'static str, value: f64) -> Result<(), Error> {
    positive(name, value)?;
    let rounded = F::of(value);
    if rounded.is_finite() && rounded > F::zero() {
        return Ok(());
    }
    Err(Error::Setting {
        name,
        expected: "a number that is above 0 in the precision of the parameters",
        value,
    })
}

/// The setting, if it is finite and not below 0.
pub(crate) fn not_negative(name: &'static str, value: f64) -> Result<(), Error> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Error::Setting { name, expected: "a finite number, at least 0", value })
}

/// The setting, if it is finite in F, too, and not below 0.
pub(crate) fn not_negative_in<F: Real>(name: &'static str, value: f64) -> Result<(), Error> {
    not_negative(name, value)?;
    if F::of(value).is_finite() {
        return Ok(());
    }
    Err(Error::Setting {
        name,
        expected: "a number that is finite in the precision of the parameters",
        value,
    })
}

/// The setting, if it lies in \[0, 1).
pub(crate) fn fraction(name: &'static str, value: f64) -> Result<(), Error> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::Setting { name, expected: "at least 0 and below 1", value })
}
