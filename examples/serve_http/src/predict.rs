use crate::error::RequestError;
use chainrule::kernels::argmax;
use chainrule::models::PredictorScratch;
use chainrule::prelude::*;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// (rows, inputs), raw.
    rows: Vec<Vec<f32>>,
}

#[derive(Serialize)]
struct Answer<'a> {
    /// The name of the most probable class of each row.
    classes: Vec<&'a str>,
    /// (rows, classes)
    probabilities: Vec<&'a [f32]>,
}

/// The answer to a body, in JSON: reading, predicting and writing are all the work that a request is.
pub(crate) fn answer(
    predictor: &Predictor<f32>,
    scratch: &mut PredictorScratch<f32>,
    max_rows: usize,
    body: &[u8],
) -> Result<Vec<u8>, RequestError> {
    let request: Request = serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => RequestError::NotRows(error),
        _ => RequestError::NotJson(error),
    })?;
    let x = inputs(&request.rows, predictor.inputs(), max_rows)?;
    let mut probabilities = Array2::zeros((x.nrows(), predictor.classes()));
    predictor
        .predict_proba_into(x.view(), scratch, probabilities.view_mut())
        .map_err(RequestError::Inputs)?;
    let names = predictor.class_names();
    let answer = Answer {
        classes: probabilities.outer_iter().map(|row| &*names[argmax(row)]).collect(),
        probabilities: probabilities.outer_iter().filter_map(|row| row.to_slice()).collect(),
    };
    serde_json::to_vec(&answer).map_err(RequestError::Answer)
}

fn inputs(rows: &[Vec<f32>], width: usize, limit: usize) -> Result<Array2<f32>, RequestError> {
    if rows.is_empty() {
        return Err(RequestError::NoRows);
    }
    if rows.len() > limit {
        return Err(RequestError::TooManyRows { found: rows.len(), limit });
    }
    let mut x = Array2::zeros((rows.len(), width));
    for (row, (mut to, from)) in x.outer_iter_mut().zip(rows).enumerate() {
        if from.len() != width {
            return Err(RequestError::RowWidth { row, expected: width, found: from.len() });
        }
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
    }
    Ok(x)
}
