//! `chainrule gradients`

use crate::args::{GradientsArgs, PrecisionName};
use crate::gradient_paths::{Figures, Outcome, Row, measure};
use crate::output_directory::OutputDirectory;
use crate::stdout::print_json;
use crate::{charts, machine};
use anyhow::{Result, ensure};
use chainrule_kernels::simd_level;
use serde_json::json;
use std::io::{self, Write};
use std::path::Path;

const PLOT: &str = "gradients.svg";

/// Classes of the table: every second power of 2, from the least there can be.
const TABLE: [usize; 8] = [2, 8, 32, 128, 512, 2048, 8192, 32768];

/// Classes if only a batch is given.
const CLASSES: usize = 10;

/// Logits of a batch that the arguments leave open: few enough for a core's cache, many enough to be timed.
const LOGITS: usize = 1 << 15;

/// Rows of such a batch, at least, so that several threads have work.
const ROWS: usize = 8;

/// Entries of all Jacobians of a batch, at most: some seconds' work.
const MOST_ENTRIES: u128 = 10_u128.pow(10);

/// What the numbers mean, for the text and the JSON alike.
const TIMES: &str = "nanoseconds: median time divided by batch × classes, the batch cut into tiles of about 4,096 logits \
                     that the threads share (the Jacobian functions share out their rows as well)";
const FORWARD: &str = "softmax and cross-entropy, for three paths the same; fused: the losses straight from the logits, if \
                       no gradient is asked for";
const BACKWARD: &str = "from the probabilities through both backward functions to the gradient in the logits; fused: none, \
                        as it comes with the losses";
const BOTH: &str =
    "from logits and labels to losses and gradient: forward and backward, or the one fused function";
const TIMES_FUSED: &str = "both, divided by the fused path's";
const ERROR: &str = "largest difference of a gradient's entry (-1 to 1) from softmax less one-hot computed with 106 bits \
                     (double-double)";
const BYTES: &str = "of memory beyond logits, labels, losses and gradient: probabilities and their gradient (batch × \
                     classes numbers each) for all but the fused path, and for the stored one a Jacobian (classes² \
                     numbers) for each thread";

pub(super) fn run(args: &GradientsArgs) -> Result<()> {
    let sizes = sizes(args)?;
    let out = match &args.out {
        None if sizes.len() == 1 => None,
        out => Some(out.as_deref().unwrap_or(Path::new("chainrule-out"))),
    };
    let directory = out.map(|out| OutputDirectory::prepare("--out", out, &[PLOT])).transpose()?;
    if !args.json {
        writeln!(io::stdout(), "softmax with cross-entropy, forward and back, four ways\n")?;
    }
    let mut rows = Vec::new();
    for (precision, threads) in settings(args)? {
        for (i, &(batch, classes)) in sizes.iter().enumerate() {
            let measured = machine::on_threads(threads, || {
                Ok(match precision {
                    PrecisionName::F64 => measure::<f64>(batch, classes),
                    PrecisionName::F32 | PrecisionName::Both => measure::<f32>(batch, classes),
                })
            })?;
            if !args.json {
                if i == 0 {
                    print_head(&measured[0])?;
                }
                print_rows(&measured)?;
            }
            rows.extend(measured);
        }
    }
    let plot = directory.map(|directory| {
        directory.write(PLOT, charts::gradients(&rows)?.as_bytes())?;
        anyhow::Ok(directory.file(PLOT).display().to_string())
    });
    let plot = plot.transpose()?;
    if args.json {
        let meaning = json!({
            "times": TIMES,
            "forward_ns_per_logit": FORWARD,
            "backward_ns_per_logit": BACKWARD,
            "ns_per_logit": BOTH,
            "times_fused": TIMES_FUSED,
            "largest_error": ERROR,
            "extra_bytes": BYTES,
        });
        return print_json(
            &json!({ "rows": rows, "simd": simd_level().to_string(), "meaning": meaning, "plot": plot }),
        );
    }
    print_foot(plot.as_deref())
}

/// (precision, threads) of each table.
fn settings(args: &GradientsArgs) -> Result<Vec<(PrecisionName, usize)>> {
    let precision = if args.full { PrecisionName::Both } else { args.precision };
    let precisions = match precision {
        PrecisionName::Both => vec![PrecisionName::F32, PrecisionName::F64],
        one => vec![one],
    };
    let threads = match args.full {
        // A single core has nothing to compare with.
        true if machine::on_threads(0, || Ok(rayon::current_num_threads()))? == 1 => vec![1],
        true => vec![1, 0],
        false => vec![args.threads],
    };
    Ok(precisions.into_iter().flat_map(|p| threads.iter().map(move |&threads| (p, threads))).collect())
}

