//! Plots as SVG.

mod curves;
mod gradients;
mod iterations;
mod reliability;

pub(crate) use curves::curves;
pub(crate) use gradients::gradients;
pub(crate) use iterations::iterations;
pub(crate) use reliability::reliability;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);
/// Blue, orange, green and purple that remain apart for colour-blind eyes (P. Tol's "bright" scheme).
const COLORS: [RGBColor; 4] = [
    RGBColor(0x44, 0x77, 0xaa),
    RGBColor(0xee, 0x66, 0x77),
    RGBColor(0x22, 0x88, 0x33),
    RGBColor(0xaa, 0x33, 0x77),
];

/// The text of an SVG file of this size, drawn by `draw`.
fn svg(
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<SVGBackend, plotters::coord::Shift>) -> Result<()>,
) -> Result<String> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
    area.fill(&WHITE).map_err(failed)?;
    draw(&area)?;
    area.present().map_err(failed)?;
    drop(area);
    Ok(text)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("drawing failed: {error}")
}

fn text(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}
