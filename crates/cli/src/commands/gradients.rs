//! `chainrule gradients`

use crate::args::GradientsArgs;
use crate::gradient_paths::{Row, measure};
use crate::output_directory::OutputDirectory;
use crate::stdout::print_json;
use crate::{charts, machine};
use anyhow::{Result, ensure};
use serde_json::json;
use std::io::{self, Write};
use std::path::Path;

const PLOT: &str = "gradients.svg";

/// Classes of the table: half a decade apart, from the least there can be.
const TABLE: [usize; 6] = [2, 10, 32, 100, 316, 1000];

/// Classes if only a batch is given.
const CLASSES: usize = 10;

/// Logits of a batch that the arguments leave open: few enough for a core's cache, many enough to be timed.
const LOGITS: usize = 1 << 15;

/// Entries of all Jacobians of a batch, at most: some seconds' work.
const MOST_ENTRIES: u128 = 10_u128.pow(10);

/// What the numbers mean, for the text and the JSON alike.
const TIMED: &str = "every path goes from logits and labels to losses and their gradient in the logits, in f32 on one \
                     thread: softmax, cross-entropy and both their backward functions, or the fused function";
const ERROR: &str =
    "largest difference of a gradient's entry (-1 to 1) from the fused function in f64 on the same logits";
const BYTES: &str = "beyond logits, labels, losses and gradient: probabilities and their gradient (batch × classes × 4 \
                     bytes each) for all but the fused path, and one Jacobian (classes² × 4 bytes) for the stored one; \
                     training needs a Jacobian for each thread";

pub(super) fn run(args: &GradientsArgs) -> Result<()> {
    let sizes = sizes(args)?;
    let out = match &args.out {
        None if sizes.len() == 1 => None,
        out => Some(out.as_deref().unwrap_or(Path::new("chainrule-out"))),
    };
    let directory = out.map(|out| OutputDirectory::prepare(out, &[PLOT])).transpose()?;
    let mut rows = Vec::new();
    if !args.json {
        print_head()?;
    }
    for (batch, classes) in sizes {
        let measured = machine::on_threads(1, || Ok(measure(batch, classes)))?;
        if !args.json {
            print_rows(&measured)?;
        }
        rows.extend(measured);
    }
    let plot = directory.map(|directory| {
        directory.write(PLOT, charts::gradients(&rows)?.as_bytes())?;
        anyhow::Ok(directory.file(PLOT).display().to_string())
    });
    let plot = plot.transpose()?;
    if args.json {
        let meaning = json!({ "ns_per_logit": TIMED, "largest_error": ERROR, "extra_bytes": BYTES });
        return print_json(&json!({ "rows": rows, "threads": 1, "meaning": meaning, "plot": plot }));
    }
    print_foot(plot.as_deref())
}

/// (batch, classes) of each part of the table.
fn sizes(args: &GradientsArgs) -> Result<Vec<(usize, usize)>> {
    let usual_batch = |classes: usize| (LOGITS / classes).max(1).next_multiple_of(8);
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
        // Logits in both precisions, three gradients and probabilities; the scratch of a Jacobian.
        let numbers = 8 * (batch as u128) * (classes as u128) + 2 * (classes as u128).pow(2);
        machine::check_memory(4 * numbers, "choose a smaller --batch or fewer --classes")?;
    }
    Ok(sizes)
}

fn print_head() -> Result<()> {
    let mut out = io::stdout();
    writeln!(out, "softmax with cross-entropy, forward and back, four ways\n")?;
    Ok(writeln!(
        out,
        "{:>7}  {:>6}  {:<18}{:>9}  {:>9}  {:>13}  {:>12}",
        "classes", "batch", "path", "ns/logit", "speed-up", "largest error", "extra bytes"
    )?)
}

fn print_rows(rows: &[Row]) -> Result<()> {
    let mut out = io::stdout();
    for (i, row) in rows.iter().enumerate() {
        let (classes, batch) =
            if i == 0 { (row.classes.to_string(), row.batch.to_string()) } else { Default::default() };
        let Row { ns_per_logit, speed_up, largest_error, extra_bytes, .. } = row;
        let path = row.path.title();
        writeln!(
            out,
            "{classes:>7}  {batch:>6}  {path:<18}{ns_per_logit:>9.2}  {speed_up:>9.2}  {largest_error:>13.1e}  \
             {extra_bytes:>12}"
        )?;
    }
    Ok(writeln!(out)?)
}

fn print_foot(plot: Option<&str>) -> Result<()> {
    let mut out = io::stdout();
    let time = format!("median time divided by batch × classes; {TIMED}");
    let notes = [
        ("ns/logit", time.as_str()),
        ("speed-up", "over the stored Jacobian"),
        ("largest error", ERROR),
        ("extra bytes", BYTES),
    ];
    for (column, meaning) in notes {
        writeln!(out, "{column:<15}{}", wrapped(meaning, 80, 15))?;
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