/// (batch, classes) of each part of the table.
fn sizes(args: &GradientsArgs) -> Result<Vec<(usize, usize)>> {
    let usual_batch = |classes: usize| (LOGITS / classes).max(ROWS);
    let sizes = match (args.batch, args.classes) {
        (None, None) => TABLE.map(|classes| (usual_batch(classes), classes)).to_vec(),
        (batch, classes) => {
            let classes = classes.unwrap_or(CLASSES);
            vec![(batch.unwrap_or_else(|| usual_batch(classes)), classes)]
        }
    };
    for &(batch, classes) in &sizes {
        let entries = (classes as u128).saturating_mul(classes as u128).saturating_mul(batch as u128);
        ensure!(
            entries <= MOST_ENTRIES,
            "--batch {batch} and --classes {classes}: the Jacobians would have {entries} entries, more than \
             {MOST_ENTRIES}; choose fewer rows or classes"
        );
        // In f64: logits, probabilities, two gradients, and the exact one.
        let numbers = 6 * (batch as u128) * (classes as u128);
        machine::check_memory(8 * numbers, "choose a smaller --batch or fewer --classes")?;
    }
    Ok(sizes)
}

fn print_head(first: &Row) -> Result<()> {
    let mut out = io::stdout();
    let plural = if first.threads == 1 { "" } else { "s" };
    writeln!(out, "{}, {} thread{plural}, times in ns per logit\n", first.precision, first.threads)?;
    Ok(writeln!(
        out,
        "{:>7}  {:>6}  {:<16}{:>9}  {:>9}  {:>9}  {:>8}  {:>13}  {:>11}",
        "classes", "batch", "path", "forward", "backward", "both", "× fused", "largest error", "extra bytes"
    )?)
}

fn print_rows(rows: &[Row]) -> Result<()> {
    let mut out = io::stdout();
    for (i, row) in rows.iter().enumerate() {
        let (classes, batch) =
            if i == 0 { (row.classes.to_string(), row.batch.to_string()) } else { Default::default() };
        let (path, bytes) = (row.path.title(), row.extra_bytes);
        write!(out, "{classes:>7}  {batch:>6}  {path:<16}")?;
        match &row.outcome {
            Outcome::Measured(figures) => {
                let Figures { forward_ns_per_logit: forward, ns_per_logit: both, .. } = figures;
                let backward = figures.backward_ns_per_logit.map_or("-".into(), |ns| format!("{ns:.2}"));
                let (ratio, error) = (figures.times_fused, figures.largest_error);
                writeln!(
                    out,
                    "{forward:>9.2}  {backward:>9}  {both:>9.2}  {ratio:>8.2}  {error:>13.1e}  {bytes:>11}"
                )?;
            }
            Outcome::LeftOut { left_out } => {
                writeln!(out, "  {:<54}  {bytes:>11}", format!("left out: {left_out}"))?
            }
        }
    }
    Ok(writeln!(out)?)
}

fn print_foot(plot: Option<&str>) -> Result<()> {
    let mut out = io::stdout();
    let notes = [
        ("times", TIMES),
        ("forward", FORWARD),
        ("backward", BACKWARD),
        ("both", BOTH),
        ("× fused", TIMES_FUSED),
        ("largest error", ERROR),
        ("extra bytes", BYTES),
    ];
    for (column, meaning) in notes {
        writeln!(out, "{column:<15}{}", wrapped(meaning, 85, 15))?;
    }
    if let Some(plot) = plot {
        writeln!(out, "\n{plot}  time per logit by number of classes")?;
    }
    Ok(())
}

/// `text` in lines of at most `width` characters, all but the first indented.
fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        let more = word.chars().count() + usize::from(length > 0);
        if length > 0 && length + more > width {
            lines += &format!("\n{:indent$}{word}", "");
            length = more - 1;
        } else {
            lines += if length > 0 { " " } else { "" };
            lines += word;
            length += more;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_between_words() {
        assert_eq!(wrapped("one two three", 7, 2), "one two\n  three");
        assert_eq!(wrapped("incomprehensible words", 5, 0), "incomprehensible\nwords");
    }
}
